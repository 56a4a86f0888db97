//! The head of a chunk: what it has, and which chunks before it it needs (docs/formats/chunks.md, "Head").

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use std::ops::Range;

use stdx::varint::{put_u64, take_u64};

use super::chunk::SAMPLES_MAX;
use super::meta::VERSION_LONG_HEADS;
use super::scale::{SCALE_BITS, SCALE_MAX};

pub(crate) const RISES: u8 = 1;
pub(crate) const STALE: u8 = 2;
const TIMES_BEFORE: u8 = 4;
/// Before version 3 it said that the head of the values is short, as it has been ever since.
const SHORT: u8 = 8;
const BASE: u8 = 8;
const EXCEPTIONS: u8 = 16;
pub(crate) const STEPS: u8 = 32;
pub(crate) const SUMS: u8 = 64;

pub(crate) const SUM_BYTES: usize = 4;
/// Of versions 1 and 2.
const LONG_BYTES: usize = 20;
pub(crate) const EXCEPTION_BYTES: usize = 10;

/// The part of a block that has chunks, and how it says things.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chunks<'a> {
    /// The block from its beginning, so that places are those of the file.
    pub(crate) bytes: &'a [u8],
    /// The block's version.
    pub(crate) version: u16,
}

impl<'a> Chunks<'a> {
    fn has_long_heads(&self) -> bool {
        self.version <= VERSION_LONG_HEADS
    }

    /// The bytes of the chunk at `at`, as far as its length can be believed.
    pub(crate) fn bounded(&self, at: usize) -> Option<&'a [u8]> {
        let bytes = self.bytes.get(at..)?;
        let mut rest = bytes.get(SUM_BYTES..)?;
        if self.has_long_heads() {
            let len = u32::from_le_bytes(*rest.first_chunk()?) as usize;
            return bytes.get(..len).filter(|chunk| chunk.len() >= LONG_BYTES);
        }
        let len = usize::try_from(take_u64(&mut rest)?).ok()?;
        bytes.get(..(bytes.len() - rest.len()).checked_add(len)?)
    }

    /// Whether the sum of the chunk at `at` is right.
    pub(crate) fn is_sound(&self, at: usize) -> bool {
        let parts = self.bounded(at).and_then(<[u8]>::split_first_chunk::<SUM_BYTES>);
        parts.is_some_and(|(sum, rest)| u32::from_le_bytes(*sum) == crc32c::crc32c(rest))
    }
}

/// Where the times of a chunk are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TimesAt {
    /// So many, in these bytes of the file.
    Own(usize, Range<usize>),
    /// In the chunk that begins there. Up to version 2 a chunk says itself how many of them it has: they are those of that chunk, or
    /// its first, or these and more at the same step.
    Chunk(usize, Option<usize>),
}

/// The head of a chunk. Places are those of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) flags: u8,
    pub(crate) scale: u8,
    /// Bits of the greatest integer.
    pub(crate) magnitude: u8,
    pub(crate) times: TimesAt,
    /// The chunk whose integers are to be added.
    pub(crate) base: Option<usize>,
    pub(crate) values: Range<usize>,
    pub(crate) exceptions: Range<usize>,
    /// Whether the fields before the values are varints.
    pub(crate) is_short: bool,
}

impl Head {
    /// The head of the chunk at `at`; `None` when it does not add up.
    pub(crate) fn parse(chunks: Chunks<'_>, at: usize) -> Option<Self> {
        let chunk = chunks.bounded(at)?;
        let head =
            if chunks.has_long_heads() { Self::parse_long(chunk, at) } else { Self::parse_short(chunk, at) }?;
        let is_known = head.scale <= SCALE_MAX || head.scale == SCALE_BITS;
        let (TimesAt::Own(count, _) | TimesAt::Chunk(_, Some(count))) = head.times else {
            return is_known.then_some(head);
        };
        (is_known && (1..=SAMPLES_MAX).contains(&count)).then_some(head)
    }

    fn parse_long(chunk: &[u8], at: usize) -> Option<Self> {
        let head = chunk.first_chunk::<LONG_BYTES>()?;
        let [.., c0, c1, flags, scale, magnitude, _, e0, e1, v0, v1, v2, v3] = *head;
        let count = usize::from(u16::from_le_bytes([c0, c1]));
        let exceptions = usize::from(u16::from_le_bytes([e0, e1]));
        let values_at = u32::from_le_bytes([v0, v1, v2, v3]) as usize;
        let end = chunk.len().checked_sub(exceptions * EXCEPTION_BYTES).filter(|end| *end >= values_at)?;
        let times = if flags & TIMES_BEFORE == 0 {
            TimesAt::Own(count, at.checked_add(LONG_BYTES)?..at.checked_add(values_at)?)
        } else {
            let distance = u32::from_le_bytes(*chunk.get(LONG_BYTES..)?.first_chunk()?);
            TimesAt::Chunk(at.checked_sub(distance as usize)?, Some(count))
        };
        let is_exact = scale == 0 && exceptions == 0 && u32::from(magnitude) <= super::scale::EXACT_BITS;
        Some(Self {
            flags: flags & (RISES | STALE) | if is_exact { SUMS } else { 0 },
            scale,
            magnitude,
            times,
            base: None,
            values: at + values_at..at + end,
            exceptions: at + end..at + chunk.len(),
            is_short: flags & SHORT != 0,
        })
    }

    fn parse_short(chunk: &[u8], at: usize) -> Option<Self> {
        let mut rest = chunk.get(SUM_BYTES..)?;
        let input = &mut rest;
        take_u64(input)?;
        let (&[flags, scale], after) = input.split_first_chunk()?;
        *input = after;
        let mut take = || usize::try_from(take_u64(input)?).ok();
        let magnitude = if scale == 0 { u8::try_from(take()?).ok()? } else { 64 };
        let exceptions = if flags & EXCEPTIONS == 0 { 0 } else { take()?.checked_mul(EXCEPTION_BYTES)? };
        let where_times = take()?;
        let base = if flags & BASE == 0 { None } else { Some(at.checked_sub(take()?)?) };
        let (times, values_at) = if flags & TIMES_BEFORE == 0 {
            let (mut section, behind) = rest.split_at_checked(where_times)?;
            let count = usize::try_from(take_u64(&mut section)?).ok()?;
            let values_at = at + chunk.len() - behind.len();
            (TimesAt::Own(count, values_at - section.len()..values_at), values_at)
        } else {
            (TimesAt::Chunk(at.checked_sub(where_times)?, None), at + chunk.len() - rest.len())
        };
        let end = (at + chunk.len()).checked_sub(exceptions).filter(|end| *end >= values_at)?;
        let exceptions = end..at + chunk.len();
        Some(Self {
            flags,
            scale,
            magnitude,
            times,
            base,
            values: values_at..end,
            exceptions,
            is_short: true,
        })
    }
}

/// What a head is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewHead<'a> {
    /// Of [`RISES`], [`STALE`], [`STEPS`] and [`SUMS`].
    pub(crate) flags: u8,
    pub(crate) scale: u8,
    pub(crate) magnitude: u32,
    pub(crate) exceptions: usize,
    pub(crate) times: super::lenders::TimesIn<'a>,
    /// How many bytes before this the chunk begins whose integers are to be added.
    pub(crate) base: Option<u64>,
}

impl NewHead<'_> {
    /// Appends what stands between the length and the values, times included.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        use super::lenders::TimesIn;
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        let before = matches!(self.times, TimesIn::Before(_));
        let more = flag(before, TIMES_BEFORE)
            | flag(self.base.is_some(), BASE)
            | flag(self.exceptions > 0, EXCEPTIONS);
        out.extend([self.flags | more, self.scale]);
        if self.scale == 0 {
            put_u64(out, u64::from(self.magnitude));
        }
        if self.exceptions > 0 {
            put_u64(out, self.exceptions as u64);
        }
        match self.times {
            TimesIn::Before(distance) => put_u64(out, u64::from(distance)),
            TimesIn::Own(section) => put_u64(out, section.len() as u64),
        }
        if let Some(distance) = self.base {
            put_u64(out, distance);
        }
        if let TimesIn::Own(section) = self.times {
            out.extend_from_slice(section);
        }
    }
}
