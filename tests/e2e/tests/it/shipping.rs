//! The agent ships logs while it is killed, its files rotate and its receiver comes and goes: after repeats are removed, as
//! a store removes them, every line is there once and in its order.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use e2e::{binary, until};
use net::{Client, ClientOptions, Ready, Server, ServerLimits};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

const LIMIT: Duration = Duration::from_secs(180);
/// Kills of one run; `WATCHFIRE_KILLS` for more, `WATCHFIRE_KILLS_SEED` to repeat a run.
const KILLS: u64 = 8;

#[derive(Default)]
struct Seen {
    /// Moment, labels and text of each line: a repeat is no other.
    lines: BTreeSet<(i64, String, String)>,
    n_requests: u64,
    /// Every request is answered so, until it is none.
    refusal: Option<StatusCode>,
}

type Shared = Arc<Mutex<Seen>>;

fn locked(seen: &Shared) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn push(State(seen): State<Shared>, body: Bytes) -> StatusCode {
    let decoded = logwire::read_protobuf(&body, 64 << 20).expect("a push");
    let mut seen = locked(&seen);
    seen.n_requests += 1;
    for stream in decoded.streams {
        let labels = stream.labels.to_string();
        seen.lines.extend(stream.entries.into_iter().map(|entry| (entry.at.0, labels.clone(), entry.line)));
    }
    // Taken all the same: whoever is told otherwise sends it again.
    seen.refusal.unwrap_or(StatusCode::NO_CONTENT)
}

struct Agent {
    child: Child,
    url: String,
}

impl Agent {
    async fn start(config: &Path) -> Self {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(config.with_extension("log"));
        let mut child = Command::new(binary())
            .args(["--supervised", "agent", "--listen", "127.0.0.1:0", "--promtail-config"])
            .arg(config)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log.expect("a log"))
            .kill_on_drop(true)
            .spawn()
            .expect("the binary starts");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let line = tokio::time::timeout(LIMIT, lines.next_line()).await.expect("it is ready in time");
        let line = line.expect("it can be read").unwrap_or_default();
        let ready = Ready::parse(&line).unwrap_or_else(|| panic!("it is not ready: {line:?}"));
        Self { url: ready.urls.get("http").expect("its address").clone(), child }
    }

    async fn kill(mut self) {
        assert!(self.child.try_wait().expect("its state").is_none(), "it had ended by itself");
        self.child.kill().await.expect("it ends");
    }
}

struct Writer {
    path: std::path::PathBuf,
    n_lines: usize,
}

impl Writer {
    fn write(&mut self, lines: usize) {
        let mut file = std::fs::File::options().create(true).append(true).open(&self.path).expect("opened");
        let text: String = (self.n_lines..self.n_lines + lines).map(|n| format!("line {n}\n")).collect();
        file.write_all(text.as_bytes()).expect("written");
        self.n_lines += lines;
    }

    fn rotate(&self) {
        let backup = |n: usize| format!("{}.{n}", self.path.display());
        for n in (1..5).rev().filter(|n| Path::new(&backup(*n)).exists()) {
            std::fs::rename(backup(n), backup(n + 1)).expect("renamed");
        }
        std::fs::rename(&self.path, backup(1)).expect("renamed");
        std::fs::File::create(&self.path).expect("made");
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A `promtail.yml` in `folder` that sends to `url` quickly and in small batches.
fn configured(folder: &Path, url: &str) -> PathBuf {
    let (root, config) = (folder.display(), folder.join("promtail.yml"));
    let text = format!(
        "positions: {{filename: {root}/positions.yaml, sync_period: 100ms}}\n\
         clients: [{{url: '{url}/loki/api/v1/push', batchwait: 10ms, batchsize: 5000, \
         backoff_config: {{min_period: 10ms, max_period: 50ms}}}}]\n\
         scrape_configs: [{{job_name: a, static_configs: [{{labels: {{job: a, __path__: '{root}/a.log'}}}}]}}]\n"
    );
    std::fs::write(&config, text).expect("written");
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_lose_no_line_and_double_none() {
    let seed = setting("WATCHFIRE_KILLS_SEED", 1);
    println!("WATCHFIRE_KILLS_SEED={seed}");
    let mut chance = fastrand::Rng::with_seed(seed);
    let seen = Shared::default();
    let router = Router::new().route("/loki/api/v1/push", post(push)).with_state(seen.clone());
    let listener = net::bind("127.0.0.1:0".parse().expect("an address")).await.expect("a port");
    let server = Server::start(listener, router, ServerLimits::standard());
    let folder = tempfile::TempDir::with_prefix("watchfire-e2e-").expect("a folder");
    let config = configured(folder.path(), &server.url());
    let mut writer = Writer { path: folder.path().join("a.log"), n_lines: 0 };
    writer.write(1);

    for kill in 0..setting("WATCHFIRE_KILLS", KILLS) {
        locked(&seen).refusal = None;
        let agent = Agent::start(&config).await;
        // Five old files are kept, and a round makes four: before the next it has to have seen them.
        let caught_up = async || {
            let n_lines = locked(&seen).lines.len();
            if n_lines >= writer.n_lines { Ok(()) } else { Err(format!("{n_lines} of {}", writer.n_lines)) }
        };
        until("all lines so far", LIMIT, caught_up).await;
        locked(&seen).refusal = (kill % 4 == 2).then_some(StatusCode::INTERNAL_SERVER_ERROR);
        for _ in 0..chance.usize(1..4) {
            writer.write(chance.usize(1..4000));
            if chance.bool() {
                writer.rotate();
                writer.write(chance.usize(1..50));
            }
            let (before, wanted) = (locked(&seen).n_requests, chance.u64(0..12));
            let more = async || {
                let now = locked(&seen);
                let is_there = now.n_requests >= before + wanted || now.lines.len() >= writer.n_lines;
                if is_there { Ok(()) } else { Err(now.n_requests) }
            };
            until("requests", LIMIT, more).await;
        }
        agent.kill().await;
        if chance.bool() {
            writer.write(chance.usize(1..100));
            writer.rotate();
            writer.write(1);
        }
    }
    locked(&seen).refusal = None;
    let agent = Agent::start(&config).await;
    let all = async || {
        let n_lines = locked(&seen).lines.len();
        if n_lines >= writer.n_lines { Ok(()) } else { Err(format!("{n_lines} of {}", writer.n_lines)) }
    };
    until("all lines", LIMIT, all).await;
    let client = Client::new(ClientOptions::named("watchfire-e2e")).expect("a client");
    // All lines may have arrived before the last kill: then it has not looked yet.
    until("the file is a target", LIMIT, async || {
        let targets =
            client.get(&format!("{}/targets", agent.url), &[], LIMIT, 1 << 20).await.expect("a page");
        let text = String::from_utf8_lossy(&targets.body).into_owned();
        if text.contains("job a (1 files)") { Ok(()) } else { Err(text) }
    })
    .await;
    agent.kill().await;

    let seen = locked(&seen);
    println!("{} lines in {} requests", writer.n_lines, seen.n_requests);
    let got: Vec<&str> = seen.lines.iter().map(|(.., line)| line.as_str()).collect();
    let wrong = got.iter().enumerate().find(|(n, line)| **line != format!("line {n}"));
    assert!(wrong.is_none() && got.len() == writer.n_lines, "{} lines, {wrong:?}", got.len());
}
