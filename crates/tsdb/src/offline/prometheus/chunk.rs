//! A chunk: times as differences of differences, values by xor, as Gorilla has it with Prometheus' lengths.

use storage::Samples;

use super::{WrongAt, u32_at};
use crate::bits::Bits;

/// What a chunk holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Xor,
    /// Native histograms, of integers or floats.
    Histogram,
}

/// Reads the chunk at `at` of a file, and appends its samples.
pub(super) fn read(file: &[u8], at: usize, out: &mut Samples) -> Result<Encoding, WrongAt> {
    let cut = || WrongAt::new(at, "a chunk is cut short, or lies behind the end");
    let mut input = file.get(at..).ok_or_else(cut)?;
    let length = stdx::varint::take_u64(&mut input).and_then(|length| usize::try_from(length).ok());
    // The byte that tells the encoding is not counted.
    let length = length.and_then(|length| length.checked_add(1));
    let (content, rest) = length.and_then(|length| input.split_at_checked(length)).ok_or_else(cut)?;
    if u32_at(rest, 0) != Some(crc32c::crc32c(content)) {
        return Err(WrongAt::new(at, "the checksum of a chunk is another"));
    }
    let (encoding, data) = content.split_first().ok_or_else(cut)?;
    match encoding {
        1 => xor(data, out)
            .map(|()| Encoding::Xor)
            .ok_or_else(|| WrongAt::new(at, "a chunk that ends too early")),
        2 | 3 => Ok(Encoding::Histogram),
        other => Err(WrongAt::new(at, format!("a chunk of encoding {other}, which is not known"))),
    }
}

/// Bits one after another.
struct Reader<'a> {
    bits: Bits<'a>,
    at: usize,
}

impl Reader<'_> {
    /// From 1 to 64 bits; behind the end zeros.
    fn take(&mut self, count: u32) -> u64 {
        let value = self.bits.take(self.at, count);
        self.at += count as usize;
        value
    }

    fn is_over(&self) -> bool {
        self.at > self.bits.len()
    }

    /// LEB128, each byte of eight bits wherever it begins.
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for i in 0..stdx::varint::LEN_MAX {
            let byte = self.take(8);
            value |= (byte & 0x7f).checked_shl(7 * i as u32)?;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn varint_signed(&mut self) -> Option<i64> {
        self.varint().map(|raw| ((raw >> 1) as i64) ^ -((raw & 1) as i64))
    }

    /// How much longer a step is than the one before.
    fn step_change(&mut self) -> i64 {
        let bits = match self.ones(4) {
            0 => return 0,
            1 => 14,
            2 => 17,
            3 => 20,
            _ => 64,
        };
        let raw = self.take(bits);
        // Half of a width is positive, its upper end included.
        if bits < 64 && raw > 1 << (bits - 1) { raw as i64 - (1 << bits) } else { raw as i64 }
    }

    /// How many ones come before a zero, up to `most`, after which none is needed.
    fn ones(&mut self, most: u32) -> u32 {
        (0..most).find(|_| self.take(1) == 0).unwrap_or(most)
    }
}

fn xor(data: &[u8], out: &mut Samples) -> Option<()> {
    let (count, bits) = data.split_first_chunk::<2>()?;
    let mut reader = Reader { bits: Bits::new(bits), at: 0 };
    let (mut at_ms, mut step_ms, mut value) = (0i64, 0i64, 0u64);
    let (mut leading, mut length) = (0u32, 0u32);
    for number in 0..u16::from_be_bytes(*count) {
        match number {
            0 => at_ms = reader.varint_signed()?,
            1 => step_ms = reader.varint()? as i64,
            _ => step_ms = step_ms.wrapping_add(reader.step_change()),
        }
        if number == 0 {
            value = reader.take(64);
        } else {
            at_ms = at_ms.wrapping_add(step_ms);
            if reader.take(1) == 1 {
                if reader.take(1) == 1 {
                    leading = reader.take(5) as u32;
                    // 64 does not fit, and 0 is never needed.
                    length = match reader.take(6) as u32 {
                        0 => 64,
                        length => length,
                    };
                }
                let trailing = 64u32.checked_sub(leading + length).filter(|_| length > 0)?;
                value ^= reader.take(length) << trailing;
            }
        }
        if reader.is_over() {
            return None;
        }
        out.push(at_ms, f64::from_bits(value));
    }
    Some(())
}

/// A door for a fuzz target: `bytes` as the bits of a chunk.
pub(crate) fn fuzz(bytes: &[u8]) {
    let mut samples = Samples::default();
    let _ = xor(bytes, &mut samples);
    assert!(samples.times_ms.len() == samples.values.len() && samples.times_ms.len() <= bytes.len() * 8);
}
