//! The monitor alone, started from the built binary, and what the kernel says of its process.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use net::Ready;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::binary;

/// A debug build on a busy machine needs a few seconds; more means broken.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Clock ticks a second: 100 on every Linux that Rust runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// `watchfire monitor` on free ports, without anything to scrape; ended when dropped.
#[derive(Debug)]
pub struct RunningMonitor {
    child: Child,
    url: String,
    _folder: TempDir,
}

impl RunningMonitor {
    /// Starts it and waits until it is ready.
    ///
    /// # Panics
    /// When it does not come up.
    pub async fn start() -> Self {
        let folder = TempDir::with_prefix("watchfire-e2e-").expect("a folder");
        let (config, any) = (folder.path().join("prometheus.yml"), "127.0.0.1:0");
        std::fs::write(&config, "scrape_configs: []\n").expect("there is room");
        let mut child = Command::new(binary())
            .args(["--supervised", "monitor", "--ui-listen", any, "--prometheus-listen", any])
            .args(["--alertmanager-listen", any])
            .args([Path::new("--config"), &config, Path::new("--data-dir"), &folder.path().join("data")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary starts");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let line = tokio::time::timeout(START_LIMIT, lines.next_line()).await.expect("it is ready in time");
        let line = line.expect("it can be read").expect("it says that it is ready");
        let ready: Ready = serde_json::from_str(&line).expect("a line of JSON");
        let url = ready.urls.get("prometheus").expect("the address of its API").clone();
        Self { child, url, _folder: folder }
    }

    /// Where Prometheus' API answers.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Host and port of it.
    pub fn address(&self) -> &str {
        self.url.trim_start_matches("http://").trim_end_matches('/')
    }

    /// CPU time in seconds that its process has used so far.
    pub fn cpu_s(&self) -> f64 {
        let stat = self.proc("stat");
        let fields: Vec<&str> = stat[stat.rfind(')').expect("a name") + 2..].split(' ').collect();
        let ticks = |i: usize| fields[i].parse::<f64>().expect("ticks");
        (ticks(11) + ticks(12)) / TICKS_PER_SECOND
    }

    /// The most memory in MB that was resident so far.
    pub fn resident_peak_mb(&self) -> f64 {
        let status = self.proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells of it");
        line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1024.0
    }

    fn proc(&self, file: &str) -> String {
        let pid = self.child.id().expect("it runs");
        std::fs::read_to_string(format!("/proc/{pid}/{file}")).expect("it runs")
    }
}
