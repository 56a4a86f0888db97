//! What traffic counts, by target.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use serde::Serialize;

use crate::metrics::{LATE_AFTER, LATENCY_BUCKETS_S};
use crate::outcome::Outcome;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TargetLabels {
    target: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    target: String,
    request: String,
    outcome: &'static str,
}

/// All counts of all groups. Clones share them.
#[derive(Debug, Default)]
pub(crate) struct TrafficMetrics {
    users: Family<TargetLabels, Gauge>,
    connections: Family<TargetLabels, Counter>,
    late_starts: Family<TargetLabels, Counter>,
    requests: Family<RequestLabels, Counter>,
    durations: Durations,
    groups: Mutex<Vec<(String, GroupMetrics)>>,
}

#[derive(Debug, Clone)]
struct Durations(Family<TargetLabels, Histogram, fn() -> Histogram>);

impl Default for Durations {
    fn default() -> Self {
        Self(Family::new_with_constructor(|| Histogram::new(LATENCY_BUCKETS_S)))
    }
}

/// The counts of one group, found once and then only incremented.
#[derive(Debug, Clone)]
pub(super) struct GroupMetrics {
    users: Gauge,
    pub(super) connections: Counter,
    late_starts: Counter,
    outcomes: Vec<[Counter; Outcome::ALL.len()]>,
    duration: Histogram,
}

/// What the users of one target have done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct TrafficSnapshot {
    /// Users that send now.
    pub users: i64,
    /// Finished requests.
    pub requests_total: u64,
    /// Those without a good answer.
    pub failures_total: u64,
}

impl TrafficMetrics {
    /// Adds `load_traffic_…` to `registry`.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let all = registry.sub_registry_with_prefix("load_traffic");
        all.register("users", "Users that send to the target now", metrics.users.clone());
        all.register("connections", "Connections made to the target", metrics.connections.clone());
        let help = "Requests sent more than 10 ms after their time";
        all.register("late_starts", help, metrics.late_starts.clone());
        all.register("requests", "Finished requests by how they ended", metrics.requests.clone());
        all.register(
            "request_duration_seconds",
            "Time from sending to the whole answer",
            metrics.durations.0.clone(),
        );
        metrics
    }

    /// Handles for a group; all its series exist from now on, at zero.
    pub(super) fn group(&self, target: &str, requests: &[String]) -> GroupMetrics {
        let labels = TargetLabels { target: target.to_owned() };
        let outcomes = |request: &String| {
            Outcome::ALL.map(|outcome| {
                let (target, request, outcome) = (target.to_owned(), request.clone(), outcome.name());
                self.requests.get_or_create_owned(&RequestLabels { target, request, outcome })
            })
        };
        let group = GroupMetrics {
            users: self.users.get_or_create_owned(&labels),
            connections: self.connections.get_or_create_owned(&labels),
            late_starts: self.late_starts.get_or_create_owned(&labels),
            outcomes: requests.iter().map(outcomes).collect(),
            duration: self.durations.0.get_or_create_owned(&labels),
        };
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        groups.push((target.to_owned(), group.clone()));
        group
    }

    /// The figures so far, by target. Groups of one target that send the same request share its counts.
    pub(crate) fn snapshot(&self) -> BTreeMap<String, TrafficSnapshot> {
        let mut all: BTreeMap<String, TrafficSnapshot> = BTreeMap::new();
        for (target, group) in self.groups.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let shown = all.entry(target.clone()).or_default();
            shown.users = group.users.get();
            for outcomes in &group.outcomes {
                let total: u64 = outcomes.iter().map(Counter::get).sum();
                shown.requests_total += total;
                shown.failures_total += total - outcomes.first().map_or(0, Counter::get);
            }
        }
        all
    }
}

impl GroupMetrics {
    /// Counts a request that was sent `lag` after its time, if that is late.
    pub(super) fn started(&self, lag: Duration) {
        if lag > LATE_AFTER {
            self.late_starts.inc();
        }
    }

    /// Counts a request of the kind at `place` by its end.
    pub(super) fn finished(&self, place: usize, outcome: Outcome, latency: Duration) {
        let index = Outcome::ALL.iter().position(|each| *each == outcome);
        if let Some(count) = self.outcomes.get(place).zip(index).and_then(|(all, index)| all.get(index)) {
            count.inc();
        }
        if outcome.has_latency() {
            self.duration.observe(latency.as_secs_f64());
        }
    }

    /// Counts a user as long as what it gives lives.
    pub(super) fn user(&self) -> CountedUser {
        self.users.inc();
        CountedUser(self.users.clone())
    }
}

/// A user that sends; also one that is cut off leaves.
#[derive(Debug)]
pub(super) struct CountedUser(Gauge);

impl Drop for CountedUser {
    fn drop(&mut self) {
        self.0.dec();
    }
}
