//! The lab from a cold start, as a newcomer meets it: how soon it is ready, how soon a panel shows data, what it costs.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::process::{Usage, usage};
use crate::tools::{command, root, step};

/// Cold starts; the middle one counts.
const RUNS: usize = 5;
/// Nothing takes this long unless it is broken.
const PATIENCE: Duration = Duration::from_secs(30);
/// Let start-up work settle before measuring idle cost.
const SETTLE: Duration = Duration::from_secs(20);
const IDLE: Duration = Duration::from_secs(30);
/// The panel's own query; 8 s is its `$__rate_interval` at the lab's scrape interval of 2 s.
const P95: &str = r#"histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{method="GET",endpoint="/api/order/{id}"}[8s]))) >= 0"#;

/// Measures and writes the section.
pub(crate) fn run() -> Result<()> {
    step("release build", &mut command("cargo", &["build", "--release", "--package", "cli", "--quiet"]))?;
    let mut ready = Vec::new();
    let mut first_panel = Vec::new();
    for i in 1..=RUNS {
        let lab = Lab::start()?;
        ready.push(lab.ready.as_secs_f64());
        first_panel.push(lab.first_panel()?.as_secs_f64());
        println!("   run {i}: ready {:.2} s, first panel {:.2} s", ready[i - 1], first_panel[i - 1]);
        if i == RUNS {
            let body = table(&lab, &mut ready, &mut first_panel)?;
            drop(lab);
            return super::page::write("lab", &body);
        }
    }
    Ok(())
}

fn table(lab: &Lab, ready: &mut [f64], first_panel: &mut [f64]) -> Result<String> {
    std::thread::sleep(SETTLE);
    let before = lab.usage()?;
    std::thread::sleep(IDLE);
    let after = lab.usage()?;
    let mut rows = format!(
        "| what | figure | goal |\n|---|---|---|\n\
         | start to all of the lab ready, median of {RUNS} | {:.2} s | ≤ 1 s |\n\
         | start to the first non-empty p95 panel, median of {RUNS} | {:.2} s | ≤ 6 s |\n",
        median(ready),
        median(first_panel)
    );
    let binary = std::fs::metadata(root().join("target/release/watchfire"))?.len() as f64 / 1e6;
    rows += &format!("| binary | {binary:.1} MB | – |\n\n");
    rows += &format!(
        "| process under the *normal* load | resident | CPU over {} s |\n|---|---|---|\n",
        IDLE.as_secs()
    );
    let (mut memory, mut cpu) = (0.0, 0.0);
    for ((name, before), (_, after)) in before.iter().zip(&after) {
        let share = (after.cpu_s - before.cpu_s) / IDLE.as_secs_f64() * 100.0;
        rows += &format!("| {name} | {:.1} MB | {share:.1} % of a core |\n", after.resident_mb);
        memory += after.proportional_mb;
        cpu += share;
    }
    rows += &format!("| all, shared pages counted once | {memory:.1} MB | {cpu:.1} % of a core |\n");
    Ok(rows)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A running lab in a folder of its own; stopped when dropped.
struct Lab {
    child: Child,
    folder: std::path::PathBuf,
    started: Instant,
    ready: Duration,
    endpoints: Value,
}

impl Lab {
    fn start() -> Result<Self> {
        let folder = root().join(format!("target/bench-lab-{}", std::process::id()));
        let data_dir = folder.display().to_string();
        let started = Instant::now();
        let mut up = command("target/release/watchfire", &["up", "--ports", "auto", "--data-dir", &data_dir]);
        let child = up.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        let mut lab = Self { child, folder, started, ready: Duration::ZERO, endpoints: Value::Null };
        lab.endpoints = wait("the lab", || all_ready(&lab.folder))?;
        lab.ready = started.elapsed();
        Ok(lab)
    }

    fn first_panel(&self) -> Result<Duration> {
        let monitor =
            self.endpoints["monitor"]["urls"]["prometheus"].as_str().context("the monitor's URL")?;
        let address = monitor.trim_start_matches("http://");
        wait("the p95 panel", || Ok(has_result(&get(address, P95)?).then_some(())))?;
        Ok(self.started.elapsed())
    }

    fn usage(&self) -> Result<Vec<(String, Usage)>> {
        let roles = self.endpoints.as_object().context("an object")?;
        roles
            .iter()
            .map(|(name, e)| Ok((name.clone(), usage(e["pid"].as_u64().context("a pid")?)?)))
            .collect()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // Asked, not killed: the supervisor stops its children. What cannot be cleaned up here is left in target/.
        let _ = command("kill", &["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The endpoints once the last role is in them: `load` starts after all others.
fn all_ready(folder: &Path) -> Result<Option<Value>> {
    let Ok(text) = std::fs::read_to_string(folder.join("endpoints.json")) else { return Ok(None) };
    let endpoints: Value = serde_json::from_str(&text)?;
    let last = ["load", "monitor", "gateway", "orders-1", "orders-2"];
    Ok(last.iter().all(|role| endpoints.get(role).is_some()).then_some(endpoints))
}

fn has_result(answer: &str) -> bool {
    answer.contains(r#""result":[{"#)
}

/// An instant query, by the least HTTP that does it.
fn get(address: &str, query: &str) -> Result<String> {
    let encoded: String = query.bytes().map(|b| format!("%{b:02X}")).collect();
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "GET /api/v1/query?query={encoded} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Asks again every few milliseconds until there is something.
fn wait<T>(what: &str, mut ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let started = Instant::now();
    loop {
        if let Some(found) = ask()? {
            return Ok(found);
        }
        if started.elapsed() > PATIENCE {
            bail!("{what} took longer than {} s", PATIENCE.as_secs());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
