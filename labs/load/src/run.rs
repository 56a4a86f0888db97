//! The load generator as a role: start, serve its figures, stop.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use net::process::ProcessMetrics;
use net::{BindError, Server, ServerLimits, ServerMetrics};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::closed::run_stage;
use crate::known::KnownOrders;
use crate::metrics::{Metrics, RecentLatency};
use crate::orders::{OrderUser, Shop};
use crate::probe::discover;
use crate::recorder::Recorder;
use crate::snapshot::Snapshot;
use crate::stage::{Stage, StageError};
use crate::target::{Target, TargetError};
use crate::traffic::{Traffic, TrafficConfig, TrafficError, TrafficMetrics};

/// What a generator needs to know.
#[derive(Debug, Clone)]
pub struct Options {
    /// Base URL of the system under load, like `http://127.0.0.1:5000`.
    pub target: String,
    /// Where metrics and figures are served.
    pub listen: SocketAddr,
    /// One after another; the last may have no end.
    pub stages: Vec<Stage>,
    /// Same seed, same wishes.
    pub seed: u64,
    /// Longest that a user waits for an answer, connecting included.
    pub request_timeout: Duration,
    /// Users of other targets beside the stages, from the start until it is stopped.
    pub traffic: Option<TrafficConfig>,
}

/// Why a generator did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port for the figures.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The target's URL.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A stage that makes no sense.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// Traffic that makes no sense.
    #[error(transparent)]
    Traffic(#[from] TrafficError),
    /// Nothing to do.
    #[error("no stages to run")]
    NoStages,
}

/// A generator under way. Dropping it without [`Running::stop`] cuts everything at once.
#[derive(Debug)]
pub struct Running {
    server: Server,
    view: Arc<View>,
    tasks: JoinSet<()>,
    stop: CancellationToken,
    over: CancellationToken,
}

/// What the web handlers and the summary look at.
#[derive(Debug)]
struct View {
    recorder: Arc<Recorder>,
    traffic: TrafficMetrics,
    target: String,
    stage: Mutex<Option<String>>,
}

/// Starts the first stage at once and serves `/metrics`, `/health` and `/api/stats`.
///
/// # Errors
/// When an option makes no sense or the port is taken. A target that doesn't answer is no error: it shows in the figures.
pub async fn start(options: Options) -> Result<Running, StartError> {
    if options.stages.is_empty() {
        return Err(StartError::NoStages);
    }
    options.stages.iter().try_for_each(Stage::check)?;
    let target = Arc::new(Target::parse(&options.target)?);
    let listener = net::bind(options.listen).await?;

    let mut registry = Registry::default();
    ProcessMetrics::register(&mut registry);
    let server_metrics = ServerMetrics::register(&mut registry);
    let metrics = Metrics::new(&mut registry);
    let traffic_metrics = TrafficMetrics::register(&mut registry);
    let traffic = options.traffic.map(|traffic| Traffic::new(&traffic, &traffic_metrics)).transpose()?;
    let recorder = Arc::new(Recorder::new(metrics.clone()));
    registry.register_collector(Box::new(RecentLatency(recorder.clone())));

    let request_timeout = options.request_timeout;
    let shop = Arc::new(Shop { target, known: KnownOrders::default(), request_timeout, metrics });
    let view = Arc::new(View {
        recorder,
        traffic: traffic_metrics,
        target: options.target.clone(),
        stage: Mutex::new(None),
    });
    let server = Server::start_counted(
        listener,
        router(view.clone(), registry),
        ServerLimits::standard(),
        server_metrics,
    );

    let (stop, over) = (CancellationToken::new(), CancellationToken::new());
    // Dropping the set aborts both; dropping the stages' future drops its users with it.
    let mut tasks = JoinSet::new();
    let work = StageWork { shop: shop.clone(), view: view.clone(), seed: options.seed, stop: stop.clone() };
    tasks.spawn(run_stages(options.stages, work, over.clone().drop_guard()));
    if let Some(traffic) = traffic {
        tasks.spawn(traffic.run(options.seed, request_timeout, stop.clone()));
    }
    let until_stop = stop.clone();
    tasks.spawn(async move {
        // Whether orders were found or it was told to stop makes no difference here.
        let _ = until_stop.run_until_cancelled(discover(&shop, options.seed)).await;
    });
    Ok(Running { server, view, tasks, stop, over })
}

struct StageWork {
    shop: Arc<Shop>,
    view: Arc<View>,
    seed: u64,
    stop: CancellationToken,
}

async fn run_stages(stages: Vec<Stage>, work: StageWork, _over_when_done: DropGuard) {
    let StageWork { shop, view, seed, stop } = work;
    for stage in stages {
        if stop.is_cancelled() {
            break;
        }
        tracing::info!(stage = stage.name, users = stage.users, "stage starts");
        view.set_stage(Some(stage.name.clone()));
        run_stage(&stage, seed, &view.recorder, &stop, |seed| OrderUser::new(shop.clone(), seed)).await;
    }
    view.set_stage(None);
}

impl Running {
    /// Where it serves, by name.
    pub fn urls(&self) -> BTreeMap<String, String> {
        [("http".to_owned(), self.server.url())].into()
    }

    /// The figures so far.
    pub fn snapshot(&self) -> Snapshot {
        self.view.snapshot()
    }

    /// Returns when the last stage is over; never, when that has no end and nobody stops it.
    pub async fn finished(&self) {
        self.over.cancelled().await;
    }

    /// Lets requests under way finish (2 s at most), closes all connections, and stops serving.
    pub async fn stop(self) {
        let _ = self.snapshot_after_stop().await;
    }

    /// Stops as [`Running::stop`] does, and gives the figures that then stand still.
    pub async fn snapshot_after_stop(mut self) -> Snapshot {
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "part of the load generator ended badly");
            }
        }
        self.server.stop().await;
        self.view.snapshot()
    }
}

impl View {
    fn snapshot(&self) -> Snapshot {
        let traffic = self.traffic.snapshot();
        Snapshot { traffic, ..Snapshot::take(&self.recorder, &self.target, self.stage()) }
    }

    fn stage(&self) -> Option<String> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_stage(&self, stage: Option<String>) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }
}

fn router(view: Arc<View>, registry: Registry) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/api/stats", get(async |State(view): State<Arc<View>>| Json(view.snapshot())))
        .with_state(view)
        .merge(net::metrics::route(Arc::new(registry)))
}

/// The generator is healthy as long as it answers; how the target does is in the figures.
async fn health(State(view): State<Arc<View>>) -> Json<Value> {
    Json(json!({ "status": "ok", "target": view.target, "stage": view.stage() }))
}
