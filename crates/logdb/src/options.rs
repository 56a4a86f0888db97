//! What a store is opened with, and its limits.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use disk::Disk;
use model::{DurationMs, Matcher};
use stdx::Clock;
use wal::{DamagePolicy, SyncPolicy};

use crate::Metrics;

/// What a store is opened with.
#[derive(Debug)]
pub struct Options {
    /// The folder of this store alone, by convention `<data-dir>/logs`. Made when missing, locked while open.
    pub dir: PathBuf,
    /// Where files are.
    pub disk: Arc<dyn Disk>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// When pushes are made to survive power loss.
    pub sync: SyncPolicy,
    /// What to do about damaged data.
    pub damage: DamagePolicy,
    /// What is taken.
    pub limits: Limits,
    /// What is kept, and how.
    pub storage: Storage,
    /// Streams that are kept for another time than [`Storage::retention`].
    pub retention_streams: Vec<StreamRetention>,
    /// Who does the housekeeping.
    pub maintenance: Maintenance,
    /// Where to count.
    pub metrics: Arc<Metrics>,
}

/// What is taken of a push: Loki's limits by Loki's names, refused with Loki's words. Zero means no limit where Loki says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// `ingestion_rate_mb`, in bytes a second: beyond it whole pushes are refused as `rate_limited`.
    pub ingestion_rate_bytes: u64,
    /// `ingestion_burst_size_mb`, in bytes: as much at once, and so the largest push that is ever taken.
    pub ingestion_burst_bytes: u64,
    /// `per_stream_rate_limit`, in bytes a second: beyond it the stream's lines are refused.
    pub per_stream_rate_bytes: u64,
    /// `per_stream_rate_limit_burst`, in bytes.
    pub per_stream_burst_bytes: u64,
    /// `max_global_streams_per_user`: streams with lines in the last hour; beyond it new ones are refused. 0 for no limit.
    pub streams_max: usize,
    /// `max_line_size`, in bytes; longer lines are refused, or cut. 0 for the [`LINE_BYTES_MAX`] of the log.
    pub line_bytes_max: usize,
    /// `max_line_size_truncate`: whether a line that is too long is cut instead of refused.
    pub cuts_long_lines: bool,
    /// `max_label_names_per_series`.
    pub label_names_max: usize,
    /// `max_label_name_length`, in bytes.
    pub label_name_bytes_max: usize,
    /// `max_label_value_length`, in bytes.
    pub label_value_bytes_max: usize,
    /// `max_structured_metadata_size`, in bytes.
    pub metadata_bytes_max: usize,
    /// `max_structured_metadata_entries_count`.
    pub metadata_entries_max: usize,
    /// `reject_old_samples_max_age`, where `reject_old_samples` is on.
    pub old_max: Option<DurationMs>,
    /// `creation_grace_period`: how far in the future a line may lie.
    pub future_max: DurationMs,
    /// How much older than the newest of its stream a line may be: half of Loki's `max_chunk_age`.
    pub behind_max: DurationMs,
}

/// How long lines of some streams are kept (`retention_stream`). Of several that match a stream the one of the highest priority holds, of
/// equal ones that of the shortest time, as in Loki.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamRetention {
    /// Which streams: all must hold.
    pub matchers: Vec<Matcher>,
    /// Which one holds of several.
    pub priority: i64,
    /// How long. Zero keeps them.
    pub period: DurationMs,
}

/// The longest line there is, in bytes, whatever is configured: two of them fit a record of the log.
pub const LINE_BYTES_MAX: usize = 24 << 20;
const _: () = assert!(2 * LINE_BYTES_MAX < wal::RECORD_BYTES_MAX);

impl Limits {
    /// Loki's own, but for ten megabytes a second instead of four, and twice that at once.
    pub const fn standard() -> Self {
        Self {
            ingestion_rate_bytes: 10 << 20,
            ingestion_burst_bytes: 20 << 20,
            per_stream_rate_bytes: 3 << 20,
            per_stream_burst_bytes: 15 << 20,
            streams_max: 5000,
            line_bytes_max: 256 << 10,
            cuts_long_lines: false,
            label_names_max: 15,
            label_name_bytes_max: 1024,
            label_value_bytes_max: 2048,
            metadata_bytes_max: 64 << 10,
            metadata_entries_max: 128,
            old_max: Some(DurationMs::from_secs(7 * 24 * 3600)),
            future_max: DurationMs::from_secs(600),
            behind_max: DurationMs::from_secs(3600),
        }
    }
}

/// How much the store may hold, and when it writes what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storage {
    /// Lines older than this before now leave, a file at a time, and are not shown from then on. Zero keeps them.
    pub retention: DurationMs,
    /// Bytes of files on disk; beyond it the oldest leave early. The log comes on top. Zero for no limit.
    pub retention_bytes: u64,
    /// How long a deletion can be taken back (`compactor.delete_request_cancel_period`); then the bytes of its lines leave.
    pub delete_delay: DurationMs,
    /// Bytes of text that make a chunk. A search reads whole chunks, or skips them.
    pub chunk_text_bytes: usize,
    /// How long lines wait in memory for their chunk to become full; then they go into one that is not.
    pub chunk_age_max: DurationMs,
    /// Bytes of lines that wait in memory, of all streams; beyond it all chunks are made at once, full or not.
    pub head_bytes_max: u64,
    /// Bytes of finished chunks that are worth a file.
    pub file_bytes: u64,
    /// Bytes of finished chunks that no file takes, for want of room; beyond it pushes are refused.
    pub waiting_bytes_max: u64,
    /// Streams that have any line at all; beyond it new ones are refused as by [`Limits::streams_max`].
    pub streams_kept_max: usize,
    /// Size at which a segment of the log is closed and the next begun.
    pub segment_bytes: u64,
    /// The log may grow to this, or to the size of the last checkpoint if that is more, before a checkpoint lets old
    /// segments go.
    pub log_bytes_max: u64,
    /// Between two rounds of housekeeping under [`Maintenance::Background`].
    pub housekeeping_every: Duration,
}

impl Storage {
    /// What a monitor on one machine bears: a week or ten gigabytes, some 40 GB of lines. Chunks of a mebibyte unpack in half a
    /// millisecond and are small enough that a rare word is in few of them. 48 MiB of lines, 8 MiB of chunks and what is
    /// at work keep the whole below 150 MB. A log of 64 MiB is replayed in a second.
    pub const fn standard() -> Self {
        Self {
            retention: DurationMs::from_secs(168 * 3600),
            retention_bytes: 10_000_000_000,
            delete_delay: DurationMs::from_secs(24 * 3600),
            chunk_text_bytes: 1 << 20,
            chunk_age_max: DurationMs::from_secs(3600),
            head_bytes_max: 48 << 20,
            file_bytes: 8 << 20,
            waiting_bytes_max: 64 << 20,
            streams_kept_max: 200_000,
            segment_bytes: wal::SEGMENT_BYTES,
            log_bytes_max: 64 << 20,
            housekeeping_every: Duration::from_secs(10),
        }
    }
}

/// Who does the housekeeping (interval syncs, files, retention, checkpoints).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maintenance {
    /// Threads of the store's own, ended by [`crate::Db::close`] or drop.
    Background,
    /// Whoever calls [`crate::Db::maintain`]: for simulations, where nothing may happen by itself.
    Manual,
}
