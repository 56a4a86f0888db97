//! A receiver of pushes that does as it is told, and a shipper before it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use net::{Server, ServerLimits};
use shipper::{BufferOptions, Running, Settings, Shipper};
use tokio::net::TcpSocket;

/// Long enough for anything that is waited for on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// What a request is answered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Answer {
    Take,
    Status(u16),
    /// Takes it and does not say so.
    Hang,
}

/// A line that came.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Got {
    pub labels: String,
    pub at_ns: i64,
    pub line: String,
    pub metadata: String,
    pub tenant: String,
}

#[derive(Debug)]
pub(crate) struct Seen {
    pub answer: Answer,
    /// In the order in which they came, repeats too.
    pub got: Vec<Got>,
    pub authorization: Option<String>,
}

type Shared = Arc<Mutex<Seen>>;

pub(crate) struct Receiver {
    server: Option<Server>,
    addr: SocketAddr,
    /// Bound to its port and never listening, so that nobody else is given it while the receiver is down.
    _place: TcpSocket,
    seen: Shared,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let seen = Seen { answer: Answer::Take, got: Vec::new(), authorization: None };
        let place = TcpSocket::new_v4().expect("a socket");
        place.set_reuseaddr(true).expect("set");
        place.bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
        let addr = place.local_addr().expect("bound");
        let mut receiver = Self { server: None, addr, _place: place, seen: Arc::new(Mutex::new(seen)) };
        receiver.up().await;
        receiver
    }

    pub(crate) async fn up(&mut self) {
        let router = Router::new().route("/loki/api/v1/push", post(push)).with_state(self.seen.clone());
        let limits = ServerLimits { stop_timeout: Duration::from_millis(10), ..ServerLimits::standard() };
        let server = Server::start(net::bind(self.addr).await.expect("a port"), router, limits);
        self.server = Some(server);
    }

    pub(crate) async fn down(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
    }

    pub(crate) fn answer(&self, answer: Answer) {
        self.seen().answer = answer;
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().got.iter().map(|got| got.line.clone()).collect()
    }

    /// Lines without repeats: the same stream, moment and text, as a store tells them.
    pub(crate) fn stored(&self) -> Vec<String> {
        let mut all = self.seen().got.clone();
        all.sort();
        all.dedup();
        all.sort_by_key(|got| got.at_ns);
        all.into_iter().map(|got| got.line).collect()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/loki/api/v1/push", self.addr)
    }
}

async fn push(State(seen): State<Shared>, headers: HeaderMap, body: Bytes) -> (StatusCode, &'static str) {
    let answer = {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        seen.authorization = header("authorization");
        assert_eq!(header("content-type").as_deref(), Some("application/x-protobuf"));
        let decoded = logwire::read_protobuf(&body, 64 << 20).expect("a push");
        assert!(decoded.refused.is_empty() && !decoded.streams.is_empty());
        if matches!(seen.answer, Answer::Take | Answer::Hang) {
            for stream in decoded.streams {
                seen.got.extend(stream.entries.into_iter().map(|entry| Got {
                    labels: stream.labels.to_string(),
                    at_ns: entry.at.0,
                    line: entry.line,
                    metadata: entry.metadata.to_string(),
                    tenant: header("x-scope-orgid").unwrap_or_default(),
                }));
            }
        }
        seen.answer
    };
    match answer {
        Answer::Take => (StatusCode::NO_CONTENT, ""),
        Answer::Status(status) => (StatusCode::from_u16(status).expect("a status"), "not now"),
        Answer::Hang => std::future::pending().await,
    }
}

/// A folder with logs, positions and a buffer, and the configuration that ships them.
pub(crate) struct Site {
    pub folder: tempfile::TempDir,
    /// What the client's and the job's settings are beside the usual, each a line of YAML.
    pub client: String,
    pub job: String,
    pub buffer_bytes: u64,
    /// How long an answer is waited for: so long that a machine that is halted for a while makes no repeats.
    pub timeout: &'static str,
}

impl Site {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("log")).expect("made");
        Self { folder, client: String::new(), job: String::new(), buffer_bytes: 64 << 20, timeout: "5m" }
    }

    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.folder.path().join("log").join(name)
    }

    pub(crate) fn positions(&self) -> PathBuf {
        self.folder.path().join("positions.yaml")
    }

    fn settings(&self, receiver: &Receiver) -> Settings {
        let root = self.folder.path().display();
        let text = format!(
            "positions: {{filename: {root}/positions.yaml, sync_period: 50ms}}\n\
             target_config: {{sync_period: 200ms}}\n\
             clients:\n- url: {}\n  batchwait: 20ms\n  batchsize: 20000\n  timeout: {}\n  \
             backoff_config: {{min_period: 20ms, max_period: 100ms}}\n{}\
             scrape_configs:\n- job_name: test\n  static_configs:\n  - targets: [localhost]\n    \
             labels: {{job: test, __path__: '{root}/log/*.log', __path_exclude__: '{root}/log/no*'}}\n{}",
            receiver.url(),
            self.timeout,
            self.client,
            self.job,
        );
        Settings::parse(Path::new("p.yml"), &text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    pub(crate) fn start(&self, receiver: &Receiver) -> Ship {
        let options = BufferOptions { bytes_max: self.buffer_bytes, ..BufferOptions::standard() };
        let shipper = Shipper::open(self.settings(receiver), &options).expect("opened");
        let metrics = shipper.metrics();
        Ship { metrics, running: shipper.start().expect("started") }
    }
}

pub(crate) struct Ship {
    metrics: Arc<dyn Fn() -> String + Send + Sync>,
    running: Running,
}

impl Ship {
    /// The sum of all series of a family.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let text = (self.metrics)();
        let values = text.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            rest.starts_with([' ', '{']).then(|| rest.rsplit_once(' ').map_or(rest, |(_, value)| value))
        });
        values.map(|value| value.parse::<f64>().expect("a number")).sum()
    }

    pub(crate) async fn stop(self) {
        self.running.stop().await;
    }
}

/// Waits until `is_so` says so.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Lines `from..until`, each with its break.
pub(crate) fn numbered(from: usize, until: usize) -> String {
    (from..until).map(|n| format!("line {n}\n")).collect()
}

pub(crate) fn expected(until: usize) -> Vec<String> {
    (0..until).map(|n| format!("line {n}")).collect()
}

/// That `got` are the lines `0..until`, once and in order; shows only where it is not so.
pub(crate) fn assert_all(got: &[String], until: usize) {
    let wanted = expected(until);
    let place = got.iter().zip(&wanted).position(|(got, wanted)| got != wanted);
    let around = place.map(|at| (at, &got[at.saturating_sub(1)..got.len().min(at + 3)]));
    assert!(around.is_none() && got.len() == until, "{} lines of {until}, other at {around:?}", got.len());
}

pub(crate) fn append(path: &Path, text: &str) {
    use std::io::Write;
    let mut file = std::fs::File::options().create(true).append(true).open(path).expect("opened");
    file.write_all(text.as_bytes()).expect("written");
}
