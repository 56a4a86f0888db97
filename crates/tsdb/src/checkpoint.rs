//! Writing all of the head into a checkpoint of the log, so that older segments can go.
//!
//! Commits go on meanwhile. What was committed before the new segment began is in memory and so in the checkpoint; what
//! was committed after is in the new segment, and may be in the checkpoint too. A replay skips samples that are not newer
//! than what a series has, so the second telling does no harm.

use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::record::{self, Definition, SeriesRecord};
use crate::series::Series;
use crate::spill::Spill;
use crate::{Db, TsdbError};

/// Series of one record: some 100 kB, so that damage costs few of them.
const RECORD_SERIES: usize = 256;
/// A clean stop writes a checkpoint when the log has grown by this: less is replayed at once anyway.
const LOG_BYTES_AT_STOP: u64 = 4 << 20;

/// Why a checkpoint is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// The log may have grown enough.
    Housekeeping,
    /// A block was cut: the log need not keep what is in it.
    Cut,
    /// The store is closed.
    Stop,
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
            Occasion::Stop => log_bytes > LOG_BYTES_AT_STOP,
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

    fn checkpoint(&self) -> Result<u64, TsdbError> {
        let (mut checkpoint, all) = {
            // Between two commits: all that is in older segments is in memory, too.
            let _turn = self.committer().ok_or(TsdbError::Broken)?;
            (self.wal.begin_checkpoint()?, self.head.in_slots(&self.head.all_slots()))
        };
        let generation = self.head.generation();
        checkpoint.record(|out| record::put_checkpoint_head(generation, out))?;
        for some in all.chunks(RECORD_SERIES) {
            let series: Vec<SeriesRecord> =
                some.iter().filter_map(|series| series_record(series, &self.head.spill)).collect();
            if !series.is_empty() {
                checkpoint.record(|out| record::put_checkpoint_series(&series, out))?;
            }
        }
        Ok(checkpoint.finish()?)
    }
}

/// What the checkpoint says of a series; nothing of one that no commit has written.
fn series_record(series: &Series, spill: &Spill) -> Option<SeriesRecord> {
    let state = series.state();
    let definition = Definition { id: series.id, labels: series.labels.clone() };
    (state.is_logged && !state.is_removed)
        .then(|| SeriesRecord { definition, chunks: state.chunks(&spill.files()) })
}
