//! `watchfire rules backtest`.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use app::RemotePast;
use jiff::tz::TimeZone;
use model::{DurationMs, TimestampMs, format_float};
use rules::backtest::{AlertReport, Report};
use rules::past::{Past, Span};
use tokio::runtime::Handle;

/// How many of an alert's latest firings are listed.
const LISTED_MAX: usize = 10;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Rule files; recording rules among them are put into the alerts that use them.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How far to look back.
    #[arg(long, default_value = "30d", value_name = "DURATION")]
    last: DurationMs,
    /// How often rules of groups without an interval of their own would have been evaluated.
    #[arg(long, default_value = "15s", value_name = "DURATION")]
    interval: DurationMs,
    /// The data directory of a monitor that is not running.
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    data_dir: Option<PathBuf>,
    /// A running monitor, or any server that speaks Prometheus' API.
    #[arg(long, default_value = "http://127.0.0.1:9090", value_name = "URL")]
    url: String,
}

pub(super) async fn run(arguments: Arguments) -> Result<()> {
    if arguments.interval <= DurationMs::ZERO || arguments.last <= DurationMs::ZERO {
        bail!("--last and --interval must be above zero");
    }
    let runtime = Handle::current();
    // Asking blocks, for as long as it takes.
    let (span, report) = tokio::task::spawn_blocking(move || look_back(&arguments, runtime)).await??;
    print(&span, &report);
    match report.alerts.iter().filter(|alert| alert.error.is_some()).count() {
        0 => Ok(()),
        failed => bail!("{failed} rules cannot be evaluated"),
    }
}

fn look_back(arguments: &Arguments, runtime: Handle) -> Result<(Span, Report)> {
    let groups = rules::files::read(arguments.files.iter().cloned())?;
    let (past, end): (Box<dyn Past>, TimestampMs) = match &arguments.data_dir {
        Some(dir) => {
            let stored = super::open_past(dir, "give --url")?;
            let (_, newest) = stored.span().context("the store is empty")?;
            (Box::new(stored), newest)
        }
        None => (Box::new(RemotePast::new(&arguments.url, runtime)?), now()?),
    };
    let span = Span { from: TimestampMs(end.0 - arguments.last.0), to: end, interval: arguments.interval };
    let report = rules::backtest::run(&groups, &*past, span).map_err(anyhow::Error::msg)?;
    Ok((span, report))
}

fn now() -> Result<TimestampMs> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock shows a time before 1970")?;
    Ok(TimestampMs(i64::try_from(since.as_millis())?))
}

fn print(span: &Span, report: &Report) {
    let covered = rounded(report.covered);
    println!("{} to {} UTC, samples for {covered} of it", moment(span.from), moment(span.to));
    if report.covered == DurationMs::ZERO {
        println!("Without samples nothing can fire: this says nothing about the rules.");
        return;
    }
    let width = report.alerts.iter().map(|alert| alert.name.len()).max().unwrap_or(0).max(5);
    println!("\n{:width$}  fired  a week  in all   longest  gave up", "alert");
    for alert in &report.alerts {
        row(alert, report, width);
    }
    println!("\n{} alerts fired, {:.1} a week", report.fired(), report.a_week(report.fired()));
    for alert in &report.alerts {
        details(alert);
    }
}

fn row(alert: &AlertReport, report: &Report, width: usize) {
    let lengths = alert.fired.iter().map(rules::backtest::Episode::length);
    let longest = lengths.clone().max().unwrap_or_default();
    let in_all = DurationMs(lengths.map(|length| length.0).sum());
    println!(
        "{:width$}  {:>5}  {:>6.1}  {:<7}  {:<7}  {}",
        alert.name,
        alert.fired.len(),
        report.a_week(alert.fired.len()),
        rounded(in_all),
        rounded(longest),
        alert.gave_up,
    );
}

fn details(alert: &AlertReport) {
    if let Some(error) = &alert.error {
        println!("\n{}: error: {error}", alert.name);
    }
    for name in &alert.as_recorded {
        println!(
            "\n{}: {name} is taken as it was recorded, not computed anew: it is used with conditions",
            alert.name
        );
    }
    if alert.fired.is_empty() {
        return;
    }
    println!("\n{}", alert.name);
    for episode in alert.fired.iter().rev().take(LISTED_MAX).rev() {
        let length = rounded(episode.length());
        let open = if episode.still_fires { ", still fires" } else { "" };
        println!(
            "  {}  {length:<7}  {} at {}{open}",
            moment(episode.from),
            episode.labels.without(|name| name == "alertname"),
            format_float(episode.value)
        );
    }
    if alert.fired.len() > LISTED_MAX {
        println!("  the last {LISTED_MAX} of {}", alert.fired.len());
    }
}

/// To the second; the two largest units.
fn rounded(length: DurationMs) -> String {
    let seconds = length.0 / 1000;
    let units = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let (mut rest, mut shown) = (seconds, Vec::new());
    for (size, name) in units {
        if rest >= size && shown.len() < 2 {
            shown.push(format!("{}{name}", rest / size));
        }
        rest %= size;
    }
    if shown.is_empty() { "0s".to_owned() } else { shown.concat() }
}

fn moment(at: TimestampMs) -> String {
    let moment = jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    moment.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_for_people() {
        for (ms, expected) in [
            (0, "0s"),
            (999, "0s"),
            (61_000, "1m1s"),
            (3_600_000, "1h"),
            (90_061_000, "1d1h"),
            (86_405_000, "1d5s"),
        ] {
            assert_eq!(rounded(DurationMs(ms)), expected);
        }
    }
}
