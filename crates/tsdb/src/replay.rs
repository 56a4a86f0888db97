//! Building the head from the log.
//!
//! One thread reads the records and makes the series; the samples, which are most of the work, are taken by as many threads as
//! there is use for, each having the series of its own slots. So the samples of a series stay in order.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use disk::DiskError;
use stdx::prefetch;
use wal::{Damage, Source};

use crate::checkpoint_record::{FileRecord, SeriesRecord};
use crate::exemplar_record::ExemplarRecord;
use crate::head::Head;
use crate::options::Maintenance;
use crate::record::{self, Definition, DeleteRecord, Record, SampleRecord};
use crate::series::{Series, Verdict};
use crate::xor;

/// No transaction has this number: a replay judges against what is there alone.
const REPLAY: u64 = u64::MAX;

/// More threads take samples faster than one reads them.
const THREADS_MAX: usize = 4;

/// Lots that may wait for a thread: enough that none stands still, few enough that what is read does not fill memory. A lot of a
/// scrape has hundreds of samples, the largest commit a million.
const LOTS_MAX: usize = 8;

/// How many samples ahead the memory of a series is fetched, and how many ahead that of its open chunk, which is
/// known only when the series is there.
const FETCH_AHEAD: usize = 16;
const FETCH_OPEN_AHEAD: usize = 8;

/// Takes the records of the log one by one.
pub(crate) struct Replayer<'a> {
    head: &'a Head,
    terms: Terms<'a>,
    takers: Vec<Hand<'a>>,
    generation: u64,
    samples: u64,
    exemplars: Vec<ExemplarRecord>,
    /// Numbers of the files in which series have their newest chunks.
    wanted_files: BTreeSet<u32>,
    /// What became of the files that the checkpoint lists, once it has said which.
    kept: Option<Result<Vec<Damage>, DiskError>>,
}

/// What a replay begins with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms<'a> {
    pub(crate) now_ms: i64,
    /// What is older is in blocks.
    pub(crate) from_ms: i64,
    /// How many threads take samples.
    pub(crate) threads: usize,
    /// Where damaged files go; `None` where damage is refused, and nothing is to be touched.
    pub(crate) quarantine: Option<&'a Path>,
}

/// What a replay has found beside series.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    pub(crate) samples: u64,
    pub(crate) samples_without_series: u64,
    /// In order.
    pub(crate) exemplars: Vec<ExemplarRecord>,
    /// Files of chunks that are not as the checkpoint says.
    pub(crate) damage: Vec<Damage>,
}

/// Who takes samples.
enum Hand<'a> {
    /// The thread that reads.
    Own(Taker<'a>),
    Other(SyncSender<Lot>, ScopedJoinHandle<'a, Taken>),
}

/// Work for whoever has the series.
enum Lot {
    Series(Arc<Series>),
    Samples(Vec<SampleRecord>),
    Delete(DeleteRecord),
}

/// How many threads take samples: none but the own where nothing may happen by itself.
pub(crate) fn threads(maintenance: Maintenance) -> usize {
    match maintenance {
        Maintenance::Manual => 1,
        Maintenance::Background => {
            std::thread::available_parallelism().map_or(1, |threads| threads.get().min(THREADS_MAX))
        }
    }
}

impl<'a> Replayer<'a> {
    /// A replay into `head`, whose other threads belong to `scope`.
    pub(crate) fn new<'s: 'a>(scope: &'s Scope<'s, '_>, head: &'s Head, terms: Terms<'a>) -> Self {
        let Terms { from_ms, threads, .. } = terms;
        let taker = || Taker { head, from_ms, threads, by_place: Vec::new(), taken: Taken::default() };
        let takers = if threads == 1 {
            vec![Hand::Own(taker())]
        } else {
            let other = |_| {
                let (send, receive) = sync_channel(LOTS_MAX);
                let taker = taker();
                Hand::Other(send, scope.spawn(move || taker.run(&receive)))
            };
            (0..threads).map(other).collect()
        };
        Self {
            head,
            terms,
            takers,
            generation: 0,
            samples: 0,
            exemplars: Vec::new(),
            wanted_files: BTreeSet::new(),
            kept: None,
        }
    }

    /// Takes one record.
    pub(crate) fn visit(&mut self, source: Source, bytes: &[u8]) -> Result<(), String> {
        match record::read(bytes).ok_or("the record cannot be decoded")? {
            Record::Commit { definitions, samples } => {
                for definition in &definitions {
                    self.define(definition).ok_or("a series id is out of bounds")?;
                }
                self.samples(samples);
            }
            // It would have to be taken in order with the samples before it.
            Record::CheckpointSeries(_) | Record::CheckpointFiles(_) if source == Source::Segment => {
                return Err("a checkpoint's record in a segment".to_owned());
            }
            Record::CheckpointFiles(listed) => self.files(&listed)?,
            Record::CheckpointSeries(all) => {
                for series in all {
                    self.series(series)?;
                }
            }
            Record::Deletes(all) => {
                all.into_iter().for_each(|delete| self.give(delete.id, Lot::Delete(delete)))
            }
            Record::Exemplars(all) => self.exemplars.extend(all),
            Record::CheckpointHead { generation } => self.generation = self.generation.max(generation),
        }
        // What cannot be written stays in memory, and is tried again when the store is open. Nothing is written before all of
        // the checkpoint is read: it might be over a file that it lists.
        while source == Source::Segment
            && self.head.spill.is_due()
            && let Ok(Some(written)) = self.head.spill.write_one()
        {
            written.tell();
        }
        Ok(())
    }

    /// After the last record: which slots are free, a generation that no id of this log has, and no chunk in a file that
    /// is not there.
    pub(crate) fn finish(self) -> Result<Replayed, DiskError> {
        let mut generation = self.generation;
        let mut replayed =
            Replayed { samples: self.samples, exemplars: self.exemplars, ..Replayed::default() };
        for taken in self.takers.into_iter().map(Hand::end) {
            generation = generation.max(taken.generation);
            replayed.samples += taken.samples;
            replayed.samples_without_series += taken.samples_without_series;
        }
        replayed.damage = self.kept.transpose()?.unwrap_or_default();
        let files = self.head.spill.files();
        if !replayed.damage.is_empty() || self.wanted_files.iter().any(|number| !files.has_file(*number)) {
            let all = self.head.in_slots(&self.head.all_slots());
            all.iter().for_each(|series| series.state().forget_missing(&files));
        }
        self.head.settle_slots(self.head.unused_slots(), generation + 1);
        Ok(replayed)
    }

    fn files(&mut self, listed: &[FileRecord]) -> Result<(), String> {
        if self.kept.is_some() {
            return Err("a second list of files".to_owned());
        }
        let kept = self.head.spill.keep(listed, self.terms.quarantine, self.terms.threads);
        let is_bad = |file: &FileRecord| match &kept {
            Ok(damage) => damage.iter().any(|damage| damage.file == self.head.spill.path(file)),
            Err(_) => true,
        };
        let good = listed.iter().filter(|file| !is_bad(file));
        self.samples = good.fold(self.samples, |sum, file| sum.saturating_add(file.samples));
        self.kept = Some(kept);
        Ok(())
    }

    fn define(&mut self, definition: &Definition) -> Option<Arc<Series>> {
        let series = self.head.restore(definition.id, &definition.labels, self.terms.now_ms)?;
        self.generation = self.generation.max(definition.id >> 32);
        self.give(series.id, Lot::Series(Arc::clone(&series)));
        Some(series)
    }

    fn series(&mut self, record: SeriesRecord) -> Result<(), String> {
        // Cuts go from span to span, and would not come to the end of a chunk that says it spans a million years.
        let span = |at_ms: i64| at_ms.div_euclid(xor::CHUNK_SPAN_MS);
        if record.chunks.iter().any(|chunk| span(chunk.first_ms) != span(chunk.last_ms)) {
            return Err("a chunk lies in more than one span of two hours".to_owned());
        }
        let samples: u64 = record.chunks.iter().map(|chunk| u64::from(xor::count(&chunk.bytes))).sum();
        let bytes: usize = record.chunks.iter().map(|chunk| chunk.bytes.len()).sum();
        let series = self.define(&record.definition).ok_or("a series id is out of bounds")?;
        if !record.spilled.newest.is_none() {
            self.wanted_files.insert(record.spilled.newest.file());
        }
        let is_waiting = record.chunks.len() > 1;
        if !series.state().restore(record.spilled, record.chunks) {
            return Err("the open chunk of a series cannot be decoded".to_owned());
        }
        if is_waiting {
            self.head.spill.wait(&series, bytes as u64);
        }
        self.samples += samples;
        Ok(())
    }

    fn samples(&mut self, samples: Vec<SampleRecord>) {
        if let [Hand::Own(taker)] = self.takers.as_mut_slice() {
            return taker.samples(&samples);
        }
        let mut lots: Vec<Vec<SampleRecord>> = Vec::new();
        lots.resize_with(self.takers.len(), || Vec::with_capacity(samples.len() / self.takers.len()));
        for sample in samples {
            lots[sample.id as u32 as usize % self.takers.len()].push(sample);
        }
        for (hand, lot) in self.takers.iter_mut().zip(lots) {
            if !lot.is_empty() {
                hand.give(Lot::Samples(lot));
            }
        }
    }

    fn give(&mut self, id: u64, lot: Lot) {
        let at = id as u32 as usize % self.takers.len();
        self.takers[at].give(lot);
    }
}

impl Hand<'_> {
    fn give(&mut self, lot: Lot) {
        match self {
            Self::Own(taker) => taker.take(lot),
            // It only ends when this end does, or by a panic, which is met again in `end`.
            Self::Other(send, _) => drop(send.send(lot)),
        }
    }

    fn end(self) -> Taken {
        match self {
            Self::Own(taker) => taker.taken,
            Self::Other(send, thread) => {
                drop(send);
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            }
        }
    }
}

/// What one thread has done.
#[derive(Debug, Default)]
struct Taken {
    samples: u64,
    samples_without_series: u64,
    generation: u64,
}

/// Gives samples to the series of its slots: every so many-th is its.
struct Taker<'a> {
    head: &'a Head,
    from_ms: i64,
    threads: usize,
    /// The series once more, by slot: thirty million samples are looked up here without a lock each.
    by_place: Vec<Option<Arc<Series>>>,
    taken: Taken,
}

impl Taker<'_> {
    fn run(mut self, lots: &Receiver<Lot>) -> Taken {
        lots.iter().for_each(|lot| self.take(lot));
        self.taken
    }

    fn take(&mut self, lot: Lot) {
        match lot {
            Lot::Series(series) => {
                let place = series.slot() as usize / self.threads;
                if self.by_place.len() <= place {
                    self.by_place.resize(place + 1, None);
                }
                self.by_place[place] = Some(series);
            }
            Lot::Samples(samples) => self.samples(&samples),
            Lot::Delete(delete) => self.delete(delete),
        }
    }

    fn series(&self, id: u64) -> Option<&Arc<Series>> {
        let place = id as u32 as usize / self.threads;
        self.by_place.get(place)?.as_ref().filter(|series| series.id == id)
    }

    fn samples(&mut self, samples: &[SampleRecord]) {
        for (at, sample) in samples.iter().enumerate() {
            if let Some(ahead) = samples.get(at + FETCH_AHEAD)
                && let Some(Some(series)) = self.by_place.get(ahead.id as u32 as usize / self.threads)
            {
                prefetch(&**series);
            }
            if let Some(series) = samples.get(at + FETCH_OPEN_AHEAD).and_then(|ahead| self.series(ahead.id)) {
                series.state().fetch_open();
            }
            self.sample(sample);
        }
    }

    fn sample(&mut self, sample: &SampleRecord) {
        self.taken.generation = self.taken.generation.max(sample.id >> 32);
        let Some(series) = self.series(sample.id) else {
            self.taken.samples_without_series += 1;
            return;
        };
        if sample.at_ms < self.from_ms {
            return;
        }
        let mut state = series.state();
        // Known: the checkpoint has it already.
        // How late it may be was judged when it was committed.
        let rules = (REPLAY, i64::MAX);
        let files = || self.head.spill.files();
        let verdict = state.judge(rules, (sample.at_ms, sample.bits), files);
        if matches!(verdict, Verdict::Take | Verdict::TakeLate) {
            let finished_bytes = state.add(sample.at_ms, sample.bits, files).finished_bytes;
            drop(state);
            if finished_bytes > 0 {
                self.head.spill.wait(series, finished_bytes);
            }
            self.taken.samples += 1;
        }
    }

    fn delete(&mut self, delete: DeleteRecord) {
        if let Some(series) = self.series(delete.id) {
            let spill = &self.head.spill;
            let finished_bytes = series.state().delete(delete.from_ms, delete.to_ms, &spill.files());
            spill.wait(series, finished_bytes);
        }
    }
}
