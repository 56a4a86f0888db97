//! `watchfire service …`: the services to be observed.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;
use model::DurationMs;
use services::common::access_log::Rotation;
use services::common::chance::Latency;
use services::orders::store::PoolLimits;
use services::orders::{self, ConnectRetry, PaymentOptions};
use services::payments::Bank;
use services::{Basics, Running, StartError, generic, merchant, payments, web};

use crate::role::{Mode, announce, name_flag, until_told_to_stop};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Service {
    /// Orders: GET /api/order/{id}, POST /api/order, over an SQL database.
    Orders(Orders),
    /// Sample web pages: /, /api/data, /api/random, /api/error, with the metrics of a Flask application.
    Web(Web),
    /// Payment processor: POST /api/payments, over a simulated bank.
    Payments(Payments),
    /// Merchant API: GET /api/merchants/{id}, its transactions, POST its payouts.
    Merchant(Merchant),
    /// A service by configuration: endpoints with latency and error share.
    Generic(Generic),
}

/// What every service takes.
#[derive(Debug, clap::Args)]
struct Common {
    /// The instance's name, for its log files; the service's own without it.
    #[arg(long, env = "WATCHFIRE_NAME", value_name = "NAME")]
    name: Option<String>,
    /// Where requests are served, with /health and /metrics.
    #[arg(long, env = "WATCHFIRE_LISTEN", default_value = "127.0.0.1:5000", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Where /metrics is served as well.
    #[arg(long, env = "WATCHFIRE_METRICS_LISTEN", default_value = "127.0.0.1:8000", value_name = "ADDRESS")]
    metrics_listen: SocketAddr,
    /// The folder of the access and profiler logs.
    #[arg(long, env = "WATCHFIRE_LOG_DIR", default_value = "log", value_name = "DIR")]
    log_dir: PathBuf,
    /// Let faults be switched on while it runs, at a URL with a random key that it says when it is ready.
    #[arg(long, env = "WATCHFIRE_FAULTS")]
    faults: bool,
    /// Memory that it may take, for alerts and for the memory fault; nothing enforces it.
    #[arg(
        long,
        env = "WATCHFIRE_MEMORY_LIMIT",
        default_value = "256MB",
        value_name = "SIZE",
        value_parser = size
    )]
    memory_limit: u64,
    /// Same seed, same chance.
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Orders {
    #[command(flatten)]
    common: Common,
    /// The database; instances with the same one share their orders. sqlite:FILE, mysql://USER:PASSWORD@HOST/DATABASE or
    /// postgres://…; a password is better in a file, or the whole URL in the environment, where others do not see it.
    #[arg(
        long,
        env = "WATCHFIRE_DATABASE",
        default_value = "sqlite://orders.db",
        value_name = "URL",
        hide_env_values = true
    )]
    database: String,
    /// The file that holds the database user's password, and nothing else.
    #[arg(long, env = "WATCHFIRE_DATABASE_PASSWORD_FILE", value_name = "FILE")]
    database_password_file: Option<PathBuf>,
    /// Most connections to the database.
    #[arg(
        long,
        env = "WATCHFIRE_DATABASE_CONNECTIONS",
        default_value_t = PoolLimits::standard().connections_max,
        value_parser = clap::value_parser!(u32).range(1..=1000),
        value_name = "N"
    )]
    database_connections: u32,
    /// How long a request waits for a connection; then it is answered 503.
    #[arg(long, default_value = "5s", value_name = "DURATION")]
    database_wait: DurationMs,
    /// How long a statement may take; then its connection is closed and the request answered 503.
    #[arg(long, default_value = "10s", value_name = "DURATION")]
    database_timeout: DurationMs,
    /// How often the database is tried at start.
    #[arg(long, default_value_t = ConnectRetry::standard().tries, value_name = "N")]
    database_tries: u32,
    /// The wait between two tries.
    #[arg(long, default_value = "2s", value_name = "DURATION")]
    database_retry_after: DurationMs,
    /// Base URL of the payment processor that each new order is paid at; without it orders stay pending.
    #[arg(long, env = "WATCHFIRE_PAYMENTS", value_name = "URL")]
    payments: Option<String>,
    /// How long the payment processor's answer is waited for.
    #[arg(long, default_value = "1s", value_name = "DURATION")]
    payments_timeout: DurationMs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Web {
    #[command(flatten)]
    common: Common,
    /// The log for people, with a line a request; taken from the log folder.
    #[arg(long, env = "WATCHFIRE_APP_LOG", default_value = "app.log", value_name = "FILE")]
    app_log: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Payments {
    #[command(flatten)]
    common: Common,
    /// Share of payments that the bank declines.
    #[arg(long, default_value_t = Bank::standard().failed_share, value_name = "SHARE")]
    failed: f64,
    /// Share of payments that the bank does not answer.
    #[arg(long, default_value_t = Bank::standard().timeout_share, value_name = "SHARE")]
    timeouts: f64,
    /// Half of the bank's answers take less.
    #[arg(long, default_value = "20ms", value_name = "DURATION")]
    median: DurationMs,
    /// One of the bank's answers in a hundred takes longer.
    #[arg(long, default_value = "180ms", value_name = "DURATION")]
    p99: DurationMs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Merchant {
    #[command(flatten)]
    common: Common,
    /// Share of calls that fail.
    #[arg(long, default_value_t = 0.001, value_name = "SHARE")]
    errors: f64,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Generic {
    #[command(flatten)]
    common: Common,
    /// A YAML file with its endpoints.
    #[arg(long, env = "WATCHFIRE_SERVICE_CONFIG", default_value = "service.yml", value_name = "FILE")]
    config: PathBuf,
}

pub(crate) async fn run(service: Service, mode: Mode) -> Result<()> {
    let (name, common) = match &service {
        Service::Orders(service) => ("orders", &service.common),
        Service::Web(service) => ("web", &service.common),
        Service::Payments(service) => ("payments", &service.common),
        Service::Merchant(service) => ("merchant", &service.common),
        Service::Generic(service) => ("generic", &service.common),
    };
    let ports = [("--listen", common.listen), ("--metrics-listen", common.metrics_listen)];
    let basics = common.basics(name);
    let name = basics.instance.clone();
    let running = start(service, basics).await?.map_err(|error| match error {
        StartError::Bind(error) => name_flag(error, &ports, mode),
        other => other.into(),
    })?;
    announce(&name, &running.urls(), mode);
    until_told_to_stop(mode).await?;
    running.stop().await;
    Ok(())
}

/// The outer result is about files, the inner about the service.
async fn start(service: Service, basics: Basics) -> Result<Result<Running, StartError>> {
    Ok(match service {
        Service::Orders(it) => orders::start(it.options(basics)).await,
        Service::Web(it) => {
            let (application_log, seed) = (it.app_log, it.common.seed);
            web::start(web::Options { basics, application_log, seed }).await
        }
        Service::Payments(it) => {
            let latency = Latency { median: it.median.to_std(), p99: it.p99.to_std() };
            let (failed_share, timeout_share) = (it.failed, it.timeouts);
            let bank = Bank { latency, failed_share, timeout_share, ..Bank::standard() };
            payments::start(payments::Options { basics, bank, seed: it.common.seed }).await
        }
        Service::Merchant(it) => {
            let options = merchant::Options { basics, error_share: it.errors, seed: it.common.seed };
            merchant::start(options).await
        }
        Service::Generic(it) => {
            let config = config::read(&it.config)?;
            generic::start(generic::Options { basics, config, seed: it.common.seed }).await
        }
    })
}

impl Common {
    fn basics(&self, service: &str) -> Basics {
        Basics {
            instance: self.name.clone().unwrap_or_else(|| service.to_owned()),
            listen: self.listen,
            metrics_listen: self.metrics_listen,
            log_dir: self.log_dir.clone(),
            log_rotation: Rotation::standard(),
            faults: self.faults,
            memory_limit_bytes: self.memory_limit,
        }
    }
}

impl Orders {
    fn options(self, basics: Basics) -> orders::Options {
        let timeout = self.payments_timeout.to_std();
        orders::Options {
            basics,
            database_url: self.database,
            database_password_file: self.database_password_file,
            pool: PoolLimits {
                connections_max: self.database_connections,
                acquire_timeout: self.database_wait.to_std(),
                statement_timeout: self.database_timeout.to_std(),
            },
            connect_retry: ConnectRetry {
                tries: self.database_tries,
                wait: self.database_retry_after.to_std(),
            },
            payments: self.payments.map(|url| PaymentOptions { url, timeout }),
        }
    }
}

fn size(text: &str) -> Result<u64, String> {
    let size = config::ByteSize::parse(text).ok_or("write it like 256MB or 1.5GB")?;
    Ok(size.0)
}
