//! The chunk of blocks: written once, read at any place without decoding the rest (docs/formats/chunks.md).
//!
//! [`put_chunk`] writes, [`damage`] checks the sums, [`ChunkView`] reads. Reading never panics whatever the bytes.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use storage::Samples;

use super::lenders::TimesIn;
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
const TIMES_BEFORE: u8 = 4;
const SHORT: u8 = 8;

const _: () = assert!(SAMPLES_MAX <= u16::MAX as usize);

/// Appends the chunk of these values, from 1 to [`SAMPLES_MAX`], whose times are in `times`.
pub(crate) fn put_chunk(times: TimesIn<'_>, values: &[f64], out: &mut Vec<u8>) {
    assert!((1..=SAMPLES_MAX).contains(&values.len()), "{} samples", values.len());
    let scaled = Scaled::of(values);
    let magnitude = scaled.integers.iter().map(|k| bits_of(k.unsigned_abs())).max().unwrap_or(0);
    let magnitude = if scaled.scale == SCALE_BITS { 64 } else { magnitude };
    let with_sums = is_exact(scaled.scale, magnitude, scaled.exceptions.len());
    let begin = out.len();
    out.resize(begin + HEAD_BYTES, 0);
    let mut flags = flags_of(values) | SHORT;
    match times {
        TimesIn::Own(section) => out.extend_from_slice(section),
        TimesIn::Before(distance) => {
            flags |= TIMES_BEFORE;
            out.extend_from_slice(&distance.to_le_bytes());
        }
    }
    let values_at = out.len() - begin;
    put_values(&scaled.integers, with_sums, out);
    for (i, bits) in &scaled.exceptions {
        out.extend_from_slice(&i.to_le_bytes());
        out.extend_from_slice(&bits.to_le_bytes());
    }
    let mut head = Vec::with_capacity(HEAD_BYTES - 4);
    head.extend_from_slice(&((out.len() - begin) as u32).to_le_bytes());
    head.extend_from_slice(&(values.len() as u16).to_le_bytes());
    head.extend_from_slice(&[flags, scaled.scale, magnitude as u8, 0]);
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

/// Appends a chunk that has its times itself, whatever others have.
pub(crate) fn put_alone(times_ms: &[i64], values: &[f64], out: &mut Vec<u8>) {
    let mut section = Vec::new();
    put_times(times_ms, &mut section);
    put_chunk(TimesIn::Own(&section), values, out);
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

/// The bytes of the chunk at `at` in `block`, as far as its length can be believed.
pub(crate) fn bounded(block: &[u8], at: usize) -> Option<&[u8]> {
    let bytes = block.get(at..)?;
    let len = u32::from_le_bytes(*bytes.get(4..)?.first_chunk::<4>()?) as usize;
    bytes.get(..len).filter(|chunk| chunk.len() >= HEAD_BYTES)
}

/// Where the chunk begins that has the times of the one at `at`: itself, or one before.
fn lender(chunk: &[u8], at: usize) -> Option<usize> {
    if chunk.get(10)? & TIMES_BEFORE == 0 {
        return Some(at);
    }
    let distance = u32::from_le_bytes(*chunk.get(HEAD_BYTES..)?.first_chunk()?);
    at.checked_sub(distance as usize)
}

/// Where a damaged chunk begins that the chunk at `at` needs: itself, or the one that has its times. `None` when the sums of
/// all it needs are right.
pub(crate) fn damage(block: &[u8], at: usize) -> Option<usize> {
    let is_sound = |at| {
        let (sum, rest) = bounded(block, at)?.split_first_chunk::<4>()?;
        Some(u32::from_le_bytes(*sum) == crc32c::crc32c(rest))
    };
    if is_sound(at) != Some(true) {
        return Some(at);
    }
    let lender = bounded(block, at).and_then(|chunk| lender(chunk, at)).unwrap_or(at);
    (lender != at && is_sound(lender) != Some(true)).then_some(lender)
}

/// The times of the chunk at `at`, which has them itself.
fn times_section(block: &[u8], at: usize) -> Option<&[u8]> {
    let chunk = bounded(block, at)?;
    let values_at = u32::from_le_bytes(*chunk.get(16..)?.first_chunk()?) as usize;
    if chunk.get(10)? & TIMES_BEFORE == 0 { chunk.get(HEAD_BYTES..values_at) } else { None }
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
    /// The chunk at `at` in `block`; `None` when there is none. Sums are not looked at.
    pub(crate) fn parse(block: &'a [u8], at: usize) -> Option<Self> {
        let chunk = bounded(block, at)?;
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
        let times = Times::parse(times_section(block, lender(chunk, at)?)?, count)?;
        let values = Values::parse(chunk.get(values_at..end)?, count, flags & SHORT != 0)?;
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
