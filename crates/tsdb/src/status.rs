//! What the store tells about itself: after opening, and at any time.

use std::time::Duration;

use model::TimestampMs;

/// What opening found: to be logged, exported and shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecoveryReport {
    /// How long it took.
    pub duration: Duration,
    /// Series that are there now.
    pub series: usize,
    /// Samples that were read.
    pub samples: u64,
    /// What the log said: records, torn bytes, damage.
    pub log: wal::Replay,
    /// Blocks that are open.
    pub blocks: usize,
    /// Damaged blocks, set aside.
    pub block_damage: Vec<wal::Damage>,
    /// Samples of series whose definition was lost with damaged bytes.
    pub samples_without_series: u64,
}

/// The store now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HeadStatus {
    /// Series.
    pub series: usize,
    /// Samples taken since the process started.
    pub samples_appended: u64,
    /// Chunks, open ones included.
    pub chunks: u64,
    /// Bytes of compressed samples.
    pub chunk_bytes: u64,
    /// Time of the oldest sample; `None` while empty.
    pub min_time: Option<TimestampMs>,
    /// Time of the newest sample; `None` while empty.
    pub max_time: Option<TimestampMs>,
    /// Blocks on disk.
    pub blocks: usize,
    /// Their bytes.
    pub block_bytes: u64,
    /// Bytes of the log on disk, checkpoint included.
    pub wal_bytes: u64,
    /// Different pairs of label name and value.
    pub label_pairs: usize,
    /// Why nothing is taken at present (failed sync, disk full or hanging, closed); `None` when all is well.
    pub unavailable: Option<wal::Refusal>,
}

/// A block on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockStatus {
    /// Its number.
    pub number: u64,
    /// How often its samples were compacted, from 1.
    pub level: u64,
    /// First moment of its span.
    pub from: TimestampMs,
    /// The first moment behind its span.
    pub end: TimestampMs,
    /// Series.
    pub series: u64,
    /// Samples.
    pub samples: u64,
    /// Chunks.
    pub chunks: u64,
    /// Size of its file.
    pub bytes: u64,
    /// Blocks that it was made from.
    pub sources: Vec<u64>,
}

impl crate::Db {
    /// All blocks, in order of time.
    pub fn block_statuses(&self) -> Vec<BlockStatus> {
        let view = self.blocks.view();
        let status = |block: &std::sync::Arc<crate::block::Block>| BlockStatus {
            number: block.meta.number,
            level: block.meta.level,
            from: TimestampMs(block.meta.from_ms),
            end: TimestampMs(block.meta.end_ms),
            series: block.meta.series,
            samples: block.meta.samples,
            chunks: block.meta.chunks,
            bytes: block.len_bytes(),
            sources: block.meta.sources.clone(),
        };
        view.blocks.iter().map(status).collect()
    }
}

/// The lists of `/api/v1/status/tsdb`, each longest first, then by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cardinality {
    /// How many series each metric name has.
    pub series_count_by_metric_name: Vec<(String, u64)>,
    /// How many values each label name has.
    pub label_value_count_by_label_name: Vec<(String, u64)>,
    /// How many bytes the values of each label name take, counted once a series.
    pub memory_in_bytes_by_label_name: Vec<(String, u64)>,
    /// How many series each pair has, as `name=value`.
    pub series_count_by_label_value_pair: Vec<(String, u64)>,
}
