//! Building the head from the log.
//!
//! One thread reads the records and puts series in their places. What a checkpoint says of series is decoded by other threads before
//! (`restored.rs`); the samples of the log, which are most of the work, are taken by as many threads as there is use for, each having
//! the series of its own slots (`taker.rs`). So the samples of a series stay in order. At the end each makes the index of its series.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use disk::DiskError;
use postings::Index;
use wal::{Damage, Source, Visit};

use crate::checkpoint_record::FileRecord;
use crate::exemplar_record::ExemplarRecord;
use crate::head::Head;
use crate::options::Maintenance;
use crate::record::{self, Definition, DeleteRecord, Record, SampleRecord};
use crate::series::Series;

mod restored;
mod taker;

use restored::{Decoded, Decoders, Restored};
use taker::{GATHERED_MAX, Taken, Taker};

/// More threads take samples faster than one reads them.
const THREADS_MAX: usize = 4;

/// Lots that may wait for a thread: as many as it gathers before it gives them to series (`taker.rs`), so that reading goes on
/// while it does. They take 6 MB.
const LOTS_MAX: usize = GATHERED_MAX / LOT;

/// Samples or series that are worth a lot: half a millisecond of work, beside which waking a thread is nothing.
const LOT: usize = 4096;

/// Files' worth of chunks that may wait while the log is read: 64 MiB, as a log of usual length has. Writing them is left to
/// the housekeeping, so that nobody waits for it; beyond this it is done here, before they fill memory.
const WAITING_FILES_MAX: u64 = 32;

/// Takes the records of the log one by one.
pub(crate) struct Replayer<'a> {
    head: &'a Head,
    terms: Terms<'a>,
    takers: Vec<Hand<'a>>,
    /// `None` where the own thread does it, and when the checkpoint is read.
    decoders: Option<Decoders>,
    /// Records of this file that were visited.
    visited: usize,
    /// Records of this file of which decoding has shown that they make no sense.
    refused: Vec<(usize, String)>,
    generation: u64,
    samples: u64,
    exemplars: Vec<ExemplarRecord>,
    /// Numbers of the files in which series have their newest chunks.
    wanted_files: BTreeSet<u32>,
    /// What became of the files that the checkpoint lists, once it has said which.
    kept: Option<Result<Vec<Damage>, DiskError>>,
    /// Whether all of the checkpoint was read, and no series points to a file that is not there.
    is_settled: bool,
    /// Until one could not be written; not at all when none may be.
    writes_files: bool,
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
    /// Whether series have chunks in files, and the list of those is lost.
    pub(crate) has_lost_list: bool,
}

/// Who takes samples.
enum Hand<'a> {
    /// The thread that reads.
    Own(Taker<'a>),
    Other(Distant<'a>),
}

/// Waits for a hand.
type Ending<'a> = Box<dyn FnOnce() -> Taken + 'a>;

/// A thread that takes samples, and the lot that is being made for it.
struct Distant<'a> {
    send: SyncSender<Lot>,
    thread: ScopedJoinHandle<'a, Taken>,
    lot: Lot,
}

/// Work for whoever has the series: first those that are new, then samples.
#[derive(Debug, Default)]
struct Lot {
    series: Vec<Arc<Series>>,
    samples: Vec<SampleRecord>,
    deletes: Vec<DeleteRecord>,
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
        let taker = || Taker::new(head, from_ms, threads);
        let takers = if threads == 1 {
            vec![Hand::Own(taker())]
        } else {
            let other = |_| {
                let (send, receive) = sync_channel(LOTS_MAX);
                let taker = taker();
                let thread = scope.spawn(move || taker.run(&receive));
                Hand::Other(Distant { send, thread, lot: Lot::default() })
            };
            (0..threads).map(other).collect()
        };
        Self {
            head,
            terms,
            takers,
            decoders: (threads > 1).then(|| Decoders::new(scope, threads)),
            visited: 0,
            refused: Vec::new(),
            generation: 0,
            samples: 0,
            exemplars: Vec::new(),
            wanted_files: BTreeSet::new(),
            kept: None,
            is_settled: false,
            writes_files: true,
        }
    }

    /// Writes files of what waits when it is more than memory should hold. What cannot be written stays there, and is tried again
    /// when the store is open: trying at each record would keep a start on a full disk busy for an hour.
    fn spill_if_many(&mut self) {
        while self.writes_files && self.head.spill.has_waiting(WAITING_FILES_MAX) {
            match self.head.spill.write_one() {
                Ok(Some(written)) => {
                    written.tell();
                }
                Ok(None) => return,
                Err(error) => {
                    self.writes_files = false;
                    tracing::warn!(%error, "finished chunks stay in memory while the log is read");
                }
            }
        }
    }

    /// After the last record: which slots are free, and a generation that no id of this log has.
    pub(crate) fn finish(mut self) -> Result<Replayed, DiskError> {
        self.settle_files();
        let mut generation = self.generation;
        let has_lost_list = self.has_lost_list();
        let mut replayed = Replayed {
            samples: self.samples,
            exemplars: self.exemplars,
            has_lost_list,
            ..Replayed::default()
        };
        let mut index = Index::default();
        // All are told before the first is waited for.
        let ending: Vec<Ending<'_>> = self.takers.into_iter().map(Hand::end).collect();
        for taken in ending.into_iter().map(|end| end()) {
            index.absorb(taken.index);
            generation = generation.max(taken.generation);
            replayed.samples = replayed.samples.saturating_add(taken.samples);
            replayed.samples_without_series += taken.samples_without_series;
        }
        self.head.set_index(index);
        replayed.damage = self.kept.transpose()?.unwrap_or_default();
        self.head.settle_slots(self.head.unused_slots(), generation + 1);
        Ok(replayed)
    }

    /// After the last record of the checkpoint, and before a file is written: chunks in files that are not there are forgotten.
    fn settle_files(&mut self) {
        if std::mem::replace(&mut self.is_settled, true) {
            return;
        }
        self.decoders = None;
        if self.has_lost_list() {
            // Which numbers are taken is not known, and a start that is refused touches nothing.
            self.writes_files = false;
            self.terms.quarantine.into_iter().for_each(|dir| self.head.spill.set_all_aside(dir));
        }
        let files = self.head.spill.files();
        let is_damaged =
            self.kept.as_ref().is_some_and(|kept| kept.as_ref().is_ok_and(|all| !all.is_empty()));
        if is_damaged || self.wanted_files.iter().any(|number| !files.has_file(*number)) {
            let all = self.head.restored();
            all.iter().for_each(|series| series.state().forget_missing(&files));
        }
    }

    fn has_lost_list(&self) -> bool {
        self.kept.is_none() && !self.wanted_files.is_empty()
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
        self.hand(series.id).define(Arc::clone(&series));
        Some(series)
    }

    /// Takes a record of series, or what other threads have made of those before it.
    fn checkpoint_series(&mut self, number: usize, bytes: &[u8]) -> Result<(), String> {
        if self.decoders.is_none() {
            return self.series(restored::decode(bytes));
        }
        self.put_in_place(|decoders| decoders.make_room(bytes.len()));
        self.decoders.iter_mut().for_each(|decoders| decoders.give(number, bytes));
        Ok(())
    }

    /// Puts in place what was decoded, as long as `take` takes some back.
    fn put_in_place(&mut self, take: impl Fn(&mut Decoders) -> Option<(usize, Decoded)>) {
        while let Some((number, decoded)) = self.decoders.as_mut().and_then(&take) {
            if let Err(reason) = self.series(decoded) {
                self.refused.push((number, reason));
            }
        }
    }

    fn series(&mut self, (all, said): Decoded) -> Result<(), String> {
        for series in all {
            self.restore(series)?;
        }
        Ok(said?)
    }

    fn restore(&mut self, restored: Restored) -> Result<(), String> {
        let Restored { definition, spilled, waiting, open, samples } = restored;
        let series = self.define(&definition).ok_or("a series id is out of bounds")?;
        if !spilled.newest.is_none() {
            self.wanted_files.insert(spilled.newest.file());
        }
        let open = open.map_err(|_| "the open chunk of a series cannot be decoded")?;
        let waiting_bytes: usize = waiting.iter().map(|chunk| chunk.bytes.len()).sum();
        if let Some(open) = open {
            series.state().restore(spilled, waiting, open);
        }
        if waiting_bytes > 0 {
            self.head.spill.wait(&series, waiting_bytes as u64);
        }
        self.samples = self.samples.saturating_add(samples);
        Ok(())
    }

    fn samples(&mut self, samples: &[SampleRecord]) {
        if let [Hand::Own(taker)] = self.takers.as_mut_slice() {
            return taker.samples(samples);
        }
        for sample in samples {
            if let Hand::Other(distant) = self.hand(sample.id) {
                distant.lot.samples.push(*sample);
                // Within a commit too: one of a million samples would make lots of which few fit into memory.
                if distant.lot.samples.len() >= LOT {
                    distant.give();
                }
            }
        }
    }

    /// Who has the series with this id.
    fn hand(&mut self, id: u64) -> &mut Hand<'a> {
        let at = id as u32 as usize % self.takers.len();
        &mut self.takers[at]
    }
}

impl Visit for Replayer<'_> {
    fn record(&mut self, source: Source, bytes: &[u8]) -> Result<(), String> {
        let number = self.visited;
        self.visited += 1;
        if source == Source::Segment {
            self.settle_files();
        }
        if source == Source::Checkpoint && record::is_checkpoint_series(bytes) {
            return self.checkpoint_series(number, bytes);
        }
        match record::read(bytes).ok_or("the record cannot be decoded")? {
            // The series before it may be with other threads still.
            Record::Commit { .. } | Record::Deletes(_) if source == Source::Checkpoint => {
                return Err("a segment's record in a checkpoint".to_owned());
            }
            Record::Commit { definitions, samples } => {
                for definition in &definitions {
                    self.define(definition).ok_or("a series id is out of bounds")?;
                }
                self.samples(&samples);
            }
            Record::CheckpointFiles(listed) if source == Source::Checkpoint => self.files(&listed)?,
            // It would have to be taken in order with the samples before it.
            Record::CheckpointFiles(_) | Record::CheckpointSeries(_) => {
                return Err("a checkpoint's record in a segment".to_owned());
            }
            Record::Deletes(all) => all.into_iter().for_each(|delete| self.hand(delete.id).delete(delete)),
            Record::Exemplars(all) => self.exemplars.extend(all),
            Record::CheckpointHead { generation } => self.generation = self.generation.max(generation),
        }
        // Nothing is written before all of the checkpoint is read: it might be over a file that it lists.
        if source == Source::Segment {
            self.spill_if_many();
        }
        Ok(())
    }

    fn end_of_file(&mut self) -> Vec<(usize, String)> {
        self.put_in_place(Decoders::take);
        self.visited = 0;
        std::mem::take(&mut self.refused)
    }
}

impl<'a> Hand<'a> {
    fn define(&mut self, series: Arc<Series>) {
        match self {
            Self::Own(taker) => taker.define(series),
            Self::Other(distant) => {
                // The samples before it may belong to another series in its slot.
                if !distant.lot.samples.is_empty() || distant.lot.series.len() >= LOT {
                    distant.give();
                }
                distant.lot.series.push(series);
            }
        }
    }

    fn delete(&mut self, delete: DeleteRecord) {
        match self {
            Self::Own(taker) => taker.delete(delete),
            Self::Other(distant) => {
                distant.lot.deletes.push(delete);
                distant.give();
            }
        }
    }

    /// Says that nothing more comes. What is given waits for what has been done.
    fn end(self) -> Ending<'a> {
        match self {
            Self::Own(taker) => Box::new(|| taker.end()),
            Self::Other(mut distant) => {
                distant.give();
                let Distant { send, thread, .. } = distant;
                drop(send);
                Box::new(|| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            }
        }
    }
}

impl Distant<'_> {
    /// Hands the lot over and begins another.
    fn give(&mut self) {
        let next = Lot { samples: Vec::with_capacity(self.lot.samples.capacity()), ..Lot::default() };
        // Refused only when the thread has ended by a panic, which is met again in `end`.
        drop(self.send.send(std::mem::replace(&mut self.lot, next)));
    }
}

#[cfg(test)]
mod tests;
