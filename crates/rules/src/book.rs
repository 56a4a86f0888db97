//! The alerts of one alerting rule and how they change: the state machine.
//!
//! Each evaluation gives the elements found now. An element without an alert makes a *pending* alert, active since this
//! evaluation. A pending alert whose element has been there for the rule's `for` is *firing*. A pending alert whose
//! element is gone is forgotten at once. A firing alert whose element is gone keeps firing for `keep_firing_for`, then it
//! is *resolved*: kept for [`RESOLVED_KEPT`] so that the news can be sent more than once, or until its element is
//! back, which starts a new alert. All as in Prometheus, whose order of checks is kept.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use model::{AlertState, DurationMs, Labels, METRIC_NAME, TimestampMs};

/// How long a resolved alert is kept and told again. Long enough for a receiver that was down for a while to hear of it.
pub(crate) const RESOLVED_KEPT: DurationMs = DurationMs::from_secs(15 * 60);

/// Labels of the series that tell of alerts.
pub(crate) const ALERT_NAME: &str = "alertname";
const ALERT_STATE: &str = "alertstate";
/// The series that holds the state of an alert.
pub(crate) const ALERTS: &str = "ALERTS";
/// The series that holds since when an alert has been active, for the time after a restart.
pub(crate) const ALERTS_FOR_STATE: &str = "ALERTS_FOR_STATE";

/// One alert.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ActiveAlert {
    pub(crate) annotations: Labels,
    pub(crate) value: f64,
    pub(crate) state: AlertState,
    /// Since when its element has been there.
    pub(crate) active_at: TimestampMs,
    pub(crate) fired_at: Option<TimestampMs>,
    pub(crate) resolved_at: Option<TimestampMs>,
    pub(crate) last_sent_at: Option<TimestampMs>,
    /// Since when it fires without its element.
    pub(crate) keep_firing_since: Option<TimestampMs>,
}

/// An element found by an evaluation, with labels and annotations complete.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    pub(crate) labels: Labels,
    pub(crate) annotations: Labels,
    pub(crate) value: f64,
}

/// What the state machine needs to know of its rule.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) hold: DurationMs,
    pub(crate) keep_firing_for: DurationMs,
}

/// Why an evaluation changed nothing. Texts are Prometheus'.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BookError {
    #[error("vector contains metrics with the same labelset after applying alert labels")]
    SameLabels,
    #[error("exceeded limit of {limit} with {count} alerts")]
    Limit { limit: usize, count: usize },
}

/// The alerts of one rule by their labels.
#[derive(Debug, Clone, Default)]
pub(crate) struct Book {
    alerts: BTreeMap<Labels, ActiveAlert>,
}

impl Book {
    /// Takes in what an evaluation at `at` has found. A `limit` of 0 is none; beyond it all alerts are forgotten.
    pub(crate) fn update(
        &mut self,
        times: Times,
        limit: usize,
        at: TimestampMs,
        found: Vec<Found>,
    ) -> Result<(), BookError> {
        let mut present = BTreeMap::new();
        for element in found {
            if present.insert(element.labels, (element.annotations, element.value)).is_some() {
                return Err(BookError::SameLabels);
            }
        }
        self.enter(at, &present);
        self.alerts.retain(|labels, alert| alert.step(times, at, present.contains_key(labels)));
        let count = self.alerts.values().filter(|alert| alert.state != AlertState::Resolved).count();
        if limit > 0 && count > limit {
            self.alerts.clear();
            return Err(BookError::Limit { limit, count });
        }
        Ok(())
    }

    /// Renews the alerts of the elements found, and makes new ones.
    fn enter(&mut self, at: TimestampMs, present: &BTreeMap<Labels, (Labels, f64)>) {
        for (labels, (annotations, value)) in present {
            match self.alerts.entry(labels.clone()) {
                Entry::Occupied(known) if known.get().state != AlertState::Resolved => {
                    let alert = known.into_mut();
                    alert.value = *value;
                    alert.annotations = annotations.clone();
                }
                Entry::Occupied(mut over) => {
                    over.insert(ActiveAlert::new(annotations.clone(), *value, at));
                }
                Entry::Vacant(free) => {
                    free.insert(ActiveAlert::new(annotations.clone(), *value, at));
                }
            }
        }
    }

    /// The series to write: state and activity of each alert that is pending or firing.
    pub(crate) fn series(&self) -> Vec<(Labels, f64)> {
        let mut out = Vec::with_capacity(2 * self.alerts.len());
        for (labels, alert) in self.active() {
            let mut builder = labels.to_builder();
            builder.set(METRIC_NAME, ALERTS_FOR_STATE);
            // Whole seconds, as Prometheus writes it and reads it back.
            out.push((builder.clone().build(), alert.active_at.0.div_euclid(1000) as f64));
            builder.set(METRIC_NAME, ALERTS).set(ALERT_STATE, alert.state.as_str());
            out.push((builder.build(), 1.0));
        }
        out
    }

    /// Alerts to send now: firing ones that were not sent within `resend_delay`, and those resolved since. Marks them
    /// as sent.
    pub(crate) fn take_due(
        &mut self,
        at: TimestampMs,
        resend_delay: DurationMs,
    ) -> Vec<(Labels, ActiveAlert)> {
        let due = self.alerts.iter_mut().filter(|(_, alert)| alert.needs_sending(at, resend_delay));
        due.map(|(labels, alert)| {
            alert.last_sent_at = Some(at);
            (labels.clone(), alert.clone())
        })
        .collect()
    }

    /// Pending and firing alerts.
    pub(crate) fn active(&self) -> impl Iterator<Item = (&Labels, &ActiveAlert)> {
        self.alerts.iter().filter(|(_, alert)| alert.state != AlertState::Resolved)
    }

    /// As [`Book::active`], to change since when they are active.
    pub(crate) fn active_mut(&mut self) -> impl Iterator<Item = (&Labels, &mut ActiveAlert)> {
        self.alerts.iter_mut().filter(|(_, alert)| alert.state != AlertState::Resolved)
    }
}

impl ActiveAlert {
    fn new(annotations: Labels, value: f64, at: TimestampMs) -> Self {
        Self {
            annotations,
            value,
            state: AlertState::Pending,
            active_at: at,
            fired_at: None,
            resolved_at: None,
            last_sent_at: None,
            keep_firing_since: None,
        }
    }

    /// One turn of the state machine; false when the alert is to be forgotten.
    fn step(&mut self, times: Times, at: TimestampMs, present: bool) -> bool {
        if present {
            self.keep_firing_since = None;
        } else if !self.keeps_firing(times, at) {
            let forgotten = self.state == AlertState::Pending
                || self.resolved_at.is_some_and(|resolved| at.0 - resolved.0 > RESOLVED_KEPT.0);
            if self.state != AlertState::Resolved {
                self.state = AlertState::Resolved;
                self.resolved_at = Some(at);
            }
            return !forgotten;
        }
        if self.state == AlertState::Pending && at.0 - self.active_at.0 >= times.hold.0 {
            self.state = AlertState::Firing;
            self.fired_at = Some(at);
        }
        true
    }

    fn keeps_firing(&mut self, times: Times, at: TimestampMs) -> bool {
        if self.state != AlertState::Firing || times.keep_firing_for == DurationMs::ZERO {
            return false;
        }
        let since = *self.keep_firing_since.get_or_insert(at);
        at.0 - since.0 < times.keep_firing_for.0
    }

    fn needs_sending(&self, at: TimestampMs, resend_delay: DurationMs) -> bool {
        if self.state == AlertState::Pending {
            return false;
        }
        let Some(last) = self.last_sent_at else { return true };
        self.resolved_at.is_some_and(|resolved| resolved > last) || last.0 + resend_delay.0 < at.0
    }
}

/// The labels of an alert: those of the element without its name, those of the rule on top, and the rule's name.
pub(crate) fn alert_labels<'a>(
    element: &Labels,
    rule_labels: impl IntoIterator<Item = (&'a str, String)>,
    rule_name: &str,
) -> Labels {
    let mut builder = element.to_builder();
    builder.remove(METRIC_NAME);
    for (name, value) in rule_labels {
        builder.set(name, value);
    }
    builder.set(ALERT_NAME, rule_name);
    builder.build()
}

#[cfg(test)]
mod tests;
