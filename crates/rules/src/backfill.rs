//! The past of recording rules that are new: each is evaluated over the samples that are there, and what it gives is put into
//! the store as if it had always been recorded.
//!
//! Rules that read what others record come after them, in rounds, over all groups at once: each round writes to the store but
//! once. A rule that fails is told and holds up no other.

use std::collections::BTreeMap;

use columns::is_absent;
use model::{Labels, METRIC_NAME, Matcher, TimestampMs};
use storage::{BackfillReport, MetricBackfill, MetricQuery, Samples, Selection};

use crate::order;
use crate::past::{Past, Span, pieces};
use crate::rule::{Action, Group, Rule};
use crate::write::recorded;

/// Between two samples of a filled past, unless somebody says otherwise: within the lookback of queries, so that no gap is seen,
/// and few enough for a month (21,600).
pub const STEP: model::DurationMs = model::DurationMs::from_secs(120);

/// What became of the past of some rules.
#[derive(Debug, Default)]
pub struct Filled {
    /// Rules that were evaluated to the end.
    pub rules: usize,
    /// What the store says of the samples.
    pub store: BackfillReport,
    /// Rules that failed, and why.
    pub failed: Vec<(String, String)>,
    /// Whether it was broken off before all was in.
    pub is_cut_short: bool,
}

/// Evaluates the recording rules of `groups` over `span` and puts the results into `target`, which must be what `past` reads, or
/// rules that read others find nothing. Between two pieces of work `goes_on` is asked whether to go on. Blocks until done.
///
/// # Errors
/// When the store takes nothing: a part may be in. The same call again does the rest.
pub fn fill<'a>(
    groups: impl IntoIterator<Item = &'a Group>,
    past: &dyn Past,
    target: &dyn MetricBackfill,
    span: Span,
    goes_on: &dyn Fn() -> bool,
) -> Result<Filled, String> {
    let rules: Vec<(&Rule, usize)> = groups
        .into_iter()
        .flat_map(|group| group.rules.iter().map(|rule| (rule.as_ref(), group.limit)))
        .filter(|(rule, _)| matches!(rule.action, Action::Record))
        .collect();
    let mut filled = Filled::default();
    for round in order::rounds(rules.iter().map(|(rule, _)| *rule)) {
        let mut all = BTreeMap::new();
        for (rule, limit) in round.into_iter().map(|place| rules[place]) {
            match evaluate(rule, limit, past, span, goes_on) {
                Ok(Some(series)) => {
                    filled.rules += 1;
                    all.extend(series);
                }
                Ok(None) => {
                    filled.is_cut_short = true;
                    return Ok(filled);
                }
                Err(error) => filled.failed.push((rule.name.clone(), error)),
            }
        }
        let done = target.backfill(all.into_iter().collect()).map_err(|error| error.to_string())?;
        filled.store.samples += done.samples;
        filled.store.known += done.known;
        filled.store.refused += done.refused;
    }
    Ok(filled)
}

/// What one rule would have recorded; `None` when it shall not go on.
fn evaluate(
    rule: &Rule,
    limit: usize,
    past: &dyn Past,
    span: Span,
    goes_on: &dyn Fn() -> bool,
) -> Result<Option<BTreeMap<Labels, Samples>>, String> {
    let mut all: BTreeMap<Labels, Samples> = BTreeMap::new();
    for steps in pieces(span, span.interval) {
        if !goes_on() {
            return Ok(None);
        }
        let series = past.range(&rule.query, steps)?;
        let series = series.into_iter().map(|one| (one.labels, one.values)).collect();
        for (labels, values) in recorded(rule, series, limit)? {
            let samples = all.entry(labels).or_default();
            let there = steps.iter().zip(&values).filter(|(_, value)| !is_absent(**value));
            there.for_each(|(at_ms, value)| samples.push(at_ms, *value));
        }
    }
    Ok(Some(all))
}

/// Whether the store has nothing from `from` on of what the group's recording rules write: they are new, or were away for long.
///
/// # Errors
/// When the store cannot be asked.
pub(crate) fn is_new(group: &Group, store: &dyn MetricQuery, from: TimestampMs) -> Result<bool, String> {
    let range = columns::TimeRange { from, to: TimestampMs(i64::MAX) };
    for rule in group.rules.iter().filter(|rule| matches!(rule.action, Action::Record)) {
        let mut matchers = vec![Matcher::equal(METRIC_NAME, &rule.name)];
        let labels = rule.labels_as_written();
        matchers.extend(labels.iter().map(|(name, value)| Matcher::equal(name, value)));
        // More than that is more than none.
        let found = store.select(&Selection { matchers: &matchers, range, series_max: 1 });
        match found {
            Ok(set) if set.is_empty() => {}
            Ok(_) | Err(storage::QueryError::TooManySeries { .. }) => return Ok(false),
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(true)
}

/// Whether the group belongs to an objective: its series carry the name of one. Its budget looks back over weeks, so panels that
/// begin today would say little.
pub(crate) fn is_of_objective(group: &Group) -> bool {
    group.rules.iter().any(|rule| {
        matches!(rule.action, Action::Record) && rule.labels.iter().any(|(name, _)| name == "sloth_id")
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use model::DurationMs;
    use promql::{Engine, EngineOptions};

    use super::*;
    use crate::RuleFile;
    use crate::memory::Memory;
    use crate::past::Stored;

    const MINUTE_MS: i64 = 60_000;

    /// A gauge that is its minute, over an hour.
    fn memory() -> Memory {
        let memory = Memory::default();
        let labels = Labels::from_pairs([("__name__", "x"), ("job", "a")]);
        for minute in 0..=60 {
            assert!(memory.add(&labels, minute * MINUTE_MS, minute as f64));
        }
        memory
    }

    fn filled(rules: &str, memory: &Memory, goes_on: &dyn Fn() -> bool) -> Filled {
        let text = format!("groups: [{{name: g, rules: [{rules}]}}]");
        let file = RuleFile::parse(Path::new("r.yml"), &text).expect("valid rules");
        let engine = Engine::new(EngineOptions { threads: 1, ..EngineOptions::standard() });
        let past = Stored { engine: &engine, store: memory };
        let span = Span {
            from: TimestampMs(0),
            to: TimestampMs(60 * MINUTE_MS),
            interval: DurationMs(20 * MINUTE_MS),
        };
        fill(&file.groups, &past, memory, span, goes_on).expect("memory takes all")
    }

    #[test]
    fn rules_that_read_others_see_their_past() {
        let memory = memory();
        let rules = "{record: b, expr: a + 1}, {record: c, expr: 'sum by (job) (x) * 2', labels: {l: v}},\
                     {alert: D, expr: c}, {record: e, expr: 'c{l=\"v\"} > 50'}";
        let done = filled(rules, &memory, &|| true);
        assert_eq!((done.rules, done.store.samples, done.failed.len()), (3, 4 + 2, 0));
        assert_eq!(memory.shown(r#"c{job="a", l="v"}"#), "0 40 80 120");
        assert_eq!(memory.shown(r#"e{job="a", l="v"}"#), "80 120");
        assert_eq!(memory.times(r#"e{job="a", l="v"}"#), [40 * MINUTE_MS, 60 * MINUTE_MS]);
        assert!(!memory.has("b") && !memory.has("D"));
    }

    #[test]
    fn a_rule_that_fails_holds_up_no_other() {
        let memory = memory();
        // Both elements would be one series.
        let rules = "{record: a, expr: 'x or label_replace(x, \"k\", \"v\", \"\", \"\")', labels: {k: v}}, {record: c, expr: sum(x)}";
        let done = filled(rules, &memory, &|| true);
        assert_eq!((done.failed.len(), done.failed[0].0.as_str()), (1, "a"), "{done:?}");
        assert_eq!(memory.shown("c"), "0 20 40 60");
    }

    #[test]
    fn it_stops_when_it_is_told() {
        let (memory, asked) = (memory(), AtomicUsize::new(0));
        let goes_on = || asked.fetch_add(1, Ordering::Relaxed) < 1;
        let done = filled("{record: a, expr: x}, {record: b, expr: a}", &memory, &goes_on);
        assert!(done.is_cut_short && done.rules == 1, "{done:?}");
        assert!(memory.has(r#"a{job="a"}"#) && !memory.has(r#"b{job="a"}"#));
    }
}
