//! `traffic.yml`: who sends what to whom.

use config::Duration;
use model::DurationMs;
use serde::Deserialize;

use crate::stage::{ThinkTime, USERS_MAX};
use crate::traffic::template::Template;

/// Most groups, and most requests of one group: each pair is a handful of series.
const GROUPS_MAX: usize = 200;
const REQUESTS_MAX: usize = 50;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrafficConfig {
    /// Groups of users; a target may have several.
    pub groups: Vec<GroupConfig>,
}

/// Users who all do the same.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupConfig {
    /// The label `target` of their figures.
    pub target: String,
    /// Base URL that they send to.
    pub url: String,
    /// How many.
    pub users: u32,
    /// New users a second until all are there.
    #[serde(default = "default_ramp")]
    pub ramp_per_second: f64,
    /// Shortest thought after an answer.
    #[serde(default = "default_think_min")]
    pub think_min: Duration,
    /// Longest thought.
    #[serde(default = "default_think_max")]
    pub think_max: Duration,
    /// What they send; at least one.
    pub requests: Vec<RequestConfig>,
}

/// One kind of request.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestConfig {
    /// The label `request`; method and path without it.
    #[serde(default)]
    pub name: Option<String>,
    /// How often, compared with the group's others.
    #[serde(default = "default_weight")]
    pub weight: u32,
    /// In capitals.
    #[serde(default = "default_method")]
    pub method: String,
    /// With `${1..50}`, `${0.50..99.99}` and `${a|b|c}` drawn anew for each request.
    pub path: String,
    /// JSON, drawn in the same way.
    #[serde(default)]
    pub body: Option<String>,
}

/// Ten a second are there within seconds and never a burst.
fn default_ramp() -> f64 {
    10.0
}

fn default_think_min() -> Duration {
    Duration(DurationMs(1000))
}

fn default_think_max() -> Duration {
    Duration(DurationMs(3000))
}

fn default_weight() -> u32 {
    1
}

fn default_method() -> String {
    "GET".to_owned()
}

/// Traffic that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("traffic for {target}: {reason}")]
pub struct TrafficError {
    /// Whose.
    pub target: String,
    /// What is wrong with it.
    pub reason: String,
}

impl TrafficConfig {
    /// Whether it can be sent.
    ///
    /// # Errors
    /// The first thing that makes no sense.
    pub fn check(&self) -> Result<(), TrafficError> {
        if self.groups.len() > GROUPS_MAX {
            let reason = format!("{} groups; there may be {GROUPS_MAX}", self.groups.len());
            return Err(TrafficError { target: "all".to_owned(), reason });
        }
        self.groups.iter().try_for_each(|group| {
            group.check().map_err(|reason| TrafficError { target: group.target.clone(), reason })
        })
    }
}

impl GroupConfig {
    fn check(&self) -> Result<(), String> {
        if self.users == 0 || self.users > USERS_MAX {
            return Err(format!("{} users; must be 1 to {USERS_MAX}", self.users));
        }
        if !(self.ramp_per_second.is_finite() && self.ramp_per_second >= 0.01) {
            return Err(format!("ramp of {} users a second; must be 0.01 at least", self.ramp_per_second));
        }
        if self.think_min > self.think_max {
            return Err(format!("think_min {} is above think_max {}", self.think_min, self.think_max));
        }
        if self.requests.is_empty() || self.requests.len() > REQUESTS_MAX {
            return Err(format!("{} requests; must be 1 to {REQUESTS_MAX}", self.requests.len()));
        }
        self.requests.iter().try_for_each(RequestConfig::check)
    }

    pub(super) fn think(&self) -> ThinkTime {
        ThinkTime { min: self.think_min.0.to_std(), max: self.think_max.0.to_std() }
    }
}

impl RequestConfig {
    fn check(&self) -> Result<(), String> {
        let name = self.name();
        if self.weight == 0 || self.weight > 1_000_000 {
            return Err(format!("{name}: weight {} must be 1 to 1000000", self.weight));
        }
        if self.method.is_empty() || !self.method.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(format!("{name}: method {:?} must be in capitals", self.method));
        }
        if !self.path.starts_with('/') || self.path.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(format!("{name}: the path must begin with / and hold no blanks"));
        }
        for text in [Some(&self.path), self.body.as_ref()].into_iter().flatten() {
            Template::parse(text).map_err(|reason| format!("{name}: {reason}"))?;
        }
        Ok(())
    }

    pub(super) fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| format!("{} {}", self.method, self.path))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_usual_file_reads_and_nonsense_is_refused() {
        const GOOD: &str = "groups:\n  - target: payments\n    url: http://h:1\n    users: 40\n    \
            think_min: 100ms\n    requests:\n      - {path: '/a/${1..5}', weight: 3}\n      \
            - {name: pay, method: POST, path: /b, body: '{\"amount\":${1.00..9.99}}'}\n";
        let read = |text: &str| -> Result<TrafficConfig, String> {
            let config: TrafficConfig =
                ::config::from_str(Path::new("t.yml"), text).map_err(|error| error.to_string())?;
            config.check().map(|()| config).map_err(|error| error.to_string())
        };
        let config = read(GOOD).expect(GOOD);
        let names: Vec<String> = config.groups[0].requests.iter().map(RequestConfig::name).collect();
        assert_eq!(names, ["GET /a/${1..5}", "pay"]);
        for (from, to, expected) in [
            ("users: 40", "users: 0", "traffic for payments: 0 users; must be 1 to 20000"),
            ("users: 40", "user: 40", "t.yml:4:5: unknown field user (did you mean users?)"),
            ("100ms", "1m", "think_min 1m is above think_max 3s"),
            ("weight: 3", "weight: 0", "weight 0 must be 1 to 1000000"),
            ("method: POST", "method: post", "pay: method \"post\" must be in capitals"),
            ("1..5", "5..1", "GET /a/${5..1}: "),
            ("path: /b", "path: b", "pay: the path must begin with /"),
        ] {
            let error = read(&GOOD.replace(from, to)).expect_err(expected);
            assert!(error.contains(expected), "{error}");
        }
    }
}
