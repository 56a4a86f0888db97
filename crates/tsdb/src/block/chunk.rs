//! The chunk of blocks: written once, read at any place without decoding the rest (docs/formats/chunks.md).
//!
//! [`put_chunk`] writes, [`is_sound`] checks the sum, [`ChunkView`] reads. Reading never panics whatever the bytes.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use storage::Samples;

use super::pack::bits_of;
use super::scale::{EXACT_BITS, SCALE_BITS, SCALE_MAX, Scaled, ordered, power};
use super::times::{Times, put_times};
use super::values::{Values, put_values};

/// Samples of a chunk: so many that its head is nothing, so few that damage costs less than a day at 15 s.
pub(crate) const SAMPLES_MAX: usize = 4096;
pub(crate) const HEAD_BYTES: usize = 20;
const EXCEPTION_BYTES: usize = 10;
const RISES: u8 = 1;
const STALE: u8 = 2;

const _: () = assert!(SAMPLES_MAX <= u16::MAX as usize);

/// Appends the chunk of these samples, from 1 to [`SAMPLES_MAX`], times strictly increasing.
pub(crate) fn put_chunk(times_ms: &[i64], values: &[f64], out: &mut Vec<u8>) {
    assert!(
        times_ms.len() == values.len() && (1..=SAMPLES_MAX).contains(&values.len()),
        "{} samples",
        values.len()
    );
    debug_assert!(times_ms.is_sorted_by(|a, b| a < b), "times that do not grow");
    let scaled = Scaled::of(values);
    let magnitude = scaled.integers.iter().map(|k| bits_of(k.unsigned_abs())).max().unwrap_or(0);
    let magnitude = if scaled.scale == SCALE_BITS { 64 } else { magnitude };
    let with_sums = is_exact(scaled.scale, magnitude, scaled.exceptions.len());
    let begin = out.len();
    out.resize(begin + HEAD_BYTES, 0);
    put_times(times_ms, out);
    let values_at = out.len() - begin;
    put_values(&scaled.integers, with_sums, out);
    for (i, bits) in &scaled.exceptions {
        out.extend_from_slice(&i.to_le_bytes());
        out.extend_from_slice(&bits.to_le_bytes());
    }
    let mut head = Vec::with_capacity(HEAD_BYTES - 4);
    head.extend_from_slice(&((out.len() - begin) as u32).to_le_bytes());
    head.extend_from_slice(&(values.len() as u16).to_le_bytes());
    head.extend_from_slice(&[flags_of(values), scaled.scale, magnitude as u8, 0]);
    head.extend_from_slice(&(scaled.exceptions.len() as u16).to_le_bytes());
    head.extend_from_slice(&(values_at as u32).to_le_bytes());
    let Some(chunk) = out.get_mut(begin..) else { return };
    if let Some(place) = chunk.get_mut(4..HEAD_BYTES) {
        place.copy_from_slice(&head);
    }
    let sum = crc32c::crc32c(chunk.get(4..).unwrap_or_default());
    if let Some(place) = chunk.first_chunk_mut::<4>() {
        *place = sum.to_le_bytes();
    }
}

fn flags_of(values: &[f64]) -> u8 {
    let rises =
        values.iter().all(|v| !v.is_nan()) && values.iter().zip(values.iter().skip(1)).all(|(a, b)| a <= b);
    let stale = values.iter().any(|value| model::is_stale(*value));
    (if rises { RISES } else { 0 }) | (if stale { STALE } else { 0 })
}

fn is_exact(scale: u8, magnitude: u32, exceptions: usize) -> bool {
    scale == 0 && magnitude <= EXACT_BITS && exceptions == 0
}

/// The bytes of the chunk that begins with `bytes`, as far as its length can be believed.
pub(crate) fn bounded(bytes: &[u8]) -> Option<&[u8]> {
    let len = u32::from_le_bytes(*bytes.get(4..)?.first_chunk::<4>()?) as usize;
    bytes.get(..len).filter(|chunk| chunk.len() >= HEAD_BYTES)
}

/// Whether a chunk's sum is right.
pub(crate) fn is_sound(chunk: &[u8]) -> bool {
    let Some((sum, rest)) = chunk.split_first_chunk::<4>() else { return false };
    u32::from_le_bytes(*sum) == crc32c::crc32c(rest)
}

/// A chunk, to be read at any place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChunkView<'a> {
    pub(crate) count: usize,
    flags: u8,
    scale: u8,
    magnitude: u8,
    pub(crate) times: Times<'a>,
    values: Values<'a>,
    exceptions: &'a [u8],
}

impl<'a> ChunkView<'a> {
    /// A chunk in these bytes; `None` when they are none. The sum is not looked at.
    pub(crate) fn parse(chunk: &'a [u8]) -> Option<Self> {
        let head = chunk.first_chunk::<HEAD_BYTES>()?;
        let [.., c0, c1, flags, scale, magnitude, _, e0, e1, v0, v1, v2, v3] = *head;
        let count = usize::from(u16::from_le_bytes([c0, c1]));
        let exceptions = usize::from(u16::from_le_bytes([e0, e1]));
        let values_at = u32::from_le_bytes([v0, v1, v2, v3]) as usize;
        let is_known = scale <= SCALE_MAX || scale == SCALE_BITS;
        if count == 0 || count > SAMPLES_MAX || !is_known || exceptions > count {
            return None;
        }
        let end = chunk.len().checked_sub(exceptions * EXCEPTION_BYTES)?;
        let times = Times::parse(chunk.get(HEAD_BYTES..values_at)?, count)?;
        let values = Values::parse(chunk.get(values_at..end)?, count)?;
        Some(Self { count, flags, scale, magnitude, times, values, exceptions: chunk.get(end..)? })
    }

    /// No value is below the one before, and none is NaN: a counter without a reset.
    pub(crate) fn rises(&self) -> bool {
        self.flags & RISES != 0
    }

    /// Whether there may be stale markers.
    pub(crate) fn has_stale(&self) -> bool {
        self.flags & STALE != 0
    }

    /// Bits of the greatest integer, where all values are integers below 2^53: sums of few enough are exact.
    pub(crate) fn integer_bits(&self) -> Option<u32> {
        let exceptions = self.exceptions.len();
        is_exact(self.scale, u32::from(self.magnitude), exceptions).then_some(u32::from(self.magnitude))
    }

    /// Sum of the values `from..to` where [`ChunkView::integer_bits`] says that they are integers.
    pub(crate) fn integer_sum(&self, from: usize, to: usize) -> i64 {
        self.values.sum(from, to)
    }

    #[inline]
    fn value_of(&self, k: i64) -> f64 {
        match self.scale {
            0 => k as f64,
            SCALE_BITS => f64::from_bits(ordered(k) as u64),
            scale => k as f64 / power(scale),
        }
    }

    /// Value `i`.
    #[inline]
    pub(crate) fn value(&self, i: usize) -> f64 {
        if !self.exceptions.is_empty()
            && let Some(bits) = self.exception(i)
        {
            return f64::from_bits(bits);
        }
        self.value_of(self.values.at(i))
    }

    fn exception_at(&self, n: usize) -> Option<(usize, u64)> {
        let entry = self.exceptions.get(n * EXCEPTION_BYTES..)?.first_chunk::<EXCEPTION_BYTES>()?;
        let [i0, i1, bits @ ..] = *entry;
        Some((usize::from(u16::from_le_bytes([i0, i1])), u64::from_le_bytes(bits)))
    }

    fn exception(&self, i: usize) -> Option<u64> {
        let (mut low, mut high) = (0, self.exceptions.len() / EXCEPTION_BYTES);
        while low < high {
            let middle = usize::midpoint(low, high);
            let (index, bits) = self.exception_at(middle)?;
            match index.cmp(&i) {
                std::cmp::Ordering::Equal => return Some(bits),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// Appends the values `from..to`.
    pub(crate) fn decode_values(&self, from: usize, to: usize, out: &mut Vec<f64>) {
        let (begin, to) = (out.len(), to.min(self.count));
        out.reserve(to.saturating_sub(from));
        // One loop a scale, so that none decides inside of it.
        match self.scale {
            0 => self.values.for_each(from, to, |k| out.push(k as f64)),
            SCALE_BITS => self.values.for_each(from, to, |k| out.push(f64::from_bits(ordered(k) as u64))),
            scale => {
                let power = power(scale);
                self.values.for_each(from, to, |k| out.push(k as f64 / power));
            }
        }
        for n in 0..self.exceptions.len() / EXCEPTION_BYTES {
            if let Some((i, bits)) = self.exception_at(n)
                && (from..to).contains(&i)
                && let Some(value) = out.get_mut(begin + i - from)
            {
                *value = f64::from_bits(bits);
            }
        }
    }

    /// Appends the samples `from..to`.
    pub(crate) fn decode(&self, from: usize, to: usize, out: &mut Samples) {
        self.times.decode(from, to, &mut out.times_ms);
        self.decode_values(from, to, &mut out.values);
        // With bytes that are not ours the columns might differ.
        let len = out.times_ms.len().min(out.values.len());
        out.times_ms.truncate(len);
        out.values.truncate(len);
    }
}

#[cfg(test)]
mod tests;
