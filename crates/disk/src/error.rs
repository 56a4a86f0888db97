//! What can go wrong with a file, always with the path and what was tried.

use std::io;
use std::path::{Path, PathBuf};

/// What was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// Making a directory.
    CreateDir,
    /// Making a file.
    Create,
    /// Reading a file.
    Read,
    /// Writing to a file.
    Write,
    /// Making a file or a directory durable.
    Sync,
    /// Cutting a file.
    Truncate,
    /// Listing a directory.
    List,
    /// Giving another name.
    Rename,
    /// Giving a file a second name.
    Link,
    /// Removing a file.
    Remove,
    /// Claiming a directory.
    Lock,
}

impl Op {
    fn as_str(self) -> &'static str {
        match self {
            Self::CreateDir => "make directory",
            Self::Create => "create",
            Self::Read => "read",
            Self::Write => "write",
            Self::Sync => "sync",
            Self::Truncate => "truncate",
            Self::List => "list",
            Self::Rename => "rename",
            Self::Link => "link",
            Self::Remove => "remove",
            Self::Lock => "lock",
        }
    }
}

/// A call on a disk that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiskError {
    /// The system said no.
    #[error("cannot {} {}: {source}", op.as_str(), path.display())]
    Io {
        /// What was tried.
        op: Op,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another holder has the directory.
    #[error("{} is in use by another watchfire{}; stop it, or choose another --data-dir", path.display(), holder.map_or_else(String::new, |pid| format!(" (process {pid})")))]
    Locked {
        /// The directory.
        path: PathBuf,
        /// The process that holds it, where it left its number.
        holder: Option<u32>,
    },
}

impl DiskError {
    pub(crate) fn io(op: Op, path: &Path, source: io::Error) -> Self {
        Self::Io { op, path: path.to_owned(), source }
    }

    /// Whether the file or directory does not exist.
    pub fn is_not_found(&self) -> bool {
        self.has_kind(io::ErrorKind::NotFound)
    }

    /// Whether there is no room left: the one failure that goes away when somebody cleans up.
    pub fn is_full(&self) -> bool {
        self.has_kind(io::ErrorKind::StorageFull) || self.has_kind(io::ErrorKind::QuotaExceeded)
    }

    fn has_kind(&self, kind: io::ErrorKind) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == kind)
    }
}
