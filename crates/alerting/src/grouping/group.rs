//! One group: alerts of one route that are told together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use model::{DurationMs, Labels, TimestampMs};
use tokio::time::Instant;

use super::{Job, Now, Ticket};
use crate::fingerprint::fingerprint;
use crate::ledger::{Hold, Wait, Way};
use crate::log::Told;
use crate::notify::{Integration, Notification, NotifiedAlert};
use crate::route::Route;
use crate::store::Known;

/// A notification may take as long as `group_interval`, but at least this long: Alertmanager's minimum.
const NOTIFY_TIME_MIN: Duration = Duration::from_secs(10);

pub(super) struct Group {
    /// Tells this group from an earlier one of the same key, whose jobs may still be under way.
    pub(super) serial: u64,
    pub(super) key: String,
    pub(super) receiver: String,
    pub(super) route_labels: Labels,
    pub(super) group_wait: Duration,
    pub(super) group_interval: Duration,
    pub(super) repeat_interval: DurationMs,
    pub(super) alerts: BTreeMap<Labels, Arc<Known>>,
    /// What kept which of them from being told at the last look.
    pub(super) held: BTreeMap<Labels, Hold>,
    pub(super) next_flush: Instant,
    pub(super) has_flushed: bool,
    pub(super) in_flight: Option<InFlight>,
}

pub(super) struct InFlight {
    pub(super) outstanding: usize,
    pub(super) failed: bool,
    /// Ended alerts as they were told.
    pub(super) resolved: Vec<Arc<Known>>,
    /// The next flush came due meanwhile.
    pub(super) flush_after: bool,
}

/// What a group is called in notifications.
pub(super) fn group_name(route: &Route, labels: &Labels) -> String {
    format!("{}:{labels}", route.key)
}

impl Group {
    /// How often a receiver is told of what still fires: a repeat waits for the group's next look.
    pub(super) fn told_every(&self) -> DurationMs {
        let group_interval_ms = i64::try_from(self.group_interval.as_millis()).unwrap_or(i64::MAX);
        self.repeat_interval.max(DurationMs(group_interval_ms))
    }

    pub(super) fn new(route: &Route, labels: &Labels, serial: u64, now: Now) -> Self {
        Self {
            serial,
            key: group_name(route, labels),
            receiver: route.receiver.clone(),
            route_labels: route.labels.clone(),
            group_wait: route.group_wait.to_std(),
            group_interval: route.group_interval.to_std(),
            repeat_interval: route.repeat_interval,
            alerts: BTreeMap::new(),
            held: BTreeMap::new(),
            next_flush: now.tick + route.group_wait.to_std(),
            has_flushed: false,
            in_flight: None,
        }
    }

    pub(super) fn insert(&mut self, alert: &Arc<Known>, now: Now) {
        self.alerts.insert(alert.labels.clone(), Arc::clone(alert));
        let waited = now.wall.0.saturating_sub(alert.starts_at.0);
        if !self.has_flushed && u128::try_from(waited).is_ok_and(|ms| ms > self.group_wait.as_millis()) {
            self.next_flush = now.tick;
        }
    }

    /// How an alert that is in this group goes on.
    pub(super) fn way(&self, route: &Route, now: Now) -> Way {
        let left = self.next_flush.saturating_duration_since(now.tick);
        let wait = match (self.has_flushed, left.is_zero()) {
            (true, _) => Wait::GroupInterval,
            (false, true) => Wait::AtOnce,
            (false, false) => Wait::GroupWait,
        };
        let left = i64::try_from(left.as_millis()).unwrap_or(i64::MAX);
        let look_at = TimestampMs(now.wall.0.saturating_add(left));
        Way { group: self.key.clone(), look_at, ..Way::of(route, wait) }
    }

    pub(super) fn job(
        &self,
        integration: &Integration,
        alerts: Vec<NotifiedAlert>,
        ticket: Ticket,
        external_url: &Arc<str>,
    ) -> Job {
        let notification = Notification {
            receiver: self.receiver.clone(),
            group_key: self.key.clone(),
            group_labels: ticket.group.1.clone(),
            route_labels: self.route_labels.clone(),
            alerts,
            external_url: Arc::clone(external_url),
        };
        let time = self.group_interval.max(NOTIFY_TIME_MIN);
        Job { integration: integration.clone(), notification, time, ticket }
    }

    /// All alerts as they are to be told, in Alertmanager's order, and the same as fingerprints.
    pub(super) fn snapshot(&self, wanted: &BTreeSet<Labels>, now: TimestampMs) -> (Vec<NotifiedAlert>, Told) {
        let (mut alerts, mut told) = (Vec::with_capacity(self.alerts.len()), Told::default());
        for alert in self.alerts.values().filter(|alert| wanted.contains(&alert.labels)) {
            let resolved = alert.is_resolved(now);
            let side = if resolved { &mut told.resolved } else { &mut told.firing };
            side.insert(fingerprint(&alert.labels));
            alerts.push(NotifiedAlert {
                labels: alert.labels.clone(),
                annotations: alert.annotations.clone(),
                starts_at: alert.starts_at,
                ended_at: resolved.then_some(alert.ends_at),
                generator_url: alert.generator_url.clone(),
            });
        }
        let place =
            |alert: &NotifiedAlert| ["job", "instance"].map(|n| alert.labels.get(n).unwrap_or("").to_owned());
        alerts.sort_by_cached_key(place);
        (alerts, told)
    }
}
