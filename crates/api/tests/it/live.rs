//! Rounds that come by themselves: what is in them, and that a page that leaves takes its queries with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use model::TimestampMs;
use promql::script::MemoryStore;
use serde_json::{Value, json};
use storage::{MetricQuery, QueryError, Selection, SeriesSet};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::services::{LIMIT, NOW_MS, Site, object, store};
use crate::streams::Gate;

/// An answer that goes on; dropping it is leaving.
struct Stream {
    tcp: BufReader<TcpStream>,
    /// What has come of the next event.
    text: String,
}

impl Stream {
    /// Status, head, and the rest.
    async fn open(site: &Site, request: &Value) -> (u16, String, Self) {
        let mut tcp = TcpStream::connect(site.ui.addr()).await.expect("it listens");
        let body = request.to_string();
        let length = body.len();
        let text = format!(
            "POST /api/ui/stream HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        tcp.write_all(text.as_bytes()).await.expect("sent");
        let (mut tcp, mut head) = (BufReader::new(tcp), String::new());
        while !head.ends_with("\r\n\r\n") {
            assert!(tcp.read_line(&mut head).await.expect("a head") > 0, "{head}");
        }
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        (status, head, Self { tcp, text: String::new() })
    }

    /// The next event and its data; `None` when the stream has ended as it should.
    async fn event(&mut self) -> Option<(String, Value)> {
        let next = async {
            loop {
                if let Some((event, rest)) = self.text.split_once("\n\n") {
                    let (event, rest) = (event.to_owned(), rest.to_owned());
                    self.text = rest;
                    if !event.starts_with(':') {
                        return Some(read(&event));
                    }
                } else if !self.piece().await {
                    return None;
                }
            }
        };
        tokio::time::timeout(LIMIT, next).await.expect("an event in time")
    }

    /// Reads a chunk; `false` after the last.
    async fn piece(&mut self) -> bool {
        let mut size = String::new();
        self.tcp.read_line(&mut size).await.expect("a size");
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or_else(|_| panic!("no size: {size:?}"));
        let mut chunk = vec![0; size + 2];
        self.tcp.read_exact(&mut chunk).await.expect("a chunk");
        self.text.push_str(std::str::from_utf8(&chunk[..size]).expect("UTF-8"));
        size > 0
    }
}

fn read(event: &str) -> (String, Value) {
    let (name, data) = event.split_once('\n').expect("two lines");
    let name = name.strip_prefix("event: ").expect("a name");
    let data = data.strip_prefix("data: ").expect("data");
    (name.to_owned(), serde_json::from_str(data).unwrap_or_else(|e| panic!("{e}: {data}")))
}

/// Every second, at once: the last minute of `exprs`, which moves from second to second.
fn asked(exprs: &[&str]) -> Value {
    let target = |(i, expr): (usize, &&str)| json!({"id": i.to_string(), "expr": expr, "step_ms": 1000});
    let targets: Vec<Value> = exprs.iter().enumerate().map(target).collect();
    let moves = vec![json!({"grain_ms": 1000, "from": 0, "to": 0}); exprs.len()];
    json!({
        "round": {"from": NOW_MS - 90_000, "to": NOW_MS - 30_000, "targets": targets},
        "moves": moves, "every_ms": 1000, "first_ms": 0,
    })
}

#[tokio::test]
async fn rounds_are_what_the_page_would_ask() {
    let site = Site::start().await;
    let (status, head, mut stream) = Stream::open(&site, &asked(&["up", "up{", "vector(1)"])).await;
    assert_eq!(status, 200, "{head}");
    assert!(
        head.contains("content-type: text/event-stream\r\n") && head.contains("x-accel-buffering: no"),
        "{head}"
    );
    for _ in 0..3 {
        let (name, data) = stream.event().await.expect("a round");
        assert_eq!(name, "round");
        let by_ms = data["elapsed_ms"].as_i64().expect("a number") / 1000 * 1000;
        let results = data["results"].as_array().expect("results");
        assert_eq!(results[0]["start"], NOW_MS - 90_000 + by_ms, "{data}");
        assert_eq!((&results[0]["count"], &results[0]["series"][0]["values"][60]), (&json!(61), &json!(1)));
        assert!(results[1]["error"]["message"].is_string() || results[1]["same"] == true, "{data}");
    }
    site.stop().await;
}

#[tokio::test]
async fn an_answer_that_stays_the_same_is_sent_once() {
    let site = Site::start().await;
    let mut request = asked(&["up", "up{", "sum(up)"]);
    for at in [0, 1] {
        request["moves"][at] = json!({"grain_ms": 1000});
    }
    let (_, _, mut stream) = Stream::open(&site, &request).await;
    let (_, first) = stream.event().await.expect("a round");
    assert_eq!(first["results"][0]["series"].as_array().map(Vec::len), Some(2), "{first}");
    let (_, second) = stream.event().await.expect("a round");
    assert_eq!(second["results"][0], json!({"id": "0", "same": true}));
    assert_eq!(second["results"][1], json!({"id": "1", "same": true}));
    assert!(second["results"][2]["series"].is_array(), "its span has moved: {second}");
    site.stop().await;
}

#[tokio::test]
async fn there_is_room_for_so_many_pages() {
    let site = Site::start().await;
    let request = asked(&["up"]);
    let mut open = Vec::new();
    for _ in 0..64 {
        let (status, head, stream) = Stream::open(&site, &request).await;
        assert_eq!(status, 200, "{head}");
        open.push(stream);
    }
    assert_eq!(site.metric("watchfire_api_streams").await, 64.0);
    let (status, head, _) = Stream::open(&site, &request).await;
    assert_eq!(status, 503, "{head}");
    assert!(head.contains("retry-after: 60"), "{head}");
    let (_, body) = site.post_ui("/api/ui/stream", &request).await;
    assert!(body.contains("64 pages are sent their rounds already"), "{body}");
    assert_eq!(site.metric("watchfire_api_streams_refused_total").await, 2.0);
    // One leaves, another comes.
    open.pop();
    site.until("watchfire_api_streams", 63.0).await;
    assert_eq!(Stream::open(&site, &request).await.0, 200);
    // All are read to their end when the monitor stops: none is cut in the middle, as those are that hold up the stop.
    site.stop().await;
    while open[0].event().await.is_some() {}
}

#[tokio::test]
async fn a_page_that_leaves_takes_its_queries_with_it() {
    let gate = Gate::closed();
    let site = Site::over(gate.clone()).await;
    let (status, _, stream) = Stream::open(&site, &asked(&["up"])).await;
    assert_eq!(status, 200);
    site.until("prometheus_engine_queries", 1.0).await;
    drop(stream);
    site.until("watchfire_api_streams", 0.0).await;
    gate.open();
    site.until("watchfire_api_queries_canceled_total", 1.0).await;
    site.until("prometheus_engine_queries", 0.0).await;
    site.stop().await;
}

#[tokio::test]
async fn a_span_that_has_grown_too_long_ends_the_stream_in_words() {
    let site = Site::start().await;
    let mut request = asked(&["up"]);
    // Some rounds short of the limit.
    request["round"]["from"] = json!(NOW_MS - 30_000 - 10_995_000);
    request["moves"][0] = json!({"grain_ms": 1000, "to": 0});
    let (status, _, mut stream) = Stream::open(&site, &request).await;
    assert_eq!(status, 200);
    loop {
        let (name, data) = stream.event().await.expect("an event");
        if name == "end" {
            assert!(data["message"].as_str().is_some_and(|m| m.contains("more than 11000 points")), "{data}");
            break;
        }
    }
    assert!(stream.event().await.is_none(), "it ends there");
    site.stop().await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_before_it_begins() {
    let site = Site::start().await;
    for (part, value) in [("every_ms", json!(10)), ("moves", json!([])), ("first_ms", json!(5000))] {
        let mut request = asked(&["up"]);
        request[part] = value;
        let (status, body) = site.post_ui("/api/ui/stream", &request).await;
        assert_eq!(status, 400, "{part}: {body}");
    }
    assert_eq!(site.metric("watchfire_api_streams").await, 0.0);
    site.stop().await;
}

/// A store that answers the first search, and keeps all others waiting.
struct Stuck(MemoryStore, AtomicUsize, Arc<Gate>);

impl MetricQuery for Stuck {
    fn select(&self, selection: &Selection<'_>) -> Result<Box<dyn SeriesSet>, QueryError> {
        match self.1.fetch_add(1, Ordering::Relaxed) {
            0 => self.0.select(selection),
            _ => self.2.select(selection),
        }
    }

    fn label_names(&self, selection: &Selection<'_>) -> Result<Vec<String>, QueryError> {
        self.0.label_names(selection)
    }

    fn label_values(&self, name: &str, selection: &Selection<'_>) -> Result<Vec<String>, QueryError> {
        self.0.label_values(name, selection)
    }

    fn time_span(&self) -> Option<(TimestampMs, TimestampMs)> {
        self.0.time_span()
    }
}

#[tokio::test]
async fn a_reason_that_takes_too_long_is_counted_and_left_out() {
    let gate = Gate::closed();
    let site = Site::over(Arc::new(Stuck(store(), AtomicUsize::new(0), gate.clone()))).await;
    let target = json!({"id": "A", "expr": "nothing_like_it", "step_ms": 1000});
    let request = json!({"from": NOW_MS - 1000, "to": NOW_MS, "targets": [target], "why": true});
    let (status, body) = site.post_ui("/api/ui/query", &request).await;
    let result = object(&body)["results"][0].clone();
    assert!(status == 200 && result["series"] == json!([]) && result.get("why").is_none(), "{body}");
    assert_eq!(site.metric("watchfire_api_why_timeouts_total").await, 1.0);
    gate.open();
    site.stop().await;
}
