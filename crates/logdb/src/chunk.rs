//! A finished chunk as bytes (docs/formats/logs.md): a head with sums of all parts, filters, then columns by zstd.
//!
//! Level 1 of zstd is smaller on access lines than its levels 2 and 3, unpacks at 2.5 GB/s on one core, and leaves lz4 behind in
//! all but the speed of packing (5.2 against 2.8 times smaller); so there is one codec, hot or cold.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use std::cell::RefCell;
use std::ops::Range;

use stdx::varint::{put_i64, put_u64, take_i64, take_u64};
use storage::LineBatch;
use zstd::bulk::{Compressor, Decompressor};

use crate::buffer::Buffer;
use crate::codec::{put_sets, put_times, take_bytes, take_sets, take_times};
use crate::filter::{self, Filter, FilterBuilder};

const LEVEL: i32 = 1;
const MAGIC: [u8; 4] = *b"WFLK";
const PARTS: usize = 5;
/// The most text, line breaks included, that a reader unpacks for one chunk: beyond what one line more than full can come to.
pub(crate) const TEXT_BYTES_MAX: usize = 96 << 20;
/// The most bytes of times and lengths, and of metadata.
const COLUMN_BYTES_MAX: usize = 96 << 20;

/// What is known of a chunk without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChunkInfo {
    pub(crate) first_ns: i64,
    pub(crate) last_ns: i64,
    pub(crate) lines: u32,
    /// Bytes of lines.
    pub(crate) bytes: u32,
    /// Sum of its head, in which are the sums of all else: two chunks of a stream that share it are the same.
    pub(crate) sum: u32,
}

/// Why a chunk cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// Where in the chunk.
    pub(crate) offset: usize,
    pub(crate) reason: &'static str,
}

impl Flaw {
    fn at(offset: usize, reason: &'static str) -> Self {
        Self { offset, reason }
    }
}

/// The head of a chunk.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) info: ChunkInfo,
    text_len: usize,
    column_lens: [usize; 2],
    parts: [Range<usize>; PARTS],
    sums: [u32; PARTS],
}

/// Which part is which, in order.
#[derive(Debug, Clone, Copy)]
enum Part {
    Short,
    Long,
    /// Times and lengths of lines.
    Rows,
    Metadata,
    Text,
}

thread_local! {
    static PACKER: RefCell<Packer> = RefCell::default();
}

/// What packing and unpacking use again and again, one a thread.
#[derive(Default)]
struct Packer {
    compressor: Option<Compressor<'static>>,
    decompressor: Option<Decompressor<'static>>,
    filter: FilterBuilder,
    /// A column as it is before it is packed or after.
    plain: Vec<u8>,
}

/// Makes a chunk of a buffer that is not empty.
pub(crate) fn encode(buffer: &Buffer) -> (ChunkInfo, Vec<u8>) {
    PACKER.with_borrow_mut(|packer| packer.encode(buffer))
}

impl Packer {
    fn encode(&mut self, buffer: &Buffer) -> (ChunkInfo, Vec<u8>) {
        let mut parts: [Vec<u8>; PARTS] = Default::default();
        let [short, long, rows, metadata, text] = &mut parts;
        let mut plain = std::mem::take(&mut self.plain);
        plain.clear();
        for i in 0..buffer.len() {
            plain.extend_from_slice(buffer.line(i).as_bytes());
            plain.push(b'\n');
        }
        let text_len = plain.len();
        self.filter.build(&plain, short, long);
        self.pack(&plain, text);
        plain.clear();
        put_times(&mut plain, buffer.times_ns().iter().copied());
        (0..buffer.len()).for_each(|i| put_u64(&mut plain, buffer.line(i).len() as u64));
        let rows_len = plain.len();
        self.pack(&plain, rows);
        plain.clear();
        put_sets(&mut plain, buffer.sets(), buffer.places().iter().copied());
        let metadata_len = plain.len();
        self.pack(&plain, metadata);
        self.plain = plain;
        let (first_ns, last_ns) = buffer.span().expect("a chunk has a line");
        let (lines, bytes) = (buffer.len() as u32, buffer.text_bytes() as u32);
        let info = ChunkInfo { first_ns, last_ns, lines, bytes, sum: 0 };
        assemble(info, [text_len, rows_len, metadata_len], &parts)
    }

    fn pack(&mut self, plain: &[u8], out: &mut Vec<u8>) {
        let compressor =
            self.compressor.get_or_insert_with(|| Compressor::new(LEVEL).expect("the level exists"));
        *out = compressor.compress(plain).expect("memory is the only limit of packing");
    }

    fn unpack(&mut self, packed: &[u8], len: usize, out: &mut Vec<u8>) -> Option<()> {
        if self.decompressor.is_none() {
            self.decompressor = Some(Decompressor::new().ok()?);
        }
        out.clear();
        // The frame says its length too: no room is made for what one of the two does not know of.
        let said = zstd::zstd_safe::get_frame_content_size(packed).ok()??;
        if said != len as u64 {
            return None;
        }
        out.reserve(len);
        let written = self.decompressor.as_mut()?.decompress_to_buffer(packed, out).ok()?;
        (written == len).then_some(())
    }
}

/// Puts the head before the parts.
fn assemble(info: ChunkInfo, lens: [usize; 3], parts: &[Vec<u8>; PARTS]) -> (ChunkInfo, Vec<u8>) {
    let mut fields = Vec::new();
    put_i64(&mut fields, info.first_ns);
    put_u64(&mut fields, info.last_ns.wrapping_sub(info.first_ns) as u64);
    let numbers = [u64::from(info.lines), u64::from(info.bytes)];
    numbers.into_iter().chain(lens.map(|len| len as u64)).for_each(|number| put_u64(&mut fields, number));
    for part in parts {
        put_u64(&mut fields, part.len() as u64);
        fields.extend_from_slice(&crc32c::crc32c(part).to_le_bytes());
    }
    let sum = crc32c::crc32c(&fields);
    let mut bytes = Vec::with_capacity(fields.len() + parts.iter().map(Vec::len).sum::<usize>() + 10);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes.extend_from_slice(&(fields.len() as u16).to_le_bytes());
    bytes.extend_from_slice(&fields);
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    (ChunkInfo { sum, ..info }, bytes)
}

impl Head {
    /// Reads the head of a chunk.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Flaw> {
        let begin = bytes.strip_prefix(&MAGIC).ok_or(Flaw::at(0, "no chunk begins here"))?;
        let (sum, rest) = begin.split_first_chunk::<4>().ok_or(Flaw::at(4, "the chunk ends early"))?;
        let (len, rest) = rest.split_first_chunk::<2>().ok_or(Flaw::at(8, "the chunk ends early"))?;
        let len = usize::from(u16::from_le_bytes(*len));
        let fields = rest.get(..len).ok_or(Flaw::at(10, "the chunk ends early"))?;
        let sum = u32::from_le_bytes(*sum);
        if crc32c::crc32c(fields) != sum {
            return Err(Flaw::at(4, "the sum of the chunk's head does not add up"));
        }
        Self::fields(fields, sum, 10 + len, bytes.len())
            .ok_or(Flaw::at(10, "the chunk's head makes no sense"))
    }

    fn fields(mut fields: &[u8], sum: u32, parts_at: usize, end: usize) -> Option<Self> {
        let input = &mut fields;
        let first_ns = take_i64(input)?;
        let last_ns = first_ns.checked_add_unsigned(take_u64(input)?)?;
        let lines = u32::try_from(take_u64(input)?).ok().filter(|lines| *lines > 0)?;
        let bytes = u32::try_from(take_u64(input)?).ok()?;
        let mut len =
            |max| usize::try_from(take_u64(input).unwrap_or(u64::MAX)).ok().filter(|len| *len <= max);
        let text_len = len(TEXT_BYTES_MAX)?;
        let column_lens = [len(COLUMN_BYTES_MAX)?, len(COLUMN_BYTES_MAX)?];
        if text_len != bytes as usize + lines as usize {
            return None;
        }
        let mut at = parts_at;
        let (mut parts, mut sums) = ([const { 0..0 }; PARTS], [0; PARTS]);
        for (part, sum) in parts.iter_mut().zip(&mut sums) {
            let part_end = at.checked_add(usize::try_from(take_u64(input)?).ok()?)?;
            *part = at..part_end;
            *sum = u32::from_le_bytes(take_bytes(input, 4)?.try_into().ok()?);
            at = part_end;
        }
        let info = ChunkInfo { first_ns, last_ns, lines, bytes, sum };
        (at == end && input.is_empty()).then_some(Self { info, text_len, column_lens, parts, sums })
    }

    /// Bytes of a part, if they are what was written.
    fn part<'a>(&self, chunk: &'a [u8], part: Part) -> Result<&'a [u8], Flaw> {
        let (Some(range), Some(sum)) = (self.parts.get(part as usize), self.sums.get(part as usize)) else {
            return Err(Flaw::at(0, "no such part"));
        };
        let bytes = chunk.get(range.clone()).ok_or(Flaw::at(range.start, "the chunk ends early"))?;
        let is_sound = crc32c::crc32c(bytes) == *sum;
        is_sound.then_some(bytes).ok_or(Flaw::at(range.start, "the sum of a part does not add up"))
    }

    /// The chunk's filter.
    pub(crate) fn filter<'a>(&self, chunk: &'a [u8]) -> Result<Filter<'a>, Flaw> {
        let (short, long) = (self.part(chunk, Part::Short)?, self.part(chunk, Part::Long)?);
        let is_fine = |bytes: &[u8]| bytes.len().is_power_of_two() && bytes.len() <= filter::PART_BYTES_MAX;
        let fine = is_fine(short) && is_fine(long);
        fine.then_some(Filter { short, long }).ok_or(Flaw::at(0, "a filter of a length that none has"))
    }

    /// Reads all lines, replacing what `out` held.
    pub(crate) fn lines(&self, chunk: &[u8], out: &mut LineBatch) -> Result<(), Flaw> {
        out.clear();
        PACKER.with_borrow_mut(|packer| {
            let mut plain = std::mem::take(&mut packer.plain);
            let read = self.read_columns(chunk, packer, &mut plain, out);
            packer.plain = plain;
            read
        })
    }

    fn read_columns(
        &self,
        chunk: &[u8],
        packer: &mut Packer,
        plain: &mut Vec<u8>,
        out: &mut LineBatch,
    ) -> Result<(), Flaw> {
        let lines = self.info.lines as usize;
        let [rows_len, metadata_len] = self.column_lens;
        let mut column = |part: Part, len, out: &mut Vec<u8>| {
            let start = self.parts.get(part as usize).map_or(0, |range| range.start);
            let packed = self.part(chunk, part)?;
            packer.unpack(packed, len, out).ok_or(Flaw::at(start, "a part cannot be unpacked"))
        };
        column(Part::Rows, rows_len, plain)?;
        let rows = take_rows(plain, lines, &mut out.ends)
            .filter(|_| out.ends.last().map_or(0, |end| end + 1) == self.text_len);
        out.times_ns = rows.ok_or(Flaw::at(0, "times or lengths make no sense"))?;
        column(Part::Metadata, metadata_len, plain)?;
        let sets = take_sets(&mut plain.as_slice(), lines);
        (out.sets, out.places) = sets.ok_or(Flaw::at(0, "metadata make no sense"))?;
        let mut text = std::mem::take(&mut out.text).into_bytes();
        column(Part::Text, self.text_len, &mut text)?;
        out.text = String::from_utf8(text).map_err(|_| Flaw::at(0, "the text is no text"))?;
        let is_whole = out.ends.iter().all(|end| out.text.as_bytes().get(*end) == Some(&b'\n'));
        is_whole.then_some(()).ok_or(Flaw::at(0, "a line does not end where it should"))
    }
}

/// Takes times, and where each line ends in a text in which one byte follows each.
fn take_rows(mut plain: &[u8], lines: usize, ends: &mut Vec<usize>) -> Option<Vec<i64>> {
    let input = &mut plain;
    let times = take_times(input, lines)?;
    let mut end = 0usize;
    for i in 0..lines {
        end = end.checked_add(usize::try_from(take_u64(input)?).ok()?)?;
        ends.push(end + i);
    }
    (input.is_empty() && times.is_sorted()).then_some(times)
}

/// The same chunk with all sums put right, for fuzz targets: hardly anything would be met behind them.
pub(crate) fn resealed(bytes: &[u8]) -> Vec<u8> {
    let mut sealed = bytes.to_vec();
    let fields_len = bytes.get(8..10).and_then(|len| len.try_into().ok()).map_or(0, u16::from_le_bytes);
    let fields_end = 10 + usize::from(fields_len);
    let Some(fields) = bytes.get(10..fields_end) else { return sealed };
    let Some(head) = Head::fields(fields, 0, fields_end, bytes.len()) else { return sealed };
    // The sums are the four bytes behind each length, from the end on.
    let mut at = fields_end;
    for range in head.parts.iter().rev() {
        let sum = crc32c::crc32c(bytes.get(range.clone()).unwrap_or_default()).to_le_bytes();
        let mut len = Vec::new();
        put_u64(&mut len, range.len() as u64);
        if let Some(place) = at.checked_sub(4).and_then(|start| sealed.get_mut(start..at)) {
            place.copy_from_slice(&sum);
        }
        at = at.saturating_sub(4 + len.len());
    }
    let sum = crc32c::crc32c(sealed.get(10..fields_end).unwrap_or_default()).to_le_bytes();
    if let Some(place) = sealed.get_mut(4..8) {
        place.copy_from_slice(&sum);
    }
    sealed
}

#[cfg(test)]
mod tests {
    use model::Labels;
    use proptest::prelude::*;

    use super::*;

    fn buffer(rows: &[(i64, String, u8)]) -> Buffer {
        let mut buffer = Buffer::default();
        for (at, line, set) in rows {
            let metadata = match set {
                0 => Labels::empty(),
                set => Labels::from_pairs([("id", set.to_string())]),
            };
            buffer.add(*at, line, &metadata);
        }
        buffer
    }

    fn read(bytes: &[u8]) -> Result<LineBatch, Flaw> {
        let mut out = LineBatch::default();
        let head = Head::read(bytes)?;
        head.filter(bytes)?;
        head.lines(bytes, &mut out)?;
        Ok(out)
    }

    proptest! {
        #[test]
        fn chunks_read_back(rows in prop::collection::vec((any::<i32>().prop_map(i64::from), any::<String>(), 0..4u8), 1..50), at in any::<prop::sample::Index>()) {
            let buffer = buffer(&rows);
            let (info, mut bytes) = encode(&buffer);
            prop_assert_eq!((info.first_ns, info.last_ns), buffer.span().unwrap());
            let batch = read(&bytes).unwrap();
            let none = Labels::empty();
            let expected: Vec<_> = buffer.lines(&none).collect();
            let there: Vec<_> = (0..batch.len()).map(|i| (batch.times_ns[i], batch.line(i), batch.metadata(i).unwrap_or(&none))).collect();
            prop_assert_eq!(there, expected);
            let at = at.index(bytes.len());
            bytes[at] ^= 0x10;
            prop_assert!(read(&bytes).is_err(), "a flipped bit at {} is not noticed", at);
            prop_assert!(read(&bytes[..at]).is_err());
        }
    }
}
