//! What the API counts: requests by route and code, queries and how long they take.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Prometheus' own bounds for requests.
const REQUEST_BUCKETS_S: [f64; 8] = [0.1, 0.2, 0.4, 1.0, 3.0, 8.0, 20.0, 60.0];
/// From a millisecond to a query's time-out.
const QUERY_BUCKETS_S: [f64; 10] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HandlerCode {
    handler: String,
    code: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Handler {
    handler: String,
}

/// Under Prometheus' names; clones share their counts.
#[derive(Debug, Clone)]
pub struct ApiMetrics {
    requests: Family<HandlerCode, Counter>,
    request_seconds: Family<Handler, Histogram, fn() -> Histogram>,
    queries_now: Gauge,
    query_seconds: Histogram,
}

impl ApiMetrics {
    /// Adds all to `registry`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(|| Histogram::new(REQUEST_BUCKETS_S)),
            queries_now: Gauge::default(),
            query_seconds: Histogram::new(QUERY_BUCKETS_S),
        };
        let max: Gauge = Gauge::default();
        max.set(crate::run::QUERIES_MAX as i64);
        registry.register(
            "prometheus_http_requests",
            "HTTP requests by route and code",
            metrics.requests.clone(),
        );
        registry.register(
            "prometheus_http_request_duration_seconds",
            "Time to answer HTTP requests",
            metrics.request_seconds.clone(),
        );
        registry.register(
            "prometheus_engine_queries",
            "Queries being evaluated",
            metrics.queries_now.clone(),
        );
        registry.register(
            "prometheus_engine_queries_concurrent_max",
            "Queries that may be evaluated at once",
            max,
        );
        registry.register(
            "prometheus_engine_query_duration_histogram_seconds",
            "Time to evaluate queries",
            metrics.query_seconds.clone(),
        );
        metrics
    }

    /// Counts and times a query.
    pub(crate) fn query<T>(&self, evaluate: impl FnOnce() -> T) -> T {
        self.queries_now.inc();
        let started = Instant::now();
        let result = evaluate();
        self.query_seconds.observe(started.elapsed().as_secs_f64());
        self.queries_now.dec();
        result
    }
}

/// Middleware: counts a request under its route, never under the path as sent.
pub(crate) async fn count(State(metrics): State<ApiMetrics>, request: Request, next: Next) -> Response {
    let handler =
        request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let started = Instant::now();
    let response = next.run(request).await;
    let seconds = started.elapsed().as_secs_f64();
    metrics.request_seconds.get_or_create(&Handler { handler: handler.clone() }).observe(seconds);
    metrics.requests.get_or_create(&HandlerCode { handler, code: response.status().as_u16() }).inc();
    response
}
