//! One series in memory: its chunks, its newest sample, and what a sample may do to it.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use columns::TimeRange;
use model::Labels;

use crate::xor::{self, Chunk, OpenChunk};

/// Time of the newest sample of a series that has none.
const NEVER_MS: i64 = i64::MIN;

/// A series. Its labels lie in one allocation that the maps, the index and answers share.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) id: u64,
    pub(crate) labels: Labels,
    /// Time of the newest sample, to be read without the lock: who finds a hundred thousand series asks each for it, and
    /// as many locks would take longer than all else.
    newest_ms: AtomicI64,
    state: Mutex<SeriesState>,
}

/// The state, locked. What may be read without the lock is brought up to date when it ends.
pub(crate) struct StateGuard<'a> {
    newest_ms: &'a AtomicI64,
    state: MutexGuard<'a, SeriesState>,
}

impl Deref for StateGuard<'_> {
    type Target = SeriesState;

    fn deref(&self) -> &SeriesState {
        &self.state
    }
}

impl DerefMut for StateGuard<'_> {
    fn deref_mut(&mut self) -> &mut SeriesState {
        &mut self.state
    }
}

impl Drop for StateGuard<'_> {
    fn drop(&mut self) {
        let newest_ms = self.state.newest().map_or(NEVER_MS, |(at_ms, _)| at_ms);
        self.newest_ms.store(newest_ms, Ordering::Release);
    }
}

/// What changes of a series. The lock is held for a microsecond at a time: decoding is done outside.
#[derive(Debug, Default)]
pub(crate) struct SeriesState {
    /// Finished chunks, oldest first.
    sealed: Vec<Chunk>,
    /// The chunk that takes samples; `None` only while there is no sample at all.
    open: Option<OpenChunk>,
    /// What an open transaction means to add: its number, time and value.
    pending: Option<(u64, i64, u64)>,
    /// Up to here samples were deleted: none may come back into what a replay deletes again.
    deleted_to_ms: Option<i64>,
    /// Whether the log knows the series.
    pub(crate) is_logged: bool,
    /// Whether the store has let it go; a transaction may still hold it.
    pub(crate) is_removed: bool,
    /// When somebody last asked for it or meant to add to it.
    pub(crate) touched_ms: i64,
}

/// What a sample may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Newer than all: take it.
    Take,
    /// Here already.
    Known,
    /// Older than the newest.
    OutOfOrder,
    /// Another value is here.
    Duplicate,
}

/// How much was added or dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Amount {
    pub(crate) chunks: u64,
    pub(crate) bytes: u64,
}

impl Series {
    pub(crate) fn new(id: u64, labels: Labels, now_ms: i64) -> Self {
        let state = SeriesState { touched_ms: now_ms, ..SeriesState::default() };
        Self { id, labels, newest_ms: AtomicI64::new(NEVER_MS), state: Mutex::new(state) }
    }

    /// The upper half of the id names the generation, the lower the slot.
    pub(crate) fn slot(&self) -> u32 {
        self.id as u32
    }

    pub(crate) fn state(&self) -> StateGuard<'_> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        StateGuard { newest_ms: &self.newest_ms, state }
    }

    /// Time of the newest sample if the series may have one in `range`, without the lock where that is possible.
    pub(crate) fn newest_if_in(&self, range: TimeRange) -> Option<i64> {
        let newest_ms = self.newest_ms.load(Ordering::Acquire);
        if newest_ms == NEVER_MS || newest_ms < range.from.0 {
            return None;
        }
        if newest_ms > range.to.0 {
            let state = self.state();
            return state.newest().filter(|_| state.overlaps(range)).map(|(at_ms, _)| at_ms);
        }
        Some(newest_ms)
    }
}

impl SeriesState {
    /// Time and bits of the newest sample.
    pub(crate) fn newest(&self) -> Option<(i64, u64)> {
        self.open.as_ref().map(OpenChunk::newest)
    }

    /// Time of the oldest sample.
    pub(crate) fn oldest_ms(&self) -> Option<i64> {
        self.sealed
            .first()
            .map(|chunk| chunk.first_ms)
            .or_else(|| self.open.as_ref().map(OpenChunk::first_ms))
    }

    /// Judges a sample of transaction `transaction` against what is here and what that transaction has added; if it is
    /// to be taken, it counts as added.
    pub(crate) fn judge(&mut self, transaction: u64, at_ms: i64, bits: u64) -> Verdict {
        let pending =
            self.pending.filter(|(of, ..)| *of == transaction).map(|(_, at_ms, bits)| (at_ms, bits));
        if self.deleted_to_ms.is_some_and(|to_ms| at_ms <= to_ms) {
            return Verdict::OutOfOrder;
        }
        match pending.or_else(|| self.newest()) {
            Some((newest_ms, _)) if at_ms < newest_ms => Verdict::OutOfOrder,
            Some((newest_ms, newest)) if at_ms == newest_ms && bits == newest => Verdict::Known,
            Some((newest_ms, _)) if at_ms == newest_ms => Verdict::Duplicate,
            _ => {
                self.pending = Some((transaction, at_ms, bits));
                Verdict::Take
            }
        }
    }

    /// Adds a sample that was judged [`Verdict::Take`].
    pub(crate) fn push(&mut self, at_ms: i64, bits: u64) -> Amount {
        if let Some(open) = self.open.as_mut().filter(|open| !open.is_over(at_ms)) {
            let before = open.bytes().len();
            open.push(at_ms, bits);
            return Amount { chunks: 0, bytes: (open.bytes().len() - before) as u64 };
        }
        let begun = OpenChunk::new(at_ms, bits);
        let bytes = begun.bytes().len() as u64;
        if let Some(full) = self.open.replace(begun) {
            self.sealed.push(full.seal());
        }
        Amount { chunks: 1, bytes }
    }

    /// Takes over the chunks of a checkpoint; false when the last one cannot be gone on with.
    pub(crate) fn restore(&mut self, mut chunks: Vec<Chunk>) -> bool {
        let Some(last) = chunks.pop() else { return true };
        let Ok(open) = OpenChunk::resume(&last.bytes) else { return false };
        self.open = Some(open);
        chunks.shrink_to_fit();
        self.sealed = chunks;
        true
    }

    /// All chunks, the open one as it is now at the end.
    pub(crate) fn chunks(&self) -> Vec<Chunk> {
        self.chunks_in(TimeRange::ALL)
    }

    /// The chunks that may have samples in `range`.
    pub(crate) fn chunks_in(&self, range: TimeRange) -> Vec<Chunk> {
        let sealed = self.sealed_in(range);
        let mut all = Vec::with_capacity(sealed.len() + 1);
        all.extend_from_slice(sealed);
        all.extend(self.open_in(range).map(OpenChunk::seal));
        all
    }

    /// Finished chunks that may have samples in `range`.
    pub(crate) fn sealed_in(&self, range: TimeRange) -> &[Chunk] {
        let from = self.sealed.partition_point(|chunk| chunk.last_ms < range.from.0);
        let to = self.sealed.partition_point(|chunk| chunk.first_ms <= range.to.0);
        self.sealed.get(from..to).unwrap_or_default()
    }

    /// The chunk that takes samples, if it may have some in `range`.
    pub(crate) fn open_in(&self, range: TimeRange) -> Option<&OpenChunk> {
        let open = self.open.as_ref();
        open.filter(|open| open.first_ms() <= range.to.0 && range.from.0 <= open.newest().0)
    }

    /// Whether some chunk may have a sample in `range`.
    pub(crate) fn overlaps(&self, range: TimeRange) -> bool {
        let spans = |first_ms: i64, last_ms: i64| first_ms <= range.to.0 && range.from.0 <= last_ms;
        self.open.as_ref().is_some_and(|open| spans(open.first_ms(), open.newest().0))
            || self.sealed.iter().rev().any(|chunk| chunk.overlaps(range))
    }

    /// How much is here.
    pub(crate) fn amount(&self) -> Amount {
        let bytes: usize = self.sealed.iter().map(|chunk| chunk.bytes.len()).sum();
        let open = self.open.as_ref().map_or(0, |open| open.bytes().len());
        Amount {
            chunks: self.sealed.len() as u64 + u64::from(self.open.is_some()),
            bytes: (bytes + open) as u64,
        }
    }

    /// End and size of each chunk, oldest first.
    pub(crate) fn chunk_ends(&self) -> impl Iterator<Item = (i64, u64)> + '_ {
        let open = self.open.as_ref().map(|open| (open.newest().0, open.bytes().len() as u64));
        self.sealed.iter().map(|chunk| (chunk.last_ms, chunk.bytes.len() as u64)).chain(open)
    }

    /// Time of the oldest sample from `from_ms` on, as far as its chunk tells.
    pub(crate) fn oldest_from(&self, from_ms: i64) -> Option<i64> {
        let sealed = self.sealed.iter().find(|chunk| chunk.last_ms >= from_ms).map(|chunk| chunk.first_ms);
        let open = self.open.as_ref().filter(|open| open.newest().0 >= from_ms);
        sealed.or_else(|| open.map(OpenChunk::first_ms))
    }

    /// Deletes the samples from `from_ms` to `to_ms`, both included, by writing all others anew: it is rare.
    pub(crate) fn delete(&mut self, from_ms: i64, to_ms: i64) {
        let mut all = storage::Samples::default();
        for chunk in self.chunks() {
            // A chunk that cannot be decoded cannot be cut either; it never happens to what we have written.
            if xor::decode(&chunk.bytes, TimeRange::ALL, &mut all).is_err() {
                return;
            }
        }
        (self.sealed, self.open) = (Vec::new(), None);
        for (at_ms, value) in all.times_ms.iter().zip(&all.values) {
            if !(from_ms..=to_ms).contains(at_ms) {
                self.push(*at_ms, value.to_bits());
            }
        }
        self.deleted_to_ms = self.deleted_to_ms.max(Some(to_ms));
    }

    /// Drops the chunks that end before `cutoff_ms`.
    pub(crate) fn drop_before(&mut self, cutoff_ms: i64) {
        let old = self.sealed.partition_point(|chunk| chunk.last_ms < cutoff_ms);
        if old > 0 {
            self.sealed.drain(..old);
            self.sealed.shrink_to_fit();
        }
        if self.open.as_ref().is_some_and(|open| open.newest().0 < cutoff_ms) {
            self.open = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state_with(samples: &[(i64, u64)]) -> SeriesState {
        let mut state = SeriesState::default();
        for &(at, bits) in samples {
            state.push(at, bits);
        }
        state
    }

    #[test]
    fn samples_are_judged_against_what_is_here() {
        let mut state = state_with(&[(10, 1)]);
        for (at, bits, verdict) in [
            (9, 1, Verdict::OutOfOrder),
            (10, 1, Verdict::Known),
            (10, 2, Verdict::Duplicate),
            (11, 1, Verdict::Take),
            (11, 2, Verdict::Duplicate),
            (10, 1, Verdict::OutOfOrder),
        ] {
            assert_eq!(state.judge(1, at, bits), verdict, "{bits} at {at}");
        }
        assert_eq!(state.judge(2, 11, 2), Verdict::Take, "another transaction does not see the first's");
    }

    #[test]
    fn old_chunks_go_and_the_rest_stays() {
        let mut state = state_with(&(0..300).map(|i| (i * 1000, i as u64)).collect::<Vec<_>>());
        assert_eq!(state.amount().chunks, 3);
        state.drop_before(120_000);
        assert_eq!((state.amount().chunks, state.oldest_ms()), (2, Some(120_000)));
        state.drop_before(299_001);
        assert_eq!((state.amount().chunks, state.newest()), (0, None));
    }

    #[test]
    fn chunks_of_a_range() {
        let state = state_with(&(0..300).map(|i| (i * 1000, i as u64)).collect::<Vec<_>>());
        let range = |from, to| TimeRange { from: model::TimestampMs(from), to: model::TimestampMs(to) };
        for (from, to, chunks) in
            [(0, 0, 1), (119_000, 120_000, 2), (240_000, 500_000, 1), (299_001, 500_000, 0), (0, 300_000, 3)]
        {
            assert_eq!(state.chunks_in(range(from, to)).len(), chunks, "{from} to {to}");
            assert_eq!(state.overlaps(range(from, to)), chunks > 0);
        }
    }
}
