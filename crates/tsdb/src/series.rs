//! One series in memory: its chunks, its newest sample, and what a sample may do to it.

use std::sync::Arc;

use columns::TimeRange;
use model::TimestampMs;
use stdx::prefetch;
use storage::Samples;

use crate::checkpoint_record::SpilledRecord;
use crate::newest::Newest;
use crate::spill::{Files, Place};
use crate::xor::{self, CHUNK_SAMPLES, Chunk, OpenChunk};

mod late;
mod locked;

pub(crate) use late::merge;
pub(crate) use locked::Series;

/// Up to here nothing was deleted.
const NOTHING_DELETED_MS: i64 = i64::MIN;

/// What changes of a series. The lock is held for a microsecond at a time: decoding is done outside. There are very many
/// of these: what few series have at a moment is in a box.
#[derive(Debug)]
pub(crate) struct SeriesState {
    /// The chunk that takes samples; `None` only while there is no sample at all.
    open: Option<OpenChunk>,
    /// The newest of the chunks that lie in files.
    spilled: Place,
    /// How many lie there.
    spilled_chunks: u32,
    /// Samples that the open chunk takes. The first one takes fewer, by slot, so that series that began together do not
    /// finish their chunks together for ever.
    samples_max: u8,
    /// Time of the oldest sample, if there is one.
    oldest_ms: i64,
    /// What an open transaction means to add: its number, time and value.
    pending: Pending,
    rare: Option<Box<Rare>>,
    /// Whether the log knows the series.
    pub(crate) is_logged: bool,
    /// Whether the store has let it go; a transaction may still hold it.
    pub(crate) is_removed: bool,
    /// When somebody last asked for it or meant to add to it.
    pub(crate) touched_ms: i64,
}

/// What few series have.
#[derive(Debug)]
struct Rare {
    /// Finished chunks that wait for their file, oldest first.
    waiting: Vec<Chunk>,
    /// Samples that came late, in order of time, until there are enough to write the chunks of their time anew.
    late: Vec<Newest>,
    /// Up to here samples were deleted: none may come back into what a replay deletes again.
    deleted_to_ms: i64,
}

impl Rare {
    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.late.is_empty() && self.deleted_to_ms == NOTHING_DELETED_MS
    }
}

impl Default for Rare {
    fn default() -> Self {
        Self { waiting: Vec::new(), late: Vec::new(), deleted_to_ms: NOTHING_DELETED_MS }
    }
}

/// The newest sample that a transaction means to add.
#[derive(Debug, Clone, Copy)]
struct Pending {
    of: u64,
    at_ms: i64,
    bits: u64,
}

impl Pending {
    /// No transaction has this number.
    const NONE: Self = Self { of: u64::MAX - 1, at_ms: 0, bits: 0 };
}

/// What a sample may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Newer than all: take it.
    Take,
    /// Older than the newest, nothing is there, and not too late: take it.
    TakeLate,
    /// Here already.
    Known,
    /// Older than the newest, and too late.
    OutOfOrder,
    /// Another value is here.
    Duplicate,
}

impl Verdict {
    /// Of a sample at the time of a known one.
    pub(crate) fn of_same_time(known: u64, bits: u64) -> Self {
        if known == bits { Self::Known } else { Self::Duplicate }
    }
}

/// How much was added or dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Amount {
    /// Chunks, those in files included.
    pub(crate) chunks: u64,
    /// Bytes in memory.
    pub(crate) bytes: u64,
}

impl Amount {
    /// What has come since there was `before`; modulo 2^64 where something has gone.
    fn less(self, before: Self) -> Self {
        Self { chunks: self.chunks.wrapping_sub(before.chunks), bytes: self.bytes.wrapping_sub(before.bytes) }
    }

    /// Both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self { chunks: self.chunks.wrapping_add(other.chunks), bytes: self.bytes.wrapping_add(other.bytes) }
    }
}

/// What a sample has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Added {
    pub(crate) amount: Amount,
    /// Bytes of the chunk that was finished by it; 0 when none was.
    pub(crate) finished_bytes: u64,
}

impl SeriesState {
    fn new(slot: u32, now_ms: i64) -> Self {
        Self {
            open: None,
            spilled: Place::NONE,
            spilled_chunks: 0,
            samples_max: first_samples_max(slot),
            oldest_ms: i64::MAX,
            pending: Pending::NONE,
            rare: None,
            is_logged: false,
            is_removed: false,
            touched_ms: now_ms,
        }
    }

    /// Time and bits of the newest sample.
    pub(crate) fn newest(&self) -> Option<Newest> {
        self.open.as_ref().map(OpenChunk::newest)
    }

    /// Has the memory fetched that the next sample is written to.
    pub(crate) fn fetch_open(&self) {
        if let Some(last) = self.open.as_ref().and_then(|open| open.bytes().last()) {
            prefetch(last);
        }
    }

    /// Has the memory fetched that says which finished chunks wait.
    pub(crate) fn fetch_waiting(&self) {
        if let Some(rare) = &self.rare {
            prefetch(&**rare);
        }
    }

    /// Time of the oldest sample.
    pub(crate) fn oldest_ms(&self) -> Option<i64> {
        let late_ms = self.late().first().map_or(i64::MAX, |(at_ms, _)| *at_ms);
        self.open.as_ref().map(|_| self.oldest_ms.min(late_ms))
    }

    /// Judges a sample of transaction `transaction` against what is here and what that transaction has added; if it is
    /// newer than both, it counts as added. What is late by no more than `late_max_ms` is looked up in `files`.
    pub(crate) fn judge(
        &mut self,
        (transaction, late_max_ms): (u64, i64),
        (at_ms, bits): Newest,
        files: impl FnOnce() -> Arc<Files>,
    ) -> Verdict {
        let pending = (self.pending.of == transaction).then_some((self.pending.at_ms, self.pending.bits));
        if self.rare.as_ref().is_some_and(|rare| at_ms <= rare.deleted_to_ms) {
            return Verdict::OutOfOrder;
        }
        match pending.or_else(|| self.newest()) {
            // A marker that comes late says that a series had ended which has gone on.
            Some((newest_ms, _))
                if at_ms < newest_ms.saturating_sub(late_max_ms)
                    || (at_ms < newest_ms && bits == model::STALE_NAN.to_bits()) =>
            {
                Verdict::OutOfOrder
            }
            Some((newest_ms, _)) if at_ms < newest_ms => match self.bits_at(at_ms, &files()) {
                None => Verdict::TakeLate,
                Some(known) => Verdict::of_same_time(known, bits),
            },
            Some((newest_ms, newest)) if at_ms == newest_ms => Verdict::of_same_time(newest, bits),
            _ => {
                self.pending = Pending { of: transaction, at_ms, bits };
                Verdict::Take
            }
        }
    }

    /// Adds a sample that was judged [`Verdict::Take`] or [`Verdict::TakeLate`].
    pub(crate) fn add(&mut self, at_ms: i64, bits: u64, files: impl FnOnce() -> Arc<Files>) -> Added {
        if self.newest().is_none_or(|(newest_ms, _)| newest_ms < at_ms) {
            return self.push(at_ms, bits);
        }
        self.add_late(at_ms, bits, files)
    }

    /// Adds a sample that is newer than all.
    fn push(&mut self, at_ms: i64, bits: u64) -> Added {
        let samples_max = u16::from(self.samples_max);
        if let Some(open) = self.open.as_mut().filter(|open| !open.is_over(at_ms, samples_max)) {
            let before = open.bytes().len();
            open.push(at_ms, bits);
            let bytes = (open.bytes().len() - before) as u64;
            return Added { amount: Amount { chunks: 0, bytes }, finished_bytes: 0 };
        }
        let begun = OpenChunk::new(at_ms, bits);
        let amount = Amount { chunks: 1, bytes: begun.bytes().len() as u64 };
        let Some(full) = self.open.replace(begun) else {
            self.oldest_ms = self.oldest_ms.min(at_ms);
            return Added { amount, finished_bytes: 0 };
        };
        let full = full.seal();
        let finished_bytes = full.bytes.len() as u64;
        self.samples_max = CHUNK_SAMPLES as u8;
        let waiting = &mut self.rare.get_or_insert_default().waiting;
        // Rarely a second one before the first has left.
        waiting.reserve_exact(1);
        waiting.push(full);
        Added { amount, finished_bytes }
    }

    /// Takes over what a checkpoint says: what lies in files, the finished chunks after that, and the open one.
    pub(crate) fn restore(&mut self, spilled: SpilledRecord, waiting: Vec<Chunk>, open: OpenChunk) {
        self.oldest_ms = waiting.first().map_or(open.first_ms(), |chunk| chunk.first_ms);
        self.open = Some(open);
        (self.spilled, self.spilled_chunks) = (spilled.newest, spilled.chunks);
        if !spilled.newest.is_none() {
            self.oldest_ms = spilled.oldest_ms;
        }
        if !waiting.is_empty() || !spilled.newest.is_none() {
            self.samples_max = CHUNK_SAMPLES as u8;
        }
        self.set_waiting(waiting);
    }

    /// Forgets chunks in files that are not there.
    pub(crate) fn forget_missing(&mut self, files: &Files) {
        if !self.spilled.is_none() {
            self.keep_from(i64::MIN, files);
        }
    }

    fn set_waiting(&mut self, chunks: Vec<Chunk>) {
        if !chunks.is_empty() || self.rare.is_some() {
            self.rare.get_or_insert_default().waiting = chunks;
        }
        self.rare.take_if(|rare| rare.is_empty());
    }

    fn waiting_chunks(&self) -> &[Chunk] {
        self.rare.as_ref().map_or(&[], |rare| &rare.waiting)
    }

    /// The newest chunk in files, and the finished ones behind it that are not there yet.
    pub(crate) fn waiting(&self) -> (Place, Vec<Chunk>) {
        (self.spilled, self.waiting_chunks().to_vec())
    }

    /// Says that `chunks`, behind `before`, lie in files now, the newest at `place`. False when the series has changed since
    /// it gave them: then they stay in memory, and what is in the file is nobody's.
    pub(crate) fn has_spilled(&mut self, before: Place, chunks: &[Chunk], place: Place) -> bool {
        let waiting = self.waiting_chunks();
        let is_same = |(a, b): (&Chunk, &Chunk)| Arc::ptr_eq(&a.bytes, &b.bytes);
        if self.spilled != before || waiting.len() < chunks.len() || !waiting.iter().zip(chunks).all(is_same)
        {
            return false;
        }
        let left = waiting.iter().skip(chunks.len()).cloned().collect();
        self.set_waiting(left);
        self.spilled = place;
        self.spilled_chunks = self.spilled_chunks.saturating_add(chunks.len() as u32);
        true
    }

    /// All chunks, samples that came late in their places, the open chunk as it is now at the end.
    fn chunks(&self, files: &Files) -> Vec<Chunk> {
        let (spilled, last) = self.recorded(files);
        let in_files = files.chain(spilled.newest, spilled.oldest_ms, TimeRange::ALL);
        let mut all: Vec<Chunk> = in_files.map(|chunk| chunk.to_chunk()).collect();
        all.reverse();
        all.extend(last);
        all
    }

    /// What a checkpoint says of all chunks: where those are that lie in files, and the others, the open one as it is now at the
    /// end. Samples that came late are in their places; chunks in files are not looked at unless some did.
    pub(crate) fn recorded(&self, files: &Files) -> (SpilledRecord, Vec<Chunk>) {
        let folded = self.folded(files);
        let (newest, chunks, waiting, open) = match &folded {
            Some(folded) => {
                let chunks = self.spilled_chunks.saturating_sub(folded.spilled_gone);
                (folded.spilled, chunks, folded.waiting.as_slice(), Some(&folded.open))
            }
            None => (self.spilled, self.spilled_chunks, self.waiting_chunks(), self.open.as_ref()),
        };
        let last = waiting.iter().cloned().chain(open.map(OpenChunk::seal)).collect();
        (SpilledRecord { newest, chunks, oldest_ms: self.oldest_ms }, last)
    }

    /// The newest chunk in files if some there may have samples in `range`, and when the oldest begins.
    pub(crate) fn spilled_in(&self, range: TimeRange) -> (Place, i64) {
        let is_later = self.spilled.is_none() || range.from.0 > self.spilled_to_ms();
        (if is_later { Place::NONE } else { self.spilled }, self.oldest_ms)
    }

    /// Finished chunks in memory that may have samples in `range`.
    pub(crate) fn waiting_in(&self, range: TimeRange) -> impl Iterator<Item = &Chunk> {
        self.waiting_chunks().iter().filter(move |chunk| chunk.overlaps(range))
    }

    /// The chunk that takes samples, if it may have some in `range`.
    pub(crate) fn open_in(&self, range: TimeRange) -> Option<&OpenChunk> {
        let open = self.open.as_ref();
        open.filter(|open| open.first_ms() <= range.to.0 && range.from.0 <= open.newest().0)
    }

    /// Whether there may be a sample in `range`: of gaps only those between the chunks in memory are known.
    pub(crate) fn overlaps(&self, range: TimeRange) -> bool {
        self.open_in(range).is_some()
            || self.waiting_in(range).next().is_some()
            || !self.late_in(range).is_empty()
            || (!self.spilled.is_none()
                && self.oldest_ms <= range.to.0
                && range.from.0 <= self.spilled_to_ms())
    }

    /// Before this lie the samples in files.
    fn spilled_to_ms(&self) -> i64 {
        let next = self.waiting_chunks().first().map(|chunk| chunk.first_ms);
        next.or_else(|| self.open.as_ref().map(OpenChunk::first_ms))
            .map_or(i64::MAX, |next_ms| next_ms.saturating_sub(1))
    }

    /// How much is here.
    pub(crate) fn amount(&self) -> Amount {
        let waiting = self.waiting_chunks();
        let bytes: usize = waiting.iter().map(|chunk| chunk.bytes.len()).sum();
        let open = self.open.as_ref().map_or(0, |open| open.bytes().len());
        let chunks = waiting.len() as u64 + u64::from(self.spilled_chunks) + u64::from(self.open.is_some());
        let late = std::mem::size_of_val(self.late());
        Amount { chunks, bytes: (bytes + open + late) as u64 }
    }

    /// End and size of each chunk in memory, oldest first.
    pub(crate) fn chunk_ends(&self) -> impl Iterator<Item = (i64, u64)> + '_ {
        let open = self.open.as_ref().map(|open| (open.newest().0, open.bytes().len() as u64));
        self.waiting_chunks().iter().map(|chunk| (chunk.last_ms, chunk.bytes.len() as u64)).chain(open)
    }

    /// Time of the oldest sample from `from_ms` on, as far as its chunk tells.
    pub(crate) fn oldest_from(&self, from_ms: i64, files: &Files) -> Option<i64> {
        if self.oldest_ms().is_none_or(|oldest_ms| oldest_ms >= from_ms) {
            return self.oldest_ms();
        }
        let range = TimeRange { from: TimestampMs(from_ms), to: TimestampMs(i64::MAX) };
        let spilled = files.chain(self.spilled, self.oldest_ms, range).last().map(|chunk| chunk.first_ms);
        let waiting = || self.waiting_in(range).next().map(|chunk| chunk.first_ms);
        let chunk_ms = spilled.or_else(waiting).or_else(|| self.open_in(range).map(OpenChunk::first_ms));
        let late_ms = self.late_in(range).first().map(|(at_ms, _)| *at_ms);
        chunk_ms.into_iter().chain(late_ms).min()
    }

    /// Deletes the samples from `from_ms` to `to_ms`, both included, by writing all others anew: it is rare. Gives what
    /// waits for a file now.
    pub(crate) fn delete(&mut self, from_ms: i64, to_ms: i64, files: &Files) -> u64 {
        let mut all = Samples::default();
        for chunk in self.chunks(files) {
            // A chunk that cannot be decoded cannot be cut either; it never happens to what we have written.
            if xor::decode(&chunk.bytes, TimeRange::ALL, &mut all).is_err() {
                return 0;
            }
        }
        (self.spilled, self.spilled_chunks, self.open) = (Place::NONE, 0, None);
        self.oldest_ms = i64::MAX;
        let rare = self.rare.get_or_insert_default();
        (rare.waiting, rare.late) = (Vec::new(), Vec::new());
        rare.deleted_to_ms = rare.deleted_to_ms.max(to_ms);
        let mut finished_bytes = 0;
        for (at_ms, value) in all.times_ms.iter().zip(&all.values) {
            if !(from_ms..=to_ms).contains(at_ms) {
                finished_bytes += self.push(*at_ms, value.to_bits()).finished_bytes;
            }
        }
        finished_bytes
    }

    /// Drops the chunks that end before `cutoff_ms`.
    pub(crate) fn drop_before(&mut self, cutoff_ms: i64, files: &Files) {
        if self.oldest_ms().is_some_and(|oldest_ms| oldest_ms < cutoff_ms) {
            self.keep_from(cutoff_ms, files);
        }
    }

    fn keep_from(&mut self, cutoff_ms: i64, files: &Files) {
        let range = TimeRange { from: TimestampMs(cutoff_ms), to: TimestampMs(i64::MAX) };
        let (mut spilled_chunks, mut oldest_ms) = (0, None);
        for chunk in files.chain(self.spilled, self.oldest_ms, range) {
            (spilled_chunks, oldest_ms) = (spilled_chunks + 1, Some(chunk.first_ms));
        }
        if spilled_chunks == 0 {
            self.spilled = Place::NONE;
        }
        self.spilled_chunks = spilled_chunks;
        let kept: Vec<Chunk> = self.waiting_in(range).cloned().collect();
        if let Some(rare) = &mut self.rare {
            rare.late.retain(|(at_ms, _)| *at_ms >= cutoff_ms);
        }
        self.set_waiting(kept);
        self.open.take_if(|open| open.newest().0 < cutoff_ms);
        let in_memory = self.waiting_chunks().first().map(|chunk| chunk.first_ms);
        let open = self.open.as_ref().map(OpenChunk::first_ms);
        self.oldest_ms = oldest_ms.or(in_memory).or(open).unwrap_or(i64::MAX);
    }
}

/// Samples of a series' first chunk: any number up to the usual one, and so spread that neighbours differ.
fn first_samples_max(slot: u32) -> u8 {
    (slot.wrapping_mul(0x9e37_79b1) >> 16) as u8 % CHUNK_SAMPLES as u8 + 1
}

#[cfg(test)]
mod tests;
