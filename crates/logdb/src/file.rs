//! A file of finished chunks of many streams (docs/formats/logs.md): written whole, then never changed.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use disk::{Disk, DiskError, FileBytes};
use model::Labels;
use stdx::varint::{put_i64, put_u64, take_i64, take_u64};
use wal::DamagePolicy;

use crate::chunk::ChunkInfo;
use crate::codec::{put_labels, take_labels, take_len};
use crate::filenames::chunks_file;
use crate::stream::{Chunk, Place};

const MAGIC: [u8; 4] = *b"WFLF";
const END_MAGIC: [u8; 4] = *b"FLFW";
const VERSION: u16 = 1;
const HEADER_BYTES: usize = 20;
const FOOTER_BYTES: usize = 24;
/// What a chunk takes in the directory, its share of the labels included.
const ENTRY_BYTES_ABOUT: usize = 128;

/// A file of chunks, open. Its bytes stay as long as somebody holds it, also when its name is gone.
#[derive(Debug)]
pub(crate) struct ChunkFile {
    pub(crate) number: u64,
    pub(crate) path: PathBuf,
    bytes: FileBytes,
}

/// Chunks of one stream in a file.
#[derive(Debug)]
pub(crate) struct StreamChunks {
    pub(crate) labels: Labels,
    pub(crate) chunks: Vec<(ChunkInfo, Span)>,
}

/// Where a chunk lies in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) offset: u64,
    pub(crate) len: u32,
}

/// A chunk to be written: what is known of it, and its bytes.
pub(crate) type Packed = (ChunkInfo, Arc<[u8]>);

/// Why a file was not opened.
#[derive(Debug)]
pub(crate) enum OpenError {
    Disk(DiskError),
    Version(u16),
    Flaw { offset: u64, reason: &'static str },
}

impl ChunkFile {
    pub(crate) fn len_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Bytes of a chunk.
    pub(crate) fn chunk(&self, span: Span) -> Option<&[u8]> {
        let start = usize::try_from(span.offset).ok()?;
        self.bytes.get(start..start.checked_add(span.len as usize)?)
    }

    /// What is in it.
    pub(crate) fn directory(&self) -> Result<Vec<StreamChunks>, OpenError> {
        read(&self.bytes, self.number)
    }

    /// Opens file `number` of the folder, and says what is in it.
    pub(crate) fn open(
        disk: &dyn Disk,
        dir: &Path,
        number: u64,
    ) -> Result<(Arc<Self>, Vec<StreamChunks>), OpenError> {
        let path = dir.join(chunks_file(number));
        let bytes = disk.map(&path).map_err(OpenError::Disk)?;
        let streams = read(&bytes, number)?;
        Ok((Arc::new(Self { number, path, bytes }), streams))
    }
}

/// All of a file with these chunks; each one's span is told too, in order.
pub(crate) fn compose(number: u64, streams: &[(Labels, Vec<Packed>)]) -> (Vec<u8>, Vec<Span>) {
    let chunks = streams.iter().flat_map(|(_, chunks)| chunks);
    let (count, text) = chunks.fold((0, 0), |(count, text), (_, chunk)| (count + 1, text + chunk.len()));
    // In one piece from the start: megabytes that grow by doubling are copied again and again and take twice their room.
    let mut bytes = Vec::with_capacity(HEADER_BYTES + text + count * ENTRY_BYTES_ABOUT + FOOTER_BYTES);
    bytes.extend_from_slice(&header(number));
    let (mut directory, mut spans) = (Vec::new(), Vec::new());
    put_u64(&mut directory, streams.len() as u64);
    for (labels, chunks) in streams {
        put_labels(&mut directory, labels);
        put_u64(&mut directory, chunks.len() as u64);
        for (info, chunk) in chunks {
            let span = Span { offset: bytes.len() as u64, len: chunk.len() as u32 };
            bytes.extend_from_slice(chunk);
            put_entry(&mut directory, info, span);
            spans.push(span);
        }
    }
    let at = bytes.len() as u64;
    bytes.extend_from_slice(&directory);
    let footer_at = bytes.len();
    bytes.extend_from_slice(&at.to_le_bytes());
    bytes.extend_from_slice(&(directory.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(&directory).to_le_bytes());
    bytes.extend_from_slice(&END_MAGIC);
    let sum = crc32c::crc32c(bytes.get(footer_at..).unwrap_or_default());
    bytes.extend_from_slice(&sum.to_le_bytes());
    (bytes, spans)
}

fn header(number: u64) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&[0, 0]);
    bytes.extend_from_slice(&number.to_le_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
    bytes
}

fn put_entry(out: &mut Vec<u8>, info: &ChunkInfo, span: Span) {
    put_u64(out, span.offset);
    put_u64(out, u64::from(span.len));
    put_i64(out, info.first_ns);
    put_u64(out, info.last_ns.wrapping_sub(info.first_ns) as u64);
    put_u64(out, u64::from(info.lines));
    put_u64(out, u64::from(info.bytes));
    out.extend_from_slice(&info.sum.to_le_bytes());
}

fn read(bytes: &[u8], number: u64) -> Result<Vec<StreamChunks>, OpenError> {
    let flaw = |offset: usize, reason| OpenError::Flaw { offset: offset as u64, reason };
    let found = bytes.get(..HEADER_BYTES).ok_or(flaw(0, "the file ends within its header"))?;
    if found != header(number) {
        let (fields, sum) = found.split_at(HEADER_BYTES - 4);
        let is_ours = fields.starts_with(&MAGIC) && sum == crc32c::crc32c(fields).to_le_bytes();
        return match fields.get(4..6).and_then(|v| v.try_into().ok()).map(u16::from_le_bytes) {
            Some(version) if is_ours && version != VERSION => Err(OpenError::Version(version)),
            _ => Err(flaw(0, "the file header does not add up")),
        };
    }
    let footer_at = bytes.len().checked_sub(FOOTER_BYTES).filter(|at| *at >= HEADER_BYTES);
    let footer_at = footer_at.ok_or(flaw(bytes.len(), "the file ends early"))?;
    let footer = bytes.get(footer_at..).unwrap_or_default();
    let (at, len, sum) = footer_fields(footer).ok_or(flaw(footer_at, "the footer does not add up"))?;
    let directory = (usize::try_from(at).ok()).and_then(|at| bytes.get(at..at.checked_add(len)?));
    let directory = directory.filter(|_| at + len as u64 == footer_at as u64);
    let directory = directory.ok_or(flaw(footer_at, "the footer names a directory that is not there"))?;
    if crc32c::crc32c(directory) != sum {
        return Err(flaw(at as usize, "the sum of the directory does not add up"));
    }
    take_directory(directory, at).ok_or(flaw(at as usize, "the directory makes no sense"))
}

fn footer_fields(footer: &[u8]) -> Option<(u64, usize, u32)> {
    let (fields, sum) = footer.split_last_chunk::<4>()?;
    (u32::from_le_bytes(*sum) == crc32c::crc32c(fields)).then_some(())?;
    let (at, rest) = fields.split_first_chunk::<8>()?;
    let (len, rest) = rest.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    (rest == END_MAGIC).then_some(())?;
    Some((u64::from_le_bytes(*at), u32::from_le_bytes(*len) as usize, u32::from_le_bytes(*sum)))
}

fn take_directory(mut bytes: &[u8], end: u64) -> Option<Vec<StreamChunks>> {
    let input = &mut bytes;
    let mut streams = Vec::new();
    for _ in 0..take_len(input)? {
        let labels = take_labels(input)?;
        let mut chunks = Vec::new();
        for _ in 0..take_len(input)? {
            chunks.push(take_entry(input, end)?);
        }
        streams.push(StreamChunks { labels, chunks });
    }
    input.is_empty().then_some(streams)
}

fn take_entry(input: &mut &[u8], end: u64) -> Option<(ChunkInfo, Span)> {
    let span = Span { offset: take_u64(input)?, len: u32::try_from(take_u64(input)?).ok()? };
    let first_ns = take_i64(input)?;
    let last_ns = first_ns.checked_add_unsigned(take_u64(input)?)?;
    let (lines, bytes) = (u32::try_from(take_u64(input)?).ok()?, u32::try_from(take_u64(input)?).ok()?);
    let (sum, rest) = input.split_first_chunk::<4>()?;
    *input = rest;
    let info = ChunkInfo { first_ns, last_ns, lines, bytes, sum: u32::from_le_bytes(*sum) };
    (span.offset.checked_add(u64::from(span.len))? <= end).then_some((info, span))
}

/// The same file with its header and the sums at its end put right, for fuzz targets.
pub(crate) fn resealed(bytes: &[u8]) -> Vec<u8> {
    let mut sealed = bytes.to_vec();
    let Some(footer_at) = bytes.len().checked_sub(FOOTER_BYTES).filter(|at| *at >= HEADER_BYTES) else {
        return sealed;
    };
    let at = bytes.get(footer_at..).and_then(|footer| footer.first_chunk::<8>());
    let at = at.map_or(0, |at| usize::try_from(u64::from_le_bytes(*at)).unwrap_or(usize::MAX));
    let directory = bytes.get(at..footer_at).unwrap_or_default();
    let mut end = ((footer_at - directory.len()) as u64).to_le_bytes().to_vec();
    end.extend_from_slice(&(directory.len() as u32).to_le_bytes());
    end.extend_from_slice(&crc32c::crc32c(directory).to_le_bytes());
    end.extend_from_slice(&END_MAGIC);
    end.extend_from_slice(&crc32c::crc32c(&end).to_le_bytes());
    sealed.splice(footer_at.., end);
    sealed.splice(..HEADER_BYTES, header(1));
    sealed
}

impl StreamChunks {
    /// The chunks as a stream has them; `number` gives each its id.
    pub(crate) fn of_file<'a>(
        &'a self,
        file: &'a Arc<ChunkFile>,
        mut number: impl FnMut() -> u64 + 'a,
    ) -> impl Iterator<Item = Chunk> + 'a {
        let chunk = move |(info, span): &(ChunkInfo, Span)| Chunk {
            id: number(),
            info: *info,
            place: Place::File(Arc::clone(file), *span),
        };
        self.chunks.iter().map(chunk)
    }
}

impl OpenError {
    /// What to say of the file.
    pub(crate) fn into_error(self, path: PathBuf) -> crate::LogdbError {
        match self {
            Self::Disk(error) => error.into(),
            Self::Version(version) => crate::LogdbError::Version { path, version },
            Self::Flaw { offset, reason } => {
                crate::LogdbError::DamagedFile { path, offset_bytes: offset, reason: reason.to_owned() }
            }
        }
    }

    /// Whether it is to be set aside under this policy, and what for.
    pub(crate) fn damage(&self, policy: DamagePolicy) -> Option<(u64, &'static str)> {
        match self {
            Self::Flaw { offset, reason } if policy == DamagePolicy::Quarantine => Some((*offset, reason)),
            _ => None,
        }
    }
}
