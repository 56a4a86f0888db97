//! A server's metrics on a port of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use exposition::Format;
use net::{BindError, Server, ServerLimits, ServerMetrics};
use prometheus_client::registry::Registry;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use super::exporter::{Exporter, SCRAPE_MAX};
use super::part::Part;
use super::{DatabaseUrl, Engine};
use crate::own;
use crate::run::CONNECTIONS_MAX;

/// What Prometheus says of how long it waits, in seconds.
const TIMEOUT_HEADER: &str = "x-prometheus-scrape-timeout-seconds";

/// Kept back from that for the way home.
const MARGIN: Duration = Duration::from_millis(500);

/// The shortest that we give a server, whatever was asked for.
const SCRAPE_MIN: Duration = Duration::from_millis(100);

/// What a port needs to know.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub engine: Engine,
    url: DatabaseUrl,
    listen: SocketAddr,
    /// What is asked for when whoever scrapes does not say.
    parts: Vec<&'static Part>,
}

impl Options {
    /// See [`crate::DatabaseOptions::new`].
    pub(crate) fn new(
        engine: Engine,
        url: DatabaseUrl,
        listen: SocketAddr,
        collect: &[String],
    ) -> Result<Self, String> {
        Ok(Self { engine, url, listen, parts: chosen(engine, collect)? })
    }
}

struct Shared {
    engine: Engine,
    parts: Vec<&'static Part>,
    /// One connection is kept: scrapes that come at once take turns.
    exporter: Mutex<Exporter>,
    registry: Registry,
}

/// Starts to serve. The server is asked at the first scrape.
pub(crate) async fn serve(options: Options) -> Result<Server, BindError> {
    let listener = net::bind(options.listen).await?;
    let mut registry = Registry::default();
    let server_metrics = ServerMetrics::register(&mut registry);
    let exporter = Mutex::new(Exporter::new(options.engine, options.url));
    let shared = Arc::new(Shared { engine: options.engine, parts: options.parts, exporter, registry });
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/health", get(|| std::future::ready("ok\n")))
        .with_state(shared);
    let limits = ServerLimits { connections_max: CONNECTIONS_MAX, ..ServerLimits::standard() };
    Ok(Server::start_counted(listener, router, limits, server_metrics))
}

async fn metrics(
    State(shared): State<Arc<Shared>>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Response {
    let deadline = Instant::now() + limit(&headers);
    let named: Vec<&str> =
        query.iter().filter(|(key, _)| key == "collect[]").map(|(_, name)| name.as_str()).collect();
    let parts = match chosen(shared.engine, &named) {
        Ok(_) if named.is_empty() => shared.parts.clone(),
        Ok(parts) => parts,
        Err(unknown) => return (StatusCode::BAD_REQUEST, format!("{unknown}\n")).into_response(),
    };
    let Ok(mut exporter) = timeout_at(deadline, shared.exporter.lock()).await else {
        return (StatusCode::SERVICE_UNAVAILABLE, "another scrape is under way\n").into_response();
    };
    let mut body = exporter.scrape(&parts, deadline).await;
    drop(exporter);
    own::append_registry(&mut body, &shared.registry);
    ([(header::CONTENT_TYPE, Format::Text.content_type())], body).into_response()
}

/// How long a scrape may take.
fn limit(headers: &HeaderMap) -> Duration {
    let said = headers.get(TIMEOUT_HEADER).and_then(|value| value.to_str().ok()?.parse::<f64>().ok());
    let waits = said.and_then(|s| Duration::try_from_secs_f64(s).ok());
    waits.map_or(SCRAPE_MAX, |waits| waits.saturating_sub(MARGIN).clamp(SCRAPE_MIN, SCRAPE_MAX))
}

/// The parts of these names, in our order; without names the standard ones.
///
/// # Errors
/// A sentence that names what there is not, and what there is.
fn chosen<S: AsRef<str>>(engine: Engine, names: &[S]) -> Result<Vec<&'static Part>, String> {
    let parts = engine.parts();
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    if let Some(unknown) = names.iter().find(|name| parts.iter().all(|part| part.name != **name)) {
        let known: Vec<&str> = parts.iter().map(|part| part.name).collect();
        let engine = engine.name();
        return Err(format!("there is no {engine} collector {unknown:?}; there are {}", known.join(", ")));
    }
    let is_chosen =
        |part: &&Part| if names.is_empty() { part.is_standard } else { names.contains(&part.name) };
    Ok(parts.iter().filter(is_chosen).collect())
}
