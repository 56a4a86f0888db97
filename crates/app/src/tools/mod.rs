//! Work on a folder of data that no monitor uses: what is in it, whether it is whole, samples out and in.
//!
//! Each takes the store's lock, so that a running monitor is told apart from a stopped one and neither spoils the other's work.

mod analyze;
mod dump;
mod import;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use exposition::ReadError;
use model::{DurationMs, Matcher};
use prometheus_client::registry::Registry;
use stdx::SystemClock;
use storage::QueryError;
use tsdb::{DamagePolicy, Db, Limits, Maintenance, RealDisk, RecoveryReport, SyncPolicy, TsdbError};

pub use analyze::{Analysis, analyze};
pub use dump::{DumpReport, What, dump};
pub use import::{Imported, import};
pub use tsdb::offline::Verified;

/// Told how much of all is done: bytes, series.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);

/// Why the work was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolError {
    /// There is nothing to work on.
    #[error("no samples are kept in {}: it has no folder metrics", .0.display())]
    NoStore(PathBuf),
    /// The store cannot be opened, read or written.
    #[error(transparent)]
    Store(#[from] TsdbError),
    /// Samples cannot be read.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// A file of samples cannot be read.
    #[error("{}: {source}", .file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file of samples is wrong, at this place.
    #[error("{}: {error}", .file.display())]
    Body {
        /// Which.
        file: PathBuf,
        /// Where and why.
        error: ReadError,
    },
    /// A block of a Prometheus cannot be read.
    #[error(transparent)]
    Block(#[from] tsdb::offline::PrometheusBlockError),
    /// A folder to be imported has nothing that can be.
    #[error("no blocks of a Prometheus are in {}: each is a folder with a file index and a folder chunks", .0.display())]
    NoBlocks(PathBuf),
    /// The answer cannot be written.
    #[error("cannot write: {0}")]
    Output(#[from] std::io::Error),
}

/// The store's folder in a folder of data.
fn store_dir(data_dir: &Path) -> Result<PathBuf, ToolError> {
    let dir = data_dir.join("metrics");
    if dir.is_dir() { Ok(dir) } else { Err(ToolError::NoStore(data_dir.to_owned())) }
}

/// The matchers that a selector like `{job="api"}` stands for.
///
/// # Errors
/// What is wrong with it, and where.
pub fn selector(text: &str) -> Result<Vec<Matcher>, String> {
    promql::parse_metric_selector(text).map_err(|e| e.to_string())
}

/// Opens a store so that nothing leaves it: no retention, and damage is an error with its place.
fn open(dir: PathBuf) -> Result<(Arc<Db>, RecoveryReport), ToolError> {
    let limits = Limits {
        retention: DurationMs::from_secs(1000 * 365 * 24 * 3600),
        retention_bytes: u64::MAX,
        chunk_bytes_max: u64::MAX,
        series_max: usize::MAX,
        ..Limits::standard()
    };
    let options = tsdb::Options {
        dir,
        disk: Arc::new(RealDisk),
        clock: Arc::new(SystemClock),
        sync: SyncPolicy::None,
        damage: DamagePolicy::Refuse,
        limits,
        maintenance: Maintenance::Manual,
        metrics: Arc::new(tsdb::Metrics::new(&mut Registry::default())),
    };
    Ok(Db::open(options)?)
}

/// Reads all of a store and says what is damaged; changes nothing.
///
/// # Errors
/// [`ToolError::NoStore`]; [`ToolError::Store`] when it is in use or cannot be read. Damage is in the answer.
pub fn verify(data_dir: &Path, progress: Progress<'_>) -> Result<Verified, ToolError> {
    let disk: Arc<dyn tsdb::Disk> = Arc::new(RealDisk);
    Ok(tsdb::offline::verify(&disk, &store_dir(data_dir)?, progress)?)
}
