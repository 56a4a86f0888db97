//! Letting old lines go: by age, by size, and then the streams that have none left.
//!
//! Age is counted from the clock or from the newest line, whichever is earlier: a clock that jumps ahead drops nothing by
//! itself. What is too old is not shown any more; a file leaves when all of it is. Streams may have a time of their own: those in one
//! file leave with the one that is kept longest.

use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::{DurationMs, Labels};

use crate::stream::{Chunk, Place};
use crate::{Db, LogdbError, NS_PER_MS, StreamRetention};

/// How long a stream without lines stays after the last push to it, in milliseconds.
const TOUCHED_GRACE_MS: i64 = 600_000;

/// How long lines are kept.
#[derive(Debug, Clone)]
pub(crate) struct Retention {
    usual: DurationMs,
    /// The one that goes before others first.
    streams: Vec<StreamRetention>,
}

/// A time that never ends.
const FOR_EVER_NS: i64 = i64::MAX;

fn period_ns(period: DurationMs) -> i64 {
    if period == DurationMs::ZERO { FOR_EVER_NS } else { period.0.saturating_mul(NS_PER_MS) }
}

impl Retention {
    pub(crate) fn new(usual: DurationMs, mut streams: Vec<StreamRetention>) -> Self {
        streams.sort_by_key(|stream| (Reverse(stream.priority), period_ns(stream.period)));
        Self { usual, streams }
    }

    /// How long lines of these labels are kept, in nanoseconds.
    pub(crate) fn of_ns(&self, labels: &Labels) -> i64 {
        let holds =
            |rule: &&StreamRetention| rule.matchers.iter().all(|matcher| matcher.matches_labels(labels));
        period_ns(self.streams.iter().find(holds).map_or(self.usual, |rule| rule.period))
    }

    /// The longest time that any line is kept.
    fn longest_ns(&self) -> i64 {
        let all = self.streams.iter().map(|rule| rule.period).chain([self.usual]);
        all.map(period_ns).max().unwrap_or(FOR_EVER_NS)
    }
}

impl Db {
    /// From when on age is counted.
    fn base_ns(&self) -> i64 {
        let now_ns = self.clock.now_ms().saturating_mul(NS_PER_MS);
        now_ns.min(self.newest_ns.load(Ordering::Relaxed))
    }

    /// Lines of the stream before this moment are not shown, and leave.
    pub(crate) fn cutoff_ns(&self, labels: &Labels) -> i64 {
        self.base_ns().saturating_sub(self.retention.of_ns(labels))
    }

    /// Of no stream lines before this moment are shown.
    pub(crate) fn first_cutoff_ns(&self) -> i64 {
        self.base_ns().saturating_sub(self.retention.longest_ns())
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
        let base_ns = self.base_ns();
        let kept = self.files.kept();
        kept.iter().filter(|kept| kept.until_ns < base_ns).map(|kept| kept.file.number).collect()
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
        let waiting: Vec<_> =
            self.head.waiting().chunks.iter().map(|(stream, _)| Arc::clone(stream)).collect();
        for stream in waiting {
            let cutoff_ns = self.cutoff_ns(&stream.labels);
            let leaves =
                |chunk: &Chunk| matches!(chunk.place, Place::Memory(_)) && chunk.info.last_ns < cutoff_ns;
            stream.state().drop_chunks(leaves);
        }
    }
}
