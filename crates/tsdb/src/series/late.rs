//! Samples that came late: beside the chunks of their series until there are some, then in their places in them.

use std::sync::Arc;

use columns::TimeRange;
use model::TimestampMs;
use storage::Samples;

use super::{Added, SeriesState};
use crate::newest::Newest;
use crate::spill::{Files, Place};
use crate::xor::{self, CHUNK_SAMPLES, Chunk, OpenChunk};

/// Samples of one series that may lie beside its chunks because they came late. With one more, the chunks since the oldest of
/// them are written anew, which takes as long as some hundred samples do.
pub(super) const LATE_SAMPLES: usize = 32;

impl SeriesState {
    /// Adds a sample that is older than the newest.
    pub(super) fn add_late(&mut self, at_ms: i64, bits: u64, files: impl FnOnce() -> Arc<Files>) -> Added {
        let before = self.amount();
        let late = &mut self.rare.get_or_insert_default().late;
        late.insert(late.partition_point(|(known_ms, _)| *known_ms < at_ms), (at_ms, bits));
        let is_enough = late.len() >= LATE_SAMPLES;
        let finished_bytes = if is_enough { self.fold(&files()) } else { 0 };
        Added { amount: self.amount().less(before), finished_bytes }
    }

    /// Samples that came late, in order of time.
    pub(crate) fn late(&self) -> &[Newest] {
        self.rare.as_ref().map_or(&[], |rare| &rare.late)
    }

    /// Those of them in `range`.
    pub(crate) fn late_in(&self, range: TimeRange) -> &[Newest] {
        let late = self.late();
        let from = late.partition_point(|(at_ms, _)| *at_ms < range.from.0);
        let to = late.partition_point(|(at_ms, _)| *at_ms <= range.to.0);
        late.get(from..to).unwrap_or_default()
    }

    /// Writes the chunks anew that samples came late for. Gives the bytes that wait for a file now.
    fn fold(&mut self, files: &Files) -> u64 {
        let Some(folded) = self.folded(files) else { return 0 };
        let is_all = folded.spilled.is_none();
        self.spilled_chunks -= folded.spilled_gone.min(self.spilled_chunks);
        self.spilled = folded.spilled;
        if is_all {
            let first = folded.waiting.first().map_or(folded.open.first_ms(), |chunk| chunk.first_ms);
            self.oldest_ms = first;
        }
        self.open = Some(folded.open);
        let waiting_bytes = folded.waiting.iter().map(|chunk| chunk.bytes.len() as u64).sum();
        if let Some(rare) = &mut self.rare {
            rare.late = Vec::new();
        }
        self.set_waiting(folded.waiting);
        waiting_bytes
    }

    /// What the chunks are when samples that came late are in their places; `None` when none did.
    pub(super) fn folded(&self, files: &Files) -> Option<Folded> {
        let from_ms = self.late().first()?.0;
        let range = TimeRange { from: TimestampMs(from_ms), to: TimestampMs(i64::MAX) };
        let mut samples = Samples::default();
        let (mut spilled, mut spilled_gone) = (self.spilled, 0);
        let mut touched = Vec::new();
        for chunk in files.chain(self.spilled, self.oldest_ms, range) {
            (spilled, spilled_gone) = (chunk.before(self.oldest_ms), spilled_gone + 1);
            touched.push(chunk.bytes);
        }
        let kept = self.waiting_chunks().partition_point(|chunk| chunk.last_ms < from_ms);
        let (kept, rest) = self.waiting_chunks().split_at(kept);
        let open = self.open.as_ref()?;
        let in_memory = rest.iter().map(|chunk| &*chunk.bytes).chain([open.bytes()]);
        for bytes in touched.into_iter().rev().chain(in_memory) {
            // It never happens to what we have written; late samples then stay beside it.
            xor::decode(bytes, TimeRange::ALL, &mut samples).ok()?;
        }
        merge(self.late(), 0, &mut samples);
        let mut all =
            samples.times_ms.iter().zip(&samples.values).map(|(at_ms, value)| (*at_ms, value.to_bits()));
        let (first_ms, first) = all.next()?;
        let mut folded =
            Folded { spilled, spilled_gone, waiting: kept.to_vec(), open: OpenChunk::new(first_ms, first) };
        for (at_ms, bits) in all {
            if folded.open.is_over(at_ms, CHUNK_SAMPLES) {
                folded.waiting.push(std::mem::replace(&mut folded.open, OpenChunk::new(at_ms, bits)).seal());
            } else {
                folded.open.push(at_ms, bits);
            }
        }
        Some(folded)
    }

    /// The bits of the sample at this very time.
    pub(super) fn bits_at(&self, at_ms: i64, files: &Files) -> Option<u64> {
        let range = TimeRange { from: TimestampMs(at_ms), to: TimestampMs(at_ms) };
        let late = self.late_in(range).first().map(|(_, bits)| *bits);
        let in_memory = self.waiting_in(range).map(|chunk| &*chunk.bytes);
        let open = self.open_in(range).map(OpenChunk::bytes);
        let in_files = files.chain(self.spilled, self.oldest_ms, range).map(|chunk| chunk.bytes);
        let mut samples = Samples::default();
        late.or_else(|| {
            in_memory.chain(open).chain(in_files).find_map(|bytes| {
                xor::decode(bytes, range, &mut samples).ok()?;
                samples.values.first().map(|value| value.to_bits())
            })
        })
    }
}

/// See [`SeriesState::folded`].
pub(super) struct Folded {
    /// The newest chunk in files that stays.
    pub(super) spilled: Place,
    /// How many there do not.
    pub(super) spilled_gone: u32,
    /// Finished chunks behind it.
    pub(super) waiting: Vec<Chunk>,
    pub(super) open: OpenChunk,
}

/// Puts samples that came late, in order of time, between those of `samples` from place `from` on.
pub(crate) fn merge(late: &[Newest], from: usize, samples: &mut Samples) {
    let Samples { times_ms, values } = samples;
    let (mut read, mut late) = (times_ms.len(), late);
    let len = read + late.len();
    times_ms.resize(len, 0);
    values.resize(len, 0.0);
    let mut write = len;
    // From behind, so that each moves once.
    while let Some(((at_ms, bits), rest)) = late.split_last() {
        write -= 1;
        if read > from && times_ms[read - 1] > *at_ms {
            read -= 1;
            (times_ms[write], values[write]) = (times_ms[read], values[read]);
        } else {
            (times_ms[write], values[write]) = (*at_ms, f64::from_bits(*bits));
            late = rest;
        }
    }
}
