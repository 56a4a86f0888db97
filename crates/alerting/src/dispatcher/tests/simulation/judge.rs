//! Holds what receivers were told against what is true.
//!
//! At the moment at which it is decided to tell: nothing that does not fire is told to fire, or the reverse; nothing that is
//! silenced, inhibited or out of hours is told; everything of the group that is to be told is; everybody is told only of his
//! own alerts and groups. When it is taken: the receiver did not know it already, or it was due again. And looking back, at
//! each step: what was to be told for longer than it may take was told, ends too, and what goes on was repeated.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::plan::LabelSet;
use super::truth::Facts;

/// What is late by this has waited for timers at the same moment, no longer.
const LATE_MS: i64 = 2_000;
/// Until news of a message have reached the other monitor.
const AT_ONCE_MS: i64 = 20;
/// How many of the last things that happened are told of a failure.
const TRACE_MAX: usize = 300;

/// A call of a receiver about a group: route, which call, group labels.
pub(super) type Key = (usize, usize, LabelSet);

/// What a receiver was told last.
#[derive(Debug, Clone)]
struct View {
    firing: BTreeSet<usize>,
    resolved: BTreeSet<usize>,
    wall: i64,
    /// The latest that the clock showed since.
    wall_max: i64,
    done_ms: i64,
    /// Which monitor told it.
    by: usize,
    /// Monitors may not know what it was told: one was killed too soon after, or both told it in the same moment.
    is_doubtful: bool,
}

/// What somebody tells.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Message {
    pub(super) key: Key,
    pub(super) firing: BTreeSet<usize>,
    pub(super) resolved: BTreeSet<usize>,
}

/// How things were at the steps so far, for one alert on one route.
#[derive(Debug, Default, Clone)]
struct Past {
    to_be_told_since: Option<i64>,
    not_to_be_told_since: Option<i64>,
    heard_since: Option<i64>,
    ended_since: Option<i64>,
    firing_since: Option<i64>,
    last_firing: Option<i64>,
}

#[derive(Debug)]
pub(super) struct Judge {
    pub(super) facts: Facts,
    /// How old a decision may be when it is carried out: monitors of a pair wait for each other.
    pub(super) patience_ms: i64,
    /// When each monitor was started.
    pub(super) started_ms: [i64; 2],
    /// Since when all monitors live and hear each other.
    pub(super) together_since: Option<i64>,
    /// Until when something else than alerts is the reason for what is late: of all, and of each route.
    pub(super) disturbed_until: i64,
    pub(super) routes_disturbed_until: Vec<i64>,
    /// A monitor has forgotten who was told, and what the other knows of that is of a time that the clock will show again.
    pub(super) is_muddled: bool,
    views: BTreeMap<Key, View>,
    past: BTreeMap<(usize, usize), Past>,
    trace: VecDeque<String>,
    pub(super) found: Vec<String>,
    pub(super) taken: usize,
}

impl Judge {
    pub(super) fn new(facts: Facts, patience_ms: i64) -> Self {
        Self {
            routes_disturbed_until: vec![0; facts.plan.routes.len()],
            facts,
            patience_ms,
            started_ms: [0; 2],
            together_since: Some(0),
            disturbed_until: 0,
            is_muddled: false,
            views: BTreeMap::new(),
            past: BTreeMap::new(),
            trace: VecDeque::new(),
            found: Vec::new(),
            taken: 0,
        }
    }

    pub(super) fn note(&mut self, ms: i64, what: String) {
        if self.trace.len() == TRACE_MAX {
            self.trace.pop_front();
        }
        self.trace.push_back(format!("{:>9.3} {what}", ms as f64 / 1000.0));
    }

    pub(super) fn trace(&self) -> String {
        Vec::from(self.trace.clone()).join("\n")
    }

    fn wrong(&mut self, ms: i64, what: String) {
        self.note(ms, format!("WRONG: {what}"));
        self.found.push(what);
    }

    /// Nothing is expected for so long from now.
    pub(super) fn disturb(&mut self, ms: i64, for_ms: i64) {
        self.disturbed_until = self.disturbed_until.max(ms + for_ms);
    }

    fn are_together(&self, ms: i64) -> bool {
        self.together_since.is_some_and(|since| ms - since >= 2 * self.patience_ms)
    }

    /// Somebody has just decided to tell this, or has waited for his turn since.
    pub(super) fn decided(&mut self, monitor: usize, message: &Message, ms: i64, wall: i64) {
        let (route, call, group) = message.key.clone();
        for alert in message.firing.iter().chain(&message.resolved) {
            let labels = &self.facts.alerts[*alert].labels;
            if !self.facts.plan.ways(labels).contains(&route) {
                self.wrong(ms, format!("r{route} was told of alert {alert}, which does not arrive there"));
            } else if self.facts.plan.group(route, labels) != group {
                self.wrong(ms, format!("alert {alert} was told in the group {group:?} of r{route}"));
            }
        }
        if !message.resolved.is_empty() && !self.facts.plan.routes[route].calls[call] {
            self.wrong(ms, format!("call {call} of r{route} does not want ends"));
        }
        for alert in &message.firing {
            let is_stale = self
                .past(*alert, route)
                .not_to_be_told_since
                .is_some_and(|since| ms - since > self.patience_ms);
            let is_wrong = self.facts.is_to_be_told(*alert, route, wall) == Some(false);
            if is_wrong && (is_stale || self.patience_ms == 0) {
                self.wrong(
                    ms,
                    format!("r{route} was told that alert {alert} fires: {}", self.why(*alert, route, wall)),
                );
            }
        }
        for alert in &message.resolved {
            let is_stale =
                self.past(*alert, route).firing_since.is_some_and(|since| ms - since > self.patience_ms);
            let is_wrong = self.facts.fires(*alert, wall) == Some(true);
            if is_wrong && (is_stale || self.patience_ms == 0) {
                self.wrong(
                    ms,
                    format!(
                        "r{route} was told that alert {alert} has ended: {}",
                        self.why(*alert, route, wall)
                    ),
                );
            }
        }
        self.is_whole(monitor, message, ms, wall);
    }

    /// All of the group that is to be told is told, as far as the monitor can know.
    fn is_whole(&mut self, monitor: usize, message: &Message, ms: i64, wall: i64) {
        let (route, _, group) = &message.key;
        if self.patience_ms > 0 && !(self.are_together(ms) && ms > self.disturbed_until) {
            return;
        }
        for alert in 0..self.facts.alerts.len() {
            let labels = &self.facts.alerts[alert].labels;
            let is_here = self.facts.plan.ways(labels).contains(route)
                && self.facts.plan.group(*route, labels) == *group;
            let is_known = self.patience_ms == 0
                || self
                    .past(alert, *route)
                    .to_be_told_since
                    .is_some_and(|since| ms - since > self.patience_ms);
            let is_known = is_known && self.facts.alerts[alert].said_ms >= self.started_ms[monitor];
            let is_due = self.facts.is_to_be_told(alert, *route, wall) == Some(true);
            if is_here && is_known && is_due && !message.firing.contains(&alert) {
                self.wrong(ms, format!("alert {alert} is missing from a message to r{route}: {message:?}"));
            }
        }
    }

    /// A receiver has it, that was called at `began_ms`; the answer comes `answer_ms` later.
    pub(super) fn taken(
        &mut self,
        monitor: usize,
        message: &Message,
        began_ms: i64,
        (ms, wall): (i64, i64),
        answer_ms: i64,
    ) {
        self.taken += 1;
        let told = (&message.firing, &message.resolved);
        let (route, call, _) = &message.key;
        let repeat_ms = seconds(self.facts.plan.routes[*route].repeat_interval_s);
        let wants_ends = self.facts.plan.routes[*route].calls[*call];
        let before = self.views.get(&message.key).cloned();
        let mut is_doubtful = false;
        if let Some(view) = &before {
            let has_begun = !message.firing.is_subset(&view.firing);
            let has_ended = wants_ends && !message.resolved.is_subset(&view.resolved);
            let all_ended = message.firing.is_empty() && !view.firing.is_empty();
            // Who does not want ends is not told of them, and what fires again is news all the same.
            let may_be_again = !wants_ends
                && message.firing.iter().any(|alert| {
                    self.past(*alert, *route).not_to_be_told_since.is_some()
                        || self.was_not_told(*alert, *route, view)
                });
            let is_due = wall - view.wall > repeat_ms || view.wall_max - view.wall >= 2 * repeat_ms;
            let is_news = has_begun || has_ended || all_ended || may_be_again;
            let is_news =
                is_news || is_due && !self.are_in_hand(&message.firing, view.done_ms + repeat_ms, ms);
            // What two monitors try in the same moment, none can know of the other.
            let is_at_once = self.patience_ms > 0 && began_ms <= view.done_ms + AT_ONCE_MS;
            // Neither knows which of the two the receiver had last.
            is_doubtful = is_at_once && view.by != monitor && (&view.firing, &view.resolved) != told;
            let knew = self.patience_ms == 0 || self.are_together(ms) && !is_at_once;
            if !is_news && !view.is_doubtful && knew {
                self.wrong(ms, format!("r{route} was told again: {message:?}, after {view:?}"));
            }
        }
        let view = View {
            firing: message.firing.clone(),
            resolved: message.resolved.clone(),
            wall,
            wall_max: wall,
            done_ms: ms + answer_ms,
            by: monitor,
            is_doubtful,
        };
        self.views.insert(message.key.clone(), view);
    }

    /// Whether somebody has all of them in hand, as all monitors know, and took them before they were to be told again.
    fn are_in_hand(&self, alerts: &BTreeSet<usize>, before_ms: i64, ms: i64) -> bool {
        let is_in_hand = |number: &usize| {
            let alert = &self.facts.alerts[*number];
            let since_ms = alert.in_hand_since_ms;
            alert.in_hand == Some(true) && since_ms < before_ms && ms - since_ms > self.patience_ms
        };
        !alerts.is_empty() && alerts.iter().all(is_in_hand)
    }

    /// Whether there was a time since then at which it was not to be told for sure.
    fn was_not_told(&self, alert: usize, route: usize, view: &View) -> bool {
        self.past(alert, route).to_be_told_since.is_none_or(|since| since > view.done_ms)
    }

    /// The answer never arrived.
    pub(super) fn is_doubtful(&mut self, key: &Key) {
        if let Some(view) = self.views.get_mut(key) {
            view.is_doubtful = true;
        }
    }

    /// A monitor dies: what it has not written since then is forgotten.
    pub(super) fn killed(&mut self, unwritten_since: i64) {
        for view in self.views.values_mut().filter(|view| view.done_ms > unwritten_since) {
            view.is_doubtful = true;
        }
        self.facts.alerts.iter_mut().for_each(|alert| alert.may_be_in_hand_still(unwritten_since));
    }

    fn past(&self, alert: usize, route: usize) -> Past {
        self.past.get(&(alert, route)).cloned().unwrap_or_default()
    }

    fn why(&self, alert: usize, route: usize, wall: i64) -> String {
        let facts = &self.facts;
        format!(
            "fires {:?}, silenced {:?}, inhibited {:?}, route on {}",
            facts.fires(alert, wall),
            facts.is_silenced(alert, wall),
            facts.is_inhibited(alert, wall),
            facts.plan.is_on(route, wall)
        )
    }

    /// Takes note of how things are. To be called before anything changes, too: an alert that nobody speaks of any more ends
    /// between two steps, and may fire again at the next.
    pub(super) fn remember_all(&mut self, ms: i64, wall: i64) {
        for alert in 0..self.facts.alerts.len() {
            for route in self.facts.plan.ways(&self.facts.alerts[alert].labels) {
                self.remember(alert, route, ms, wall);
            }
        }
        self.facts.alerts.iter_mut().for_each(|alert| alert.passes(wall));
    }

    /// Looks at all alerts and receivers, at each step.
    pub(super) fn observe(&mut self, ms: i64, wall: i64) {
        for view in self.views.values_mut() {
            if view.wall > wall {
                // The clock was set back: it is as if it had been told now.
                (view.wall, view.wall_max) = (wall, wall);
            }
            view.wall_max = view.wall_max.max(wall);
        }
        self.remember_all(ms, wall);
        for alert in 0..self.facts.alerts.len() {
            for route in self.facts.plan.ways(&self.facts.alerts[alert].labels) {
                for call in 0..self.facts.plan.routes[route].calls.len() {
                    self.is_told(alert, (route, call), ms, wall);
                }
            }
        }
    }

    fn remember(&mut self, alert: usize, route: usize, ms: i64, wall: i64) {
        let (told, fires) = (self.facts.is_to_be_told(alert, route, wall), self.facts.fires(alert, wall));
        let heard = self.facts.is_heard(alert, route, wall);
        let past = self.past.entry((alert, route)).or_default();
        let since = |is: bool, since: &mut Option<i64>| *since = is.then(|| since.unwrap_or(ms));
        since(told == Some(true), &mut past.to_be_told_since);
        since(told == Some(false), &mut past.not_to_be_told_since);
        since(heard == Some(true), &mut past.heard_since);
        since(fires == Some(false), &mut past.ended_since);
        since(fires == Some(true), &mut past.firing_since);
        if fires == Some(true) {
            past.last_firing = Some(ms);
        }
    }

    /// Whether a receiver has heard of what it should have heard by now.
    fn is_told(&mut self, alert: usize, (route, call): (usize, usize), ms: i64, wall: i64) {
        let planned = &self.facts.plan.routes[route];
        let interval_ms = seconds(planned.group_wait_s.max(planned.group_interval_s));
        let (repeat_ms, wants_ends) = (seconds(planned.repeat_interval_s), planned.calls[call]);
        let quiet_since = self.disturbed_until.max(self.routes_disturbed_until[route]);
        let late_since = ms - interval_ms - LATE_MS - 2 * self.patience_ms;
        let is_late = |since: i64| since.max(quiet_since) < late_since;
        let past = self.past(alert, route);
        let key = (route, call, self.facts.plan.group(route, &self.facts.alerts[alert].labels));
        let view = self.views.get(&key).cloned();
        if view.as_ref().is_some_and(|view| view.is_doubtful) {
            return;
        }
        let believes = view.as_ref().is_some_and(|view| view.firing.contains(&alert));
        if past.to_be_told_since.is_some_and(is_late) {
            if !believes {
                self.wrong(ms, format!("r{route} was not told that alert {alert} fires: {past:?}, {view:?}"));
            } else if let Some(view) = &view
                && !self.is_muddled
                && self.facts.alerts[alert].in_hand == Some(false)
                && is_late(self.facts.alerts[alert].in_hand_since_ms)
                && wall - view.wall > repeat_ms + interval_ms + LATE_MS + 2 * self.patience_ms
            {
                self.wrong(ms, format!("r{route} was not reminded of alert {alert}: {past:?}, {view:?}"));
            }
        }
        let has_expired = view.as_ref().is_some_and(|view| view.wall_max - view.wall >= 2 * repeat_ms);
        // What ends while nobody may be told of it is told to nobody.
        let was_heard = past.heard_since.zip(past.last_firing).is_some_and(|(heard, fired)| heard <= fired);
        // A monitor of a pair that has just started leaves ends to the other, and tells them when that one does not.
        let is_very_late =
            |since: i64| is_late(since + if self.patience_ms > 0 { interval_ms + 120_000 } else { 0 });
        let has_ended = past.ended_since.is_some_and(is_very_late) && was_heard;
        if has_ended && wants_ends && believes && !has_expired {
            self.wrong(ms, format!("r{route} was not told that alert {alert} has ended: {past:?}, {view:?}"));
        }
    }
}

pub(super) fn seconds(count: u64) -> i64 {
    i64::try_from(count).expect("some hours at most") * 1000
}
