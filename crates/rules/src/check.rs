//! What can be said of a rule file that loads: how much is in it, and what is probably not as meant.

use std::collections::BTreeMap;

use config::ConfigError;

use crate::rule::Rule;
use crate::{Groups, RuleFile};

/// A rule file that loads.
#[derive(Debug)]
pub struct Checked {
    /// How many rules.
    pub rules: usize,
    /// Templates that fail when tried without data.
    pub warnings: Vec<ConfigError>,
    /// Rules that are there more than once with the same labels: the series of one take the place of the other's.
    pub duplicates: Vec<String>,
}

impl Checked {
    /// Looks at `file`.
    pub fn new(file: RuleFile) -> Self {
        let warnings = file.warnings.clone();
        let groups = Groups::new([file]);
        let rules: Vec<&Rule> =
            groups.iter().flat_map(|group| group.rules.iter().map(AsRef::as_ref)).collect();
        Self { rules: rules.len(), warnings, duplicates: duplicates(&rules) }
    }
}

fn duplicates(rules: &[&Rule]) -> Vec<String> {
    let mut times: BTreeMap<_, usize> = BTreeMap::new();
    for rule in rules {
        *times.entry((rule.name.as_str(), rule.labels_as_written())).or_default() += 1;
    }
    let many = times.into_iter().filter(|(_, times)| *times > 1);
    many.map(|((name, labels), times)| format!("{name} {labels}, {times} times")).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn duplicates_are_found_over_groups() {
        let text = "groups: [{name: a, rules: [{record: x, expr: up}, {record: x, expr: up, labels: {l: m}}]},\
                    {name: b, rules: [{record: x, expr: down}]}]";
        let checked = Checked::new(RuleFile::parse(Path::new("r.yml"), text).expect("valid"));
        assert_eq!((checked.rules, checked.duplicates), (3, vec!["x {}, 2 times".to_owned()]));
    }
}
