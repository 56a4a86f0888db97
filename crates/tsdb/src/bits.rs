//! Single bits into bytes and out again, highest first.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

/// How much a buffer grows at a time: as the allocator's sizes do.
const GROWTH_BYTES: usize = 32;
/// What a buffer begins with: the first sample of a chunk and some that hardly differ.
const FIRST_BYTES: usize = 32;

/// Appends bits to bytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    /// Bits of the last byte that are not yet used.
    free: u8,
}

impl BitWriter {
    /// A writer that goes on behind whole bytes.
    pub(crate) fn after(begin: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(FIRST_BYTES.max(begin.len()));
        bytes.extend_from_slice(begin);
        Self { bytes, free: 0 }
    }

    /// A writer that goes on behind the first `bits` bits of `bytes`; `None` when these do not end within the last byte.
    pub(crate) fn resume(begin: &[u8], bits: usize) -> Option<Self> {
        let free = u8::try_from((begin.len() * 8).checked_sub(bits)?).ok().filter(|free| *free < 8)?;
        let mut bytes = Vec::with_capacity(begin.len().next_multiple_of(GROWTH_BYTES));
        bytes.extend_from_slice(begin);
        // What is put there is added to what is there.
        *bytes.last_mut()? &= u8::MAX << free;
        Some(Self { bytes, free })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Appends the lowest `count` bits of `value`, from 1 to 64.
    #[inline]
    pub(crate) fn put(&mut self, value: u64, count: u32) {
        let word = value << (64 - count);
        let free = u32::from(self.free);
        if free > 0
            && let Some(last) = self.bytes.last_mut()
        {
            *last |= (word >> (64 - free)) as u8;
        }
        if count <= free {
            self.free = (free - count) as u8;
            return;
        }
        let left = count - free;
        let bytes = left.div_ceil(8);
        // In small steps: doubling would leave a third of all open chunks' memory unused.
        if self.bytes.capacity() - self.bytes.len() < bytes as usize {
            self.bytes.reserve_exact(GROWTH_BYTES);
        }
        let rest = (word << free).to_be_bytes();
        self.bytes.extend_from_slice(rest.get(..bytes as usize).unwrap_or(&rest));
        self.free = (bytes * 8 - left) as u8;
    }
}

/// Bytes as a row of bits. Behind the end there are zeros: whoever reads asks afterwards whether it went too far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bits<'a>(&'a [u8]);

impl<'a> Bits<'a> {
    /// How many of the bits that [`Bits::word`] gives are certain to be those that follow.
    pub(crate) const WORD_BITS: u32 = 57;

    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// How many bits there are.
    pub(crate) fn len(self) -> usize {
        self.0.len() * 8
    }

    /// The bits from `at` on, highest first; zeros below them.
    #[inline]
    pub(crate) fn word(self, at: usize) -> u64 {
        let rest = self.0.get(at / 8..).unwrap_or_default();
        let word = match rest.first_chunk::<8>() {
            Some(word) => u64::from_be_bytes(*word),
            None => last_word(rest),
        };
        word << (at % 8)
    }

    /// The `count` bits from `at` on, from 1 to 64.
    #[inline]
    pub(crate) fn take(self, at: usize, count: u32) -> u64 {
        if count <= Self::WORD_BITS {
            return self.word(at) >> (64 - count);
        }
        let low = count - 32;
        self.word(at) >> 32 << low | self.word(at + 32) >> (64 - low)
    }
}

/// Fewer than eight bytes, filled up with zeros.
#[cold]
fn last_word(rest: &[u8]) -> u64 {
    let byte = |i: usize| u64::from(rest.get(i).copied().unwrap_or(0));
    (0..8).fold(0, |word, i| word << 8 | byte(i))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_put_can_be_taken(
            parts in prop::collection::vec((any::<u64>(), 1..=64u32), 0..100),
            noise in any::<u8>(),
        ) {
            let mut writer = BitWriter::default();
            parts.iter().for_each(|&(value, count)| writer.put(value, count));
            let bits = Bits::new(writer.bytes());
            let mut end = 0;
            let cuts: Vec<(usize, &[(u64, u32)])> = (0..parts.len())
                .map(|i| {
                    end += parts[i].1 as usize;
                    (end, &parts[i + 1..])
                })
                .collect();
            let mut at = 0;
            for &(value, count) in &parts {
                let kept = if count == 64 { value } else { value & ((1 << count) - 1) };
                prop_assert_eq!(bits.take(at, count), kept);
                at += count as usize;
            }
            prop_assert!(bits.len() - at < 8);
            // Who goes on at any bit writes the same, whatever stood behind it.
            for (end, rest) in cuts {
                let mut begin = writer.bytes()[..end.div_ceil(8)].to_vec();
                if let Some(last) = begin.last_mut() {
                    *last |= noise & !(u8::MAX << ((8 - end % 8) % 8));
                    let mut resumed = BitWriter::resume(&begin, end).unwrap();
                    rest.iter().for_each(|&(value, count)| resumed.put(value, count));
                    prop_assert_eq!(resumed.bytes(), writer.bytes());
                }
                prop_assert!(BitWriter::resume(&begin, begin.len() * 8 + 1).is_none());
                prop_assert!(end < 8 || BitWriter::resume(&begin, end - 8).is_none());
            }
            prop_assert_eq!((bits.word(bits.len()), bits.take(bits.len() + 100, 64)), (0, 0));
        }
    }
}
