//! Writing what is in no file into a checkpoint of the log, so that older segments can go.
//!
//! Pushes go on meanwhile. What was stored before the new segment began is in memory and so in the checkpoint, or in a file by
//! then; what was stored after is in the new segment, and may be in the checkpoint too: a replay passes repeats over.
//!
//! The same writing makes a log sound whose sync failed (docs/adr/0004-failed-sync.md). While the log is poisoned no push is
//! taken, so memory stands still.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Instant;

use model::Labels;

use crate::buffer::Buffer;
use crate::codec::Sets;
use crate::record;
use crate::stream::{Place, Stream};
use crate::{Db, LogdbError};

/// A clean stop writes a checkpoint when the log has grown by this: less is replayed at once anyway.
const LOG_BYTES_AT_STOP: u64 = 4 << 20;

/// Why a checkpoint is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// The log may have grown enough.
    Housekeeping,
    /// The store is closed.
    Stop,
    /// Damage was found: the log is to be whole again.
    Damage,
    /// Deleted lines leave their files: the log must have nothing of these.
    Erasure,
}

impl Db {
    /// Writes a checkpoint if the occasion asks for one.
    pub(crate) fn checkpoint_if_due(&self, occasion: Occasion) -> Result<(), LogdbError> {
        let before = self.checkpoint_bytes.load(Ordering::Relaxed);
        let log_bytes = self.wal.len_bytes().saturating_sub(before);
        let is_due = match occasion {
            Occasion::Housekeeping => log_bytes > self.storage.log_bytes_max.max(before),
            Occasion::Stop => log_bytes > LOG_BYTES_AT_STOP,
            Occasion::Damage | Occasion::Erasure => true,
        };
        if !is_due {
            return Ok(());
        }
        let begun = Instant::now();
        match self.checkpoint() {
            Ok(bytes) => {
                self.checkpoint_bytes.store(bytes, Ordering::Relaxed);
                self.metrics.checkpoints.inc();
                let seconds = begun.elapsed().as_secs_f64();
                tracing::debug!(bytes, seconds, ?occasion, "checkpoint of the logs written");
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
    /// [`LogdbError::Wal`] when the disk still fails: the next round tries again.
    pub(crate) fn repair_log(&self) -> Result<bool, LogdbError> {
        let _alone = self.checkpointing();
        let (checkpoint, all) = {
            // A push that is under way ends first, and what it leaves in memory is what was acknowledged.
            let _turn = self.committer().ok_or(LogdbError::Broken)?;
            match self.wal.begin_repair() {
                None => {
                    self.wal.probe();
                    return Ok(false);
                }
                Some(checkpoint) => (checkpoint, self.head.all()),
            }
        };
        let bytes = write(checkpoint, &all)?;
        self.checkpoint_bytes.store(bytes, Ordering::Relaxed);
        Ok(true)
    }

    fn checkpointing(&self) -> MutexGuard<'_, ()> {
        self.checkpointing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn checkpoint(&self) -> Result<u64, LogdbError> {
        let _alone = self.checkpointing();
        let (checkpoint, all) = {
            // Between two pushes: all that is in older segments is in memory, too.
            let _turn = self.committer().ok_or(LogdbError::Broken)?;
            (self.wal.begin_checkpoint()?, self.head.all())
        };
        write(checkpoint, &all)
    }
}

fn write(mut checkpoint: wal::Checkpoint<'_>, all: &[Arc<Stream>]) -> Result<u64, LogdbError> {
    let mut sets = Sets::default();
    let none = Labels::empty();
    for stream in all {
        let (buffers, packed) = unfiled(stream);
        for buffer in &buffers {
            checkpoint.record(|out| {
                record::put_streams(&[(&stream.labels, buffer.lines(&none))], &mut sets, out)
            })?;
        }
        for bytes in packed {
            checkpoint.record(|out| record::put_chunk(&stream.labels, &bytes, out))?;
        }
    }
    Ok(checkpoint.finish()?)
}

/// What of a stream is in no file: lines, and packed chunks.
fn unfiled(stream: &Stream) -> (Vec<Arc<Buffer>>, Vec<Arc<[u8]>>) {
    let state = stream.state();
    let mut buffers: Vec<Arc<Buffer>> = Vec::new();
    let mut packed = Vec::new();
    for chunk in state.chunks() {
        match &chunk.place {
            Place::Lines(buffer) => buffers.push(Arc::clone(buffer)),
            Place::Memory(bytes) => packed.push(Arc::clone(bytes)),
            Place::File(..) => {}
        }
    }
    buffers.extend(state.buffers().cloned());
    (buffers, packed)
}
