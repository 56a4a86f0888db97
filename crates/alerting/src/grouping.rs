//! Grouping: which alerts are told together, and when.
//!
//! An alert arrives at one or more routes. At each it belongs to the group of its group labels; a group begins with its
//! first alert. A new group waits for `group_wait`, so that alerts of one cause are told together, unless its alert has been
//! firing for that long already. Then it is *flushed* every `group_interval`: all its alerts, and those that have ended
//! since, are held against the notification log, receiver by receiver; who has missed something, or was not told for
//! `repeat_interval`, is told everything. When all were told, alerts that have ended leave the group; a group without
//! alerts ends. What could not be told stays, and is tried again at the next flush.
//!
//! All of this is computation on the time handed in: no I/O, no timers. [`crate::dispatcher`] has those.

mod group;
mod hand;
mod keep;
pub(crate) mod look;
pub(crate) mod mute;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use model::{Alert, AlertState, DurationMs, Labels, TimestampMs};
use tokio::time::Instant;

use self::group::{Group, InFlight, group_name};
use crate::config::Config;
use crate::inhibit::Inhibition;
use crate::ledger::{Ledger, Wait, Way, What};
use crate::log::{Log, LogKey, Told};
use crate::metrics::{Metrics, ReceivedLabel, StateLabel};
use crate::notify::{Integration, Notification, NotifiedAlert};
use crate::silence::{SilenceState, Silences};
use crate::status::Ack;
use crate::store::{Known, Refused, Store};

/// The most groups at once. Each costs about 1 kB and one look at every `group_interval`; more than this means that
/// alerts are grouped by something that differs for each of them.
pub(crate) const GROUPS_MAX: usize = 20_000;

/// How soon a group is looked at again whose news another monitor of a pair is to tell: as soon as that one counts as dead.
const LOOK_AFTER_ELDER: Duration = crate::peers::ALIVE_FOR;

/// The same moment on both clocks: the wall's for what alerts say, the steady one for timers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub(crate) wall: TimestampMs,
    pub(crate) tick: Instant,
}

/// A group is known by its route and its labels.
pub(crate) type GroupKey = (usize, Labels);

/// How integrations are made of a configuration.
pub(crate) type Receivers = BTreeMap<String, Vec<Integration>>;

/// A notification to deliver.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) integration: Integration,
    pub(crate) notification: Notification,
    /// How long to try.
    pub(crate) time: Duration,
    pub(crate) ticket: Ticket,
}

/// What came of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The receiver has it.
    Taken,
    /// Another monitor has told it.
    ToldByPeer,
    /// Another monitor has told something else of the group meanwhile: it is looked at anew.
    Outdated,
    /// Nobody has it.
    Failed,
}

/// What has to come back when a job is done.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    group: GroupKey,
    serial: u64,
    log_key: LogKey,
    told: Told,
    repeat_interval: DurationMs,
    told_every: DurationMs,
    /// How much had been heard of other monitors when it was decided to tell.
    heard: u64,
}

/// What comes of a look at a group.
#[derive(Default)]
struct Decided {
    jobs: Vec<Job>,
    /// What only the log has to know, because all has ended and the receiver does not want to hear of ends.
    noted: Vec<(LogKey, Told)>,
    /// Ends that are told when all of that is.
    resolved: Vec<Arc<Known>>,
    /// There is something to tell that another monitor of the pair is to tell.
    is_left: bool,
}

/// Alerts, groups and log.
pub(crate) struct Core {
    config: Arc<Config>,
    receivers: Receivers,
    external_url: Arc<str>,
    metrics: Arc<Metrics>,
    store: Store,
    log: Log,
    silences: Silences,
    inhibition: Inhibition,
    ledger: Arc<Ledger>,
    groups: BTreeMap<GroupKey, Group>,
    next_serial: u64,
    /// Counts changes that must survive a restart.
    changes: u64,
    /// Alerts of our own rules that fired before a restart, and of which nothing was heard since.
    awaited: BTreeSet<Labels>,
    /// Alerts that fired before a restart, whoever sent them, and of which nothing was heard since.
    unheard: BTreeSet<Labels>,
    /// When this monitor started, if it had a past.
    restored_at: Option<TimestampMs>,
    /// Another monitor of a pair lives that knows better what happened before our start.
    pub(crate) has_elder: bool,
    /// We have started so lately that there are senders which we have not heard yet.
    pub(crate) is_learning: bool,
    /// Of what the log says of these, another monitor may have told something else since.
    doubted: BTreeSet<LogKey>,
    /// Alerts that fire, as far as the ledger says.
    open: BTreeSet<Labels>,
    /// Alerts that somebody has in hand; all of them are open.
    acks: BTreeMap<Labels, Ack>,
    /// Alerts that nobody has in hand any more, for they ended or somebody said so, and since when.
    released: BTreeMap<Labels, TimestampMs>,
    /// What is being told, also of groups that a reload has ended.
    under_way: BTreeSet<LogKey>,
    /// Groups that were due while something of the same name and receiver was under way since before a reload: they are
    /// looked at when that is done.
    waiting: BTreeMap<(String, String), GroupKey>,
    /// When the clock was looked at last, to find out whether somebody has set it back.
    looked_at: Option<Now>,
    /// Counts what is heard of other monitors of a pair, and what the count was when each was heard to be told last.
    heard: u64,
    heard_at: BTreeMap<LogKey, u64>,
}

impl Core {
    pub(crate) fn new(
        config: Arc<Config>,
        receivers: Receivers,
        external_url: Arc<str>,
        metrics: Arc<Metrics>,
        ledger: Arc<Ledger>,
    ) -> Self {
        Self {
            inhibition: Inhibition::new(Arc::clone(&config.inhibit_rules)),
            ledger,
            config,
            receivers,
            external_url,
            metrics,
            store: Store::default(),
            log: Log::default(),
            silences: Silences::default(),
            groups: BTreeMap::new(),
            next_serial: 0,
            changes: 0,
            awaited: BTreeSet::new(),
            unheard: BTreeSet::new(),
            restored_at: None,
            has_elder: false,
            is_learning: false,
            doubted: BTreeSet::new(),
            open: BTreeSet::new(),
            acks: BTreeMap::new(),
            released: BTreeMap::new(),
            under_way: BTreeSet::new(),
            waiting: BTreeMap::new(),
            looked_at: None,
            heard: 0,
            heard_at: BTreeMap::new(),
        }
    }

    fn record(&self, now: Now, what: What) {
        self.ledger.record(now.wall, what, &self.metrics);
    }

    /// Takes another configuration: all alerts are grouped anew. The log stays, so nobody is told twice for that; ends
    /// of which somebody is still to be told stay too.
    pub(crate) fn reload(&mut self, config: Arc<Config>, receivers: Receivers, now: Now) {
        (self.config, self.receivers) = (config, receivers);
        self.inhibition = Inhibition::new(Arc::clone(&self.config.inhibit_rules));
        let owed: BTreeSet<Labels> = self.in_groups().cloned().collect();
        self.groups.clear();
        self.waiting.clear();
        let alerts: Vec<Arc<Known>> = self.store.iter().cloned().collect();
        for alert in alerts {
            self.inhibition.insert(&alert.labels);
            self.group(&alert, owed.contains(&alert.labels), now);
        }
        self.record(now, What::Reloaded);
        self.count(now);
    }

    fn in_groups(&self) -> impl Iterator<Item = &Labels> {
        self.groups.values().flat_map(|group| group.alerts.keys())
    }

    /// Takes news of alerts and puts each into its groups. Answers why some were refused.
    pub(crate) fn put(&mut self, alerts: Vec<Alert>, from_rules: bool, now: Now) -> Vec<Refused> {
        let mut refused = Vec::new();
        for alert in alerts {
            let status = if alert.state == AlertState::Resolved { "resolved" } else { "firing" };
            self.metrics.received.get_or_create(&ReceivedLabel { status, version: "v2" }).inc();
            self.awaited.remove(&alert.labels);
            self.unheard.remove(&alert.labels);
            let before = self.store.get(&alert.labels).cloned();
            match self.store.put(alert, from_rules, now.wall, self.config.resolve_timeout) {
                Ok(known) => {
                    let is_new = before.as_ref().is_none_or(|before| differs(before, &known, now.wall));
                    self.changes += u64::from(is_new);
                    if before.is_none() {
                        self.inhibition.insert(&known.labels);
                    }
                    let ways = self.group(&known, false, now);
                    self.heard(before.as_deref(), &known, ways, now);
                }
                Err(cause) => {
                    let counter =
                        if cause == Refused::Full { &self.metrics.refused } else { &self.metrics.invalid };
                    counter.inc();
                    tracing::warn!("alert refused: {cause}");
                    refused.push(cause);
                }
            }
        }
        self.count(now);
        refused
    }

    /// Puts an alert into its groups. One that has ended is news only to a group that has it, unless its end is `owed`:
    /// rules tell an end again and again, and who heard of it once has heard of it.
    ///
    /// Answers which ways it goes.
    fn group(&mut self, alert: &Arc<Known>, owed: bool, now: Now) -> Vec<Way> {
        let mut ways = Vec::new();
        let config = Arc::clone(&self.config);
        let ended = alert.is_resolved(now.wall) && !owed;
        for route in config.route.matching(&alert.labels) {
            let labels = route.group_labels(&alert.labels);
            let full = self.groups.len() >= GROUPS_MAX;
            let group = match self.groups.entry((route.id, labels)) {
                Entry::Occupied(known) if ended && !known.get().alerts.contains_key(&alert.labels) => {
                    continue;
                }
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(_) if ended => continue,
                Entry::Vacant(free) if full => {
                    self.metrics.group_limit_reached.inc();
                    let group = group_name(route, &free.key().1);
                    ways.push(Way { group, look_at: now.wall, ..Way::of(route, Wait::NoRoom) });
                    continue;
                }
                Entry::Vacant(free) => {
                    self.next_serial += 1;
                    let group = Group::new(route, &free.key().1, self.next_serial, now);
                    free.insert(group)
                }
            };
            group.insert(alert, now);
            ways.push(group.way(route, now));
        }
        ways
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// When the next group is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.groups.values().map(|group| group.next_flush).min()
    }

    /// Flushes all groups that are due and answers what is to be delivered.
    pub(crate) fn due(&mut self, now: Now) -> Vec<Job> {
        self.watch_clock(now);
        let due: Vec<GroupKey> = self
            .groups
            .iter()
            .filter(|(_, group)| group.next_flush <= now.tick)
            .map(|(key, _)| key.clone())
            .collect();
        due.iter().flat_map(|key| self.flush(key, now)).collect()
    }

    /// Finds out whether somebody has set the clock back since the last look.
    fn watch_clock(&mut self, now: Now) {
        if let Some(before) = self.looked_at.filter(|before| now.wall < before.wall) {
            let passed = now.tick.saturating_duration_since(before.tick).as_millis();
            let expected = before.wall.0.saturating_add(i64::try_from(passed).unwrap_or(i64::MAX));
            self.log.set_back(now.wall, expected.saturating_sub(now.wall.0));
            self.changes += 1;
        }
        self.looked_at = Some(now);
    }

    fn flush(&mut self, key: &GroupKey, now: Now) -> Vec<Job> {
        self.note_unheard(key, now);
        let told_now = self.told_now(key, now);
        let Some(group) = self.groups.get_mut(key) else { return Vec::new() };
        group.next_flush = now.tick + group.group_interval;
        group.has_flushed = true;
        let told_every = group.told_every();
        if let Some(in_flight) = &mut group.in_flight {
            in_flight.flush_after = true;
            return Vec::new();
        }
        let first = (group.key.clone(), group.receiver.clone(), String::new());
        let earlier = self.under_way.range(first..).next();
        if earlier.is_some_and(|(name, receiver, _)| *name == group.key && *receiver == group.receiver) {
            self.waiting.insert((group.key.clone(), group.receiver.clone()), key.clone());
            return Vec::new();
        }
        self.keep_in_hand(key, now);
        let Decided { jobs, noted, resolved, is_left } = self.decide(key, &told_now, now);
        for (log_key, told) in noted {
            self.log.note(log_key, told, told_every, now.wall);
            self.changes += 1;
        }
        self.under_way.extend(jobs.iter().map(|job| job.ticket.log_key.clone()));
        if let Some(group) = self.groups.get_mut(key) {
            // The other may die before it has told.
            let look_again = if is_left { LOOK_AFTER_ELDER } else { group.group_interval };
            group.next_flush = now.tick + look_again.min(group.group_interval);
            let outstanding = jobs.len();
            group.in_flight = Some(InFlight { outstanding, failed: false, resolved, flush_after: false });
        }
        if jobs.is_empty() {
            self.settle(key, now);
        }
        jobs
    }

    /// What is to be told of a group now.
    fn decide(&self, key: &GroupKey, told_now: &BTreeSet<Labels>, now: Now) -> Decided {
        let Some(group) = self.groups.get(key) else { return Decided::default() };
        let (alerts, told) = group.snapshot(told_now, now.wall);
        let repeats = (!is_in_hand(&self.acks, &alerts)).then_some(group.repeat_interval);
        let is_left = self.is_left_to_elder(key, now.wall);
        let integrations = self.receivers.get(&group.receiver).map_or(&[][..], Vec::as_slice);
        let mut decided = Decided::default();
        for integration in integrations {
            let log_key: LogKey = (group.key.clone(), group.receiver.clone(), integration.place());
            let (send_resolved, repeat_interval) = (integration.send_resolved, group.repeat_interval);
            if alerts.is_empty() || !self.must_tell((key, &log_key), &told, send_resolved, repeats, now.wall)
            {
                continue;
            }
            if is_left {
                decided.is_left = true;
                continue;
            }
            let wanted = |alert: &&NotifiedAlert| send_resolved || alert.ended_at.is_none();
            let alerts: Vec<NotifiedAlert> = alerts.iter().filter(wanted).cloned().collect();
            if alerts.is_empty() {
                decided.noted.push((log_key, told.clone()));
                continue;
            }
            let (told, serial) = (told.clone(), group.serial);
            let (told_every, heard) = (group.told_every(), self.heard);
            let ticket =
                Ticket { group: key.clone(), serial, log_key, told, repeat_interval, told_every, heard };
            decided.jobs.push(group.job(integration, alerts, ticket, &self.external_url));
        }
        // Ends that another monitor is still to tell stay here too, should that one die.
        let is_owed = |alert: &&Arc<Known>| is_left && self.is_believed(group, &alert.labels);
        let ended = group.alerts.values().filter(|alert| alert.is_resolved(now.wall));
        decided.resolved = ended.filter(|alert| !is_owed(alert)).cloned().collect();
        decided
    }

    /// Takes note of a job that is done, well or not.
    pub(crate) fn done(&mut self, ticket: Ticket, end: End, now: Now) {
        self.watch_clock(now);
        self.under_way.remove(&ticket.log_key);
        let waiting = self.waiting.remove(&(ticket.log_key.0.clone(), ticket.log_key.1.clone()));
        if let Some(group) = waiting.and_then(|key| self.groups.get_mut(&key)) {
            group.next_flush = now.tick;
        }
        if end == End::Taken {
            self.doubted.remove(&ticket.log_key);
            self.log.note(ticket.log_key, ticket.told, ticket.told_every, now.wall);
            self.changes += 1;
        }
        let group = self.groups.get_mut(&ticket.group).filter(|group| group.serial == ticket.serial);
        let Some(in_flight) = group.and_then(|group| group.in_flight.as_mut()) else { return };
        in_flight.outstanding = in_flight.outstanding.saturating_sub(1);
        in_flight.failed |= matches!(end, End::Failed | End::Outdated);
        in_flight.flush_after |= end == End::Outdated;
        if in_flight.outstanding == 0 {
            self.settle(&ticket.group, now);
        }
    }

    /// Ends a flush: what has ended and was told leaves, unless there were news of it meanwhile.
    fn settle(&mut self, key: &GroupKey, now: Now) {
        let Some(group) = self.groups.get_mut(key) else { return };
        let Some(in_flight) = group.in_flight.take() else { return };
        if !in_flight.failed {
            for told in in_flight.resolved {
                let same = |now: &Arc<Known>| (now.starts_at, now.ends_at) == (told.starts_at, told.ends_at);
                if group.alerts.get(&told.labels).is_some_and(same) {
                    group.alerts.remove(&told.labels);
                    self.changes += 1;
                }
            }
        }
        if in_flight.flush_after {
            group.next_flush = now.tick;
        }
        if group.alerts.is_empty() {
            self.groups.remove(key);
        }
        self.count(now);
    }

    /// Forgets alerts that have ended and log entries that have expired.
    pub(crate) fn collect(&mut self, now: Now) {
        let owed: BTreeSet<Labels> = self.in_groups().cloned().collect();
        let unheard: Vec<Labels> = self.open.iter().cloned().collect();
        unheard.iter().for_each(|labels| self.note_end_of(labels, now));
        for gone in self.store.collect(now.wall, |labels| owed.contains(labels)) {
            self.inhibition.remove(&gone);
            self.unheard.remove(&gone);
            self.released.remove(&gone);
        }
        self.ledger.collect(now.wall);
        self.log.collect(now.wall);
        self.heard_at.retain(|key, _| self.log.get(key).is_some());
        self.changes += u64::from(self.silences.collect(now.wall));
        self.count(now);
    }

    fn count(&self, now: Now) {
        let active = self.store.iter().filter(|alert| !alert.is_resolved(now.wall)).count();
        let small = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        self.metrics.alerts.get_or_create(&StateLabel { state: "active" }).set(small(active));
        self.metrics.groups.set(small(self.groups.len()));
        for state in [SilenceState::Active, SilenceState::Pending, SilenceState::Expired] {
            let count = self.silences.iter().filter(|silence| silence.state(now.wall) == state).count();
            self.metrics.silences.get_or_create(&StateLabel { state: state.as_str() }).set(small(count));
        }
    }
}

/// Whether there is anything new that must survive a restart. A later "until when to believe it" is not.
fn differs(before: &Known, now: &Known, at: TimestampMs) -> bool {
    let ended = now.is_resolved(at);
    before.starts_at != now.starts_at
        || (ended && before.ends_at != now.ends_at)
        || before.annotations != now.annotations
        || before.generator_url != now.generator_url
        || before.is_resolved(before.updated_at) != ended
}

/// Whether somebody has everything in hand that fires.
fn is_in_hand(acks: &BTreeMap<Labels, Ack>, alerts: &[NotifiedAlert]) -> bool {
    let mut firing = alerts.iter().filter(|alert| alert.ended_at.is_none()).peekable();
    firing.peek().is_some() && firing.all(|alert| acks.contains_key(&alert.labels))
}
