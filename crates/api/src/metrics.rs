//! What the API counts: requests by route and code, queries and how long they take.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::{Body, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use promql::Limit;

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

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfLimit {
    limit: &'static str,
}

/// Under Prometheus' names; clones share their counts.
#[derive(Debug, Clone)]
pub struct ApiMetrics {
    requests: Family<HandlerCode, Counter>,
    request_seconds: Family<Handler, Histogram, fn() -> Histogram>,
    queries_now: Gauge,
    queries_waiting: Gauge,
    pushes_waiting: Gauge,
    queries_canceled: Counter,
    queries_refused: Family<OfLimit, Counter>,
    line_queries_refused: Family<OfLimit, Counter>,
    line_queries_together: Counter,
    line_readings_put_off: Counter,
    query_seconds: Histogram,
    tails_refused: Counter,
    tail_dropped_lines: Counter,
    why_timeouts: Counter,
    streams_now: Gauge,
    streams_refused: Counter,
}

/// Counts one as long as it lives.
pub(crate) struct Counting(Gauge);

impl Counting {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl ApiMetrics {
    /// Adds all to `registry`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(|| Histogram::new(REQUEST_BUCKETS_S)),
            queries_now: Gauge::default(),
            queries_waiting: Gauge::default(),
            pushes_waiting: Gauge::default(),
            queries_canceled: Counter::default(),
            queries_refused: Family::default(),
            line_queries_refused: Family::default(),
            line_queries_together: Counter::default(),
            line_readings_put_off: Counter::default(),
            query_seconds: Histogram::new(QUERY_BUCKETS_S),
            tails_refused: Counter::default(),
            tail_dropped_lines: Counter::default(),
            why_timeouts: Counter::default(),
            streams_now: Gauge::default(),
            streams_refused: Counter::default(),
        };
        metrics.register_all(registry);
        metrics
    }

    fn register_all(&self, registry: &mut Registry) {
        let max: Gauge = Gauge::default();
        max.set(crate::run::QUERIES_MAX as i64);
        let http = registry.sub_registry_with_prefix("prometheus_http");
        http.register("requests", "HTTP requests by route and code", self.requests.clone());
        http.register(
            "request_duration_seconds",
            "Time to answer HTTP requests",
            self.request_seconds.clone(),
        );
        let engine = registry.sub_registry_with_prefix("prometheus_engine");
        engine.register("queries", "Queries being evaluated", self.queries_now.clone());
        engine.register("queries_concurrent_max", "Queries that may be evaluated at once", max);
        let name = "query_duration_histogram_seconds";
        engine.register(name, "Time to evaluate queries", self.query_seconds.clone());
        let own = registry.sub_registry_with_prefix("watchfire_api");
        own.register("queries_waiting", "Queries that wait for their turn", self.queries_waiting.clone());
        let help = "Pushes of logs that wait for their turn";
        own.register("pushes_waiting", help, self.pushes_waiting.clone());
        let help = "Queries given up because their client left or their time was up";
        own.register("queries_canceled", help, self.queries_canceled.clone());
        let help = "Queries refused because they passed a limit, by its name";
        own.register("queries_refused", help, self.queries_refused.clone());
        let help = "Readers of live lines refused because there are too many";
        own.register("tails_refused", help, self.tails_refused.clone());
        let help = "Live lines that their reader was too slow for";
        own.register("tail_dropped_lines", help, self.tail_dropped_lines.clone());
        let help = "LogQL queries refused because they passed a limit, by its name";
        own.register("line_queries_refused", help, self.line_queries_refused.clone());
        let help = "LogQL queries that shared what they read with others of their round";
        own.register("line_queries_together", help, self.line_queries_together.clone());
        let help = "Functions over lines that were too much beside others and were read by themselves";
        own.register("line_readings_put_off", help, self.line_readings_put_off.clone());
        let help = "Empty answers for whose reason there was not enough time";
        own.register("why_timeouts", help, self.why_timeouts.clone());
        own.register("streams", "Pages that are sent their rounds of queries", self.streams_now.clone());
        let help = "Streams of rounds refused because there were too many";
        own.register("streams_refused", help, self.streams_refused.clone());
        for limit in logql::Limit::ALL {
            drop(self.line_queries_refused.get_or_create(&OfLimit { limit: limit.as_str() }));
        }
        // There from the start, so that a rate over them sees the first.
        for limit in Limit::ALL {
            drop(self.queries_refused.get_or_create(&OfLimit { limit: limit.as_str() }));
        }
    }

    /// Counts one that waits, until it is dropped.
    pub(crate) fn waiting(&self) -> Counting {
        Counting::new(&self.queries_waiting)
    }

    /// Counts a stream of rounds, until it is dropped.
    pub(crate) fn stream(&self) -> Counting {
        Counting::new(&self.streams_now)
    }

    /// Counts a stream of rounds for which there was no room.
    pub(crate) fn stream_refused(&self) {
        self.streams_refused.inc();
    }

    /// Counts an empty answer whose reason took too long to find.
    pub(crate) fn why_timed_out(&self) {
        self.why_timeouts.inc();
    }

    /// Counts a push that waits, until it is dropped.
    pub(crate) fn push_waiting(&self) -> Counting {
        Counting::new(&self.pushes_waiting)
    }

    /// Counts a query that was given up.
    pub(crate) fn canceled(&self) {
        self.queries_canceled.inc();
    }

    /// Counts a query that passed a limit.
    pub(crate) fn refused(&self, limit: Limit) {
        self.queries_refused.get_or_create(&OfLimit { limit: limit.as_str() }).inc();
    }

    /// Counts a LogQL query that passed a limit.
    pub(crate) fn refused_lines(&self, limit: logql::Limit) {
        self.line_queries_refused.get_or_create(&OfLimit { limit: limit.as_str() }).inc();
    }

    /// Counts LogQL queries that were read together.
    pub(crate) fn read_together(&self, queries: u64) {
        self.line_queries_together.inc_by(queries);
    }

    /// Counts functions over lines that were put off.
    pub(crate) fn put_off(&self, readings: u64) {
        self.line_readings_put_off.inc_by(readings);
    }

    /// Counts a reader of live lines that was refused.
    pub(crate) fn tail_refused(&self) {
        self.tails_refused.inc();
    }

    /// Counts live lines that were dropped.
    pub(crate) fn tail_dropped(&self, lines: u64) {
        self.tail_dropped_lines.inc_by(lines);
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

/// Marks an answer that goes on as long as somebody reads it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Endless;

/// Middleware: counts a request under its route, never under the path as sent, when its answer has been sent or given
/// up; an endless one when it begins, since how long somebody reads is not how long we take.
pub(crate) async fn count(State(metrics): State<ApiMetrics>, request: Request, next: Next) -> Response {
    let handler =
        request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let started = Instant::now();
    let response = next.run(request).await;
    let code = response.status().as_u16();
    let counted = Counted { metrics, handler, code, started };
    if response.extensions().get::<Endless>().is_some() {
        return response;
    }
    response.map(|body| Body::new(CountedBody { body, _counted: counted }))
}

/// Counts a request when dropped.
struct Counted {
    metrics: ApiMetrics,
    handler: String,
    code: u16,
    started: Instant,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let (handler, code) = (std::mem::take(&mut self.handler), self.code);
        let seconds = self.metrics.request_seconds.get_or_create(&Handler { handler: handler.clone() });
        seconds.observe(self.started.elapsed().as_secs_f64());
        self.metrics.requests.get_or_create(&HandlerCode { handler, code }).inc();
    }
}

/// An answer on its way.
struct CountedBody {
    body: Body,
    _counted: Counted,
}

impl HttpBody for CountedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
