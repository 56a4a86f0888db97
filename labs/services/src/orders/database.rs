//! The database as the service sees it: perhaps not there yet, then there; with its readiness and its gauges.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::store::{ConnectError, OrderStore, PoolLimits, StoreError, connect};

/// How often and how long apart the database is tried at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectRetry {
    /// Tries in all, at least one.
    pub tries: u32,
    /// The wait between two tries.
    pub wait: Duration,
}

impl ConnectRetry {
    /// Five tries, two seconds apart.
    pub fn standard() -> Self {
        Self { tries: 5, wait: Duration::from_secs(2) }
    }
}

/// The store, once it is connected.
pub(crate) struct Database {
    store: OnceLock<Arc<dyn OrderStore>>,
    /// Why there is no store yet; a sentence for whoever asks for readiness.
    not_yet: Mutex<String>,
}

impl Database {
    /// Not connected.
    pub(crate) fn starting() -> Self {
        Self { store: OnceLock::new(), not_yet: Mutex::new("not connected yet".to_owned()) }
    }

    /// The store, or why there is none.
    pub(crate) fn store(&self) -> Result<&dyn OrderStore, StoreError> {
        match self.store.get() {
            Some(store) => Ok(store.as_ref()),
            None => {
                let reason = self.not_yet.lock().unwrap_or_else(PoisonError::into_inner);
                Err(StoreError::Unavailable(reason.clone()))
            }
        }
    }

    /// Uses `store` from now on. The first one stays.
    pub(crate) fn connected(&self, store: Arc<dyn OrderStore>) {
        // A second call would be a fault of the caller without consequence.
        let _ = self.store.set(store);
    }

    /// Connects, again and again as `retry` says. On an error that cannot pass it gives up at once. The error comes with
    /// the number of tries.
    pub(crate) async fn connect(
        &self,
        url: &str,
        limits: PoolLimits,
        retry: ConnectRetry,
    ) -> Result<(), (u32, ConnectError)> {
        let mut tries = 0;
        loop {
            tries += 1;
            let error = match connect(url, limits).await {
                Ok(store) => {
                    self.connected(store);
                    return Ok(());
                }
                Err(error) => error,
            };
            if !error.may_pass() || tries >= retry.tries {
                return Err((tries, error));
            }
            tracing::warn!(%error, tries, tries_max = retry.tries, "database not reached, trying again");
            let reason = format!("not connected after try {tries} of {}: {error}", retry.tries);
            *self.not_yet.lock().unwrap_or_else(PoisonError::into_inner) = reason;
            tokio::time::sleep(retry.wait).await;
        }
    }

    /// Closes the store if there is one.
    pub(crate) async fn close(&self) {
        if let Some(store) = self.store.get() {
            store.close().await;
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("connected", &self.store.get().is_some()).finish()
    }
}

impl Collector for Database {
    /// The `db_pool_` metrics of `docs/metrics.md`, once connected.
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(store) = self.store.get() else {
            return Ok(());
        };
        let pool = store.pool();
        let help = "Database connections by state";
        let mut states = encoder.encode_descriptor("db_pool_connections", help, None, MetricType::Gauge)?;
        for (state, count) in [("used", pool.used), ("idle", pool.idle)] {
            ConstGauge::new(i64::from(count)).encode(states.encode_family(&[("state", state)])?)?;
        }
        let gauges = [
            ("db_pool_connections_max", "Most database connections there can be", pool.connections_max),
            ("db_pool_waiting", "Requests waiting for a connection or their turn to write", pool.waiting),
        ];
        for (name, help, count) in gauges {
            let gauge = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(i64::from(count)).encode(gauge)?;
        }
        let counters = [
            ("db_pool_opened", "Database connections opened", pool.opened),
            (
                "db_pool_discarded",
                "Database connections closed because something went wrong on them",
                pool.discarded,
            ),
            (
                "db_pool_timeouts",
                "Requests that waited in vain for a connection or their turn to write",
                pool.timeouts,
            ),
        ];
        for (name, help, count) in counters {
            let counter = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            ConstCounter::new(count).encode(counter)?;
        }
        Ok(())
    }
}
