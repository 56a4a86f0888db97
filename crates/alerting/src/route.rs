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
