//! What the store tells about itself: after opening, and at any time.

use std::sync::atomic::Ordering;
use std::time::Duration;

use model::TimestampNs;
use wal::Refusal;

use crate::Db;
use crate::push::CLOSED;

/// What opening found: to be logged, exported and shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecoveryReport {
    /// How long it took.
    pub duration: Duration,
    /// Streams that are there now.
    pub streams: usize,
    /// Lines of files.
    pub file_lines: u64,
    /// Lines that were read from the log and are in no file.
    pub log_lines: u64,
    /// Files that are open.
    pub files: usize,
    /// What the log said: records, torn bytes, damage.
    pub log: wal::Replay,
    /// Damaged files, set aside.
    pub file_damage: Vec<wal::Damage>,
}

/// The store now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogStatus {
    /// Streams.
    pub streams: usize,
    /// Bytes of lines that wait in memory, about.
    pub open_bytes: u64,
    /// Bytes of packed chunks that wait for a file.
    pub waiting_bytes: u64,
    /// Files of chunks.
    pub files: usize,
    /// Their bytes.
    pub file_bytes: u64,
    /// Bytes of the log on disk, checkpoint included.
    pub wal_bytes: u64,
    /// Moment of the newest line; `None` while empty.
    pub newest: Option<TimestampNs>,
    /// Why nothing is taken at present (failed sync, disk full or hanging, closed); `None` when all is well.
    pub unavailable: Option<Refusal>,
}

impl Db {
    /// The store now.
    pub fn status(&self) -> LogStatus {
        let newest_ns = self.newest_ns.load(Ordering::Relaxed);
        LogStatus {
            streams: self.head.len(),
            open_bytes: self.head.open_bytes(),
            waiting_bytes: self.head.waiting_bytes(),
            files: self.files.count(),
            file_bytes: self.files.bytes(),
            wal_bytes: self.wal.len_bytes(),
            newest: (newest_ns > i64::MIN).then_some(TimestampNs(newest_ns)),
            unavailable: self.unavailable(),
        }
    }

    /// Why no lines are taken at present; `None` when all is well. Waits for nothing.
    pub fn unavailable(&self) -> Option<Refusal> {
        let now = |reason| Refusal { reason, lasted: Duration::ZERO };
        let refused = match self.committer.try_lock() {
            Ok(committer) => committer.is_closed().then(|| CLOSED.to_owned()),
            Err(std::sync::TryLockError::Poisoned(_)) => Some(crate::LogdbError::Broken.to_string()),
            // Somebody pushes, so pushes are taken.
            Err(std::sync::TryLockError::WouldBlock) => None,
        };
        refused.map(now).or_else(|| self.wal.unavailable())
    }

    /// Shows counts where they are scraped.
    pub(crate) fn show(&self) {
        let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let (waiting_bytes, waiting) = {
            let waiting = self.head.waiting();
            (waiting.bytes, waiting.chunks.len())
        };
        self.metrics.streams.set(gauge(self.head.len() as u64));
        self.metrics.open_streams.set(gauge(self.open_streams.load(Ordering::Relaxed) as u64));
        self.metrics.chunks_waiting.set(gauge(waiting as u64));
        self.metrics.waiting_bytes.set(gauge(waiting_bytes));
        self.metrics.open_bytes.set(gauge(self.head.open_bytes()));
        self.files.show(&self.metrics);
    }
}
