//! `watchfire rules backfill`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use model::{DurationMs, TimestampMs};
use rules::backfill::Filled;
use rules::past::Span;

use super::counted;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Rule files; alerting rules among them are left out.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How far back from the newest sample.
    #[arg(long, default_value = "30d", value_name = "DURATION")]
    last: DurationMs,
    /// Between two samples; within the 5 minutes for which queries see one.
    #[arg(long, default_value = "2m", value_name = "DURATION")]
    step: DurationMs,
    /// The data directory of a monitor that is not running.
    #[arg(long, env = "WATCHFIRE_DATA_DIR", default_value = "watchfire-data", value_name = "DIR")]
    data_dir: PathBuf,
}

pub(super) async fn run(arguments: Arguments) -> Result<()> {
    if arguments.step <= DurationMs::ZERO || arguments.last <= DurationMs::ZERO {
        bail!("--last and --step must be above zero");
    }
    let filled = tokio::task::spawn_blocking(move || fill(&arguments)).await??;
    println!(
        "{}: {} samples put in, {} were there already",
        counted(filled.rules, "recording rule"),
        filled.store.samples,
        filled.store.known
    );
    if filled.store.refused > 0 {
        println!(
            "{} samples left out: older than what is kept, or between samples that are not in blocks yet",
            filled.store.refused
        );
    }
    for (rule, error) in &filled.failed {
        println!("{rule}: error: {error}");
    }
    match filled.failed.len() {
        0 => Ok(()),
        failed => bail!("{} cannot be evaluated", counted(failed, "rule")),
    }
}

fn fill(arguments: &Arguments) -> Result<Filled> {
    let groups = rules::files::read(arguments.files.iter().cloned())?;
    let stored = super::open_past(&arguments.data_dir, "stop the monitor first")?;
    let (oldest, newest) = stored.span().context("the store is empty")?;
    let from = TimestampMs(newest.0.saturating_sub(arguments.last.0)).max(oldest);
    let span = Span { from, to: newest, interval: arguments.step };
    stored.fill(&groups, span).map_err(anyhow::Error::msg)
}
