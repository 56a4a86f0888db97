//! Inhibition: alerts that keep others from being told, because who is told of the cause need not hear of what follows
//! from it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use model::{Labels, Matcher};

/// A source that fires keeps targets with the same values of some labels from being told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InhibitRule {
    pub(crate) source: Vec<Matcher>,
    pub(crate) target: Vec<Matcher>,
    pub(crate) equal: Vec<String>,
}

/// Which alerts keep which others from being told. Sources lie by the values of the labels that must be equal, so that a
/// look at one alert costs a look at its rules and not at all other alerts.
#[derive(Debug, Default)]
pub(crate) struct Inhibition {
    rules: Arc<[InhibitRule]>,
    /// Of each rule.
    sources: Vec<HashMap<Vec<String>, Sources>>,
}

/// Alerts that a rule's source matches. What is source and target at once lies apart, for it does not inhibit its like, or
/// both would be silent.
#[derive(Debug, Default)]
struct Sources {
    alone: BTreeSet<Labels>,
    targets_too: BTreeSet<Labels>,
}

fn all(matchers: &[Matcher], labels: &Labels) -> bool {
    matchers.iter().all(|matcher| matcher.matches_labels(labels))
}

impl InhibitRule {
    fn key(&self, labels: &Labels) -> Vec<String> {
        self.equal.iter().map(|name| labels.get(name).unwrap_or("").to_owned()).collect()
    }
}

impl Inhibition {
    pub(crate) fn new(rules: Arc<[InhibitRule]>) -> Self {
        let sources = rules.iter().map(|_| HashMap::new()).collect();
        Self { rules, sources }
    }

    /// Takes note of an alert that is known, whether it fires or has ended.
    pub(crate) fn insert(&mut self, labels: &Labels) {
        for (rule, sources) in self.rules.iter().zip(&mut self.sources) {
            if all(&rule.source, labels) {
                let sources = sources.entry(rule.key(labels)).or_default();
                let side =
                    if all(&rule.target, labels) { &mut sources.targets_too } else { &mut sources.alone };
                side.insert(labels.clone());
            }
        }
    }

    /// Forgets an alert.
    pub(crate) fn remove(&mut self, labels: &Labels) {
        for (rule, sources) in self.rules.iter().zip(&mut self.sources) {
            let key = rule.key(labels);
            let Some(found) = sources.get_mut(&key) else { continue };
            found.alone.remove(labels);
            found.targets_too.remove(labels);
            if found.alone.is_empty() && found.targets_too.is_empty() {
                sources.remove(&key);
            }
        }
    }

    /// The first alert that `fires` and keeps `target` from being told.
    pub(crate) fn inhibitor(&self, target: &Labels, fires: impl Fn(&Labels) -> bool) -> Option<&Labels> {
        let concerned = self.rules.iter().zip(&self.sources).filter(|(rule, _)| all(&rule.target, target));
        concerned.into_iter().find_map(|(rule, sources)| {
            let sources = sources.get(&rule.key(target))?;
            let like = (!all(&rule.source, target)).then_some(&sources.targets_too);
            let mut candidates = sources.alone.iter().chain(like.into_iter().flatten());
            candidates.find(|source| fires(source))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matchers(text: &str) -> Vec<Matcher> {
        crate::matchers::parse(text).expect("matchers")
    }

    fn labels(text: &str) -> Labels {
        Labels::from_pairs(text.split(',').filter_map(|pair| pair.split_once('=')))
    }

    fn check(source: &str, target: &str, equal: &[&str], firing: &[&str], alert: &str, expected: bool) {
        let equal: Vec<String> = equal.iter().map(|name| (*name).to_owned()).collect();
        let rule = InhibitRule { source: matchers(source), target: matchers(target), equal };
        let mut inhibition = Inhibition::new([rule].into());
        firing.iter().for_each(|text| inhibition.insert(&labels(text)));
        let by = |inhibition: &Inhibition, fires: &dyn Fn(&Labels) -> bool| {
            inhibition.inhibitor(&labels(alert), fires).is_some()
        };
        assert_eq!(by(&inhibition, &|_| true), expected, "{source} > {target}: {firing:?} and {alert}");
        assert!(!by(&inhibition, &|_| false), "what has ended inhibits nothing");
        firing.iter().for_each(|text| inhibition.remove(&labels(text)));
        assert!(!by(&inhibition, &|_| true), "what is forgotten inhibits nothing");
        assert!(inhibition.sources.iter().all(HashMap::is_empty));
    }

    #[test]
    fn the_cause_keeps_what_follows_silent() {
        let rule = ("severity=critical", "severity=warning", ["zone"]);
        let check =
            |firing: &[&str], alert, expected| check(rule.0, rule.1, &rule.2, firing, alert, expected);
        check(&["severity=critical,zone=a"], "severity=warning,zone=a", true);
        check(&["severity=critical,zone=b"], "severity=warning,zone=a", false);
        check(&["severity=critical"], "severity=warning", true);
        check(&["severity=critical,zone=a"], "severity=info,zone=a", false);
        check(&["severity=warning,zone=a"], "severity=warning,zone=a", false);
        check(&[], "severity=warning,zone=a", false);
    }

    #[test]
    fn what_is_both_is_not_silenced_by_its_like() {
        check("a=1", "a=1", &[], &["a=1,n=x"], "a=1,n=y", false);
        check("a=1", "b=1", &[], &["a=1,b=1"], "a=1,b=1", false);
        check("a=1", "b=1", &[], &["a=1"], "a=1,b=1", true);
    }
}
