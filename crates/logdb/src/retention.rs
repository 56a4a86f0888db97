//! Letting old lines go: by age, by size, and then the streams that have none left.
//!
//! Age is counted from the clock or from the newest line, whichever is earlier: a clock that jumps ahead drops nothing by
//! itself. A file leaves when its newest line is too old; what of younger files is too old is not shown any more.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::stream::{Chunk, Place};
use crate::{Db, LogdbError, NS_PER_MS};

/// How long a stream without lines stays after the last push to it, in milliseconds.
const TOUCHED_GRACE_MS: i64 = 600_000;

impl Db {
    /// Lines before this moment are not shown, and leave.
    pub(crate) fn cutoff_ns(&self) -> i64 {
        let retention_ns = self.storage.retention.0.saturating_mul(NS_PER_MS);
        if retention_ns == 0 {
            return i64::MIN;
        }
        let now_ns = self.clock.now_ms().saturating_mul(NS_PER_MS);
        let newest_ns = self.newest_ns.load(Ordering::Relaxed);
        now_ns.min(newest_ns).saturating_sub(retention_ns)
    }

    /// Drops what is too old or too much.
    ///
    /// # Errors
    /// [`LogdbError::Disk`] when the list of deletions could not be written anew.
    pub(crate) fn retain(&self) -> Result<(), LogdbError> {
        let old = self.too_old();
        self.metrics.time_retentions.inc_by(old.len() as u64);
        self.drop_files(&old);
        self.drop_waiting();
        let much = self.too_much();
        self.metrics.size_retentions.inc_by(much.len() as u64);
        self.drop_files(&much);
        if let Some(_turn) = self.committer() {
            let touched_before_ms = self.clock.now_ms().saturating_sub(TOUCHED_GRACE_MS);
            self.metrics.streams_removed.inc_by(self.head.remove_empty(touched_before_ms) as u64);
        }
        self.show();
        self.forget_deletes()
    }

    fn too_old(&self) -> Vec<u64> {
        let cutoff_ns = self.cutoff_ns();
        let kept = self.files.kept();
        kept.iter().filter(|kept| kept.last_ns < cutoff_ns).map(|kept| kept.file.number).collect()
    }

    /// The oldest files, as far as all together have too many bytes.
    fn too_much(&self) -> Vec<u64> {
        let limit = self.storage.retention_bytes;
        let mut bytes = self.files.bytes();
        if limit == 0 || bytes <= limit {
            return Vec::new();
        }
        let mut kept = self.files.kept().clone();
        kept.sort_by_key(|kept| kept.last_ns);
        let mut leaving = Vec::new();
        for kept in kept {
            if bytes <= limit {
                break;
            }
            bytes = bytes.saturating_sub(kept.file.len_bytes());
            leaving.push(kept.file.number);
        }
        tracing::warn!(files = leaving.len(), limit, "too many logs on the disk: the oldest leave early");
        leaving
    }

    fn drop_files(&self, numbers: &[u64]) {
        if numbers.is_empty() {
            return;
        }
        let leaves = |chunk: &Chunk| match &chunk.place {
            Place::File(file, _) => numbers.contains(&file.number),
            Place::Lines(_) | Place::Memory(_) => false,
        };
        for stream in self.head.all() {
            stream.state().drop_chunks(leaves);
        }
        self.files.remove(numbers);
    }

    /// Drops chunks that are too old before a file has taken them.
    fn drop_waiting(&self) {
        let cutoff_ns = self.cutoff_ns();
        let leaves =
            |chunk: &Chunk| matches!(chunk.place, Place::Memory(_)) && chunk.info.last_ns < cutoff_ns;
        let waiting: Vec<_> =
            self.head.waiting().chunks.iter().map(|(stream, _)| Arc::clone(stream)).collect();
        for stream in waiting {
            stream.state().drop_chunks(leaves);
        }
    }
}
