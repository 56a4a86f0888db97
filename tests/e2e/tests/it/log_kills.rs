//! `kill -9` under pushes of logs: whatever the monitor has acknowledged is there afterwards, once and in its order.
//!
//! Each sender pushes numbered lines to a stream of its own, some in JSON, some in protobuf; the first also has all lines written to files
//! now and then, so that kills fall into pushes, into packing and into files. Who heard no answer sends the same push to the next monitor.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use e2e::{RunningMonitor, until};
use model::{Labels, LogEntry, TimestampNs};
use net::{Client, ClientError, ClientOptions, Fetched};
use serde_json::{Value, json};
use storage::StreamPush;
use tokio::task::JoinSet;

/// A few in each run; `WATCHFIRE_KILLS=100` asks for more, `WATCHFIRE_KILLS_SEED` repeats a run.
const KILLS: u64 = 6;
const SENDERS: u64 = 4;
const LINES_PER_PUSH: u64 = 25;
/// Pushes of all senders that are acknowledged between two kills, at the most.
const PUSHES_MAX: u64 = 200;
/// The first sender has lines written to files after so many pushes.
const FLUSH_EVERY: u64 = 10;
const LIMIT: Duration = Duration::from_secs(180);
/// Lines that one query gives, below Loki's limit of 5000.
const PAGE: u64 = 4000;
/// Between two lines.
const LINE_NS: i64 = 1_000_000;
/// Senders are to be limited by nothing but the monitor.
const LOKI_YML: &str = "limits_config: {ingestion_rate_mb: 10000, ingestion_burst_size_mb: 1000, per_stream_rate_limit: 10GB, per_stream_rate_limit_burst: 10GB}\n";

/// Someone who sends lines, and how many pushes were acknowledged.
#[derive(Debug)]
struct Sender {
    number: u64,
    begun_ns: i64,
    acknowledged: u64,
}

impl Sender {
    fn line(&self, n: u64) -> String {
        format!("line {n} of sender {}", self.number)
    }

    fn at_ns(&self, n: u64) -> i64 {
        self.begun_ns + n as i64 * LINE_NS
    }

    /// The first push that was not acknowledged.
    async fn push(&self, client: &Client, url: &str) -> Result<Fetched, ClientError> {
        let url = format!("{}/loki/api/v1/push", url.trim_end_matches('/'));
        let first = self.acknowledged * LINES_PER_PUSH;
        let lines = (first..first + LINES_PER_PUSH).map(|n| (self.at_ns(n), self.line(n)));
        let number = self.number.to_string();
        if self.number.is_multiple_of(2) {
            let values: Vec<_> = lines.map(|(at, line)| (at.to_string(), line)).collect();
            let stream = json!({ "stream": { "job": "kills", "sender": number }, "values": values });
            return client.post_json(&url, &json!({ "streams": [stream] }), &[], LIMIT).await;
        }
        let entry = |(at, line)| LogEntry { at: TimestampNs(at), line, metadata: Labels::empty() };
        let labels = Labels::from_pairs([("job", "kills"), ("sender", &number)]);
        let body = logwire::encode(&[StreamPush { labels, entries: lines.map(entry).collect() }]);
        let headers = [("Content-Type", "application/x-protobuf")];
        client.post_bytes(&url, body.into(), &headers, LIMIT, 1 << 20).await
    }

    /// Pushes until nobody answers any more.
    async fn push_until_killed(mut self, url: String, all: Arc<AtomicU64>) -> Self {
        let client = Client::new(ClientOptions::named("watchfire-e2e")).expect("a client");
        while let Ok(answer) = self.push(&client, &url).await {
            assert_eq!(answer.status, 204, "{}", String::from_utf8_lossy(&answer.body));
            self.acknowledged += 1;
            all.fetch_add(1, Ordering::Relaxed);
            if self.number == 0 && self.acknowledged.is_multiple_of(FLUSH_EVERY) {
                // It may be killed meanwhile: then the next push finds out.
                let flush = format!("{}/flush", url.trim_end_matches('/'));
                drop(client.post_form(&flush, &[], LIMIT).await);
            }
        }
        self
    }

    /// Compares what is there with what was sent; how many lines.
    async fn compare(&self, monitor: &RunningMonitor) -> u64 {
        let acknowledged = self.acknowledged * LINES_PER_PUSH;
        let mut there = Vec::new();
        // One more push may have been stored than the sender came to hear of, and nothing beyond it.
        for first in (0..acknowledged + 2 * LINES_PER_PUSH).step_by(PAGE as usize) {
            let (from, to) = (self.at_ns(first), self.at_ns(first + PAGE));
            there.extend(lines(monitor, self.number, from, to).await);
        }
        let sent =
            if there.len() as u64 > acknowledged { acknowledged + LINES_PER_PUSH } else { acknowledged };
        let expected: Vec<_> = (0..sent).map(|n| (self.at_ns(n), self.line(n))).collect();
        let wrong = there.iter().zip(&expected).find(|(there, expected)| there != expected);
        assert!(
            there == expected,
            "sender {}: {} lines are there, {acknowledged} were acknowledged; the first that differ: {wrong:?}",
            self.number,
            there.len()
        );
        sent
    }
}

/// Lines of a sender in a span, in order of time.
async fn lines(monitor: &RunningMonitor, sender: u64, from_ns: i64, to_ns: i64) -> Vec<(i64, String)> {
    let query = format!("%7Bjob%3D%22kills%22%2Csender%3D%22{sender}%22%7D");
    let path = format!(
        "/loki/api/v1/query_range?query={query}&start={from_ns}&end={to_ns}&limit=5000&direction=forward"
    );
    let (status, body) = monitor.get_from(monitor.loki_url(), &path).await.expect("an answer");
    assert_eq!(status, 200, "{body}");
    let answer: Value = serde_json::from_str(&body).expect("JSON");
    let streams = answer["data"]["result"].as_array().expect("streams").iter();
    let values = streams.flat_map(|stream| stream["values"].as_array().expect("lines"));
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let mut lines: Vec<(i64, String)> =
        values.map(|value| (text(&value[0]).parse().expect("a moment"), text(&value[1]))).collect();
    lines.sort();
    lines
}

/// Lets all senders push to a monitor until so many pushes more are acknowledged, and kills it.
async fn life(monitor: RunningMonitor, senders: Vec<Sender>, pushes: u64) -> Vec<Sender> {
    let (all, mut running) = (Arc::new(AtomicU64::new(0)), JoinSet::new());
    for sender in senders {
        running.spawn(sender.push_until_killed(monitor.loki_url().to_owned(), all.clone()));
    }
    let enough = async || match all.load(Ordering::Relaxed) {
        now if now >= pushes => Ok(()),
        now => Err(format!("{now} of {pushes}")),
    };
    until("acknowledged pushes", LIMIT, enough).await;
    monitor.kill().await;
    running.join_all().await
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

async fn start(folder: &Path) -> RunningMonitor {
    let loki = folder.join("loki.yml");
    let arguments = ["--loki-config", loki.to_str().expect("a path"), "--housekeeping-every", "50ms"];
    RunningMonitor::start_on(&folder.join("prometheus.yml"), &folder.join("data"), &arguments).await
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_lines_survive_kill_9_once_and_in_order() {
    let seed = setting("WATCHFIRE_KILLS_SEED", 1);
    println!("WATCHFIRE_KILLS_SEED={seed}");
    let mut chance = fastrand::Rng::with_seed(seed);
    let folder = tempfile::TempDir::with_prefix("watchfire-e2e-").expect("a folder");
    std::fs::write(folder.path().join("loki.yml"), LOKI_YML).expect("written");
    std::fs::write(folder.path().join("prometheus.yml"), "scrape_configs: []\n").expect("written");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let begun_ns = now.as_nanos() as i64 - 3_600_000_000_000;
    let mut senders: Vec<Sender> =
        (0..SENDERS).map(|number| Sender { number, begun_ns, acknowledged: 0 }).collect();
    let mut compared = 0;
    for _ in 0..setting("WATCHFIRE_KILLS", KILLS) {
        let monitor = start(folder.path()).await;
        for sender in &senders {
            compared += sender.compare(&monitor).await;
        }
        senders = life(monitor, senders, chance.u64(1..PUSHES_MAX)).await;
    }
    let monitor = start(folder.path()).await;
    let mut at_the_end = 0;
    for sender in &senders {
        at_the_end += sender.compare(&monitor).await;
    }
    monitor.kill().await;
    let log = std::fs::read_to_string(folder.path().join("prometheus.log")).expect("a log");
    let bad = log.lines().find(|line| line.contains("panicked") || line.contains("set aside"));
    assert_eq!(bad, None, "in the monitor's log");
    println!("{compared} lines compared between kills, {at_the_end} at the end");
    assert!(at_the_end > 0 && compared > 0, "nothing was compared");
}
