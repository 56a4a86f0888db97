//! Puts recording rules into the expressions that use them.
//!
//! A selector of nothing but a recorded name becomes the expression that records it, in parentheses; `name[5m]` becomes a
//! subquery at the interval of its group. A selector with conditions of its own cannot be put in another form and stays.

use std::collections::BTreeMap;

use model::{DurationMs, METRIC_NAME};
use promql::ast::{Expr, ExprKind, Selector};

use crate::Groups;
use crate::rule::{Action, Rule};

/// Expressions by the names that they are recorded under.
pub(super) struct Definitions {
    by_name: BTreeMap<String, Definition>,
}

struct Definition {
    query: String,
    every: DurationMs,
}

impl Definitions {
    /// Those of all recording rules, each with the ones before it put in.
    pub(super) fn of(groups: &Groups, interval: DurationMs) -> Self {
        let mut all = Self { by_name: BTreeMap::new() };
        for group in groups.iter() {
            let every = group.interval.unwrap_or(interval);
            for rule in group.rules.iter().filter(|rule| matches!(rule.action, Action::Record)) {
                let query = labelled(rule, &all.inline(&rule.query).0);
                // Several rules may record parts of one name.
                let known = all.by_name.remove(&rule.name);
                let query =
                    known.map_or_else(|| query.clone(), |known| format!("{} or {query}", known.query));
                all.by_name.insert(rule.name.clone(), Definition { query, every });
            }
        }
        all
    }

    /// `query` with what is recorded put in, and the names that stayed.
    pub(super) fn inline(&self, query: &str) -> (String, Vec<String>) {
        let Ok(expr) = promql::parse(query) else { return (query.to_owned(), Vec::new()) };
        let (mut places, mut stayed) = (Vec::new(), Vec::new());
        self.collect(&expr, &mut places, &mut stayed);
        places.sort_by_key(|(start, _, _)| std::cmp::Reverse(*start));
        let mut text = query.to_owned();
        for (start, end, by) in places {
            text.replace_range(start..end, &by);
        }
        stayed.sort();
        stayed.dedup();
        (text, stayed)
    }

    /// What to put in the place of which bytes.
    fn collect(&self, expr: &Expr, places: &mut Vec<(usize, usize, String)>, stayed: &mut Vec<String>) {
        let (start, end) = (expr.span.start as usize, expr.span.end as usize);
        let (selector, range) = match &expr.kind {
            ExprKind::Selector(selector) => (selector.as_ref(), None),
            ExprKind::Matrix(matrix) => (&matrix.selector, Some(&matrix.range)),
            _ => return expr.children().into_iter().for_each(|child| self.collect(child, places, stayed)),
        };
        let Some((name, definition)) = self.recorded(selector) else { return };
        if !is_bare(selector) {
            stayed.push(name.to_owned());
            return;
        }
        let length = range.map(|range| format!("[{range}:{}]", definition.every)).unwrap_or_default();
        places.push((start, end, format!("({}){length}", definition.query)));
    }

    fn recorded<'a>(&self, selector: &'a Selector) -> Option<(&'a str, &Definition)> {
        let name = selector.matchers.iter().find(|m| m.name == METRIC_NAME)?.only_values()?;
        let [name] = name else { return None };
        self.by_name.get(name).map(|definition| (name.as_str(), definition))
    }
}

/// Nothing but a name.
fn is_bare(selector: &Selector) -> bool {
    selector.matchers.len() == 1
        && selector.offset.is_none()
        && selector.at.is_none()
        && selector.edge == promql::ast::Edge::Plain
}

/// The expression with the labels that the rule adds.
fn labelled(rule: &Rule, query: &str) -> String {
    rule.labels_as_written().iter().fold(query.to_owned(), |query, (name, value)| {
        format!("label_replace({query}, {name:?}, {value:?}, \"\", \"\")")
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::RuleFile;

    const RULES: &str = "groups: [{name: g, interval: 30s, rules: [{record: a, expr: 'sum(x)'},\
                         {record: b, expr: a / 2, labels: {l: v}}, {record: c, expr: y}, {record: c, expr: z}]}]";

    fn check(query: &str, expected: &str, stayed: &[&str]) {
        let file = RuleFile::parse(Path::new("r.yml"), RULES).expect("valid rules");
        let definitions = Definitions::of(&Groups::new([file]), DurationMs::from_secs(60));
        let (text, kept) = definitions.inline(query);
        assert_eq!((text.as_str(), kept), (expected, stayed.iter().map(ToString::to_string).collect()));
        assert!(promql::parse(&text).is_ok(), "{text}");
    }

    #[test]
    fn names_become_expressions() {
        check("a > 1 and on () a < 5", "(sum(x)) > 1 and on () (sum(x)) < 5", &[]);
        check("b", "(label_replace((sum(x)) / 2, \"l\", \"v\", \"\", \"\"))", &[]);
        check("max_over_time(a[5m])", "max_over_time((sum(x))[5m:30s])", &[]);
        check("c", "(y or z)", &[]);
        check("x + other", "x + other", &[]);
    }

    #[test]
    fn what_has_conditions_stays() {
        check("a{job=\"j\"} + a", "a{job=\"j\"} + (sum(x))", &["a"]);
        check("a offset 5m", "a offset 5m", &["a"]);
    }
}
