//! The monitor: new, start, reload, stop. Parts start in order of need and stop in reverse.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ::config::ByteSize;
use alerting::alertmanagers::{Sender, SenderMetrics};
use alerting::peers::PeerOptions;
use alerting::{Dispatcher, State};
use api::{ApiMetrics, ApiState, EditRule, Facts, Recovery, Services};
use dashboards::{Dashboards, Sources};
use model::{DurationMs, TimestampMs};
use net::process::ProcessMetrics;
use net::{BindError, Client, ClientError, ClientOptions, Server, ServerLimits, ServerMetrics};
use prometheus_client::registry::Registry;
use promql::Engine;
use rules::{Manager, Ports};
use scrape::ScrapeManager;
use stdx::{Clock, SystemClock};
use storage::{MetricAppend, MetricQuery};
use tokio::net::TcpListener;
use tsdb::{DamagePolicy, Db, Limits, Maintenance, RealDisk, RecoveryReport, SyncPolicy, TsdbError};

use crate::admin::Admin;
use crate::builtin;
use crate::config::{ConfigPaths, LoadError, Loaded, load};
use crate::config_storage::StorageSettings;
use crate::core::{Core, LastLoad, ToDispatcher, rule_options, say_left_out};
use crate::handover;
use crate::logs;
use crate::queries::QueryOptions;

/// What a monitor is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// The files that say what to do.
    pub config: ConfigPaths,
    /// Where data is kept; samples under `metrics/`, lines under `logs/`.
    pub data_dir: PathBuf,
    /// A folder of Grafana dashboards, besides those that ship with the program.
    pub dashboards: Option<PathBuf>,
    /// Where the user interface answers.
    pub ui_listen: SocketAddr,
    /// Where Prometheus' API answers.
    pub prometheus_listen: SocketAddr,
    /// Where Alertmanager's API answers.
    pub alertmanager_listen: SocketAddr,
    /// Where Loki's API answers; the port of the `loki.yml` or 3100 of this machine when `None`.
    pub loki_listen: Option<SocketAddr>,
    /// Our own address as others reach it, for links in alerts; the Prometheus port itself when `None`.
    pub external_url: Option<String>,
    /// Other monitors that share silences and who was told.
    pub peers: Option<PeerOptions>,
    /// Where an inbox lists the messages that receivers would have got.
    pub inbox_url: Option<String>,
    /// How long samples are kept; zero for as long as there is room.
    pub retention: DurationMs,
    /// How many bytes of samples are kept; zero for no limit.
    pub retention_size: ByteSize,
    /// How long lines of logs are kept where the `loki.yml` does not say; zero for as long as there is room.
    pub log_retention: DurationMs,
    /// How many bytes of logs are kept; zero for no limit.
    pub log_retention_size: ByteSize,
    /// When commits are made to survive power loss.
    pub sync: SyncPolicy,
    /// Span of a block that is cut from memory; two hours but in tests.
    pub block_span: DurationMs,
    /// Between two rounds of the store's housekeeping.
    pub housekeeping_every: DurationMs,
    /// Whether damaged data keeps the monitor from starting, instead of being set aside.
    pub strict_recovery: bool,
    /// Whether `/-/reload` is allowed.
    pub lifecycle: bool,
    /// Whether samples can be deleted and copied over HTTP.
    pub admin_api: bool,
    /// How far back the series of new objectives get their past; zero for none.
    pub rules_backfill: DurationMs,
    /// Whether dashboards can be changed in the browser although other machines reach the user interface.
    pub dashboard_edits: bool,
    /// Limits of queries, and what of the language is switched on.
    pub queries: QueryOptions,
    /// Flags as given, for `/api/v1/status/flags`.
    pub flags: Vec<(String, String)>,
}

/// Why a monitor did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A port cannot be had.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A file is wrong.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The store cannot be opened.
    #[error("cannot open the store in {}: {source}", .dir.display())]
    Store {
        /// Its folder.
        dir: PathBuf,
        /// Why.
        source: TsdbError,
    },
    /// The store of logs cannot be opened.
    #[error("cannot open the store of logs in {}: {source}", .dir.display())]
    Logs {
        /// Its folder.
        dir: PathBuf,
        /// Why.
        source: logdb::LogdbError,
    },
    /// The state of alerting cannot be read.
    #[error("cannot open the state of alerting: {0}")]
    Alerting(#[from] disk::DiskError),
    /// The client for scrapes cannot be made.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Opening the store panicked.
    #[error("opening the store failed: {0}")]
    Panic(#[from] tokio::task::JoinError),
}

/// A monitor at work.
pub struct Monitor {
    core: Arc<Core>,
    ui: Server,
    prometheus: Server,
    alertmanager: Server,
    loki: Server,
}

impl Monitor {
    /// Reads the configuration, takes the ports, opens the store, and starts scraping, rules and answers.
    ///
    /// # Errors
    /// See [`StartError`]; nothing is left running.
    pub async fn start(mut options: Options) -> Result<Self, StartError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let started_at = TimestampMs(clock.now_ms());
        let loaded = load(&options.config)?;
        say_left_out(&loaded);
        // The file goes before the flags, as in Prometheus.
        options.retention = loaded.storage.retention.unwrap_or(options.retention);
        options.retention_size = loaded.storage.retention_size.unwrap_or(options.retention_size);
        let ui = net::bind(options.ui_listen).await?;
        let prometheus = net::bind(options.prometheus_listen).await?;
        let alertmanager = net::bind(options.alertmanager_listen).await?;
        let loki = net::bind(loki_listen(&options, loaded.loki.port)).await?;
        let mut registry = Registry::default();
        let (logs, log_db, log_report) =
            logs::open(&options, &loaded.loki, clock.clone(), &mut registry).await?;
        let (db, report) = open_store(&options, &loaded.storage, clock.clone(), &mut registry).await?;
        db.set_out_of_order_time_window(loaded.storage.out_of_order_time_window);
        let mut facts = facts(&options, &loaded, &prometheus, &report, started_at);
        let dir = options.data_dir.join("alerting");
        let counts = alerting::ledger_metrics(&mut registry);
        let open = move || State::open(Arc::new(RealDisk), &dir, started_at, counts);
        let told = tokio::task::spawn_blocking(open).await??;
        facts.recovery.quarantined.extend(told.damage().iter().cloned());
        facts.recovery.quarantined.extend(logs::damage(&log_report));
        let stores = Stores { db, logs, log_db, told };
        let (core, engine, metrics) = start_services(options, loaded, facts, stores, clock, &mut registry)?;
        Ok(Self::serve(core, engine, metrics, registry, [ui, prometheus, alertmanager, loki]))
    }

    fn serve(
        core: Arc<Core>,
        engine: Arc<Engine>,
        metrics: ApiMetrics,
        mut registry: Registry,
        [ui, prometheus, alertmanager, loki]: [TcpListener; 4],
    ) -> Self {
        ProcessMetrics::register(&mut registry);
        let connections = ServerMetrics::register(&mut registry);
        let registry = Arc::new(registry);
        let state = ApiState::new(Services {
            engine,
            store: core.db.clone(),
            exemplars: core.db.clone(),
            scrape: core.scrape.clone(),
            rules: core.rules.clone(),
            alerting: core.alerting.clone(),
            dashboards: core.dashboards.clone(),
            runtime: core.clone(),
            admin: core.admin.clone(),
            logs: Some(core.logs.clone()),
            clock: core.clock.clone(),
            metrics,
        });
        let limits = ServerLimits::standard();
        let ui_router = api::ui_router(state.clone(), registry.clone());
        let ui = Server::start_counted(ui, ui_router, limits, connections.clone());
        let prometheus_router = api::prometheus_router(state.clone(), registry.clone(), &ui.url());
        let prometheus = Server::start_counted(prometheus, prometheus_router, limits, connections.clone());
        let alertmanager_router = api::alertmanager_router(state.clone(), registry.clone(), &ui.url());
        let alertmanager =
            Server::start_counted(alertmanager, alertmanager_router, limits, connections.clone());
        let loki_router = api::loki_router(state, registry, &ui.url());
        let loki = Server::start_counted(loki, loki_router, limits, connections);
        Self { core, ui, prometheus, alertmanager, loki }
    }

    /// Where it answers: `ui`, `prometheus`, `alertmanager` and `loki`.
    pub fn urls(&self) -> BTreeMap<String, String> {
        let all = [
            ("ui", &self.ui),
            ("prometheus", &self.prometheus),
            ("alertmanager", &self.alertmanager),
            ("loki", &self.loki),
        ];
        all.map(|(name, server)| (name.to_owned(), server.url())).into()
    }

    /// Loads all files anew; what is wrong leaves everything as it was.
    ///
    /// # Errors
    /// What is wrong, with file, line and column.
    pub async fn reload(&self) -> Result<(), String> {
        self.core.reload().await
    }

    /// Stops answers first, then rules and scrapes, then deliveries, and closes the store last. The memory of what was stored stays
    /// as it is until the process ends, which should be next.
    pub async fn stop(self) {
        tokio::join!(self.ui.stop(), self.prometheus.stop(), self.alertmanager.stop(), self.loki.stop());
        self.core.handover.abort();
        self.core.rules.stop().await;
        self.core.scrape.stop().await;
        self.core.sender.stop().await;
        self.core.alerting.stop().await;
        logs::close(self.core.log_db.clone()).await;
        let db = self.core.db.clone();
        let closed = tokio::task::spawn_blocking(move || db.close()).await;
        match closed {
            Ok(Ok(())) => tracing::info!("store closed"),
            Ok(Err(error)) => tracing::error!(%error, "store not closed cleanly"),
            Err(error) => tracing::error!(%error, "closing the store panicked"),
        }
        // Giving back 100,000 series one by one would take 40 ms, several times as long as all of the above; the system takes them at once.
        std::mem::forget(self.core);
    }
}

/// Where Loki's API answers: the flag goes before the file, as in Loki.
fn loki_listen(options: &Options, port: Option<u16>) -> SocketAddr {
    let default = SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap_or(LOKI_PORT)));
    options.loki_listen.unwrap_or(default)
}

/// Loki's own.
const LOKI_PORT: u16 = 3100;

/// Longer than any sample is old: what no limit of age comes to.
const RETENTION_UNLIMITED: DurationMs = DurationMs::from_secs(1000 * 365 * 24 * 3600);

fn limits(options: &Options, settings: &StorageSettings) -> Limits {
    let retention = if options.retention.0 > 0 { options.retention } else { RETENTION_UNLIMITED };
    let retention_bytes = if options.retention_size.0 > 0 { options.retention_size.0 } else { u64::MAX };
    Limits {
        retention,
        retention_bytes,
        exemplars_max: settings.exemplars_max,
        block_span: options.block_span,
        housekeeping_every: Duration::from_millis(options.housekeeping_every.0.unsigned_abs()),
        ..Limits::standard()
    }
}

/// In the words of Prometheus: `30d or 10GiB`.
fn retention_text(options: &Options) -> String {
    match (options.retention, options.retention_size) {
        (DurationMs::ZERO, ByteSize(0)) => "unlimited".to_owned(),
        (DurationMs::ZERO, size) => size.to_string(),
        (time, ByteSize(0)) => time.to_string(),
        (time, size) => format!("{time} or {size}"),
    }
}

async fn open_store(
    options: &Options,
    settings: &StorageSettings,
    clock: Arc<dyn Clock>,
    registry: &mut Registry,
) -> Result<(Arc<Db>, RecoveryReport), StartError> {
    let dir = options.data_dir.join("metrics");
    let db_options = tsdb::Options {
        dir: dir.clone(),
        disk: Arc::new(RealDisk),
        clock,
        sync: options.sync,
        damage: if options.strict_recovery { DamagePolicy::Refuse } else { DamagePolicy::Quarantine },
        limits: limits(options, settings),
        maintenance: Maintenance::Background,
        metrics: Arc::new(tsdb::Metrics::new(registry)),
    };
    let opened = tokio::task::spawn_blocking(move || Db::open(db_options)).await?;
    opened.map_err(|source| StartError::Store { dir, source })
}

/// What was opened and is kept.
struct Stores {
    db: Arc<Db>,
    logs: Arc<api::Logs>,
    log_db: Arc<logdb::Db>,
    told: State,
}

/// Everything between the stores and the routes.
fn start_services(
    options: Options,
    loaded: Loaded,
    facts: Facts,
    Stores { db, logs, log_db, told }: Stores,
    clock: Arc<dyn Clock>,
    registry: &mut Registry,
) -> Result<(Arc<Core>, Arc<Engine>, ApiMetrics), StartError> {
    let store: Arc<dyn MetricQuery> = db.clone();
    let append: Arc<dyn MetricAppend> = db.clone();
    let api_metrics = ApiMetrics::register(registry);
    let last_load = LastLoad::new(&loaded, facts.started_at, registry);
    let engine = Arc::new(Engine::new(options.queries.engine(loaded.global.evaluation_interval())));
    let dispatcher = Arc::new(Dispatcher::start(
        loaded.alerting,
        told,
        client("Alertmanager")?,
        clock.clone(),
        Arc::new(alerting::Metrics::new(registry)),
        alerting::Options { external_url: facts.external_url.clone(), peers: options.peers },
    ));
    let counts = SenderMetrics::new(registry);
    let sender = Arc::new(Sender::start(loaded.alertmanagers, client("Prometheus")?, counts));
    let sink = Arc::new(ToDispatcher(dispatcher.clone(), sender.clone()));
    let mut ports = Ports::of_engine(engine.clone(), store, append.clone(), sink, clock.clone());
    if options.rules_backfill > DurationMs::ZERO {
        ports = ports.with_backfill(engine.clone(), db.clone(), options.rules_backfill);
    }
    let rule_options = rule_options(&loaded.global, &facts.external_url);
    let labels = rule_options.external_labels.clone();
    let rules =
        Arc::new(Manager::start(loaded.groups, ports, rule_options, Arc::new(rules::Metrics::new(registry))));
    let look = clock.clone();
    let now = move || TimestampMs(look.now_ms());
    let handover = tokio::spawn(handover::watch(rules.clone(), dispatcher.clone(), labels, now));
    let scrape = ScrapeManager::start(
        loaded.jobs,
        append,
        client("Prometheus")?,
        clock.clone(),
        Arc::new(scrape::Metrics::new(registry)),
    );
    let sources = Sources { folder: options.dashboards, builtin: builtin::dashboards() };
    let admin = Admin { db: db.clone(), clock: clock.clone(), data_dir: options.data_dir };
    let core = Core {
        admin: options.admin_api.then(|| Arc::new(admin) as Arc<dyn api::Admin>),
        paths: options.config,
        flags: options.flags,
        facts,
        clock,
        db,
        logs,
        log_db,
        scrape: Arc::new(scrape),
        rules,
        engine: engine.clone(),
        alerting: dispatcher,
        sender,
        dashboards: Arc::new(Dashboards::load_from(sources).0),
        last_load,
        handover,
        reloading: tokio::sync::Mutex::new(()),
    };
    Ok((Arc::new(core), engine, api_metrics))
}

/// A client that presents itself as `role`: some exporters and receivers look for the name they know.
fn client(role: &str) -> Result<Arc<Client>, ClientError> {
    let user_agent = format!("{role}/3.5.0 (watchfire/{})", env!("CARGO_PKG_VERSION"));
    Client::new(ClientOptions::named(&user_agent)).map(Arc::new)
}

fn facts(
    options: &Options,
    loaded: &Loaded,
    prometheus: &TcpListener,
    report: &RecoveryReport,
    started_at: TimestampMs,
) -> Facts {
    let own_url = prometheus.local_addr().map(|addr| format!("http://{addr}")).unwrap_or_default();
    let shortest = loaded.jobs.iter().map(|job| job.interval).min();
    Facts {
        started_at,
        data_dir: options.data_dir.display().to_string(),
        working_dir: std::env::current_dir().map(|d| d.display().to_string()).unwrap_or_default(),
        hostname: std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned(),
        retention: retention_text(options),
        scrape_interval_ms: shortest.unwrap_or_else(|| loaded.global.scrape_interval()).0,
        recovery: recovery(report),
        lifecycle: options.lifecycle,
        edits: match (options.dashboard_edits, options.ui_listen.ip().is_loopback()) {
            (true, _) => EditRule::Everybody,
            (false, true) => EditRule::Loopback,
            (false, false) => EditRule::Nobody,
        },
        external_url: options.external_url.clone().unwrap_or(own_url),
        inbox_url: options.inbox_url.clone(),
    }
}

fn recovery(report: &RecoveryReport) -> Recovery {
    let place = |d: &tsdb::Damage| format!("{} at byte {}: {}", d.file.display(), d.offset_bytes, d.reason);
    Recovery {
        duration_ms: u64::try_from(report.duration.as_millis()).unwrap_or(u64::MAX),
        samples: report.samples,
        series: report.series,
        torn_bytes: report.log.torn_bytes,
        quarantined: report.log.damage.iter().chain(&report.block_damage).map(place).collect(),
        nameless_samples: report.samples_without_series,
    }
}
