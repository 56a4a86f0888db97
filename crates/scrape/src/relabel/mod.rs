//! Relabelling: rules that change, keep or drop a label set, exactly as in Prometheus.

mod md5;

use std::fmt;

use config::Spanned;
use model::LabelsBuilder;
use model::matcher::REGEX_SIZE_MAX_BYTES;
use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use serde::de::{Deserializer, Visitor};

const DEFAULT_SEPARATOR: &str = ";";
const DEFAULT_REGEX: &str = "(.*)";
const DEFAULT_REPLACEMENT: &str = "$1";

/// One rule as a file writes it. What is absent has its default.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelabelConfig {
    #[serde(default)]
    source_labels: Option<Vec<String>>,
    #[serde(default)]
    separator: Option<String>,
    #[serde(default)]
    regex: Option<String>,
    #[serde(default)]
    modulus: Option<u64>,
    #[serde(default)]
    target_label: Option<String>,
    #[serde(default)]
    replacement: Option<String>,
    #[serde(default)]
    action: Action,
}

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Action {
    #[default]
    Replace,
    Keep,
    Drop,
    KeepEqual,
    DropEqual,
    HashMod,
    LabelMap,
    LabelDrop,
    LabelKeep,
    Lowercase,
    Uppercase,
}

impl Action {
    fn of(text: &str) -> Option<Self> {
        Some(match text.to_ascii_lowercase().as_str() {
            "replace" => Self::Replace,
            "keep" => Self::Keep,
            "drop" => Self::Drop,
            "keepequal" => Self::KeepEqual,
            "dropequal" => Self::DropEqual,
            "hashmod" => Self::HashMod,
            "labelmap" => Self::LabelMap,
            "labeldrop" => Self::LabelDrop,
            "labelkeep" => Self::LabelKeep,
            "lowercase" => Self::Lowercase,
            "uppercase" => Self::Uppercase,
            _ => return None,
        })
    }

    fn name(self) -> String {
        format!("{self:?}").to_ascii_lowercase()
    }

    fn needs_target(self) -> bool {
        !matches!(self, Self::Keep | Self::Drop | Self::LabelMap | Self::LabelDrop | Self::LabelKeep)
    }
}

impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(ActionVisitor)
    }
}

struct ActionVisitor;

impl Visitor<'_> for ActionVisitor {
    type Value = Action;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a relabel action")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Action, E> {
        Action::of(text).ok_or_else(|| E::custom(format_args!("unknown relabel action {text:?}")))
    }
}

/// A rule that has been checked and compiled.
#[derive(Debug, Clone)]
pub struct RelabelRule {
    config: RelabelConfig,
    regex: Regex,
}

/// Two rules are the same when they were written the same.
impl PartialEq for RelabelRule {
    fn eq(&self, other: &Self) -> bool {
        self.config == other.config
    }
}

/// Checks and compiles a list of rules. A null in the list is refused.
///
/// # Errors
/// The first rule that cannot be, with its place.
pub fn compile(
    configs: &[Option<Spanned<RelabelConfig>>],
) -> Result<Vec<RelabelRule>, (config::Position, String)> {
    let compile = |config: &Option<Spanned<RelabelConfig>>| match config {
        Some(config) => RelabelRule::new(config.value.clone()).map_err(|message| (config.at, message)),
        None => Err((config::Position::default(), "empty or null relabel rule".to_owned())),
    };
    configs.iter().map(compile).collect()
}

/// Applies all rules in order. False when a rule dropped the set.
pub fn apply(rules: &[RelabelRule], labels: &mut LabelsBuilder) -> bool {
    rules.iter().all(|rule| rule.apply(labels))
}

impl RelabelRule {
    /// Checks a rule and compiles its regular expression.
    ///
    /// # Errors
    /// A sentence in Prometheus' words.
    pub fn new(config: RelabelConfig) -> Result<Self, String> {
        config.check()?;
        let pattern = config.regex.as_deref().unwrap_or(DEFAULT_REGEX);
        let build = |pattern: &str| RegexBuilder::new(pattern).size_limit(REGEX_SIZE_MAX_BYTES).build();
        // Alone first: "a)(b" must not become valid by the group around it.
        let regex = build(pattern).and_then(|_| build(&format!("^(?s:{pattern})$")));
        let regex = regex.map_err(|e| {
            let cause = e.to_string();
            let cause = cause.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            format!("invalid regular expression {pattern:?}: {cause}")
        })?;
        Ok(Self { config, regex })
    }

    /// Applies the rule. False when it drops the set.
    pub fn apply(&self, labels: &mut LabelsBuilder) -> bool {
        let target = self.config.target_label.as_deref().unwrap_or_default();
        match self.config.action {
            Action::Keep => return self.regex.is_match(&self.source(labels)),
            Action::Drop => return !self.regex.is_match(&self.source(labels)),
            Action::KeepEqual => return labels.get(target).unwrap_or_default() == self.source(labels),
            Action::DropEqual => return labels.get(target).unwrap_or_default() != self.source(labels),
            Action::Replace => self.replace(target, labels),
            Action::HashMod => {
                let value = self.hash_of(&self.source(labels));
                labels.set(target, value.to_string());
            }
            Action::Lowercase => {
                let value = self.source(labels).to_lowercase();
                labels.set(target, value);
            }
            Action::Uppercase => {
                let value = self.source(labels).to_uppercase();
                labels.set(target, value);
            }
            Action::LabelMap => self.map_names(labels),
            Action::LabelDrop => {
                labels.retain(|name, _| !self.regex.is_match(name));
            }
            Action::LabelKeep => {
                labels.retain(|name, _| self.regex.is_match(name));
            }
        }
        true
    }

    /// The source labels' values, joined; of an absent label the empty text.
    fn source(&self, labels: &LabelsBuilder) -> String {
        let names = self.config.source_labels.as_deref().unwrap_or_default();
        let values: Vec<&str> = names.iter().map(|name| labels.get(name).unwrap_or_default()).collect();
        values.join(self.config.separator.as_deref().unwrap_or(DEFAULT_SEPARATOR))
    }

    fn replacement(&self) -> &str {
        self.config.replacement.as_deref().unwrap_or(DEFAULT_REPLACEMENT)
    }

    fn replace(&self, target: &str, labels: &mut LabelsBuilder) {
        let source = self.source(labels);
        let Some(captures) = self.regex.captures(&source) else { return };
        let (mut name, mut value) = (String::new(), String::new());
        captures.expand(target, &mut name);
        captures.expand(self.replacement(), &mut value);
        if !name.is_empty() {
            labels.set(name, value);
        }
    }

    fn map_names(&self, labels: &mut LabelsBuilder) {
        let mapped: Vec<(String, String)> = labels
            .iter()
            .filter_map(|(name, value)| {
                let mut new = String::new();
                self.regex.captures(name)?.expand(self.replacement(), &mut new);
                (!new.is_empty()).then(|| (new, value.to_owned()))
            })
            .collect();
        for (name, value) in mapped {
            labels.set(name, value);
        }
    }

    fn hash_of(&self, source: &str) -> u64 {
        let digest = md5::md5(source.as_bytes());
        let last = digest.last_chunk::<8>().copied().unwrap_or_default();
        // `check` has refused a modulus of zero.
        u64::from_be_bytes(last) % self.config.modulus.unwrap_or(1).max(1)
    }
}

impl RelabelConfig {
    fn check(&self) -> Result<(), String> {
        let action = self.action.name();
        if self.action == Action::HashMod && self.modulus.unwrap_or(0) == 0 {
            return Err("relabel configuration for hashmod requires non-zero modulus".to_owned());
        }
        if self.action.needs_target() && self.target_label.as_deref().unwrap_or_default().is_empty() {
            return Err(format!("relabel configuration for {action} action requires 'target_label' value"));
        }
        let has_replacement = self.replacement.as_deref().is_some_and(|r| r != DEFAULT_REPLACEMENT);
        if matches!(self.action, Action::Lowercase | Action::Uppercase) && has_replacement {
            return Err(format!("'replacement' can not be set for {action} action"));
        }
        if self.action == Action::LabelMap && self.replacement.as_deref() == Some("") {
            return Err("\"\" is invalid 'replacement' for labelmap action".to_owned());
        }
        let has_regex = self.regex.as_deref().is_some_and(|r| r != DEFAULT_REGEX);
        let has_more = has_replacement
            || self.modulus.is_some_and(|m| m != 0)
            || self.separator.as_deref().is_some_and(|s| s != DEFAULT_SEPARATOR);
        if matches!(self.action, Action::KeepEqual | Action::DropEqual) && (has_regex || has_more) {
            return Err(format!(
                "{action} action requires only 'source_labels' and 'target_label', and no other fields"
            ));
        }
        let has_labels =
            self.source_labels.is_some() || self.target_label.as_deref().is_some_and(|t| !t.is_empty());
        if matches!(self.action, Action::LabelDrop | Action::LabelKeep) && (has_labels || has_more) {
            return Err(format!("{action} action requires only 'regex', and no other fields"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use model::Labels;

    use super::*;

    fn rule(yaml: &str) -> Result<RelabelRule, String> {
        let config: RelabelConfig = config::from_str(Path::new("r.yml"), yaml).map_err(|e| e.to_string())?;
        RelabelRule::new(config)
    }

    /// Labels as `a=1 b=2`; the empty text stands for "dropped".
    fn check(yaml: &str, before: &str, after: &str) {
        let parse =
            |text: &str| Labels::from_pairs(text.split_whitespace().filter_map(|pair| pair.split_once('=')));
        let mut labels = parse(before).to_builder();
        let kept = rule(yaml).expect(yaml).apply(&mut labels);
        let got = if kept { labels.build() } else { Labels::empty() };
        assert_eq!(got, parse(after), "{yaml} on {before}");
    }

    #[test]
    fn replace() {
        check(
            "{source_labels: [a], target_label: d, regex: 'f(.*)', replacement: 'x${1}y'}",
            "a=foo",
            "a=foo d=xooy",
        );
        check(
            "{source_labels: [a, b], target_label: a, separator: '-', regex: '(.*)-(.*)', replacement: '$2$1'}",
            "a=1 b=2",
            "a=21 b=2",
        );
        check("{source_labels: [a], target_label: b, regex: 'oo'}", "a=foo", "a=foo");
        check("{source_labels: [missing], target_label: a}", "a=foo b=1", "b=1");
        check("{target_label: a, replacement: fixed}", "b=1", "a=fixed b=1");
        check(
            "{source_labels: [a], regex: '(?P<head>.).*', target_label: b, replacement: '$head'}",
            "a=foo",
            "a=foo b=f",
        );
        check(
            "{source_labels: [a], regex: '(.*)', target_label: b, replacement: '$1_x'}",
            "a=foo b=1",
            "a=foo",
        );
        check(
            "{source_labels: [a], regex: '(.*)', target_label: b, replacement: '${1}_x$$'}",
            "a=foo",
            "a=foo b=foo_x$",
        );
        check(
            "{source_labels: [a], regex: '(.+)', target_label: '${1}', replacement: v}",
            "a=foo",
            "a=foo foo=v",
        );
        check("{source_labels: [a], regex: null, target_label: b, replacement: v}", "a=foo", "a=foo b=v");
        check(
            "{source_labels: [a], regex: 'f.*|b.*', target_label: b, replacement: v, action: REPLACE}",
            "a=xb",
            "a=xb",
        );
    }

    #[test]
    fn keep_and_drop() {
        check("{source_labels: [a], regex: 'foo|bar', action: keep}", "a=foo", "a=foo");
        check("{source_labels: [a], regex: 'foo|bar', action: keep}", "a=foox", "");
        check("{source_labels: [a], regex: 'o', action: drop}", "a=foo", "a=foo");
        check("{source_labels: [a], regex: '.*o', action: drop}", "a=foo", "");
        check("{source_labels: [missing], regex: '', action: drop}", "a=foo", "");
        check("{source_labels: [a], target_label: b, action: keepequal}", "a=1 b=1", "a=1 b=1");
        check("{source_labels: [a], target_label: b, action: keepequal}", "a=1 b=2", "");
        check("{source_labels: [a], target_label: b, action: dropequal}", "a=1 b=1", "");
        check("{source_labels: [a], target_label: b, action: dropequal}", "a=1", "a=1");
    }

    #[test]
    fn names_and_cases() {
        check("{regex: 'a(.*)', action: labelmap, replacement: 'b$1'}", "ax=1 c=2", "ax=1 bx=1 c=2");
        check("{regex: 'a.*', action: labeldrop}", "ax=1 ay=2 b=3", "b=3");
        check("{regex: 'a.*', action: labelkeep}", "ax=1 ay=2 b=3", "ax=1 ay=2");
        check("{source_labels: [a], target_label: b, action: lowercase}", "a=FoO", "a=FoO b=foo");
        check("{source_labels: [a], target_label: a, action: uppercase}", "a=FoO", "a=FOO");
    }

    #[test]
    fn hashmod_is_that_of_prometheus() {
        // The expected values are those of Prometheus' own tests.
        check(
            "{source_labels: [c], target_label: d, separator: ';', action: hashmod, modulus: 1000}",
            "a=foo b=bar c=baz",
            "a=foo b=bar c=baz d=976",
        );
        check(
            "{source_labels: [c], target_label: d, action: hashmod, modulus: 1000}",
            "c=baz",
            "c=baz d=976",
        );
    }

    #[test]
    fn a_dot_matches_a_newline() {
        let mut labels = Labels::from_pairs([("a", "x\ny")]).to_builder();
        assert!(rule("{source_labels: [a], regex: 'x.y', action: keep}").expect("valid").apply(&mut labels));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (yaml, expected) in [
            (
                "{action: hashmod, target_label: a}",
                "relabel configuration for hashmod requires non-zero modulus",
            ),
            ("{action: replace}", "relabel configuration for replace action requires 'target_label' value"),
            (
                "{action: lowercase}",
                "relabel configuration for lowercase action requires 'target_label' value",
            ),
            (
                "{action: uppercase, target_label: a, replacement: b}",
                "'replacement' can not be set for uppercase action",
            ),
            (
                "{action: dropequal, target_label: a, regex: b}",
                "dropequal action requires only 'source_labels' and 'target_label', and no other fields",
            ),
            (
                "{action: labeldrop, modulus: 8}",
                "labeldrop action requires only 'regex', and no other fields",
            ),
            (
                "{action: labelkeep, source_labels: [a]}",
                "labelkeep action requires only 'regex', and no other fields",
            ),
            ("{action: keep, regex: '('}", "invalid regular expression \"(\": unclosed group"),
            ("{action: nope}", "r.yml:1:10: unknown relabel action \"nope\""),
            ("{regexp: a}", "r.yml:1:2: unknown field regexp (did you mean regex?)"),
        ] {
            assert_eq!(rule(yaml).expect_err(yaml), expected);
        }
        assert!(rule("{action: null}").is_err());
    }
}
