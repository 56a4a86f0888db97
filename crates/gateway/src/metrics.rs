//! What the gateway counts.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// The order service's buckets, so that both can be laid over one another.
const DURATION_BUCKETS_S: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0];
/// Stands in a label where no upstream or backend was reached.
pub(crate) const NONE: &str = "none";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    upstream: String,
    backend: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BackendLabels {
    upstream: String,
    backend: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FailureLabels {
    upstream: String,
    backend: String,
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CheckLabels {
    upstream: String,
    backend: String,
    result: &'static str,
}

/// All counts of one gateway. Clones share them.
#[derive(Debug, Clone)]
pub struct Metrics {
    requests: Family<RequestLabels, Counter>,
    duration: Histogram,
    retries: Counter,
    failures: Family<FailureLabels, Counter>,
    streams_broken: Counter,
    up: Family<BackendLabels, Gauge>,
    in_flight: Family<BackendLabels, Gauge>,
    checks: Family<CheckLabels, Counter>,
}

/// The counts of one backend, found once.
#[derive(Debug, Clone, Default)]
pub(crate) struct BackendMetrics {
    pub(crate) up: Gauge,
    pub(crate) in_flight: Gauge,
    checks_ok: Counter,
    checks_failed: Counter,
}

impl Metrics {
    /// Adds all of them to `registry`.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            duration: Histogram::new(DURATION_BUCKETS_S),
            retries: Counter::default(),
            failures: Family::default(),
            streams_broken: Counter::default(),
            up: Family::default(),
            in_flight: Family::default(),
            checks: Family::default(),
        };
        let of = registry.sub_registry_with_prefix("gateway");
        of.register("requests", "Requests answered, by who answered", metrics.requests.clone());
        of.register("request_duration_seconds", "Time to the head of the answer", metrics.duration.clone());
        of.register("retries", "Requests sent again after a failure", metrics.retries.clone());
        of.register(
            "attempt_failures",
            "Attempts at a backend that gave no answer",
            metrics.failures.clone(),
        );
        of.register(
            "streams_broken",
            "Streamed answers that a backend cut off",
            metrics.streams_broken.clone(),
        );
        of.register("backend_up", "Whether the backend gets requests", metrics.up.clone());
        of.register(
            "backend_requests_in_flight",
            "Requests under way at the backend",
            metrics.in_flight.clone(),
        );
        of.register("backend_checks", "Health checks by result", metrics.checks.clone());
        metrics
    }

    /// Handles for one backend; its series exist from now on.
    pub(crate) fn backend(&self, upstream: &str, backend: &str) -> BackendMetrics {
        let labels = BackendLabels { upstream: upstream.to_owned(), backend: backend.to_owned() };
        let checks = |result| {
            let BackendLabels { upstream, backend } = labels.clone();
            self.checks.get_or_create_owned(&CheckLabels { upstream, backend, result })
        };
        BackendMetrics {
            up: self.up.get_or_create_owned(&labels),
            in_flight: self.in_flight.get_or_create_owned(&labels),
            checks_ok: checks("ok"),
            checks_failed: checks("failed"),
        }
    }

    pub(crate) fn answered(&self, upstream: &str, backend: &str, status: u16, seconds: f64) {
        let labels = RequestLabels { upstream: upstream.to_owned(), backend: backend.to_owned(), status };
        self.requests.get_or_create(&labels).inc();
        self.duration.observe(seconds);
    }

    pub(crate) fn retried(&self) {
        self.retries.inc();
    }

    pub(crate) fn attempt_failed(&self, upstream: &str, backend: &str, reason: &'static str) {
        let labels = FailureLabels { upstream: upstream.to_owned(), backend: backend.to_owned(), reason };
        self.failures.get_or_create(&labels).inc();
    }

    pub(crate) fn stream_broke(&self) {
        self.streams_broken.inc();
    }
}

impl BackendMetrics {
    pub(crate) fn checked(&self, ok: bool) {
        if ok {
            self.checks_ok.inc()
        } else {
            self.checks_failed.inc()
        };
    }
}
