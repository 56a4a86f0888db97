//! A random configuration, and what it means: worked out from the plan itself, by none of the code under test.

use std::collections::BTreeMap;
use std::fmt::Write;

use fastrand::Rng;

/// Labels of an alert, as simple as can be.
pub(super) type LabelSet = BTreeMap<String, String>;

const MINUTE_MS: i64 = 60_000;

/// What labels there are, and which values they have; "" is "no such label".
pub(super) const VALUES: [(&str, &[&str]); 4] = [
    ("alertname", &["High", "Low"]),
    ("team", &["db", "web"]),
    ("severity", &["critical", "warning", "info"]),
    ("zone", &["", "eu-1", "eu-2", "us-1"]),
];

/// A condition on one label. A pattern is a list of words; one that ends in `*` stands for all that begin so.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Condition {
    pub(super) name: String,
    pub(super) is_equal: bool,
    pub(super) is_regex: bool,
    words: Vec<String>,
}

impl Condition {
    pub(super) fn random(rng: &mut Rng) -> Self {
        let (name, values) = VALUES[rng.usize(..VALUES.len())];
        let is_regex = rng.bool();
        let mut words = vec![values[rng.usize(..values.len())].to_owned()];
        if is_regex {
            if rng.bool() {
                words.push(values[rng.usize(..values.len())].to_owned());
            }
            if rng.u8(..3) == 0 {
                words.push(format!("{}*", &values[values.len() - 1][..2]));
            }
        }
        Self { name: name.to_owned(), is_equal: rng.u8(..3) > 0, is_regex, words }
    }

    pub(super) fn holds(&self, labels: &LabelSet) -> bool {
        let value = labels.get(&self.name).map_or("", String::as_str);
        let fits = |word: &String| match word.strip_suffix('*') {
            Some(beginning) => value.starts_with(beginning),
            None => value == word,
        };
        self.words.iter().any(fits) == self.is_equal
    }

    /// The value, or the pattern as a regular expression.
    pub(super) fn value(&self) -> String {
        self.words.join("|").replace('*', ".*")
    }

    fn text(&self) -> String {
        let operator = match (self.is_equal, self.is_regex) {
            (true, false) => "=",
            (false, false) => "!=",
            (true, true) => "=~",
            (false, true) => "!~",
        };
        format!("{}{operator}\"{}\"", self.name, self.value())
    }
}

pub(super) fn all_hold(conditions: &[Condition], labels: &LabelSet) -> bool {
    conditions.iter().all(|condition| condition.holds(labels))
}

/// Hours: minutes of the day in UTC, the end left out, and weekdays (0 is Sunday), none for all.
#[derive(Debug, Clone)]
pub(super) struct Hours {
    from: i64,
    to: i64,
    weekdays: Vec<i64>,
}

impl Hours {
    /// At the beginning of the simulated day, where the simulation happens.
    fn random(rng: &mut Rng) -> Self {
        let from = rng.i64(0..20) * 10;
        let weekdays = if rng.bool() { Vec::new() } else { vec![rng.i64(3..6)] };
        Self { from, to: from + rng.i64(1..12) * 10, weekdays }
    }

    fn contains(&self, wall_ms: i64) -> bool {
        let minutes = wall_ms.div_euclid(MINUTE_MS);
        // The first of January 1970 was a Thursday.
        let weekday = (minutes.div_euclid(24 * 60) + 4).rem_euclid(7);
        (self.from..self.to).contains(&minutes.rem_euclid(24 * 60))
            && (self.weekdays.is_empty() || self.weekdays.contains(&weekday))
    }

    fn text(&self) -> String {
        let clock = |minute: i64| format!("{:02}:{:02}", minute / 60, minute % 60);
        let names = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
        let days: Vec<&str> =
            self.weekdays.iter().filter_map(|day| names.get(usize::try_from(*day).ok()?)).copied().collect();
        format!(
            "{{times: [{{start_time: '{}', end_time: '{}'}}], weekdays: [{}]}}",
            clock(self.from),
            clock(self.to),
            days.join(", ")
        )
    }
}

/// A node of the routing tree. Each has a receiver of its own, "r0" for the root, whose calls are webhooks.
#[derive(Debug, Clone)]
pub(super) struct PlannedRoute {
    conditions: Vec<Condition>,
    continues: bool,
    group_by: Option<Vec<String>>,
    pub(super) group_wait_s: u64,
    pub(super) group_interval_s: u64,
    pub(super) repeat_interval_s: u64,
    mute: Vec<usize>,
    active: Vec<usize>,
    /// Whether ends are told, for each call.
    pub(super) calls: Vec<bool>,
    children: Vec<usize>,
}

#[derive(Debug, Clone)]
struct Inhibit {
    source: Vec<Condition>,
    target: Vec<Condition>,
    equal: Vec<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// Parents before children, in the order of the file.
    pub(super) routes: Vec<PlannedRoute>,
    inhibits: Vec<Inhibit>,
    hours: Vec<Vec<Hours>>,
}

impl Plan {
    pub(super) fn random(rng: &mut Rng) -> Self {
        let hours: Vec<Vec<Hours>> =
            (0..2).map(|_| (0..rng.usize(1..3)).map(|_| Hours::random(rng)).collect()).collect();
        let mut plan = Self { routes: Vec::new(), inhibits: Vec::new(), hours };
        plan.add_route(rng, 0);
        for _ in 0..rng.usize(..3) {
            let equal = [vec![], vec!["team".to_owned()], vec!["team".to_owned(), "zone".to_owned()]];
            plan.inhibits.push(Inhibit {
                source: vec![Condition::random(rng), Condition::random(rng)],
                target: vec![Condition::random(rng)],
                equal: equal[rng.usize(..3)].clone(),
            });
        }
        plan
    }

    fn add_route(&mut self, rng: &mut Rng, depth: usize) -> usize {
        let id = self.routes.len();
        let is_root = depth == 0;
        let names = |rng: &mut Rng, most: usize| -> Vec<usize> {
            (0..2).filter(|_| !is_root && rng.usize(..most) == 0).collect()
        };
        let group_by = match rng.u8(..5) {
            0 if !is_root => None,
            1 => Some(vec!["...".to_owned()]),
            2 => Some(Vec::new()),
            3 => Some(vec!["alertname".to_owned(), "zone".to_owned()]),
            _ => Some(vec!["team".to_owned()]),
        };
        self.routes.push(PlannedRoute {
            conditions: (0..usize::from(!is_root) + rng.usize(..2) * depth)
                .map(|_| Condition::random(rng))
                .collect(),
            continues: !is_root && rng.bool(),
            group_by,
            group_wait_s: [0, 10, 30][rng.usize(..3)],
            group_interval_s: [30, 60, 150][rng.usize(..3)],
            repeat_interval_s: [1800, 3600, 7200][rng.usize(..3)],
            mute: names(rng, 5),
            active: names(rng, 7),
            calls: (0..rng.usize(1..3)).map(|_| rng.u8(..4) > 0).collect(),
            children: Vec::new(),
        });
        for _ in 0..if depth < 2 { rng.usize(..3) } else { 0 } {
            let child = self.add_route(rng, depth + 1);
            self.routes[id].children.push(child);
        }
        id
    }

    /// The routes that an alert arrives at.
    pub(super) fn ways(&self, labels: &LabelSet) -> Vec<usize> {
        self.ways_below(0, labels)
    }

    fn ways_below(&self, id: usize, labels: &LabelSet) -> Vec<usize> {
        let route = &self.routes[id];
        if !all_hold(&route.conditions, labels) {
            return Vec::new();
        }
        let mut ways = Vec::new();
        for child in &route.children {
            let below = self.ways_below(*child, labels);
            let is_last = !below.is_empty() && !self.routes[*child].continues;
            ways.extend(below);
            if is_last {
                break;
            }
        }
        if ways.is_empty() { vec![id] } else { ways }
    }

    /// The labels by which a route groups an alert.
    pub(super) fn group(&self, route: usize, labels: &LabelSet) -> LabelSet {
        let names = self.group_by(route);
        if names.iter().any(|name| name == "...") {
            return labels.clone();
        }
        labels.iter().filter(|(name, _)| names.contains(name)).map(|(n, v)| (n.clone(), v.clone())).collect()
    }

    fn group_by(&self, route: usize) -> Vec<String> {
        let own = self.routes[route].group_by.clone();
        own.unwrap_or_else(|| {
            let parent = self.routes.iter().position(|parent| parent.children.contains(&route));
            self.group_by(parent.expect("the root has its own"))
        })
    }

    /// Whether a route tells people at this moment.
    pub(super) fn is_on(&self, route: usize, wall_ms: i64) -> bool {
        let lasts = |named: &usize| self.hours[*named].iter().any(|hours| hours.contains(wall_ms));
        let route = &self.routes[route];
        !route.mute.iter().any(lasts) && (route.active.is_empty() || route.active.iter().any(lasts))
    }

    /// Whether `source`, if it fires, keeps `target` from being told.
    pub(super) fn inhibits(&self, source: &LabelSet, target: &LabelSet) -> bool {
        self.inhibits.iter().any(|rule| {
            let is_both = |labels| all_hold(&rule.source, labels) && all_hold(&rule.target, labels);
            all_hold(&rule.source, source)
                && all_hold(&rule.target, target)
                && rule.equal.iter().all(|name| source.get(name) == target.get(name))
                && !(is_both(source) && is_both(target))
        })
    }

    /// The same routes and receivers, with other hours and inhibitions: what a reload may bring.
    pub(super) fn changed(&self, rng: &mut Rng) -> Self {
        let other = Self::random(rng);
        Self { routes: self.routes.clone(), inhibits: other.inhibits, hours: other.hours }
    }

    /// As `alertmanager.yml`.
    pub(super) fn text(&self) -> String {
        let mut text = String::from("route:\n");
        self.write_route(0, "  ", &mut text);
        text.push_str("receivers:\n");
        for (id, route) in self.routes.iter().enumerate() {
            let call = |ends: &bool| format!("{{url: 'http://inbox/', send_resolved: {ends}}}");
            let calls: Vec<String> = route.calls.iter().map(call).collect();
            let _ = writeln!(text, "- {{name: r{id}, webhook_configs: [{}]}}", calls.join(", "));
        }
        text.push_str(if self.inhibits.is_empty() { "" } else { "inhibit_rules:\n" });
        for rule in &self.inhibits {
            let _ = writeln!(
                text,
                "- {{source_matchers: [{}], target_matchers: [{}], equal: [{}]}}",
                matchers(&rule.source),
                matchers(&rule.target),
                rule.equal.join(", ")
            );
        }
        text.push_str("time_intervals:\n");
        for (number, hours) in self.hours.iter().enumerate() {
            let all: Vec<String> = hours.iter().map(Hours::text).collect();
            let _ = writeln!(text, "- {{name: i{number}, time_intervals: [{}]}}", all.join(", "));
        }
        text
    }

    fn write_route(&self, id: usize, indent: &str, text: &mut String) {
        let route = &self.routes[id];
        let quoted = |names: &[String]| names.iter().map(|n| format!("'{n}'")).collect::<Vec<_>>().join(", ");
        let named = |names: &[usize]| names.iter().map(|n| format!("i{n}")).collect::<Vec<_>>().join(", ");
        let mut line = |line: String| {
            let _ = writeln!(text, "{indent}{line}");
        };
        line(format!("receiver: r{id}"));
        line(format!("group_wait: {}s", route.group_wait_s));
        line(format!("group_interval: {}s", route.group_interval_s));
        line(format!("repeat_interval: {}s", route.repeat_interval_s));
        if let Some(names) = &route.group_by {
            line(format!("group_by: [{}]", quoted(names)));
        }
        if id != 0 {
            line(format!("matchers: [{}]", matchers(&route.conditions)));
            line(format!("continue: {}", route.continues));
            line(format!("mute_time_intervals: [{}]", named(&route.mute)));
            line(format!("active_time_intervals: [{}]", named(&route.active)));
        }
        if !route.children.is_empty() {
            line("routes:".to_owned());
        }
        for child in &route.children {
            let _ = writeln!(text, "{indent}-");
            self.write_route(*child, &format!("{indent}  "), text);
        }
    }
}

fn matchers(conditions: &[Condition]) -> String {
    conditions.iter().map(|one| format!("'{}'", one.text())).collect::<Vec<_>>().join(", ")
}
