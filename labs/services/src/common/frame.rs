//! The frame that every service stands in: ports, registry, logs, observing layer, fault switches, start and stop.
//!
//! A service opens the frame, adds its own metrics to the registry, and hands its routes over to be served.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use net::{Server, ServerLimits, ServerMetrics};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

use super::access_log::{self, AccessLog, LogMetrics, LogOptions, LogWriter, Rotation};
use super::cpu::CpuUsage;
use super::faults::{self, Faults};
use super::literal::{self, LiteralCounter};
use super::observe::{HttpMetrics, Observer, ViewOf, Watcher, observe};
use super::reply::{unknown_method, unknown_path};
use super::running::{Cleanup, Running, StartError};

/// Where every service says whether it can work.
pub(crate) const HEALTH: &str = "/health";

/// What every service is told at start.
#[derive(Debug, Clone)]
pub struct Basics {
    /// Name of this instance, such as `orders-1`: in log lines and at the start of the log files' names.
    pub instance: String,
    /// Where requests are served, and `/health` and `/metrics`.
    pub listen: SocketAddr,
    /// Where `/metrics` is served as well, and the fault switches.
    pub metrics_listen: SocketAddr,
    /// Folder of the logs.
    pub log_dir: PathBuf,
    /// When those rotate.
    pub log_rotation: Rotation,
    /// Whether faults can be switched on while it runs.
    pub faults: bool,
    /// Memory it may take, for alerts and for the memory fault; nothing enforces it.
    pub memory_limit_bytes: u64,
}

/// A service that has its ports and logs and is not served yet.
pub(crate) struct Frame {
    /// Where the service adds what it counts itself.
    pub(crate) registry: Registry,
    /// Counters whose names a library would change.
    pub(crate) literals: Vec<Arc<LiteralCounter>>,
    /// Told of each request.
    pub(crate) watchers: Vec<Arc<dyn Watcher>>,
    listener: TcpListener,
    metrics_listener: TcpListener,
    server_metrics: ServerMetrics,
    metrics: HttpMetrics,
    log: AccessLog,
    log_writer: LogWriter,
    faults: Option<Arc<Faults>>,
}

/// What a service hands over to be served.
pub(crate) struct Serving {
    /// Its routes, `/health` among them.
    pub(crate) routes: Router,
    /// How it names its handlers.
    pub(crate) view_of: ViewOf,
    /// What is done after the servers have stopped and before the logs end.
    pub(crate) cleanups: Vec<Cleanup>,
}

impl Frame {
    /// Takes the ports and opens the logs. `application_log` names the file of a third log, for people.
    pub(crate) async fn open(basics: &Basics, application_log: Option<PathBuf>) -> Result<Self, StartError> {
        check_instance(&basics.instance)?;
        let listener = net::bind(basics.listen).await?;
        let metrics_listener = net::bind(basics.metrics_listen).await?;
        let mut registry = Registry::default();
        net::process::ProcessMetrics::register(&mut registry);
        CpuUsage::register(&mut registry);
        let limit: Gauge = Gauge::default();
        limit.set(i64::try_from(basics.memory_limit_bytes).unwrap_or(i64::MAX));
        registry.register("service_memory_limit_bytes", "Memory that the service may take", limit);
        let server_metrics = ServerMetrics::register(&mut registry);
        let (log, log_writer) = start_log(basics, application_log, LogMetrics::register(&mut registry))?;
        let metrics = HttpMetrics::register(&mut registry);
        let faults = basics.faults.then(|| Faults::register(&mut registry, basics.memory_limit_bytes));
        let (literals, watchers) = (Vec::new(), Vec::new());
        Ok(Self {
            registry,
            literals,
            watchers,
            listener,
            metrics_listener,
            server_metrics,
            metrics,
            log,
            log_writer,
            faults,
        })
    }

    /// Starts to serve.
    pub(crate) fn serve(self, serving: Serving) -> Running {
        let Serving { routes, view_of, mut cleanups } = serving;
        let observer =
            Arc::new(Observer { metrics: self.metrics, log: self.log, view_of, watchers: self.watchers });
        let scraped = literal::route(Arc::new(self.registry), self.literals);
        let service = observed(routes, self.faults.clone(), observer).merge(scraped.clone());
        let serve = |listener, router: Router| {
            Server::start_counted(listener, router, ServerLimits::standard(), self.server_metrics.clone())
        };
        let (mut beside, mut paths) = (scraped, BTreeMap::new());
        if let Some(faults) = self.faults {
            let path = format!("/faults/{:032x}", fastrand::u128(..));
            beside = beside.nest(&path, faults::router(faults.clone()));
            paths.insert("faults", ("metrics", path));
            cleanups.push(Box::pin(async move { faults.clear() }));
        }
        // Last: the other cleanups may still end requests that have lines to write.
        cleanups.push(Box::pin(self.log_writer.stop()));
        let servers =
            [("http", serve(self.listener, service)), ("metrics", serve(self.metrics_listener, beside))];
        Running { servers: servers.into(), paths, cleanups }
    }
}

/// `routes` with refusals for what they do not take, faults inside, and the observing layer around all.
pub(crate) fn observed(routes: Router, faults: Option<Arc<Faults>>, observer: Arc<Observer>) -> Router {
    let mut routes = routes.fallback(unknown_path).method_not_allowed_fallback(unknown_method);
    if let Some(faults) = faults {
        routes = routes.layer(axum::middleware::from_fn_with_state(faults, faults::inject));
    }
    routes.layer(axum::middleware::from_fn_with_state(observer, observe))
}

/// The name begins file names, so it must not lead out of the folder.
fn check_instance(name: &str) -> Result<(), StartError> {
    let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if name.bytes().all(known) && name.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric()) {
        return Ok(());
    }
    Err(StartError::Instance(name.to_owned()))
}

fn start_log(
    basics: &Basics,
    application: Option<PathBuf>,
    metrics: LogMetrics,
) -> Result<(AccessLog, LogWriter), StartError> {
    let options = LogOptions {
        folder: basics.log_dir.clone(),
        instance: basics.instance.clone(),
        rotation: basics.log_rotation,
        application,
    };
    access_log::start(&options, metrics)
        .map_err(|source| StartError::Log { folder: basics.log_dir.clone(), source })
}
