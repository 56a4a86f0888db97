//! What the admin API may do, over the store and the folder of data.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use columns::TimeRange;
use jiff::Timestamp;
use model::Matcher;
use stdx::Clock;
use tsdb::{Db, SnapshotHead};

/// The folder of snapshots in the folder of data: each is a folder of data of its own, so `--data-dir` may name it.
const SNAPSHOTS_DIR: &str = "snapshots";

/// The store, for whoever may change it.
pub(crate) struct Admin {
    pub(crate) db: Arc<Db>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) data_dir: PathBuf,
}

impl api::Admin for Admin {
    fn delete(&self, matchers: &[Matcher], range: TimeRange) -> Result<(), String> {
        self.db.delete_series(matchers, range).map_err(|e| e.to_string())
    }

    fn clean_tombstones(&self) -> Result<(), String> {
        self.db.clean_tombstones().map_err(|e| e.to_string())
    }

    fn snapshot(&self, skip_head: bool) -> Result<String, String> {
        let name = name(self.clock.now_ms(), noise());
        let dir = self.data_dir.join(SNAPSHOTS_DIR).join(&name);
        let head = if skip_head { SnapshotHead::Without } else { SnapshotHead::With };
        let report = self.db.snapshot(&dir.join("metrics"), head).map_err(|error| {
            remove(&dir);
            error.to_string()
        })?;
        tracing::info!(dir = %dir.display(), ?report, "snapshot made");
        Ok(name)
    }
}

fn remove(dir: &Path) {
    if let Err(error) = std::fs::remove_dir_all(dir) {
        tracing::warn!(%error, dir = %dir.display(), "what was made of a snapshot stays");
    }
}

/// The moment in UTC and sixteen hexadecimal digits, as Prometheus has it.
fn name(now_ms: i64, noise: u64) -> String {
    let moment = Timestamp::from_millisecond(now_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{}-{noise:016x}", moment.strftime("%Y%m%dT%H%M%SZ"))
}

/// Tells snapshots of one second apart; nobody has to guess it.
fn noise() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (u64::from(std::process::id()) << 40) ^ u64::try_from(since.as_nanos()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_like_those_of_prometheus() {
        assert_eq!(name(1_512_944_544_999, 0x2be6), "20171210T222224Z-0000000000002be6");
    }
}
