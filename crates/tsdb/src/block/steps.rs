//! Integers of a mini-block by the steps between them, bit plane by bit plane, so that the sum of any first of them is a count
//! of bits: the value at a place needs one read a plane and no loop over what lies before it.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use super::pack::{Line, bits_of, put_packed, read_bits};
use super::values::MINI_LEN;

/// Wider steps are left to lines: a value would take as many reads as the steps have bits.
pub(crate) const STEP_BITS_MAX: u32 = 16;

const _: () = assert!(MINI_LEN == u64::BITS as usize, "a plane is a word");

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

/// What value `j` of `count` is above the line, by `width` planes from bit `at` on.
#[inline]
pub(crate) fn above(bytes: &[u8], at: usize, width: u32, count: usize, j: usize) -> u64 {
    let mask = u64::MAX >> (MINI_LEN - 1 - j.min(MINI_LEN - 1));
    (0..width.min(STEP_BITS_MAX)).fold(0, |sum, p| {
        let plane = read_bits(bytes, at.wrapping_add(p as usize * count), count as u32);
        sum + (u64::from((plane & mask).count_ones()) << p)
    })
}

/// What all `count` values are above the line; those behind are of no meaning.
pub(crate) fn all_above(bytes: &[u8], at: usize, width: u32, count: usize) -> [u64; MINI_LEN] {
    let mut steps = [0u64; MINI_LEN];
    for p in 0..width.min(STEP_BITS_MAX) {
        let plane = read_bits(bytes, at.wrapping_add(p as usize * count), count as u32);
        for (lane, byte) in steps.chunks_exact_mut(8).zip(plane.to_le_bytes()) {
            for (j, step) in lane.iter_mut().enumerate() {
                *step |= u64::from(byte >> j & 1) << p;
            }
        }
    }
    let mut sum = 0;
    for step in &mut steps {
        sum += *step;
        *step = sum;
    }
    steps
}
