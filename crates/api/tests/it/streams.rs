//! Large answers, and clients that leave.

use std::sync::{Arc, Condvar, Mutex};

use model::{Labels, TimestampMs};
use promql::script::MemoryStore;
use serde_json::Value;
use storage::{MetricQuery, QueryError, Selection, SeriesSet};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::services::{NOW_MS, Site, store};

/// A store whose searches wait at a gate.
#[derive(Default)]
pub(crate) struct Gate {
    store: MemoryStore,
    open: Mutex<bool>,
    moved: Condvar,
}

impl Gate {
    pub(crate) fn closed() -> Arc<Self> {
        Arc::new(Self { store: store(), ..Self::default() })
    }

    pub(crate) fn open(&self) {
        *self.open.lock().expect("no panic") = true;
        self.moved.notify_all();
    }
}

impl MetricQuery for Gate {
    fn select(&self, selection: &Selection<'_>) -> Result<Box<dyn SeriesSet>, QueryError> {
        let open = self.open.lock().expect("no panic");
        drop(self.moved.wait_while(open, |open| !*open).expect("no panic"));
        self.store.select(selection)
    }

    fn label_names(&self, selection: &Selection<'_>) -> Result<Vec<String>, QueryError> {
        self.store.label_names(selection)
    }

    fn label_values(&self, name: &str, selection: &Selection<'_>) -> Result<Vec<String>, QueryError> {
        self.store.label_values(name, selection)
    }

    fn time_span(&self) -> Option<(TimestampMs, TimestampMs)> {
        self.store.time_span()
    }
}

/// Asks and does not wait for an answer; dropping it is leaving.
async fn ask(site: &Site) -> TcpStream {
    let mut stream = TcpStream::connect(site.prometheus.addr()).await.expect("it listens");
    let request = b"GET /api/v1/query?query=up HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(request).await.expect("sent");
    stream
}

#[tokio::test]
async fn a_query_ends_when_its_client_leaves() {
    let gate = Gate::closed();
    let site = Site::over(gate.clone()).await;
    let client = ask(&site).await;
    site.until("prometheus_engine_queries", 1.0).await;
    drop(client);
    // Only the test's own connection is left: the server has seen the other one go.
    site.until("http_server_connections_open", 1.0).await;
    gate.open();
    site.until("watchfire_api_queries_canceled_total", 1.0).await;
    site.until("prometheus_engine_queries", 0.0).await;
    site.stop().await;
}

#[tokio::test]
async fn a_client_that_leaves_the_queue_is_forgotten() {
    let gate = Gate::closed();
    let site = Site::over(gate.clone()).await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(ask(&site).await);
    }
    site.until("prometheus_engine_queries", 20.0).await;
    let late = ask(&site).await;
    site.until("watchfire_api_queries_waiting", 1.0).await;
    drop(late);
    site.until("watchfire_api_queries_waiting", 0.0).await;
    // One that waits gives up when its time is up, whatever runs before it.
    let (status, body) = site.get("/api/v1/query?query=up&timeout=10ms").await;
    assert_eq!(status, 503, "{body}");
    gate.open();
    site.until("prometheus_engine_queries", 0.0).await;
    assert_eq!(site.get("/api/v1/query?query=up").await.0, 200);
    drop(clients);
    site.stop().await;
}

/// 200 series with 2000 values each: about 10 MB of JSON.
fn large() -> MemoryStore {
    let mut store = MemoryStore::new();
    for i in 0..200 {
        let labels = Labels::from_pairs([("__name__", "m".to_owned()), ("i", format!("{i:03}"))]);
        for step in 0..2000 {
            assert!(store.push(&labels, NOW_MS + step * 1000, (step * i) as f64 / 7.0));
        }
    }
    store
}

#[tokio::test]
async fn large_answers_arrive_whole() {
    let site = Site::over(Arc::new(large())).await;
    let start = NOW_MS / 1000 + 1;
    let path = format!("/api/v1/query_range?query=m&start={start}&end={}&step=1", start + 1999);
    let (status, body) = site.get(&path).await;
    assert_eq!(status, 200);
    let answer: Value = serde_json::from_str(&body).expect("JSON");
    let rows = answer["data"]["result"].as_array().expect("rows");
    assert_eq!(rows.len(), 200);
    for (i, row) in rows.iter().enumerate() {
        let points = row["values"].as_array().expect("points");
        assert_eq!(points.len(), 2000);
        let last: f64 = points[1000][1].as_str().expect("a text").parse().expect("a number");
        assert_eq!(last, (1000 * i) as f64 / 7.0);
    }
    site.stop().await;
}

#[tokio::test]
async fn leaving_in_the_middle_of_an_answer_harms_nobody() {
    let site = Site::over(Arc::new(large())).await;
    for _ in 0..5 {
        let mut stream = TcpStream::connect(site.prometheus.addr()).await.expect("it listens");
        let start = NOW_MS / 1000 + 1;
        let path = format!("/api/v1/query_range?query=m&start={start}&end={}&step=1", start + 1999);
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        stream.readable().await.expect("the answer begins");
    }
    site.until("http_server_connections_open", 1.0).await;
    assert_eq!(site.get("/api/v1/query?query=1").await.0, 200);
    site.stop().await;
}
