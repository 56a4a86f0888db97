//! Counts of alerting, by Alertmanager's names.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Seconds an attempt may take; Alertmanager's buckets.
const LATENCY_BUCKETS: [f64; 6] = [0.05, 0.5, 1.0, 5.0, 10.0, 20.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct IntegrationLabel {
    pub(crate) integration: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct FailureLabel {
    pub(crate) integration: &'static str,
    pub(crate) reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ReceivedLabel {
    pub(crate) status: &'static str,
    pub(crate) version: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct StateLabel {
    pub(crate) state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct SuppressedLabel {
    pub(crate) reason: &'static str,
}

/// All counts of this crate.
#[derive(Debug)]
pub struct Metrics {
    pub(crate) alerts: Family<StateLabel, Gauge>,
    pub(crate) received: Family<ReceivedLabel, Counter>,
    pub(crate) invalid: Counter,
    pub(crate) refused: Counter,
    pub(crate) groups: Gauge,
    pub(crate) group_limit_reached: Counter,
    pub(crate) notifications: Family<IntegrationLabel, Counter>,
    pub(crate) notifications_failed: Family<FailureLabel, Counter>,
    pub(crate) requests: Family<IntegrationLabel, Counter>,
    pub(crate) requests_failed: Family<IntegrationLabel, Counter>,
    pub(crate) latency: Family<IntegrationLabel, Histogram, fn() -> Histogram>,
    pub(crate) suppressed: Family<SuppressedLabel, Counter>,
    pub(crate) silences: Family<StateLabel, Gauge>,
    pub(crate) state_bytes: Gauge,
    pub(crate) state_writes: Counter,
    pub(crate) state_writes_failed: Counter,
    pub(crate) ledger_events: Counter,
    pub(crate) ledger_dropped: Counter,
    pub(crate) ledger_bytes: Gauge,
}

impl Metrics {
    /// Registers all counts.
    pub fn new(registry: &mut Registry) -> Self {
        let latency: fn() -> Histogram = || Histogram::new(LATENCY_BUCKETS);
        let metrics = Self {
            alerts: Family::default(),
            received: Family::default(),
            invalid: Counter::default(),
            refused: Counter::default(),
            groups: Gauge::default(),
            group_limit_reached: Counter::default(),
            notifications: Family::default(),
            notifications_failed: Family::default(),
            requests: Family::default(),
            requests_failed: Family::default(),
            latency: Family::new_with_constructor(latency),
            suppressed: Family::default(),
            silences: Family::default(),
            state_bytes: Gauge::default(),
            state_writes: Counter::default(),
            state_writes_failed: Counter::default(),
            ledger_events: Counter::default(),
            ledger_dropped: Counter::default(),
            ledger_bytes: Gauge::default(),
        };
        metrics.register_state(registry);
        metrics.register_ledger(registry);
        metrics.register_alerts(registry);
        metrics.register_notifications(registry);
        // What may fail is there from the beginning, so that a first failure is an increase and not a new series.
        let webhook = IntegrationLabel { integration: "webhook" };
        for family in [&metrics.notifications, &metrics.requests, &metrics.requests_failed] {
            drop(family.get_or_create(&webhook));
        }
        metrics
    }

    fn register_alerts(&self, registry: &mut Registry) {
        registry.register("alertmanager_alerts", "Alerts by state", self.alerts.clone());
        registry.register("alertmanager_alerts_received", "Alerts received", self.received.clone());
        registry.register("alertmanager_alerts_invalid", "Alerts that were not valid", self.invalid.clone());
        registry.register(
            "alertmanager_alerts_limited",
            "Alerts refused because too many were known",
            self.refused.clone(),
        );
        registry.register(
            "alertmanager_dispatcher_aggregation_groups",
            "Groups of alerts",
            self.groups.clone(),
        );
        registry.register(
            "alertmanager_dispatcher_aggregation_group_limit_reached",
            "Alerts that got no group because there were too many",
            self.group_limit_reached.clone(),
        );
    }

    fn register_state(&self, registry: &mut Registry) {
        registry.register("alertmanager_silences", "Silences by state", self.silences.clone());
        registry.register(
            "alertmanager_notifications_suppressed",
            "Alerts that were due and not told",
            self.suppressed.clone(),
        );
        registry.register(
            "watchfire_alerting_state_bytes",
            "Bytes of the file that holds what must survive a restart",
            self.state_bytes.clone(),
        );
        registry.register(
            "watchfire_alerting_state_writes",
            "How often that file was written",
            self.state_writes.clone(),
        );
        registry.register(
            "watchfire_alerting_state_writes_failed",
            "How often that file could not be written",
            self.state_writes_failed.clone(),
        );
    }

    fn register_ledger(&self, registry: &mut Registry) {
        registry.register(
            "watchfire_alerting_ledger_events",
            "Decisions that were written down",
            self.ledger_events.clone(),
        );
        registry.register(
            "watchfire_alerting_ledger_dropped",
            "Events of the ledger that went before their time because it was full",
            self.ledger_dropped.clone(),
        );
        registry.register(
            "watchfire_alerting_ledger_bytes",
            "Bytes of events in memory",
            self.ledger_bytes.clone(),
        );
    }

    fn register_notifications(&self, registry: &mut Registry) {
        for (name, help, family) in [
            ("alertmanager_notifications", "Notifications tried", &self.notifications),
            ("alertmanager_notification_requests", "Attempts at notifications", &self.requests),
            ("alertmanager_notification_requests_failed", "Attempts that failed", &self.requests_failed),
        ] {
            registry.register(name, help, family.clone());
        }
        registry.register(
            "alertmanager_notifications_failed",
            "Notifications given up",
            self.notifications_failed.clone(),
        );
        registry.register_with_unit(
            "alertmanager_notification_latency",
            "Duration of attempts",
            Unit::Seconds,
            self.latency.clone(),
        );
    }
}
