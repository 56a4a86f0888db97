//! What the routes stand on: ports and services, wired together by `app`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use ::alerting::Dispatcher;
use ::rules::{GroupStatus, Manager};
use columns::TimeRange;
use dashboards::Dashboards;
use model::{Labels, Matcher, TimestampMs};
use promql::Engine;
use scrape::{ScrapeManager, TargetMetadata, TargetsStatus};
use stdx::Clock;
use storage::{ExemplarQuery, MetricQuery};
use tokio::sync::Semaphore;

use crate::loki::{Logs, TAILS_MAX};
use crate::metrics::ApiMetrics;
use crate::run::Turnstile;
use crate::ui_query::live::STREAMS_MAX;

/// What the store tells about itself, in the words of `/api/v1/status/tsdb`. Each list is longest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreStatus {
    /// Series in the head.
    pub series: usize,
    /// Pairs of label name and value.
    pub label_pairs: usize,
    /// Chunks.
    pub chunks: u64,
    /// Bytes of compressed samples.
    pub chunk_bytes: u64,
    /// Samples taken since start.
    pub samples_appended: u64,
    /// Bytes of the write-ahead log.
    pub wal_bytes: u64,
    /// Oldest sample.
    pub min_time: Option<TimestampMs>,
    /// Newest sample.
    pub max_time: Option<TimestampMs>,
}

/// Why no samples are stored at present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreRefusal {
    /// What is wrong, for people.
    pub reason: String,
    /// Since when.
    pub since: TimestampMs,
}

/// Name and count.
pub type Ranking = Vec<(String, u64)>;

/// The lists of `/api/v1/status/tsdb`, each longest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreRankings {
    /// How many series each metric name has.
    pub series_by_metric: Ranking,
    /// How many values each label name has.
    pub values_by_label: Ranking,
    /// How many bytes the values of each label name take.
    pub bytes_by_label: Ranking,
    /// How many series each `name=value` pair has.
    pub series_by_pair: Ranking,
}

/// What opening the store found, for the status page: shown in words, worst first.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Recovery {
    /// How long it took.
    pub duration_ms: u64,
    /// Samples that are there.
    pub samples: u64,
    /// Series that are there.
    pub series: usize,
    /// Bytes of an unfinished last record that were cut.
    pub torn_bytes: u64,
    /// Damaged pieces that were set aside, each with path and offset.
    pub quarantined: Vec<String>,
    /// Samples that are lost because the names of their series were in a damaged piece before them.
    pub nameless_samples: u64,
}

/// A block on disk, for `/api/v1/status/tsdb/blocks`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreBlock {
    /// Its number.
    pub number: u64,
    /// How often its samples were compacted.
    pub level: u64,
    /// First moment of its span, milliseconds.
    pub from_ms: i64,
    /// The first moment behind its span, milliseconds.
    pub end_ms: i64,
    /// Series.
    pub series: u64,
    /// Samples.
    pub samples: u64,
    /// Chunks.
    pub chunks: u64,
    /// Numbers of the blocks that it was made from.
    pub sources: Vec<u64>,
}

/// Who may change what is stored. Calls may take long: make them off the async threads. Errors are for people.
pub trait Admin: Send + Sync {
    /// Deletes samples in `range` of all series that satisfy the matchers.
    ///
    /// # Errors
    /// Why; a part may be deleted.
    fn delete(&self, matchers: &[Matcher], range: TimeRange) -> Result<(), String>;
    /// Frees the room of what was deleted.
    ///
    /// # Errors
    /// Why.
    fn clean_tombstones(&self) -> Result<(), String>;
    /// Copies the store, or only what is in blocks already, and gives the copy's name.
    ///
    /// # Errors
    /// Why; nothing is left of the copy.
    fn snapshot(&self, skip_head: bool) -> Result<String, String>;
}

/// Who knows targets and what they say of their metrics.
pub trait Targets: Send + Sync {
    /// All targets, kept and dropped.
    fn targets(&self) -> TargetsStatus;
    /// Names of scrape pools, sorted.
    fn pools(&self) -> Vec<String>;
    /// What targets say of their metrics.
    fn metadata(&self) -> Vec<TargetMetadata>;
}

impl Targets for ScrapeManager {
    fn targets(&self) -> TargetsStatus {
        self.targets()
    }

    fn pools(&self) -> Vec<String> {
        self.pools()
    }

    fn metadata(&self) -> Vec<TargetMetadata> {
        self.metadata()
    }
}

/// Who knows rules and active alerts.
pub trait RuleGroups: Send + Sync {
    /// All groups, with their rules and alerts.
    fn groups(&self) -> Vec<GroupStatus>;
}

impl RuleGroups for Manager {
    fn groups(&self) -> Vec<GroupStatus> {
        self.groups()
    }
}

/// What only the wiring knows.
pub trait Runtime: Send + Sync {
    /// The store now.
    fn store_status(&self) -> StoreStatus;
    /// The store's blocks, in order of time.
    fn store_blocks(&self) -> Vec<StoreBlock>;
    /// Why no samples are stored at present; `None` when all is well. Waits for nothing.
    fn store_refusal(&self) -> Option<StoreRefusal>;
    /// The store's rankings, at most `limit` entries each.
    fn store_rankings(&self, limit: usize) -> StoreRankings;
    /// The configuration as loaded, secrets hidden.
    fn config_yaml(&self) -> String;
    /// Flags and their values, sorted.
    fn flags(&self) -> Vec<(String, String)>;
    /// Labels that series get when they leave for another server.
    fn external_labels(&self) -> Labels;
    /// Other Alertmanagers that alerts of rules are sent to: URLs.
    fn alertmanagers(&self) -> Vec<String>;
    /// Facts that do not change while the program runs.
    fn facts(&self) -> &Facts;
    /// When the configuration was last loaded, and whether the last attempt succeeded.
    fn last_reload(&self) -> (TimestampMs, bool);
    /// Loads the configuration anew; the old one stays when the new one is wrong.
    ///
    /// # Errors
    /// What is wrong, for people.
    fn reload(&self) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>>;
}

/// Who may write changes of dashboards back to their files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EditRule {
    /// Nobody: other machines reach the port, and nobody said that they may.
    Nobody,
    /// Whoever reaches the port, which is bound to loopback.
    Loopback,
    /// Whoever reaches the port: it was allowed at start.
    Everybody,
}

/// Facts that do not change while the program runs.
#[derive(Debug, Clone)]
pub struct Facts {
    /// When it started.
    pub started_at: TimestampMs,
    /// Where data is kept.
    pub data_dir: String,
    /// The working directory.
    pub working_dir: String,
    /// The machine's name.
    pub hostname: String,
    /// How long samples are kept, as Prometheus writes durations.
    pub retention: String,
    /// The shortest scrape interval in use, milliseconds: what panels take as their finest step.
    pub scrape_interval_ms: i64,
    /// What opening the store found.
    pub recovery: Recovery,
    /// Whether `/-/reload` is allowed.
    pub lifecycle: bool,
    /// Who may change dashboards.
    pub edits: EditRule,
    /// Our own base URL, as others reach it.
    pub external_url: String,
    /// Where an inbox lists the messages that receivers would have got.
    pub inbox_url: Option<String>,
}

/// Pushes that are taken apart and stored at one time, each of which may take some times the bytes of its body; the others wait.
const PUSHES_MAX: usize = 8;
/// Bodies of pushes that come in at one time; the others wait. Who is slow holds a place for a bounded time.
const PUSH_BODIES_MAX: usize = 64;

/// Everything the routes need.
pub struct ApiState {
    pub(crate) engine: Arc<Engine>,
    pub(crate) store: Arc<dyn MetricQuery>,
    pub(crate) exemplars: Arc<dyn ExemplarQuery>,
    pub(crate) scrape: Arc<dyn Targets>,
    pub(crate) rules: Arc<dyn RuleGroups>,
    pub(crate) alerting: Arc<Dispatcher>,
    pub(crate) dashboards: Arc<Dashboards>,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) admin: Option<Arc<dyn Admin>>,
    pub(crate) logs: Option<Arc<Logs>>,
    /// A place for each push at work.
    pub(crate) pushes: Arc<Semaphore>,
    /// A place for the body of each push that comes in.
    pub(crate) push_bodies: Semaphore,
    /// Readers of live lines that may still come.
    pub(crate) tails: Arc<Semaphore>,
    /// Pages that may still be sent their rounds.
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: ApiMetrics,
    pub(crate) turnstile: Turnstile,
}

/// The services behind the routes, by name.
pub struct Services {
    /// Evaluates queries.
    pub engine: Arc<Engine>,
    /// Holds samples.
    pub store: Arc<dyn MetricQuery>,
    /// Holds exemplars.
    pub exemplars: Arc<dyn ExemplarQuery>,
    /// Knows targets.
    pub scrape: Arc<dyn Targets>,
    /// Knows rules and active alerts.
    pub rules: Arc<dyn RuleGroups>,
    /// Takes alerts and tells people.
    pub alerting: Arc<Dispatcher>,
    /// Knows dashboards.
    pub dashboards: Arc<Dashboards>,
    /// Knows the rest.
    pub runtime: Arc<dyn Runtime>,
    /// May change what is stored; `None` where nobody may over HTTP.
    pub admin: Option<Arc<dyn Admin>>,
    /// Holds logs; `None` where none are kept.
    pub logs: Option<Arc<Logs>>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Where requests and queries are counted.
    pub metrics: ApiMetrics,
}

impl ApiState {
    /// State for [`crate::prometheus_router`] and [`crate::ui_router`], shared by both.
    pub fn new(services: Services) -> Arc<Self> {
        let Services {
            engine,
            store,
            exemplars,
            scrape,
            rules,
            alerting,
            dashboards,
            runtime,
            admin,
            logs,
            clock,
            metrics,
        } = services;
        let turnstile = Turnstile::new();
        Arc::new(Self {
            engine,
            store,
            exemplars,
            scrape,
            rules,
            alerting,
            dashboards,
            runtime,
            admin,
            logs,
            pushes: Arc::new(Semaphore::new(PUSHES_MAX)),
            push_bodies: Semaphore::new(PUSH_BODIES_MAX),
            tails: Arc::new(Semaphore::new(TAILS_MAX)),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            clock,
            metrics,
            turnstile,
        })
    }
}
