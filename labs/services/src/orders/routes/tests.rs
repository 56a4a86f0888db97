//! The routes over a store that fails as it is told.

use std::pin::Pin;

use axum::body::Body;
use prometheus_client::registry::Registry;
use tower::ServiceExt;

use super::*;
use crate::common::access_log::{self, LogMetrics, LogOptions, Rotation};
use crate::common::frame::observed;
use crate::common::observe::{HttpMetrics, Observer};
use crate::orders::domain::{NewOrder, Order};
use crate::orders::store::{Answer, OrderStore, PoolStatus};

/// What the store does whatever it is asked.
#[derive(Clone, Copy)]
enum Mood {
    Empty,
    Busy,
    Slow,
    Doubtful,
    Broken,
    Silent,
    Panicking,
}

struct MoodyStore(Mood);

impl MoodyStore {
    fn answer<T: Send + 'static>(&self, empty: T) -> Answer<'_, T> {
        match self.0 {
            Mood::Empty => Box::pin(std::future::ready(Ok(empty))),
            Mood::Busy => {
                Box::pin(std::future::ready(Err(StoreError::Unavailable("secret host is busy".to_owned()))))
            }
            Mood::Slow => Box::pin(std::future::ready(Err(StoreError::TimedOut("secret query".to_owned())))),
            Mood::Doubtful => {
                Box::pin(std::future::ready(Err(StoreError::InDoubt("secret host".to_owned()))))
            }
            Mood::Broken => Box::pin(std::future::ready(Err(StoreError::Failed("secret table".to_owned())))),
            Mood::Silent => Box::pin(std::future::pending()),
            Mood::Panicking => Box::pin(async { panic!("the store's own fault") }),
        }
    }
}

impl OrderStore for MoodyStore {
    fn order(&self, _id: OrderId) -> Answer<'_, Option<Order>> {
        self.answer(None)
    }

    fn create(&self, new: NewOrder) -> Answer<'_, Order> {
        let (id, status) = (OrderId(1), "pending".to_owned());
        self.answer(Order {
            id,
            customer_id: new.customer_id,
            status,
            total: new.total,
            created_at_ms: 0,
            items: vec![],
        })
    }

    fn set_status(&self, _id: OrderId, _status: OrderStatus) -> Answer<'_, ()> {
        self.answer(())
    }

    fn ping(&self) -> Answer<'_, ()> {
        self.answer(())
    }

    fn pool(&self) -> PoolStatus {
        PoolStatus { used: 3, idle: 1, connections_max: 8, waiting: 2, opened: 9, discarded: 5, timeouts: 4 }
    }

    fn kind(&self) -> &'static str {
        "moody"
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }
}

struct Bench {
    _folder: tempfile::TempDir,
    registry: Registry,
    router: Router,
}

impl Bench {
    fn new(mood: Option<Mood>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let log = LogOptions {
            folder: folder.path().to_owned(),
            instance: "orders-1".to_owned(),
            rotation: Rotation::standard(),
            application: None,
        };
        let mut registry = Registry::default();
        let (log, _writer) = access_log::start(&log, LogMetrics::default()).expect("starts");
        let database = Arc::new(Database::starting());
        registry.register_collector(Box::new(database.clone()));
        if let Some(mood) = mood {
            database.connected(Arc::new(MoodyStore(mood)));
        }
        let observer = Arc::new(Observer {
            metrics: HttpMetrics::register(&mut registry),
            log,
            view_of: Arc::new(|method, endpoint| view_of(method, endpoint).into()),
            watchers: vec![],
        });
        let shared = Arc::new(Shared { database, instance: "orders-1".to_owned(), payments: None });
        Self { _folder: folder, registry, router: observed(router(shared), None, observer) }
    }

    async fn ask(&self, method: &str, path: &str, body: &str) -> Response {
        let request = Request::builder().method(method).uri(path).body(Body::from(body.to_owned()));
        self.router.clone().oneshot(request.expect("a request")).await.expect("always an answer")
    }

    fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).expect("written");
        text
    }
}

async fn check(mood: Option<Mood>, request: (&str, &str, &str), expect: (u16, &str)) {
    let response = Bench::new(mood).ask(request.0, request.1, request.2).await;
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), 10_000).await.expect("a body");
    assert_eq!((status, String::from_utf8_lossy(&body).as_ref()), expect, "{request:?}");
}

const READ: (&str, &str, &str) = ("GET", "/api/order/7", "");
const PLACE: (&str, &str, &str) =
    ("POST", "/api/order", r#"{"customer_id":1,"items":[{"product_id":1,"quantity":1,"unit_price":1}]}"#);
const HEALTHY: (&str, &str, &str) = ("GET", "/health", "");

#[tokio::test]
async fn health_tells_the_truth() {
    let ok = r#"{"status":"ok","instance":"orders-1","database":"moody"}"#;
    check(Some(Mood::Empty), HEALTHY, (200, ok)).await;
    let not = |reason: &str| format!(r#"{{"error":{{"message":"{reason}"}}}}"#);
    check(None, HEALTHY, (503, &not("database unavailable: not connected yet"))).await;
    check(Some(Mood::Busy), HEALTHY, (503, &not("database unavailable: secret host is busy"))).await;
    check(Some(Mood::Broken), HEALTHY, (503, &not("database failed: secret table"))).await;
}

#[tokio::test(start_paused = true)]
async fn health_does_not_wait_for_ever() {
    let expect = r#"{"error":{"message":"database unavailable: no answer within 1 s"}}"#;
    check(Some(Mood::Silent), HEALTHY, (503, expect)).await;
}

#[tokio::test]
async fn a_store_s_errors_keep_their_secrets() {
    let busy = r#"{"error":{"message":"the order database does not answer, try again"}}"#;
    let failed = r#"{"error":{"message":"the service failed to handle this request"}}"#;
    for request in [READ, PLACE] {
        check(None, request, (503, busy)).await;
        check(Some(Mood::Busy), request, (503, busy)).await;
        check(Some(Mood::Slow), request, (503, busy)).await;
        check(Some(Mood::Broken), request, (500, failed)).await;
        check(Some(Mood::Panicking), request, (500, failed)).await;
    }
    let doubtful = r#"{"error":{"message":"the order database was lost at the last moment: look whether the order is there before sending it again"}}"#;
    check(Some(Mood::Doubtful), PLACE, (500, doubtful)).await;
    let retry = Bench::new(Some(Mood::Busy)).ask(READ.0, READ.1, "").await;
    assert_eq!(retry.headers().get("retry-after").expect("said"), "1");
}

#[tokio::test]
async fn ids_are_numbers() {
    let mistake = r#"{"error":{"message":"id must be a whole number","field":"id"}}"#;
    for path in ["/api/order/abc", "/api/order/-1", "/api/order/1.5", "/api/order/%FF", "/api/order/7%20"] {
        check(Some(Mood::Empty), ("GET", path, ""), (400, mistake)).await;
    }
    for id in ["7", "0", "99999999999999999999"] {
        let unknown = format!(r#"{{"error":{{"message":"id {id} is unknown","field":"id"}}}}"#);
        check(Some(Mood::Empty), ("GET", &format!("/api/order/{id}"), ""), (404, &unknown)).await;
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told() {
    let nothing = |path: &str| format!(r#"{{"error":{{"message":"there is nothing at {path}"}}}}"#);
    for path in ["/", "/api/order/", "/api/order/7/items", "/api/orders"] {
        check(Some(Mood::Empty), ("GET", path, ""), (404, &nothing(path))).await;
    }
    let refused = |method: &str, path: &str| {
        format!(r#"{{"error":{{"message":"{method} is not allowed at {path}"}}}}"#)
    };
    for (method, path) in
        [("DELETE", "/api/order/7"), ("GET", "/api/order"), ("POST", "/health"), ("BREW", "/health")]
    {
        check(Some(Mood::Empty), (method, path, ""), (405, &refused(method, path))).await;
    }
    let response = Bench::new(Some(Mood::Empty)).ask("GET", "/api/order", "").await;
    assert_eq!(response.headers().get("allow").expect("said"), "POST");
}

#[tokio::test]
async fn every_end_of_a_request_is_counted_by_template() {
    let bench = Bench::new(Some(Mood::Panicking));
    for path in ["/api/order/1", "/api/order/2", "/api/order/x", "/nowhere/1", "/nowhere/2"] {
        bench.ask("GET", path, "").await;
    }
    bench.ask("BREW", "/health", "").await;
    let text = bench.metrics();
    for line in [
        "http_requests_total{method=\"GET\",endpoint=\"/api/order/{id}\",status=\"500\"} 2",
        "http_requests_total{method=\"GET\",endpoint=\"/api/order/{id}\",status=\"400\"} 1",
        "http_requests_total{method=\"GET\",endpoint=\"unmatched\",status=\"404\"} 2",
        "http_requests_total{method=\"other\",endpoint=\"/health\",status=\"405\"} 1",
        "http_request_duration_seconds_count{method=\"GET\",endpoint=\"/api/order/{id}\",status=\"500\"} 2",
        "http_requests_in_progress{method=\"GET\",endpoint=\"/api/order/{id}\"} 0",
        "http_handler_panics_total 2",
        "db_pool_connections{state=\"used\"} 3",
        "db_pool_connections{state=\"idle\"} 1",
        "db_pool_connections_max 8",
        "db_pool_waiting 2",
        "db_pool_opened_total 9",
        "db_pool_discarded_total 5",
        "db_pool_timeouts_total 4",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    let bounds = text.lines().filter(|line| line.starts_with("http_request_duration_seconds_bucket{"));
    let first: Vec<_> = bounds.filter(|line| line.contains("status=\"405\"")).collect();
    assert_eq!(first.len(), 13, "twelve bounds and +Inf: {first:?}");
}

#[tokio::test]
async fn a_client_that_leaves_is_counted_too() {
    let bench = Bench::new(Some(Mood::Silent));
    let asked = tokio::time::timeout(Duration::from_millis(10), bench.ask("GET", "/api/order/1", "")).await;
    assert!(asked.is_err());
    let text = bench.metrics();
    let line = "http_requests_total{method=\"GET\",endpoint=\"/api/order/{id}\",status=\"499\"} 1";
    assert!(text.contains(line), "{text}");
    assert!(
        text.contains("http_requests_in_progress{method=\"GET\",endpoint=\"/api/order/{id}\"} 0"),
        "{text}"
    );
}
