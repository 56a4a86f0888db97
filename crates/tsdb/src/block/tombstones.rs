//! What was deleted of a block since it was written (docs/formats/block.md, "Tombstones").

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use std::collections::BTreeMap;

use stdx::varint::{put_i64, put_u64, take_i64, take_u64};
use storage::Samples;

const HEAD: [u8; 8] = *b"WFTS\x01\0\0\0";

/// Spans of time, both ends inclusive, sorted and apart from each other.
pub(crate) type Spans = Vec<(i64, i64)>;

/// Spans by series.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Tombstones(BTreeMap<u32, Spans>);

impl Tombstones {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is deleted of a series.
    pub(crate) fn of(&self, place: u32) -> &[(i64, i64)] {
        self.0.get(&place).map(Vec::as_slice).unwrap_or_default()
    }

    /// Deletes a span of a series.
    pub(crate) fn add(&mut self, place: u32, from_ms: i64, to_ms: i64) {
        let spans = self.0.entry(place).or_default();
        spans.push((from_ms, to_ms));
        spans.sort_unstable();
        let mut apart: Spans = Vec::with_capacity(spans.len());
        for (from, to) in spans.drain(..) {
            match apart.last_mut().filter(|(_, end)| from <= end.saturating_add(1)) {
                Some((_, end)) => *end = to.max(*end),
                None => apart.push((from, to)),
            }
        }
        *spans = apart;
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = HEAD.to_vec();
        put_u64(&mut out, self.0.len() as u64);
        let mut before = 0;
        for (place, spans) in &self.0 {
            put_u64(&mut out, u64::from(place - before));
            before = *place;
            put_u64(&mut out, spans.len() as u64);
            for (from_ms, to_ms) in spans {
                put_i64(&mut out, *from_ms);
                put_i64(&mut out, *to_ms);
            }
        }
        let sum = crc32c::crc32c(&out);
        out.extend_from_slice(&sum.to_le_bytes());
        out
    }

    /// Reads a file; `None` when it is damaged.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (body, sum) = bytes.split_last_chunk::<4>()?;
        if crc32c::crc32c(body) != u32::from_le_bytes(*sum) {
            return None;
        }
        let mut input = body.strip_prefix(&HEAD)?;
        let mut this = Self::default();
        let mut place = 0u64;
        for _ in 0..take_u64(&mut input)? {
            place = place.checked_add(take_u64(&mut input)?)?;
            for _ in 0..take_u64(&mut input)? {
                this.add(u32::try_from(place).ok()?, take_i64(&mut input)?, take_i64(&mut input)?);
            }
        }
        input.is_empty().then_some(this)
    }
}

/// Takes deleted samples out of columns that are in order of time.
pub(crate) fn drop_deleted(spans: &[(i64, i64)], samples: &mut Samples) {
    let (Some(first), Some(last)) = (samples.times_ms.first(), samples.times_ms.last()) else { return };
    if !spans.iter().any(|(from_ms, to_ms)| from_ms <= last && first <= to_ms) {
        return;
    }
    let is_deleted = |at_ms: i64| spans.iter().any(|(from_ms, to_ms)| (*from_ms..=*to_ms).contains(&at_ms));
    let mut kept = Samples::default();
    for (at_ms, value) in samples.times_ms.iter().zip(&samples.values) {
        if !is_deleted(*at_ms) {
            kept.push(*at_ms, *value);
        }
    }
    *samples = kept;
}
