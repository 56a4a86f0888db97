//! `watchfire tsdb`: a folder of data without a monitor.

#![expect(clippy::print_stdout, reason = "the answers to a person at the terminal")]

use std::io::{BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, bail};
use app::tools::{self, What};
use columns::TimeRange;
use model::TimestampMs;

/// Columns of a block in `analyze`.
const BLOCK_HEAD: &str = "   block  level  from                      until                        series    chunks       samples     bytes  bytes/sample";

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The monitor's folder of data. The monitor must be stopped: its lock is respected.
    #[arg(
        long,
        global = true,
        env = "WATCHFIRE_DATA_DIR",
        default_value = "watchfire-data",
        value_name = "DIR"
    )]
    data_dir: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Say what the store consists of: blocks, sizes, and the metrics and labels that make most of it.
    Analyze {
        /// Entries of each list.
        #[arg(long, default_value_t = 10, value_name = "N")]
        limit: usize,
    },
    /// Read every byte of blocks and log, and say what is damaged, with file and place. Changes nothing. Ends with an error
    /// when there is damage.
    Verify,
    /// Write samples to standard output as OpenMetrics with times. Stale markers are left out.
    Dump {
        /// Only series that a selector finds, like '{job="api"}'; may be given more than once.
        #[arg(long = "match", value_name = "SELECTOR")]
        selectors: Vec<String>,
        /// Only samples from this moment on: RFC 3339, or seconds since 1970.
        #[arg(long, value_name = "TIME", value_parser = moment, allow_negative_numbers = true)]
        from: Option<TimestampMs>,
        /// Only samples up to this moment.
        #[arg(long, value_name = "TIME", value_parser = moment, allow_negative_numbers = true)]
        to: Option<TimestampMs>,
    },
    /// Put samples into blocks, however old they are: those of a file in OpenMetrics (ending in # EOF) or Prometheus' text with times,
    /// or those of a Prometheus, from its folder of data, a snapshot, or one block. What is there already stays as it is, so an import may
    /// be repeated. Exemplars and native histograms are left out. Mind the monitor's --retention: it removes what is older when it runs.
    Import {
        /// The file, or the folder.
        #[arg(value_name = "FILE|FOLDER")]
        from: PathBuf,
    },
}

pub(crate) fn run(arguments: Arguments) -> Result<()> {
    let data_dir = arguments.data_dir.as_path();
    match arguments.command {
        Command::Analyze { limit } => analyze(data_dir, limit),
        Command::Verify => verify(data_dir),
        Command::Dump { selectors, from, to } => {
            let all = TimeRange::ALL;
            let range = TimeRange { from: from.unwrap_or(all.from), to: to.unwrap_or(all.to) };
            dump(data_dir, &selectors, range)
        }
        Command::Import { from } => import(data_dir, &from),
    }
}

/// A moment as people write it.
fn moment(text: &str) -> Result<TimestampMs, String> {
    if let Some(seconds) = text.parse::<f64>().ok().filter(|seconds| seconds.is_finite()) {
        return Ok(TimestampMs((seconds * 1000.0).round() as i64));
    }
    let parsed = text.parse::<jiff::Timestamp>();
    parsed
        .map(|moment| TimestampMs(moment.as_millisecond()))
        .map_err(|_| format!("{text:?} is neither RFC 3339 (2026-01-02T15:04:05Z) nor seconds since 1970"))
}

fn shown(moment: TimestampMs) -> String {
    jiff::Timestamp::from_millisecond(moment.0)
        .map_or_else(|_| format!("{} ms", moment.0), |at| at.to_string())
}

fn analyze(data_dir: &Path, limit: usize) -> Result<()> {
    let found = tools::analyze(data_dir, limit)?;
    println!("{BLOCK_HEAD}");
    let (mut samples, mut bytes) = (0, 0);
    for block in &found.blocks {
        println!(
            "{:>8} {:>6}  {:<24}  {:<24} {:>10} {:>9} {:>13} {:>9} {:>13.2}",
            block.number,
            block.level,
            shown(block.from),
            shown(block.end),
            block.series,
            block.chunks,
            block.samples,
            block.bytes,
            block.bytes as f64 / block.samples.max(1) as f64,
        );
        samples += block.samples;
        bytes += block.bytes;
    }
    println!(
        "blocks: {}, {samples} samples in {bytes} bytes, {:.2} bytes a sample, index included",
        found.blocks.len(),
        bytes as f64 / samples.max(1) as f64
    );
    let head = &found.head;
    println!(
        "head: {} series, {} chunks; log: {} bytes, {} samples read from it",
        head.series, head.chunks, head.wal_bytes, found.log_samples
    );
    if let (Some(first), Some(last)) = (head.min_time, head.max_time) {
        println!("head: from {} until {}", shown(first), shown(last));
    }
    println!("series: {}", found.series);
    for (title, list) in [
        ("series by metric", &found.series_by_metric),
        ("values by label", &found.values_by_label),
        ("series by label and value", &found.series_by_pair),
    ] {
        println!("\n{title}:");
        list.iter().for_each(|(name, count)| println!("{count:>10}  {name}"));
    }
    Ok(())
}

fn verify(data_dir: &Path) -> Result<()> {
    let mut bar = Bar::new("verify", "bytes");
    let found = tools::verify(data_dir, &mut |done, all| bar.show(done, all))?;
    drop(bar);
    println!(
        "blocks: {}, {} series, {} samples, {} bytes",
        found.blocks, found.series, found.samples, found.block_bytes
    );
    println!("log: {} records, {} bytes", found.records, found.record_bytes);
    if found.torn_bytes > 0 {
        println!(
            "log: {} bytes of an unfinished record at its end; the next start cuts them",
            found.torn_bytes
        );
    }
    for damage in &found.damage {
        println!("damaged: {} at byte {}: {}", damage.file.display(), damage.offset_bytes, damage.reason);
    }
    match found.damage.len() {
        0 => println!("no damage"),
        count => bail!("{count} damaged {}", if count == 1 { "place" } else { "places" }),
    }
    Ok(())
}

fn dump(data_dir: &Path, selectors: &[String], range: TimeRange) -> Result<()> {
    let mut parsed = Vec::new();
    for text in selectors {
        parsed.push(app::tools::selector(text).map_err(|cause| anyhow::anyhow!("--match {text}: {cause}"))?);
    }
    if range.to < range.from {
        bail!("--to {} is before --from {}", shown(range.to), shown(range.from));
    }
    let mut bar = Bar::new("dump", "series");
    let mut out = BufWriter::new(std::io::stdout().lock());
    let what = What { selectors: parsed, range };
    let report = tools::dump(data_dir, &what, &mut out, &mut |done, all| bar.show(done, all))?;
    drop(bar);
    note(&format!("dumped {} samples of {} series", report.samples, report.series));
    Ok(())
}

fn import(data_dir: &Path, from: &Path) -> Result<()> {
    let begun = Instant::now();
    let mut bar = Bar::new("import", "bytes, read twice");
    let done = tools::import(data_dir, from, &mut |done, all| bar.show(done, all))?;
    drop(bar);
    if done.blocks > 0 {
        println!("{} blocks of a Prometheus", done.blocks);
    }
    let store = done.store;
    println!(
        "{} samples: {} are new, {} were there already, {} are out of bounds; {} blocks written in {:.1} s",
        done.samples,
        store.samples,
        store.known,
        store.out_of_bounds,
        store.blocks,
        begun.elapsed().as_secs_f64()
    );
    if done.exemplars > 0 {
        println!("{} exemplars were left out", done.exemplars);
    }
    if done.histogram_chunks > 0 {
        println!("{} chunks of native histograms were left out", done.histogram_chunks);
    }
    if done.has_log {
        println!(
            "its log was not read: the last hours, which lie in no block yet, come with a snapshot \
             (POST /api/v1/admin/tsdb/snapshot)"
        );
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "standard output is the dump")]
fn note(text: &str) {
    eprintln!("{text}");
}

/// How far the work has come, on standard error while that is a terminal.
struct Bar {
    title: &'static str,
    unit: &'static str,
    percent: Option<u64>,
}

impl Bar {
    const WIDTH: usize = 30;

    fn new(title: &'static str, unit: &'static str) -> Self {
        Self { title, unit, percent: None }
    }

    fn show(&mut self, done: u64, all: u64) {
        let percent = (done.saturating_mul(100)).checked_div(all).unwrap_or(100).min(100);
        if self.percent == Some(percent) || !std::io::stderr().is_terminal() {
            return;
        }
        self.percent = Some(percent);
        let full = Self::WIDTH * percent as usize / 100;
        let bar = format!("{}{}", "#".repeat(full), ".".repeat(Self::WIDTH - full));
        // A terminal that takes nothing must not end the work.
        let _ = write!(std::io::stderr(), "\r{} [{bar}] {percent:>3} % of {all} {}", self.title, self.unit);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if self.percent.is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_as_people_write_them() {
        for (text, ms) in [
            ("1700000000", Ok(1_700_000_000_000)),
            ("1700000000.123", Ok(1_700_000_000_123)),
            ("-1.5", Ok(-1500)),
            ("2023-11-14T22:13:20Z", Ok(1_700_000_000_000)),
            ("2023-11-14T23:13:20+01:00", Ok(1_700_000_000_000)),
            ("yesterday", Err(())),
            ("NaN", Err(())),
        ] {
            assert_eq!(moment(text).map(|at| at.0).map_err(drop), ms, "{text}");
        }
        assert_eq!(shown(TimestampMs(1_700_000_000_123)), "2023-11-14T22:13:20.123Z");
    }
}
