//! What survives a restart, and how alerting goes on from it.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{DurationMs, Labels, TimestampMs};

use super::{Core, End, Group, GroupKey, Job, Now, is_in_hand};
use crate::fingerprint::fingerprint;
use crate::ledger::{EndedHow, What};
use crate::log::{Log, LogKey, Told};
use crate::silence::{Silence, SilenceDraft, SilenceError, Silences};
use crate::state::Saved;
use crate::state::wire::{Exchange, Shared};
use crate::store::Known;

/// Entries so much older than the last push go along with the next: clocks are not read in the moment of a change.
const EXCHANGE_OVERLAP_MS: i64 = 10_000;

/// Who has what in hand is said again for so long: the other may not have heard yet that the alert fires, for its evaluations
/// and its senders come as much later.
pub(super) const HANDS_OVERLAP_MS: i64 = 120_000;

/// How much longer than a group's interval another monitor of a pair may take to tell an end: its turn, and a try or two. As
/// long as a sender that speaks once a minute takes to say that there is no end.
const ELDER_WAITS_MS: i64 = 120_000;

/// How long after a start it may matter that nobody has spoken of an alert since. A sender may have asked to be believed for days and
/// never speak again; by then all that do speak have spoken, and for the rest two messages are better than none.
pub(super) const UNHEARD_MATTERS_MS: i64 = 900_000;

impl Core {
    /// Goes on from what was saved. An alert that fired then is believed for as long as its sender last asked, counted
    /// from now: the sender could not reach us, and must have the time to. Nobody is told of it again, for the log says
    /// who was.
    pub(crate) fn restore(&mut self, saved: Saved, now: Now) {
        self.restored_at = Some(now.wall);
        self.log = Log::restored(saved.log, saved.log_order, saved.at, now.wall);
        // From here on: the clock may be set back again before the first look.
        self.looked_at = Some(now);
        self.silences = Silences::restored(saved.silences);
        for alert in saved.alerts {
            let open = !alert.is_resolved(saved.at);
            let believed_for = alert.ends_at.0.saturating_sub(alert.updated_at.0);
            let until = now.wall.0.saturating_add(believed_for);
            let (ends_at, updated_at) = match (open, alert.from_rules) {
                (false, _) => (alert.ends_at, now.wall),
                // An end that another program told stays where the clock was set back. So does the time at which it was
                // told, or the alert would be believed for longer with each restart.
                (true, false) if !alert.timeout && alert.ends_at.0 > until => {
                    (alert.ends_at, alert.updated_at)
                }
                (true, _) => (TimestampMs(until), now.wall),
            };
            if open && alert.from_rules {
                self.awaited.insert(alert.labels.clone());
            }
            let alert = Arc::new(Known { ends_at, updated_at, ..(*alert).clone() });
            self.store.restore(Arc::clone(&alert));
            self.inhibition.insert(&alert.labels);
            if open {
                self.open.insert(alert.labels.clone());
            }
            self.unheard.insert(alert.labels.clone());
            self.group(&alert, true, now);
        }
        self.acks = saved.acks.into_iter().filter(|(labels, _)| self.open.contains(labels)).collect();
        self.record(now, What::Started { alerts: self.open.len() });
        self.count(now);
    }

    /// What must survive a restart, and which count of changes it holds. Notifications are added by the caller.
    pub(crate) fn saved(&self, now: TimestampMs) -> (u64, Saved) {
        let owed: BTreeSet<&Labels> = self.in_groups().collect();
        let wanted = |alert: &&Arc<Known>| !alert.is_resolved(now) || owed.contains(&alert.labels);
        let saved = Saved {
            at: now,
            alerts: self.store.iter().filter(wanted).cloned().collect(),
            log: self.log.iter().map(|(key, entry)| (key.clone(), entry.clone())).collect(),
            log_order: self.log.order(),
            silences: self.silences.iter().cloned().collect(),
            records: Vec::new(),
            acks: self.acks.iter().map(|(labels, ack)| (labels.clone(), ack.clone())).collect(),
        };
        (self.changes, saved)
    }

    /// How many changes there were that must survive a restart.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// Alerts of our own rules that fired before the restart, and of which nothing was heard since.
    pub(crate) fn awaited(&self) -> Vec<Labels> {
        self.awaited.iter().cloned().collect()
    }

    /// A rule is still waiting for the alert to have lasted long enough: it is believed as long as before, from now.
    pub(crate) fn still_there(&mut self, labels: &Labels, now: Now) {
        self.unheard.remove(labels);
        let Some(known) = self.store.get(labels).filter(|_| self.awaited.contains(labels)) else { return };
        let believed_for = known.ends_at.0.saturating_sub(known.updated_at.0);
        let until = TimestampMs(now.wall.0.saturating_add(believed_for));
        self.renew(Known { ends_at: until, updated_at: now.wall, ..(**known).clone() }, now);
    }

    /// No rule finds the alert any more: it ended while nobody looked.
    pub(crate) fn ended(&mut self, labels: &Labels, now: Now) {
        if !self.awaited.remove(labels) {
            return;
        }
        self.unheard.remove(labels);
        self.changes += 1;
        if let Some(known) = self.store.get(labels) {
            let ended = Known { ends_at: now.wall, updated_at: now.wall, is_over: true, ..(**known).clone() };
            self.renew(ended, now);
        }
        self.close(labels, now.wall, EndedHow::Gone, now);
    }

    pub(super) fn renew(&mut self, alert: Known, now: Now) {
        let alert = Arc::new(alert);
        self.store.restore(Arc::clone(&alert));
        self.group(&alert, false, now);
    }

    pub(crate) fn silences(&self) -> Vec<Silence> {
        self.silences.iter().cloned().collect()
    }

    pub(crate) fn set_silence(&mut self, draft: SilenceDraft, now: Now) -> Result<String, SilenceError> {
        let replaced = draft.id.clone();
        let id = self.silences.set(draft, now.wall)?;
        self.changes += 1;
        if let Some(old) = replaced.filter(|old| *old != id) {
            self.record(now, What::SilenceExpired { id: old });
        }
        if let Some(silence) = self.silences.get(&id) {
            let matchers: Vec<String> = silence.matchers.iter().map(ToString::to_string).collect();
            let what = What::SilenceSet {
                id: id.clone(),
                matchers: matchers.join(", "),
                starts: silence.starts_at,
                ends: silence.ends_at,
                by: silence.created_by.clone(),
                comment: silence.comment.clone(),
            };
            self.record(now, what);
        }
        Ok(id)
    }

    pub(crate) fn expire_silence(&mut self, id: &str, now: Now) -> Result<(), SilenceError> {
        self.silences.expire(id, now.wall)?;
        self.changes += 1;
        self.record(now, What::SilenceExpired { id: id.to_owned() });
        Ok(())
    }

    /// What another monitor of a pair is told: changes from a moment on, or all.
    pub(crate) fn exchange(&self, since: Option<i64>) -> Vec<Exchange> {
        // Of what happened in the same moment nothing is missed, and little is told twice.
        let fresh = |overlap_ms: i64| {
            let from_ms = since.map_or(i64::MIN, |since| since.saturating_sub(overlap_ms));
            move |at: TimestampMs| at.0 >= from_ms
        };
        let is_fresh = fresh(EXCHANGE_OVERLAP_MS);
        let silences = self.silences.iter().filter(|silence| is_fresh(silence.updated_at));
        let log = self.log.iter().filter(|(_, entry)| is_fresh(entry.at));
        Exchange::pieces(silences, log, self.hands(fresh(HANDS_OVERLAP_MS)))
    }

    /// How far the order of tellings has come, for another monitor of a pair.
    pub(crate) fn order(&self, now: TimestampMs) -> TimestampMs {
        self.log.order_of(now)
    }

    /// How far the order of tellings has come at another monitor of a pair: before anything is taken over or told to it.
    pub(crate) fn hear_order(&mut self, theirs: TimestampMs, now: Now) {
        self.changes += u64::from(self.log.hear_order(theirs, now.wall));
    }

    /// Takes over what another monitor of a pair knows.
    pub(crate) fn take_over(&mut self, (silences, log, hands): Shared, now: Now) -> bool {
        self.hear_hands(hands, now);
        let told = self.log.merge(log, now.wall);
        // Of another monitor whose clock is ahead, or was.
        self.log.set_back(now.wall, 0);
        let changed = self.silences.merge(silences) || !told.is_empty();
        for key in &told {
            self.doubted.remove(key);
        }
        self.changes += u64::from(changed);
        self.heard += 1;
        self.heard_at.extend(told.iter().cloned().map(|key| (key, self.heard)));
        for (group, receiver, integration) in told {
            self.record(now, What::ToldByPeer { receiver, integration, group });
        }
        changed
    }

    /// What the log says may be outdated: another monitor of a pair, which cannot be heard now, may have told ends since. What
    /// fires is told once more when it is heard of, for two messages are better than none.
    pub(crate) fn doubt_log(&mut self) {
        self.doubted = self.log.iter().map(|(key, _)| key.clone()).collect();
    }

    /// The other monitor has said all that it knows.
    pub(crate) fn trust_log(&mut self) {
        self.doubted.clear();
    }

    /// Whether a receiver is to be told; with `repeats` also of what it knows already.
    pub(super) fn must_tell(
        &self,
        (group, log_key): (&GroupKey, &LogKey),
        told: &Told,
        send_resolved: bool,
        repeats: Option<DurationMs>,
        now: TimestampMs,
    ) -> bool {
        let is_heard = |group: &Group| {
            let heard = group.alerts.keys().filter(|labels| !self.unheard.contains(*labels));
            heard.map(fingerprint).any(|print| told.firing.contains(&print))
        };
        let is_in_doubt = self.doubted.contains(log_key) && self.groups.get(group).is_some_and(is_heard);
        is_in_doubt || self.log.must_tell(log_key, told, send_resolved, repeats, now)
    }

    /// Whether a group is left to another monitor that knows better. For a while after our start all are: alerts that we have
    /// not heard of yet may inhibit, or belong to the group. Later those are with alerts that only the time before our start
    /// speaks for: the other has the time to tell their ends; one that it does not know of is told here.
    pub(super) fn is_left_to_elder(&self, key: &GroupKey, now: TimestampMs) -> bool {
        if self.has_elder && self.is_learning {
            return true;
        }
        let group = self.groups.get(key).filter(|_| self.has_elder && !self.unheard.is_empty());
        group.is_some_and(|group| {
            let patience_ms = i64::try_from(group.group_interval.as_millis()).unwrap_or(i64::MAX);
            let told_until = now.0.saturating_sub(patience_ms.saturating_add(ELDER_WAITS_MS));
            let unheard = group.alerts.iter().filter(|(labels, _)| self.unheard.contains(*labels));
            let matters_until =
                self.restored_at.map_or(i64::MAX, |at| at.0.saturating_add(UNHEARD_MATTERS_MS));
            let told_from = |alert: &Known| alert.ends_at.max(alert.updated_at).0.min(matters_until);
            unheard.into_iter().any(|(_, alert)| told_from(alert) > told_until)
        })
    }

    /// Whether a receiver believes that an alert of this group fires.
    pub(super) fn is_believed(&self, group: &Group, labels: &Labels) -> bool {
        let print = fingerprint(labels);
        self.entries(group).any(|entry| entry.told.firing.contains(&print))
    }

    /// Brings a job up to date that has waited its turn: what ended or was silenced meanwhile is not told, what began is. A job
    /// of a group that a reload has ended stays as it was.
    pub(crate) fn refresh(&self, job: &mut Job, now: Now) {
        let ticket = &mut job.ticket;
        let group = self.groups.get(&ticket.group).filter(|group| group.serial == ticket.serial);
        let Some(group) = group else { return };
        let route = self.config.route.by_id(ticket.group.0);
        let is_free = |labels: &&Labels| self.hold(route, labels, now.wall).is_none();
        let free = group.alerts.keys().filter(is_free).cloned().collect();
        let (alerts, told) = group.snapshot(&free, now.wall);
        let wants_ends = job.integration.send_resolved;
        ticket.told = told;
        job.notification.alerts =
            alerts.into_iter().filter(|alert| wants_ends || alert.ended_at.is_none()).collect();
    }

    /// What another monitor has made of a job while it waited its turn; `None` when it is still to be done.
    pub(crate) fn told_meanwhile(&self, job: &Job, now: Now) -> Option<End> {
        let ticket = &job.ticket;
        if self.is_left_to_elder(&ticket.group, now.wall) {
            return Some(End::Outdated);
        }
        let is_in_hand = is_in_hand(&self.acks, &job.notification.alerts);
        let (send_resolved, repeat) =
            (job.integration.send_resolved, (!is_in_hand).then_some(ticket.repeat_interval));
        let keys = (&ticket.group, &ticket.log_key);
        if !self.must_tell(keys, &ticket.told, send_resolved, repeat, now.wall) {
            return Some(End::ToldByPeer);
        }
        if job.notification.alerts.is_empty() {
            return Some(End::Outdated);
        }
        let heard_at = self.heard_at.get(&ticket.log_key);
        heard_at.is_some_and(|at| *at > ticket.heard).then_some(End::Outdated)
    }
}
