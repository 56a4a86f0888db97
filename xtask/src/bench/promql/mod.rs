//! Queries over 100,000 fresh series, ours beside Prometheus and VictoriaMetrics: the same targets scraped by all three
//! at once, then the same questions, one server at a time.

pub(super) mod exporter;
pub(super) mod moving;
pub(super) mod servers;
mod table;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::tools::{command, root, step};
use servers::Server;
use table::{Cell, Row, table};

/// Seconds between scrapes, and between the steps of range queries.
pub(super) const INTERVAL_S: u64 = 5;
/// Jobs that targets are divided among.
const JOBS: [&str; 5] = ["shop-api", "cart", "payments", "search", "users"];
/// How long storing alone is measured, to take its share off the queries' CPU time.
const IDLE: Duration = Duration::from_secs(10);

/// What `cargo xtask bench promql` takes.
#[derive(Debug, Clone, clap::Args)]
#[group(id = "promql")]
pub(crate) struct Options {
    /// promql: how long is scraped before queries begin.
    #[arg(long, default_value_t = 330)]
    seconds: u64,
    /// promql: how often each query is put to each server, besides once to warm up.
    #[arg(long, default_value_t = 12)]
    repeats: usize,
    /// promql, storage: targets of 2,000 series each.
    #[arg(long, default_value_t = 50)]
    pub(super) targets: usize,
}

/// A question.
struct Query {
    /// Over the whole time, or at its end.
    is_range: bool,
    text: &'static str,
    /// What we want to stay below, in milliseconds.
    goal_ms: Option<f64>,
}

const fn range(text: &'static str, goal_ms: Option<f64>) -> Query {
    Query { is_range: true, text, goal_ms }
}

const fn instant(text: &'static str, goal_ms: Option<f64>) -> Query {
    Query { is_range: false, text, goal_ms }
}

const QUERIES: [Query; 7] = [
    range(
        "histogram_quantile(0.95, sum by (le, path) (rate(http_request_duration_seconds_bucket[1m])))",
        Some(60.0),
    ),
    range(
        r#"sum(rate(http_requests_total{status=~"5.."}[1m])) / sum(rate(http_requests_total[1m]))"#,
        Some(40.0),
    ),
    instant("sum by (job) (rate(http_requests_total[1m]))", Some(12.0)),
    instant("topk(10, sum by (instance, path) (rate(http_requests_total[1m])))", Some(12.0)),
    instant("topk(10, rate(http_requests_total[1m]))", Some(12.0)),
    range(r#"sum by (status) (rate(http_requests_total{job="cart",path="/api/v1/resource03"}[1m]))"#, None),
    instant(r#"count({__name__=~".+"})"#, Some(15.0)),
];

/// Measures and writes the section.
pub(crate) fn run(options: &Options) -> Result<()> {
    step("release build", &mut command("cargo", &["build", "--release", "--package", "cli", "--quiet"]))?;
    let folder = Folder::make()?;
    let ports = exporter::start(options.targets)?;
    let config = folder.0.join("scrape.yml");
    std::fs::write(&config, scrape_config(&ports))?;
    let begun = Instant::now();
    let from = now_s();
    let servers = servers::start_all(&binary(), &folder.0, &config)?;
    let names: Vec<&str> = servers.iter().map(|server| server.name).collect();
    println!("── scraping {} targets by {} for {} s", ports.len(), names.join(", "), options.seconds);
    std::thread::sleep(Duration::from_secs(options.seconds).saturating_sub(begun.elapsed() + IDLE));
    let idle = idle_costs(&servers)?;
    let mut rows = Vec::new();
    for query in &QUERIES {
        println!("── {}", query.text);
        rows.push(measure(query, &servers, &idle, from + 10.0, options.repeats)?);
    }
    let body = table(options, &servers, &rows)?;
    drop(servers);
    super::page::write("promql", &body)
}

/// Where cargo has put the release build.
pub(super) fn binary() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    target.join("release/watchfire")
}

pub(super) fn scrape_config(ports: &[u16]) -> String {
    let mut text = format!(
        "global:\n  scrape_interval: {INTERVAL_S}s\n  scrape_timeout: {INTERVAL_S}s\nscrape_configs:\n"
    );
    for (i, job) in JOBS.iter().enumerate() {
        let of_job = ports.iter().skip(i).step_by(JOBS.len());
        let targets: Vec<String> = of_job.map(|port| format!("'127.0.0.1:{port}'")).collect();
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "  - job_name: {job}\n    static_configs:\n      - targets: [{}]",
            targets.join(", ")
        );
    }
    text
}

/// CPU time that each server takes a second while it only stores.
fn idle_costs(servers: &[Server]) -> Result<Vec<f64>> {
    let cpu = || -> Result<Vec<f64>> { servers.iter().map(|server| Ok(server.usage()?.cpu_s)).collect() };
    let before = cpu()?;
    std::thread::sleep(IDLE);
    let used = cpu()?.into_iter().zip(before);
    Ok(used.map(|(after, before)| (after - before) / IDLE.as_secs_f64()).collect())
}

fn measure<'a>(
    query: &'a Query,
    servers: &[Server],
    idle: &[f64],
    from: f64,
    repeats: usize,
) -> Result<Row<'a>> {
    let mut cells = Vec::new();
    for (server, idle) in servers.iter().zip(idle) {
        let first = ask(query, server, from)?;
        let (begun, before) = (Instant::now(), server.usage()?.cpu_s);
        let mut wall = Vec::new();
        for _ in 0..repeats {
            wall.push(ask(query, server, from)?.1);
        }
        let used = server.usage()?.cpu_s - before - begun.elapsed().as_secs_f64() * idle;
        wall.sort_unstable_by(f64::total_cmp);
        let cell = Cell {
            wall_ms: wall[wall.len() / 2],
            cpu_ms: used.max(0.0) * 1e3 / repeats as f64,
            series: first.0,
        };
        println!("   {:<18} {:>8.1} ms, CPU {:>8.1} ms", server.name, cell.wall_ms, cell.cpu_ms);
        cells.push(cell);
    }
    if cells.iter().any(|cell| cell.series != cells[0].series) {
        let counts: Vec<usize> = cells.iter().map(|cell| cell.series).collect();
        bail!("the servers do not answer alike: {counts:?} series for {}", query.text);
    }
    Ok(Row { query, cells })
}

/// Asks every query of the set once.
pub(super) fn ask_all(server: &Server, from: f64) -> Result<()> {
    QUERIES.iter().try_for_each(|query| ask(query, server, from).map(drop))
}

/// Asks once: how many series the answer has, and how many milliseconds it took.
fn ask(query: &Query, server: &Server, from: f64) -> Result<(usize, f64)> {
    let end = now_s() - 1.0;
    let text: String = query.text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let extra = server.extra;
    let (path, form) = if query.is_range {
        ("/api/v1/query_range", format!("query={text}&start={from:.3}&end={end:.3}&step={INTERVAL_S}{extra}"))
    } else {
        ("/api/v1/query", format!("query={text}&time={end:.3}{extra}"))
    };
    let begun = Instant::now();
    let (status, body) = server.post(path, &form)?;
    let took = begun.elapsed().as_secs_f64() * 1e3;
    if status != 200 {
        bail!("{} answers {status} to {}: {body:.300}", server.name, query.text);
    }
    let answer: Value = serde_json::from_str(&body)?;
    let series = answer["data"]["result"].as_array().context("a list of results")?.len();
    if series == 0 {
        bail!("{} finds nothing for {}", server.name, query.text);
    }
    Ok((series, took))
}

pub(super) fn now_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// A folder below `target/` that goes with this value, unless somebody has to look into it.
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn make() -> Result<Self> {
        let path = root().join(format!("target/bench-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

fn remove(folder: &Path) {
    // What cannot be cleaned up stays in target/.
    let _ = std::fs::remove_dir_all(folder);
}
