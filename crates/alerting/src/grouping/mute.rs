//! Who is not told, and why: inhibited, outside of a route's hours, silenced. In Alertmanager's order.

use model::{Labels, TimestampMs};

use super::Core;
use crate::metrics::SuppressedLabel;
use crate::route::Route;
use crate::{inhibit, intervals};

/// Why an alert is not told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Muted {
    /// Labels of an alert that inhibits it.
    pub(crate) inhibited_by: Option<Labels>,
    /// Ids of silences.
    pub(crate) silenced_by: Vec<String>,
}

impl Core {
    /// What keeps an alert from being told on all routes.
    pub(crate) fn muted(&self, labels: &Labels, now: TimestampMs) -> Muted {
        let rules = &self.config.inhibit_rules;
        let firing = self.store.iter().filter(|alert| !alert.is_resolved(now)).map(|alert| &alert.labels);
        Muted {
            inhibited_by: inhibit::inhibitor(rules, firing, labels).cloned(),
            silenced_by: self.silences.muting(labels, now),
        }
    }

    /// Whether an alert is told on this route; counts what keeps it.
    pub(super) fn is_told(&self, route: Option<&Route>, labels: &Labels, now: TimestampMs) -> bool {
        let muted = self.muted(labels, now);
        let all = &self.config.intervals;
        let reason = if muted.inhibited_by.is_some() {
            "inhibition"
        } else if route.is_some_and(|r| !r.active.is_empty() && !intervals::any_contains(all, &r.active, now))
        {
            "active_time_interval"
        } else if route.is_some_and(|r| intervals::any_contains(all, &r.mute, now)) {
            "mute_time_interval"
        } else if !muted.silenced_by.is_empty() {
            "silence"
        } else {
            return true;
        };
        self.metrics.suppressed.get_or_create(&SuppressedLabel { reason }).inc();
        false
    }
}
