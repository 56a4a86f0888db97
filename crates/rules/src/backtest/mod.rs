//! What alerts would have fired in the past: each alerting rule is evaluated over the samples that are there, as it would
//! have been at its interval, and its alerts go through the same states as those of a running program.
//!
//! Recording rules of the same files are put into the alerts that use them, so that a file can be tried before it was ever
//! loaded. Whoever has the samples evaluates whole spans at once ([`crate::past::Past`]); here is only what becomes of the result.

mod episodes;
mod inline;

use columns::is_absent;
use model::DurationMs;

use crate::Groups;
use crate::past::{Past, Span, pieces};
use crate::rule::{Alerting, Group, Rule};
pub use episodes::Episode;
use episodes::Watch;
use inline::Definitions;

/// How coarsely it is asked when there were samples at all.
const COVERAGE_STEP: DurationMs = DurationMs::from_secs(300);

/// What would have happened.
#[derive(Debug)]
pub struct Report {
    /// For how much of the span there are samples: `up` of anything.
    pub covered: DurationMs,
    /// Each alerting rule in order.
    pub alerts: Vec<AlertReport>,
}

/// What would have become of one alerting rule.
#[derive(Debug)]
pub struct AlertReport {
    /// The alert's name.
    pub name: String,
    /// When alerts of it fired, in order.
    pub fired: Vec<Episode>,
    /// How many alerts waited and were gone before their `for` was over.
    pub gave_up: usize,
    /// Series of recording rules that were taken as the store has them, not computed anew.
    pub as_recorded: Vec<String>,
    /// Why it could not be evaluated.
    pub error: Option<String>,
}

impl Report {
    /// How many alerts fired a week, by the time for which there are samples.
    pub fn a_week(&self, fired: usize) -> f64 {
        let weeks = self.covered.as_secs_f64() / (7.0 * 86_400.0);
        if weeks > 0.0 { fired as f64 / weeks } else { 0.0 }
    }

    /// How many alerts fired in all.
    pub fn fired(&self) -> usize {
        self.alerts.iter().map(|alert| alert.fired.len()).sum()
    }
}

/// Looks back on the alerting rules of `groups`.
///
/// # Errors
/// When the samples cannot be asked at all. A rule that fails is told in its own report.
pub fn run(groups: &Groups, past: &dyn Past, span: Span) -> Result<Report, String> {
    let covered = covered(past, span)?;
    let definitions = Definitions::of(groups, span.interval);
    let mut alerts = Vec::new();
    for group in groups.iter() {
        for rule in &group.rules {
            if let Some(alerting) = rule.alerting() {
                alerts.push(look_back(group, rule, alerting, &definitions, past, span));
            }
        }
    }
    Ok(Report { covered, alerts })
}

/// For how long anything was scraped.
fn covered(past: &dyn Past, span: Span) -> Result<DurationMs, String> {
    let step = COVERAGE_STEP.0.min((span.to.0 - span.from.0).max(1));
    let mut steps_covered = 0;
    for steps in pieces(span, DurationMs(step)) {
        let series = past.range("count(up)", steps)?;
        steps_covered +=
            series.iter().flat_map(|one| &one.values).filter(|value| !is_absent(**value)).count();
    }
    Ok(DurationMs((steps_covered as i64 * step).min(span.to.0 - span.from.0)))
}

fn look_back(
    group: &Group,
    rule: &Rule,
    alerting: &Alerting,
    definitions: &Definitions,
    past: &dyn Past,
    span: Span,
) -> AlertReport {
    let every = group.interval.unwrap_or(span.interval);
    let (query, as_recorded) = definitions.inline(&rule.query);
    let mut watch = Watch::new(rule, alerting, group.limit);
    let result = pieces(span, every).try_for_each(|steps| {
        let series = past.range(&query, steps)?;
        watch.take(&series, &steps)
    });
    let (fired, gave_up) = watch.finish(span.to);
    AlertReport { name: rule.name.clone(), fired, gave_up, as_recorded, error: result.err() }
}

#[cfg(test)]
mod tests;
