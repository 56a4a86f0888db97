//! The order service: read an order, place an order, exact to the cent, in one transaction.
//!
//! `start` opens the ports first and the database second, so that a taken port is known at once and `/health` can tell
//! the truth (503 and the reason) while the database is still being tried.

mod database;
pub mod domain;
mod routes;
pub mod store;
mod validate;
mod wire;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use net::{ServerLimits, ServerMetrics};
use prometheus_client::registry::Registry;

pub use database::ConnectRetry;

use crate::common::access_log::{self, AccessLog, LogMetrics, LogOptions, LogWriter, Rotation};
use crate::common::observe::{HttpMetrics, Observer};
use crate::common::running::{Running, StartError};
use database::Database;
use store::PoolLimits;

/// Everything an order service is told at start.
#[derive(Debug, Clone)]
pub struct Options {
    /// Name of this instance, such as `orders-1`: in log lines and at the start of the log files' names.
    pub instance: String,
    /// Where orders are served, and `/health` and `/metrics`.
    pub listen: SocketAddr,
    /// Where `/metrics` is served as well.
    pub metrics_listen: SocketAddr,
    /// Which database; see [`store::connect`]. Instances with the same URL share their orders.
    pub database_url: String,
    /// How many connections, and how long to wait for one.
    pub pool: PoolLimits,
    /// How often the database is tried at start.
    pub connect_retry: ConnectRetry,
    /// Folder of the access and profiler logs.
    pub log_dir: PathBuf,
    /// When those rotate.
    pub log_rotation: Rotation,
}

/// Starts an instance; returns when it is ready to take orders.
///
/// # Errors
/// When a port is taken, the logs cannot be opened, or the database did not come in all tries; nothing runs on then.
pub async fn start(options: Options) -> Result<Running, StartError> {
    check_instance(&options.instance)?;
    let listener = net::bind(options.listen).await?;
    let metrics_listener = net::bind(options.metrics_listen).await?;
    let mut registry = Registry::default();
    net::process::ProcessMetrics::register(&mut registry);
    let server_metrics = ServerMetrics::register(&mut registry);
    let database = Arc::new(Database::starting());
    registry.register_collector(Box::new(database.clone()));
    let (log, log_writer) = start_log(&options, LogMetrics::register(&mut registry))?;
    let metrics = HttpMetrics::register(&mut registry);

    let observer = Arc::new(Observer { metrics, log, view_of: routes::view_of });
    let shared = Arc::new(routes::Shared { database: database.clone(), instance: options.instance.clone() });
    let scraped = net::metrics::route(Arc::new(registry));
    let service = routes::router(shared, observer).merge(scraped.clone());
    let serve = |listener, router: Router| {
        net::Server::start_counted(listener, router, ServerLimits::standard(), server_metrics.clone())
    };
    let running = Running {
        servers: BTreeMap::from([
            ("http", serve(listener, service)),
            ("metrics", serve(metrics_listener, scraped)),
        ]),
        cleanups: cleanups(database.clone(), log_writer),
    };
    match database.connect(&options.database_url, options.pool, options.connect_retry).await {
        Ok(()) => Ok(running),
        Err((tries, source)) => {
            running.stop().await;
            Err(StartError::Database { tries, source: Box::new(source) })
        }
    }
}

/// The name begins file names, so it must not lead out of the folder.
fn check_instance(name: &str) -> Result<(), StartError> {
    let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if name.bytes().all(known) && name.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric()) {
        return Ok(());
    }
    Err(StartError::Instance(name.to_owned()))
}

fn start_log(options: &Options, metrics: LogMetrics) -> Result<(AccessLog, LogWriter), StartError> {
    let log_options = LogOptions {
        folder: options.log_dir.clone(),
        instance: options.instance.clone(),
        rotation: options.log_rotation,
    };
    access_log::start(&log_options, metrics)
        .map_err(|source| StartError::Log { folder: options.log_dir.clone(), source })
}

/// The database closes before the log, which may still have lines of the last requests to write.
fn cleanups(database: Arc<Database>, log_writer: LogWriter) -> Vec<crate::common::running::Cleanup> {
    vec![Box::pin(async move { database.close().await }), Box::pin(log_writer.stop())]
}
