//! `watchfire service …`: the services to be observed.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;
use services::StartError;
use services::common::access_log::Rotation;
use services::orders::store::PoolLimits;
use services::orders::{self, ConnectRetry};

use crate::role::{Mode, announce, name_flag, until_told_to_stop};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Service {
    /// Orders: GET /api/order/{id}, POST /api/order, over an SQL database.
    Orders(Orders),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Orders {
    /// The instance's name, for its log files.
    #[arg(long, env = "WATCHFIRE_NAME", default_value = "orders", value_name = "NAME")]
    name: String,
    /// Where orders are served, with /health and /metrics.
    #[arg(long, env = "WATCHFIRE_LISTEN", default_value = "127.0.0.1:5000", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Where /metrics is served as well.
    #[arg(long, env = "WATCHFIRE_METRICS_LISTEN", default_value = "127.0.0.1:8000", value_name = "ADDRESS")]
    metrics_listen: SocketAddr,
    /// The database; instances with the same one share their orders.
    #[arg(long, env = "WATCHFIRE_DATABASE", default_value = "sqlite://orders.db", value_name = "URL")]
    database: String,
    /// The folder of the access and profiler logs.
    #[arg(long, env = "WATCHFIRE_LOG_DIR", default_value = "log", value_name = "DIR")]
    log_dir: PathBuf,
}

pub(crate) async fn run(service: Service, mode: Mode) -> Result<()> {
    let Service::Orders(arguments) = service;
    let ports = [("--listen", arguments.listen), ("--metrics-listen", arguments.metrics_listen)];
    let name = arguments.name.clone();
    let options = orders::Options {
        instance: arguments.name,
        listen: arguments.listen,
        metrics_listen: arguments.metrics_listen,
        database_url: arguments.database,
        pool: PoolLimits::standard(),
        connect_retry: ConnectRetry::standard(),
        log_dir: arguments.log_dir,
        log_rotation: Rotation::standard(),
    };
    let running = orders::start(options).await.map_err(|error| match error {
        StartError::Bind(error) => name_flag(error, &ports),
        other => other.into(),
    })?;
    announce(&name, &running.urls(), mode);
    until_told_to_stop(mode).await?;
    running.stop().await;
    Ok(())
}
