//! Integers of a mini-block by the steps between them, bit plane by bit plane, so that the sum of any first of them is a count
//! of bits: the value at a place needs one read a plane and no loop over what lies before it.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use super::pack::{Line, bits_of, put_packed, read_bits};
use super::values::MINI_LEN;

/// Wider steps are left to lines: a value would take as many reads as the steps have bits.
pub(crate) const STEP_BITS_MAX: u32 = 16;

const _: () = assert!(MINI_LEN == u64::BITS as usize, "a plane is a word");
const _: () = assert!(STEP_BITS_MAX <= 16, "a step is two bytes");

/// The line through the first value whose slope is the smallest step; its width is that of what the other steps have above
/// it. Of one value any slope will do: `slope`.
pub(crate) fn line(values: &[i64], slope: i64) -> Line {
    let (mut least, mut greatest) = (i64::MAX, i64::MIN);
    for (a, b) in values.iter().zip(values.iter().skip(1)) {
        let step = b.wrapping_sub(*a);
        (least, greatest) = (least.min(step), greatest.max(step));
    }
    let base = values.first().copied().unwrap_or(0);
    if least > greatest {
        return Line { base, slope, width: 0 };
    }
    Line { base, slope: least, width: bits_of(greatest.wrapping_sub(least) as u64) }
}

/// Appends the planes of a mini-block, from the lowest, a bit a value in each.
pub(crate) fn put_planes(values: &[i64], line: &Line, out: &mut Vec<u8>) {
    let mut steps = [0u64; MINI_LEN];
    let pairs = values.iter().zip(values.iter().skip(1));
    for (step, (a, b)) in steps.iter_mut().skip(1).zip(pairs) {
        *step = b.wrapping_sub(*a).wrapping_sub(line.slope) as u64;
    }
    let plane = |p: u32| steps.iter().rev().fold(0, |plane, step| plane << 1 | (step >> p & 1));
    put_packed((0..line.width).map(plane), values.len() as u32, out);
}

/// Plane `p` of `count` values whose planes begin at bit `at`.
#[inline]
fn plane(bytes: &[u8], at: usize, count: usize, p: u32) -> u64 {
    if count == MINI_LEN {
        // Whole mini-blocks, which are nearly all, begin at a byte.
        let word = bytes.get(at / 8 + 8 * p as usize..).and_then(<[u8]>::first_chunk);
        return word.map_or(0, |word| u64::from_le_bytes(*word));
    }
    read_bits(bytes, at.wrapping_add(p as usize * count), count as u32)
}

/// What value `j` of `count` is above the line, by `width` planes from bit `at` on, which is that of a byte.
#[inline]
pub(crate) fn above(bytes: &[u8], at: usize, width: u32, count: usize, j: usize) -> u64 {
    let mask = u64::MAX >> (MINI_LEN - 1 - j.min(MINI_LEN - 1));
    (0..width.min(STEP_BITS_MAX))
        .fold(0, |sum, p| sum + (u64::from((plane(bytes, at, count, p) & mask).count_ones()) << p))
}

/// The bits of a byte as a byte each.
#[inline]
fn spread(bits: u8) -> u64 {
    let each = u64::from(bits).wrapping_mul(0x0101_0101_0101_0101) & 0x8040_2010_0804_0201;
    ((each + 0x7f7f_7f7f_7f7f_7f7f) >> 7) & 0x0101_0101_0101_0101
}

/// What all `count` values are above the line; those behind are of no meaning.
pub(crate) fn all_above(bytes: &[u8], at: usize, width: u32, count: usize) -> [u64; MINI_LEN] {
    // A byte a step for the lower eight planes, and for the upper ones.
    let (mut low, mut high) = ([0u64; 8], [0u64; 8]);
    for p in 0..width.min(STEP_BITS_MAX) {
        let steps = if p < 8 { &mut low } else { &mut high };
        for (eight, bits) in steps.iter_mut().zip(plane(bytes, at, count, p).to_le_bytes()) {
            *eight |= spread(bits) << (p % 8);
        }
    }
    let mut all = [0u64; MINI_LEN];
    let mut sum = 0;
    for (eight, (low, high)) in all.chunks_exact_mut(8).zip(low.into_iter().zip(high)) {
        for (above, (low, high)) in
            eight.iter_mut().zip(low.to_le_bytes().into_iter().zip(high.to_le_bytes()))
        {
            sum += u64::from(low) | u64::from(high) << 8;
            *above = sum;
        }
    }
    all
}
