//! The monitor alone, started from the built binary, and what the kernel says of its process.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use net::{Client, ClientOptions, Ready};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use crate::binary;
use crate::target::{Sampled, sampled};

/// A debug build on a busy machine that replays a log; more means broken.
const START_LIMIT: Duration = Duration::from_secs(300);
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
const ANSWER_MAX_BYTES: usize = 256 << 20;
/// Where it listens: at any free port, if a test does not say where.
const LISTEN_FLAGS: [&str; 4] =
    ["--ui-listen", "--prometheus-listen", "--loki-listen", "--alertmanager-listen"];
/// Clock ticks a second: 100 on every Linux that Rust runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// `watchfire monitor` on free ports; ended when dropped.
#[derive(Debug)]
pub struct RunningMonitor {
    child: Child,
    client: Client,
    url: String,
    alertmanager_url: String,
    loki_url: String,
    ui_url: String,
    // The monitor ends when this is closed.
    _input: ChildStdin,
    _folder: Option<TempDir>,
}

impl RunningMonitor {
    /// Starts one without anything to scrape, in a folder of its own, and waits until it is ready.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with more flags.
    ///
    /// # Panics
    /// When it does not come up.
    pub async fn start_with(flags: &[&str]) -> Self {
        let folder = TempDir::with_prefix("watchfire-e2e-").expect("a folder");
        let config = folder.path().join("prometheus.yml");
        std::fs::write(&config, "scrape_configs: []\n").expect("there is room");
        let started = Self::start_on(&config, &folder.path().join("data"), flags).await;
        Self { _folder: Some(folder), ..started }
    }

    /// Starts one with this configuration and data, which outlive it, and waits until it is ready. Its log goes to a file beside
    /// the configuration, with `.log` at its end.
    ///
    /// # Panics
    /// When it does not come up.
    pub async fn start_on(config: &Path, data_dir: &Path, arguments: &[&str]) -> Self {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(config.with_extension("log"));
        let any = "127.0.0.1:0";
        let mut child = Command::new(binary())
            .args(["--supervised", "monitor"])
            .args([Path::new("--config"), config, Path::new("--data-dir"), data_dir])
            .args(LISTEN_FLAGS.iter().filter(|flag| !arguments.contains(flag)).flat_map(|flag| [*flag, any]))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log.expect("a log"))
            .kill_on_drop(true)
            .spawn()
            .expect("the binary starts");
        let input = child.stdin.take().expect("it is piped");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let line = tokio::time::timeout(START_LIMIT, lines.next_line()).await.expect("it is ready in time");
        let line = line.expect("it can be read").unwrap_or_default();
        let ready = Ready::parse(&line).unwrap_or_else(|| panic!("it is not ready, see its log: {line:?}"));
        let url = ready.urls.get("prometheus").expect("the address of its API").clone();
        let alertmanager_url = ready.urls.get("alertmanager").expect("the address of its API").clone();
        let loki_url = ready.urls.get("loki").expect("the address of its API").clone();
        let ui_url = ready.urls.get("ui").expect("the address of its pages").clone();
        let client = Client::new(ClientOptions::named("watchfire-e2e")).expect("a client");
        Self { child, client, url, alertmanager_url, loki_url, ui_url, _input: input, _folder: None }
    }

    /// Where Prometheus' API answers.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where Alertmanager's API answers.
    pub fn alertmanager_url(&self) -> &str {
        &self.alertmanager_url
    }

    /// Where Loki's API answers.
    pub fn loki_url(&self) -> &str {
        &self.loki_url
    }

    /// Where the pages answer, without a slash at the end.
    pub fn ui_url(&self) -> &str {
        self.ui_url.trim_end_matches('/')
    }

    /// Host and port of Prometheus' API.
    pub fn address(&self) -> &str {
        self.url.trim_start_matches("http://").trim_end_matches('/')
    }

    /// Ends it as `kill -9` does.
    ///
    /// # Panics
    /// When it had ended before.
    pub async fn kill(mut self) {
        assert!(self.child.try_wait().expect("its state").is_none(), "it had ended by itself");
        self.child.kill().await.expect("it ends");
    }

    /// Status and text of an answer of the Prometheus port.
    ///
    /// # Errors
    /// When there is none.
    pub async fn get(&self, path: &str) -> Result<(u16, String), String> {
        self.get_from(&self.url, path).await
    }

    /// The same of any port.
    ///
    /// # Errors
    /// When there is none.
    pub async fn get_from(&self, url: &str, path: &str) -> Result<(u16, String), String> {
        let url = format!("{}{path}", url.trim_end_matches('/'));
        let answer = self.client.get(&url, &[], ANSWER_LIMIT, ANSWER_MAX_BYTES).await;
        let answer = answer.map_err(|e| format!("{url}: {e}"))?;
        Ok((answer.status, String::from_utf8_lossy(&answer.body).into_owned()))
    }

    /// Status and text of the answer to JSON that is sent to any port.
    ///
    /// # Errors
    /// When there is none.
    pub async fn post_to(&self, url: &str, path: &str, body: &Value) -> Result<(u16, String), String> {
        let url = format!("{}{path}", url.trim_end_matches('/'));
        let answer = self.client.post_json(&url, body, &[], ANSWER_LIMIT).await;
        let answer = answer.map_err(|e| format!("{url}: {e}"))?;
        Ok((answer.status, String::from_utf8_lossy(&answer.body).into_owned()))
    }

    /// The value of a metric of its own without labels.
    ///
    /// # Errors
    /// When it has none of that name.
    pub async fn metric(&self, name: &str) -> Result<f64, String> {
        let (_, text) = self.get("/metrics").await?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.parse().ok()).ok_or_else(|| format!("no {name}"))
    }

    /// The samples of [`Target`]s that a range selector gives at a moment, in seconds since the epoch.
    ///
    /// # Errors
    /// When the answer is no matrix.
    pub async fn samples(&self, selector: &str, at_s: f64) -> Result<Vec<Sampled>, String> {
        let (url, at) = (format!("{}/api/v1/query", self.url), at_s.to_string());
        let form = [("query", selector), ("time", at.as_str())];
        let answer = self.client.post_form(&url, &form, ANSWER_LIMIT).await.map_err(|e| e.to_string())?;
        let json: Value = serde_json::from_slice(&answer.body).map_err(|e| e.to_string())?;
        let all = json["data"]["result"].as_array().ok_or_else(|| json.to_string())?;
        all.iter().map(|one| sampled(one).ok_or_else(|| one.to_string())).collect()
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
