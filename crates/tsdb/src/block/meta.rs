//! Header, footer and meta of a block file (docs/formats/block.md).

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use std::ops::Range;

use stdx::varint::{put_i64, put_u64, take_i64, take_u64};

pub(crate) const HEADER_BYTES: usize = 16;
pub(crate) const FOOTER_BYTES: usize = 44;
const MAGIC: [u8; 4] = *b"WFBK";
const MAGIC_END: [u8; 4] = *b"KBFW";
/// What is written. Version 3 has chunks with short heads that build on others, and an index in pages. Version 2 had chunks
/// that take their times from another. All are read.
pub(crate) const VERSION: u16 = 3;
/// The last one whose chunks had heads of fields of one length.
pub(crate) const VERSION_LONG_HEADS: u16 = 2;
/// The last one whose index had an entry a series.
pub(crate) const VERSION_ENTRIES: u16 = 2;
const VERSIONS: [u16; 3] = [1, VERSION_LONG_HEADS, VERSION];
/// Sources that a meta may name; a compaction takes some dozens.
const SOURCES_MAX: u64 = 10_000;

/// What a block is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Meta {
    pub(crate) number: u64,
    pub(crate) level: u64,
    /// First moment of its span, and the first behind.
    pub(crate) from_ms: i64,
    pub(crate) end_ms: i64,
    pub(crate) series: u64,
    pub(crate) chunks: u64,
    pub(crate) samples: u64,
    /// Blocks that it stands for.
    pub(crate) sources: Vec<u64>,
}

/// What is wrong with a file, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) offset_bytes: u64,
    pub(crate) reason: &'static str,
}

/// Where the parts of a file are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Footer {
    /// Of the header.
    pub(crate) version: u16,
    pub(crate) index: Range<usize>,
    index_sum: u32,
    meta: Range<usize>,
    meta_sum: u32,
}

/// The header of a block that is written now.
pub(crate) fn header(number: u64) -> [u8; HEADER_BYTES] {
    header_of(number, VERSION)
}

fn header_of(number: u64, version: u16) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    let fields = [&MAGIC[..], &version.to_le_bytes(), &[0; 2], &(number as u32).to_le_bytes()].concat();
    let sum = crc32c::crc32c(&fields);
    bytes.iter_mut().zip(fields.into_iter().chain(sum.to_le_bytes())).for_each(|(to, from)| *to = from);
    bytes
}

/// Appends the meta.
pub(crate) fn put_meta(meta: &Meta, out: &mut Vec<u8>) {
    put_u64(out, meta.number);
    put_u64(out, meta.level);
    put_i64(out, meta.from_ms);
    put_i64(out, meta.end_ms);
    [meta.series, meta.chunks, meta.samples, meta.sources.len() as u64]
        .into_iter()
        .for_each(|n| put_u64(out, n));
    meta.sources.iter().for_each(|source| put_u64(out, *source));
}

fn take_meta(mut input: &[u8]) -> Option<Meta> {
    let input = &mut input;
    let mut meta = Meta {
        number: take_u64(input)?,
        level: take_u64(input)?,
        from_ms: take_i64(input)?,
        end_ms: take_i64(input)?,
        series: take_u64(input)?,
        chunks: take_u64(input)?,
        samples: take_u64(input)?,
        sources: Vec::new(),
    };
    let sources = take_u64(input).filter(|count| *count <= SOURCES_MAX)?;
    for _ in 0..sources {
        meta.sources.push(take_u64(input)?);
    }
    input.is_empty().then_some(meta)
}

/// Appends the footer of a file whose index begins at `index_at` and whose meta follows it.
pub(crate) fn put_footer(index_at: u64, index: &[u8], meta: &[u8], out: &mut Vec<u8>) {
    let begin = out.len();
    out.extend_from_slice(&index_at.to_le_bytes());
    out.extend_from_slice(&(index.len() as u64).to_le_bytes());
    out.extend_from_slice(&crc32c::crc32c(index).to_le_bytes());
    out.extend_from_slice(&(index_at + index.len() as u64).to_le_bytes());
    out.extend_from_slice(&(meta.len() as u32).to_le_bytes());
    out.extend_from_slice(&crc32c::crc32c(meta).to_le_bytes());
    out.extend_from_slice(&MAGIC_END);
    let sum = crc32c::crc32c(out.get(begin..).unwrap_or_default());
    out.extend_from_slice(&sum.to_le_bytes());
}

/// Reads and checks everything of a file but its chunks.
pub(crate) fn read(bytes: &[u8], number: u64) -> Result<(Meta, Footer), Flaw> {
    let flaw = |offset: usize, reason| Flaw { offset_bytes: offset as u64, reason };
    let mut versions = VERSIONS.into_iter();
    let version = versions.find(|version| bytes.starts_with(&header_of(number, *version)));
    let version = version.ok_or(flaw(0, "the header is not that of this block"))?;
    let footer_at = bytes.len().saturating_sub(FOOTER_BYTES);
    let footer = take_footer(bytes, version).ok_or(flaw(footer_at, "the footer does not add up"))?;
    let part = |at: &Range<usize>, sum: u32, reason| {
        let part = bytes.get(at.clone()).filter(|part| crc32c::crc32c(part) == sum);
        part.ok_or(flaw(at.start, reason))
    };
    part(&footer.index, footer.index_sum, "the checksum of the index is wrong")?;
    let meta = part(&footer.meta, footer.meta_sum, "the checksum of the meta is wrong")?;
    let meta = take_meta(meta).filter(|meta| meta.number == number && meta.from_ms < meta.end_ms);
    Ok((meta.ok_or(flaw(footer.meta.start, "the meta cannot be decoded"))?, footer))
}

/// Puts the sums of header, index, meta and footer right, as far as the footer says where they are: for fuzz targets, which
/// would not get past them. Gives the number of the block that the meta says.
pub(crate) fn reseal(bytes: &mut [u8]) -> u64 {
    let Some(at) = bytes.len().checked_sub(FOOTER_BYTES) else { return 0 };
    let seal = |bytes: &mut [u8], len: usize, to: usize| {
        let sum = crc32c::crc32c(bytes.get(at..at + len).unwrap_or_default()).to_le_bytes();
        bytes.iter_mut().skip(at + to).zip(sum).for_each(|(place, byte)| *place = byte);
    };
    if let Some(place) = bytes.get_mut(at + 36..at + 40) {
        place.copy_from_slice(&MAGIC_END);
    }
    seal(bytes, 40, 40);
    let version = bytes.get(4..).and_then(<[u8]>::first_chunk).map(|version| u16::from_le_bytes(*version));
    let version = version.filter(|version| VERSIONS.contains(version)).unwrap_or(VERSION);
    let Some(footer) = take_footer(bytes, version) else { return 0 };
    let number = bytes.get(footer.meta.clone()).and_then(|mut meta| take_u64(&mut meta)).unwrap_or(0);
    if let Some(place) = bytes.first_chunk_mut() {
        *place = header_of(number, version);
    }
    for (part, to) in [(footer.index, 16), (footer.meta, 32)] {
        let sum = bytes.get(part).map(crc32c::crc32c).unwrap_or_default().to_le_bytes();
        bytes.iter_mut().skip(at + to).zip(sum).for_each(|(place, byte)| *place = byte);
    }
    seal(bytes, 40, 40);
    number
}

fn take_footer(bytes: &[u8], version: u16) -> Option<Footer> {
    let footer = bytes.last_chunk::<FOOTER_BYTES>()?;
    let (fields, sum) = footer.split_last_chunk::<4>()?;
    if u32::from_le_bytes(*sum) != crc32c::crc32c(fields) || !fields.ends_with(&MAGIC_END) {
        return None;
    }
    let long = |at: usize| fields.get(at..)?.first_chunk().map(|b| u64::from_le_bytes(*b));
    let short = |at: usize| fields.get(at..)?.first_chunk().map(|b| u32::from_le_bytes(*b));
    let range =
        |at: u64, len: u64| Some(usize::try_from(at).ok()?..usize::try_from(at.checked_add(len)?).ok()?);
    Some(Footer {
        version,
        index: range(long(0)?, long(8)?)?,
        index_sum: short(16)?,
        meta: range(long(20)?, u64::from(short(28)?))?,
        meta_sum: short(32)?,
    })
}
