//! The layer around a service's routes: counts, times and logs each request as the client sees it, and fences panics.
//!
//! It stands outermost, so that it also sees unknown paths, refused methods and failures of the layers within. `/metrics`
//! is merged outside of it: watching must not change what is watched. Labels hold the route's template, never the path,
//! and one of a fixed set of methods, so no caller can make new series.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

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

use super::access_log::{AccessLog, Entry};
use super::account::{Account, AccountMetrics, charged};
use super::reply::{Complaint, Refusal};

/// Upper bounds of the duration histogram in seconds.
const DURATION_BUCKETS_S: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0];
/// Upper bounds of the size of answers in bytes.
const SIZE_BUCKETS: [f64; 6] = [100.0, 1_000.0, 10_000.0, 100_000.0, 1_000_000.0, 10_000_000.0];
/// Upper bounds of the number of queries for one request; more than ten is a loop that should be a join.
const QUERIES_BUCKETS: [f64; 7] = [1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0];
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
    sizes: Family<RouteLabels, Histogram, fn() -> Histogram>,
    queries: Family<RouteLabels, Histogram, fn() -> Histogram>,
    all: Counter,
    panics: Counter,
    account: AccountMetrics,
}

impl HttpMetrics {
    /// Adds what `docs/metrics.md` lists for every service under *requests* and *their cost*.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(DURATION_BUCKETS_S)),
            in_progress: Family::default(),
            sizes: Family::new_with_constructor(|| Histogram::new(SIZE_BUCKETS)),
            queries: Family::new_with_constructor(|| Histogram::new(QUERIES_BUCKETS)),
            all: Counter::default(),
            panics: Counter::default(),
            account: AccountMetrics::register(registry),
        };
        metrics.add_to(registry);
        metrics
    }

    fn add_to(&self, registry: &mut Registry) {
        let metrics = self;
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
        registry.register(
            "http_response_size_bytes",
            "Size of the bodies of answers, where it is known",
            metrics.sizes.clone(),
        );
        registry.register(
            "http_request_db_queries",
            "Database queries for one request, of those that made any",
            metrics.queries.clone(),
        );
        registry.register("request_count", "Requests answered, of every kind", metrics.all.clone());
    }
}

/// Names the handler of a method and route template, as one word.
pub type ViewOf = Arc<dyn Fn(&Method, &str) -> Cow<'static, str> + Send + Sync>;

/// A request that has been answered, as a [`Watcher`] sees it.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// One of a fixed set of methods.
    pub method: &'static str,
    /// The route's template.
    pub endpoint: &'a str,
    /// Status of the answer.
    pub status: u16,
    /// From the request's head until the answer was ready.
    pub duration: Duration,
}

/// Counts requests under other names than ours, for a service that replaces another.
pub trait Watcher: fmt::Debug + Send + Sync {
    /// A request has come.
    fn began(&self);

    /// It has been answered, or the client has left.
    fn ended(&self, answered: Answered<'_>);
}

/// What the layer needs.
pub struct Observer {
    /// Where it counts.
    pub metrics: HttpMetrics,
    /// Where it logs.
    pub log: AccessLog,
    /// How the service calls its handlers.
    pub view_of: ViewOf,
    /// Told of each request.
    pub watchers: Vec<Arc<dyn Watcher>>,
}

/// The layer, for `axum::middleware::from_fn_with_state`.
pub async fn observe(State(observer): State<Arc<Observer>>, request: Request, next: Next) -> Response {
    let mut seen = Seen::begin(observer, &request);
    let response = match fenced(charged(seen.account.clone(), next.run(request))).await {
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
    account: Arc<Account>,
}

impl Seen {
    fn begin(observer: Arc<Observer>, request: &Request) -> Self {
        let endpoint = request.extensions().get::<MatchedPath>().map_or(UNMATCHED, MatchedPath::as_str);
        let account = Account::open(observer.metrics.account.clone());
        let seen = Self {
            observer,
            account,
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            endpoint: endpoint.into(),
            started: Instant::now(),
            status: CLIENT_LEFT,
            response_bytes: None,
        };
        seen.observer.metrics.in_progress.get_or_create(&seen.route()).inc();
        seen.observer.watchers.iter().for_each(|watcher| watcher.began());
        seen
    }

    fn route(&self) -> RouteLabels {
        RouteLabels { method: method_label(&self.method), endpoint: self.endpoint.clone() }
    }

    fn count(&self, duration: Duration, db_queries: u64) {
        let metrics = &self.observer.metrics;
        let route = self.route();
        metrics.in_progress.get_or_create(&route).dec();
        metrics.all.inc();
        if let Some(bytes) = self.response_bytes {
            metrics.sizes.get_or_create(&route).observe(bytes as f64);
        }
        if db_queries > 0 {
            metrics.queries.get_or_create(&route).observe(db_queries as f64);
        }
        for watcher in &self.observer.watchers {
            let endpoint = self.endpoint.as_ref();
            watcher.ended(Answered { method: route.method, endpoint, status: self.status, duration });
        }
        let answer = AnswerLabels { method: route.method, endpoint: route.endpoint, status: self.status };
        metrics.requests.get_or_create(&answer).inc();
        metrics.durations.get_or_create(&answer).observe(duration.as_secs_f64());
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        let duration = self.started.elapsed();
        let spent = self.account.spent();
        self.count(duration, spent.db_queries);
        self.observer.log.log(Entry {
            time: jiff::Timestamp::now(),
            method: self.method.clone(),
            path: std::mem::take(&mut self.path),
            view: (self.observer.view_of)(&self.method, &self.endpoint),
            endpoint: self.endpoint.clone(),
            status: self.status,
            duration,
            response_bytes: self.response_bytes,
            spent,
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
