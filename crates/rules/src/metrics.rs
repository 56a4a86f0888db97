//! Counts of rule evaluation, by Prometheus' names.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Seconds an evaluation may take, from a trivial rule to one that takes its whole interval.
const DURATION_BUCKETS: [f64; 8] = [0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 30.0];

/// `FILE;NAME` of a group.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct GroupLabel {
    rule_group: String,
}

type Seconds = Gauge<f64, AtomicU64>;

/// All counts of this crate.
#[derive(Debug)]
pub struct Metrics {
    pub(crate) evaluations: Family<GroupLabel, Counter>,
    pub(crate) failures: Family<GroupLabel, Counter>,
    pub(crate) iterations: Family<GroupLabel, Counter>,
    pub(crate) iterations_missed: Family<GroupLabel, Counter>,
    pub(crate) samples: Family<GroupLabel, Gauge>,
    pub(crate) interval: Family<GroupLabel, Seconds>,
    pub(crate) last_duration: Family<GroupLabel, Seconds>,
    pub(crate) last_evaluation: Family<GroupLabel, Seconds>,
    pub(crate) rules: Family<GroupLabel, Gauge>,
    pub(crate) rule_duration: Histogram,
    pub(crate) group_duration: Histogram,
    pub(crate) backfilled_samples: Counter,
    pub(crate) backfill_failures: Counter,
}

impl Metrics {
    /// Registers all counts.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            evaluations: Family::default(),
            failures: Family::default(),
            iterations: Family::default(),
            iterations_missed: Family::default(),
            samples: Family::default(),
            interval: Family::default(),
            last_duration: Family::default(),
            last_evaluation: Family::default(),
            rules: Family::default(),
            rule_duration: Histogram::new(DURATION_BUCKETS),
            group_duration: Histogram::new(DURATION_BUCKETS),
            backfilled_samples: Counter::default(),
            backfill_failures: Counter::default(),
        };
        metrics.register_counters(registry);
        metrics.register_gauges(registry);
        metrics
    }

    fn register_counters(&self, registry: &mut Registry) {
        for (name, help, family) in [
            ("prometheus_rule_evaluations", "Rule evaluations", &self.evaluations),
            ("prometheus_rule_evaluation_failures", "Rule evaluations that failed", &self.failures),
            ("prometheus_rule_group_iterations", "Evaluations of groups that were due", &self.iterations),
            (
                "prometheus_rule_group_iterations_missed",
                "Evaluations of groups that were left out because the one before took too long",
                &self.iterations_missed,
            ),
        ] {
            registry.register(name, help, family.clone());
        }
        for (name, help, counter) in [
            (
                "watchfire_rule_backfilled_samples",
                "Samples put into the past of series that new objectives record",
                &self.backfilled_samples,
            ),
            (
                "watchfire_rule_backfill_failures",
                "Recording rules whose past was not filled in, or only in part",
                &self.backfill_failures,
            ),
        ] {
            registry.register(name, help, counter.clone());
        }
    }

    fn register_gauges(&self, registry: &mut Registry) {
        for (name, help, family) in [
            ("prometheus_rule_group_interval", "Interval of a group", &self.interval),
            (
                "prometheus_rule_group_last_duration",
                "Duration of a group's last evaluation",
                &self.last_duration,
            ),
            (
                "prometheus_rule_group_last_evaluation_timestamp",
                "When a group was last evaluated",
                &self.last_evaluation,
            ),
        ] {
            registry.register_with_unit(name, help, Unit::Seconds, family.clone());
        }
        registry.register("prometheus_rule_group_rules", "Rules of a group", self.rules.clone());
        registry.register(
            "prometheus_rule_group_last_evaluation_samples",
            "Samples that a group's last evaluation gave",
            self.samples.clone(),
        );
        for (name, help, histogram) in [
            ("prometheus_rule_evaluation_duration", "Duration of rule evaluations", &self.rule_duration),
            ("prometheus_rule_group_duration", "Duration of group evaluations", &self.group_duration),
        ] {
            registry.register_with_unit(name, help, Unit::Seconds, histogram.clone());
        }
    }

    /// Forgets a group that is gone.
    pub(crate) fn forget(&self, group: &GroupLabel) {
        for family in [&self.evaluations, &self.failures, &self.iterations, &self.iterations_missed] {
            family.remove(group);
        }
        for family in [&self.interval, &self.last_duration, &self.last_evaluation] {
            family.remove(group);
        }
        self.rules.remove(group);
        self.samples.remove(group);
    }
}

impl GroupLabel {
    pub(crate) fn new(rule_group: String) -> Self {
        Self { rule_group }
    }
}
