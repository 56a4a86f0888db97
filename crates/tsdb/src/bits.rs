//! Single bits into bytes and out again, highest first.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

/// How much a buffer grows at a time.
const GROWTH_BYTES: usize = 96;

/// Appends bits to bytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    /// Bits of the last byte that are not yet used.
    free: u32,
}

impl BitWriter {
    /// A writer that goes on behind whole bytes.
    pub(crate) fn after(bytes: Vec<u8>) -> Self {
        Self { bytes, free: 0 }
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
        if self.free > 0
            && let Some(last) = self.bytes.last_mut()
        {
            *last |= (word >> (64 - self.free)) as u8;
        }
        if count <= self.free {
            self.free -= count;
            return;
        }
        let left = count - self.free;
        let bytes = left.div_ceil(8);
        // In small steps: doubling would leave a third of all open chunks' memory unused.
        if self.bytes.capacity() - self.bytes.len() < bytes as usize {
            self.bytes.reserve_exact(GROWTH_BYTES);
        }
        let rest = (word << self.free).to_be_bytes();
        self.bytes.extend_from_slice(rest.get(..bytes as usize).unwrap_or(&rest));
        self.free = bytes * 8 - left;
    }
}

/// Takes bits off bytes.
#[derive(Debug, Clone)]
pub(crate) struct BitReader<'a> {
    rest: &'a [u8],
    /// The next bits, from the top. Below the `have` highest there may be bits of `rest` already, or zeros.
    next: u64,
    have: u32,
}

impl<'a> BitReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, next: 0, have: 0 }
    }

    /// Makes at least 56 bits ready, if there are so many.
    #[inline]
    fn refill(&mut self) {
        if let Some(word) = self.rest.first_chunk::<8>() {
            self.next |= u64::from_be_bytes(*word) >> self.have;
            let bytes = (63 - self.have) / 8;
            self.rest = self.rest.get(bytes as usize..).unwrap_or_default();
            self.have += bytes * 8;
            return;
        }
        while self.have <= 56
            && let Some((&byte, rest)) = self.rest.split_first()
        {
            self.next |= u64::from(byte) << (56 - self.have);
            self.rest = rest;
            self.have += 8;
        }
    }

    /// The next `count` bits, from 1 to 56; `None` when there are not so many.
    #[inline]
    pub(crate) fn take(&mut self, count: u32) -> Option<u64> {
        if self.have < count {
            self.refill();
            if self.have < count {
                return None;
            }
        }
        let value = self.next >> (64 - count);
        self.next <<= count;
        self.have -= count;
        Some(value)
    }

    /// The next `count` bits, from 1 to 64.
    #[inline]
    pub(crate) fn take_long(&mut self, count: u32) -> Option<u64> {
        if count <= 32 {
            return self.take(count);
        }
        let high = self.take(count - 32)?;
        Some(high << 32 | self.take(32)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_put_can_be_taken(parts in prop::collection::vec((any::<u64>(), 1..=64u32), 0..100)) {
            let mut writer = BitWriter::default();
            parts.iter().for_each(|&(value, count)| writer.put(value, count));
            let mut reader = BitReader::new(writer.bytes());
            for (value, count) in parts {
                let kept = if count == 64 { value } else { value & ((1 << count) - 1) };
                prop_assert_eq!(reader.take_long(count), Some(kept));
            }
            prop_assert_eq!(reader.take(8), None);
        }
    }
}
