//! `watchfire load`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use load::{Options, Snapshot, Stage, StartError};
use model::DurationMs;

use crate::role::{Mode, announce, name_flag, until_told_to_stop};

/// Longest that a user waits for an answer; what takes longer is a time-out.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Base URL of the system under load.
    #[arg(
        short = 'H',
        long,
        env = "WATCHFIRE_HOST",
        default_value = "http://127.0.0.1:5000",
        value_name = "URL"
    )]
    host: String,
    /// Which load: normal is 10 users, 2 more a second, 80 % reads, thinking 1 to 3 s.
    #[arg(long, default_value = "normal", value_name = "STAGE")]
    stage: StageName,
    /// Users, instead of the stage's.
    #[arg(short = 'u', long, value_name = "N")]
    users: Option<u32>,
    /// New users a second until all are there, instead of the stage's.
    #[arg(short = 'r', long, value_name = "N", allow_negative_numbers = true)]
    spawn_rate: Option<f64>,
    /// For how long, like 5m; without it until stopped.
    #[arg(short = 't', long, value_name = "DURATION")]
    run_time: Option<DurationMs>,
    /// A YAML file with groups of users for other targets, which send beside the stage.
    #[arg(long, env = "WATCHFIRE_TRAFFIC", value_name = "FILE")]
    traffic: Option<PathBuf>,
    /// Where metrics and live figures answer.
    #[arg(long, env = "WATCHFIRE_LISTEN", default_value = "127.0.0.1:8089", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Same seed, same wishes.
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum StageName {
    Normal,
}

pub(crate) async fn run(arguments: Arguments, mode: Mode) -> Result<()> {
    let listen = arguments.listen;
    let running = load::start(options(arguments)?).await.map_err(|error| match error {
        StartError::Bind(error) => name_flag(error, &[("--listen", listen)], mode),
        other => other.into(),
    })?;
    announce("load", &running.urls(), mode);
    tokio::select! {
        told = until_told_to_stop(mode) => told?,
        () = running.finished() => {}
    }
    let snapshot = running.snapshot();
    running.stop().await;
    if !mode.supervised {
        summary(&snapshot);
    }
    Ok(())
}

fn options(arguments: Arguments) -> Result<Options> {
    let mut stage = match arguments.stage {
        StageName::Normal => Stage::normal(),
    };
    stage.users = arguments.users.unwrap_or(stage.users);
    stage.ramp_per_second = arguments.spawn_rate.unwrap_or(stage.ramp_per_second);
    stage.duration = arguments.run_time.map(DurationMs::to_std).or(stage.duration);
    Ok(Options {
        target: arguments.host,
        listen: arguments.listen,
        stages: vec![stage],
        seed: arguments.seed,
        request_timeout: REQUEST_TIMEOUT,
        traffic: arguments.traffic.map(|file| config::read(&file)).transpose()?,
    })
}

#[expect(clippy::print_stdout, reason = "the summary that a person at the terminal waits for")]
fn summary(snapshot: &Snapshot) {
    println!(
        "{:<8} {:>8} {:>8} {:>9} {:>9} {:>9} {:>9}",
        "request", "total", "failed", "p50 ms", "p90 ms", "p99 ms", "max ms"
    );
    for (kind, figures) in &snapshot.requests {
        let failed = figures.total - figures.ok;
        match &figures.latency_ms {
            Some(l) => println!(
                "{kind:<8} {:>8} {failed:>8} {:>9.2} {:>9.2} {:>9.2} {:>9.2}",
                figures.total, l.p50, l.p90, l.p99, l.max
            ),
            None => println!("{kind:<8} {:>8} {failed:>8}", figures.total),
        }
    }
    for (what, count) in snapshot.failures.iter().filter(|(_, count)| **count > 0) {
        println!("failures by {what}: {count}");
    }
    if snapshot.late_starts_total > 0 {
        println!("the generator was too busy for {} requests and sent them late", snapshot.late_starts_total);
    }
}
