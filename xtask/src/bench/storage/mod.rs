//! What keeping samples costs, ours beside Prometheus and VictoriaMetrics: the targets of `bench promql`, scraped by all
//! at once; then each alone makes blocks of what it has, is killed, is stopped, and starts again.

mod table;

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::promql::servers::{self, Server};
use super::promql::{self, Folder, exporter};

/// How often memory is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Series are new and buffers small at first: neither CPU nor the slope of memory is measured before.
const WARM_UP: Duration = Duration::from_secs(90);
/// What is counted before and after a start: late enough that all have it, early enough that none goes on to change it. What a server
/// that keeps no log loses by a kill is later.
const COUNTED_BEFORE_S: f64 = 15.0;
/// How often a server is killed, started, stopped and started.
const RESTARTS: usize = 5;
/// How often each query of the set is asked before memory is looked at once more.
const QUERY_ROUNDS: usize = 3;

/// What `cargo xtask bench storage` takes, besides the targets of promql.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct StorageOptions {
    /// storage: how long is scraped; 36 gives the slope of memory over half an hour.
    #[arg(long, default_value_t = 6)]
    minutes: u64,
}

/// Memory at one moment.
#[derive(Debug, Clone, Copy)]
struct Memory {
    at_s: f64,
    anonymous_mb: f64,
    resident_mb: f64,
}

/// What one server cost.
#[derive(Debug, Default)]
struct Figures {
    name: &'static str,
    version: String,
    samples: f64,
    /// CPU seconds for a million samples, scraping included.
    ingest_cpu_s: f64,
    anonymous_mb: f64,
    resident_mb: f64,
    anonymous_after_queries_mb: f64,
    resident_after_queries_mb: f64,
    /// Megabytes an hour.
    anonymous_slope: f64,
    resident_slope: f64,
    /// All that is in blocks, index included.
    bytes_per_sample: f64,
    /// CPU seconds for a million samples on their way from memory or small parts into one block.
    block_cpu_s: f64,
    after_kill: Start,
    stop_s: f64,
    after_stop: Start,
}

/// How long after its beginning a server
#[derive(Debug, Default, Clone, Copy)]
struct Start {
    /// says that it is ready,
    ready_s: f64,
    /// has counted all series, and found as many as before.
    counted_s: f64,
}

/// How a server is started once more on what it has.
type Launch = fn(&Path, &Path, &Path) -> Result<Server>;

/// All series that had a sample lately at a moment before the end.
struct Count {
    at_s: f64,
    series: String,
}

/// Measures and writes the section.
pub(crate) fn run(options: &StorageOptions, given: Option<&Path>, targets: usize) -> Result<()> {
    let binary = super::binary_or_build(given)?;
    let folder = Folder::make()?;
    let ports = exporter::start(targets)?;
    let config = folder.0.join("scrape.yml");
    std::fs::write(&config, promql::scrape_config(&ports))?;
    let from_s = promql::now_s();
    let all = servers::start_all(&binary, &folder.0, &config)?;
    println!("── scraping {} targets for {} min", ports.len(), options.minutes);
    let mut figures = watch(&all, Duration::from_secs(options.minutes * 60))?;
    for (server, figures) in all.iter().zip(&mut figures) {
        println!("── {}: queries, blocks", server.name);
        after_queries(server, from_s, figures)?;
        into_blocks(server, &folder.0.join(server.name), figures)?;
    }
    let at_s = promql::now_s() - COUNTED_BEFORE_S;
    let counts: Vec<Count> =
        all.iter().map(|s| Ok(Count { at_s, series: count(s, at_s)? })).collect::<Result<_>>()?;
    let starts: Vec<(&'static str, Launch)> = all.iter().map(|s| (s.name, launch_of(s.name))).collect();
    // Killed, all of them, before the first is started again: each has the machine for itself.
    drop(all);
    for (((name, launch), count), figures) in starts.into_iter().zip(&counts).zip(&mut figures) {
        println!("── {name}: starts");
        restart(&|| launch(&binary, &folder.0, &config), count, figures)?;
    }
    let load = std::fs::read_to_string("/proc/loadavg")?;
    let body = table::table(options, &ports, &figures, load.split(' ').nth(2).unwrap_or_default());
    // Not a release build that anybody can make again: printed, not written.
    if given.is_some() {
        println!("{body}");
        return Ok(());
    }
    super::page::write("storage", &body)
}

fn launch_of(name: &str) -> Launch {
    match name {
        "prometheus" => |_, folder, config| servers::prometheus(folder, config),
        "victoria-metrics" => |_, folder, config| servers::victoria_metrics(folder, config),
        _ => servers::ours,
    }
}

/// CPU and memory while nothing but scraping goes on.
fn watch(all: &[Server], time: Duration) -> Result<Vec<Figures>> {
    ensure!(time > WARM_UP * 2, "--minutes must be at least {}", WARM_UP.as_secs() * 2 / 60 + 1);
    let begun = Instant::now();
    std::thread::sleep(WARM_UP);
    let state = |server: &Server| Ok((server.usage()?.cpu_s, server.samples()?));
    let before: Vec<(f64, f64)> = all.iter().map(state).collect::<Result<_>>()?;
    let mut seen: Vec<Vec<Memory>> = vec![Vec::new(); all.len()];
    while begun.elapsed() < time {
        std::thread::sleep(LOOK_EVERY.min(time.saturating_sub(begun.elapsed())));
        for (server, seen) in all.iter().zip(&mut seen) {
            let usage = server.usage()?;
            let at_s = begun.elapsed().as_secs_f64();
            seen.push(Memory { at_s, anonymous_mb: usage.anonymous_mb, resident_mb: usage.resident_mb });
        }
    }
    let mut figures = Vec::new();
    for ((server, before), seen) in all.iter().zip(before).zip(&seen) {
        let (cpu_s, samples) = state(server)?;
        let last = seen.last().context("memory was looked at")?;
        let slope = |of: fn(&Memory) -> f64| slope_per_hour(seen, of);
        figures.push(Figures {
            name: server.name,
            version: server.version.clone(),
            samples,
            ingest_cpu_s: (cpu_s - before.0) / (samples - before.1) * 1e6,
            anonymous_mb: last.anonymous_mb,
            resident_mb: last.resident_mb,
            anonymous_slope: slope(|m| m.anonymous_mb),
            resident_slope: slope(|m| m.resident_mb),
            ..Figures::default()
        });
        let shown = figures.last().context("just pushed")?;
        println!(
            "   {:<18} {:.3} CPU-s a million, {:.0} MB",
            shown.name, shown.ingest_cpu_s, shown.anonymous_mb
        );
    }
    Ok(figures)
}

/// The slope of the line that fits best, by least squares.
fn slope_per_hour(seen: &[Memory], of: fn(&Memory) -> f64) -> f64 {
    let count = seen.len() as f64;
    let mean_at = seen.iter().map(|m| m.at_s).sum::<f64>() / count;
    let mean = seen.iter().map(of).sum::<f64>() / count;
    let (mut above, mut below) = (0.0, 0.0);
    for memory in seen {
        above += (memory.at_s - mean_at) * (of(memory) - mean);
        below += (memory.at_s - mean_at).powi(2);
    }
    if below > 0.0 { above / below * 3600.0 } else { 0.0 }
}

fn after_queries(server: &Server, from_s: f64, figures: &mut Figures) -> Result<()> {
    for _ in 0..QUERY_ROUNDS {
        promql::ask_all(server, from_s)?;
    }
    let usage = server.usage()?;
    figures.anonymous_after_queries_mb = usage.anonymous_mb;
    figures.resident_after_queries_mb = usage.resident_mb;
    Ok(())
}

/// Lets the server write all it has into blocks, by the door that it has for that, and measures them.
fn into_blocks(server: &Server, data: &Path, figures: &mut Figures) -> Result<()> {
    let steady = (server.usage()?.cpu_s, Instant::now());
    std::thread::sleep(LOOK_EVERY);
    let idle = (server.usage()?.cpu_s - steady.0) / steady.1.elapsed().as_secs_f64();
    let (begun, cpu_s, samples) = (Instant::now(), server.usage()?.cpu_s, server.samples()?);
    let blocks = if server.name == "victoria-metrics" {
        ensure!(server.get("/internal/force_flush")?.0 == 200, "force_flush");
        ensure!(server.get("/internal/force_merge")?.0 == 200, "force_merge");
        while server.sum("vm_active_merges")? > 0.0 {
            std::thread::sleep(Duration::from_millis(100));
        }
        data.to_owned()
    } else {
        let (status, body) = server.post("/api/v1/admin/tsdb/snapshot", "")?;
        ensure!(status == 200, "snapshot: {status} {body:.300}");
        let answer: Value = serde_json::from_str(&body)?;
        data.join("snapshots").join(answer["data"]["name"].as_str().context("a name")?)
    };
    let used_s = server.usage()?.cpu_s - cpu_s - begun.elapsed().as_secs_f64() * idle;
    figures.block_cpu_s = used_s.max(0.0) / samples * 1e6;
    figures.bytes_per_sample = bytes_of(&blocks)? as f64 / samples;
    println!("   {:.2} bytes a sample, {:.3} CPU-s a million", figures.bytes_per_sample, figures.block_cpu_s);
    Ok(())
}

/// What the files of a folder take on the disk.
fn bytes_of(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let about = entry.metadata()?;
        // Blocks of 512 bytes, whatever the file system's are.
        bytes += if about.is_dir() { bytes_of(&entry.path())? } else { about.blocks() * 512 };
    }
    Ok(bytes)
}

/// After it was killed, and after it was asked to stop: how long until it answers. In the middle of several rounds, since what the disk
/// and a scrape that comes between take of some milliseconds is a matter of luck.
fn restart(launch: &dyn Fn() -> Result<Server>, count: &Count, figures: &mut Figures) -> Result<()> {
    let (mut after_kill, mut stops, mut after_stop) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RESTARTS {
        let (server, took) = started(launch, count)?;
        after_kill.push(took);
        let begun = Instant::now();
        server.stop()?;
        stops.push(begun.elapsed().as_secs_f64());
        let (server, took) = started(launch, count)?;
        after_stop.push(took);
        drop(server);
    }
    figures.after_kill = middle_start(&after_kill);
    figures.stop_s = middle(stops);
    figures.after_stop = middle_start(&after_stop);
    println!(
        "   killed: {:.2?}; stop: {:.3} s; stopped: {:.2?}",
        figures.after_kill, figures.stop_s, figures.after_stop
    );
    Ok(())
}

/// Servers mean different things by being ready: some then have all series in memory, some look for each when it is asked for. So a
/// query for all of them tells when a start is over.
fn started(launch: &dyn Fn() -> Result<Server>, expected: &Count) -> Result<(Server, Start)> {
    let begun = Instant::now();
    let server = launch()?;
    let ready_s = begun.elapsed().as_secs_f64();
    let series = count(&server, expected.at_s)?;
    let took = Start { ready_s, counted_s: begun.elapsed().as_secs_f64() };
    ensure!(
        series == expected.series,
        "{}: {series} series, before it were {}",
        server.name,
        expected.series
    );
    Ok((server, took))
}

fn middle_start(all: &[Start]) -> Start {
    let of = |part: fn(&Start) -> f64| middle(all.iter().map(part).collect());
    Start { ready_s: of(|start| start.ready_s), counted_s: of(|start| start.counted_s) }
}

/// The one in the middle, of an odd number.
fn middle(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}

/// How many series had a sample in the five minutes before.
fn count(server: &Server, at_s: f64) -> Result<String> {
    let form = format!("query=count({{__name__=~%22.%2B%22}})&time={at_s}{}", server.extra);
    let (status, body) = server.post("/api/v1/query", &form)?;
    ensure!(status == 200, "{}: {status} {body:.300}", server.name);
    let answer: Value = serde_json::from_str(&body)?;
    let value = answer["data"]["result"][0]["value"][1].as_str();
    Ok(value.with_context(|| format!("a value in {body:.300}"))?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_that_of_each_part() {
        let all =
            [(3.0, 9.0), (1.0, 8.0), (2.0, 7.0)].map(|(ready_s, counted_s)| Start { ready_s, counted_s });
        let middle = middle_start(&all);
        assert_eq!((middle.ready_s, middle.counted_s), (2.0, 8.0));
    }

    #[test]
    fn a_slope_is_that_of_the_line() {
        let memory = |at_s: f64, mb: f64| Memory { at_s, anonymous_mb: mb, resident_mb: 5.0 };
        let seen = [memory(0.0, 10.0), memory(60.0, 12.0), memory(120.0, 14.0), memory(180.0, 16.0)];
        assert!((slope_per_hour(&seen, |m| m.anonymous_mb) - 120.0).abs() < 1e-9);
        assert!(slope_per_hour(&seen, |m| m.resident_mb).abs() < 1e-9);
    }
}
