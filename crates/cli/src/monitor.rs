//! `watchfire monitor`.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;
use app::{ConfigPaths, Monitor, Options, StartError, SyncPolicy};
use config::ByteSize;
use model::DurationMs;
use tokio::signal::unix::{SignalKind, signal};

use crate::pair_flags::PairFlags;
use crate::query_flags::QueryFlags;
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
    /// A loki.yml: limits, retention and port of the logs; without it Loki's defaults hold, with 10 MB/s instead of 4.
    #[arg(long, env = "WATCHFIRE_LOKI_CONFIG", value_name = "FILE")]
    loki_config: Option<PathBuf>,
    /// Where samples and logs are kept.
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
    /// Where Loki's API answers: pushes, queries [default: 127.0.0.1:3100, or the port of the loki.yml]
    #[arg(long, env = "WATCHFIRE_LOKI_LISTEN", value_name = "ADDRESS")]
    loki_listen: Option<SocketAddr>,
    /// Our own address as others reach it, for links in alerts.
    #[arg(long, alias = "web.external-url", env = "WATCHFIRE_EXTERNAL_URL", value_name = "URL")]
    external_url: Option<String>,
    /// How long samples are kept; 0 for no limit.
    #[arg(
        long,
        alias = "storage.tsdb.retention.time",
        env = "WATCHFIRE_RETENTION",
        default_value = "30d",
        value_name = "DURATION"
    )]
    retention: DurationMs,
    /// How many bytes of samples are kept, log included, before the oldest leave early; 0 for no limit. Units KB, MB, GB, TB
    /// are powers of 1024.
    #[arg(
        long,
        alias = "storage.tsdb.retention.size",
        env = "WATCHFIRE_RETENTION_SIZE",
        default_value = "10GB",
        value_name = "SIZE"
    )]
    retention_size: ByteSize,
    /// How long logs are kept, where the loki.yml does not say; 0 for no limit.
    #[arg(long, env = "WATCHFIRE_LOG_RETENTION", default_value = "168h", value_name = "DURATION")]
    log_retention: DurationMs,
    /// How many bytes of logs are kept, packed and without their write-ahead log, before the oldest leave early; 0 for no limit.
    #[arg(long, env = "WATCHFIRE_LOG_RETENTION_SIZE", default_value = "10GB", value_name = "SIZE")]
    log_retention_size: ByteSize,
    /// When commits are made to survive power loss: none, interval(MS), every-commit. `kill -9` never loses any.
    #[arg(long, env = "WATCHFIRE_SYNC", default_value = "interval(1000)", value_name = "POLICY")]
    sync: SyncPolicy,
    /// Span of a block that is cut from memory, for tests of what happens around a cut (1s to 2h).
    #[arg(
        long,
        hide = true,
        alias = "storage.tsdb.min-block-duration",
        env = "WATCHFIRE_BLOCK_SPAN",
        default_value = "2h",
        value_parser = between("1s", "2h"),
        value_name = "DURATION"
    )]
    block_span: DurationMs,
    /// Between two rounds of housekeeping of the store, for the same tests (10ms to 1h).
    #[arg(
        long,
        hide = true,
        env = "WATCHFIRE_HOUSEKEEPING_EVERY",
        default_value = "30s",
        value_parser = between("10ms", "1h"),
        value_name = "DURATION"
    )]
    housekeeping_every: DurationMs,
    /// Refuse to start on damaged data instead of setting it aside.
    #[arg(long, env = "WATCHFIRE_STRICT_RECOVERY")]
    strict_recovery: bool,
    /// Allow POST /-/reload.
    #[arg(long, alias = "web.enable-lifecycle", env = "WATCHFIRE_ENABLE_LIFECYCLE")]
    enable_lifecycle: bool,
    /// Allow POST /api/v1/admin/tsdb/{delete_series,clean_tombstones,snapshot}: who reaches the port can then delete samples.
    #[arg(long, alias = "web.enable-admin-api", env = "WATCHFIRE_ENABLE_ADMIN_API")]
    enable_admin_api: bool,
    /// How far back the series that an objective records get their past when it is new; 0 for none.
    #[arg(long, env = "WATCHFIRE_RULES_BACKFILL", default_value = "30d", value_name = "DURATION")]
    rules_backfill: DurationMs,
    /// Allow dashboards to be changed in the browser although the user interface is open to other machines. Bound to loopback
    /// it always is.
    #[arg(long, env = "WATCHFIRE_ALLOW_DASHBOARD_EDITS")]
    allow_dashboard_edits: bool,
    /// Where an inbox lists the messages that receivers would have got, as that of the lab: shown on the page /inbox.
    #[arg(long, hide = true, env = "WATCHFIRE_INBOX_URL", value_name = "URL")]
    inbox_url: Option<String>,
    #[command(flatten)]
    pair: PairFlags,
    #[command(flatten)]
    queries: QueryFlags,
    /// Only check the files and say what is wrong.
    #[arg(long)]
    check: bool,
}

/// Reads a duration between two others.
fn between(
    least: &'static str,
    most: &'static str,
) -> impl Fn(&str) -> Result<DurationMs, String> + Clone + Send + Sync {
    move |text| {
        let parse = |text: &str| text.parse::<DurationMs>().map_err(|error| error.to_string());
        let given = parse(text)?;
        let is_fine = (parse(least)?.0..=parse(most)?.0).contains(&given.0);
        if is_fine { Ok(given) } else { Err(format!("must be from {least} to {most}")) }
    }
}

pub(crate) async fn run(arguments: Arguments, mode: Mode) -> Result<()> {
    if arguments.check {
        arguments.pair.resolve(arguments.alertmanager_listen)?;
        return check(&arguments);
    }
    let ports = [
        ("--ui-listen", arguments.ui_listen),
        ("--prometheus-listen", arguments.prometheus_listen),
        ("--alertmanager-listen", arguments.alertmanager_listen),
        // Whatever port could not be had and is none of the above.
        ("--loki-listen", arguments.loki_listen.unwrap_or(([127, 0, 0, 1], 3100).into())),
    ];
    let mut reload = signal(SignalKind::hangup())?;
    let monitor = Monitor::start(options(arguments)?).await.map_err(|error| match error {
        StartError::Bind(error) => name_flag(error, &ports, mode),
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
    // All that matters is on the disk. Threads that end, each giving its memory back, would take as long as all of the stop.
    std::process::exit(0)
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
    ConfigPaths {
        prometheus: arguments.config.clone(),
        alertmanager: arguments.alertmanager_config.clone(),
        loki: arguments.loki_config.clone(),
    }
}

fn options(arguments: Arguments) -> Result<Options> {
    let peers = arguments.pair.resolve(arguments.alertmanager_listen)?;
    let flags = [
        ("config", arguments.config.display().to_string()),
        ("data-dir", arguments.data_dir.display().to_string()),
        ("ui-listen", arguments.ui_listen.to_string()),
        ("prometheus-listen", arguments.prometheus_listen.to_string()),
        ("alertmanager-listen", arguments.alertmanager_listen.to_string()),
        ("retention", arguments.retention.to_string()),
        ("retention-size", arguments.retention_size.to_string()),
        ("log-retention", arguments.log_retention.to_string()),
        ("log-retention-size", arguments.log_retention_size.to_string()),
        ("sync", arguments.sync.to_string()),
        ("block-span", arguments.block_span.to_string()),
        ("housekeeping-every", arguments.housekeeping_every.to_string()),
        ("strict-recovery", arguments.strict_recovery.to_string()),
        ("enable-lifecycle", arguments.enable_lifecycle.to_string()),
        ("enable-admin-api", arguments.enable_admin_api.to_string()),
        ("rules-backfill", arguments.rules_backfill.to_string()),
        ("allow-dashboard-edits", arguments.allow_dashboard_edits.to_string()),
        ("peer", arguments.pair.shown()),
    ];
    let shown = arguments.queries.shown();
    Ok(Options {
        config: paths(&arguments),
        data_dir: arguments.data_dir,
        dashboards: arguments.dashboards,
        ui_listen: arguments.ui_listen,
        prometheus_listen: arguments.prometheus_listen,
        alertmanager_listen: arguments.alertmanager_listen,
        loki_listen: arguments.loki_listen,
        external_url: arguments.external_url,
        inbox_url: arguments.inbox_url,
        peers,
        retention: arguments.retention,
        retention_size: arguments.retention_size,
        log_retention: arguments.log_retention,
        log_retention_size: arguments.log_retention_size,
        sync: arguments.sync,
        block_span: arguments.block_span,
        housekeeping_every: arguments.housekeeping_every,
        strict_recovery: arguments.strict_recovery,
        lifecycle: arguments.enable_lifecycle,
        admin_api: arguments.enable_admin_api,
        rules_backfill: arguments.rules_backfill,
        dashboard_edits: arguments.allow_dashboard_edits,
        flags: flags.map(|(name, value)| (name.to_owned(), value)).into_iter().chain(shown).collect(),
        queries: arguments.queries.options(),
    })
}
