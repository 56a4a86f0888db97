//! The layer around a service's routes: counts, times and logs each request as the client sees it, and fences panics.
//!
//! It stands outermost, so that it also sees unknown paths, refused methods and failures of the layers within. `/metrics`
//! is merged outside of it: watching must not change what is watched. Labels hold the route's template, never the path,
//! and one of a fixed set of methods, so no caller can make new series.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use axum::body::HttpBody;
use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use stdx::Clock;

use super::access_log::{AccessLog, Entry};
use super::reply::{Complaint, Refusal};

/// Upper bounds of the duration histogram in seconds.
const DURATION_BUCKETS_S: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0];
/// The endpoint label of requests that no route takes.
const UNMATCHED: &str = "unmatched";
/// The status label when the client left before there was an answer; nginx' number for it.
const CLIENT_LEFT: u16 = 499;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    method: &'static str,
    endpoint: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabels {
    method: &'static str,
    endpoint: Arc<str>,
    status: u16,
}

/// Rate, errors and duration of a service's requests.
#[derive(Debug, Clone)]
pub struct HttpMetrics {
    requests: Family<AnswerLabels, Counter>,
    durations: Family<AnswerLabels, Histogram, fn() -> Histogram>,
    in_progress: Family<RouteLabels, Gauge>,
    panics: Counter,
}

impl HttpMetrics {
    /// Adds `http_requests_total`, `http_request_duration_seconds`, `http_requests_in_progress` and
    /// `http_handler_panics_total`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(DURATION_BUCKETS_S)),
            in_progress: Family::default(),
            panics: Counter::default(),
        };
        registry.register("http_requests", "Requests answered", metrics.requests.clone());
        let help = "From the request's head until the answer was ready";
        registry.register("http_request_duration_seconds", help, metrics.durations.clone());
        registry.register(
            "http_requests_in_progress",
            "Requests being handled now",
            metrics.in_progress.clone(),
        );
        registry.register(
            "http_handler_panics",
            "Requests answered 500 after a panic",
            metrics.panics.clone(),
        );
        metrics
    }
}

/// Names the handler of a method and route template, as one word.
pub type ViewOf = fn(&Method, &str) -> &'static str;

/// What the layer needs.
#[derive(Debug)]
pub struct Observer {
    /// Where it counts.
    pub metrics: HttpMetrics,
    /// Where it logs.
    pub log: AccessLog,
    /// How the service calls its handlers.
    pub view_of: ViewOf,
}

/// The layer, for `axum::middleware::from_fn_with_state`.
pub async fn observe(State(observer): State<Arc<Observer>>, request: Request, next: Next) -> Response {
    let mut seen = Seen::begin(observer, &request);
    let response = match fenced(next.run(request)).await {
        Ok(response) => response,
        Err(panic) => seen.observer.panicked(&seen, panic.as_ref()),
    };
    seen.status = response.status().as_u16();
    seen.response_bytes = response.body().size_hint().exact();
    response
}

impl Observer {
    fn panicked(&self, seen: &Seen, panic: &(dyn Any + Send)) -> Response {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("unknown");
        tracing::error!(method = %seen.method, path = seen.path, panic = text, "a handler panicked");
        self.metrics.panics.inc();
        Refusal::Internal(Complaint::new("the service failed to handle this request")).into_response()
    }
}

/// A request under way. Whatever ends it, also the client's leaving, is recorded when it is dropped.
struct Seen {
    observer: Arc<Observer>,
    method: Method,
    path: String,
    endpoint: Arc<str>,
    started: Instant,
    status: u16,
    response_bytes: Option<u64>,
}

impl Seen {
    fn begin(observer: Arc<Observer>, request: &Request) -> Self {
        let endpoint = request.extensions().get::<MatchedPath>().map_or(UNMATCHED, MatchedPath::as_str);
        let seen = Self {
            observer,
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            endpoint: endpoint.into(),
            started: Instant::now(),
            status: CLIENT_LEFT,
            response_bytes: None,
        };
        seen.observer.metrics.in_progress.get_or_create(&seen.route()).inc();
        seen
    }

    fn route(&self) -> RouteLabels {
        RouteLabels { method: method_label(&self.method), endpoint: self.endpoint.clone() }
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        let duration = self.started.elapsed();
        let metrics = &self.observer.metrics;
        let route = self.route();
        metrics.in_progress.get_or_create(&route).dec();
        let answer = AnswerLabels { method: route.method, endpoint: route.endpoint, status: self.status };
        metrics.requests.get_or_create(&answer).inc();
        metrics.durations.get_or_create(&answer).observe(duration.as_secs_f64());
        self.observer.log.log(Entry {
            time_ms: stdx::SystemClock.now_ms(),
            method: self.method.clone(),
            path: std::mem::take(&mut self.path),
            view: (self.observer.view_of)(&self.method, &self.endpoint),
            endpoint: self.endpoint.clone(),
            status: self.status,
            duration,
            response_bytes: self.response_bytes,
        });
    }
}

/// A caller may send any word as a method; only these become labels.
fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// Runs `work`; a panic in it becomes an error. What `work` borrowed is dropped with it, so nothing broken is seen again.
async fn fenced<F: Future>(work: F) -> Result<F::Output, Box<dyn Any + Send>> {
    let mut work = pin!(work);
    std::future::poll_fn(move |context| {
        match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    })
    .await
}
