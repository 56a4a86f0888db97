//! Why a file gave no dashboard.

use std::path::PathBuf;

/// A file that was left out, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {problem}", file.display())]
pub struct LoadError {
    /// The file or folder.
    pub file: PathBuf,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What can be wrong with a dashboard file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The file system refused.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// Not UTF-8; the offset is in bytes.
    #[error("not UTF-8 at byte {offset}")]
    NotUtf8 {
        /// Bytes before the first bad one.
        offset: usize,
    },
    /// Not JSON.
    #[error("line {line} column {column}: {message}")]
    NotJson {
        /// From 1.
        line: usize,
        /// From 1, in bytes.
        column: usize,
        /// What the reader expected.
        message: String,
    },
    /// JSON, but no dashboard.
    #[error("not a dashboard: {0}")]
    NotDashboard(&'static str),
    /// Another file came first with the same uid.
    #[error("uid {uid:?} is already taken by {}", first.display())]
    DuplicateUid {
        /// The uid both ask for.
        uid: String,
        /// The file that has it.
        first: PathBuf,
    },
    /// A limit on files, sizes or depth was met.
    #[error("{0}")]
    OverLimit(String),
}

/// Why a change was not written, by what can be done about it. Texts are for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SaveError {
    /// There is no such dashboard.
    #[error("no dashboard has the uid {0:?}")]
    NotFound(String),
    /// It cannot be written at all.
    #[error("{0}")]
    ReadOnly(String),
    /// The file is another one than the change was made for. It has been read again.
    #[error(
        "the file was changed on disk meanwhile; it has been read again: look at it and make your change once more"
    )]
    Conflict,
    /// The change does not fit the file.
    #[error("{0}")]
    Unfit(String),
    /// The file system refused; the old file is still there.
    #[error("the file could not be written: {0}")]
    Failed(String),
}
