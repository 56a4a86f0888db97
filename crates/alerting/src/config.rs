//! `alertmanager.yml`. What Alertmanager knows and this program does not yet is refused by name, never passed over: a
//! receiver that silently does not exist is a page that never comes.

mod raw;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use config::{ConfigError, Position, Secret, Spanned};
use model::{DurationMs, MatchOp, Matcher};

use crate::matchers;
use crate::route::{GroupBy, Route, number, own_key};

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
    /// The text as it was written, for whoever asks what is in force. May hold secrets.
    pub original: Secret,
}

/// Somebody who is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiver {
    /// Unique.
    pub name: String,
    /// By which calls.
    pub webhooks: Vec<Webhook>,
}

/// A URL that notifications are posted to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Where to; often holds a token.
    pub url: Secret,
    /// Whether the end of an alert is told too.
    pub send_resolved: bool,
    /// The most alerts in one notification; 0 is no limit.
    pub max_alerts: usize,
    /// How long one attempt may take; 0 is as long as the notification as a whole.
    pub timeout: DurationMs,
    /// The `Authorization` header.
    pub authorization: Option<Secret>,
}

impl Config {
    /// Reads the text of `file`.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn parse(file: &Path, text: &str) -> Result<Self, ConfigError> {
        let raw: raw::File = config::from_str(file, text)?;
        let checker = Checker { file };
        checker.supported(raw.unsupported())?;
        let receivers = checker.receivers(raw.receivers)?;
        let Some(route) = raw.route else {
            return Err(checker.fault(Position::default(), "no route provided in config"));
        };
        let resolve_timeout = match raw.global {
            Some(global) => {
                checker.supported(global.unsupported())?;
                global.resolve_timeout.map_or(RESOLVE_TIMEOUT, |d| d.0)
            }
            None => RESOLVE_TIMEOUT,
        };
        let mut route = checker.root(route, &receivers)?;
        number(&mut route, &mut 0);
        Ok(Self { resolve_timeout, route: Arc::new(route), receivers, original: Secret::new(text) })
    }
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

    fn receivers(&self, raw: Vec<raw::Receiver>) -> Result<BTreeMap<String, Receiver>, ConfigError> {
        let mut receivers = BTreeMap::new();
        for receiver in raw {
            self.supported(receiver.unsupported())?;
            let Some(name) = receiver.name.filter(|name| !name.value.is_empty()) else {
                return Err(self.fault(Position::default(), "missing name in receiver"));
            };
            let webhooks = receiver
                .webhook_configs
                .into_iter()
                .map(|hook| self.webhook(hook))
                .collect::<Result<_, _>>()?;
            let known = Receiver { name: name.value.clone(), webhooks };
            if receivers.insert(name.value.clone(), known).is_some() {
                return Err(
                    self.fault(name.at, format!("notification config name {:?} is not unique", name.value))
                );
            }
        }
        Ok(receivers)
    }

    fn webhook(&self, raw: Spanned<raw::Webhook>) -> Result<Webhook, ConfigError> {
        let (at, raw) = (raw.at, raw.value);
        self.supported(raw.unsupported())?;
        let Some(url) = raw.url else {
            return Err(self.fault(at, "one of url or url_file must be configured"));
        };
        let address = url.value.expose();
        if !(address.starts_with("http://") || address.starts_with("https://")) {
            return Err(self.fault(url.at, "unsupported scheme for URL: http or https is needed"));
        }
        Ok(Webhook {
            url: url.value,
            send_resolved: raw.send_resolved.unwrap_or(true),
            max_alerts: raw.max_alerts.unwrap_or(0),
            timeout: raw.timeout.map_or(DurationMs::ZERO, |d| d.0),
            authorization: raw.http_config.map(|http| self.authorization(http)).transpose()?.flatten(),
        })
    }

    fn authorization(&self, http: raw::Http) -> Result<Option<Secret>, ConfigError> {
        self.supported(http.unsupported())?;
        let Some(authorization) = http.authorization else { return Ok(None) };
        self.supported(authorization.unsupported())?;
        let kind = authorization.kind.unwrap_or_else(|| "Bearer".to_owned());
        Ok(authorization.credentials.map(|secret| Secret::new(format!("{kind} {}", secret.expose()))))
    }

    fn root(
        &self,
        raw: Spanned<raw::Route>,
        known: &BTreeMap<String, Receiver>,
    ) -> Result<Route, ConfigError> {
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
        let defaults = Route {
            receiver: String::new(),
            group_by: GroupBy::Labels(Vec::new()),
            group_wait: GROUP_WAIT,
            group_interval: GROUP_INTERVAL,
            repeat_interval: REPEAT_INTERVAL,
            matchers: Vec::new(),
            continues: false,
            routes: Vec::new(),
            key: String::new(),
            id: 0,
        };
        self.route(raw, &defaults, known, 0)
    }

    fn route(
        &self,
        raw: Spanned<raw::Route>,
        parent: &Route,
        known: &BTreeMap<String, Receiver>,
        depth: usize,
    ) -> Result<Route, ConfigError> {
        let (at, raw) = (raw.at, raw.value);
        if depth > ROUTE_DEPTH_MAX {
            return Err(self.fault(at, format!("routes are nested more than {ROUTE_DEPTH_MAX} deep")));
        }
        self.supported(raw.unsupported())?;
        if let Some(name) = raw.receiver.as_ref().filter(|name| !known.contains_key(&name.value)) {
            return Err(self.fault(name.at, format!("undefined receiver {:?} used in route", name.value)));
        }
        let matchers = self.matchers(&raw)?;
        let own = own_key(&matchers);
        let mut route = Route {
            receiver: raw.receiver.map_or_else(|| parent.receiver.clone(), |name| name.value),
            group_by: raw.group_by.map_or_else(|| Ok(parent.group_by.clone()), |by| self.group_by(by))?,
            group_wait: raw.group_wait.map_or(parent.group_wait, |d| d.value.0),
            group_interval: self.interval("group_interval", raw.group_interval, parent.group_interval)?,
            repeat_interval: self.interval("repeat_interval", raw.repeat_interval, parent.repeat_interval)?,
            matchers,
            continues: raw.continues,
            routes: Vec::new(),
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

    fn matchers(&self, raw: &raw::Route) -> Result<Vec<Matcher>, ConfigError> {
        let mut matchers = Vec::new();
        for (pairs, op) in [(&raw.equal, MatchOp::Equal), (&raw.regex, MatchOp::Regex)] {
            for (name, value) in pairs {
                let matcher = Matcher::new(name.as_str(), op, value.value.as_str());
                matchers.push(matcher.map_err(|e| self.fault(value.at, e.to_string()))?);
            }
        }
        for text in &raw.matchers {
            matchers.extend(matchers::parse(&text.value).map_err(|e| self.fault(text.at, e))?);
        }
        Ok(matchers)
    }
}

#[cfg(test)]
mod tests;
