//! Who is not told, and why: inhibited, outside of a route's hours, silenced. In Alertmanager's order.

use std::collections::{BTreeMap, BTreeSet};

use model::{Labels, TimestampMs};

use super::{Core, GroupKey, Now};
use crate::intervals;
use crate::ledger::{Fingerprint, Hold, What, pairs};
use crate::metrics::SuppressedLabel;
use crate::route::Route;

/// Why an alert is not told, whatever its route.
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
        Muted {
            inhibited_by: self.inhibitor(labels, now).cloned(),
            silenced_by: self.silences.muting(labels, now),
        }
    }

    fn inhibitor(&self, labels: &Labels, now: TimestampMs) -> Option<&Labels> {
        let fires = |source: &Labels| self.store.get(source).is_some_and(|alert| !alert.is_resolved(now));
        self.inhibition.inhibitor(labels, fires)
    }

    /// What keeps an alert from being told on this route.
    pub(crate) fn hold(&self, route: Option<&Route>, labels: &Labels, now: TimestampMs) -> Option<Hold> {
        if let Some(source) = self.inhibitor(labels, now) {
            return Some(Hold::Inhibited { alert: Fingerprint::of(source), labels: pairs(source) });
        }
        if let Some(held) = route.and_then(|route| self.hours(route, now)) {
            return Some(held);
        }
        let ids = self.silences.muting(labels, now);
        (!ids.is_empty()).then_some(Hold::Silenced { ids })
    }

    /// Whether a route tells nobody at this hour.
    pub(crate) fn hours(&self, route: &Route, now: TimestampMs) -> Option<Hold> {
        let all = &self.config.intervals;
        if !route.active.is_empty() && !intervals::any_contains(all, &route.active, now) {
            return Some(Hold::Outside { intervals: route.active.clone() });
        }
        let lasts = |name: &&String| intervals::any_contains(all, std::slice::from_ref(*name), now);
        let intervals: Vec<String> = route.mute.iter().filter(lasts).cloned().collect();
        (!intervals.is_empty()).then_some(Hold::Muted { intervals })
    }

    /// The alerts of a group that nothing keeps from being told; counts what keeps the others, and notes what has changed
    /// since the last look.
    pub(super) fn told_now(&mut self, key: &GroupKey, now: Now) -> BTreeSet<Labels> {
        let Some(group) = self.groups.get(key) else { return BTreeSet::new() };
        let route = self.config.route.by_id(key.0);
        let (mut told, mut held) = (BTreeSet::new(), BTreeMap::new());
        for labels in group.alerts.keys() {
            match self.hold(route, labels, now.wall) {
                None => drop(told.insert(labels.clone())),
                Some(hold) => {
                    let reason = reason(&hold);
                    self.metrics.suppressed.get_or_create(&SuppressedLabel { reason }).inc();
                    held.insert(labels.clone(), hold);
                }
            }
        }
        self.note_holds(key, held, now);
        told
    }

    fn note_holds(&mut self, key: &GroupKey, held: BTreeMap<Labels, Hold>, now: Now) {
        let Some(group) = self.groups.get_mut(key) else { return };
        let before = std::mem::replace(&mut group.held, held);
        let group = &self.groups[key];
        let (receiver, name) = (&group.receiver, &group.key);
        let freed = before.keys().filter(|labels| !group.held.contains_key(*labels));
        for alert in freed.filter(|labels| group.alerts.contains_key(*labels)).map(Fingerprint::of) {
            self.record(now, What::Freed { alert, receiver: receiver.clone(), group: name.clone() });
        }
        for (labels, by) in &group.held {
            if before.get(labels) != Some(by) {
                let (alert, by) = (Fingerprint::of(labels), by.clone());
                let what = What::Held { alert, receiver: receiver.clone(), group: name.clone(), by };
                self.record(now, what);
            }
        }
    }
}

/// Alertmanager's word for it.
fn reason(hold: &Hold) -> &'static str {
    match hold {
        Hold::Inhibited { .. } => "inhibition",
        Hold::Outside { .. } => "active_time_interval",
        Hold::Muted { .. } => "mute_time_interval",
        Hold::Silenced { .. } => "silence",
    }
}
