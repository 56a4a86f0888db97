//! What each receiver was told last about each group: decides whether it must be told again.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use model::{DurationMs, TimestampMs};
use serde::{Deserialize, Serialize};

/// How long an entry is kept at most, whatever the repeat interval: Alertmanager's `--data.retention`.
const RETENTION: DurationMs = DurationMs::from_secs(120 * 3600);

/// One receiver's call about one group: the group's key, the receiver's name, and which of its calls ("webhook/0").
pub(crate) type LogKey = (String, String, String);

/// What was told, by the alerts' fingerprints.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Told {
    pub(crate) firing: BTreeSet<u64>,
    pub(crate) resolved: BTreeSet<u64>,
}

/// When a receiver was told, and of what.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) at: TimestampMs,
    /// Which of two entries is the later one: `at`, but for what was told in the same moment, or after somebody has set the
    /// clock back.
    pub(crate) order: TimestampMs,
    pub(crate) expires_at: TimestampMs,
    pub(crate) told: Told,
}

impl Entry {
    /// Whether this is the later of two entries of one key.
    fn outdoes(&self, known: &Self) -> bool {
        let rest = |one: &Self| Reverse((one.told.firing.len(), one.told.clone()));
        (self.order, rest(self)) > (known.order, rest(known))
    }
}

/// Where the order of entries is, beside the clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Order {
    /// By how much new entries are ahead of the clock: by as much as somebody has set that back.
    pub(crate) ahead_ms: i64,
    /// What is later was told since a start after which no other monitor was heard: see [`Log::hear_order`].
    pub(crate) alone_from: Option<i64>,
}

/// Entries by receiver and group.
#[derive(Debug, Default)]
pub(crate) struct Log {
    entries: BTreeMap<LogKey, Entry>,
    order: Order,
}

impl Log {
    /// Whether to tell the receiver `now` of what is in `current`; what it knows already is repeated after
    /// `repeat_interval`, or never where that is `None`.
    pub(crate) fn must_tell(
        &self,
        key: &LogKey,
        current: &Told,
        send_resolved: bool,
        repeat_interval: Option<DurationMs>,
        now: TimestampMs,
    ) -> bool {
        let Some(entry) = self.entries.get(key).filter(|entry| entry.expires_at > now) else {
            return !current.firing.is_empty();
        };
        if !current.firing.is_subset(&entry.told.firing) {
            return true;
        }
        // All has ended: told once, and logged even where ends are not told, so that the next outage is news again.
        if current.firing.is_empty() {
            return !entry.told.firing.is_empty();
        }
        if send_resolved && !current.resolved.is_subset(&entry.told.resolved) {
            return true;
        }
        repeat_interval.is_some_and(|interval| entry.at.0 < now.0 - interval.0)
    }

    /// Notes that the receiver was told; what goes on is told every so often.
    pub(crate) fn note(&mut self, key: LogKey, told: Told, told_every: DurationMs, now: TimestampMs) {
        let kept = kept_for(told_every);
        let before = self.entries.get(&key).map(|before| TimestampMs(before.order.0.saturating_add(1)));
        let order = before.map_or(self.order_of(now), |before| before.max(self.order_of(now)));
        self.entries.insert(key, Entry { at: now, order, expires_at: TimestampMs(now.0 + kept), told });
    }

    /// Somebody has set the clock back: what was told in what is the future now is due again as if it had been told now, or
    /// nobody would be reminded until the clock has caught up. What is told from now on is told later all the same, also to
    /// another monitor that cannot hear of it yet: the order goes on by as much as the clock was set back here, as far as known.
    pub(crate) fn set_back(&mut self, now: TimestampMs, by_ms: i64) {
        self.order.ahead_ms = self.order.ahead_ms.saturating_add(by_ms);
        for entry in self.entries.values_mut().filter(|entry| entry.at > now) {
            entry.at = now;
            // No sooner than before: where the clock is put right again, what was told must still be known.
            entry.expires_at = entry.expires_at.min(TimestampMs(now.0.saturating_add(RETENTION.0)));
        }
    }

    /// Keeps the entry for as long again, where more than half of its time is over; true when it was.
    pub(crate) fn prolong(&mut self, key: &LogKey, told_every: DurationMs, now: TimestampMs) -> bool {
        let kept = kept_for(told_every);
        let Some(entry) = self.entries.get_mut(key).filter(|entry| entry.expires_at > now) else {
            return false;
        };
        let is_old = entry.expires_at.0.saturating_sub(now.0) < kept / 2;
        if is_old {
            entry.expires_at = TimestampMs(now.0 + kept);
        }
        is_old
    }

    /// Takes over what another monitor knows; the later telling counts, and of two in the same moment the one after which more
    /// is still to be told. Answers what was news.
    pub(crate) fn merge(&mut self, entries: Vec<(LogKey, Entry)>, now: TimestampMs) -> Vec<LogKey> {
        let mut news = Vec::new();
        for (key, entry) in entries {
            let is_news = self.entries.get(&key).is_none_or(|known| entry.outdoes(known));
            if is_news && entry.expires_at > now {
                self.entries.insert(key.clone(), entry);
                news.push(key);
            }
        }
        news
    }

    /// Forgets what has expired.
    pub(crate) fn collect(&mut self, now: TimestampMs) {
        self.entries.retain(|_, entry| entry.expires_at > now);
    }

    /// A log with these entries, as it was `at` that time, before a restart; whatever is told from now on is later.
    pub(crate) fn restored(
        entries: Vec<(LogKey, Entry)>,
        order: Order,
        at: TimestampMs,
        now: TimestampMs,
    ) -> Self {
        let latest_ms = entries.iter().map(|(_, entry)| entry.order.0).max().unwrap_or(i64::MIN);
        let ahead_ms = order.ahead_ms.max(latest_ms.saturating_sub(at.max(now).0));
        let mut log = Self { entries: entries.into_iter().collect(), order: Order { ahead_ms, ..order } };
        log.set_back(now, at.0.saturating_sub(now.0).max(0));
        // Where the clock was set back meanwhile, nobody knows by how much; only what is told from now on is young by as much.
        let from_before = order.alone_from.filter(|_| at <= now);
        log.order.alone_from = Some(from_before.unwrap_or_else(|| log.order_of(now).0));
        log
    }

    /// What a restart must know of the order.
    pub(crate) fn order(&self) -> Order {
        self.order
    }

    /// The order of what is told now.
    pub(crate) fn order_of(&self, now: TimestampMs) -> TimestampMs {
        TimestampMs(now.0.saturating_add(self.order.ahead_ms))
    }

    /// Another monitor of a pair says how far the order has come there. Where that is further, the order goes on from
    /// there, and what was told here before this was known moves as far: it keeps its age. True when anything changed.
    pub(crate) fn hear_order(&mut self, theirs: TimestampMs, now: TimestampMs) -> bool {
        let alone_from = self.order.alone_from.take();
        let behind_ms = theirs.0.saturating_sub(self.order_of(now).0);
        if behind_ms <= 0 {
            return alone_from.is_some();
        }
        self.order.ahead_ms = self.order.ahead_ms.saturating_add(behind_ms);
        let told_alone = |entry: &&mut Entry| alone_from.is_some_and(|from| entry.order.0 > from);
        for entry in self.entries.values_mut().filter(told_alone) {
            entry.order = TimestampMs(entry.order.0.saturating_add(behind_ms));
        }
        true
    }

    pub(crate) fn get(&self, key: &LogKey) -> Option<&Entry> {
        self.entries.get(key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&LogKey, &Entry)> {
        self.entries.iter()
    }
}

fn kept_for(told_every: DurationMs) -> i64 {
    told_every.0.saturating_mul(2).min(RETENTION.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(firing: &[u64], resolved: &[u64]) -> Told {
        Told { firing: firing.iter().copied().collect(), resolved: resolved.iter().copied().collect() }
    }

    /// Told `before` at 0, repeating after 100; must it be told of `current` at `now`?
    fn check(before: Option<Told>, current: &Told, send_resolved: bool, now: i64, expected: bool) {
        let mut log = Log::default();
        let key = ("g".to_owned(), "r".to_owned(), "webhook/0".to_owned());
        if let Some(before) = before.clone() {
            log.note(key.clone(), before, DurationMs(100), TimestampMs(0));
        }
        let found = log.must_tell(&key, current, send_resolved, Some(DurationMs(100)), TimestampMs(now));
        assert_eq!(found, expected, "{before:?} then {current:?} at {now}");
    }

    #[test]
    fn news_are_told() {
        check(None, &told(&[1], &[]), true, 1, true);
        check(None, &told(&[], &[1]), true, 1, false);
        check(Some(told(&[1], &[])), &told(&[1, 2], &[]), true, 1, true);
        check(Some(told(&[1, 2], &[])), &told(&[1], &[]), true, 1, false);
    }

    #[test]
    fn ends_are_told_once() {
        check(Some(told(&[1], &[])), &told(&[], &[1]), true, 1, true);
        check(Some(told(&[1], &[])), &told(&[], &[1]), false, 1, true);
        check(Some(told(&[], &[1])), &told(&[], &[1]), true, 1, false);
        check(Some(told(&[1, 2], &[])), &told(&[1], &[2]), true, 1, true);
        check(Some(told(&[1, 2], &[])), &told(&[1], &[2]), false, 1, false);
    }

    #[test]
    fn repeats_come_after_the_interval() {
        for (now, expected) in [(99, false), (100, false), (101, true), (250, true)] {
            check(Some(told(&[1], &[])), &told(&[1], &[]), true, now, expected);
        }
    }

    #[test]
    fn what_somebody_has_in_hand_is_not_repeated() {
        let mut log = Log::default();
        let key = ("g".to_owned(), "r".to_owned(), "webhook/0".to_owned());
        log.note(key.clone(), told(&[1], &[]), DurationMs(100), TimestampMs(0));
        let must = |current: &Told| log.must_tell(&key, current, true, None, TimestampMs(150));
        assert!(!must(&told(&[1], &[])), "a repeat");
        assert!(must(&told(&[1, 2], &[])) && must(&told(&[], &[1])), "news are told all the same");
    }

    /// Told again in the same millisecond, and after somebody has set the clock back: the other monitor takes over the later one.
    #[test]
    fn the_later_telling_counts_whatever_the_clock_shows() {
        let key = ("g".to_owned(), "r".to_owned(), "webhook/0".to_owned());
        let (mut here, mut there) = (Log::default(), Log::default());
        for (at, firing) in [(50_000, 1), (50_000, 2), (10_000, 3), (60_000, 4)] {
            here.note(key.clone(), told(&[firing], &[]), DurationMs(100_000), TimestampMs(at));
            let entry = here.get(&key).expect("noted").clone();
            assert_eq!(entry.at, TimestampMs(at), "it is due again by the clock");
            there.merge(vec![(key.clone(), entry)], TimestampMs(at));
            assert_eq!(there.get(&key).expect("heard").told, told(&[firing], &[]));
        }
    }

    /// Both told at once, and know the same in the end: that something is still to be told.
    #[test]
    fn of_two_tellings_in_the_same_moment_both_keep_the_same_one() {
        let key = ("g".to_owned(), "r".to_owned(), "webhook/0".to_owned());
        let mut logs = [Log::default(), Log::default()];
        for (log, firing) in logs.iter_mut().zip([&[1][..], &[]]) {
            log.note(key.clone(), told(firing, &[]), DurationMs(100), TimestampMs(1));
        }
        let entries = logs.each_ref().map(|log| vec![(key.clone(), log.get(&key).expect("noted").clone())]);
        let [first, second] = entries;
        logs[0].merge(second, TimestampMs(2));
        logs[1].merge(first, TimestampMs(2));
        assert_eq!(
            logs.each_ref().map(|log| log.get(&key).expect("there").told.clone()),
            [Told::default(), Told::default()]
        );
    }

    /// One told at 5000 while the other could not hear it, then the clock was set back by 4000, then the other told, which had been started
    /// anew meanwhile, and was once more after it. It knew that the clock had been set, or did not. They say to each other how far the order
    /// has come before they say anything else.
    fn check_told_apart(knows_it: bool) {
        let key = ("g".to_owned(), "r".to_owned(), "webhook/0".to_owned());
        let mut one = Log::restored(Vec::new(), Order::default(), TimestampMs(0), TimestampMs(4000));
        one.hear_order(TimestampMs(i64::MIN), TimestampMs(4000));
        one.note(key.clone(), told(&[], &[1]), DurationMs(9000), TimestampMs(5000));
        one.set_back(TimestampMs(1000), 4000);
        let known = if knows_it { one.order() } else { Order::default() };
        let mut other = Log::restored(Vec::new(), known, TimestampMs(0), TimestampMs(1100));
        other.note(key.clone(), told(&[1], &[]), DurationMs(9000), TimestampMs(1200));
        let entries = |log: &Log| log.iter().map(|(key, entry)| (key.clone(), entry.clone())).collect();
        let mut other = Log::restored(entries(&other), other.order(), TimestampMs(1210), TimestampMs(1250));
        other.hear_order(one.order_of(TimestampMs(1300)), TimestampMs(1300));
        assert!(!one.hear_order(other.order_of(TimestampMs(1300)), TimestampMs(1300)));
        let (first, second) = (entries(&one), entries(&other));
        one.merge(second, TimestampMs(1300));
        other.merge(first, TimestampMs(1300));
        for log in [one, other] {
            let entry = log.get(&key).expect("known");
            assert_eq!((&entry.told, entry.order), (&told(&[1], &[]), TimestampMs(5200)), "{knows_it}");
        }
    }

    #[test]
    fn the_later_of_two_tellings_apart_counts_though_the_clock_was_set_back() {
        [true, false].into_iter().for_each(check_told_apart);
    }

    /// Told alone at 5000, and the clock was set back while it was away: how far is not known, but that was told before.
    #[test]
    fn what_was_told_before_an_unknown_gap_does_not_move() {
        let key = ("g".to_owned(), "r".to_owned(), "webhook/0".to_owned());
        let mut before = Log::restored(Vec::new(), Order::default(), TimestampMs(0), TimestampMs(4000));
        before.note(key.clone(), told(&[1], &[]), DurationMs(9000), TimestampMs(5000));
        let entries = before.iter().map(|(key, entry)| (key.clone(), entry.clone())).collect();
        let mut log = Log::restored(entries, before.order(), TimestampMs(5100), TimestampMs(2000));
        assert!(log.hear_order(TimestampMs(9000), TimestampMs(2000)));
        assert_eq!(log.get(&key).map(|entry| entry.order.0), Some(5000));
        assert_eq!(log.order_of(TimestampMs(2000)), TimestampMs(9000));
    }

    #[test]
    fn what_is_told_after_a_restart_is_later_than_all_that_was_told_before() {
        let key = |group: &str| (group.to_owned(), "r".to_owned(), "webhook/0".to_owned());
        let mut before = Log::default();
        before.note(key("g"), told(&[1], &[]), DurationMs(9000), TimestampMs(5000));
        let entries = before.iter().map(|(key, entry)| (key.clone(), entry.clone())).collect();
        let mut log = Log::restored(entries, Order::default(), TimestampMs(900), TimestampMs(1000));
        log.note(key("h"), told(&[1], &[]), DurationMs(9000), TimestampMs(1007));
        assert_eq!(log.get(&key("h")).map(|entry| (entry.at.0, entry.order.0)), Some((1007, 5007)));
        // Of these only what was told since the start is moved.
        log.hear_order(TimestampMs(6010), TimestampMs(1010));
        let orders: Vec<i64> = log.iter().map(|(_, entry)| entry.order.0).collect();
        assert_eq!(orders, [5000, 6007]);
        log.hear_order(TimestampMs(9000), TimestampMs(1010));
        assert_eq!(log.get(&key("h")).map(|entry| entry.order.0), Some(6007), "it was told of already");
    }

    #[test]
    fn who_was_told_in_the_future_is_reminded_as_if_he_had_been_told_now() {
        let key = ("g".to_owned(), "r".to_owned(), "webhook/0".to_owned());
        let mut log = Log::default();
        log.note(key.clone(), told(&[1], &[]), DurationMs(100), TimestampMs(5000));
        log.set_back(TimestampMs(1000), 4000);
        let must = |now| log.must_tell(&key, &told(&[1], &[]), true, Some(DurationMs(100)), TimestampMs(now));
        assert!(!must(1000) && !must(1100) && must(1101));
        assert_eq!(
            log.get(&key).map(|entry| (entry.order, entry.expires_at)),
            Some((TimestampMs(5000), TimestampMs(5200)))
        );
    }

    #[test]
    fn an_expired_entry_is_as_none() {
        check(Some(told(&[1], &[])), &told(&[], &[1]), true, 200, false);
        let mut log = Log::default();
        log.note(
            ("g".into(), "r".into(), "webhook/0".into()),
            told(&[1], &[]),
            DurationMs(100),
            TimestampMs(0),
        );
        log.collect(TimestampMs(200));
        assert!(log.entries.is_empty());
    }
}
