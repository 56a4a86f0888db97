//! Why a log could not be opened or written.

use std::path::PathBuf;

use disk::DiskError;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WalError {
    /// The disk refused; nothing was taken and the log is as before. Goes away with its cause, as when there is room
    /// again.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A sync or a cut failed: nothing is taken until the log is written anew ([`crate::Wal::begin_repair`]).
    #[error("the log takes nothing until it is written anew: {reason}")]
    Poisoned {
        /// What failed.
        reason: String,
    },
    /// Damage, under [`crate::DamagePolicy::Refuse`].
    #[error("{} is damaged at offset {offset_bytes} ({len_bytes} bytes): {reason}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// Where the damage begins.
        offset_bytes: u64,
        /// How far it reaches.
        len_bytes: u64,
        /// What is wrong.
        reason: String,
    },
    /// A file of a version that this program does not know.
    #[error("{} has format version {version}, which is newer than this watchfire", file.display())]
    Version {
        /// The file.
        file: PathBuf,
        /// Its version.
        version: u16,
    },
    /// A record beyond [`crate::RECORD_BYTES_MAX`], or an empty one.
    #[error("a record of {len_bytes} bytes does not fit the log (1 to {} bytes)", crate::RECORD_BYTES_MAX)]
    RecordSize {
        /// Its length.
        len_bytes: usize,
    },
}
