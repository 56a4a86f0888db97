//! `watchfire monitor`.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;
use app::{ConfigPaths, Monitor, Options, StartError, SyncPolicy};
use model::DurationMs;
use tokio::signal::unix::{SignalKind, signal};

use crate::role::{Mode, announce, name_flag, until_told_to_stop};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A prometheus.yml: what to scrape, which rules to evaluate.
    #[arg(
        long,
        alias = "config.file",
        env = "WATCHFIRE_CONFIG",
        default_value = "prometheus.yml",
        value_name = "FILE"
    )]
    config: PathBuf,
    /// An alertmanager.yml: whom to tell; without it alerts are shown but nobody is told.
    #[arg(long, env = "WATCHFIRE_ALERTMANAGER_CONFIG", value_name = "FILE")]
    alertmanager_config: Option<PathBuf>,
    /// Where samples are kept.
    #[arg(long, env = "WATCHFIRE_DATA_DIR", default_value = "watchfire-data", value_name = "DIR")]
    data_dir: PathBuf,
    /// A folder of Grafana dashboards, besides the built-in ones.
    #[arg(long, env = "WATCHFIRE_DASHBOARDS", value_name = "DIR")]
    dashboards: Option<PathBuf>,
    /// Where the user interface answers.
    #[arg(long, env = "WATCHFIRE_UI_LISTEN", default_value = "127.0.0.1:3000", value_name = "ADDRESS")]
    ui_listen: SocketAddr,
    /// Where Prometheus' API answers.
    #[arg(
        long,
        alias = "web.listen-address",
        env = "WATCHFIRE_PROMETHEUS_LISTEN",
        default_value = "127.0.0.1:9090",
        value_name = "ADDRESS"
    )]
    prometheus_listen: SocketAddr,
    /// Where Alertmanager's API answers.
    #[arg(
        long,
        env = "WATCHFIRE_ALERTMANAGER_LISTEN",
        default_value = "127.0.0.1:9093",
        value_name = "ADDRESS"
    )]
    alertmanager_listen: SocketAddr,
    /// Our own address as others reach it, for links in alerts.
    #[arg(long, alias = "web.external-url", env = "WATCHFIRE_EXTERNAL_URL", value_name = "URL")]
    external_url: Option<String>,
    /// How long samples are kept.
    #[arg(
        long,
        alias = "storage.tsdb.retention.time",
        env = "WATCHFIRE_RETENTION",
        default_value = "30d",
        value_name = "DURATION"
    )]
    retention: DurationMs,
    /// When commits are made to survive power loss: none, interval(MS), every-commit. `kill -9` never loses any.
    #[arg(long, env = "WATCHFIRE_SYNC", default_value = "interval(1000)", value_name = "POLICY")]
    sync: SyncPolicy,
    /// Refuse to start on damaged data instead of setting it aside.
    #[arg(long, env = "WATCHFIRE_STRICT_RECOVERY")]
    strict_recovery: bool,
    /// Allow POST /-/reload.
    #[arg(long, alias = "web.enable-lifecycle", env = "WATCHFIRE_ENABLE_LIFECYCLE")]
    enable_lifecycle: bool,
    /// Only check the files and say what is wrong.
    #[arg(long)]
    check: bool,
}

pub(crate) async fn run(arguments: Arguments, mode: Mode) -> Result<()> {
    if arguments.check {
        return check(&arguments);
    }
    let ports = [
        ("--ui-listen", arguments.ui_listen),
        ("--prometheus-listen", arguments.prometheus_listen),
        ("--alertmanager-listen", arguments.alertmanager_listen),
    ];
    let mut reload = signal(SignalKind::hangup())?;
    let monitor = Monitor::start(options(arguments)).await.map_err(|error| match error {
        StartError::Bind(error) => name_flag(error, &ports),
        other => other.into(),
    })?;
    announce("monitor", &monitor.urls(), mode);
    let stop = until_told_to_stop(mode);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            told = &mut stop => {
                told?;
                break;
            }
            // What is wrong has been logged; the old configuration stays.
            _ = reload.recv() => drop(monitor.reload().await),
        }
    }
    monitor.stop().await;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the answer to --check")]
fn check(arguments: &Arguments) -> Result<()> {
    for left_out in app::check(&paths(arguments))? {
        println!("{left_out}");
    }
    println!("{} is valid", arguments.config.display());
    Ok(())
}

fn paths(arguments: &Arguments) -> ConfigPaths {
    ConfigPaths { prometheus: arguments.config.clone(), alertmanager: arguments.alertmanager_config.clone() }
}

fn options(arguments: Arguments) -> Options {
    let flags = [
        ("config", arguments.config.display().to_string()),
        ("data-dir", arguments.data_dir.display().to_string()),
        ("ui-listen", arguments.ui_listen.to_string()),
        ("prometheus-listen", arguments.prometheus_listen.to_string()),
        ("alertmanager-listen", arguments.alertmanager_listen.to_string()),
        ("retention", arguments.retention.to_string()),
        ("sync", arguments.sync.to_string()),
        ("strict-recovery", arguments.strict_recovery.to_string()),
        ("enable-lifecycle", arguments.enable_lifecycle.to_string()),
    ];
    Options {
        config: paths(&arguments),
        data_dir: arguments.data_dir,
        dashboards: arguments.dashboards,
        ui_listen: arguments.ui_listen,
        prometheus_listen: arguments.prometheus_listen,
        alertmanager_listen: arguments.alertmanager_listen,
        external_url: arguments.external_url,
        retention: arguments.retention,
        sync: arguments.sync,
        strict_recovery: arguments.strict_recovery,
        lifecycle: arguments.enable_lifecycle,
        flags: flags.map(|(name, value)| (name.to_owned(), value)).into(),
    }
}
