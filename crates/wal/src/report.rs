//! What a replay found: kept, cut, damaged.

use std::path::PathBuf;

/// Bytes that should have been a record and were not, with valid data behind them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub file: PathBuf,
    /// Where in it the damage begins.
    pub offset_bytes: u64,
    /// How far it reaches. 0 where a whole file is missing.
    pub len_bytes: u64,
    /// What is wrong with it.
    pub reason: String,
    /// Where a copy of the bytes was put; `None` when there was nothing to copy or no room for it.
    pub quarantined_to: Option<PathBuf>,
}

/// What a replay found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replay {
    /// The checkpoint it began with.
    pub checkpoint: Option<u64>,
    /// Its size.
    pub checkpoint_bytes: u64,
    /// Segments read after that.
    pub segments: usize,
    /// Records handed on, those of the checkpoint included.
    pub records: u64,
    /// Bytes of those records.
    pub record_bytes: u64,
    /// Bytes cut off the end of the newest segment: the beginning of a record that nobody was told of.
    pub torn_bytes: u64,
    /// Damage before valid data.
    pub damage: Vec<Damage>,
}
