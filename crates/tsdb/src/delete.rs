//! Deleting samples of some series: at once in the head, by tombstones in blocks.
//!
//! The head's part is logged before it is done. What is logged is clamped to what each series had: a replay may find the
//! series further on, and must not take later samples with it.

use columns::TimeRange;
use model::Matcher;

use crate::record::{self, DeleteRecord};
use crate::{Db, TsdbError};

impl Db {
    /// Deletes the samples in `range` of all series that satisfy the matchers. They are gone for queries when this returns,
    /// and durably so by the sync policy; their bytes go with the next compaction or [`Db::clean_tombstones`].
    ///
    /// # Errors
    /// [`TsdbError::Wal`], [`TsdbError::Disk`]: a part may be deleted; the same call again does the rest.
    pub fn delete_series(&self, matchers: &[Matcher], range: TimeRange) -> Result<(), TsdbError> {
        let _alone = self.keeping_house();
        self.blocks.clear_strays()?;
        self.delete_in_head(matchers, range)?;
        for block in self.blocks.view().overlapping(range) {
            let mut tombstones = (*block.tombstones()).clone();
            for place in block.matching(matchers) {
                if let (Some(first), Some(last)) = {
                    let chunks = block.chunks(place, range)?;
                    (chunks.first().map(|c| c.entry.first_ms), chunks.last().map(|c| c.entry.last_ms))
                } {
                    tombstones.add(place, first.max(range.from.0), last.min(range.to.0));
                }
            }
            if tombstones != *block.tombstones() {
                let path = self.blocks.dir.join(crate::filenames::tombs_file(block.meta.number));
                disk::replace(&*self.blocks.disk, &path, &tombstones.to_bytes())?;
                block.set_tombstones(tombstones);
            }
        }
        Ok(())
    }

    fn delete_in_head(&self, matchers: &[Matcher], range: TimeRange) -> Result<(), TsdbError> {
        let _turn = self.committer().ok_or(TsdbError::Broken)?;
        let found = self.head.in_slots(&self.head.index().matching(matchers));
        let mut deletes = Vec::new();
        for series in &found {
            let state = series.state();
            if let Some((newest_ms, _)) = state.newest().filter(|_| state.overlaps(range)) {
                let to_ms = range.to.0.min(newest_ms);
                deletes.push((series, DeleteRecord { id: series.id, from_ms: range.from.0, to_ms }));
            }
        }
        if deletes.is_empty() {
            return Ok(());
        }
        let mut batch = wal::Batch::new();
        let records: Vec<DeleteRecord> = deletes.iter().map(|(_, record)| *record).collect();
        batch.record(|out| record::put_deletes(&records, out));
        self.wal.append(&mut batch)?;
        let _unseen = self.while_applying();
        for (series, record) in deletes {
            let finished_bytes =
                series.state().delete(record.from_ms, record.to_ms, &self.head.spill.files());
            self.head.spill.wait(series, finished_bytes);
        }
        self.recount(&self.head.in_slots(&self.head.all_slots()));
        Ok(())
    }
}
