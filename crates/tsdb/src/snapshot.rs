//! A copy of the store as it is at one moment, from which a store can be opened: blocks as links to the same bytes, which never
//! change, and what the head has in one more block.
//!
//! Exemplars are not part of it, as in Prometheus. While a snapshot is made no block changes; commits go on, and what
//! comes after its beginning is not in it.

use std::path::Path;

use columns::TimeRange;
use disk::Disk;
use model::TimestampMs;
use storage::{MetricQuery, Samples, Selection};

use crate::block::BlockWriter;
use crate::block::meta::Meta;
use crate::filenames::{BLOCKS_DIR, block_file, tombs_file};
use crate::{Db, TsdbError};

/// Whether a snapshot has what is not in blocks yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotHead {
    /// All there is.
    With,
    /// Blocks alone.
    Without,
}

/// What a snapshot holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SnapshotReport {
    /// Blocks that are links.
    pub linked_blocks: usize,
    /// Samples of the head, written into a block.
    pub head_samples: u64,
}

impl Db {
    /// Copies the store into the folder `dir`, which is made. On an error what is half made stays there.
    ///
    /// # Errors
    /// [`TsdbError::Disk`]; [`TsdbError::Query`] when samples of the head cannot be read.
    pub fn snapshot(&self, dir: &Path, head: SnapshotHead) -> Result<SnapshotReport, TsdbError> {
        let _alone = self.keeping_house();
        let disk = &*self.blocks.disk;
        let blocks_dir = dir.join(BLOCKS_DIR);
        disk.create_dir_all(&blocks_dir)?;
        let view = self.blocks.view();
        for block in &view.blocks {
            let number = block.meta.number;
            disk.link(&block.path, &blocks_dir.join(block_file(number)))?;
            if !block.tombstones().is_empty() {
                let tombs = tombs_file(number);
                disk.link(&self.blocks.dir.join(&tombs), &blocks_dir.join(&tombs))?;
            }
        }
        let head_samples = match head {
            SnapshotHead::With => self.snapshot_head(disk, &blocks_dir, view.head_from_ms)?,
            SnapshotHead::Without => 0,
        };
        disk.sync_dir(&blocks_dir)?;
        Ok(SnapshotReport { linked_blocks: view.blocks.len(), head_samples })
    }

    fn snapshot_head(&self, disk: &dyn Disk, blocks_dir: &Path, head_from_ms: i64) -> Result<u64, TsdbError> {
        let Some((oldest_ms, newest_ms)) = self.head.totals().span_ms else { return Ok(0) };
        let from_ms = if head_from_ms == i64::MIN { oldest_ms } else { head_from_ms };
        if newest_ms < from_ms {
            return Ok(0);
        }
        let range = TimeRange { from: TimestampMs(from_ms), to: TimestampMs(newest_ms) };
        let found = self.select(&Selection { matchers: &[], range, series_max: usize::MAX })?;
        let number = self.blocks.take_number();
        let meta = Meta { number, level: 1, from_ms, end_ms: newest_ms.saturating_add(1), ..Meta::default() };
        let mut writer = BlockWriter::begin(disk, blocks_dir, meta)?;
        let mut samples = Samples::default();
        for i in 0..found.len() {
            self.check_open()?;
            found.samples_with_stale(i, range, &mut samples)?;
            writer.series(&found.labels(i), &samples)?;
        }
        Ok(writer.finish()?.map_or(0, |meta| meta.samples))
    }
}
