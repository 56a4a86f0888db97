//! Giving samples to series.
//!
//! A log has a sample of every series, then the next of every series: in that order each sample waits for the memory of its
//! series, which is most of what a replay takes. So samples are gathered, and each series gets its own one after
//! another. The samples of a series stay in order.

use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use postings::Index;
use stdx::prefetch;

use super::Lot;
use crate::head::Head;
use crate::record::{DeleteRecord, SampleRecord};
use crate::series::{Series, Verdict};

/// No transaction has this number: a replay judges against what is there alone.
const REPLAY: u64 = u64::MAX;

/// Samples that are gathered: some of each series where there are a hundred thousand, and 7 MB.
pub(super) const GATHERED_MAX: usize = 1 << 18;

/// With fewer samples than one in so many series, sorting them takes less than counting by series.
const SPARSE: usize = 8;

/// How many series ahead the memory of one is fetched, and how many ahead that of its open chunk, which is
/// known only when the series is there.
const FETCH_AHEAD: usize = 8;
const FETCH_OPEN_AHEAD: usize = 4;

/// What one thread has done.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) samples: u64,
    pub(super) samples_without_series: u64,
    pub(super) generation: u64,
    /// Its series by their labels.
    pub(super) index: Index,
}

/// Gives samples to the series of its slots: every so many-th is its.
pub(super) struct Taker<'a> {
    head: &'a Head,
    from_ms: i64,
    threads: usize,
    /// The series once more, by slot: thirty million samples are looked up here without a lock each.
    by_place: Vec<Option<Arc<Series>>>,
    gathered: Vec<SampleRecord>,
    taken: Taken,
}

/// A series' samples: place of the series, and which of an order by series are its.
type Run = (usize, Range<usize>);

impl<'a> Taker<'a> {
    /// What is older than `from_ms` is in blocks.
    pub(super) fn new(head: &'a Head, from_ms: i64, threads: usize) -> Self {
        let (by_place, gathered) = (Vec::new(), Vec::new());
        Self { head, from_ms, threads, by_place, gathered, taken: Taken::default() }
    }

    /// Takes what is sent until nobody sends any more.
    pub(super) fn run(mut self, lots: &Receiver<Lot>) -> Taken {
        lots.iter().for_each(|lot| self.take(lot));
        self.end()
    }

    /// After the last sample.
    pub(super) fn end(mut self) -> Taken {
        self.give_out();
        // One that was removed is in its slot still when another had its labels.
        let there = self.by_place.iter().flatten().filter(|series| !series.state().is_removed);
        self.taken.index = Index::of(there.map(|series| (series.slot(), &series.labels)));
        self.taken
    }

    fn take(&mut self, lot: Lot) {
        lot.series.into_iter().for_each(|series| self.define(series));
        self.samples(&lot.samples);
        lot.deletes.into_iter().for_each(|delete| self.delete(delete));
    }

    pub(super) fn define(&mut self, series: Arc<Series>) {
        let place = series.slot() as usize / self.threads;
        if self.by_place.len() <= place {
            self.by_place.resize(place + 1, None);
        }
        // What was gathered for the former series of this slot is its own.
        if self.by_place[place].as_ref().is_some_and(|former| former.id != series.id) {
            self.give_out();
        }
        self.by_place[place] = Some(series);
    }

    pub(super) fn samples(&mut self, samples: &[SampleRecord]) {
        self.gathered.extend_from_slice(samples);
        if self.gathered.len() >= GATHERED_MAX {
            self.give_out();
        }
    }

    pub(super) fn delete(&mut self, delete: DeleteRecord) {
        self.give_out();
        if let Some(series) = self.by_place(self.place(delete.id)).filter(|series| series.id == delete.id) {
            let spill = &self.head.spill;
            let finished_bytes = series.state().delete(delete.from_ms, delete.to_ms, &spill.files());
            spill.wait(series, finished_bytes);
        }
    }

    fn place(&self, id: u64) -> usize {
        id as u32 as usize / self.threads
    }

    fn by_place(&self, place: usize) -> Option<&Arc<Series>> {
        self.by_place.get(place)?.as_ref()
    }

    /// Gives each series what was gathered for it.
    fn give_out(&mut self) {
        let samples = std::mem::take(&mut self.gathered);
        let order = self.by_series(&samples);
        let runs = self.runs(&samples, &order);
        for (at, (place, run)) in runs.iter().enumerate() {
            if let Some(ahead) = runs.get(at + FETCH_AHEAD).and_then(|(place, _)| self.by_place(*place)) {
                prefetch(&**ahead);
            }
            if let Some(ahead) = runs.get(at + FETCH_OPEN_AHEAD).and_then(|(place, _)| self.by_place(*place))
            {
                ahead.state().fetch_open();
            }
            let own = order[run.clone()].iter().map(|at| samples[*at as usize]);
            let taken = match self.by_place(*place) {
                Some(series) => self.give(series, own),
                None => Taken { samples_without_series: run.len() as u64, ..Taken::default() },
            };
            self.taken.samples += taken.samples;
            self.taken.samples_without_series += taken.samples_without_series;
        }
        let generation = samples.iter().map(|sample| sample.id >> 32).max();
        self.taken.generation = self.taken.generation.max(generation.unwrap_or(0));
        self.gathered = samples;
        self.gathered.clear();
    }

    /// The numbers of the samples by series, those of a series in order.
    fn by_series(&self, samples: &[SampleRecord]) -> Vec<u32> {
        let places = self.by_place.len();
        // All that no series has come together at the end.
        let place = |sample: &SampleRecord| self.place(sample.id).min(places);
        if samples.len() < places / SPARSE {
            let mut order: Vec<u32> = (0..samples.len() as u32).collect();
            order.sort_by_key(|at| place(&samples[*at as usize]));
            return order;
        }
        let mut next = vec![0u32; places + 1];
        samples.iter().for_each(|sample| next[place(sample)] += 1);
        let mut begin = 0;
        for count in &mut next {
            begin += std::mem::replace(count, begin);
        }
        let mut order = vec![0u32; samples.len()];
        for (at, sample) in samples.iter().enumerate() {
            let next = &mut next[place(sample)];
            order[*next as usize] = at as u32;
            *next += 1;
        }
        order
    }

    fn runs(&self, samples: &[SampleRecord], order: &[u32]) -> Vec<Run> {
        let place = |at: &u32| self.place(samples[*at as usize].id);
        let mut begin = 0;
        let runs = order.chunk_by(|a, b| place(a) == place(b)).map(|run| {
            let range = begin..begin + run.len();
            begin = range.end;
            (place(&order[range.start]), range)
        });
        runs.collect()
    }

    /// Gives a series samples of its slot.
    fn give(&self, series: &Arc<Series>, samples: impl Iterator<Item = SampleRecord>) -> Taken {
        let (mut taken, mut finished_bytes) = (Taken::default(), 0);
        let mut state = series.state();
        let files = || self.head.spill.files();
        for sample in samples {
            if sample.id != series.id {
                taken.samples_without_series += 1;
                continue;
            }
            if sample.at_ms < self.from_ms {
                continue;
            }
            // Known: the checkpoint has it already. How late it may be was judged when it was committed.
            let verdict = state.judge((REPLAY, i64::MAX), (sample.at_ms, sample.bits), files);
            if matches!(verdict, Verdict::Take | Verdict::TakeLate) {
                finished_bytes += state.add(sample.at_ms, sample.bits, files).finished_bytes;
                taken.samples += 1;
            }
        }
        drop(state);
        if finished_bytes > 0 {
            self.head.spill.wait(series, finished_bytes);
        }
        taken
    }
}
