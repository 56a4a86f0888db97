//! Writing a block: series in order of labels, then index, meta and footer; then the name, and only then it is there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use disk::{Disk, DiskError, DiskFile};
use model::Labels;
use storage::Samples;

use super::bases::{Bases, Role};
use super::chunk::{Base, SAMPLES_MAX, put_chunk};
use super::index_writer::{ChunkEntry, IndexWriter};
use super::lenders::Lenders;
use super::meta::{HEADER_BYTES, Meta, header, put_footer, put_meta};
use super::scale::Scaled;
use crate::filenames::{block_file, half_made};

/// Bytes of one write.
const WRITE_BYTES: usize = 1 << 20;

/// A block that is being written. Dropped before [`BlockWriter::finish`], it removes its file.
#[derive(Debug)]
pub(crate) struct BlockWriter<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    meta: Meta,
    half_made: PathBuf,
    file: Arc<dyn DiskFile>,
    buffer: Vec<u8>,
    written_bytes: u64,
    index: IndexWriter,
    lenders: Lenders,
    bases: Bases,
    is_finished: bool,
}

impl<'a> BlockWriter<'a> {
    /// Begins a block in the folder `dir`; of `meta` the counts are filled in here.
    pub(crate) fn begin(disk: &'a dyn Disk, dir: &'a Path, meta: Meta) -> Result<Self, DiskError> {
        let half_made = dir.join(half_made(&block_file(meta.number)));
        let file = disk.create(&half_made)?;
        let mut buffer = Vec::with_capacity(WRITE_BYTES + WRITE_BYTES / 4);
        buffer.extend_from_slice(&header(meta.number));
        Ok(Self {
            disk,
            dir,
            meta,
            half_made,
            file,
            buffer,
            written_bytes: 0,
            index: IndexWriter::default(),
            lenders: Lenders::default(),
            bases: Bases::default(),
            is_finished: false,
        })
    }

    /// Adds a series, whose labels are above those of the last, and whose times grow. One without samples is left out.
    pub(crate) fn series(&mut self, labels: &Labels, samples: &Samples) -> Result<(), DiskError> {
        let count = samples.times_ms.len();
        if count == 0 {
            return Ok(());
        }
        // Even parts: a last chunk of a few samples would cost as much as a long one.
        let part = count.div_ceil(count.div_ceil(SAMPLES_MAX));
        let mut entries = Vec::new();
        let role = Role::of(labels);
        for (times, values) in samples.times_ms.chunks(part).zip(samples.values.chunks(part)) {
            let offset_bytes = self.written_bytes + self.buffer.len() as u64;
            debug_assert!(times.is_sorted_by(|a, b| a < b), "times that do not grow");
            let (first_ms, last_ms) = (times[0], times[times.len() - 1]);
            self.chunk(times, values, role.as_ref(), offset_bytes);
            assert!(
                self.meta.from_ms <= first_ms && last_ms < self.meta.end_ms,
                "{labels} outside of its block"
            );
            entries.push(ChunkEntry { first_ms, last_ms, offset_bytes });
        }
        self.index.add(labels, &entries);
        self.meta.samples += count as u64;
        if self.buffer.len() >= WRITE_BYTES { self.write() } else { Ok(()) }
    }

    fn chunk(&mut self, times: &[i64], values: &[f64], role: Option<&Role>, offset_bytes: u64) {
        let scaled = Scaled::of(values);
        let base = role.and_then(|role| self.bases.find(role, times[0], &scaled));
        let base = base.map(|(at, integers)| Base { distance: offset_bytes - at, integers });
        let times_in = self.lenders.place(times, offset_bytes);
        let has_base = put_chunk(times_in, values, &scaled, base, &mut self.buffer);
        if let Some(role) = role.filter(|_| !has_base) {
            self.bases.add(role, times[0], &scaled, offset_bytes);
        }
    }

    /// Makes the block be there, durably; nothing when it has no sample.
    pub(crate) fn finish(mut self) -> Result<Option<Meta>, DiskError> {
        if self.meta.samples == 0 {
            return Ok(None);
        }
        self.meta.series = self.index.series() as u64;
        self.meta.chunks = self.index.chunks() as u64;
        let index_at = self.written_bytes + self.buffer.len() as u64;
        let index = std::mem::take(&mut self.index).finish(self.meta.from_ms);
        let mut meta = Vec::new();
        put_meta(&self.meta, &mut meta);
        self.buffer.extend_from_slice(&index);
        self.buffer.extend_from_slice(&meta);
        put_footer(index_at, &index, &meta, &mut self.buffer);
        self.write()?;
        self.file.sync()?;
        self.is_finished = true;
        self.disk.rename(&self.half_made, &self.dir.join(block_file(self.meta.number)))?;
        self.disk.sync_dir(self.dir)?;
        Ok(Some(std::mem::take(&mut self.meta)))
    }

    fn write(&mut self) -> Result<(), DiskError> {
        self.file.append(&self.buffer)?;
        self.written_bytes += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

const _: () = assert!(HEADER_BYTES < WRITE_BYTES);

impl Drop for BlockWriter<'_> {
    fn drop(&mut self) {
        if !self.is_finished
            && let Err(error) = self.disk.remove_file(&self.half_made)
        {
            tracing::warn!(%error, "a half-made block stays until the next start");
        }
    }
}
