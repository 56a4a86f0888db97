//! Inhibition: alerts that keep others from being told, because who is told of the cause need not hear of what follows
//! from it.

use model::{Labels, Matcher};

/// A source that fires keeps targets with the same values of some labels from being told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InhibitRule {
    pub(crate) source: Vec<Matcher>,
    pub(crate) target: Vec<Matcher>,
    pub(crate) equal: Vec<String>,
}

fn all(matchers: &[Matcher], labels: &Labels) -> bool {
    matchers.iter().all(|matcher| matcher.matches_labels(labels))
}

impl InhibitRule {
    /// Whether `source`, which fires, keeps `target` from being told. What is source and target at once is not inhibited
    /// by its like, or both would be silent.
    fn applies(&self, source: &Labels, target: &Labels) -> bool {
        all(&self.target, target)
            && all(&self.source, source)
            && !(all(&self.source, target) && all(&self.target, source))
            && self.equal.iter().all(|name| source.get(name).unwrap_or("") == target.get(name).unwrap_or(""))
    }
}

/// The first alert among those that fire which keeps `target` from being told.
pub(crate) fn inhibitor<'a>(
    rules: &[InhibitRule],
    firing: impl Iterator<Item = &'a Labels> + Clone,
    target: &Labels,
) -> Option<&'a Labels> {
    let concerned = rules.iter().filter(|rule| all(&rule.target, target));
    concerned.into_iter().find_map(|rule| firing.clone().find(|source| rule.applies(source, target)))
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
        let equal = equal.iter().map(|name| (*name).to_owned()).collect();
        let rule = InhibitRule { source: matchers(source), target: matchers(target), equal };
        let firing: Vec<Labels> = firing.iter().map(|text| labels(text)).collect();
        let found = inhibitor(&[rule], firing.iter(), &labels(alert)).is_some();
        assert_eq!(
            found,
            expected,
            "{source} > {target} by {equal:?}: {firing:?} and {alert}",
            equal = equal_shown(&firing)
        );
    }

    fn equal_shown(firing: &[Labels]) -> usize {
        firing.len()
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
