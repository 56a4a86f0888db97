//! Why there is no server.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// What went wrong, in a sentence for whoever started it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A program is not installed.
    #[error("{program} is not installed; install Debian's package {package} (apt-get install {package})")]
    Missing {
        /// Which.
        program: &'static str,
        /// What brings it.
        package: &'static str,
    },
    /// Another user has to reach the folder and cannot.
    #[error(
        "the database runs as user {user}, who cannot enter {}: choose another folder, or run as another user than root",
        closed.display()
    )]
    Unreachable {
        /// Who.
        user: &'static str,
        /// The first folder on the way that is closed.
        closed: PathBuf,
    },
    /// The folder holds another kind of database.
    #[error("{} holds a database of {found}, not of {wanted}", folder.display())]
    OtherEngine {
        /// Where.
        folder: PathBuf,
        /// What is there.
        found: String,
        /// What was asked for.
        wanted: &'static str,
    },
    /// A file or folder cannot be used.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A program of the package failed.
    #[error("{what} failed: {said}")]
    Program {
        /// Which step.
        what: &'static str,
        /// Its last words.
        said: String,
    },
    /// The server ended before it answered.
    #[error("the database server ended ({how}) before it answered: {said}")]
    Ended {
        /// Exit code or signal.
        how: String,
        /// Its last words, if they went to a file of ours.
        said: String,
    },
    /// The server runs and does not answer.
    #[error("the database server did not answer within {} s: {said}", limit.as_secs())]
    Slow {
        /// How long was waited.
        limit: Duration,
        /// What the last try ended with.
        said: String,
    },
}

/// Gives an I/O error the path that it is about.
pub(crate) trait AtPath<T> {
    fn at(self, path: impl Into<PathBuf>) -> Result<T, Error>;
}

impl<T> AtPath<T> for io::Result<T> {
    fn at(self, path: impl Into<PathBuf>) -> Result<T, Error> {
        self.map_err(|source| Error::File { path: path.into(), source })
    }
}
