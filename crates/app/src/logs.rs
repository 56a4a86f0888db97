//! The store of logs: opened, given to the API, closed.

use std::sync::Arc;
use std::time::Duration;

use api::{Cancelled, LinesRefused, LogAdmin, LogDeletion, LogDiscovery, LogStoreStatus, Logs, StoreRefusal};
use logdb::{DeleteError, DeleteRequest, LineTest, Maintenance, RecoveryReport, Storage};
use model::{MatchOp, Matcher, TimestampMs, TimestampNs};
use prometheus_client::registry::Registry;
use stdx::Clock;
use storage::{LogRefusal, NsRange};
use tsdb::{DamagePolicy, RealDisk};

use crate::config_loki::LokiSettings;
use crate::monitor::{Options, StartError};

/// A push may be twice what is taken at once: more of it would be refused anyway, and JSON has its quotes besides.
const BODY_PER_BURST: u64 = 2;

/// Opens the store in `logs/` of the data folder.
pub(crate) async fn open(
    options: &Options,
    settings: &LokiSettings,
    clock: Arc<dyn Clock>,
    registry: &mut Registry,
) -> Result<(Arc<Logs>, Arc<logdb::Db>, RecoveryReport), StartError> {
    let dir = options.data_dir.join("logs");
    let db_options = logdb::Options {
        dir: dir.clone(),
        disk: Arc::new(RealDisk),
        clock: clock.clone(),
        sync: options.sync,
        damage: if options.strict_recovery { DamagePolicy::Refuse } else { DamagePolicy::Quarantine },
        limits: settings.limits,
        storage: storage(options, settings),
        retention_streams: settings.retention_streams.clone(),
        maintenance: Maintenance::Background,
        metrics: Arc::new(logdb::Metrics::new(registry)),
    };
    let opened = tokio::task::spawn_blocking(move || logdb::Db::open(db_options)).await?;
    let (db, report) = opened.map_err(|source| StartError::Logs { dir, source })?;
    let body_bytes = settings.limits.ingestion_burst_bytes.saturating_mul(BODY_PER_BURST);
    let logs = Logs {
        append: db.clone(),
        query: db.clone(),
        engine: Arc::new(logql::Engine::new(settings.queries.clone())),
        admin: Arc::new(Keeper { db: db.clone(), clock }),
        discovery: LogDiscovery {
            service_labels: settings.service_labels.clone(),
            level_fields: settings.level_fields.clone(),
        },
        body_bytes_max: usize::try_from(body_bytes).unwrap_or(usize::MAX),
    };
    Ok((Arc::new(logs), db, report))
}

fn storage(options: &Options, settings: &LokiSettings) -> Storage {
    Storage {
        delete_delay: settings.delete_delay,
        retention: settings.retention.unwrap_or(options.log_retention),
        retention_bytes: options.log_retention_size.0,
        housekeeping_every: Duration::from_millis(options.housekeeping_every.0.unsigned_abs())
            .min(Storage::standard().housekeeping_every),
        ..Storage::standard()
    }
}

/// Pieces that were set aside, each with path and offset.
pub(crate) fn damage(report: &RecoveryReport) -> impl Iterator<Item = String> {
    let all = report.log.damage.iter().chain(&report.file_damage);
    all.map(|d| format!("{} at byte {}: {}", d.file.display(), d.offset_bytes, d.reason))
}

struct Keeper {
    db: Arc<logdb::Db>,
    clock: Arc<dyn Clock>,
}

impl LogAdmin for Keeper {
    fn refusal(&self) -> Option<StoreRefusal> {
        let refusal = self.db.unavailable()?;
        let lasted_ms = i64::try_from(refusal.lasted.as_millis()).unwrap_or(i64::MAX);
        let since = TimestampMs(self.clock.now_ms().saturating_sub(lasted_ms));
        Some(StoreRefusal { reason: refusal.reason, since })
    }

    fn refused_lately(&self) -> Option<LinesRefused> {
        let refused = self.db.refused_lately()?;
        let since = TimestampMs(refused.since_ms);
        Some(LinesRefused { lines: refused.lines, since, last: refused.last })
    }

    fn status(&self) -> LogStoreStatus {
        let status = self.db.status();
        LogStoreStatus {
            streams: status.streams,
            open_bytes: status.open_bytes,
            files: status.files,
            file_bytes: status.file_bytes,
            wal_bytes: status.wal_bytes,
            newest: status.newest.map(TimestampNs::to_ms),
        }
    }

    fn discarded(&self, refusal: &LogRefusal) {
        self.db.discarded(refusal);
    }

    fn flush(&self) -> Result<(), String> {
        self.db.flush_all().map_err(|error| error.to_string())
    }

    fn delete(
        &self,
        query: &str,
        matchers: Vec<Matcher>,
        tests: Vec<(MatchOp, String)>,
        range: NsRange,
    ) -> Result<(), String> {
        let tests = tests.into_iter().map(|(op, text)| LineTest::new(op, text)).collect::<Result<_, _>>();
        let tests = tests.map_err(|error| error.to_string())?;
        let request = DeleteRequest { query: query.to_owned(), matchers, tests, range };
        self.db.delete(request).map(drop).map_err(|error| error.to_string())
    }

    fn deletions(&self) -> Vec<LogDeletion> {
        let shown = |held: logdb::HeldDelete| LogDeletion {
            id: held.status.id.to_string(),
            query: held.status.request.query,
            range: held.status.request.range,
            created_at: TimestampMs(held.status.created_ms),
            is_final: held.is_final,
        };
        self.db.delete_requests().into_iter().map(shown).collect()
    }

    fn cancel_deletion(&self, id: &str) -> Result<Cancelled, String> {
        let Ok(id) = id.parse() else { return Ok(Cancelled::Unknown) };
        match self.db.cancel_delete(id) {
            Ok(()) => Ok(Cancelled::Done),
            Err(DeleteError::Unknown(_)) => Ok(Cancelled::Unknown),
            Err(error @ DeleteError::TooLate) => Ok(Cancelled::Refused(error.to_string())),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Refuses pushes from now on, syncs, gives the folder free.
pub(crate) async fn close(db: Arc<logdb::Db>) {
    match tokio::task::spawn_blocking(move || db.close()).await {
        Ok(Ok(())) => tracing::info!("store of logs closed"),
        Ok(Err(error)) => tracing::error!(%error, "store of logs not closed cleanly"),
        Err(error) => tracing::error!(%error, "closing the store of logs panicked"),
    }
}
