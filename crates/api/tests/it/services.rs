//! Services that stand still, so that every answer is known: a clock, a store, targets, rules, notifications.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api::{
    Admin, ApiMetrics, ApiState, Cancelled, EditRule, Facts, LinesRefused, LogAdmin, LogDeletion,
    LogDiscovery, LogStoreStatus, Logs, Recovery, RuleGroups, Runtime, Services, StoreBlock, StoreRankings,
    StoreRefusal, StoreStatus, Targets,
};
use columns::TimeRange;
use dashboards::{Builtin, Dashboards, Sources};
use logql::script::MemoryLogs;
use model::{AlertState, DurationMs, Labels, MatchOp, Matcher, Metadata, MetricKind, TimestampMs};
use net::{Client, ClientOptions, Fetched, Server, ServerLimits, ServerMetrics};
use prometheus_client::registry::Registry;
use promql::script::MemoryStore;
use promql::{Engine, EngineOptions};
use rules::{AlertStatus, AlertingStatus, GroupStatus, RuleStatus};
use scrape::{DroppedTarget, TargetMetadata, TargetStatus, TargetsStatus};
use stdx::ManualClock;
use storage::{Exemplar, ExemplarQuery, LogRefusal, MetricQuery, NsRange, QueryError, SeriesExemplars};

/// What the clock shows: a second with milliseconds.
pub(crate) const NOW_MS: i64 = 1_435_781_451_781;
pub(crate) const LIMIT: Duration = Duration::from_secs(180);
const ANSWER_MAX_BYTES: usize = 256 << 20;

const DASHBOARD: &str = r#"{"uid":"first","title":"First Board","tags":["a","b"],"panels":[]}"#;

pub(crate) fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied())
}

/// `up` of two instances and a counter, every 15 s for five minutes up to now; one series that ended.
pub(crate) fn store() -> MemoryStore {
    let mut store = MemoryStore::new();
    for i in 0..=20 {
        let at = NOW_MS - (20 - i) * 15_000;
        for (instance, value) in [("a:1", 1.0), ("b:2", 0.0)] {
            let up = labels(&[("__name__", "up"), ("instance", instance), ("job", "api")]);
            assert!(store.push(&up, at, value));
        }
        let counter = labels(&[("__name__", "requests_total"), ("http.code", "2\"0"), ("job", "api")]);
        assert!(store.push(&counter, at, i as f64 * 1.5));
    }
    let ended = labels(&[("__name__", "ended"), ("job", "old")]);
    assert!(store.push(&ended, NOW_MS - 60_000, 7.0) && store.push(&ended, NOW_MS - 1000, model::STALE_NAN));
    store
}

/// Both ports of a monitor, over services that stand still.
pub(crate) struct Site {
    pub(crate) prometheus: Server,
    pub(crate) ui: Server,
    pub(crate) loki: Server,
    pub(crate) logs: Arc<MemoryLogs>,
    client: Client,
    refusal: Refusing,
}

impl Site {
    pub(crate) async fn start() -> Self {
        Self::over(Arc::new(store())).await
    }

    pub(crate) async fn over(store: Arc<dyn MetricQuery>) -> Self {
        Self::with(store, EngineOptions { threads: 2, ..EngineOptions::standard() }).await
    }

    pub(crate) async fn with(store: Arc<dyn MetricQuery>, options: EngineOptions) -> Self {
        Self::with_admin(store, options, None).await
    }

    pub(crate) async fn with_admin(
        store: Arc<dyn MetricQuery>,
        options: EngineOptions,
        admin: Option<Arc<dyn Admin>>,
    ) -> Self {
        Self::with_all(store, options, admin, Arc::new(Still), None).await
    }

    /// With other targets, and dashboards out of a folder.
    pub(crate) async fn with_all(
        store: Arc<dyn MetricQuery>,
        options: EngineOptions,
        admin: Option<Arc<dyn Admin>>,
        targets: Arc<dyn Targets>,
        folder: Option<PathBuf>,
    ) -> Self {
        let mut registry = Registry::default();
        let refusal = Refusing::default();
        let logs = Arc::new(MemoryLogs::new());
        let log_engine =
            logql::Engine::new(logql::EngineOptions { threads: 2, ..logql::EngineOptions::standard() });
        let builtin = vec![Builtin { name: "first.json".into(), text: DASHBOARD.into() }];
        let sources = Sources { folder, builtin };
        let state = ApiState::new(Services {
            engine: Arc::new(Engine::new(options)),
            store,
            exemplars: Arc::new(Still),
            scrape: targets,
            rules: Arc::new(Still),
            alerting: dispatcher(),
            dashboards: Arc::new(Dashboards::load_from(sources).0),
            runtime: Arc::new(StillRuntime(facts(), refusal.clone())),
            admin,
            logs: Some(Arc::new(Logs {
                append: logs.clone(),
                query: logs.clone(),
                engine: Arc::new(log_engine),
                admin: Arc::new(StillLogs(refusal.clone())),
                discovery: LogDiscovery { service_labels: Vec::new(), level_fields: None },
                body_bytes_max: 1 << 20,
            })),
            clock: Arc::new(ManualClock::new(NOW_MS)),
            metrics: ApiMetrics::register(&mut registry),
        });
        let connections = ServerMetrics::register(&mut registry);
        let registry = Arc::new(registry);
        let ui_router = api::ui_router(state.clone(), registry.clone());
        let ui = Server::start(any_port().await, ui_router, ServerLimits::standard());
        let router = api::loki_router(state.clone(), registry.clone(), &ui.url());
        let loki = Server::start(any_port().await, router, ServerLimits::standard());
        let router = api::prometheus_router(state, registry, &ui.url());
        let limits = ServerLimits::standard();
        let prometheus = Server::start_counted(any_port().await, router, limits, connections);
        let client = Client::new(ClientOptions::named("test")).expect("a client");
        Self { prometheus, ui, loki, logs, client, refusal }
    }

    /// The store refuses samples for this reason from now on, or takes them again.
    pub(crate) fn refuse(&self, reason: Option<&str>) {
        let refusal = reason.map(|reason| StoreRefusal { reason: reason.into(), since: TimestampMs(NOW_MS) });
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = refusal;
    }

    /// Asks the Prometheus port.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        self.fetch(&format!("{}{path}", self.prometheus.url())).await
    }

    /// Asks the UI port as a browser does that opens a page.
    pub(crate) async fn open_ui(&self, path: &str) -> (u16, String) {
        let url = format!("{}{path}", self.ui.url());
        let headers = [("accept", "text/html,application/xhtml+xml,*/*;q=0.8")];
        read(self.client.get(&url, &headers, LIMIT, ANSWER_MAX_BYTES).await.expect("an answer"))
    }

    /// Asks the UI port.
    pub(crate) async fn get_ui(&self, path: &str) -> (u16, String) {
        self.fetch(&format!("{}{path}", self.ui.url())).await
    }

    /// Asks the Loki port.
    pub(crate) async fn get_loki(&self, path: &str) -> (u16, String) {
        self.fetch(&format!("{}{path}", self.loki.url())).await
    }

    /// Asks the Loki port with a header.
    pub(crate) async fn get_loki_with(&self, path: &str, header: (&str, &str)) -> (u16, String) {
        let url = format!("{}{path}", self.loki.url());
        read(self.client.get(&url, &[header], LIMIT, ANSWER_MAX_BYTES).await.expect("an answer"))
    }

    /// Asks the Loki port by a form.
    pub(crate) async fn post_loki(&self, path: &str, fields: &[(&str, &str)]) -> (u16, String) {
        let url = format!("{}{path}", self.loki.url());
        read(self.client.post_form(&url, fields, LIMIT).await.expect("an answer"))
    }

    async fn fetch(&self, url: &str) -> (u16, String) {
        read(self.client.get(url, &[], LIMIT, ANSWER_MAX_BYTES).await.expect("an answer"))
    }

    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> (u16, String) {
        let url = format!("{}{path}", self.prometheus.url());
        read(self.client.post_form(&url, fields, LIMIT).await.expect("an answer"))
    }

    pub(crate) async fn post_ui(&self, path: &str, body: &serde_json::Value) -> (u16, String) {
        let url = format!("{}{path}", self.ui.url());
        read(self.client.post_json(&url, body, &[], LIMIT).await.expect("an answer"))
    }

    /// The client of the program never deletes, so this one is written by hand.
    pub(crate) async fn delete_ui(&self, path: &str) -> (u16, String) {
        let (head, body) = raw("DELETE", &format!("{}{path}", self.ui.url().trim_end_matches('/'))).await;
        (status_of(&head), body)
    }

    /// Status and target of an answer that leads elsewhere, where the client of the program would go at once.
    pub(crate) async fn redirect(&self, url: &str) -> (u16, String) {
        let (head, _) = raw("GET", url).await;
        let location = head.lines().find_map(|line| line.strip_prefix("location: ")).unwrap_or_default();
        (status_of(&head), location.to_owned())
    }

    /// The value of a metric of our own without labels.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let (_, text) = self.get("/metrics").await;
        let line = text.lines().find(|line| line.split(' ').next() == Some(name));
        let value =
            line.and_then(|line| line.split(' ').nth(1)).unwrap_or_else(|| panic!("no {name}: {text}"));
        value.parse().expect("a number")
    }

    /// Waits until a metric of our own has a value.
    pub(crate) async fn until(&self, name: &str, expected: f64) {
        let wait = async {
            while self.metric(name).await != expected {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(LIMIT, wait).await.unwrap_or_else(|_| panic!("{name} never became {expected}"));
    }

    pub(crate) async fn stop(self) {
        tokio::join!(self.prometheus.stop(), self.ui.stop(), self.loki.stop());
    }
}

/// Head and body of the answer to a request of one line.
async fn raw(method: &str, url: &str) -> (String, String) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (host, path) = url.trim_start_matches("http://").split_once('/').expect("a path");
    let mut stream = tokio::net::TcpStream::connect(host).await.expect("it listens");
    let request = format!("{method} /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    (head.to_owned(), body.to_owned())
}

fn status_of(head: &str) -> u16 {
    head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status")
}

fn read(answer: Fetched) -> (u16, String) {
    (answer.status, String::from_utf8(answer.body.to_vec()).expect("UTF-8"))
}

async fn any_port() -> tokio::net::TcpListener {
    net::bind("127.0.0.1:0".parse().expect("an address")).await.expect("a port")
}

/// Targets, rules and notifications that never change.
pub(crate) struct Still;

impl ExemplarQuery for Still {
    fn exemplars(
        &self,
        selectors: &[Vec<Matcher>],
        range: TimeRange,
    ) -> Result<Vec<SeriesExemplars>, QueryError> {
        let exemplar = |trace: &str, value: f64, at_ms: i64| Exemplar {
            labels: labels(&[("trace_id", trace)]),
            value,
            at: TimestampMs(at_ms),
            has_own_time: true,
        };
        let series = labels(&[("__name__", "requests_total"), ("job", "api")]);
        let all = [exemplar("a\"1", 0.5, 1000), exemplar("b", f64::NAN, 2050)];
        let exemplars: Vec<Exemplar> = all.into_iter().filter(|e| range.contains(e.at.0)).collect();
        let found = selectors.iter().any(|all| all.iter().all(|m| m.matches_labels(&series)));
        Ok(if found && !exemplars.is_empty() {
            vec![SeriesExemplars { series, exemplars }]
        } else {
            Vec::new()
        })
    }
}

/// Nobody deletes a line here; lines are refused when samples are.
struct StillLogs(Refusing);

impl LogAdmin for StillLogs {
    fn refusal(&self) -> Option<StoreRefusal> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn refused_lately(&self) -> Option<LinesRefused> {
        let since = self.refusal()?.since;
        let last = LogRefusal { reason: "rate_limited", message: "too fast".into(), lines: 1, bytes: 9 };
        Some(LinesRefused { lines: 7, since, last })
    }

    fn status(&self) -> LogStoreStatus {
        LogStoreStatus { streams: 3, ..LogStoreStatus::default() }
    }

    fn discarded(&self, _: &LogRefusal) {}

    fn flush(&self) -> Result<(), String> {
        Ok(())
    }

    fn delete(&self, _: &str, _: Vec<Matcher>, _: Vec<(MatchOp, String)>, _: NsRange) -> Result<(), String> {
        Err("nothing is deleted here".to_owned())
    }

    fn deletions(&self) -> Vec<LogDeletion> {
        Vec::new()
    }

    fn cancel_deletion(&self, _: &str) -> Result<Cancelled, String> {
        Ok(Cancelled::Unknown)
    }
}

impl Targets for Still {
    fn targets(&self) -> TargetsStatus {
        let discovered = labels(&[("__address__", "localhost:1"), ("job", "api")]);
        let active = TargetStatus {
            discovered_labels: discovered.clone(),
            labels: labels(&[("instance", "localhost:1"), ("job", "api")]),
            scrape_pool: "api".into(),
            scrape_url: "http://localhost:1/metrics".into(),
            last_error: String::new(),
            last_scrape: Some(TimestampMs(NOW_MS)),
            last_duration_s: 0.25,
            health: scrape::Health::Up,
            interval: DurationMs(15_000),
            timeout: DurationMs(10_000),
        };
        let never = TargetStatus {
            scrape_pool: "other".into(),
            scrape_url: "http://far:2/metrics".into(),
            last_scrape: None,
            last_duration_s: 0.0,
            health: scrape::Health::Unknown,
            ..active.clone()
        };
        let dropped = DroppedTarget { discovered_labels: discovered, scrape_pool: "api".into() };
        TargetsStatus {
            active: vec![active, never],
            dropped: vec![dropped],
            dropped_counts: vec![("api".into(), 1)],
        }
    }

    fn pools(&self) -> Vec<String> {
        vec!["api".into(), "other".into()]
    }

    fn metadata(&self) -> Vec<TargetMetadata> {
        let row = |instance: &str, metric: &str, kind, help: &str| {
            let about = Metadata { kind, help: help.into(), unit: String::new() };
            (labels(&[("instance", instance), ("job", "api")]), metric.to_owned(), about)
        };
        vec![
            row("a:1", "requests_total", MetricKind::Counter, "Requests."),
            row("b:2", "requests_total", MetricKind::Counter, "All requests."),
            row("a:1", "up", MetricKind::Gauge, "Up."),
        ]
    }
}

impl RuleGroups for Still {
    fn groups(&self) -> Vec<GroupStatus> {
        let recording = RuleStatus {
            name: "job:up:sum".into(),
            query: "sum by (job) (up)".into(),
            labels: Labels::empty(),
            health: rules::Health::Ok,
            last_error: None,
            last_evaluation: Some(TimestampMs(NOW_MS)),
            evaluation_seconds: 0.5,
            alerting: None,
        };
        let alert = AlertStatus {
            labels: labels(&[("alertname", "Down"), ("instance", "b:2")]),
            annotations: labels(&[("summary", "b:2 is down")]),
            state: AlertState::Firing,
            active_at: TimestampMs(NOW_MS),
            keep_firing_since: None,
            value: 0.0,
        };
        let alerting = RuleStatus {
            name: "Down".into(),
            query: "up == 0".into(),
            labels: labels(&[("severity", "page")]),
            health: rules::Health::Err,
            last_error: Some("broken".into()),
            alerting: Some(AlertingStatus {
                state: AlertState::Firing,
                hold: DurationMs(60_000),
                keep_firing_for: DurationMs::ZERO,
                annotations: labels(&[("summary", "{{ $labels.instance }} is down")]),
                alerts: vec![alert],
            }),
            ..recording.clone()
        };
        let group = |name: &str, rules| GroupStatus {
            name: name.into(),
            file: "/etc/rules.yml".into(),
            interval: DurationMs(30_000),
            limit: 0,
            last_evaluation: None,
            evaluation_seconds: 0.0,
            rules,
        };
        vec![group("second", vec![alerting]), group("first", vec![recording])]
    }
}

/// Alerting that tells nobody.
fn dispatcher() -> Arc<alerting::Dispatcher> {
    let text = "route: {receiver: team}\nreceivers: [{name: team}]\n";
    Arc::new(alerting::Dispatcher::start(
        alerting::Config::parse(std::path::Path::new("am.yml"), text).expect("valid"),
        alerting::State::in_memory(),
        Arc::new(Client::new(ClientOptions::named("test")).expect("a client")),
        Arc::new(ManualClock::new(NOW_MS)),
        Arc::new(alerting::Metrics::new(&mut Registry::default())),
        alerting::Options { external_url: "http://localhost".into(), peers: None },
    ))
}

struct StillRuntime(Facts, Refusing);

/// Why the store takes nothing, for a test to set.
type Refusing = Arc<Mutex<Option<StoreRefusal>>>;

fn facts() -> Facts {
    Facts {
        started_at: TimestampMs(NOW_MS - 1000),
        data_dir: "/data".into(),
        working_dir: "/".into(),
        hostname: "host".into(),
        retention: "15d".into(),
        scrape_interval_ms: 15_000,
        recovery: Recovery::default(),
        lifecycle: false,
        edits: EditRule::Loopback,
        external_url: "http://monitor.example:9090".into(),
        inbox_url: None,
    }
}

impl Runtime for StillRuntime {
    fn alertmanagers(&self) -> Vec<String> {
        vec!["http://am.example:9093/api/v2/alerts".to_owned()]
    }

    fn store_status(&self) -> StoreStatus {
        StoreStatus { series: 4, label_pairs: 9, chunks: 4, ..StoreStatus::default() }
    }

    fn store_blocks(&self) -> Vec<StoreBlock> {
        let block = StoreBlock {
            number: 12,
            level: 2,
            from_ms: 1,
            end_ms: 5,
            samples: 9,
            sources: vec![3, 4],
            ..StoreBlock::default()
        };
        vec![block]
    }

    fn store_refusal(&self) -> Option<StoreRefusal> {
        self.1.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn store_rankings(&self, limit: usize) -> StoreRankings {
        let all = vec![("up".to_owned(), 2), ("ended".to_owned(), 1)];
        StoreRankings { series_by_metric: all.into_iter().take(limit).collect(), ..StoreRankings::default() }
    }

    fn config_yaml(&self) -> String {
        "global: {}\n".into()
    }

    fn flags(&self) -> Vec<(String, String)> {
        vec![("web.listen-address".into(), "127.0.0.1:9090".into()), ("data-dir".into(), "/data".into())]
    }

    fn external_labels(&self) -> Labels {
        labels(&[("job", "never"), ("zone", "x")])
    }

    fn facts(&self) -> &Facts {
        &self.0
    }

    fn last_reload(&self) -> (TimestampMs, bool) {
        (TimestampMs(NOW_MS), true)
    }

    fn reload(&self) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Percent-encodes a parameter's value.
pub(crate) fn encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
    text.bytes().map(|b| if plain(b) { (b as char).to_string() } else { format!("%{b:02X}") }).collect()
}

/// A JSON answer with what is measured put aside.
pub(crate) fn object(text: &str) -> BTreeMap<String, serde_json::Value> {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}
