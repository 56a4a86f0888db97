//! Why a store could not be opened, kept up or closed.

use std::path::PathBuf;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TsdbError {
    /// The files: no access, no room, held by another.
    #[error(transparent)]
    Disk(#[from] disk::DiskError),
    /// The log: damage under [`wal::DamagePolicy::Refuse`], a failed sync.
    #[error(transparent)]
    Wal(#[from] wal::WalError),
    /// A block is damaged, under [`wal::DamagePolicy::Refuse`].
    #[error("{} is damaged at offset {offset_bytes}: {reason}", path.display())]
    DamagedBlock {
        /// The file.
        path: PathBuf,
        /// Where in it.
        offset_bytes: u64,
        /// What is wrong.
        reason: &'static str,
    },
    /// Stored samples could not be read while a block was made of them.
    #[error(transparent)]
    Query(#[from] storage::QueryError),
    /// The store is being closed, and what was begun was given up; nothing is lost.
    #[error("the store is closing")]
    Closing,
    /// A commit panicked between log and memory: what is in memory must not replace the log.
    #[error("an earlier commit broke off; restart to recover")]
    Broken,
    /// The housekeeping thread could not be started.
    #[error("cannot start the housekeeping thread of {}: {source}", dir.display())]
    Thread {
        /// The store's folder.
        dir: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}
