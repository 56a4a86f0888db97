//! The agent as a role: start, serve, stop.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use exposition::Format;
use net::{BindError, Server, ServerLimits, ServerMetrics};
use prometheus_client::registry::Registry;

use crate::collectors::Collectors;
use crate::databases::{self, DatabaseUrl, Engine};
use crate::files::Roots;
use crate::own;

/// Connections at once: one or two who scrape, and a few people who look.
pub(crate) const CONNECTIONS_MAX: usize = 64;

/// What an agent needs to know.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where `/metrics` is served.
    pub listen: SocketAddr,
    /// Where the host's files are.
    pub roots: Roots,
    /// A file that names processes to be watched: an object of names, each with a `pid`, as the lab's `endpoints.json`.
    pub processes: Option<PathBuf>,
    /// Database servers, each served on a port of its own.
    pub databases: Vec<DatabaseOptions>,
    /// What else runs in this process and shows itself on the agent's port.
    pub beside: Vec<Beside>,
}

/// Another part of the process, of which the agent knows no more than this.
#[derive(Clone)]
pub struct Beside {
    /// Its metrics, as families in the text format that the agent does not have itself.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Its pages; none at `/metrics` or `/health`.
    pub routes: Router,
}

impl fmt::Debug for Beside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Beside")
    }
}

/// A database server to ask.
#[derive(Debug, Clone)]
pub struct DatabaseOptions(databases::Options);

impl DatabaseOptions {
    /// Asks the server at `url` when `/metrics` is read at `listen`; `collect` names what is asked for, without names the
    /// standard ones.
    ///
    /// # Errors
    /// A sentence, when there is no collector of that name.
    pub fn new(
        engine: Engine,
        url: DatabaseUrl,
        listen: SocketAddr,
        collect: &[String],
    ) -> Result<Self, String> {
        databases::Options::new(engine, url, listen, collect).map(Self)
    }
}

/// An agent that serves. Dropping it without [`Running::stop`] cuts everything at once.
#[derive(Debug)]
pub struct Running {
    /// By name.
    servers: Vec<(&'static str, Server)>,
}

struct Agent {
    /// Collectors keep state and share a buffer: scrapes that come at once take turns.
    collectors: Mutex<Collectors>,
    registry: Registry,
    beside: Vec<Beside>,
}

/// Starts to serve. Nothing is read before the first scrape.
///
/// # Errors
/// When the port cannot be had.
pub async fn start(options: Options) -> Result<Running, BindError> {
    let listener = net::bind(options.listen).await?;
    let mut registry = Registry::default();
    let server_metrics = ServerMetrics::register(&mut registry);
    let collectors = Mutex::new(Collectors::new(options.roots, options.processes));
    let agent = Arc::new(Agent { collectors, registry, beside: options.beside.clone() });
    let own = Router::new()
        .route("/metrics", get(metrics))
        .route("/health", get(|| std::future::ready("ok\n")))
        .with_state(agent);
    let router = options.beside.into_iter().fold(own, |all, part| all.merge(part.routes));
    let limits = ServerLimits { connections_max: CONNECTIONS_MAX, ..ServerLimits::standard() };
    let mut servers = vec![("http", Server::start_counted(listener, router, limits, server_metrics))];
    for DatabaseOptions(options) in options.databases {
        servers.push((options.engine.name(), databases::serve(options).await?));
    }
    Ok(Running { servers })
}

impl Running {
    /// Where it serves, by name.
    pub fn urls(&self) -> BTreeMap<String, String> {
        self.servers.iter().map(|(name, server)| ((*name).to_owned(), server.url())).collect()
    }

    /// Lets a scrape under way finish within the server's limit.
    pub async fn stop(self) {
        for (_, server) in self.servers {
            server.stop().await;
        }
    }
}

/// Reading files blocks, if only for a millisecond, so that it has a thread of its own.
async fn metrics(State(agent): State<Arc<Agent>>) -> Response {
    let collected = tokio::task::spawn_blocking(move || {
        let mut collectors = agent.collectors.lock().unwrap_or_else(PoisonError::into_inner);
        let mut body = collectors.collect();
        own::append_registry(&mut body, &agent.registry);
        agent.beside.iter().for_each(|part| body.push_str(&(part.metrics)()));
        body
    });
    match collected.await {
        Ok(body) => ([(header::CONTENT_TYPE, Format::Text.content_type())], body).into_response(),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "a collector failed; see the log").into_response(),
    }
}
