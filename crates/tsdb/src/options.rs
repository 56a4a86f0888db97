//! What a store is opened with, and its limits.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use disk::Disk;
use model::DurationMs;
use stdx::Clock;
use wal::{DamagePolicy, SyncPolicy};

use crate::Metrics;

/// What a store is opened with.
#[derive(Debug)]
pub struct Options {
    /// The folder of this store alone, by convention `<data-dir>/metrics`. Made when missing, locked while open.
    pub dir: PathBuf,
    /// Where files are.
    pub disk: Arc<dyn Disk>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// When commits are made to survive power loss.
    pub sync: SyncPolicy,
    /// What to do about damaged data.
    pub damage: DamagePolicy,
    /// Limits.
    pub limits: Limits,
    /// Who does the housekeeping.
    pub maintenance: Maintenance,
    /// Where to count.
    pub metrics: Arc<Metrics>,
}

/// How much the store may hold and take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Samples older than this before now leave, a block at a time.
    pub retention: DurationMs,
    /// How much older than the newest of its series a sample may be: 0 takes none that is late. Prometheus' setting of this
    /// name counts from the newest sample of all series instead; there one clock that runs ahead shuts out all others.
    pub out_of_order_time_window: DurationMs,
    /// Bytes of blocks, log and files of finished chunks on disk; beyond it the oldest blocks leave early.
    pub retention_bytes: u64,
    /// Bytes of compressed samples in memory; beyond it a block is cut early, and when that does not help (no room on
    /// the disk) the oldest chunks of all series leave.
    pub chunk_bytes_max: u64,
    /// Bytes of finished chunks that are worth a file of their own; less stays in memory.
    pub spill_file_bytes: u64,
    /// Bytes of those files; beyond it finished chunks stay in memory, counted, where [`Limits::chunk_bytes_max`] holds.
    pub spilled_bytes_max: u64,
    /// Series at one time; beyond it new ones are refused and counted.
    pub series_max: usize,
    /// Labels of one series, metric name included; beyond it the series is refused and counted.
    pub labels_per_series_max: usize,
    /// Bytes of one label name or value; beyond it the series is refused and counted.
    pub label_bytes_max: usize,
    /// Exemplars kept, of all series together; beyond it the oldest give way, counted.
    pub exemplars_max: usize,
    /// Size at which a segment of the log is closed and the next begun.
    pub segment_bytes: u64,
    /// The log may grow to this, or to the size of the last checkpoint if that is more, before a checkpoint lets old
    /// segments go.
    pub log_bytes_max: u64,
    /// Span of a block that is cut from the head; two hours but in tests.
    pub block_span: DurationMs,
    /// Between two rounds of housekeeping (cuts, compaction, retention, checkpoints) under
    /// [`Maintenance::Background`]. A round over 100,000 series takes some milliseconds.
    pub housekeeping_every: Duration,
}

impl Limits {
    /// What a monitor on one machine bears: thirty days or ten gigabytes of samples, five minutes
    /// for late ones, a million series, a gibibyte of
    /// chunks in memory, which it comes to only when none can be written to files, and four gibibytes of those files (at
    /// four bytes a sample a billion samples, of which it holds three hours), two mebibytes each, so that a small head needs
    /// none and a large one some hundred a day. A log of 64 MiB is replayed in half a second; a checkpoint, which leaves finished chunks
    /// in their files, is a sixth of that for a hundred thousand series.
    pub const fn standard() -> Self {
        Self {
            retention: DurationMs::from_secs(30 * 24 * 3600),
            out_of_order_time_window: DurationMs::from_secs(300),
            retention_bytes: 10_000_000_000,
            chunk_bytes_max: 1 << 30,
            spill_file_bytes: 2 << 20,
            spilled_bytes_max: 4 << 30,
            series_max: 1_000_000,
            labels_per_series_max: 128,
            label_bytes_max: 16 << 10,
            // As many as Prometheus keeps: some 30 MB when all have a trace's id.
            exemplars_max: 100_000,
            segment_bytes: wal::SEGMENT_BYTES,
            log_bytes_max: 64 << 20,
            block_span: DurationMs::from_secs(2 * 3600),
            housekeeping_every: Duration::from_secs(30),
        }
    }
}

/// Who does the housekeeping (interval syncs, retention, checkpoints).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maintenance {
    /// A thread of the store's own, ended by [`crate::Db::close`] or drop.
    Background,
    /// Whoever calls [`crate::Db::maintain`]: for simulations, where nothing may happen by itself.
    Manual,
}
