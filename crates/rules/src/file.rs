//! Reads a rule file and checks all of it: names, expressions, templates. Texts of faults are Prometheus'.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use config::{ConfigError, Duration, Position, Spanned};
use model::DurationMs;
use serde::Deserialize;

use crate::RulesError;
use crate::position::{Inside, locate};
use crate::rule::{Action, Alerting, Group, Rule};
use crate::template::Template;

/// A rule file that was read and found right.
#[derive(Debug, Clone)]
pub struct RuleFile {
    /// The file.
    pub path: PathBuf,
    /// Its groups in order.
    pub groups: Vec<Group>,
    /// What works but probably not as meant: templates that fail when tried without data.
    pub warnings: Vec<ConfigError>,
}

impl RuleFile {
    /// Reads the text of the file `path`.
    ///
    /// # Errors
    /// All faults found, each with its place.
    pub fn parse(path: &Path, text: &str) -> Result<Self, RulesError> {
        let raw: RawFile = config::from_str(path, text)?;
        let mut checker = Checker { path, text, faults: Vec::new(), warnings: Vec::new() };
        let groups = checker.groups(raw.groups);
        if checker.faults.is_empty() {
            Ok(Self { path: path.to_owned(), groups, warnings: checker.warnings })
        } else {
            Err(RulesError { faults: checker.faults })
        }
    }
}

/// All groups of all rule files.
#[derive(Debug, Clone, Default)]
pub struct Groups(pub(crate) Vec<Arc<Group>>);

impl Groups {
    /// The groups of `files`; a file that is listed twice counts once.
    pub fn new(files: impl IntoIterator<Item = RuleFile>) -> Self {
        let mut seen = BTreeSet::new();
        let once = files.into_iter().filter(|file| seen.insert(file.path.clone()));
        Self(once.flat_map(|file| file.groups).map(Arc::new).collect())
    }

    /// Reads several files at once; each is a path and its text.
    ///
    /// # Errors
    /// All faults of all files.
    pub fn parse(files: impl IntoIterator<Item = (PathBuf, String)>) -> Result<Self, RulesError> {
        let (mut good, mut faults) = (Vec::new(), Vec::new());
        for (path, text) in files {
            match RuleFile::parse(&path, &text) {
                Ok(file) => good.push(file),
                Err(error) => faults.extend(error.faults),
            }
        }
        if faults.is_empty() { Ok(Self::new(good)) } else { Err(RulesError { faults }) }
    }

    /// The groups.
    pub fn iter(&self) -> impl Iterator<Item = &Group> {
        self.0.iter().map(AsRef::as_ref)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    groups: Vec<RawGroup>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGroup {
    name: Spanned<String>,
    #[serde(default)]
    interval: Option<Duration>,
    #[serde(default)]
    query_offset: Option<Duration>,
    #[serde(default)]
    limit: usize,
    #[serde(default)]
    labels: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    rules: Vec<Spanned<RawRule>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    #[serde(default)]
    record: Option<Spanned<String>>,
    #[serde(default)]
    alert: Option<Spanned<String>>,
    #[serde(default)]
    expr: Option<Spanned<String>>,
    #[serde(default, rename = "for")]
    hold: Option<Duration>,
    #[serde(default)]
    keep_firing_for: Option<Duration>,
    #[serde(default)]
    labels: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    annotations: BTreeMap<String, Spanned<String>>,
}

type Pairs = BTreeMap<String, Spanned<String>>;

/// Collects faults while it turns what was read into rules.
struct Checker<'a> {
    path: &'a Path,
    text: &'a str,
    faults: Vec<ConfigError>,
    warnings: Vec<ConfigError>,
}

impl Checker<'_> {
    fn fault(&mut self, at: Position, message: impl Into<String>) {
        self.faults.push(ConfigError::at(self.path, at, message));
    }

    fn groups(&mut self, raw: Vec<RawGroup>) -> Vec<Group> {
        let mut names = BTreeSet::new();
        let mut groups = Vec::with_capacity(raw.len());
        for group in raw {
            if group.name.value.is_empty() {
                self.fault(group.name.at, "groupname must not be empty");
            }
            if !names.insert(group.name.value.clone()) {
                let message = format!("groupname: {:?} is repeated in the same file", group.name.value);
                self.fault(group.name.at, message);
            }
            groups.push(self.group(group));
        }
        groups
    }

    fn group(&mut self, raw: RawGroup) -> Group {
        self.label_names(&raw.labels);
        let rules =
            raw.rules.into_iter().filter_map(|rule| self.rule(rule, &raw.labels)).map(Arc::new).collect();
        Group {
            name: raw.name.value,
            file: self.path.to_owned(),
            // An interval of 0 means "not given", as in Prometheus.
            interval: raw.interval.map(|d| d.0).filter(|d| *d != DurationMs::ZERO),
            query_offset: raw.query_offset.map(|d| d.0),
            limit: raw.limit,
            rules,
        }
    }

    fn rule(&mut self, raw: Spanned<RawRule>, group_labels: &Pairs) -> Option<Rule> {
        let (at, raw) = (raw.at, raw.value);
        let (name, is_alert) = match (&raw.record, &raw.alert) {
            (Some(record), None) => (record.clone(), false),
            (None, Some(alert)) => (alert.clone(), true),
            (Some(record), Some(_)) => {
                self.fault(record.at, "only one of 'record' and 'alert' must be set");
                return None;
            }
            (None, None) => {
                self.fault(at, "one of 'record' or 'alert' must be set");
                return None;
            }
        };
        self.rule_name(&name, is_alert);
        self.label_names(&raw.labels);
        let expr = self.expr(at, raw.expr.as_ref());
        let mut labels = group_labels.clone();
        labels.extend(raw.labels.clone());
        let labels = if is_alert { self.templates(labels) } else { literal(labels) };
        let action = if is_alert { self.alerting(raw) } else { self.recording(&name, &raw) };
        let expr = expr?;
        Some(Rule { name: name.value, query: expr.to_string(), expr, labels, action })
    }

    fn rule_name(&mut self, name: &Spanned<String>, is_alert: bool) {
        let text = &name.value;
        if text.is_empty() {
            self.fault(name.at, "one of 'record' or 'alert' must be set");
        } else if !is_alert && text.contains(['{', '}']) {
            let message = format!("braces present in the recording rule name; should it be in expr?: {text}");
            self.fault(name.at, message);
        }
    }

    /// Any UTF-8 name that is not empty is a label's name, except the one that holds the metric's.
    fn label_names(&mut self, labels: &Pairs) {
        for (name, value) in labels {
            if name.is_empty() || name == model::METRIC_NAME {
                self.fault(value.at, format!("invalid label name: {name}"));
            }
        }
    }

    fn expr(&mut self, rule_at: Position, expr: Option<&Spanned<String>>) -> Option<promql::Expr> {
        let Some(expr) = expr.filter(|expr| !expr.value.is_empty()) else {
            self.fault(rule_at, "field 'expr' must be set in rule");
            return None;
        };
        // A block ends with a line break, which is no place to point at.
        match promql::parse(expr.value.trim_end()) {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                let at = locate(self.text, expr.at, inside(&expr.value, error.line, error.column));
                self.fault(at, format!("could not parse expression: {}", error.message));
                None
            }
        }
    }

    fn recording(&mut self, name: &Spanned<String>, raw: &RawRule) -> Action {
        for (field, given) in [
            ("for", raw.hold.is_some_and(|d| d.0 != DurationMs::ZERO)),
            ("keep_firing_for", raw.keep_firing_for.is_some_and(|d| d.0 != DurationMs::ZERO)),
            ("annotations", !raw.annotations.is_empty()),
        ] {
            if given {
                self.fault(name.at, format!("invalid field '{field}' in recording rule"));
            }
        }
        Action::Record
    }

    fn alerting(&mut self, raw: RawRule) -> Action {
        for (name, value) in &raw.annotations {
            if name.is_empty() {
                self.fault(value.at, format!("invalid annotation name: {name}"));
            }
        }
        Action::Alert(Alerting {
            hold: raw.hold.map_or(DurationMs::ZERO, |d| d.0),
            keep_firing_for: raw.keep_firing_for.map_or(DurationMs::ZERO, |d| d.0),
            annotations: self.templates(raw.annotations),
        })
    }

    fn templates(&mut self, pairs: Pairs) -> Vec<(String, Template)> {
        pairs.into_iter().filter_map(|(name, text)| Some((name, self.template(&text)?))).collect()
    }

    fn template(&mut self, text: &Spanned<String>) -> Option<Template> {
        match Template::parse(&text.value) {
            Ok(template) => {
                if let Err(cause) = template.dry_run() {
                    let message = format!("template fails when tried without data: {cause}");
                    self.warnings.push(ConfigError::at(self.path, text.at, message));
                }
                Some(template)
            }
            Err(error) => {
                let place = error.place.map(|(line, column)| Inside { line, column });
                let at = place.map_or(text.at, |inside| locate(self.text, text.at, inside));
                self.fault(at, format!("error parsing template: {error}"));
                None
            }
        }
    }
}

fn literal(pairs: Pairs) -> Vec<(String, Template)> {
    pairs.into_iter().map(|(name, text)| (name, Template::literal(text.value))).collect()
}

/// PromQL counts columns in bytes, files are shown in characters.
fn inside(query: &str, line: usize, column: usize) -> Inside {
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let text = query.lines().nth(line.saturating_sub(1)).unwrap_or("");
    let characters = text.char_indices().take_while(|(byte, _)| byte + 1 < column).count();
    Inside { line: small(line), column: small(characters + 1) }
}

#[cfg(test)]
mod tests;
