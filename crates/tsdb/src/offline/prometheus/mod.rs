//! Blocks as Prometheus writes them, to be read once and taken over: the index of format 2 and its chunk files, whose layout its
//! documentation of the format tells (`tsdb/docs/format`). Every checksum is checked; nothing that is read is believed.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

pub(crate) mod chunk;
pub(crate) mod index;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use disk::{Disk, DiskError, FileBytes};
use model::Labels;
use storage::Samples;

use chunk::Encoding;
use index::{ChunkRef, Index};

/// The file that makes a folder a block.
const INDEX: &str = "index";
const CHUNKS: &str = "chunks";
const TOMBSTONES: &str = "tombstones";

const CHUNKS_MAGIC: u32 = 0x85bd_40dd;
const TOMBSTONES_MAGIC: u32 = 0x0130_ba30;
/// Magic number, version, and three bytes to spare.
const CHUNKS_HEADER_BYTES: usize = 8;

/// Why a block cannot be taken over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrometheusBlockError {
    /// A file cannot be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A file is not what it should be, from this byte on.
    #[error("{}: byte {offset_bytes}: {reason}", .file.display())]
    Wrong {
        /// Which.
        file: PathBuf,
        /// Where.
        offset_bytes: u64,
        /// What.
        reason: String,
    },
}

/// Something wrong at a byte of a file that the caller knows.
#[derive(Debug)]
struct WrongAt(usize, String);

impl WrongAt {
    fn new(at: usize, reason: impl Into<String>) -> Self {
        Self(at, reason.into())
    }
}

/// A series of such a block.
#[derive(Debug, Clone, Default)]
pub struct PrometheusSeries {
    /// Its labels.
    pub labels: Labels,
    /// Its samples in order of time, without those that were deleted.
    pub samples: Samples,
    /// Chunks of native histograms, which are left out.
    pub histogram_chunks: u64,
}

/// An open block.
#[derive(Debug)]
pub struct PrometheusBlock {
    dir: PathBuf,
    index: FileBytes,
    parts: Index,
    /// In order of their numbers.
    chunks: Vec<(PathBuf, FileBytes)>,
    /// What was deleted of a series, from and to, both included.
    deleted: HashMap<u64, Vec<(i64, i64)>>,
}

/// Whether a folder is a block of Prometheus.
pub fn is_prometheus_block(dir: &Path) -> bool {
    dir.join(INDEX).is_file() && dir.join(CHUNKS).is_dir()
}

impl PrometheusBlock {
    /// Opens a block and reads the table of its strings.
    ///
    /// # Errors
    /// See [`PrometheusBlockError`].
    pub fn open(disk: &dyn Disk, dir: &Path) -> Result<Self, PrometheusBlockError> {
        let path = dir.join(INDEX);
        let index = disk.map(&path)?;
        let parts = Index::read(&index).map_err(|wrong| at_file(&path, wrong))?;
        let mut names: Vec<String> = disk
            .list(&dir.join(CHUNKS))?
            .into_iter()
            .filter(|entry| !entry.is_dir)
            .map(|it| it.name)
            .collect();
        names.retain(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
        names.sort_unstable();
        let mut chunks = Vec::with_capacity(names.len());
        for name in names {
            let path = dir.join(CHUNKS).join(name);
            let bytes = disk.map(&path)?;
            check_header(&bytes, CHUNKS_MAGIC).map_err(|wrong| at_file(&path, wrong))?;
            chunks.push((path, bytes));
        }
        let path = dir.join(TOMBSTONES);
        let deleted = if disk.list(dir)?.iter().any(|entry| entry.name == TOMBSTONES) {
            tombstones(&disk.read(&path)?).map_err(|wrong| at_file(&path, wrong))?
        } else {
            HashMap::new()
        };
        Ok(Self { dir: dir.to_owned(), index, parts, chunks, deleted })
    }

    /// Bytes of its series in the index, of which [`PrometheusBlock::for_each`] tells how many are done.
    pub fn index_bytes(&self) -> u64 {
        (self.parts.series_end - self.parts.series_from) as u64
    }

    /// Visits all series with the bytes of the index that are done.
    ///
    /// # Errors
    /// [`PrometheusBlockError::Wrong`], and what `visit` answers.
    pub fn for_each<E: From<PrometheusBlockError>>(
        &self,
        mut visit: impl FnMut(PrometheusSeries, u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let path = self.dir.join(INDEX);
        let mut at = self.parts.series_from;
        let mut refs = Vec::new();
        while let Some(entry) =
            self.parts.series_at(&self.index, at, &mut refs).map_err(|wrong| at_file(&path, wrong))?
        {
            let samples = self.samples(entry.id, &refs)?;
            let series = PrometheusSeries { labels: entry.labels, ..samples };
            at = entry.end;
            visit(series, (at - self.parts.series_from) as u64)?;
        }
        Ok(())
    }

    fn samples(&self, id: u64, refs: &[ChunkRef]) -> Result<PrometheusSeries, PrometheusBlockError> {
        let mut series = PrometheusSeries::default();
        for chunk in refs {
            let Some((path, bytes)) = self.chunks.get(chunk.file()) else {
                let reason = format!("chunk file {:06} is missing", chunk.file() + 1);
                return Err(at_file(&self.dir.join(INDEX), WrongAt::new(chunk.entry_at, reason)));
            };
            let read = chunk::read(bytes, chunk.offset(), &mut series.samples);
            match read.map_err(|wrong| at_file(path, wrong))? {
                Encoding::Xor => {}
                Encoding::Histogram => series.histogram_chunks += 1,
            }
        }
        // Chunks of one series may overlap where late samples were taken.
        if !series.samples.times_ms.is_sorted_by(|a, b| a < b) {
            sort(&mut series.samples);
        }
        if let Some(deleted) = self.deleted.get(&id) {
            remove(&mut series.samples, deleted);
        }
        Ok(series)
    }
}

fn at_file(file: &Path, WrongAt(at, reason): WrongAt) -> PrometheusBlockError {
    PrometheusBlockError::Wrong { file: file.to_owned(), offset_bytes: at as u64, reason }
}

/// Four bytes in the order of the network.
fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The magic number of a file, and version 1.
fn check_header(bytes: &[u8], magic: u32) -> Result<(), WrongAt> {
    match (u32_at(bytes, 0), bytes.get(4)) {
        (Some(found), Some(1)) if found == magic && bytes.len() >= CHUNKS_HEADER_BYTES => Ok(()),
        (Some(found), Some(version)) if found == magic => {
            Err(WrongAt::new(4, format!("version {version}, where 1 is known, or too short")))
        }
        _ => Err(WrongAt::new(0, "not such a file: its first four bytes are others")),
    }
}

/// What was deleted, by series.
fn tombstones(bytes: &[u8]) -> Result<HashMap<u64, Vec<(i64, i64)>>, WrongAt> {
    check_header(bytes, TOMBSTONES_MAGIC)?;
    let end = bytes.len() - 4;
    let mut input = bytes.get(5..end).unwrap_or_default();
    if u32_at(bytes, end) != Some(crc32c::crc32c(input)) {
        return Err(WrongAt::new(end, "the checksum is another"));
    }
    let mut all: HashMap<u64, Vec<(i64, i64)>> = HashMap::new();
    while !input.is_empty() {
        let at = end - input.len();
        let mut one = || {
            let id = stdx::varint::take_u64(&mut input)?;
            Some((id, (stdx::varint::take_i64(&mut input)?, stdx::varint::take_i64(&mut input)?)))
        };
        let (id, span) = one().ok_or_else(|| WrongAt::new(at, "a deletion is cut short"))?;
        all.entry(id).or_default().push(span);
    }
    Ok(all)
}

/// Of one moment the first stays.
fn sort(samples: &mut Samples) {
    let mut pairs: Vec<(i64, f64)> = samples.times_ms.drain(..).zip(samples.values.drain(..)).collect();
    pairs.sort_by_key(|(at_ms, _)| *at_ms);
    pairs.dedup_by_key(|(at_ms, _)| *at_ms);
    pairs.into_iter().for_each(|(at_ms, value)| samples.push(at_ms, value));
}

fn remove(samples: &mut Samples, deleted: &[(i64, i64)]) {
    let all = std::mem::take(samples);
    for (at_ms, value) in all.times_ms.into_iter().zip(all.values) {
        if !deleted.iter().any(|(from_ms, to_ms)| (*from_ms..=*to_ms).contains(&at_ms)) {
            samples.push(at_ms, value);
        }
    }
}
