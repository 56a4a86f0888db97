//! What rules are, once their file has been read and checked.

use std::path::PathBuf;
use std::sync::Arc;

use model::{DurationMs, Labels};

use crate::template::Template;

/// Rules that are evaluated together, one after another, at one interval.
#[derive(Debug, Clone)]
pub struct Group {
    /// Unique within its file.
    pub name: String,
    /// The file it stands in.
    pub file: PathBuf,
    /// How often; the program's default when not given.
    pub interval: Option<DurationMs>,
    /// How far in the past to evaluate; the program's default when not given.
    pub query_offset: Option<DurationMs>,
    /// The most alerts or series that one rule may give; 0 is no limit.
    pub limit: usize,
    /// The rules in order.
    pub rules: Vec<Arc<Rule>>,
}

impl Group {
    /// How metrics and logs call the group: `FILE;NAME`.
    pub fn key(&self) -> String {
        format!("{};{}", self.file.display(), self.name)
    }
}

/// Groups are equal when nothing that a person can write differs.
impl PartialEq for Group {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.file == other.file
            && self.interval == other.interval
            && self.query_offset == other.query_offset
            && self.limit == other.limit
            && self.rules == other.rules
    }
}

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The series that it records, or the alert's name.
    pub name: String,
    /// What is evaluated.
    pub expr: promql::Expr,
    /// The expression in PromQL's canonical form.
    pub query: String,
    /// Labels to add, the group's included; templates in alerting rules, taken literally in recording rules.
    pub labels: Vec<(String, Template)>,
    /// What is done with the result.
    pub action: Action,
}

/// What is done with the result of a rule.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// It is written under the rule's name.
    Record,
    /// Each element is an alert.
    Alert(Alerting),
}

/// What only alerting rules have.
#[derive(Debug, Clone, PartialEq)]
pub struct Alerting {
    /// For how long an element must exist before its alert fires.
    pub hold: DurationMs,
    /// For how long an alert keeps firing after its element is gone.
    pub keep_firing_for: DurationMs,
    /// Words for people.
    pub annotations: Vec<(String, Template)>,
}

impl Rule {
    /// What only alerting rules have.
    pub fn alerting(&self) -> Option<&Alerting> {
        match &self.action {
            Action::Record => None,
            Action::Alert(alerting) => Some(alerting),
        }
    }

    /// The labels as written, templates unexpanded.
    pub fn labels_as_written(&self) -> Labels {
        as_written(&self.labels)
    }

    /// Whether its templates may ask queries of their own.
    pub(crate) fn asks_in_templates(&self) -> bool {
        let annotations = self.alerting().map(|alerting| &*alerting.annotations).unwrap_or_default();
        self.labels.iter().chain(annotations).any(|(_, template)| template.may_ask())
    }

    /// Whether `other` is this rule after an edit that keeps its state: same kind, name and labels. The expression,
    /// `for` and annotations may differ, as in Prometheus.
    pub(crate) fn continues(&self, other: &Self) -> bool {
        self.name == other.name
            && self.labels == other.labels
            && self.alerting().is_some() == other.alerting().is_some()
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.query == other.query
            && self.labels == other.labels
            && self.action == other.action
    }
}

pub(crate) fn as_written(pairs: &[(String, Template)]) -> Labels {
    Labels::from_pairs(pairs.iter().map(|(name, template)| (name.as_str(), template.text())))
}
