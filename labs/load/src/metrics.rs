//! What the generator exports about itself and about what its users saw.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::outcome::{Outcome, RequestKind};
use crate::recorder::Recorder;

/// The order service's buckets, so that both sides of the same request can be laid over one another.
pub const LATENCY_BUCKETS_S: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0];
/// Timers tick in milliseconds; a start is late from here on (see [`LATE_AFTER`]).
const LAG_BUCKETS_S: [f64; 8] = [0.001, 0.002, 0.005, 0.01, 0.025, 0.1, 0.5, 2.0];
/// Beyond this a request started late: the generator, or the machine under it, was too busy. Ten timer ticks.
pub(crate) const LATE_AFTER: Duration = Duration::from_millis(10);
/// Quantiles exported as `load_latency_seconds`; 1 is the slowest.
const QUANTILES: [f64; 5] = [0.5, 0.9, 0.95, 0.99, 1.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    stage: String,
    request: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LatencyLabels {
    stage: String,
    request: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProbeLabels {
    outcome: &'static str,
}

/// All counts of one generator. Clones share them.
#[derive(Debug, Clone)]
pub struct Metrics {
    pub(crate) users: Gauge,
    pub(crate) known_orders: Gauge,
    pub(crate) connections: Counter,
    pub(crate) late_starts: Counter,
    requests: Family<RequestLabels, Counter>,
    duration: Family<LatencyLabels, Histogram, fn() -> Histogram>,
    start_lag: Histogram,
    probes: Family<ProbeLabels, Counter>,
}

/// The counts of one stage, found once and then only incremented.
#[derive(Debug, Clone)]
pub(crate) struct StageMetrics {
    kinds: [KindMetrics; RequestKind::ALL.len()],
    start_lag: Histogram,
    late_starts: Counter,
}

#[derive(Debug, Clone)]
struct KindMetrics {
    outcomes: [Counter; Outcome::ALL.len()],
    duration: Histogram,
}

impl Metrics {
    /// Adds all metrics but the recent quantiles (see [`RecentLatency`]) to `registry`.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            users: Gauge::default(),
            known_orders: Gauge::default(),
            connections: Counter::default(),
            late_starts: Counter::default(),
            requests: Family::default(),
            duration: Family::new_with_constructor(|| Histogram::new(LATENCY_BUCKETS_S)),
            start_lag: Histogram::new(LAG_BUCKETS_S),
            probes: Family::default(),
        };
        metrics.register(registry);
        metrics
    }

    fn register(&self, registry: &mut Registry) {
        registry.register("load_users", "Users that send requests now", self.users.clone());
        registry.register("load_known_orders", "Order ids that reads choose from", self.known_orders.clone());
        registry.register("load_connections", "Connections made by users", self.connections.clone());
        registry.register(
            "load_late_starts",
            "Requests sent more than 10 ms after their time",
            self.late_starts.clone(),
        );
        registry.register("load_requests", "Finished requests by how they ended", self.requests.clone());
        registry.register(
            "load_request_duration_seconds",
            "Time from sending to the whole answer",
            self.duration.clone(),
        );
        registry.register(
            "load_start_lag_seconds",
            "How long after its time a request was sent",
            self.start_lag.clone(),
        );
        registry.register(
            "load_probes",
            "Requests made to find existing orders, not part of the load",
            self.probes.clone(),
        );
    }

    /// Handles for the stage `name`; all its series exist from now on, at zero, so that a rate sees the first failure.
    pub(crate) fn stage(&self, name: &str) -> StageMetrics {
        let kind_metrics = |kind: RequestKind| KindMetrics {
            outcomes: Outcome::ALL.map(|outcome| {
                let labels =
                    RequestLabels { stage: name.to_owned(), request: kind.name(), outcome: outcome.name() };
                self.requests.get_or_create_owned(&labels)
            }),
            duration: self
                .duration
                .get_or_create_owned(&LatencyLabels { stage: name.to_owned(), request: kind.name() }),
        };
        StageMetrics {
            kinds: RequestKind::ALL.map(kind_metrics),
            start_lag: self.start_lag.clone(),
            late_starts: self.late_starts.clone(),
        }
    }

    /// Counts a probe by what it found.
    pub(crate) fn probed(&self, outcome: Outcome) {
        self.probes.get_or_create(&ProbeLabels { outcome: outcome.name() }).inc();
    }
}

impl StageMetrics {
    /// Counts a request that was sent `lag` after its time.
    pub(crate) fn started(&self, lag: Duration) {
        self.start_lag.observe(lag.as_secs_f64());
        if lag > LATE_AFTER {
            self.late_starts.inc();
        }
    }

    /// Counts a request by its end; its time too, where that says something of the server.
    pub(crate) fn finished(&self, kind: RequestKind, outcome: Outcome, latency: Duration) {
        let Some((_, metrics)) = RequestKind::ALL.iter().zip(&self.kinds).find(|(each, _)| **each == kind)
        else {
            return;
        };
        if let Some((_, count)) =
            Outcome::ALL.iter().zip(&metrics.outcomes).find(|(each, _)| **each == outcome)
        {
            count.inc();
        }
        if outcome.has_latency() {
            metrics.duration.observe(latency.as_secs_f64());
        }
    }
}

/// `load_latency_seconds{request,quantile}`: quantiles of the last minute, worked out at each scrape. A kind without
/// requests in that time has no series, because there is nothing true to say.
#[derive(Debug)]
pub(crate) struct RecentLatency(pub(crate) Arc<Recorder>);

impl Collector for RecentLatency {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "Client-side latency over the last minute, by quantile";
        let mut family = encoder.encode_descriptor("load_latency_seconds", help, None, MetricType::Gauge)?;
        for kind in RequestKind::ALL {
            let recent = self.0.recent(kind);
            if recent.is_empty() {
                continue;
            }
            for quantile in QUANTILES {
                let seconds = recent.value_at_quantile(quantile) as f64 / 1e6;
                let labels = [("request", kind.name().to_owned()), ("quantile", quantile.to_string())];
                family.encode_family(&labels)?.encode_gauge(&seconds)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;
    use tokio::time::Instant;

    use super::*;
    use crate::recorder::Finished;

    #[tokio::test(start_paused = true)]
    async fn names_and_values_are_those_that_dashboards_ask_for() {
        let mut registry = Registry::default();
        let metrics = Metrics::new(&mut registry);
        let stage = metrics.stage("normal");
        let recorder = Arc::new(Recorder::new(metrics));
        registry.register_collector(Box::new(RecentLatency(recorder.clone())));
        let begun = Instant::now();
        let ended = begun + Duration::from_millis(20);
        stage.started(Duration::from_millis(11));
        stage.started(Duration::from_millis(1));
        recorder.finished(
            &stage,
            Finished { kind: RequestKind::Read, outcome: Outcome::Ok, due: begun, begun, ended },
        );
        let mut text = String::new();
        encode(&mut text, &registry).expect("writes to a string");
        for line in [
            r#"load_requests_total{stage="normal",request="read",outcome="ok"} 1"#,
            r#"load_requests_total{stage="normal",request="write",outcome="http_5xx"} 0"#,
            r#"load_request_duration_seconds_bucket{le="0.025",stage="normal",request="read"} 1"#,
            r#"load_request_duration_seconds_bucket{le="0.01",stage="normal",request="read"} 0"#,
            "load_late_starts_total 1",
            "load_start_lag_seconds_count 2",
        ] {
            assert!(text.lines().any(|each| each == line), "{line} in\n{text}");
        }
        let quantile = |q: &str| {
            let start = format!(r#"load_latency_seconds{{request="read",quantile="{q}"}} "#);
            text.lines().find_map(|line| line.strip_prefix(&start)?.parse::<f64>().ok())
        };
        assert!(quantile("0.5").is_some_and(|seconds| (0.0198..0.0202).contains(&seconds)), "{text}");
        assert!(quantile("1").is_some(), "{text}");
        assert!(!text.contains(r#"load_latency_seconds{request="write""#), "{text}");
    }
}
