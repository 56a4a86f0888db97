//! A month of samples on disk, ours beside Prometheus and VictoriaMetrics: the same samples in all three, then the same
//! questions, one server at a time and alone. Prometheus has to give the same values.

mod fill;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::bench::promql::servers::{self, Server};
use crate::bench::promql::{self, Folder, now_s};
use crate::tools::{command, has, root, step};

const DAY_S: i64 = 86_400;
const STEP_S: i64 = 3600;
/// Queries are repeated so often, but no longer than [`PATIENCE`].
const REPEATS: usize = 12;
const PATIENCE: Duration = Duration::from_secs(60);
/// How far values may be apart, relative to the larger.
const TOLERANCE: f64 = 1e-9;

/// What `cargo xtask bench month` takes.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct MonthOptions {
    /// month: how many days.
    #[arg(long, default_value_t = 30)]
    days: i64,
}

/// A question, and what we want to stay below, in milliseconds.
const QUERIES: [(&str, f64); 4] = [
    ("sum by (path) (rate(hist_requests_total[1h]))", 100.0),
    ("avg by (instance) (avg_over_time(hist_gauge[1h]))", 200.0),
    ("sum(hist_gauge)", 50.0),
    (r#"rate(hist_requests_total{instance="i00",path="p000"}[1h])"#, 1.0),
];

/// The span of the samples, in seconds.
#[derive(Debug, Clone, Copy)]
struct Span {
    from_s: i64,
    to_s: i64,
}

/// What a server took for one query.
struct Cell {
    wall_ms: f64,
    first_ms: f64,
    cpu_ms: f64,
    answer: Value,
}

/// All of one server.
struct Column {
    name: &'static str,
    version: String,
    cells: Vec<Cell>,
    disk_bytes: u64,
    resident_mb: f64,
}

/// Measures and writes the section.
pub(crate) fn run(options: &MonthOptions, given: Option<&Path>) -> Result<()> {
    let binary = super::binary_or_build(given)?;
    let example = ["build", "--release", "--package", "tsdb", "--example", "month", "--quiet"];
    step("generator", &mut command("cargo", &example))?;
    let folder = Folder::make()?;
    // The last two hours that are over, and some more: nothing is in the future of any server.
    let to_s = (now_s() as i64).div_euclid(7200) * 7200 - 7200;
    let span = Span { from_s: to_s - options.days * DAY_S, to_s };
    let config = folder.0.join("scrape.yml");
    std::fs::write(&config, "scrape_configs: []\n")?;
    let mut columns = vec![ours(&binary, &folder.0, &config, span)?];
    for (program, theirs) in [
        ("prometheus", prometheus as fn(&Path, &Path, Span) -> Result<Column>),
        ("victoria-metrics", victoria),
    ] {
        if !has(program) {
            println!("   {program} is not installed (Debian's package of that name): left out");
            continue;
        }
        let column = theirs(&folder.0, &config, span)?;
        compare(&columns[0], &column)?;
        columns.push(column);
    }
    let body = table(options, &columns)?;
    // Not a release build that anybody can make again: printed, not written.
    if given.is_some() {
        println!("{body}");
        return Ok(());
    }
    super::page::write("month", &body)
}

fn ours(binary: &Path, folder: &Path, config: &Path, span: Span) -> Result<Column> {
    let data = folder.join("watchfire");
    fill::ours(&data.join("metrics"), span)?;
    measure(servers::ours(binary, folder, config)?, &data, span)
}

fn prometheus(folder: &Path, config: &Path, span: Span) -> Result<Column> {
    let data = folder.join("prometheus");
    fill::prometheus(&data, folder, span)?;
    let column = measure(servers::prometheus(folder, config)?, &data, span)?;
    std::fs::remove_dir_all(&data)?;
    Ok(column)
}

fn victoria(folder: &Path, config: &Path, span: Span) -> Result<Column> {
    let server = servers::victoria_metrics(folder, config)?;
    fill::victoria(&server, span)?;
    measure(server, &folder.join("victoria-metrics"), span)
}

fn measure(server: Server, data: &Path, span: Span) -> Result<Column> {
    let mut cells = Vec::new();
    for (query, _) in QUERIES {
        cells.push(ask(&server, query, span).with_context(|| format!("{} on {query}", server.name))?);
    }
    Ok(Column {
        name: server.name,
        version: server.version.clone(),
        cells,
        disk_bytes: size_of(data)?,
        resident_mb: server.usage()?.resident_mb,
    })
}

fn ask(server: &Server, query: &str, span: Span) -> Result<Cell> {
    let text: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let (start, end, extra) = (span.from_s + STEP_S, span.to_s, server.extra);
    let form = format!("query={text}&start={start}&end={end}&step={STEP_S}{extra}");
    let once = || -> Result<(f64, Value)> {
        let begun = Instant::now();
        let (status, body) = server.post("/api/v1/query_range", &form)?;
        let took_ms = begun.elapsed().as_secs_f64() * 1e3;
        ensure!(status == 200, "{status}: {body:.300}");
        Ok((took_ms, serde_json::from_str(&body)?))
    };
    let (first_ms, answer) = once()?;
    let (begun, before) = (Instant::now(), server.usage()?.cpu_s);
    let mut wall = Vec::new();
    while wall.len() < REPEATS && (wall.is_empty() || begun.elapsed() < PATIENCE) {
        wall.push(once()?.0);
    }
    let cpu_ms = (server.usage()?.cpu_s - before) * 1e3 / wall.len() as f64;
    wall.sort_unstable_by(f64::total_cmp);
    let wall_ms = wall[wall.len() / 2];
    println!("   {:<18} {wall_ms:>8.1} ms, CPU {cpu_ms:>8.1} ms  {query}", server.name);
    Ok(Cell { wall_ms, first_ms, cpu_ms, answer })
}

/// Prometheus' values are ours. VictoriaMetrics means something else by `rate`, so only its series are compared.
fn compare(ours: &Column, theirs: &Column) -> Result<()> {
    for ((a, b), (query, _)) in ours.cells.iter().zip(&theirs.cells).zip(QUERIES) {
        let (a, b) = (points(&a.answer)?, points(&b.answer)?);
        let is_same = |a: &(String, f64), b: &(String, f64)| {
            a.0 == b.0 && (a.1 - b.1).abs() <= TOLERANCE * a.1.abs().max(b.1.abs())
        };
        let differs = if theirs.name == "prometheus" {
            a.len() != b.len() || !a.iter().zip(&b).all(|(a, b)| is_same(a, b))
        } else {
            series(&a) != series(&b)
        };
        if differs {
            let first = a.iter().zip(&b).find(|(a, b)| !is_same(a, b));
            bail!(
                "{} answers otherwise than we do: {query}: {} and {} points; {first:?}",
                theirs.name,
                a.len(),
                b.len()
            );
        }
    }
    Ok(())
}

/// Labels and moment of each point, and its value; sorted.
fn points(answer: &Value) -> Result<Vec<(String, f64)>> {
    let mut all = Vec::new();
    for series in answer["data"]["result"].as_array().context("a list of results")? {
        for point in series["values"].as_array().context("a list of values")? {
            let value = point[1].as_str().context("a value")?.parse()?;
            all.push((format!("{} {}", series["metric"], point[0]), value));
        }
    }
    ensure!(!all.is_empty(), "nothing is found");
    all.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(all)
}

/// The labels of all series, each once.
fn series(points: &[(String, f64)]) -> Vec<&str> {
    let mut all: Vec<&str> =
        points.iter().filter_map(|(text, _)| text.rsplit_once(' ')).map(|s| s.0).collect();
    all.dedup();
    all
}

/// Bytes of all files below a folder.
fn size_of(folder: &Path) -> Result<u64> {
    let mut total = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let about = entry.metadata()?;
        total += if about.is_dir() { size_of(&entry.path())? } else { about.len() };
    }
    Ok(total)
}

fn table(options: &MonthOptions, columns: &[Column]) -> Result<String> {
    let samples = options.days as f64 * DAY_S as f64 / 15.0 * 1000.0;
    let mut out = format!(
        "1,000 series every 15 s over {} days ({:.1} M samples), asked for all of it at a step of an hour; one server at \
         a time. Each figure is the median of up to {REPEATS} answers over HTTP after a first one, in milliseconds, with \
         the CPU time of one and the time of the first in brackets. Prometheus gave the same values within {TOLERANCE:e}.\n\n",
        options.days,
        samples / 1e6,
    );
    out += "| query | goal |";
    columns.iter().for_each(|column| out += &format!(" {} |", column.name));
    columns.iter().skip(1).for_each(|column| out += &format!(" {} / ours |", column.name));
    out += &format!("\n|---|---|{}\n", "---|".repeat(columns.len() * 2 - 1));
    for (i, (query, goal)) in QUERIES.iter().enumerate() {
        write!(out, "| `{query}` | ≤ {goal} |")?;
        for (c, cell) in columns.iter().map(|column| &column.cells[i]).enumerate() {
            let missed = if c == 0 && cell.wall_ms > *goal { " **missed**" } else { "" };
            write!(out, " {:.1} ({:.0}; {:.0}){missed} |", cell.wall_ms, cell.cpu_ms, cell.first_ms)?;
        }
        for column in &columns[1..] {
            write!(out, " {:.1} |", column.cells[i].wall_ms / columns[0].cells[i].wall_ms)?;
        }
        out.push('\n');
    }
    out += "\n| server | version | on disk | bytes a sample | resident |\n|---|---|---|---|---|\n";
    for column in columns {
        let (bytes, resident) = (column.disk_bytes as f64, column.resident_mb);
        let (name, version) = (column.name, &column.version);
        writeln!(
            out,
            "| {name} | {version} | {:.0} MB | {:.2} | {resident:.0} MB |",
            bytes / 1e6,
            bytes / samples
        )?;
    }
    Ok(out)
}

/// The generator, as cargo has built it.
fn generator() -> Command {
    let mut path = promql::binary();
    path.pop();
    let mut command = Command::new(path.join("examples/month"));
    command.current_dir(root());
    command
}
