//! The running parts of a monitor, as the API sees them: status, configuration, reload.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use alerting::Dispatcher;
use api::{Facts, Runtime, StoreBlock, StoreRankings, StoreRefusal, StoreStatus};
use dashboards::Dashboards;
use model::{Alert, Labels, TimestampMs};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use promql::Engine;
use rules::{AlertSink, Manager, ManagerOptions};
use scrape::ScrapeManager;
use scrape::config::GlobalConfig;
use stdx::Clock;
use tsdb::Db;

use crate::config::{ConfigPaths, Loaded, load};

/// Everything that runs, shared by the API and by whoever stops it.
pub(crate) struct Core {
    pub(crate) paths: ConfigPaths,
    pub(crate) flags: Vec<(String, String)>,
    pub(crate) facts: Facts,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) db: Arc<Db>,
    pub(crate) logs: Arc<api::Logs>,
    pub(crate) log_db: Arc<logdb::Db>,
    /// `None` where nobody may delete or copy over HTTP.
    pub(crate) admin: Option<Arc<dyn api::Admin>>,
    pub(crate) scrape: Arc<ScrapeManager>,
    pub(crate) rules: Arc<Manager>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) alerting: Arc<Dispatcher>,
    pub(crate) dashboards: Arc<Dashboards>,
    pub(crate) last_load: LastLoad,
    /// Finds out what has become of alerts that fired before the start.
    pub(crate) handover: tokio::task::JoinHandle<()>,
    /// Reloads one after another.
    pub(crate) reloading: tokio::sync::Mutex<()>,
}

/// The last attempt to load the configuration, and the text of the one in force.
#[derive(Debug)]
pub(crate) struct LastLoad {
    state: Mutex<LoadState>,
    successful: Gauge,
    success_seconds: Gauge,
}

#[derive(Debug, Clone)]
struct LoadState {
    text: String,
    external_labels: Labels,
    at: TimestampMs,
    succeeded: bool,
}

impl LastLoad {
    /// The first load, which succeeded at `at`.
    pub(crate) fn new(loaded: &Loaded, at: TimestampMs, registry: &mut Registry) -> Self {
        let before =
            LoadState { text: String::new(), external_labels: Labels::empty(), at, succeeded: false };
        let last = Self {
            state: Mutex::new(before),
            successful: Gauge::default(),
            success_seconds: Gauge::default(),
        };
        registry.register(
            "prometheus_config_last_reload_successful",
            "Whether the last attempt to load the configuration succeeded",
            last.successful.clone(),
        );
        registry.register(
            "prometheus_config_last_reload_success_timestamp_seconds",
            "When the configuration was last loaded with success",
            last.success_seconds.clone(),
        );
        last.succeeded(loaded.text.clone(), external_labels(&loaded.global), at);
        last
    }

    fn succeeded(&self, text: String, external_labels: Labels, at: TimestampMs) {
        let state = LoadState { text, external_labels, at, succeeded: true };
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
        self.successful.set(1);
        self.success_seconds.set(at.0 / 1000);
    }

    fn failed(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).succeeded = false;
        self.successful.set(0);
    }

    fn get(&self) -> LoadState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Core {
    /// Loads all files anew and hands each part its own; what is wrong leaves everything as it was.
    pub(crate) async fn reload(&self) -> Result<(), String> {
        let _one_at_a_time = self.reloading.lock().await;
        let paths = self.paths.clone();
        let loaded = tokio::task::spawn_blocking(move || load(&paths)).await.map_err(|e| e.to_string())?;
        let loaded = loaded.map_err(|error| {
            self.last_load.failed();
            tracing::error!(%error, "configuration not reloaded; the old one stays");
            error.to_string()
        })?;
        say_left_out(&loaded);
        let options = rule_options(&loaded.global, &self.facts.external_url);
        self.db.set_out_of_order_time_window(loaded.storage.out_of_order_time_window);
        self.scrape.reload(loaded.jobs);
        self.rules.reload(loaded.groups, options).await;
        self.engine.set_subquery_step(loaded.global.evaluation_interval());
        self.alerting.reload(loaded.alerting);
        self.dashboards.reload();
        let labels = external_labels(&loaded.global);
        self.last_load.succeeded(loaded.text, labels, TimestampMs(self.clock.now_ms()));
        tracing::info!("configuration reloaded");
        Ok(())
    }
}

/// Warns of each part of the configuration that is not used.
pub(crate) fn say_left_out(loaded: &Loaded) {
    for line in &loaded.left_out {
        tracing::warn!("{line}");
    }
}

/// Labels that series and alerts get when they leave.
fn external_labels(global: &GlobalConfig) -> Labels {
    global.external_labels(|name| std::env::var(name).ok())
}

/// What rules take from the global section.
pub(crate) fn rule_options(global: &GlobalConfig, external_url: &str) -> ManagerOptions {
    ManagerOptions {
        external_labels: external_labels(global),
        default_interval: global.evaluation_interval(),
        query_offset: global.rule_query_offset.map_or(model::DurationMs::ZERO, |d| d.0),
        ..ManagerOptions::standard(external_url)
    }
}

/// Alerts go from rules to the dispatcher within this process.
pub(crate) struct ToDispatcher(pub(crate) Arc<Dispatcher>);

impl AlertSink for ToDispatcher {
    fn alerts(&self, alerts: Vec<Alert>) {
        self.0.put(alerts);
    }
}

impl Runtime for Core {
    fn store_status(&self) -> StoreStatus {
        let status = self.db.status();
        StoreStatus {
            series: status.series,
            label_pairs: status.label_pairs,
            chunks: status.chunks,
            chunk_bytes: status.chunk_bytes,
            samples_appended: status.samples_appended,
            wal_bytes: status.wal_bytes,
            min_time: status.min_time,
            max_time: status.max_time,
        }
    }

    fn store_blocks(&self) -> Vec<StoreBlock> {
        let shown = |block: tsdb::BlockStatus| StoreBlock {
            number: block.number,
            level: block.level,
            from_ms: block.from.0,
            end_ms: block.end.0,
            series: block.series,
            samples: block.samples,
            chunks: block.chunks,
            sources: block.sources,
        };
        self.db.block_statuses().into_iter().map(shown).collect()
    }

    fn store_refusal(&self) -> Option<StoreRefusal> {
        let refusal = self.db.unavailable()?;
        let lasted_ms = i64::try_from(refusal.lasted.as_millis()).unwrap_or(i64::MAX);
        Some(StoreRefusal { reason: refusal.reason, since: TimestampMs(self.clock.now_ms() - lasted_ms) })
    }

    fn store_rankings(&self, limit: usize) -> StoreRankings {
        let lists = self.db.cardinality(limit);
        StoreRankings {
            series_by_metric: lists.series_count_by_metric_name,
            values_by_label: lists.label_value_count_by_label_name,
            bytes_by_label: lists.memory_in_bytes_by_label_name,
            series_by_pair: lists.series_count_by_label_value_pair,
        }
    }

    fn config_yaml(&self) -> String {
        self.last_load.get().text
    }

    fn flags(&self) -> Vec<(String, String)> {
        self.flags.clone()
    }

    fn external_labels(&self) -> Labels {
        self.last_load.get().external_labels
    }

    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn last_reload(&self) -> (TimestampMs, bool) {
        let last = self.last_load.get();
        (last.at, last.succeeded)
    }

    fn reload(&self) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>> {
        Box::pin(Core::reload(self))
    }
}
