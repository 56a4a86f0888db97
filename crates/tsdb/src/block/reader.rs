//! A block, open for reading.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use columns::TimeRange;
use disk::{Disk, DiskError, FileBytes};
use model::{Labels, Matcher, TimestampMs};
use prometheus_client::metrics::counter::Counter;
use roaring::RoaringBitmap;
use storage::{QueryError, Samples};

use super::chunk::{self, ChunkView};
use super::head::Chunks;
use super::index::{IndexView, Layout};
use super::index_writer::ChunkEntry;
use super::meta::{self, Flaw, Footer, Meta};
use super::pages::CHUNK_BYTES_MIN;
use super::tombstones::{Tombstones, drop_deleted};
use crate::bench::ChunkBytes;
use crate::filenames::{block_file, tombs_file};

/// A block. Its bytes stay readable when its file is removed.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) meta: Meta,
    pub(crate) path: PathBuf,
    bytes: FileBytes,
    footer: Footer,
    layout: Layout,
    /// A bit a chunk: its sum was found right.
    checked: Vec<AtomicU64>,
    tombstones: RwLock<Arc<Tombstones>>,
    has_damage: AtomicBool,
    damaged_chunks: Counter,
}

/// Why a block could not be opened.
#[derive(Debug)]
pub(crate) enum OpenError {
    /// The disk.
    Disk(DiskError),
    /// The bytes.
    Flaw(Flaw),
}

/// A chunk of a series of a block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChunkRef {
    pub(crate) entry: ChunkEntry,
    number: u64,
}

/// Chunks of one series in one block.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) block: Arc<Block>,
    pub(crate) place: u32,
}

impl Block {
    /// Opens block `number` in `dir`, without its tombstones.
    pub(crate) fn open(
        disk: &dyn Disk,
        dir: &Path,
        number: u64,
        damaged_chunks: &Counter,
    ) -> Result<Self, OpenError> {
        let path = dir.join(block_file(number));
        let bytes = disk.map(&path).map_err(OpenError::Disk)?;
        let (meta, footer) = meta::read(&bytes, number).map_err(OpenError::Flaw)?;
        let flaw = Flaw { offset_bytes: footer.index.start as u64, reason: "the index cannot be decoded" };
        // Each series has a chunk. What room is made for does not hang on a number that somebody wrote.
        let chunks_max = footer.index.start as u64 / CHUNK_BYTES_MIN;
        let layout = bytes
            .get(footer.index.clone())
            .and_then(|bytes| Layout::parse(bytes, footer.version))
            .filter(|layout| layout.series_count() as u64 <= chunks_max)
            .ok_or(OpenError::Flaw(flaw))?;
        let words = meta.chunks.min(chunks_max) / 64 + 1;
        Ok(Self {
            meta,
            path,
            footer,
            layout,
            checked: (0..words).map(|_| AtomicU64::new(0)).collect(),
            bytes,
            tombstones: RwLock::default(),
            has_damage: AtomicBool::new(false),
            damaged_chunks: damaged_chunks.clone(),
        })
    }

    pub(crate) fn len_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    pub(crate) fn index(&self) -> IndexView<'_> {
        IndexView {
            bytes: self.bytes.get(self.footer.index.clone()).unwrap_or_default(),
            layout: &self.layout,
            chunks_end: self.footer.index.start as u64,
        }
    }

    /// Where the index begins in the file.
    pub(crate) fn index_at(&self) -> u64 {
        self.footer.index.start as u64
    }

    /// The span of the block.
    pub(crate) fn range(&self) -> TimeRange {
        TimeRange { from: TimestampMs(self.meta.from_ms), to: TimestampMs(self.meta.end_ms - 1) }
    }

    /// Whether a chunk was found damaged since the block was opened.
    pub(crate) fn has_damage(&self) -> bool {
        self.has_damage.load(Ordering::Relaxed)
    }

    pub(crate) fn tombstones(&self) -> Arc<Tombstones> {
        Arc::clone(&self.tombstones.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_tombstones(&self, tombstones: Tombstones) {
        *self.tombstones.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(tombstones);
    }

    /// Reads the tombstones that lie beside the block; the error says which file is damaged.
    pub(crate) fn load_tombstones(&self, disk: &dyn Disk, dir: &Path) -> Result<(), OpenError> {
        let flaw = Flaw { offset_bytes: 0, reason: "the tombstones cannot be decoded" };
        match disk.read(&dir.join(tombs_file(self.meta.number))) {
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(OpenError::Disk(error)),
            Ok(bytes) => {
                self.set_tombstones(Tombstones::from_bytes(&bytes).ok_or(OpenError::Flaw(flaw))?);
                Ok(())
            }
        }
    }

    /// Series that satisfy the matchers.
    pub(crate) fn matching(&self, matchers: &[Matcher]) -> RoaringBitmap {
        self.index().matching(matchers)
    }

    /// The labels of a series.
    pub(crate) fn labels(&self, place: u32) -> Result<Labels, QueryError> {
        self.index().labels(place).ok_or_else(|| self.damaged(self.footer.index.start as u64, "labels"))
    }

    /// The chunks of a series that may have samples in `range`.
    pub(crate) fn chunks(&self, place: u32, range: TimeRange) -> Result<Vec<ChunkRef>, QueryError> {
        let entry = self.index().series(place, self.meta.from_ms);
        let entry = entry.ok_or_else(|| self.damaged(self.footer.index.start as u64, "a series"))?;
        let all = entry.chunks.iter().enumerate();
        let overlaps = |chunk: &ChunkEntry| chunk.first_ms <= range.to.0 && range.from.0 <= chunk.last_ms;
        let some = all.filter(|(_, chunk)| overlaps(chunk));
        Ok(some.map(|(i, chunk)| ChunkRef { entry: *chunk, number: entry.first_chunk + i as u64 }).collect())
    }

    /// A chunk, its sum and that of the chunk which has its times checked at least once.
    pub(crate) fn chunk(&self, chunk: &ChunkRef) -> Result<ChunkView<'_>, QueryError> {
        let offset_bytes = chunk.entry.offset_bytes;
        let damaged = |offset_bytes| self.damaged(offset_bytes, "a chunk");
        let at = usize::try_from(offset_bytes).map_err(|_| damaged(offset_bytes))?;
        let chunks = self.all_chunks();
        let word = usize::try_from(chunk.number / 64).ok().and_then(|word| self.checked.get(word));
        let bit = 1 << (chunk.number % 64);
        if word.is_none_or(|word| word.load(Ordering::Relaxed) & bit == 0) {
            if let Some(at) = chunk::damage(chunks, at) {
                return Err(damaged(at as u64));
            }
            word.map(|word| word.fetch_or(bit, Ordering::Relaxed));
        }
        ChunkView::parse(chunks, at).ok_or_else(|| damaged(offset_bytes))
    }

    fn all_chunks(&self) -> Chunks<'_> {
        let bytes = self.bytes.get(..self.footer.index.start).unwrap_or_default();
        Chunks { bytes, version: self.footer.version }
    }

    /// What the parts of a chunk take.
    pub(crate) fn bytes_of(&self, chunk: &ChunkRef) -> Option<ChunkBytes> {
        chunk::parts(self.all_chunks(), usize::try_from(chunk.entry.offset_bytes).ok()?)
    }

    /// Where the chunk begins whose sum is wrong, of those that this one needs.
    pub(crate) fn damage_of(&self, chunk: &ChunkRef) -> Option<u64> {
        let at = usize::try_from(chunk.entry.offset_bytes).ok()?;
        chunk::damage(self.all_chunks(), at).map(|at| at as u64)
    }

    /// Appends the samples of a series in `range` that are not deleted.
    pub(crate) fn samples(&self, place: u32, range: TimeRange, out: &mut Samples) -> Result<(), QueryError> {
        let mut own = Samples::default();
        for chunk in self.chunks(place, range)? {
            let view = self.chunk(&chunk)?;
            let from = range.from.0.checked_sub(1).map_or(0, |before_ms| view.times.until(before_ms));
            view.decode(from, view.times.until(range.to.0), &mut own);
        }
        drop_deleted(self.tombstones().of(place), &mut own);
        out.times_ms.append(&mut own.times_ms);
        out.values.append(&mut own.values);
        Ok(())
    }

    fn damaged(&self, offset_bytes: u64, what: &str) -> QueryError {
        self.damaged_chunks.inc();
        if !self.has_damage.swap(true, Ordering::Relaxed) {
            tracing::error!(path = %self.path.display(), offset_bytes, "{what} of a block is damaged");
        }
        QueryError::Damaged(format!("{what} at byte {offset_bytes} of {}", self.path.display()))
    }
}
