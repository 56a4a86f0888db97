//! The routing tree: which receivers hear of an alert, and how its alerts are grouped.

use model::{DurationMs, Labels, Matcher};

/// A node, with everything inherited already filled in.
#[derive(Debug, Clone)]
pub struct Route {
    /// Who is told.
    pub receiver: String,
    /// By which labels alerts are put together.
    pub group_by: GroupBy,
    /// How long to wait before a new group is told of first, so that alerts of one cause arrive together.
    pub group_wait: DurationMs,
    /// How long to wait before changes of a group are told.
    pub group_interval: DurationMs,
    /// How long to wait before unchanged alerts are told again.
    pub repeat_interval: DurationMs,
    /// All must hold.
    pub matchers: Vec<Matcher>,
    /// Whether siblings further down are tried although this one has matched.
    pub continues: bool,
    /// Nobody is told while any of these time intervals lasts.
    pub mute: Vec<String>,
    /// People are told only while one of these lasts; none is always.
    pub active: Vec<String>,
    /// Words about the route for texts of notifications; no alert has them.
    pub labels: Labels,
    /// Tried in order.
    pub routes: Vec<Route>,
    /// What groups of this node are called: its matchers behind those of its parents. Siblings may share it.
    pub key: String,
    /// Its place in the file, counted over all nodes, parents before children.
    pub id: usize,
}

/// By which labels alerts are put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupBy {
    /// By all: each alert is a group of its own.
    All,
    /// By these; sorted.
    Labels(Vec<String>),
}

impl Route {
    /// The nodes that an alert arrives at, in the order of the file. A node is arrived at when it matches and none of
    /// its children does; at least the root always is.
    pub fn matching(&self, labels: &Labels) -> Vec<&Route> {
        if !self.matchers.iter().all(|matcher| matcher.matches_labels(labels)) {
            return Vec::new();
        }
        let mut found = Vec::new();
        for child in &self.routes {
            let below = child.matching(labels);
            let stop = !below.is_empty() && !child.continues;
            found.extend(below);
            if stop {
                break;
            }
        }
        if found.is_empty() { vec![self] } else { found }
    }

    /// As [`Route::matching`], with the nodes on the way that an alert does not arrive at and why not.
    pub(crate) fn explain(&self, labels: &Labels) -> Walk<'_> {
        let mut walk = Walk::default();
        self.walk(labels, &mut walk);
        walk
    }

    /// Whether the alert arrives here or below.
    fn walk<'a>(&'a self, labels: &Labels, walk: &mut Walk<'a>) -> bool {
        if let Some(matcher) = self.matchers.iter().find(|matcher| !matcher.matches_labels(labels)) {
            let because = match labels.get(&matcher.name) {
                Some(value) => format!("it wants {matcher}, and {} is {value:?}", matcher.name),
                None => format!("it wants {matcher}, and the alert has no label {}", matcher.name),
            };
            walk.passed.push((self, because));
            return false;
        }
        let (mut below, mut stopped_by) = (false, None);
        for child in &self.routes {
            if let Some(earlier) = stopped_by {
                let because = format!("an earlier route matches and does not continue: {earlier}");
                walk.passed.push((child, because));
            } else if child.walk(labels, walk) {
                below = true;
                stopped_by = (!child.continues).then_some(&child.key);
            }
        }
        if below {
            walk.passed.push((self, "a route below it matches".to_owned()));
        } else {
            walk.taken.push(self);
        }
        true
    }

    /// The node with this number.
    pub fn by_id(&self, id: usize) -> Option<&Route> {
        if self.id == id {
            return Some(self);
        }
        self.routes.iter().find_map(|child| child.by_id(id))
    }

    /// The labels that name the group of an alert at this node.
    pub fn group_labels(&self, labels: &Labels) -> Labels {
        match &self.group_by {
            GroupBy::All => labels.clone(),
            GroupBy::Labels(names) => labels.only(|name| names.iter().any(|known| known == name)),
        }
    }
}

/// The way of an alert through the tree.
#[derive(Debug, Default)]
pub(crate) struct Walk<'a> {
    /// Where it arrives, in the order of the file.
    pub(crate) taken: Vec<&'a Route>,
    /// Where it does not, and why: the rest of a sentence.
    pub(crate) passed: Vec<(&'a Route, String)>,
}

/// Counts the nodes of a tree.
pub(crate) fn number(route: &mut Route, next: &mut usize) {
    route.id = *next;
    *next += 1;
    route.routes.iter_mut().for_each(|child| number(child, next));
}

/// A node's own part of its key: `{a="b",c=~"d"}`.
pub(crate) fn own_key(matchers: &[Matcher]) -> String {
    let mut shown: Vec<String> = matchers.iter().map(ToString::to_string).collect();
    shown.sort_unstable();
    format!("{{{}}}", shown.join(","))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const CONFIG: &str = "
route:
  receiver: d
  routes:
  - {matchers: [team=db], receiver: db, continue: true}
  - {matchers: ['severity=~\"crit.*\"'], receiver: pager}
  - {matchers: [team=~\"d.\"], receiver: late}
receivers: [{name: d}, {name: db}, {name: pager}, {name: late}]
";

    fn check(labels: &[(&str, &str)], taken: &[&str], passed: &[(&str, &str)]) {
        let config = crate::Config::parse(Path::new("am.yml"), CONFIG).expect("valid");
        let labels = Labels::from_pairs(labels.iter().copied());
        let walk = config.route.explain(&labels);
        let names: Vec<&str> = walk.taken.iter().map(|route| route.receiver.as_str()).collect();
        let matching: Vec<&str> =
            config.route.matching(&labels).iter().map(|route| route.receiver.as_str()).collect();
        assert_eq!((names.as_slice(), matching.as_slice()), (taken, taken), "{labels}");
        let found: Vec<(&str, &str)> =
            walk.passed.iter().map(|(route, why)| (route.receiver.as_str(), why.as_str())).collect();
        assert_eq!(found, passed, "{labels}");
    }

    #[test]
    fn the_way_is_explained() {
        check(
            &[("team", "db"), ("severity", "critical")],
            &["db", "pager"],
            &[
                ("late", r#"an earlier route matches and does not continue: {}/{severity=~"crit.*"}"#),
                ("d", "a route below it matches"),
            ],
        );
        check(
            &[("team", "web")],
            &["d"],
            &[
                ("db", r#"it wants team="db", and team is "web""#),
                ("pager", r#"it wants severity=~"crit.*", and the alert has no label severity"#),
                ("late", r#"it wants team=~"d.", and team is "web""#),
            ],
        );
    }
}
