//! The gateway as a role: start, serve, stop.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use net::process::ProcessMetrics;
use net::{BindError, Server, ServerLimits, ServerMetrics};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};

use crate::balance::Upstream;
use crate::config::{ConfigProblem, GatewayConfig};
use crate::forward::{Gateway, handle};
use crate::health::Checks;
use crate::metrics::Metrics;
use crate::route::Routes;

/// What a gateway needs to know.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where clients come in; `/health` and `/metrics` are there too.
    pub listen: SocketAddr,
    /// Where requests go.
    pub config: GatewayConfig,
}

/// Why a gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The configuration reads but makes no sense.
    #[error(transparent)]
    Config(#[from] ConfigProblem),
}

/// A gateway that serves. Dropping it without [`Running::stop`] cuts everything at once.
#[derive(Debug)]
pub struct Running {
    server: Server,
    checks: Checks,
}

/// Starts to serve once every backend has been asked for its health one time.
///
/// # Errors
/// When the configuration makes no sense or the port is taken. Backends that are down are no error.
pub async fn start(options: Options) -> Result<Running, StartError> {
    options.config.check()?;
    let listener = net::bind(options.listen).await?;
    let mut registry = Registry::default();
    ProcessMetrics::register(&mut registry);
    let server_metrics = ServerMetrics::register(&mut registry);
    let metrics = Metrics::new(&mut registry);

    let limits = ServerLimits::standard();
    let gateway = Arc::new(Gateway::new(&options.config, metrics, limits.body_max_bytes));
    let checks = Checks::start(&gateway.upstreams).await;
    let router = Router::new()
        .route("/health", get(health))
        .fallback(handle)
        .with_state(gateway)
        .merge(net::metrics::route(Arc::new(registry)));
    let server = Server::start_counted(listener, router, limits, server_metrics);
    Ok(Running { server, checks })
}

impl Running {
    /// Where it serves, by name.
    pub fn urls(&self) -> BTreeMap<String, String> {
        [("http".to_owned(), self.server.url())].into()
    }

    /// Lets requests under way finish within the server's limit, then stops asking backends.
    pub async fn stop(self) {
        self.server.stop().await;
        self.checks.stop().await;
    }
}

impl Gateway {
    fn new(config: &GatewayConfig, metrics: Metrics, body_max_bytes: usize) -> Self {
        let upstreams: BTreeMap<&str, Arc<Upstream>> = config
            .upstreams
            .iter()
            .map(|(name, upstream)| {
                let of_backend = |backend: &str| metrics.backend(name, backend);
                (name.as_str(), Arc::new(Upstream::new(name, upstream, of_backend)))
            })
            .collect();
        let route = |route: &crate::RouteConfig| {
            (
                route.prefix.clone(),
                upstreams.get(route.upstream.as_str()).expect("the configuration was checked").clone(),
            )
        };
        Self {
            routes: Routes::new(config.routes.iter().map(route)),
            upstreams: upstreams.values().cloned().collect(),
            metrics,
            body_max_bytes,
        }
    }
}

/// 200 while every upstream has a backend that is up, else 503; the body says which.
async fn health(State(gateway): State<Arc<Gateway>>) -> Response {
    let all_up = gateway.upstreams.iter().all(|upstream| upstream.up_count() > 0);
    let upstreams: BTreeMap<&str, Value> =
        gateway.upstreams.iter().map(|upstream| (upstream.name.as_str(), describe(upstream))).collect();
    let (status, word) =
        if all_up { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "down") };
    (status, Json(json!({ "status": word, "upstreams": upstreams }))).into_response()
}

fn describe(upstream: &Upstream) -> Value {
    let backends: Vec<Value> = upstream
        .backends
        .iter()
        .map(|backend| {
            json!({
                "name": backend.name,
                "address": backend.authority.as_str(),
                "up": backend.is_up(),
                "in_flight": backend.in_flight(),
                "error": backend.last_error(),
            })
        })
        .collect();
    json!({ "up": upstream.up_count(), "backends": backends })
}
