//! The metrics of the Flask application, under its names.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::common::literal::LiteralCounter;
use crate::common::observe::{Answered, Watcher};

/// Upper bounds in seconds: those that the sources name, and two below for a service that is quick.
const BUCKETS_S: [f64; 10] = [0.0025, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    method: &'static str,
    endpoint: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InfoLabels {
    app_name: &'static str,
    version: &'static str,
}

/// `flask_app_…`.
#[derive(Debug)]
pub(crate) struct FlaskMetrics {
    requests: Arc<LiteralCounter>,
    errors: Arc<LiteralCounter>,
    durations: Family<Labels, Histogram, fn() -> Histogram>,
    active: Gauge,
}

impl FlaskMetrics {
    /// Adds them all. The error counts of `endpoints` exist from the start, so that a rate sees the first failure.
    pub(crate) fn register(
        registry: &mut Registry,
        literals: &mut Vec<Arc<LiteralCounter>>,
        endpoints: [&str; 4],
    ) -> Arc<Self> {
        let metrics = Self {
            requests: LiteralCounter::new(
                "flask_app_request_count",
                "Requests answered",
                &["method", "endpoint", "status"],
            ),
            errors: LiteralCounter::new("flask_app_error_count", "Requests answered 5xx", &["endpoint"]),
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS_S)),
            active: Gauge::default(),
        };
        endpoints.iter().for_each(|endpoint| metrics.errors.inc_by(&[endpoint], 0));
        let info: Family<InfoLabels, Gauge> = Family::default();
        let labels = InfoLabels { app_name: "flask-app", version: env!("CARGO_PKG_VERSION") };
        info.get_or_create(&labels).set(1);
        registry.register("flask_app_info", "The application and its version", info);
        registry.register(
            "flask_app_request_duration_seconds",
            "Time until an answer was ready",
            metrics.durations.clone(),
        );
        registry.register("flask_app_active_requests", "Requests being handled now", metrics.active.clone());
        literals.extend([metrics.requests.clone(), metrics.errors.clone()]);
        Arc::new(metrics)
    }
}

impl Watcher for FlaskMetrics {
    fn began(&self) {
        self.active.inc();
    }

    fn ended(&self, answered: Answered<'_>) {
        let Answered { method, endpoint, status, duration } = answered;
        self.active.dec();
        self.requests.inc_by(&[method, endpoint, &status.to_string()], 1);
        if status >= 500 {
            self.errors.inc_by(&[endpoint], 1);
        }
        let labels = Labels { method, endpoint: endpoint.to_owned() };
        self.durations.get_or_create(&labels).observe(duration.as_secs_f64());
    }
}
