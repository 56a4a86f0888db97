//! Which rules of a group may be evaluated at one moment, and which have to wait for one another.
//!
//! A rule that reads what an earlier one writes comes after it, as everybody who puts recording rules above the alerts
//! that use them expects. A rule that reads what a later one writes comes before it and sees the value of the evaluation
//! before, as it would one after another. Rules between which there is nothing of the sort may run side by side.

use std::sync::atomic::{AtomicUsize, Ordering};

use model::METRIC_NAME;

use crate::book::{ALERT_NAME, ALERTS, ALERTS_FOR_STATE};
use crate::rule::{Action, Rule};

/// Places of rules in their group, in rounds: a round begins when the one before has ended.
pub(crate) fn rounds<'a>(rules: impl IntoIterator<Item = &'a Rule>) -> Vec<Vec<usize>> {
    let mut before: Vec<(Traffic<'a>, usize)> = Vec::new();
    let mut rounds: Vec<Vec<usize>> = Vec::new();
    for (place, rule) in rules.into_iter().enumerate() {
        let traffic = Traffic::of(rule);
        let waits = before.iter().filter(|(other, _)| traffic.meets(other));
        let round = waits.map(|(_, round)| round + 1).max().unwrap_or(0);
        if rounds.len() <= round {
            rounds.push(Vec::new());
        }
        rounds[round].push(place);
        before.push((traffic, round));
    }
    rounds
}

/// What a rule reads and writes.
struct Traffic<'a> {
    rule: &'a Rule,
    selectors: Vec<&'a promql::ast::Selector>,
    /// A template asks queries of its own: they are known only once it is expanded.
    reads_anything: bool,
}

impl<'a> Traffic<'a> {
    fn of(rule: &'a Rule) -> Self {
        let mut selectors = Vec::new();
        rule.expr.for_each_selector(&mut |selector| selectors.push(selector));
        Self { rule, selectors, reads_anything: rule.asks_in_templates() }
    }

    fn meets(&self, earlier: &Self) -> bool {
        self.reads(earlier.rule) || earlier.reads(self.rule) || writes_alike(self.rule, earlier.rule)
    }

    fn reads(&self, other: &Rule) -> bool {
        self.reads_anything || self.selectors.iter().any(|selector| may_select(selector, other))
    }
}

/// Whether series that `rule` writes can be among those of the selector.
fn may_select(selector: &promql::ast::Selector, rule: &Rule) -> bool {
    let fits = |name: &str, value: &str| {
        selector.matchers.iter().filter(|m| m.name == name).all(|matcher| matcher.matches(value))
    };
    match &rule.action {
        Action::Record => {
            // The labels of a recording rule are taken literally.
            let labels = rule.labels_as_written();
            fits(METRIC_NAME, &rule.name) && labels.iter().all(|(name, value)| fits(name, value))
        }
        Action::Alert(_) => {
            [ALERTS, ALERTS_FOR_STATE].iter().any(|metric| fits(METRIC_NAME, metric))
                && fits(ALERT_NAME, &rule.name)
        }
    }
}

/// Rules of one name may give the same series: the later one is refused, not whichever is slower.
/// Recording rules whose own labels differ can't.
fn writes_alike(one: &Rule, other: &Rule) -> bool {
    one.name == other.name
        && match (&one.action, &other.action) {
            (Action::Record, Action::Record) => {
                let (one, other) = (one.labels_as_written(), other.labels_as_written());
                one.iter().all(|(name, value)| other.get(name).is_none_or(|theirs| theirs == value))
            }
            (Action::Alert(_), Action::Alert(_)) => true,
            _ => false,
        }
}

/// Does `work` for each of `places`, on up to `threads` threads.
pub(crate) fn spread(places: &[usize], threads: usize, work: &(dyn Fn(usize) + Sync)) {
    let threads = threads.min(places.len());
    if threads <= 1 {
        return places.iter().for_each(|place| work(*place));
    }
    let next = AtomicUsize::new(0);
    let turns = || {
        while let Some(place) = places.get(next.fetch_add(1, Ordering::Relaxed)) {
            work(*place);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(turns);
        }
        turns();
    });
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::RuleFile;

    fn check(rules: &str, expected: &[&[usize]]) {
        let text = format!("groups: [{{name: g, rules: [{rules}]}}]");
        let file = RuleFile::parse(Path::new("r.yml"), &text).expect("valid rules");
        assert_eq!(rounds(file.groups[0].rules.iter().map(AsRef::as_ref)), expected, "{rules}");
    }

    #[test]
    fn rules_that_have_nothing_to_do_with_each_other_run_side_by_side() {
        check("{record: a, expr: x}, {record: b, expr: 'sum(y)'}, {alert: C, expr: z}", &[&[0, 1, 2]]);
        check("{alert: A, expr: x}, {alert: B, expr: x}", &[&[0, 1]]);
    }

    #[test]
    fn who_reads_waits() {
        check(
            "{record: a, expr: x}, {record: b, expr: a}, {record: c, expr: 'rate(b[5m])'}",
            &[&[0], &[1], &[2]],
        );
        check("{record: a, expr: x}, {record: b, expr: y}, {alert: C, expr: a / b}", &[&[0, 1], &[2]]);
        check(
            "{alert: A, expr: x}, {alert: B, expr: 'ALERTS{alertname=\"A\"}'}, {alert: C, expr: 'ALERTS{alertname!=\"A\"}'}",
            &[&[0], &[1], &[2]],
        );
        check(
            "{record: a, expr: x}, {record: b, expr: '{__name__=~\"a|z\"}'}, {record: c, expr: '{__name__=~\"z\"}'}",
            &[&[0, 2], &[1]],
        );
        check("{record: a, expr: x}, {record: b, expr: '{job=\"j\"}'}", &[&[0], &[1]]);
    }

    #[test]
    fn labels_tell_recording_rules_apart() {
        check(
            "{record: a, expr: x, labels: {slo: one}}, {record: a, expr: y, labels: {slo: two}},\
             {record: b, expr: 'a{slo=\"one\"}'}, {record: c, expr: 'a{slo=\"three\"}'},\
             {record: d, expr: 'a{other=\"one\"}'}",
            &[&[0, 1, 3], &[2, 4]],
        );
        // The expression may give the label that the first one adds.
        check("{record: a, expr: x, labels: {slo: one}}, {record: a, expr: y}", &[&[0], &[1]]);
    }

    #[test]
    fn who_reads_what_a_later_rule_writes_comes_before_it() {
        check("{record: a, expr: b}, {record: b, expr: x}", &[&[0], &[1]]);
    }

    #[test]
    fn one_name_is_written_in_order() {
        check("{record: a, expr: x}, {record: a, expr: y}", &[&[0], &[1]]);
        check("{alert: A, expr: x}, {alert: A, expr: y}", &[&[0], &[1]]);
    }

    #[test]
    fn templates_that_ask_wait_for_everybody() {
        check(
            "{record: a, expr: x}, {alert: B, expr: y, annotations: {s: '{{ query \"a\" | first | value }}'}}, {record: c, expr: z}",
            &[&[0], &[1], &[2]],
        );
        check("{record: a, expr: x}, {alert: B, expr: y, annotations: {s: 'no query here'}}", &[&[0, 1]]);
    }

    #[test]
    fn spread_work_is_done_once_each() {
        for threads in [1, 2, 4] {
            let done: Vec<AtomicUsize> = (0..100).map(|_| AtomicUsize::new(0)).collect();
            let odd: Vec<usize> = (1..100).step_by(2).collect();
            spread(&odd, threads, &|place| {
                done[place].fetch_add(1, Ordering::Relaxed);
            });
            let times: Vec<usize> = done.into_iter().map(AtomicUsize::into_inner).collect();
            assert!(times.iter().enumerate().all(|(place, times)| *times == place % 2), "{times:?}");
        }
    }
}
