//! The chunk of blocks: written once, read at any place without decoding the rest (docs/formats/chunks.md).
//!
//! [`put_chunk`] writes, [`damage`] checks the sums, [`ChunkView`] reads. Reading never panics whatever the bytes.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use stdx::varint;
use storage::Samples;

use super::head::{Chunks, EXCEPTION_BYTES, Head, NewHead, RISES, STALE, STEPS, SUM_BYTES, SUMS, TimesAt};
use super::lenders::{TimesIn, put_section};
use super::pack::bits_of;
use super::scale::{EXACT_BITS, SCALE_BITS, Scaled, ordered, power};
use super::times::Times;
use super::values::{Draft, Kind, Values};
use crate::bench::ChunkBytes;

/// Samples of a chunk: so many that its head is nothing, so few that damage costs less than a day at 15 s.
pub(crate) const SAMPLES_MAX: usize = 4096;

const _: () = assert!(SAMPLES_MAX <= u16::MAX as usize);

/// The chunk that another may build on: how many bytes before, and its integers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Base<'a> {
    pub(crate) distance: u64,
    pub(crate) integers: &'a [i64],
}

/// Appends the chunk of these values, from 1 to [`SAMPLES_MAX`], whose times are in `times`. Whether it builds on the base
/// comes back; it does where that is shorter.
pub(crate) fn put_chunk(
    times: TimesIn<'_>,
    values: &[f64],
    scaled: &Scaled,
    base: Option<Base<'_>>,
    out: &mut Vec<u8>,
) -> bool {
    assert!((1..=SAMPLES_MAX).contains(&values.len()), "{} samples", values.len());
    let (mut above, base) = (Vec::new(), base.filter(|base| base.integers.len() == values.len()));
    let (base, draft) = match base {
        Some(base) => {
            let pairs = scaled.integers.iter().zip(base.integers);
            above.extend(pairs.map(|(k, of_base)| k.wrapping_sub(*of_base)));
            shorter(&scaled.integers, &above, base.distance)
        }
        None => (None, Draft::of(&scaled.integers)),
    };
    let (flags, magnitude) = (flags_of(values), magnitude(scaled));
    let is_exact = is_exact(scaled.scale, magnitude, scaled.exceptions.len());
    // Nobody sums up a counter; where it keeps to lines, sums take little, and most often nothing.
    let with_sums = is_exact && base.is_none() && (flags & RISES == 0 || draft.kind == Kind::Lines);
    let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
    let head = NewHead {
        flags: flags | flag(draft.kind == Kind::Steps, STEPS) | flag(with_sums, SUMS),
        scale: scaled.scale,
        magnitude,
        exceptions: scaled.exceptions.len(),
        times,
        base,
    };
    let mut body = Vec::with_capacity(values.len());
    head.put(&mut body);
    draft.put(with_sums, &mut body);
    for (i, bits) in &scaled.exceptions {
        body.extend_from_slice(&i.to_le_bytes());
        body.extend_from_slice(&bits.to_le_bytes());
    }
    seal(&body, out);
    base.is_some()
}

/// The integers as they are, or what is above a base that is so far away, whichever is shorter.
fn shorter<'a>(own: &'a [i64], above: &'a [i64], distance: u64) -> (Option<u64>, Draft<'a>) {
    let on_base = Draft::of(above);
    // What does not change at all is as short by itself.
    if on_base.is_straight() && own.first() != own.last() {
        return (Some(distance), on_base);
    }
    let own = Draft::of(own);
    if on_base.bits() + 8 * varint::len_u64(distance) < own.bits() {
        (Some(distance), on_base)
    } else {
        (None, own)
    }
}

/// Appends sum, length and body.
fn seal(body: &[u8], out: &mut Vec<u8>) {
    let begin = out.len();
    out.extend([0; SUM_BYTES]);
    varint::put_u64(out, body.len() as u64);
    out.extend_from_slice(body);
    let sum = crc32c::crc32c(out.get(begin + SUM_BYTES..).unwrap_or_default());
    if let Some(place) = out.get_mut(begin..).and_then(<[u8]>::first_chunk_mut) {
        *place = sum.to_le_bytes();
    }
}

/// Appends a chunk that has its times itself, whatever others have, and builds on none.
pub(crate) fn put_alone(times_ms: &[i64], values: &[f64], out: &mut Vec<u8>) {
    let mut section = Vec::new();
    put_section(times_ms, &mut section);
    put_chunk(TimesIn::Own(&section), values, &Scaled::of(values), None, out);
}

fn flags_of(values: &[f64]) -> u8 {
    let rises =
        values.iter().all(|v| !v.is_nan()) && values.iter().zip(values.iter().skip(1)).all(|(a, b)| a <= b);
    let stale = values.iter().any(|value| model::is_stale(*value));
    (if rises { RISES } else { 0 }) | (if stale { STALE } else { 0 })
}

/// Bits of the greatest integer.
fn magnitude(scaled: &Scaled) -> u32 {
    if scaled.scale == SCALE_BITS {
        return 64;
    }
    scaled.integers.iter().map(|k| bits_of(k.unsigned_abs())).max().unwrap_or(0)
}

fn is_exact(scale: u8, magnitude: u32, exceptions: usize) -> bool {
    scale == 0 && magnitude <= EXACT_BITS && exceptions == 0
}

/// Where a damaged chunk begins that the chunk at `at` needs: itself, or one that has its times or that it builds on. `None`
/// when the sums of all it needs are right.
pub(crate) fn damage(chunks: Chunks<'_>, at: usize) -> Option<usize> {
    if !chunks.is_sound(at) {
        return Some(at);
    }
    let head = Head::parse(chunks, at)?;
    let lender = match head.times {
        TimesAt::Chunk(lender, _) => Some(lender),
        TimesAt::Own(..) => None,
    };
    lender.into_iter().chain(head.base).find(|needed| !chunks.is_sound(*needed))
}

/// What the parts of the chunk at `at` take.
pub(crate) fn parts(chunks: Chunks<'_>, at: usize) -> Option<ChunkBytes> {
    let (view, head) = (ChunkView::parse(chunks, at)?, Head::parse(chunks, at)?);
    let times = match &head.times {
        TimesAt::Own(_, section) => section.len(),
        // A distance, at least where it is not one of four bytes.
        TimesAt::Chunk(lender, _) => varint::len_u64((at - lender) as u64),
    };
    let residuals = view.values.data_bytes();
    Some(ChunkBytes {
        head: (head.values.start - at - times) as u64,
        times: times as u64,
        minis: (head.values.len() - residuals) as u64,
        values: (residuals + head.exceptions.len()) as u64,
    })
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
    /// What is to be added to the integers.
    base: Option<Values<'a>>,
    exceptions: &'a [u8],
}

fn kind_of(flags: u8) -> Kind {
    if flags & STEPS != 0 { Kind::Steps } else { Kind::Lines }
}

impl<'a> ChunkView<'a> {
    /// The chunk at `at`; `None` when there is none. Sums are not looked at.
    pub(crate) fn parse(chunks: Chunks<'a>, at: usize) -> Option<Self> {
        let head = Head::parse(chunks, at)?;
        let (times, own_count) = match head.times.clone() {
            own @ TimesAt::Own(..) => (own, None),
            TimesAt::Chunk(lender, own_count) => (Head::parse(chunks, lender)?.times, own_count),
        };
        // Who has borrowed lends to nobody.
        let TimesAt::Own(count, section) = times else { return None };
        let count = own_count.unwrap_or(count);
        let exceptions = chunks.bytes.get(head.exceptions.clone())?;
        if exceptions.len() / EXCEPTION_BYTES > count {
            return None;
        }
        let values = |head: &Head| {
            Values::parse(chunks.bytes.get(head.values.clone())?, count, kind_of(head.flags), head.is_short)
        };
        let base = match head.base {
            Some(at) => {
                let head = Head::parse(chunks, at).filter(|head| head.base.is_none())?;
                Some(values(&head)?)
            }
            None => None,
        };
        Some(Self {
            count,
            flags: head.flags,
            scale: head.scale,
            magnitude: head.magnitude,
            times: Times::parse(chunks.bytes.get(section)?, count)?,
            values: values(&head)?,
            base,
            exceptions,
        })
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

    /// Whether [`ChunkView::integer_sum`] looks sums up instead of adding them.
    pub(crate) fn has_sums(&self) -> bool {
        self.flags & SUMS != 0 && self.base.is_none()
    }

    /// Sum of the values `from..to` where [`ChunkView::integer_bits`] says that they are integers.
    pub(crate) fn integer_sum(&self, from: usize, to: usize) -> i64 {
        if self.has_sums() {
            return self.values.sum(from, to);
        }
        self.integers(from, to).iter().fold(0, |sum, k| sum.wrapping_add(*k))
    }

    /// The integers `from..to`.
    fn integers(&self, from: usize, to: usize) -> Vec<i64> {
        let mut integers = Vec::with_capacity(to.min(self.count).saturating_sub(from));
        self.values.for_each(from, to, |k| integers.push(k));
        if let Some(base) = self.base {
            let mut all = integers.iter_mut();
            base.for_each(from, to, |of_base| {
                if let Some(k) = all.next() {
                    *k = k.wrapping_add(of_base);
                }
            });
        }
        integers
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
        let own = self.values.at(i);
        self.value_of(self.base.map_or(own, |base| own.wrapping_add(base.at(i))))
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
        match (self.base, self.scale) {
            (Some(_), _) => out.extend(self.integers(from, to).into_iter().map(|k| self.value_of(k))),
            (None, 0) => self.values.for_each(from, to, |k| out.push(k as f64)),
            (None, SCALE_BITS) => {
                self.values.for_each(from, to, |k| out.push(f64::from_bits(ordered(k) as u64)));
            }
            (None, scale) => {
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
