//! `alertmanager.yml`. What Alertmanager knows and this program does not yet is refused by name, never passed over: a
//! receiver that silently does not exist is a page that never comes.

mod global;
mod http;
mod raw;
mod receivers;
mod resolve;
mod shown;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use config::{ConfigError, Position, Secret, Spanned};
use model::{DurationMs, Labels, MatchOp, Matcher};

use crate::inhibit::InhibitRule;
use crate::intervals::{Interval, Intervals};
use crate::matchers;
use crate::route::{GroupBy, Route, number, own_key};
use crate::template::Library;

pub(crate) use http::Credentials;
pub(crate) use receivers::*;
pub use resolve::Receiver;
pub(crate) use resolve::{Call, CallConfig};

/// Alertmanager's defaults for the root route.
const GROUP_WAIT: DurationMs = DurationMs::from_secs(30);
const GROUP_INTERVAL: DurationMs = DurationMs::from_secs(5 * 60);
const REPEAT_INTERVAL: DurationMs = DurationMs::from_secs(4 * 3600);
const RESOLVE_TIMEOUT: DurationMs = DurationMs::from_secs(5 * 60);

/// How deep routes may be nested. Matching goes down recursively; no routing that a person can follow is this deep.
pub const ROUTE_DEPTH_MAX: usize = 64;

/// A configuration that was read and found right.
#[derive(Debug, Clone)]
pub struct Config {
    /// After how long an alert that gave no end and is heard of no more counts as resolved.
    pub resolve_timeout: DurationMs,
    /// The root of the routing tree.
    pub route: Arc<Route>,
    /// Receivers by name.
    pub receivers: BTreeMap<String, Receiver>,
    /// Which alerts keep which others from being told.
    pub(crate) inhibit_rules: Arc<[InhibitRule]>,
    /// Hours that routes are muted or active in.
    pub(crate) intervals: Arc<Intervals>,
    /// Definitions that texts may use.
    pub(crate) library: Library,
    /// What was left out, each with its place.
    pub left_out: Vec<String>,
    /// The text as it was written, for whoever asks what is in force. May hold secrets.
    pub original: Secret,
}

impl Config {
    /// All that was written, secrets hidden.
    pub fn shown(&self, file: &Path) -> String {
        shown::without_secrets(file, self.original.expose())
    }

    /// Reads the text of `file`.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn parse(file: &Path, text: &str) -> Result<Self, ConfigError> {
        let raw: raw::File = config::from_str(file, text)?;
        let checker = Checker { file };
        checker.supported(raw.unsupported())?;
        checker.supported(raw.global.unsupported())?;
        let base = file.parent().unwrap_or(Path::new("."));
        let secrets = raw.global.secrets(base).map_err(|e| checker.fault(Position::default(), e))?;
        let resolver = resolve::Resolver { file, base, global: &raw.global, secrets: &secrets };
        let receivers = checker.receivers(raw.receivers, &resolver)?;
        let Some(route) = raw.route else {
            return Err(checker.fault(Position::default(), "no route provided in config"));
        };
        let intervals = checker.intervals(raw.time_intervals, raw.mute_time_intervals)?;
        let mut route = checker.root(route, &Known { receivers: &receivers, intervals: &intervals })?;
        number(&mut route, &mut 0);
        let inhibit_rules: Vec<_> =
            raw.inhibit_rules.into_iter().map(|rule| checker.inhibit_rule(rule)).collect::<Result<_, _>>()?;
        let tracing = raw.tracing.map(|given| given.at);
        let left_out = |at| ConfigError::at(file, at, "tracing is left out: not supported yet").to_string();
        Ok(Self {
            resolve_timeout: raw.global.resolve_timeout.map_or(RESOLVE_TIMEOUT, |d| d.0),
            route: Arc::new(route),
            receivers,
            inhibit_rules: inhibit_rules.into(),
            intervals: Arc::new(intervals),
            library: Library::load(base, &raw.templates)?,
            left_out: tracing.into_iter().map(left_out).collect(),
            original: Secret::new(text),
        })
    }
}

/// What routes may name.
struct Known<'a> {
    receivers: &'a BTreeMap<String, Receiver>,
    intervals: &'a Intervals,
}

struct Checker<'a> {
    file: &'a Path,
}

impl Checker<'_> {
    fn fault(&self, at: Position, message: impl Into<String>) -> ConfigError {
        ConfigError::at(self.file, at, message)
    }

    fn supported(&self, fields: Vec<(&'static str, Position)>) -> Result<(), ConfigError> {
        match fields.into_iter().min_by_key(|(_, at)| *at) {
            Some((name, at)) => Err(self.fault(at, format!("{name} is not supported yet"))),
            None => Ok(()),
        }
    }

    fn receivers(
        &self,
        raw: Vec<raw::Receiver>,
        resolver: &resolve::Resolver<'_>,
    ) -> Result<BTreeMap<String, Receiver>, ConfigError> {
        let mut receivers = BTreeMap::new();
        for mut receiver in raw {
            let Some(name) = receiver.name.take().filter(|name| !name.value.is_empty()) else {
                return Err(self.fault(Position::default(), "missing name in receiver"));
            };
            let known = resolver.receiver(&name.value, receiver)?;
            if receivers.insert(name.value.clone(), known).is_some() {
                return Err(
                    self.fault(name.at, format!("notification config name {:?} is not unique", name.value))
                );
            }
        }
        Ok(receivers)
    }

    fn intervals(
        &self,
        new: Vec<Spanned<raw::NamedIntervals>>,
        old: Vec<Spanned<raw::NamedIntervals>>,
    ) -> Result<Intervals, ConfigError> {
        let mut all = Intervals::new();
        for Spanned { at, value: named } in new.into_iter().chain(old) {
            self.supported(named.unsupported())?;
            let Some(name) = named.name.filter(|name| !name.value.is_empty()) else {
                return Err(self.fault(at, "missing name in time interval"));
            };
            let intervals: Vec<_> = named
                .time_intervals
                .into_iter()
                .map(|one| self.interval_of(one))
                .collect::<Result<_, _>>()?;
            if all.insert(name.value.clone(), intervals).is_some() {
                return Err(self.fault(name.at, format!("time interval {:?} is not unique", name.value)));
            }
        }
        Ok(all)
    }

    fn interval_of(&self, raw: Spanned<raw::Interval>) -> Result<Interval, ConfigError> {
        let raw = raw.value;
        self.supported(raw.unsupported())?;
        let mut interval = Interval::default();
        for Spanned { at, value } in raw.times {
            self.supported(value.unsupported())?;
            interval.add_times(&value.start_time, &value.end_time).map_err(|e| self.fault(at, e))?;
        }
        type Add = fn(&mut Interval, &str) -> Result<(), String>;
        let parts: [(Vec<Spanned<String>>, Add); 4] = [
            (raw.weekdays, Interval::add_weekdays),
            (raw.days_of_month, Interval::add_days),
            (raw.months, Interval::add_months),
            (raw.years, Interval::add_years),
        ];
        for (texts, add) in parts {
            for text in texts {
                add(&mut interval, &text.value).map_err(|e| self.fault(text.at, e))?;
            }
        }
        if let Some(zone) = raw.location {
            interval.set_location(&zone.value).map_err(|e| self.fault(zone.at, e))?;
        }
        Ok(interval)
    }

    fn inhibit_rule(&self, raw: Spanned<raw::InhibitRule>) -> Result<InhibitRule, ConfigError> {
        let raw = raw.value;
        self.supported(raw.unsupported())?;
        Ok(InhibitRule {
            source: self.matchers(&raw.source_match, &raw.source_match_re, &raw.source_matchers)?,
            target: self.matchers(&raw.target_match, &raw.target_match_re, &raw.target_matchers)?,
            equal: raw.equal,
        })
    }

    fn root(&self, raw: Spanned<raw::Route>, known: &Known<'_>) -> Result<Route, ConfigError> {
        let at = raw.at;
        if raw.value.receiver.is_none() {
            return Err(self.fault(at, "root route must specify a default receiver"));
        }
        if raw.value.has_matchers() {
            return Err(self.fault(at, "root route must not have any matchers"));
        }
        if raw.value.continues {
            return Err(self.fault(at, "cannot have continue in root route"));
        }
        for (given, word) in
            [(&raw.value.mute_time_intervals, "mute"), (&raw.value.active_time_intervals, "active")]
        {
            if let Some(first) = given.first() {
                return Err(
                    self.fault(first.at, format!("root route must not have any {word} time intervals"))
                );
            }
        }
        let defaults = Route {
            receiver: String::new(),
            group_by: GroupBy::Labels(Vec::new()),
            group_wait: GROUP_WAIT,
            group_interval: GROUP_INTERVAL,
            repeat_interval: REPEAT_INTERVAL,
            matchers: Vec::new(),
            continues: false,
            mute: Vec::new(),
            active: Vec::new(),
            routes: Vec::new(),
            labels: Labels::empty(),
            key: String::new(),
            id: 0,
        };
        self.route(raw, &defaults, known, 0)
    }

    fn route(
        &self,
        raw: Spanned<raw::Route>,
        parent: &Route,
        known: &Known<'_>,
        depth: usize,
    ) -> Result<Route, ConfigError> {
        let (at, raw) = (raw.at, raw.value);
        if depth > ROUTE_DEPTH_MAX {
            return Err(self.fault(at, format!("routes are nested more than {ROUTE_DEPTH_MAX} deep")));
        }
        self.supported(raw.unsupported())?;
        if let Some(name) = raw.receiver.as_ref().filter(|name| !known.receivers.contains_key(&name.value)) {
            return Err(self.fault(name.at, format!("undefined receiver {:?} used in route", name.value)));
        }
        let matchers = self.matchers(&raw.equal, &raw.regex, &raw.matchers)?;
        let named = raw.mute_time_intervals.iter().chain(&raw.active_time_intervals);
        if let Some(name) = named.into_iter().find(|name| !known.intervals.contains_key(&name.value)) {
            return Err(
                self.fault(name.at, format!("undefined time interval {:?} used in route", name.value))
            );
        }
        let own = own_key(&matchers);
        let mut route = Route {
            receiver: raw.receiver.map_or_else(|| parent.receiver.clone(), |name| name.value),
            group_by: raw.group_by.map_or_else(|| Ok(parent.group_by.clone()), |by| self.group_by(by))?,
            group_wait: raw.group_wait.map_or(parent.group_wait, |d| d.value.0),
            group_interval: self.interval("group_interval", raw.group_interval, parent.group_interval)?,
            repeat_interval: self.interval("repeat_interval", raw.repeat_interval, parent.repeat_interval)?,
            matchers,
            continues: raw.continues,
            mute: raw.mute_time_intervals.into_iter().map(|name| name.value).collect(),
            active: raw.active_time_intervals.into_iter().map(|name| name.value).collect(),
            routes: Vec::new(),
            labels: over(&parent.labels, raw.labels),
            key: if depth == 0 { own } else { format!("{}/{own}", parent.key) },
            id: 0,
        };
        for child in raw.routes {
            let child = self.route(child, &route, known, depth + 1)?;
            route.routes.push(child);
        }
        Ok(route)
    }

    fn interval(
        &self,
        name: &str,
        given: Option<Spanned<config::Duration>>,
        inherited: DurationMs,
    ) -> Result<DurationMs, ConfigError> {
        match given {
            Some(zero) if zero.value.0 == DurationMs::ZERO => {
                Err(self.fault(zero.at, format!("{name} cannot be zero")))
            }
            Some(given) => Ok(given.value.0),
            None => Ok(inherited),
        }
    }

    fn group_by(&self, names: Vec<Spanned<String>>) -> Result<GroupBy, ConfigError> {
        let mut seen = BTreeSet::new();
        for name in &names {
            if !seen.insert(name.value.clone()) {
                return Err(self.fault(name.at, format!("duplicated label {:?} in group_by", name.value)));
            }
            if name.value.is_empty() {
                return Err(self.fault(name.at, "invalid label name \"\" in group_by list"));
            }
        }
        if !seen.contains("...") {
            return Ok(GroupBy::Labels(seen.into_iter().collect()));
        }
        match names.first() {
            Some(first) if names.len() > 1 => Err(self
                .fault(first.at, "cannot have wildcard group_by (`...`) and other labels at the same time")),
            _ => Ok(GroupBy::All),
        }
    }

    fn matchers(
        &self,
        equal: &BTreeMap<String, Spanned<String>>,
        regex: &BTreeMap<String, Spanned<String>>,
        texts: &[Spanned<String>],
    ) -> Result<Vec<Matcher>, ConfigError> {
        let mut matchers = Vec::new();
        for (pairs, op) in [(equal, MatchOp::Equal), (regex, MatchOp::Regex)] {
            for (name, value) in pairs {
                let matcher = Matcher::new(name.as_str(), op, value.value.as_str());
                matchers.push(matcher.map_err(|e| self.fault(value.at, e.to_string()))?);
            }
        }
        for text in texts {
            matchers.extend(matchers::parse(&text.value).map_err(|e| self.fault(text.at, e))?);
        }
        Ok(matchers)
    }
}

/// A route has its parent's labels and its own, which go first.
fn over(inherited: &Labels, own: BTreeMap<String, String>) -> Labels {
    let mut labels = inherited.to_builder();
    for (name, value) in own {
        labels.set(name, value);
    }
    labels.build()
}

#[cfg(test)]
mod tests;
