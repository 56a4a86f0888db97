//! Why somebody was, or was not, told of an alert: its story, put together from the ledger and, for now, from what is in
//! force.

use std::collections::BTreeSet;

use model::{Labels, TimestampMs};

use crate::config::Config;
use crate::grouping::{Core, Now};
use crate::ledger::{Attempted, EndedHow, Event, Fingerprint, Hold, Ledger, Pairs, Passed, Way, What, pairs};
use crate::status::Ack;

/// The most alerts of one name that are told of; a question about more should name labels.
pub const STORIES_MAX: usize = 50;

/// Which alerts, and when.
#[derive(Debug, Clone)]
pub struct Question {
    /// Their name.
    pub name: String,
    /// One of them alone.
    pub alert: Option<Fingerprint>,
    /// `None` is now.
    pub at: Option<TimestampMs>,
}

/// What became of one alert, as far as it had come at the moment of the question.
#[derive(Debug, Clone, PartialEq)]
pub struct Story {
    /// Its short name.
    pub alert: Fingerprint,
    /// Its labels.
    pub labels: Pairs,
    /// When it fired last, by who sent it; `None` when the ledger does not reach back so far.
    pub since: Option<TimestampMs>,
    /// Whether our own rules sent it.
    pub from_rules: Option<bool>,
    /// When that ended.
    pub ended: Option<(TimestampMs, EndedHow)>,
    /// Who has it in hand.
    pub ack: Option<Ack>,
    /// Where it goes.
    pub ways: Vec<WayStory>,
    /// Where it does not.
    pub passed: Vec<Passed>,
    /// How many more there are.
    pub passed_more: usize,
    /// All that happened since it fired, oldest first; the moments of silences that held it and of restarts too.
    pub events: Vec<Event>,
}

/// What became of it on one way.
#[derive(Debug, Clone, PartialEq)]
pub struct WayStory {
    /// The way; its time is that of the next look for a question about now.
    pub way: Way,
    /// What keeps it from being told.
    pub held: Option<Hold>,
    /// The receiver's calls that were tried, in the order of the first try.
    pub calls: Vec<CallStory>,
    /// When it is told again if nothing changes; for a question about now.
    pub repeat_at: Option<TimestampMs>,
}

/// What became of it in one call of a receiver.
#[derive(Debug, Clone, PartialEq)]
pub struct CallStory {
    /// How: "webhook/0".
    pub integration: String,
    /// The last message about it that was taken, and when.
    pub told: Option<(TimestampMs, Attempted)>,
    /// The last try after that, which was not.
    pub failing: Option<(TimestampMs, Attempted)>,
}

impl Core {
    /// Answers a question: alerts that fire first, then by their labels.
    pub(crate) fn why(&self, question: &Question, ledger: &Ledger, now: Now) -> Vec<Story> {
        let until = question.at.unwrap_or(TimestampMs(i64::MAX));
        let mut known: BTreeSet<(Fingerprint, Pairs)> = fired(&question.name, ledger, until);
        if question.at.is_none() {
            let here = self.named(&question.name);
            known.extend(here.into_iter().map(|labels| (Fingerprint::of(labels), pairs(labels))));
        }
        known.retain(|(alert, _)| question.alert.is_none_or(|wanted| wanted == *alert));
        let mut known: Vec<_> = known.into_iter().collect();
        let ended = |labels: &Pairs| {
            let known = self.known(&Labels::from_pairs(labels.clone()));
            known.is_none_or(|alert| alert.is_resolved(now.wall))
        };
        known.sort_by_cached_key(|(_, labels)| ended(labels));
        let mut stories: Vec<Story> = known
            .into_iter()
            .take(STORIES_MAX)
            .map(|(alert, labels)| {
                let mut story = tell(alert, labels, ledger, until);
                if question.at.is_none() {
                    self.add_now(&mut story, now);
                }
                story
            })
            .collect();
        let newest_first = |story: &Story| story.ended.map(|(at, _)| std::cmp::Reverse(at));
        stories.sort_by(|a, b| (newest_first(a), &a.labels).cmp(&(newest_first(b), &b.labels)));
        stories
    }

    /// What is in force now goes before what was written down.
    fn add_now(&self, story: &mut Story, now: Now) {
        let labels = Labels::from_pairs(story.labels.clone());
        story.ack = self.ack(&labels).cloned();
        let Some(alert) = self.known(&labels) else { return };
        if alert.is_resolved(now.wall) {
            story.ended = story.ended.or(Some((alert.ends_at, EndedHow::Unheard)));
            return;
        }
        story.ended = None;
        story.since.get_or_insert(alert.starts_at);
        story.from_rules.get_or_insert(alert.from_rules);
        let before = std::mem::take(&mut story.ways);
        for (way, held, repeat_at) in self.ways_now(&labels, now) {
            let same =
                before.iter().find(|old| (&old.way.group, &old.way.receiver) == (&way.group, &way.receiver));
            let calls = same.map(|old| old.calls.clone()).unwrap_or_default();
            story.ways.push(WayStory { way, held, calls, repeat_at });
        }
        let walk = self.config().route.explain(&labels);
        story.passed = passed(&walk.passed);
        story.passed_more = walk.passed.len() - story.passed.len();
    }
}

/// Routes that an alert passes by, as many as are told of.
pub(crate) fn passed(all: &[(&crate::route::Route, String)]) -> Vec<Passed> {
    let one = |(route, because): &(&crate::route::Route, String)| Passed {
        route: route.key.clone(),
        receiver: route.receiver.clone(),
        because: because.clone(),
    };
    all.iter().take(crate::ledger::PASSED_MAX).map(one).collect()
}

/// Alerts of this name that the ledger has seen begin.
fn fired(name: &str, ledger: &Ledger, until: TimestampMs) -> BTreeSet<(Fingerprint, Pairs)> {
    let label = serde_json::json!({ "alertname": name }).to_string();
    let text = label.trim_start_matches('{').trim_end_matches('}').to_owned();
    let mut found = BTreeSet::new();
    for event in ledger.with_any(&[text], until) {
        if let What::Fired { alert, labels, .. } = event.what
            && labels.get("alertname").is_some_and(|value| value == name)
        {
            found.insert((alert, labels));
        }
    }
    found
}

/// Puts together what the ledger says of an alert until a moment.
fn tell(alert: Fingerprint, labels: Pairs, ledger: &Ledger, until: TimestampMs) -> Story {
    let texts = [alert.to_string(), "\"more\":true".to_owned(), "\"what\":\"started\"".to_owned()];
    let mut events = ledger.with_any(&texts, until);
    // From when it last began; where that is not known, from where the ledger begins.
    let begins = |event: &Event| matches!(&event.what, What::Fired { alert: of, .. } if *of == alert);
    let begun = events.iter().rposition(begins);
    events.drain(..begun.unwrap_or(0));
    let mut story = Story {
        alert,
        labels,
        since: None,
        from_rules: None,
        ended: None,
        ack: None,
        ways: Vec::new(),
        passed: Vec::new(),
        passed_more: 0,
        events: Vec::new(),
    };
    for event in events {
        if story.take(&event) {
            story.events.push(event);
        }
    }
    story.add_silences(ledger, until);
    story
}

impl Story {
    /// Takes an event into account; false when it is none of this story's.
    fn take(&mut self, event: &Event) -> bool {
        let own = self.alert;
        match &event.what {
            What::Fired { since, from_rules, ways, passed, passed_more, .. } => {
                (self.since, self.from_rules) = (Some(*since), Some(*from_rules));
                self.ways = ways.iter().map(WayStory::new).collect();
                (self.passed, self.passed_more) = (passed.clone(), *passed_more);
            }
            What::Ended { alert, ended, how } if *alert == own => {
                self.ended = Some((*ended, *how));
                self.ack = None;
            }
            What::Held { alert, receiver, group, by } if *alert == own => {
                self.way(receiver, group).held = Some(by.clone());
            }
            What::Freed { alert, receiver, group } if *alert == own => {
                self.way(receiver, group).held = None;
            }
            What::Attempt(tried) => return self.take_attempt(event.at, tried),
            What::Acknowledged { alert, by, comment } if *alert == own => {
                self.ack = Some(Ack { by: by.clone(), comment: comment.clone(), at: event.at });
            }
            What::Unacknowledged { alert } if *alert == own => self.ack = None,
            // A restart is part of the story of what fires meanwhile.
            What::Started { .. } => return !self.events.is_empty() && self.ended.is_none(),
            // It stands there as what inhibits another.
            _ => return false,
        }
        true
    }

    fn take_attempt(&mut self, at: TimestampMs, tried: &Attempted) -> bool {
        let named = tried.firing.contains(&self.alert) || tried.resolved.contains(&self.alert);
        let goes_there =
            |way: &WayStory| (&way.way.receiver, &way.way.group) == (&tried.receiver, &tried.group);
        if !named && !(tried.more && self.ways.iter().any(goes_there)) {
            return false;
        }
        let call = self.way(&tried.receiver, &tried.group).call(&tried.integration);
        if tried.taken {
            (call.told, call.failing) = (Some((at, tried.clone())), None);
        } else {
            call.failing = Some((at, tried.clone()));
        }
        true
    }

    /// The way to a receiver by a group; one that came with a new configuration is added.
    fn way(&mut self, receiver: &str, group: &str) -> &mut WayStory {
        let known =
            self.ways.iter().position(|one| (&*one.way.receiver, &*one.way.group) == (receiver, group));
        let at = known.unwrap_or_else(|| {
            let route = group.rsplit_once(":{").map_or(group, |(route, _)| route).to_owned();
            let wait = crate::ledger::Wait::GroupInterval;
            let (receiver, group) = (receiver.to_owned(), group.to_owned());
            self.ways.push(WayStory::new(&Way { route, receiver, group, look_at: TimestampMs(0), wait }));
            self.ways.len() - 1
        });
        &mut self.ways[at]
    }

    /// Adds the moments at which silences that held it were made and ended.
    fn add_silences(&mut self, ledger: &Ledger, until: TimestampMs) {
        let mut ids = BTreeSet::new();
        for event in &self.events {
            if let What::Held { by: Hold::Silenced { ids: some }, .. } = &event.what {
                ids.extend(some.iter().cloned());
            }
        }
        if ids.is_empty() {
            return;
        }
        let texts: Vec<String> = ids.iter().cloned().collect();
        let about = |event: &Event| match &event.what {
            What::SilenceSet { id, .. } | What::SilenceExpired { id } => ids.contains(id),
            _ => false,
        };
        self.events.extend(ledger.with_any(&texts, until).into_iter().filter(about));
        self.events.sort_by_key(|event| event.seq);
    }
}

impl WayStory {
    fn new(way: &Way) -> Self {
        Self { way: way.clone(), held: None, calls: Vec::new(), repeat_at: None }
    }

    fn call(&mut self, integration: &str) -> &mut CallStory {
        let known = self.calls.iter().position(|call| call.integration == integration);
        let at = known.unwrap_or_else(|| {
            let integration = integration.to_owned();
            self.calls.push(CallStory { integration, told: None, failing: None });
            self.calls.len() - 1
        });
        &mut self.calls[at]
    }
}

/// An outage of the past, or one that lasts.
#[derive(Debug, Clone, PartialEq)]
pub struct Episode {
    /// Which alert.
    pub alert: Fingerprint,
    /// Its labels.
    pub labels: Pairs,
    /// When it was heard of.
    pub fired_at: TimestampMs,
    /// When it ended; `None` while it fires.
    pub ended_at: Option<TimestampMs>,
    /// Who was told of it, each once, in order.
    pub told: Vec<String>,
    /// Who is to be told and was not.
    pub untold: Vec<String>,
    /// Messages about it that were taken.
    pub messages: usize,
    /// Tries that were not.
    pub failures: usize,
    /// How it was held at some time: "silenced", "inhibited", "muted".
    pub held: BTreeSet<&'static str>,
    /// Who had it in hand.
    pub acknowledged_by: Option<String>,
}

/// Episodes that the ledger knows of, newest first, at most `count`; and since when it knows.
pub(crate) fn history(ledger: &Ledger, count: usize) -> Vec<Episode> {
    let mut all: Vec<Episode> = Vec::new();
    let mut open: std::collections::HashMap<Fingerprint, usize> = std::collections::HashMap::new();
    for event in ledger.with_any(&[], TimestampMs(i64::MAX)) {
        match event.what {
            What::Fired { alert, labels, ways, .. } => {
                open.insert(alert, all.len());
                all.push(Episode::new(alert, labels, event.at, ways));
            }
            What::Ended { alert, ended, .. } => {
                if let Some(episode) = open.get(&alert).and_then(|at| all.get_mut(*at)) {
                    episode.ended_at = Some(ended);
                }
            }
            What::Held { alert, by, .. } => {
                if let Some(episode) = open.get(&alert).and_then(|at| all.get_mut(*at)) {
                    episode.held.insert(held_word(&by));
                }
            }
            What::Acknowledged { alert, by, .. } => {
                if let Some(episode) = open.get(&alert).and_then(|at| all.get_mut(*at)) {
                    episode.acknowledged_by = Some(by);
                }
            }
            What::Attempt(tried) => {
                for alert in tried.firing.iter().chain(&tried.resolved) {
                    if let Some(episode) = open.get(alert).and_then(|at| all.get_mut(*at)) {
                        episode.tried(&tried);
                    }
                }
            }
            _ => {}
        }
    }
    all.reverse();
    all.truncate(count);
    all
}

/// How an alert is held, in one word.
pub fn held_word(hold: &Hold) -> &'static str {
    match hold {
        Hold::Inhibited { .. } => "inhibited",
        Hold::Outside { .. } | Hold::Muted { .. } => "muted",
        Hold::Silenced { .. } => "silenced",
    }
}

impl Episode {
    fn new(alert: Fingerprint, labels: Pairs, fired_at: TimestampMs, ways: Vec<Way>) -> Self {
        let untold = ways.into_iter().map(|way| way.receiver).collect();
        Self {
            alert,
            labels,
            fired_at,
            ended_at: None,
            told: Vec::new(),
            untold,
            messages: 0,
            failures: 0,
            held: BTreeSet::new(),
            acknowledged_by: None,
        }
    }

    fn tried(&mut self, tried: &Attempted) {
        self.failures += usize::try_from(tried.skipped).unwrap_or(usize::MAX);
        if !tried.taken {
            self.failures += 1;
            return;
        }
        self.messages += 1;
        self.untold.retain(|receiver| *receiver != tried.receiver);
        if !self.told.contains(&tried.receiver) {
            self.told.push(tried.receiver.clone());
        }
    }
}

/// A node of the routing tree, as a page draws it.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteNode {
    /// Its own matchers, as text; none for the root.
    pub matchers: Vec<String>,
    /// Who is told.
    pub receiver: String,
    /// How: "webhook", "email"; empty for a receiver that tells nobody.
    pub integrations: Vec<String>,
    /// By which labels alerts are put together; `["..."]` for all.
    pub group_by: Vec<String>,
    /// `group_wait`, `group_interval`, `repeat_interval`, in milliseconds.
    pub timers_ms: [i64; 3],
    /// Whether siblings further down are tried too.
    pub continues: bool,
    /// Nobody is told while one of these lasts.
    pub mute: Vec<String>,
    /// People are told only while one of these lasts.
    pub active: Vec<String>,
    /// How many alerts that fire arrive here now.
    pub alerts: usize,
    /// Below it.
    pub routes: Vec<RouteNode>,
}

impl RouteNode {
    pub(crate) fn of(config: &Config, route: &crate::route::Route, arrivals: &[usize]) -> Self {
        let calls = config.receivers.get(&route.receiver).map(|receiver| receiver.calls.as_slice());
        let mut integrations: Vec<String> =
            calls.unwrap_or_default().iter().map(|call| call.kind.to_owned()).collect();
        integrations.dedup();
        let group_by = match &route.group_by {
            crate::route::GroupBy::All => vec!["...".to_owned()],
            crate::route::GroupBy::Labels(names) => names.clone(),
        };
        Self {
            matchers: route.matchers.iter().map(ToString::to_string).collect(),
            receiver: route.receiver.clone(),
            integrations,
            group_by,
            timers_ms: [route.group_wait.0, route.group_interval.0, route.repeat_interval.0],
            continues: route.continues,
            mute: route.mute.clone(),
            active: route.active.clone(),
            alerts: arrivals.get(route.id).copied().unwrap_or(0),
            routes: route.routes.iter().map(|child| Self::of(config, child, arrivals)).collect(),
        }
    }
}
