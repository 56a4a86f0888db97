//! The run at one moment, for a person or a program: what `GET /api/stats` says and the summary prints.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::outcome::{Outcome, RequestKind};
use crate::recorder::{KindView, Recorder};
use crate::traffic::TrafficSnapshot;

/// All there is to say about a run so far.
#[derive(Debug, Clone, Serialize)]
pub struct Snapshot {
    /// Always `closed`: each user waits for its answer. A reader must know which model the figures come from.
    pub model: &'static str,
    /// Base URL under load.
    pub target: String,
    /// The stage that runs now; `None` when all are over.
    pub stage: Option<String>,
    /// Users that send now.
    pub users: i64,
    /// Seconds since the start.
    pub uptime_s: f64,
    /// Finished requests a second, over the last 10 to 15 s.
    pub requests_per_second: f64,
    /// Finished requests.
    pub requests_total: u64,
    /// Those that did not end well.
    pub failures_total: u64,
    /// Failures by what happened (`http_5xx`, `timeout`, …); all kinds, also those at zero.
    pub failures: BTreeMap<&'static str, u64>,
    /// Requests that were sent late because the generator was too busy. Above a few in a thousand, trust no latency.
    pub late_starts_total: u64,
    /// Order ids that reads choose from.
    pub known_orders: i64,
    /// By request kind, `read` and `write`.
    pub requests: BTreeMap<&'static str, KindSnapshot>,
    /// What runs beside the stage, by target.
    pub traffic: BTreeMap<String, TrafficSnapshot>,
}

/// One kind of request.
#[derive(Debug, Clone, Serialize)]
pub struct KindSnapshot {
    /// Finished requests.
    pub total: u64,
    /// Those with a good answer.
    pub ok: u64,
    /// The others, by what happened.
    pub failures: BTreeMap<&'static str, u64>,
    /// Finished requests a second, over the last 10 to 15 s.
    pub per_second: f64,
    /// From sending to the whole answer, whole run; `None` before the first answer.
    pub latency_ms: Option<LatencySnapshot>,
    /// The same from the moment the user meant to send; `None` before the first answer.
    pub corrected_ms: Option<LatencySnapshot>,
}

/// Latencies in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LatencySnapshot {
    /// Arithmetic mean.
    pub mean: f64,
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Slowest.
    pub max: f64,
}

impl Snapshot {
    pub(crate) fn take(recorder: &Recorder, target: &str, stage: Option<String>) -> Self {
        let requests: BTreeMap<_, _> = RequestKind::ALL
            .iter()
            .map(|kind| (kind.name(), KindSnapshot::of(&recorder.view(*kind))))
            .collect();
        let mut failures = BTreeMap::new();
        for (name, count) in requests.values().flat_map(|kind| &kind.failures) {
            *failures.entry(*name).or_default() += count;
        }
        Self {
            model: "closed",
            target: target.to_owned(),
            stage,
            users: recorder.metrics.users.get(),
            uptime_s: recorder.uptime().as_secs_f64(),
            requests_per_second: requests.values().map(|kind| kind.per_second).sum(),
            requests_total: requests.values().map(|kind| kind.total).sum(),
            failures_total: failures.values().sum(),
            failures,
            late_starts_total: recorder.metrics.late_starts.get(),
            known_orders: recorder.metrics.known_orders.get(),
            requests,
            traffic: BTreeMap::new(),
        }
    }
}

impl KindSnapshot {
    fn of(view: &KindView) -> Self {
        let counts = Outcome::ALL.iter().copied().zip(view.outcomes);
        let failures = counts.clone().filter(|(outcome, _)| *outcome != Outcome::Ok);
        Self {
            total: view.outcomes.iter().sum(),
            ok: counts.filter(|(outcome, _)| *outcome == Outcome::Ok).map(|(_, count)| count).sum(),
            failures: failures.map(|(outcome, count)| (outcome.name(), count)).collect(),
            per_second: view.per_second,
            latency_ms: LatencySnapshot::of(&view.raw),
            corrected_ms: LatencySnapshot::of(&view.corrected),
        }
    }
}

impl LatencySnapshot {
    fn of(latencies_us: &Histogram<u64>) -> Option<Self> {
        if latencies_us.is_empty() {
            return None;
        }
        let quantile = |quantile| latencies_us.value_at_quantile(quantile) as f64 / 1000.0;
        Some(Self {
            mean: latencies_us.mean() / 1000.0,
            p50: quantile(0.5),
            p90: quantile(0.9),
            p95: quantile(0.95),
            p99: quantile(0.99),
            max: latencies_us.max() as f64 / 1000.0,
        })
    }
}
