//! The chunk of the head: times as differences of differences, values by xor (docs/formats/records.md, "Chunk").
//!
//! Writing is an [`OpenChunk`], which is sealed into a [`Chunk`]; reading is [`decode`], which takes either's bytes and
//! never panics on any.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use std::sync::Arc;

use columns::TimeRange;
use storage::Samples;

use crate::bits::{BitWriter, Bits};

/// Samples a chunk may hold by its format.
pub(crate) const CHUNK_SAMPLES_MAX: u16 = 120;
/// Samples after which the head finishes a chunk. The open chunks are most of what a series costs in memory, and a reader
/// of the newest samples decodes half of one; finished ones lie in files, where the 44 bytes of each are cheap.
pub(crate) const CHUNK_SAMPLES: u16 = 40;
/// A chunk ends where such a span of time ends, so that a block of this span is made of whole chunks.
pub(crate) const CHUNK_SPAN_MS: i64 = 2 * 3600 * 1000;
/// Bytes before the bits: the number of samples.
const COUNT_BYTES: usize = 2;

/// Time classes: prefix, its length, bits of the value.
const CLASSES: [(u64, u32, u32); 3] = [(0b10, 2, 7), (0b110, 3, 14), (0b1110, 4, 20)];

/// Bytes that are no chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoChunk;

/// A finished chunk. Clones share the bytes.
#[derive(Debug, Clone)]
pub(crate) struct Chunk {
    pub(crate) first_ms: i64,
    pub(crate) last_ms: i64,
    pub(crate) bytes: Arc<[u8]>,
}

impl Chunk {
    pub(crate) fn overlaps(&self, range: TimeRange) -> bool {
        self.first_ms <= range.to.0 && range.from.0 <= self.last_ms
    }
}

/// Times and values of which a chunk was written last, and the window of value bits in use.
#[derive(Debug, Clone, Copy, Default)]
struct Last {
    at_ms: i64,
    step_ms: i64,
    bits: u64,
    leading: u8,
    /// Bits in the window; 0 before there is one.
    len: u8,
    /// How many samples there are.
    count: u16,
}

/// A chunk that takes samples; never without one.
#[derive(Debug, Clone)]
pub(crate) struct OpenChunk {
    writer: BitWriter,
    last: Last,
}

impl OpenChunk {
    /// A chunk with its first sample.
    pub(crate) fn new(at_ms: i64, bits: u64) -> Self {
        let mut writer = BitWriter::after(&1u16.to_le_bytes());
        writer.put(at_ms as u64, 64);
        writer.put(bits, 64);
        Self { writer, last: Last { at_ms, bits, count: 1, ..Last::default() } }
    }

    /// The open chunk that has these bytes.
    pub(crate) fn resume(bytes: &[u8]) -> Result<Self, NoChunk> {
        const MAX: usize = CHUNK_SAMPLES_MAX as usize;
        let (mut times, mut values) = ([0; MAX], [0.0; MAX]);
        let (head, bits) = bytes.split_first_chunk::<COUNT_BYTES>().ok_or(NoChunk)?;
        let count = u16::from_le_bytes(*head);
        let times = times.get_mut(..usize::from(count)).filter(|times| !times.is_empty()).ok_or(NoChunk)?;
        let decoded = decode_until(Bits::new(bits), i64::MAX, times, &mut values)?;
        if !times.is_sorted_by(|a, b| a < b) {
            return Err(NoChunk);
        }
        let writer = BitWriter::resume(bytes, COUNT_BYTES * 8 + decoded.bits).ok_or(NoChunk)?;
        Ok(Self { writer, last: Last { count, ..decoded.last } })
    }

    /// Whether a sample at `at_ms` belongs into a new chunk, when one holds `samples_max`.
    pub(crate) fn is_over(&self, at_ms: i64, samples_max: u16) -> bool {
        self.last.count >= samples_max.min(CHUNK_SAMPLES_MAX)
            || at_ms.div_euclid(CHUNK_SPAN_MS) != self.first_ms().div_euclid(CHUNK_SPAN_MS)
    }

    /// Adds a sample; `at_ms` is above that of the last one.
    pub(crate) fn push(&mut self, at_ms: i64, bits: u64) {
        let step_ms = at_ms.wrapping_sub(self.last.at_ms);
        put_time(&mut self.writer, step_ms.wrapping_sub(self.last.step_ms));
        put_value(&mut self.writer, bits ^ self.last.bits, &mut self.last);
        (self.last.at_ms, self.last.step_ms, self.last.bits) = (at_ms, step_ms, bits);
        self.last.count += 1;
        if let Some(count) = self.writer.bytes_mut().first_chunk_mut::<COUNT_BYTES>() {
            *count = self.last.count.to_le_bytes();
        }
    }

    /// The chunk as it is now, finished.
    pub(crate) fn seal(&self) -> Chunk {
        Chunk { first_ms: self.first_ms(), last_ms: self.last.at_ms, bytes: Arc::from(self.bytes()) }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.writer.bytes()
    }

    /// Time of the first sample: the first of the bits.
    pub(crate) fn first_ms(&self) -> i64 {
        let first = self.bytes().get(COUNT_BYTES..).and_then(<[u8]>::first_chunk);
        first.map_or(self.last.at_ms, |first| i64::from_be_bytes(*first))
    }

    /// Time and value bits of the newest sample.
    pub(crate) fn newest(&self) -> (i64, u64) {
        (self.last.at_ms, self.last.bits)
    }
}

fn put_time(writer: &mut BitWriter, d: i64) {
    if d == 0 {
        return writer.put(0, 1);
    }
    for (prefix, prefix_len, len) in CLASSES {
        let half = 1i64 << (len - 1);
        if (-half..half).contains(&d) {
            return writer.put(prefix << len | (d as u64 & ((1 << len) - 1)), prefix_len + len);
        }
    }
    writer.put(0b1111, 4);
    writer.put(d as u64, 64);
}

fn put_value(writer: &mut BitWriter, x: u64, last: &mut Last) {
    if x == 0 {
        return writer.put(0, 1);
    }
    let leading = x.leading_zeros().min(31);
    let trailing = x.trailing_zeros();
    let (window_leading, window_len) = (u32::from(last.leading), u32::from(last.len));
    if window_len > 0 && leading >= window_leading && trailing >= 64 - window_leading - window_len {
        writer.put(0b10, 2);
        return writer.put(x >> (64 - window_leading - window_len), window_len);
    }
    let len = 64 - leading - trailing;
    writer.put(0b11 << 11 | u64::from(leading) << 6 | u64::from(len - 1), 13);
    writer.put(x >> trailing, len);
    (last.leading, last.len) = (leading as u8, len as u8);
}

/// How many samples the chunk says it has.
pub(crate) fn count(bytes: &[u8]) -> u16 {
    bytes.first_chunk().map_or(0, |count| u16::from_le_bytes(*count))
}

/// Adds the samples of a chunk that lie in `range` to `out`.
pub(crate) fn decode(bytes: &[u8], range: TimeRange, out: &mut Samples) -> Result<(), NoChunk> {
    let (head, bits) = bytes.split_first_chunk::<COUNT_BYTES>().ok_or(NoChunk)?;
    let count = usize::from(u16::from_le_bytes(*head));
    if count == 0 || count > usize::from(CHUNK_SAMPLES_MAX) {
        return Err(NoChunk);
    }
    let before = out.times_ms.len();
    out.times_ms.resize(before + count, 0);
    out.values.resize(before + count, 0.0);
    let (_, times) = out.times_ms.split_at_mut(before);
    let (_, values) = out.values.split_at_mut(before);
    let decoded = decode_until(Bits::new(bits), range.to.0, times, values);
    // Times rise: what lies before the range stands in front.
    let end = before + decoded.as_ref().map_or(0, |decoded| decoded.count);
    let from = times.iter().take(end - before).take_while(|at_ms| **at_ms < range.from.0).count();
    out.times_ms.truncate(end);
    out.values.truncate(end);
    out.times_ms.drain(before..before + from);
    out.values.drain(before..before + from);
    decoded.map(|_| ())
}

/// What was decoded.
struct Decoded {
    /// Samples.
    count: usize,
    /// What the last one leaves for the next.
    last: Last,
    /// Bits that were read.
    bits: usize,
}

/// Decodes samples until one is later than `to_ms`, which counts no more.
fn decode_until(
    bits: Bits<'_>,
    to_ms: i64,
    times: &mut [i64],
    values: &mut [f64],
) -> Result<Decoded, NoChunk> {
    let mut last = Last { at_ms: bits.take(0, 64) as i64, bits: bits.take(64, 64), ..Last::default() };
    let mut at = 128;
    let mut count = 0;
    let mut is_sound = true;
    for (time, value) in times.iter_mut().zip(values) {
        if count > 0 {
            let mut word = bits.word(at);
            // Usually the step is that of before.
            if word >> 63 == 0 {
                (word, at) = (word << 1, at + 1);
            } else {
                at += take_time(bits, at, &mut last);
                word = bits.word(at);
            }
            last.at_ms = last.at_ms.wrapping_add(last.step_ms);
            at += take_value(bits, at, word, &mut last, &mut is_sound);
        }
        if last.at_ms > to_ms {
            break;
        }
        (*time, *value) = (last.at_ms, f64::from_bits(last.bits));
        count += 1;
    }
    if is_sound && at <= bits.len() { Ok(Decoded { count, last, bits: at }) } else { Err(NoChunk) }
}

/// Takes the value that begins at `at`, where `word` is; returns how many bits it took. Whether it is the same, fits the
/// former window or brings its own is as good as random, so all three are worked out and one is chosen: a branch that
/// is foretold wrongly would cost more than all else.
#[inline]
fn take_value(bits: Bits<'_>, at: usize, word: u64, last: &mut Last, is_sound: &mut bool) -> usize {
    let (is_same, has_window) = (word >> 63 == 0, word >> 62 == 0b11);
    let window = word >> 51;
    let (leading, len) = if has_window {
        (window as u32 >> 6 & 31, (window as u32 & 63) + 1)
    } else {
        (u32::from(last.leading), u32::from(last.len))
    };
    // Before the first window, or with one that does not fit a word, these are no bits that we wrote.
    *is_sound &= is_same | (len > 0 && leading + len <= 64);
    (last.leading, last.len) = (leading as u8, len as u8);
    let head = if has_window { 13 } else { 2 };
    let changed = if head + len < Bits::WORD_BITS {
        word << head >> 1 >> (63 - len.min(63))
    } else {
        bits.take(at + head as usize, len)
    };
    last.bits ^= if is_same { 0 } else { changed << (64u32.wrapping_sub(leading + len) & 63) };
    if is_same { 1 } else { (head + len) as usize }
}

/// Takes a change of the step that begins at `at`; returns how many bits it took.
#[inline]
fn take_time(bits: Bits<'_>, at: usize, last: &mut Last) -> usize {
    let ones = bits.word(at).leading_ones() as usize;
    let (d, len) = match CLASSES.get(ones.saturating_sub(1)) {
        Some(&(_, prefix_len, len)) => {
            (signed(bits.take(at + prefix_len as usize, len), len), (prefix_len + len) as usize)
        }
        None => (bits.take(at + 4, 64) as i64, 68),
    };
    last.step_ms = last.step_ms.wrapping_add(d);
    len
}

fn signed(raw: u64, len: u32) -> i64 {
    (raw << (64 - len)) as i64 >> (64 - len)
}

#[cfg(test)]
mod tests {
    use model::TimestampMs;
    use proptest::prelude::*;

    use super::*;

    fn chunk_of(samples: &[(i64, u64)]) -> OpenChunk {
        let mut chunk = OpenChunk::new(samples[0].0, samples[0].1);
        samples[1..].iter().for_each(|&(at, bits)| chunk.push(at, bits));
        chunk
    }

    fn read(bytes: &[u8], range: TimeRange) -> Vec<(i64, u64)> {
        let mut out = Samples::default();
        decode(bytes, range, &mut out).unwrap();
        out.times_ms.iter().zip(&out.values).map(|(at, value)| (*at, value.to_bits())).collect()
    }

    fn check(samples: &[(i64, u64)]) {
        let chunk = chunk_of(samples);
        assert_eq!(read(chunk.bytes(), TimeRange::ALL), samples);
        let resumed = OpenChunk::resume(chunk.bytes()).unwrap();
        assert_eq!(resumed.bytes(), chunk.bytes());
        assert_eq!(resumed.newest(), *samples.last().unwrap());
        let sealed = chunk.seal();
        assert_eq!((sealed.first_ms, sealed.last_ms), (samples[0].0, samples.last().unwrap().0));
    }

    #[test]
    fn all_of_time_and_every_nan() {
        check(&[
            (i64::MIN, model::STALE_NAN.to_bits()),
            (0, f64::NAN.to_bits()),
            (i64::MAX, 0x7ff8_0000_dead_beef),
        ]);
        check(&[(-1, 0), (0, u64::MAX), (1, 1), (2, 1 << 63), (3, 1 << 31)]);
    }

    /// The format page in bytes: whoever changes this changes what is on people's disks.
    #[test]
    fn layout_is_as_the_format_page_says() {
        let chunk = chunk_of(&[(1000, 0), (1010, 0), (1020, 0b11 << 62), (1029, 0)]);
        // d = 10: 10 0001010, x = 0: 0; d = 0: 0, x: 11 00000 000001 11; d = -1: 10 1111111, x in the window: 10 11.
        let bits = [0b1000_0101, 0b0001_1000, 0b0000_0001, 0b1110_1111, 0b1111_0110];
        let head = [&[4, 0][..], &1000u64.to_be_bytes(), &[0; 8]].concat();
        assert_eq!(chunk.bytes(), [head, bits.to_vec()].concat());
    }

    #[test]
    fn a_range_cuts_both_ends() {
        let samples: Vec<(i64, u64)> = (0..100).map(|i| (i * 10, i as u64)).collect();
        let range = TimeRange { from: TimestampMs(95), to: TimestampMs(120) };
        assert_eq!(read(chunk_of(&samples).bytes(), range), samples[10..=12]);
    }

    #[test]
    fn a_steady_counter_is_small() {
        let samples: Vec<(i64, u64)> = (0..120)
            .map(|i| (1_700_000_000_000 + i * 15_000 + i % 3, (1000.0 + i as f64 * 7.0).to_bits()))
            .collect();
        let bytes = chunk_of(&samples).bytes().len();
        assert!(bytes < 120 * 3, "{bytes} bytes");
    }

    #[test]
    fn a_chunk_ends_when_full_and_at_a_span() {
        let full: Vec<(i64, u64)> = (0..i64::from(CHUNK_SAMPLES_MAX)).map(|i| (i, 0)).collect();
        assert!(chunk_of(&full).is_over(1000, u16::MAX));
        assert!(!chunk_of(&full[1..]).is_over(1000, u16::MAX));
        assert!(chunk_of(&full[..10]).is_over(1000, 10) && !chunk_of(&full[..9]).is_over(1000, 10));
        assert!(chunk_of(&[(CHUNK_SPAN_MS - 1, 0)]).is_over(CHUNK_SPAN_MS, 9));
        assert!(chunk_of(&[(-1, 0)]).is_over(0, 9));
    }

    fn increasing() -> impl Strategy<Value = Vec<(i64, u64)>> {
        let step = prop_oneof![Just(15_000i64), 14_990..15_010i64, 1..1_000_000i64, 1..i64::MAX / 200];
        let bits = prop_oneof![
            any::<u64>(),
            (0..1000u32).prop_map(|v| f64::from(v).to_bits()),
            Just(model::STALE_NAN.to_bits())
        ];
        (any::<i32>(), prop::collection::vec((step, bits), 1..=120)).prop_map(|(start, steps)| {
            let mut at = i64::from(start);
            steps
                .into_iter()
                .map(|(step, bits)| {
                    at = at.saturating_add(step);
                    (at, bits)
                })
                .collect()
        })
    }

    proptest! {
        #[test]
        fn any_samples_come_back(samples in increasing()) {
            check(&samples);
        }

        #[test]
        fn random_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), fix in any::<bool>()) {
            if fix && bytes.len() > 1 {
                (bytes[0], bytes[1]) = (bytes[0] % 120, 0);
            }
            decode(&bytes, TimeRange::ALL, &mut Samples::default()).ok();
            OpenChunk::resume(&bytes).ok();
        }
    }
}
