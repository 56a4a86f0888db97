//! The order service beside a Flask application over the same MariaDB: what a read costs, how long it takes.

mod programs;

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use dbserver::{DATABASE, Engine, Server};

use super::process::{Usage, usage};
use crate::packages;
use crate::tools::{command, output, root, step};
use programs::{App, ours, peer};

/// Orders that are read: more than a page, less than the database's memory.
const ORDERS: u32 = 10_000;
/// Connections of the load generator.
const CONNECTIONS: u32 = 50;
/// Runs of each kind, in turns; the one of median CPU counts.
const ROUNDS: usize = 3;
const SECONDS: u32 = 10;
/// Before anything is measured: connections open, statements prepared, pages in memory.
const WARM_UP_SECONDS: u32 = 3;

const CPU_GOAL_MS: f64 = 0.06;
const MEMORY_GOAL_MB: f64 = 20.0;
const P99_GOAL: f64 = 0.2;

/// What `cargo xtask bench service` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct ServiceOptions {
    /// service: a built `watchfire` to measure, instead of building one for release.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// One run of the load generator and what the application spent on it.
#[derive(Debug, Clone, Copy)]
struct Run {
    per_second: f64,
    p50_ms: f64,
    p95_ms: f64,
    p99_ms: f64,
    cpu_ms: f64,
    resident_mb: f64,
}

/// Measures and writes the section.
pub(crate) fn run(options: &ServiceOptions) -> Result<()> {
    packages::ensure_load()?;
    let program = match &options.program {
        Some(program) => std::path::absolute(program)?,
        None => {
            step(
                "release build",
                &mut command("cargo", &["build", "--release", "--package", "cli", "--quiet"]),
            )?;
            root().join("target/release/watchfire")
        }
    };
    let folder = root().join("target/bench-service");
    std::fs::create_dir_all(&folder)?;
    let venv = programs::venv(&folder)?;
    let server = Server::start(dbserver::Options::temporary(Engine::Mysql))?;
    let ours = ours(&program, &server, &folder)?;
    fill(&server)?;
    let peer = peer(&venv, &server, &folder)?;
    for app in [&ours, &peer] {
        load(app, WARM_UP_SECONDS, 0)?;
    }
    let (mut fast, mut slow) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        slow.push(measure("flask", &peer, 0)?);
        fast.push(measure("watchfire", &ours, 0)?);
    }
    let (fast, slow) = (median(fast), median(slow));
    // Of the time between two requests of a connection, what the answer does not take.
    let pause_ms = f64::from(CONNECTIONS) * 1000.0 / slow.per_second - fast.p50_ms.min(1.0);
    let mut calm = Vec::new();
    for _ in 0..ROUNDS {
        calm.push(measure("watchfire at that rate", &ours, pause_ms.round() as u32)?);
    }
    let given = if options.program.is_some() {
        "The program was given by `--program`, not built for release. "
    } else {
        ""
    };
    let busy = std::fs::read_to_string("/proc/loadavg")?;
    let busy = busy.split(' ').next().unwrap_or_default();
    let told = format!("{given}Load average of the machine at the end: {busy}.");
    super::page::write("service", &table(slow, fast, median(calm), &told))
}

/// More orders than the sample data, of the same kind.
fn fill(server: &Server) -> Result<()> {
    let sql = format!(
        "INSERT INTO orders (order_id, customer_id, total_amount, status) \
         SELECT seq, 1 + seq % 50, 10 * (1 + seq % 4), 'paid' FROM seq_301_to_{ORDERS};\n\
         INSERT INTO order_items (order_id, product_id, quantity, unit_price) \
         SELECT o.seq, 101 + (o.seq * 31 + i.seq) % 60, 1, 10 FROM seq_301_to_{ORDERS} o JOIN seq_1_to_4 i \
         ON i.seq <= 1 + o.seq % 4;\n\
         ANALYZE TABLE orders, order_items;"
    );
    server.admin(DATABASE, &sql).map(drop).context("filling the tables")
}

fn measure(name: &str, app: &App, pause_ms: u32) -> Result<Run> {
    let before = spent(app)?;
    let (requests, run) = load(app, SECONDS, pause_ms)?;
    let after = spent(app)?;
    let run = Run {
        cpu_ms: (after.cpu_s - before.cpu_s) * 1000.0 / requests,
        resident_mb: after.resident_mb,
        ..run
    };
    println!(
        "   {name}: {:.0} requests/s, p50 {:.2} ms, p95 {:.2} ms, p99 {:.2} ms, {:.3} ms CPU a read, {:.0} MB",
        run.per_second, run.p50_ms, run.p95_ms, run.p99_ms, run.cpu_ms, run.resident_mb
    );
    Ok(run)
}

/// All processes of an application together.
fn spent(app: &App) -> Result<Usage> {
    let mut sum = Usage { resident_mb: 0.0, proportional_mb: 0.0, anonymous_mb: 0.0, cpu_s: 0.0 };
    for pid in app.processes()? {
        let one = usage(pid)?;
        sum.resident_mb += one.resident_mb;
        sum.proportional_mb += one.proportional_mb;
        sum.anonymous_mb += one.anonymous_mb;
        sum.cpu_s += one.cpu_s;
    }
    Ok(sum)
}

/// The number of requests, and what the generator says of them.
fn load(app: &App, seconds: u32, pause_ms: u32) -> Result<(f64, Run)> {
    let connections = format!("-c{CONNECTIONS}");
    let duration = format!("-d{seconds}s");
    let (orders, pause) = (ORDERS.to_string(), pause_ms.to_string());
    let script = root().join("benches/peers/flask_orders/read.lua");
    let script = script.to_str().context("the workspace's path")?;
    let arguments = ["-t1", &connections, &duration, "-s", script, &app.url, "--", &orders, &pause];
    let said = output(command("wrk", &arguments).stdin(Stdio::null()))?;
    let line = said.lines().find_map(|line| line.strip_prefix("RESULT ")).context("wrk gave no result")?;
    let numbers: Vec<f64> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
    let [requests, duration_us, p50_us, p95_us, p99_us, errors] = numbers[..] else {
        anyhow::bail!("wrk's result: {line}");
    };
    ensure!(errors == 0.0 && requests > 0.0, "{requests} requests, {errors} errors at {}", app.url);
    let run = Run {
        per_second: requests / duration_us * 1e6,
        p50_ms: p50_us / 1000.0,
        p95_ms: p95_us / 1000.0,
        p99_ms: p99_us / 1000.0,
        cpu_ms: 0.0,
        resident_mb: 0.0,
    };
    Ok((requests, run))
}

fn median(mut runs: Vec<Run>) -> Run {
    runs.sort_unstable_by(|a, b| a.cpu_ms.total_cmp(&b.cpu_ms));
    runs[runs.len() / 2]
}

fn table(slow: Run, fast: Run, calm: Run, told: &str) -> String {
    let verdict = |met: bool| if met { "met" } else { "**missed**" };
    let row = |name: &str, run: Run| {
        format!(
            "| {name} | {:.0} | {:.2} | {:.2} | {:.2} | {:.3} | {:.1} MB |\n",
            run.per_second, run.p50_ms, run.p95_ms, run.p99_ms, run.cpu_ms, run.resident_mb
        )
    };
    let mut text = format!(
        "Reads of single orders with their items, {CONNECTIONS} connections of wrk, {SECONDS} s a run, median of {ROUNDS} by CPU; MariaDB, \
         generator and application share the machine. {told}\n\n\
         | application | requests/s | p50 ms | p95 ms | p99 ms | CPU ms a read | resident |\n|---|---|---|---|---|---|---|\n",
    );
    text += &row("Flask, gunicorn (2 workers of 8 threads), pooled PyMySQL", slow);
    text += &row("`watchfire service orders`", fast);
    text += &row("the same at Flask's rate", calm);
    let p99 = calm.p99_ms / slow.p99_ms;
    text += "\n| goal | figure | |\n|---|---|---|\n";
    text += &format!(
        "| ≤ {CPU_GOAL_MS} ms CPU a read | {:.3} ms | {} |\n",
        fast.cpu_ms,
        verdict(fast.cpu_ms <= CPU_GOAL_MS)
    );
    text += &format!(
        "| p99 ≤ 1/5 of Flask's, at its rate | 1/{:.0} | {} |\n",
        1.0 / p99,
        verdict(p99 <= P99_GOAL)
    );
    let memory = fast.resident_mb;
    text += &format!(
        "| ≤ {MEMORY_GOAL_MB} MB resident | {memory:.1} MB | {} |\n",
        verdict(memory <= MEMORY_GOAL_MB)
    );
    text
}
