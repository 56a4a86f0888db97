//! A service that runs: where it listens, how it ends; and why it may not start.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;

/// Something to be done after the servers have stopped.
pub(crate) type Cleanup = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A started service. Dropping it without [`Running::stop`] cuts its requests off.
pub struct Running {
    pub(crate) servers: BTreeMap<&'static str, net::Server>,
    /// Further URLs: name, server and path.
    pub(crate) paths: BTreeMap<&'static str, (&'static str, String)>,
    /// In the order in which they are to run.
    pub(crate) cleanups: Vec<Cleanup>,
}

impl Running {
    /// `http` and `metrics` with the URLs they really have, and `faults` where those can be switched.
    pub fn urls(&self) -> BTreeMap<String, String> {
        let servers = self.servers.iter().map(|(name, server)| ((*name).to_owned(), server.url()));
        let beside = self.paths.iter().filter_map(|(name, (server, path))| {
            Some(((*name).to_owned(), format!("{}{path}", self.servers.get(server)?.url())))
        });
        servers.chain(beside).collect()
    }

    /// Lets requests under way finish within the servers' limit, closes the database, writes the last log lines.
    pub async fn stop(self) {
        for server in self.servers.into_values() {
            server.stop().await;
        }
        for cleanup in self.cleanups {
            cleanup.await;
        }
    }
}

/// Why a service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port cannot be had.
    #[error("{0}")]
    Bind(#[from] net::BindError),
    /// The instance's name cannot begin a file's name.
    #[error(
        "instance name `{0}` must consist of letters, digits, `-`, `_` and `.`, and begin with a letter or digit"
    )]
    Instance(String),
    /// The logs cannot be opened.
    #[error("logs in {} cannot be opened: {source}", folder.display())]
    Log {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A setting that makes no sense; the text says which.
    #[error("{0}")]
    Setting(String),
    /// The database cannot be opened, or did not answer in all tries.
    #[error("{database} could not be opened (tries: {tries}): {source}")]
    Database {
        /// Its URL, without a password.
        database: String,
        /// How often it was tried.
        tries: u32,
        /// What the last try ended with.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
