//! From blocks as Prometheus writes them: its folder of data, a snapshot, or one block.

use std::path::{Path, PathBuf};

use tsdb::RealDisk;
use tsdb::offline::{PrometheusBlock, is_prometheus_block};

use super::{Batch, Imported};
use crate::tools::{Progress, ToolError};

/// Where Prometheus keeps what is in no block yet.
const LOG: &str = "wal";

/// Blocks in order of their names, which is that in which they were made.
pub(super) struct Blocks {
    all: Vec<PrometheusBlock>,
    has_log: bool,
}

/// Opens all blocks of a folder, or the one that it is.
pub(super) fn open(dir: &Path) -> Result<Blocks, ToolError> {
    let mut dirs = if is_prometheus_block(dir) { vec![dir.to_owned()] } else { blocks_in(dir)? };
    dirs.sort_unstable();
    let all: Vec<PrometheusBlock> =
        dirs.iter().map(|dir| PrometheusBlock::open(&RealDisk, dir)).collect::<Result<_, _>>()?;
    if all.is_empty() {
        return Err(ToolError::NoBlocks(dir.to_owned()));
    }
    Ok(Blocks { all, has_log: dir.join(LOG).is_dir() })
}

/// Folders that are blocks. What a Prometheus is about to write or to remove has an extension.
fn blocks_in(dir: &Path) -> Result<Vec<PathBuf>, ToolError> {
    let entries = std::fs::read_dir(dir).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
    let entries = entries.map_err(|source| ToolError::File { file: dir.to_owned(), source })?;
    let dirs = entries.into_iter().map(|entry| entry.path());
    Ok(dirs.filter(|dir| dir.extension().is_none() && is_prometheus_block(dir)).collect())
}

impl Blocks {
    /// Reads all of them without putting any in.
    pub(super) fn check(&self, imported: &mut Imported, progress: Progress<'_>) -> Result<(), ToolError> {
        (imported.blocks, imported.has_log) = (self.all.len(), self.has_log);
        let mut done = Done::new(self, 0);
        for block in &self.all {
            block.for_each::<ToolError>(|series, at| {
                imported.samples += series.samples.times_ms.len() as u64;
                imported.histogram_chunks += series.histogram_chunks;
                done.tell(at, progress);
                Ok(())
            })?;
            done.before += block.index_bytes();
        }
        Ok(())
    }

    /// Puts in what was checked.
    pub(super) fn put(&self, batch: &mut Batch<'_>, progress: Progress<'_>) -> Result<(), ToolError> {
        let mut done = Done::new(self, 1);
        for block in &self.all {
            block.for_each::<ToolError>(|series, at| {
                batch.samples += series.samples.times_ms.len();
                batch.series.push((series.labels, series.samples));
                done.tell(at, progress);
                if batch.is_full() { batch.flush() } else { Ok(()) }
            })?;
            done.before += block.index_bytes();
        }
        Ok(())
    }
}

/// How much is done, in bytes of the indexes, which are gone through twice.
struct Done {
    all: u64,
    before: u64,
    series: u64,
}

/// How often progress is told.
const SERIES_BETWEEN: u64 = 256;

impl Done {
    fn new(blocks: &Blocks, round: u64) -> Self {
        let all = blocks.all.iter().map(PrometheusBlock::index_bytes).sum();
        Self { all, before: round * all, series: 0 }
    }

    fn tell(&mut self, at: u64, progress: Progress<'_>) {
        self.series += 1;
        if self.series.is_multiple_of(SERIES_BETWEEN) {
            progress(self.before + at, 2 * self.all);
        }
    }
}
