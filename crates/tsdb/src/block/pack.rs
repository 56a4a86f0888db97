//! Arrays of integers of one width, packed bit by bit, each readable by itself (docs/formats/chunks.md, "Packed").

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

/// Bytes that `count` values of `width` bits take.
pub(crate) fn packed_bytes(count: usize, width: u32) -> usize {
    (count * width as usize).div_ceil(8)
}

/// Bits that `value` needs.
pub(crate) fn bits_of(value: u64) -> u32 {
    64 - value.leading_zeros()
}

/// Appends `values` of `width` bits each, padded to a byte.
pub(crate) fn put_packed(values: impl Iterator<Item = u64>, width: u32, out: &mut Vec<u8>) {
    let (mut word, mut used) = (0u128, 0u32);
    if width == 0 {
        return;
    }
    for value in values {
        word |= u128::from(value) << used;
        used += width;
        while used >= 8 {
            out.push(word as u8);
            word >>= 8;
            used -= 8;
        }
    }
    if used > 0 {
        out.push(word as u8);
    }
}

/// The `width` bits (at most 64) from bit `at` on; bits beyond the end are 0.
#[inline]
pub(crate) fn read_bits(bytes: &[u8], at: usize, width: u32) -> u64 {
    if width == 0 {
        return 0;
    }
    let (byte, shift) = (at >> 3, (at & 7) as u32);
    let mask = u64::MAX >> (64 - width);
    let Some(word) = bytes.get(byte..).and_then(<[u8]>::first_chunk::<8>) else {
        return read_end(bytes, byte, shift) & mask;
    };
    let low = u64::from_le_bytes(*word) >> shift;
    if shift + width <= 64 {
        return low & mask;
    }
    let high = bytes.get(byte + 8).copied().unwrap_or(0);
    (low | u64::from(high) << (64 - shift)) & mask
}

/// As above for the last seven bytes, where a whole word cannot be read.
#[cold]
fn read_end(bytes: &[u8], byte: usize, shift: u32) -> u64 {
    let rest = bytes.get(byte..).unwrap_or_default();
    let word = rest.iter().take(8).enumerate().fold(0u64, |word, (i, b)| word | u64::from(*b) << (8 * i));
    word >> shift
}

/// Calls `take` with `count` values of `width` bits from bit `at` on, in order.
#[inline]
pub(crate) fn for_each_packed(bytes: &[u8], at: usize, width: u32, count: usize, mut take: impl FnMut(u64)) {
    let mut at = at;
    for _ in 0..count {
        take(read_bits(bytes, at, width));
        at = at.wrapping_add(width as usize);
    }
}

/// A line through values and the width of what remains above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) base: i64,
    pub(crate) slope: i64,
    pub(crate) width: u32,
}

impl Line {
    /// The value of the line at `i`.
    #[inline]
    pub(crate) fn at(&self, i: usize) -> i64 {
        self.base.wrapping_add(self.slope.wrapping_mul(i as i64))
    }

    /// What `value` at `i` is above the line.
    #[inline]
    pub(crate) fn above(&self, i: usize, value: i64) -> u64 {
        value.wrapping_sub(self.at(i)) as u64
    }

    /// The line of this slope that has all values on or above it.
    pub(crate) fn below(values: &[i64], slope: i64) -> Self {
        let (mut low, mut high) = (i64::MAX, i64::MIN);
        let mut line = 0i64;
        for value in values {
            let rest = value.wrapping_sub(line);
            (low, high) = (low.min(rest), high.max(rest));
            line = line.wrapping_add(slope);
        }
        Self { base: low, slope, width: bits_of(high.wrapping_sub(low) as u64) }
    }

    /// The slope from the first value to the last.
    pub(crate) fn slope_of(values: &[i64]) -> i64 {
        match values {
            [first, .., last] => last.checked_sub(*first).map_or(0, |rise| rise / (values.len() as i64 - 1)),
            _ => 0,
        }
    }

    /// The flat line or that from the first value to the last, whichever leaves less.
    pub(crate) fn fit(values: &[i64]) -> Self {
        Self::below(values, 0).or_steeper(values)
    }

    /// This line, or that from the first value to the last where it leaves less.
    pub(crate) fn or_steeper(self, values: &[i64]) -> Self {
        if self.width == 0 {
            return self;
        }
        let sloping = Self::below(values, Self::slope_of(values));
        if sloping.width < self.width { sloping } else { self }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_packed_can_be_read(values in prop::collection::vec(any::<u64>(), 0..70), width in 0..=64u32) {
            let cut = |v: u64| if width == 0 { 0 } else { v & (u64::MAX >> (64 - width)) };
            let mut bytes = vec![0xff];
            put_packed(values.iter().map(|v| cut(*v)), width, &mut bytes);
            prop_assert_eq!(bytes.len(), 1 + packed_bytes(values.len(), width));
            for (i, value) in values.iter().enumerate() {
                prop_assert_eq!(read_bits(&bytes[1..], i * width as usize, width), cut(*value));
            }
            let mut all = Vec::new();
            for_each_packed(&bytes[1..], 0, width, values.len(), |v| all.push(v));
            prop_assert_eq!(all, values.iter().map(|v| cut(*v)).collect::<Vec<_>>());
            read_bits(&bytes, 10_000, width);
        }

        #[test]
        fn a_line_leaves_what_brings_the_values_back(values in prop::collection::vec(any::<i64>(), 1..70)) {
            let line = Line::fit(&values);
            for (i, value) in values.iter().enumerate() {
                let above = line.above(i, *value);
                prop_assert!(bits_of(above) <= line.width);
                prop_assert_eq!(line.at(i).wrapping_add(above as i64), *value);
            }
        }
    }
}
