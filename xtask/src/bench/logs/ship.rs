//! The agent tails the same files and ships them to a second monitor, by pipeline stages like those of the lab.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Made;
use crate::bench::promql::servers::{self, Server};

/// Nothing takes longer unless it is broken.
const SHIPPED_MAX: Duration = Duration::from_secs(300);

/// What shipping cost the agent.
#[derive(Debug)]
pub(super) struct Shipped {
    /// Megabytes of lines for each second of one core of the agent's.
    pub(super) mb_per_core: f64,
    /// By the clock, until the monitor had all of it; agent and monitor share the machine.
    pub(super) mb_per_s: f64,
    pub(super) anonymous_mb: f64,
    pub(super) resident_mb: f64,
}

/// Ships all files.
pub(super) fn measure(program: &Path, folder: &Path, loki: &Path, made: &Made) -> Result<Shipped> {
    println!("── shipping");
    let (monitor, _) = servers::ours_logs(program, folder, loki, "receiver")?;
    let promtail = folder.join("promtail.yml");
    std::fs::write(&promtail, promtail_yml(folder, monitor.port()))?;
    let begun = Instant::now();
    let agent = servers::agent(program, folder, &promtail)?;
    while monitor.samples()? < made.lines as f64 {
        ensure!(begun.elapsed() < SHIPPED_MAX, "{} of {} lines came", monitor.samples()?, made.lines);
        std::thread::sleep(Duration::from_millis(50));
    }
    // A line may be sent twice, and then as many came before the last did. It is kept once, and all of them are in the end.
    let (took_s, usage) = loop {
        let so_far = (begun.elapsed().as_secs_f64(), agent.usage()?);
        let kept = lines_kept(&monitor)?;
        if kept == made.lines {
            break so_far;
        }
        ensure!(begun.elapsed() < SHIPPED_MAX, "{kept} of {} lines are kept", made.lines);
        std::thread::sleep(Duration::from_millis(50));
    };
    let mb = made.bytes as f64 / 1e6;
    println!("   {:.0} MB/s of a core, {:.0} MB/s", mb / usage.cpu_s, mb / took_s);
    Ok(Shipped {
        mb_per_core: mb / usage.cpu_s,
        mb_per_s: mb / took_s,
        anonymous_mb: usage.anonymous_mb,
        resident_mb: usage.resident_mb,
    })
}

/// How many lines the monitor has.
fn lines_kept(monitor: &Server) -> Result<u64> {
    let query = "sum%28count_over_time%28%7Bjob%3D~%22.%2B%22%7D%5B24h%5D%29%29";
    let (status, body) = monitor.get(&format!("/loki/api/v1/query?query={query}"))?;
    ensure!(status == 200, "{status}: {body:.300}");
    let answer: Value = serde_json::from_str(&body)?;
    let kept = answer["data"]["result"][0]["value"][1].as_str().context("a number of lines")?;
    Ok(kept.parse()?)
}

fn promtail_yml(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    format!(
        "positions: {{filename: '{folder}/positions.yaml'}}
clients: [{{url: 'http://127.0.0.1:{port}/loki/api/v1/push'}}]
scrape_configs:
  - job_name: lines
    static_configs: [{{labels: {{job: plain, __path__: '{folder}/raw/*.log'}}}}]
    pipeline_stages:
      - regex: {{source: filename, expression: '(?P<job>access|profiler|flask-app)-(?P<service>[^/]+)\\.log$'}}
      - labels: {{job: , service: }}
      - match:
          selector: '{{job=\"access\"}}'
          stages:
            - json: {{expressions: {{ts: , level: }}}}
            - timestamp: {{source: ts, format: UnixMs}}
            - structured_metadata: {{level: }}
"
    )
}
