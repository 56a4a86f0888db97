//! From hand to hand: what the ledger hears of an alert's life, and who has it in hand.

use model::{Labels, TimestampMs};

use super::keep::{HANDS_OVERLAP_MS, UNHEARD_MATTERS_MS};
use super::{Core, Group, GroupKey, Now};
use crate::ledger::{EndedHow, Fingerprint, Wait, Way, What, pairs};
use crate::route::Route;
use crate::state::wire::Hand;
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

    /// Notes that an alert ended because it was heard of no more, if it did. It is over then: setting the clock back does not
    /// bring it back.
    pub(super) fn note_end_of(&mut self, labels: &Labels, now: Now) {
        let known = self.store.get(labels).filter(|alert| alert.is_resolved(now.wall));
        let Some(known) = known.filter(|_| self.open.contains(labels)) else { return };
        let over = Known { is_over: true, ..(**known).clone() };
        self.close(labels, over.ends_at, EndedHow::Unheard, now);
        self.renew(over, now);
    }

    /// Notes the end of an alert whose beginning was noted.
    pub(super) fn close(&mut self, labels: &Labels, ended: TimestampMs, how: EndedHow, now: Now) {
        if !self.open.remove(labels) {
            return;
        }
        // What another monitor of a pair still says of this outage must not count for the next.
        let at = self.next_in_hand(labels, now);
        self.released.insert(labels.clone(), at);
        self.changes += u64::from(self.acks.remove(labels).is_some());
        self.record(now, What::Ended { alert: Fingerprint::of(labels), ended, how });
    }

    /// Somebody has an alert in hand. False when it does not fire.
    pub(crate) fn acknowledge(&mut self, alert: Fingerprint, by: &str, comment: &str, now: Now) -> bool {
        let Some(labels) = self.open_alert(alert) else { return false };
        let at = self.next_in_hand(&labels, now);
        self.take_in_hand(labels, Ack { by: by.to_owned(), comment: comment.to_owned(), at }, now);
        true
    }

    fn take_in_hand(&mut self, labels: Labels, ack: Ack, now: Now) {
        let cut = |text: &str| text.chars().take(ACK_TEXT_CHARS_MAX).collect::<String>();
        let ack = Ack { by: cut(&ack.by), comment: cut(&ack.comment), at: ack.at };
        let alert = Fingerprint::of(&labels);
        self.record(now, What::Acknowledged { alert, by: ack.by.clone(), comment: ack.comment.clone() });
        self.released.remove(&labels);
        self.acks.insert(labels, ack);
        self.changes += 1;
    }

    fn release(&mut self, labels: Labels, at: TimestampMs, now: Now) -> bool {
        let had = self.acks.remove(&labels).is_some();
        if had {
            self.changes += 1;
            self.record(now, What::Unacknowledged { alert: Fingerprint::of(&labels) });
        }
        self.released.insert(labels, at);
        had
    }

    /// Since when it has been in somebody's hand, or in nobody's any more.
    fn in_hand_since(&self, labels: &Labels) -> Option<TimestampMs> {
        self.acks.get(labels).map(|ack| ack.at).or_else(|| self.released.get(labels).copied())
    }

    /// Now; later than before, also where somebody has set the clock back: in a pair the later word counts.
    fn next_in_hand(&self, labels: &Labels, now: Now) -> TimestampMs {
        let before = self.in_hand_since(labels);
        before.map_or(now.wall, |before| TimestampMs(now.wall.0.max(before.0.saturating_add(1))))
    }

    /// Who has what in hand, and what nobody has any more, as far as it changed since.
    pub(super) fn hands(&self, is_fresh: impl Fn(TimestampMs) -> bool) -> Vec<Hand> {
        let held = self.acks.iter().map(|(labels, ack)| (labels.clone(), ack.at, Some(ack.clone())));
        let free = self.released.iter().filter(|(labels, _)| self.open.contains(*labels));
        let free = free.map(|(labels, at)| (labels.clone(), *at, None));
        held.chain(free).filter(|(_, at, _)| is_fresh(*at)).collect()
    }

    /// Takes over what another monitor of a pair knows of who has what in hand: of alerts that fire here, and not of an earlier
    /// outage of theirs. Each finds out by itself when an outage began, one of them
    /// somewhat later, and much later where it was not there at first.
    pub(super) fn hear_hands(&mut self, hands: Vec<Hand>, now: Now) {
        for (labels, at, ack) in hands {
            let of_now_ms = match self.restored_at.filter(|started| at < *started) {
                Some(started) => started.0.saturating_add(UNHEARD_MATTERS_MS),
                None => at.0.saturating_add(HANDS_OVERLAP_MS),
            };
            let is_of_now = self.store.get(&labels).is_some_and(|alert| alert.starts_at.0 <= of_now_ms);
            let is_news = self.in_hand_since(&labels).is_none_or(|before| before < at);
            match ack {
                _ if !is_of_now || !is_news || !self.open.contains(&labels) => {}
                Some(ack) => self.take_in_hand(labels, ack, now),
                None => drop(self.release(labels, at, now)),
            }
        }
    }

    /// What somebody has in hand is not told again, however long that takes: the log must not forget that it was told.
    pub(super) fn keep_in_hand(&mut self, key: &GroupKey, now: Now) {
        let is_in_hand = |group: &&Group| group.alerts.keys().any(|labels| self.acks.contains_key(labels));
        let Some(group) = self.groups.get(key).filter(is_in_hand) else { return };
        let (name, receiver, told_every) = (&group.key, &group.receiver, group.told_every());
        for integration in self.receivers.get(receiver).map_or(&[][..], Vec::as_slice) {
            let log_key = (name.clone(), receiver.clone(), integration.place());
            self.changes += u64::from(self.log.prolong(&log_key, told_every, now.wall));
        }
    }

    /// Nobody has it in hand any more. False when nobody had.
    pub(crate) fn unacknowledge(&mut self, alert: Fingerprint, now: Now) -> bool {
        let Some(labels) = self.open_alert(alert).filter(|labels| self.acks.contains_key(labels)) else {
            return false;
        };
        let at = self.next_in_hand(&labels, now);
        self.release(labels, at, now)
    }

    fn open_alert(&self, alert: Fingerprint) -> Option<Labels> {
        self.open.iter().find(|labels| Fingerprint::of(labels) == alert).cloned()
    }
}
