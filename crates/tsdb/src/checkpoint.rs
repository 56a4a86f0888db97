//! Writing all of the head into a checkpoint of the log, so that older segments can go.
//!
//! Commits go on meanwhile. What was committed before the new segment began is in memory and so in the checkpoint; what
//! was committed after is in the new segment, and may be in the checkpoint too. A replay skips samples that are not newer
//! than what a series has, so the second telling does no harm.
//!
//! Finished chunks that lie in files are not copied: the checkpoint says where they are, and names the files with their
//! sums (`spill/kept.rs`). Those are on the disk since they were made.
//!
//! The same writing makes a log sound whose sync failed (docs/adr/0004-failed-sync.md): memory holds all that was
//! acknowledged since the last block, whatever the disk has made of it. While the log is poisoned no commit is taken, so
//! memory stands still.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Instant;

use crate::checkpoint_record::SeriesRecord;
use crate::record::{self, Definition};
use crate::series::Series;
use crate::spill::Spill;
use crate::{Db, TsdbError};

/// Series of one record: some 100 kB, so that damage costs few of them.
const RECORD_SERIES: usize = 256;

/// Why a checkpoint is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// The log may have grown enough.
    Housekeeping,
    /// A block was cut: the log need not keep what is in it.
    Cut,
    /// Damage was found: the log is to be whole again.
    Damage,
}

impl Db {
    /// Writes a checkpoint if the occasion asks for one.
    pub(crate) fn checkpoint_if_due(&self, occasion: Occasion) -> Result<(), TsdbError> {
        let before = self.checkpoint_bytes.load(Ordering::Relaxed);
        let log_bytes = self.wal.len_bytes().saturating_sub(before);
        let is_due = match occasion {
            Occasion::Housekeeping => log_bytes > self.limits.log_bytes_max.max(before),
            Occasion::Damage | Occasion::Cut => true,
        };
        if !is_due {
            return Ok(());
        }
        let begun = Instant::now();
        let written = self.checkpoint();
        self.metrics.checkpoint_duration.observe(begun.elapsed().as_secs_f64());
        match written {
            Ok(bytes) => {
                self.checkpoint_bytes.store(bytes, Ordering::Relaxed);
                self.metrics.checkpoints.inc();
                tracing::info!(
                    bytes,
                    seconds = begun.elapsed().as_secs_f64(),
                    ?occasion,
                    "checkpoint written"
                );
                Ok(())
            }
            Err(error) => {
                self.metrics.checkpoints_failed.inc();
                Err(error)
            }
        }
    }

    /// Writes a log anew that takes nothing after a failed sync or cut; true when there was need. A log that only refused
    /// the last append, as on a full disk, is asked whether it would take one now.
    ///
    /// # Errors
    /// [`TsdbError::Wal`] when the disk still fails: the next round tries again.
    pub(crate) fn repair_log(&self) -> Result<bool, TsdbError> {
        let _alone = self.checkpointing();
        let (checkpoint, all) = {
            // A commit that is under way ends first, and what it leaves in memory is what was acknowledged.
            let _turn = self.committer().ok_or(TsdbError::Broken)?;
            match self.wal.begin_repair() {
                None => {
                    self.wal.probe();
                    return Ok(false);
                }
                Some(checkpoint) => (checkpoint, self.head.in_slots(&self.head.all_slots())),
            }
        };
        let bytes = self.write_checkpoint(checkpoint, &all)?;
        self.checkpoint_bytes.store(bytes, Ordering::Relaxed);
        Ok(true)
    }

    fn checkpointing(&self) -> MutexGuard<'_, ()> {
        self.checkpointing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn checkpoint(&self) -> Result<u64, TsdbError> {
        let _alone = self.checkpointing();
        let (checkpoint, all) = {
            // Between two commits: all that is in older segments is in memory, too.
            let _turn = self.committer().ok_or(TsdbError::Broken)?;
            (self.wal.begin_checkpoint()?, self.head.in_slots(&self.head.all_slots()))
        };
        self.write_checkpoint(checkpoint, &all)
    }

    fn write_checkpoint(
        &self,
        mut checkpoint: wal::Checkpoint<'_>,
        all: &[Arc<Series>],
    ) -> Result<u64, TsdbError> {
        let generation = self.head.generation();
        checkpoint.record(|out| record::put_checkpoint_head(generation, out))?;
        for some in all.chunks(RECORD_SERIES) {
            let series: Vec<SeriesRecord> =
                some.iter().filter_map(|series| series_record(series, &self.head.spill)).collect();
            if !series.is_empty() {
                checkpoint.record(|out| record::put_checkpoint_series(&series, out))?;
            }
        }
        self.checkpoint_exemplars(&mut checkpoint)?;
        // Last: all that series were said to have in files lies in these, or was let go meanwhile.
        let files = self.head.spill.list()?;
        checkpoint.record(|out| record::put_checkpoint_files(&files, out))?;
        let bytes = checkpoint.finish()?;
        self.head.spill.remove_unlisted(&files);
        Ok(bytes)
    }
}

/// What the checkpoint says of a series; nothing of one that no commit has written.
fn series_record(series: &Series, spill: &Spill) -> Option<SeriesRecord> {
    let state = series.state();
    let definition = Definition { id: series.id, labels: series.labels.clone() };
    (state.is_logged && !state.is_removed).then(|| {
        let (spilled, chunks) = state.recorded(&spill.files());
        SeriesRecord { definition, spilled, chunks }
    })
}
