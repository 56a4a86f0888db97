//! One `watchfire monitor` from the built binary, on free ports and a folder that outlives it, so that it can be killed and
//! started again; and a target for it to scrape.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use net::{Client, ClientOptions, Ready};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

/// A debug build on a busy machine that replays a log.
const START_LIMIT: Duration = Duration::from_secs(120);
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
const ANSWER_MAX_BYTES: usize = 256 << 20;

/// A monitor at work. Dropped, it is killed.
#[derive(Debug)]
pub struct RunningMonitor {
    child: Child,
    client: Client,
    urls: BTreeMap<String, String>,
    // The monitor ends when this is closed.
    _input: tokio::process::ChildStdin,
}

impl RunningMonitor {
    /// Starts a monitor with this configuration and data and waits until it is ready. Its log goes to a file beside the
    /// configuration, with `.log` at its end.
    ///
    /// # Panics
    /// When it does not become ready.
    pub async fn start(config: &Path, data_dir: &Path, arguments: &[&str]) -> Self {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(config.with_extension("log"));
        let mut child = Command::new(crate::binary())
            .args(["--supervised", "monitor", "--ui-listen", "127.0.0.1:0"])
            .args(["--prometheus-listen", "127.0.0.1:0", "--config"])
            .arg(config)
            .arg("--data-dir")
            .arg(data_dir)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log.expect("a log"))
            .kill_on_drop(true)
            .spawn()
            .expect("the binary starts");
        let input = child.stdin.take().expect("piped");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let line = tokio::time::timeout(START_LIMIT, lines.next_line()).await.expect("ready in time");
        let line = line.expect("readable").unwrap_or_default();
        let ready = Ready::parse(&line).unwrap_or_else(|| panic!("not ready, see its log: {line:?}"));
        let client = Client::new(ClientOptions::named("watchfire-e2e")).expect("a client");
        Self { child, client, urls: ready.urls, _input: input }
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
        let url = format!("{}{path}", self.urls["prometheus"]);
        let answer = self.client.get(&url, &[], ANSWER_LIMIT, ANSWER_MAX_BYTES).await;
        let answer = answer.map_err(|e| format!("{url}: {e}"))?;
        Ok((answer.status, String::from_utf8_lossy(&answer.body).into_owned()))
    }

    /// The samples of [`Target`]s that a range selector gives at a moment, in seconds since the epoch.
    ///
    /// # Errors
    /// When the answer is no matrix.
    pub async fn samples(&self, selector: &str, at_s: f64) -> Result<Vec<Sampled>, String> {
        let (url, at) = (format!("{}/api/v1/query", self.urls["prometheus"]), at_s.to_string());
        let form = [("query", selector), ("time", at.as_str())];
        let answer = self.client.post_form(&url, &form, ANSWER_LIMIT).await.map_err(|e| e.to_string())?;
        let json: Value = serde_json::from_slice(&answer.body).map_err(|e| e.to_string())?;
        let all = json["data"]["result"].as_array().ok_or_else(|| json.to_string())?;
        all.iter().map(|one| sampled(one).ok_or_else(|| one.to_string())).collect()
    }
}

/// The samples of one series of a [`Target`].
#[derive(Debug, Clone, PartialEq)]
pub struct Sampled {
    /// Which target it comes from.
    pub target: String,
    /// Which of its series.
    pub series: u64,
    /// Milliseconds since the epoch, and value.
    pub samples: Vec<(i64, u64)>,
}

fn sampled(one: &Value) -> Option<Sampled> {
    let sample = |pair: &Value| {
        let value: f64 = pair[1].as_str()?.parse().ok()?;
        Some(((pair[0].as_f64()? * 1000.0).round() as i64, value as u64))
    };
    Some(Sampled {
        target: one["metric"]["job"].as_str()?.to_owned(),
        series: one["metric"]["i"].as_str()?.parse().ok()?,
        samples: one["values"].as_array()?.iter().map(sample).collect::<Option<_>>()?,
    })
}

/// A target of `series` series, all of which say at every scrape how many scrapes there have been, plus a part of their own.
#[derive(Debug)]
pub struct Target {
    /// Where it answers.
    pub address: String,
    served: Arc<AtomicU64>,
    server: JoinHandle<()>,
}

/// What series `i` says at the `scrape`th scrape.
pub fn value_of(scrape: u64, i: u64) -> u64 {
    scrape * 1_000_000 + i
}

impl Target {
    /// Starts to answer on a free port.
    ///
    /// # Panics
    /// When there is none.
    pub async fn start(series: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound").to_string();
        let served = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&served);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, series, Arc::clone(&counter)));
            }
        });
        Self { address, served, server }
    }

    /// How many scrapes have been answered.
    pub fn served(&self) -> u64 {
        self.served.load(Ordering::SeqCst)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Answers requests on one connection until it is closed.
async fn answer(mut stream: TcpStream, series: u64, served: Arc<AtomicU64>) {
    let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        seen.extend_from_slice(&buffer[..read]);
        if !seen.ends_with(b"\r\n\r\n") {
            continue;
        }
        seen.clear();
        let scrape = served.fetch_add(1, Ordering::SeqCst) + 1;
        let lines = (0..series).map(|i| format!("m{{i=\"{i}\"}} {}\n", value_of(scrape, i)));
        let body: String = lines.collect();
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", body.len());
        if stream.write_all(format!("{head}{body}").as_bytes()).await.is_err() {
            return;
        }
    }
}
