//! What there is to tell of alerts and groups.

use std::sync::Arc;

use model::{Labels, TimestampMs};

use super::{Core, Group, Now};
use crate::fingerprint;
use crate::ledger::{Hold, Way};
use crate::log::Entry;
use crate::notify::Integration;
use crate::route::Route;
use crate::status::{Ack, AlertStatus, GroupStatus};
use crate::store::Known;
use crate::why::RouteNode;

/// A way of an alert as it is now.
pub(crate) struct WayNow {
    pub(crate) way: Way,
    pub(crate) held: Option<Hold>,
    /// When its receiver was told that it fires, as the notification log has it.
    pub(crate) told_at: Option<TimestampMs>,
    /// When its receiver is told again if nothing changes.
    pub(crate) repeat_at: Option<TimestampMs>,
}

impl Core {
    pub(crate) fn alerts(&self, now: Now) -> Vec<AlertStatus> {
        self.store
            .iter()
            .filter(|alert| !alert.is_resolved(now.wall))
            .map(|alert| self.alert_status(alert, now.wall))
            .collect()
    }

    pub(crate) fn groups(&self, now: Now) -> Vec<GroupStatus> {
        let mut shown: Vec<GroupStatus> = self
            .groups
            .iter()
            .map(|((route, labels), group)| GroupStatus {
                labels: labels.clone(),
                receiver: group.receiver.clone(),
                route_labels: group.route_labels.clone(),
                group_key: group.key.clone(),
                next_flush_in_ms: u64::try_from(
                    group.next_flush.saturating_duration_since(now.tick).as_millis(),
                )
                .unwrap_or(u64::MAX),
                alerts: {
                    let muted_by = self.muted_by(*route, now.wall);
                    let active = group.alerts.values().filter(|alert| !alert.is_resolved(now.wall));
                    let shown = |alert| AlertStatus {
                        muted_by: muted_by.clone(),
                        ..self.alert_status(alert, now.wall)
                    };
                    active.map(|alert| shown(alert)).collect()
                },
            })
            .filter(|group| !group.alerts.is_empty())
            .collect();
        shown.sort_by(|a, b| (&a.labels, &a.receiver).cmp(&(&b.labels, &b.receiver)));
        shown
    }

    pub(crate) fn receivers(&self) -> Vec<String> {
        self.config.receivers.keys().cloned().collect()
    }

    /// Names of all receivers, with the words about them.
    pub(crate) fn receivers_labelled(&self) -> Vec<(String, Labels)> {
        let receivers = self.config.receivers.values();
        receivers.map(|receiver| (receiver.name.clone(), receiver.labels.clone())).collect()
    }

    fn alert_status(&self, alert: &Known, now: TimestampMs) -> AlertStatus {
        let muted = self.muted(&alert.labels, now);
        let routes = self.config.route.matching(&alert.labels);
        let mut receivers: Vec<String> = routes.iter().map(|route| route.receiver.clone()).collect();
        receivers.dedup();
        AlertStatus {
            labels: alert.labels.clone(),
            annotations: alert.annotations.clone(),
            starts_at: alert.starts_at,
            ends_at: alert.ends_at,
            updated_at: alert.updated_at,
            generator_url: alert.generator_url.clone(),
            fingerprint: fingerprint::shown(&alert.labels),
            receivers,
            silenced_by: muted.silenced_by,
            inhibited_by: muted.inhibited_by.iter().map(fingerprint::shown).collect(),
            muted_by: Vec::new(),
            ack: self.acks.get(&alert.labels).cloned(),
        }
    }

    /// Names of the intervals by whose hours a route tells nobody now.
    fn muted_by(&self, route: usize, now: TimestampMs) -> Vec<String> {
        match self.config.route.by_id(route).and_then(|route| self.hours(route, now)) {
            Some(Hold::Outside { intervals } | Hold::Muted { intervals }) => intervals,
            _ => Vec::new(),
        }
    }

    /// The calls of a receiver; `None` when there is none of this name.
    pub(crate) fn integrations(&self, receiver: &str) -> Option<Vec<Integration>> {
        self.receivers.get(receiver).cloned()
    }

    pub(crate) fn external_url(&self) -> Arc<str> {
        Arc::clone(&self.external_url)
    }

    pub(crate) fn known(&self, labels: &Labels) -> Option<&Arc<Known>> {
        self.store.get(labels)
    }

    pub(crate) fn ack(&self, labels: &Labels) -> Option<&Ack> {
        self.acks.get(labels)
    }

    /// Alerts of this name that are known, also those that have ended.
    pub(crate) fn named(&self, name: &str) -> Vec<&Labels> {
        let all = self.store.iter().map(|alert| &alert.labels);
        all.filter(|labels| labels.get("alertname") == Some(name)).collect()
    }

    /// The ways of an alert as they are now: each with what holds it, and when its receiver is told again.
    pub(crate) fn ways_now(&self, labels: &Labels, now: Now) -> Vec<WayNow> {
        let routes = self.config.route.matching(labels);
        let one = |route: &&Route| {
            let held = self.hold(Some(route), labels, now.wall);
            let group = self.groups.get(&(route.id, route.group_labels(labels)))?;
            let repeat_at = self.repeat_at(group).filter(|_| held.is_none());
            let print = fingerprint::fingerprint(labels);
            let told = self.entries(group).filter(|entry| entry.told.firing.contains(&print));
            Some(WayNow {
                way: group.way(route, now),
                held,
                told_at: told.map(|entry| entry.at).max(),
                repeat_at,
            })
        };
        routes.iter().filter_map(one).collect()
    }

    /// When the first of a group's receivers is told again if nothing changes.
    fn repeat_at(&self, group: &Group) -> Option<TimestampMs> {
        let mut firing = group.alerts.keys();
        if firing.all(|labels| self.acks.contains_key(labels)) {
            return None;
        }
        self.entries(group).map(|entry| TimestampMs(entry.at.0 + group.repeat_interval.0)).min()
    }

    /// What the notification log has of a group.
    pub(super) fn entries<'a>(&'a self, group: &'a Group) -> impl Iterator<Item = &'a Entry> {
        let integrations = self.receivers.get(&group.receiver).map_or(&[][..], Vec::as_slice);
        integrations.iter().filter_map(|integration| {
            self.log.get(&(group.key.clone(), group.receiver.clone(), integration.place()))
        })
    }

    /// The routing tree, with how many alerts arrive where.
    pub(crate) fn tree(&self, now: Now) -> RouteNode {
        let mut arrivals = Vec::new();
        for alert in self.store.iter().filter(|alert| !alert.is_resolved(now.wall)) {
            for route in self.config.route.matching(&alert.labels) {
                if arrivals.len() <= route.id {
                    arrivals.resize(route.id + 1, 0);
                }
                arrivals[route.id] += 1;
            }
        }
        RouteNode::of(&self.config, &self.config.route, &arrivals)
    }
}
