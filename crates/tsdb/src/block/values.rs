//! Integers of a chunk in mini-blocks: a line each, and what is above it, packed; readable at any place.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use stdx::varint::{put_i64, take_i64};

use super::pack::{Line, bits_of, for_each_packed, packed_bytes, put_packed, read_bits};
use super::steps::{self, STEP_BITS_MAX};

/// Values of a mini-block: with fewer, the lines take more than they save; with more, one outlier costs more.
pub(crate) const MINI_LEN: usize = 64;
/// Steps are taken where they save more than one of so many bits: to read them takes longer, the more so the wider they are,
/// and then they save least.
const STEPS_SAVE_PART: usize = 8;
/// Widths of what lies before the residuals.
const WIDTHS_BYTES: usize = 4;

/// How the mini-blocks of a chunk say what is above their lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Each value by itself.
    Lines,
    /// By the steps between them.
    Steps,
}

/// Integers on their way into a chunk: the lines of their mini-blocks.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    values: &'a [i64],
    lines: Vec<Line>,
    pub(crate) kind: Kind,
    bits: usize,
}

impl<'a> Draft<'a> {
    /// The shorter way.
    pub(crate) fn of(values: &'a [i64]) -> Self {
        let lines = Self::with(values, Kind::Lines, lines(values));
        if lines.is_straight() {
            return lines;
        }
        let mut slope = 0;
        let steps = values.chunks(MINI_LEN).map(|mini| {
            let line = steps::line(mini, slope);
            slope = line.slope;
            line
        });
        let steps = Self::with(values, Kind::Steps, steps.collect());
        let is_narrow = steps.lines.iter().all(|line| line.width <= STEP_BITS_MAX);
        let saved = lines.bits.saturating_sub(steps.bits);
        if is_narrow && saved * STEPS_SAVE_PART > lines.bits { steps } else { lines }
    }

    fn with(values: &'a [i64], kind: Kind, lines: Vec<Line>) -> Self {
        let (refs, slopes) = heads(&lines);
        let minis = lines.len() * (refs.width + slopes.width) as usize;
        let above = values.chunks(MINI_LEN).zip(&lines).map(|(mini, line)| mini.len() * line.width as usize);
        let bits = minis + above.sum::<usize>();
        Self { values, lines, kind, bits }
    }

    /// Bits that it takes, beside what all take.
    pub(crate) fn bits(&self) -> usize {
        self.bits
    }

    /// Whether nothing is above the lines, so that sums take nothing either.
    pub(crate) fn is_straight(&self) -> bool {
        self.lines.iter().all(|line| line.width == 0)
    }

    /// Appends the values section without exceptions; with sums where asked.
    pub(crate) fn put(&self, with_sums: bool, out: &mut Vec<u8>) {
        let minis = || self.values.chunks(MINI_LEN).zip(&self.lines);
        let sums: Vec<u64> =
            if with_sums { minis().map(|(v, line)| residuals(v, line).sum()).collect() } else { Vec::new() };
        let (refs, slope) = heads(&self.lines);
        let mut end = 0;
        let ends: Vec<u64> = self
            .lines
            .iter()
            .map(|line| {
                end += u64::from(line.width);
                end
            })
            .collect();
        let sum_width = sums.iter().copied().map(bits_of).max().unwrap_or(0);
        let end_width = bits_of(end);
        [refs.base, refs.slope, slope.base].iter().for_each(|field| put_i64(out, *field));
        out.extend([refs.width, slope.width, sum_width, end_width].map(|width| width as u8));
        let bases = self.lines.iter().enumerate().map(|(b, line)| refs.above(b, line.base));
        put_packed(bases, refs.width, out);
        put_packed(self.lines.iter().map(|line| slope.above(0, line.slope)), slope.width, out);
        put_packed(sums.into_iter(), sum_width, out);
        put_packed(ends.into_iter(), end_width, out);
        minis().for_each(|(mini, line)| match self.kind {
            Kind::Lines => put_packed(residuals(mini, line), line.width, out),
            Kind::Steps => steps::put_planes(mini, line, out),
        });
    }
}

/// The lines through where the lines of mini-blocks begin, and through their slopes.
fn heads(lines: &[Line]) -> (Line, Line) {
    let bases: Vec<i64> = lines.iter().map(|line| line.base).collect();
    let slopes: Vec<i64> = lines.iter().map(|line| line.slope).collect();
    (Line::fit(&bases), Line::below(&slopes, 0))
}

fn residuals<'a>(mini: &'a [i64], line: &'a Line) -> impl Iterator<Item = u64> + 'a {
    mini.iter().enumerate().map(|(j, value)| line.above(j, *value))
}

/// The line of each mini-block: sloping ones only where they save more bits than they take.
fn lines(values: &[i64]) -> Vec<Line> {
    let flat: Vec<Line> = values.chunks(MINI_LEN).map(|mini| Line::below(mini, 0)).collect();
    let bits = |lines: &[Line]| lines.iter().map(|line| line.width as usize * MINI_LEN).sum::<usize>();
    if bits(&flat) == 0 {
        return flat;
    }
    let best = values.chunks(MINI_LEN).zip(&flat).map(|(mini, flat)| flat.or_steeper(mini));
    let best: Vec<Line> = best.collect();
    let slopes: Vec<i64> = best.iter().map(|line| line.slope).collect();
    let taken = Line::below(&slopes, 0).width as usize * best.len();
    if bits(&best) + taken < bits(&flat) { best } else { flat }
}

/// As version 1 has the fields of the head.
fn take_fixed(input: &mut &[u8]) -> Option<i64> {
    let (field, rest) = input.split_first_chunk()?;
    *input = rest;
    Some(i64::from_le_bytes(*field))
}

/// The values section, to be read at any place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Values<'a> {
    count: usize,
    kind: Kind,
    refs: Line,
    slope_base: i64,
    slope_width: u32,
    sum_width: u32,
    end_width: u32,
    ref_bytes: &'a [u8],
    slope_bytes: &'a [u8],
    sum_bytes: &'a [u8],
    end_bytes: &'a [u8],
    data: &'a [u8],
}

/// A mini-block: its line, and where its bits begin.
#[derive(Debug, Clone, Copy)]
struct Mini {
    line: Line,
    at_bit: usize,
    /// Values that it has.
    len: usize,
}

impl<'a> Values<'a> {
    /// The section in these bytes; `None` when they are none. Its head is `is_short` since version 2.
    pub(crate) fn parse(mut bytes: &'a [u8], count: usize, kind: Kind, is_short: bool) -> Option<Self> {
        let mut field = || if is_short { take_i64(&mut bytes) } else { take_fixed(&mut bytes) };
        let (ref_base, ref_slope, slope_base) = (field()?, field()?, field()?);
        let (widths, rest) = bytes.split_first_chunk::<WIDTHS_BYTES>()?;
        let [ref_width, slope_width, sum_width, end_width] = widths.map(u32::from);
        if [ref_width, slope_width, sum_width, end_width].iter().any(|width| *width > 64) {
            return None;
        }
        let minis = count.div_ceil(MINI_LEN);
        let (ref_bytes, rest) = rest.split_at_checked(packed_bytes(minis, ref_width))?;
        let (slope_bytes, rest) = rest.split_at_checked(packed_bytes(minis, slope_width))?;
        let (sum_bytes, rest) = rest.split_at_checked(packed_bytes(minis, sum_width))?;
        let (end_bytes, data) = rest.split_at_checked(packed_bytes(minis, end_width))?;
        let refs = Line { base: ref_base, slope: ref_slope, width: ref_width };
        Some(Self {
            count,
            kind,
            refs,
            slope_base,
            slope_width,
            sum_width,
            end_width,
            ref_bytes,
            slope_bytes,
            sum_bytes,
            end_bytes,
            data,
        })
    }

    /// Bytes of the residuals.
    pub(crate) fn data_bytes(&self) -> usize {
        self.data.len()
    }

    #[inline]
    fn mini(&self, b: usize) -> Mini {
        let packed = |bytes, width: u32| read_bits(bytes, b * width as usize, width);
        let base = self.refs.at(b).wrapping_add(packed(self.ref_bytes, self.refs.width) as i64);
        let slope = self.slope_base.wrapping_add(packed(self.slope_bytes, self.slope_width) as i64);
        let end = packed(self.end_bytes, self.end_width);
        let begin = match b.checked_sub(1) {
            None => 0,
            Some(before) => read_bits(self.end_bytes, before * self.end_width as usize, self.end_width),
        };
        // More than 64 bits, or an end before the beginning, are no bytes of ours; zeros are as good as anything.
        let width =
            end.checked_sub(begin).and_then(|w| u32::try_from(w).ok()).filter(|w| *w <= 64).unwrap_or(0);
        Mini {
            line: Line { base, slope, width },
            at_bit: (begin as usize).wrapping_mul(MINI_LEN),
            len: MINI_LEN.min(self.count.saturating_sub(b * MINI_LEN)),
        }
    }

    /// Value `i`.
    #[inline]
    pub(crate) fn at(&self, i: usize) -> i64 {
        let (mini, j) = (self.mini(i / MINI_LEN), i % MINI_LEN);
        let above = match self.kind {
            Kind::Lines => {
                read_bits(self.data, mini.at_bit.wrapping_add(j * mini.line.width as usize), mini.line.width)
            }
            Kind::Steps => steps::above(self.data, mini.at_bit, mini.line.width, mini.len, j),
        };
        mini.line.at(j).wrapping_add(above as i64)
    }

    /// Calls `take` with the values `from..to`, in order.
    #[inline]
    pub(crate) fn for_each(&self, from: usize, to: usize, mut take: impl FnMut(i64)) {
        let (mut at, to) = (from, to.min(self.count));
        while at < to {
            let (b, j) = (at / MINI_LEN, at % MINI_LEN);
            let count = (MINI_LEN - j).min(to - at);
            let mini = self.mini(b);
            let mut line = mini.line.at(j);
            let mut take = |above: u64| {
                take(line.wrapping_add(above as i64));
                line = line.wrapping_add(mini.line.slope);
            };
            match self.kind {
                Kind::Lines => {
                    let at_bit = mini.at_bit.wrapping_add(j * mini.line.width as usize);
                    for_each_packed(self.data, at_bit, mini.line.width, count, take);
                }
                Kind::Steps => {
                    let all = steps::all_above(self.data, mini.at_bit, mini.line.width, mini.len);
                    all.iter().skip(j).take(count).for_each(|above| take(*above));
                }
            }
            at += count;
        }
    }

    /// The sum of the values `from..to`, from the sums of whole mini-blocks where they lie inside; wrapping.
    pub(crate) fn sum(&self, from: usize, to: usize) -> i64 {
        let to = to.min(self.count);
        let (first, last) = (from.div_ceil(MINI_LEN), to / MINI_LEN);
        let mut sum = 0i64;
        if first >= last {
            self.for_each(from, to, |value| sum = sum.wrapping_add(value));
            return sum;
        }
        self.for_each(from, first * MINI_LEN, |value| sum = sum.wrapping_add(value));
        for b in first..last {
            let line = self.mini(b).line;
            let above = read_bits(self.sum_bytes, b * self.sum_width as usize, self.sum_width) as i64;
            let len = MINI_LEN as i64;
            let ramp = line.slope.wrapping_mul(len * (len - 1) / 2);
            sum = sum.wrapping_add(line.base.wrapping_mul(len)).wrapping_add(ramp).wrapping_add(above);
        }
        self.for_each(last * MINI_LEN, to, |value| sum = sum.wrapping_add(value));
        sum
    }
}
