//! Why a store could not be opened, kept up or closed.

use std::path::PathBuf;

use disk::DiskError;
use wal::WalError;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogdbError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The log refused.
    #[error(transparent)]
    Wal(#[from] WalError),
    /// A damaged file, under [`wal::DamagePolicy::Refuse`].
    #[error("{} is damaged at offset {offset_bytes}: {reason}", path.display())]
    DamagedFile {
        /// The file.
        path: PathBuf,
        /// Where.
        offset_bytes: u64,
        /// What is wrong.
        reason: String,
    },
    /// A file of a version that this program does not know.
    #[error("{} has format version {version}, which is newer than this watchfire", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u16,
    },
    /// The housekeeping threads could not be started.
    #[error("cannot start the housekeeping of {}: {source}", dir.display())]
    Thread {
        /// The folder of the store.
        dir: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// An earlier push panicked half-way: memory may not be what the log says.
    #[error("the store is broken by an earlier panic; restart to read the log anew")]
    Broken,
}
