//! The index: where its parts are, the strings, and the series one behind the other.

use std::ops::Range;

use model::{Labels, LabelsBuilder};
use stdx::varint::{take_i64, take_u64};

use super::{WrongAt, u32_at};

const MAGIC: u32 = 0xbaaa_d700;
/// The version since 2017; before it symbols were named by their place.
const VERSION: u8 = 2;
/// Six places and a checksum at the end.
const TOC_BYTES: usize = 6 * 8 + 4;
/// Series begin at multiples of this, and are named by the quotient.
const ALIGN: usize = 16;

/// Where the parts of an index are.
#[derive(Debug)]
pub(super) struct Index {
    /// Strings by number, as places in the file.
    symbols: Vec<Range<usize>>,
    pub(super) series_from: usize,
    /// Where the next part begins.
    pub(super) series_end: usize,
}

/// A series as the index tells it; its chunks are told apart.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its name in the file of deletions.
    pub(super) id: u64,
    pub(super) labels: Labels,
    /// Where the next one may begin.
    pub(super) end: usize,
}

/// Where a chunk lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct ChunkRef {
    place: u64,
    /// Where the index says so.
    pub(super) entry_at: usize,
}

impl ChunkRef {
    /// Number of the file, from 0.
    pub(super) fn file(self) -> usize {
        (self.place >> 32) as usize
    }

    pub(super) fn offset(self) -> usize {
        self.place as u32 as usize
    }
}

impl Index {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, WrongAt> {
        if u32_at(bytes, 0) != Some(MAGIC) {
            return Err(WrongAt::new(0, "not the index of a block: its first four bytes are others"));
        }
        let version = bytes.get(4).copied().unwrap_or(0);
        if version != VERSION {
            return Err(WrongAt::new(4, format!("an index of version {version}, where {VERSION} is known")));
        }
        let at = bytes.len().checked_sub(TOC_BYTES).ok_or_else(|| WrongAt::new(5, "cut short"))?;
        let toc = bytes.get(at..at + TOC_BYTES - 4).unwrap_or_default();
        if u32_at(bytes, at + toc.len()) != Some(crc32c::crc32c(toc)) {
            return Err(WrongAt::new(at, "the checksum of the table of contents is another"));
        }
        let places: Vec<usize> = toc
            .chunks_exact(8)
            .filter_map(|it| usize::try_from(u64::from_be_bytes(it.try_into().ok()?)).ok())
            .collect();
        let [symbols_at, series_from, ..] = places.as_slice() else {
            return Err(WrongAt::new(at, "a place beyond all memory"));
        };
        let after = places.iter().copied().filter(|place| place > series_from).chain([at]).min();
        let series_end = after.filter(|end| *end <= at && series_from <= end);
        let series_end = series_end.ok_or_else(|| WrongAt::new(at, "the series begin behind the end"))?;
        Ok(Self { symbols: symbols(bytes, *symbols_at)?, series_from: *series_from, series_end })
    }

    /// The series at `at` or where the next may begin, and its chunks in `refs`; `None` behind the last.
    pub(super) fn series_at(
        &self,
        bytes: &[u8],
        at: usize,
        refs: &mut Vec<ChunkRef>,
    ) -> Result<Option<Entry>, WrongAt> {
        refs.clear();
        let at = at.next_multiple_of(ALIGN);
        let part = bytes.get(..self.series_end).unwrap_or(bytes);
        let Some(mut input) = part.get(at..).filter(|rest| !rest.is_empty()) else { return Ok(None) };
        let before = input.len();
        let length = take_u64(&mut input).and_then(|length| usize::try_from(length).ok());
        if length == Some(0) {
            // What fills the space before the next part is shorter than any series.
            let is_end = before < ALIGN;
            return if is_end {
                Ok(None)
            } else {
                Err(WrongAt::new(at, "a series of no bytes, with more behind it"))
            };
        }
        let begin = at + before - input.len();
        let cut = || WrongAt::new(at, "a series is cut short");
        let (content, rest) = length.and_then(|length| input.split_at_checked(length)).ok_or_else(cut)?;
        if u32_at(rest, 0) != Some(crc32c::crc32c(content)) {
            return Err(WrongAt::new(at, "the checksum of a series is another"));
        }
        let mut input = content;
        let labels =
            self.labels(bytes, &mut input).ok_or_else(|| WrongAt::new(at, "labels that are none"))?;
        chunk_refs(&mut input, at, refs).ok_or_else(|| WrongAt::new(at, "a list of chunks that is none"))?;
        Ok(Some(Entry { id: (at / ALIGN) as u64, labels, end: begin + content.len() + 4 }))
    }

    fn labels(&self, bytes: &[u8], input: &mut &[u8]) -> Option<Labels> {
        let mut labels = LabelsBuilder::default();
        for _ in 0..take_u64(input)? {
            let name = self.symbol(bytes, take_u64(input)?)?;
            labels.set(name, self.symbol(bytes, take_u64(input)?)?);
        }
        Some(labels.build())
    }

    fn symbol<'b>(&self, bytes: &'b [u8], number: u64) -> Option<&'b str> {
        let place = self.symbols.get(usize::try_from(number).ok()?)?;
        std::str::from_utf8(bytes.get(place.clone())?).ok()
    }
}

fn symbols(bytes: &[u8], at: usize) -> Result<Vec<Range<usize>>, WrongAt> {
    let cut = || WrongAt::new(at, "the table of strings is cut short");
    let length = u32_at(bytes, at).ok_or_else(cut)? as usize;
    let content = bytes.get(at + 4..).and_then(|rest| rest.get(..length)).ok_or_else(cut)?;
    if u32_at(bytes, at + 4 + length) != Some(crc32c::crc32c(content)) {
        return Err(WrongAt::new(at, "the checksum of the table of strings is another"));
    }
    let count = u32_at(content, 0).ok_or_else(cut)?;
    let mut input = content.get(4..).unwrap_or_default();
    let mut all = Vec::new();
    for _ in 0..count {
        let length = take_u64(&mut input).and_then(|length| usize::try_from(length).ok()).ok_or_else(cut)?;
        let from = at + 4 + content.len() - input.len();
        input = input.get(length..).ok_or_else(cut)?;
        all.push(from..from + length);
    }
    Ok(all)
}

/// Times are told too; those of the chunks themselves count.
fn chunk_refs(input: &mut &[u8], entry_at: usize, refs: &mut Vec<ChunkRef>) -> Option<()> {
    let count = take_u64(input)?;
    let mut place = 0u64;
    for number in 0..count {
        if number == 0 {
            take_i64(input)?;
        } else {
            take_u64(input)?;
        }
        take_u64(input)?;
        place = if number == 0 { take_u64(input)? } else { place.wrapping_add(take_i64(input)? as u64) };
        refs.push(ChunkRef { place, entry_at });
    }
    Some(())
}

/// A door for a fuzz target: the first half of `bytes` as the table of strings, the rest as a series, both with their sums.
pub(crate) fn fuzz(bytes: &[u8]) {
    let (strings, series) = bytes.split_at(bytes.len() / 2);
    let mut file = (strings.len() as u32).to_be_bytes().to_vec();
    file.extend_from_slice(strings);
    file.extend_from_slice(&crc32c::crc32c(strings).to_be_bytes());
    file.resize(file.len().next_multiple_of(ALIGN), 0);
    let series_from = file.len();
    stdx::varint::put_u64(&mut file, series.len() as u64);
    file.extend_from_slice(series);
    file.extend_from_slice(&crc32c::crc32c(series).to_be_bytes());
    let Ok(symbols) = symbols(&file, 0) else { return };
    let index = Index { symbols, series_from, series_end: file.len() };
    let mut refs = Vec::new();
    if let Ok(Some(entry)) = index.series_at(&file, series_from, &mut refs) {
        assert!(entry.end == file.len() && refs.len() <= series.len());
    }
}
