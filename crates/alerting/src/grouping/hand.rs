//! From hand to hand: what the ledger hears of an alert's life, and who has it in hand.

use model::{Labels, TimestampMs};

use super::{Core, GroupKey, Now};
use crate::ledger::{EndedHow, Fingerprint, Wait, Way, What, pairs};
use crate::route::Route;
use crate::status::Ack;
use crate::store::Known;
use crate::why::passed;

/// The longest name and comment of who has an alert in hand; longer ones are cut.
const ACK_TEXT_CHARS_MAX: usize = 500;

impl Way {
    /// On this route; the group and the time are to be filled in.
    pub(super) fn of(route: &Route, wait: Wait) -> Self {
        Self {
            route: route.key.clone(),
            receiver: route.receiver.clone(),
            group: String::new(),
            look_at: TimestampMs(0),
            wait,
        }
    }
}

impl Core {
    /// Notes that an alert began or ended, if these news say so.
    pub(super) fn heard(&mut self, before: Option<&Known>, alert: &Known, ways: Vec<Way>, now: Now) {
        if alert.is_resolved(now.wall) {
            self.close(&alert.labels, alert.ends_at, EndedHow::Told, now);
            return;
        }
        if let Some(before) = before.filter(|before| before.is_resolved(now.wall)) {
            self.close(&alert.labels, before.ends_at, EndedHow::Unheard, now);
        }
        if self.open.insert(alert.labels.clone()) {
            let what = self.fired(alert, ways);
            self.record(now, what);
        }
    }

    fn fired(&self, alert: &Known, ways: Vec<Way>) -> What {
        let walk = self.config.route.explain(&alert.labels);
        let passed = passed(&walk.passed);
        What::Fired {
            alert: Fingerprint::of(&alert.labels),
            labels: pairs(&alert.labels),
            since: alert.starts_at,
            from_rules: alert.from_rules,
            ways,
            passed_more: walk.passed.len() - passed.len(),
            passed,
        }
    }

    /// Notes ends in a group that nobody told.
    pub(super) fn note_unheard(&mut self, key: &GroupKey, now: Now) {
        let Some(group) = self.groups.get(key) else { return };
        let ended = group.alerts.values().filter(|alert| alert.is_resolved(now.wall));
        let ended: Vec<Labels> = ended.map(|alert| alert.labels.clone()).collect();
        ended.iter().for_each(|labels| self.note_end_of(labels, now));
    }

    /// Notes that an alert ended because it was heard of no more, if it did.
    pub(super) fn note_end_of(&mut self, labels: &Labels, now: Now) {
        let known = self.store.get(labels).filter(|alert| alert.is_resolved(now.wall));
        if let Some(ended) = known.map(|alert| alert.ends_at) {
            self.close(labels, ended, EndedHow::Unheard, now);
        }
    }

    /// Notes the end of an alert whose beginning was noted.
    pub(super) fn close(&mut self, labels: &Labels, ended: TimestampMs, how: EndedHow, now: Now) {
        if !self.open.remove(labels) {
            return;
        }
        self.changes += u64::from(self.acks.remove(labels).is_some());
        self.record(now, What::Ended { alert: Fingerprint::of(labels), ended, how });
    }

    /// Somebody has an alert in hand. False when it does not fire.
    pub(crate) fn acknowledge(&mut self, alert: Fingerprint, by: &str, comment: &str, now: Now) -> bool {
        let Some(labels) = self.open_alert(alert) else { return false };
        let cut = |text: &str| text.chars().take(ACK_TEXT_CHARS_MAX).collect::<String>();
        let ack = Ack { by: cut(by), comment: cut(comment), at: now.wall };
        self.record(now, What::Acknowledged { alert, by: ack.by.clone(), comment: ack.comment.clone() });
        self.acks.insert(labels, ack);
        self.changes += 1;
        true
    }

    /// Nobody has it in hand any more. False when nobody had.
    pub(crate) fn unacknowledge(&mut self, alert: Fingerprint, now: Now) -> bool {
        let had = self.open_alert(alert).is_some_and(|labels| self.acks.remove(&labels).is_some());
        if had {
            self.changes += 1;
            self.record(now, What::Unacknowledged { alert });
        }
        had
    }

    fn open_alert(&self, alert: Fingerprint) -> Option<Labels> {
        self.open.iter().find(|labels| Fingerprint::of(labels) == alert).cloned()
    }
}
