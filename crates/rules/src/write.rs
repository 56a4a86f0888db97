//! Writes what a rule has given, and ends the series that it gives no more.

use std::collections::BTreeSet;

use model::{Labels, METRIC_NAME, STALE_NAN, TimestampMs};
use storage::{AppendError, MetricAppend, MetricAppender};

use crate::rule::Rule;

/// What became of the samples of one evaluation.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    /// Series that now have a sample at this time.
    pub(crate) series: BTreeSet<Labels>,
    /// The first reason for which a sample was refused.
    pub(crate) refused: Option<AppendError>,
}

/// Writes `samples` at `at`, and a stale marker for each series of `before` that is not among them.
///
/// # Errors
/// When the store took nothing.
pub(crate) fn write(
    append: &dyn MetricAppend,
    at: TimestampMs,
    samples: Vec<(Labels, f64)>,
    before: &BTreeSet<Labels>,
) -> Result<Written, AppendError> {
    let mut written = Written::default();
    if samples.is_empty() && before.is_empty() {
        return Ok(written);
    }
    let mut appender = append.appender();
    for (labels, value) in samples {
        match add(appender.as_mut(), &labels, at, value) {
            Ok(()) => {
                written.series.insert(labels);
            }
            Err(error) => {
                written.refused.get_or_insert(error);
            }
        }
    }
    for gone in before.difference(&written.series) {
        // A series that cannot be ended now fades by itself after the lookback: nothing to report.
        let _ = add(appender.as_mut(), gone, at, STALE_NAN);
    }
    appender.commit()?;
    Ok(written)
}

fn add(
    appender: &mut dyn MetricAppender,
    labels: &Labels,
    at: TimestampMs,
    value: f64,
) -> Result<(), AppendError> {
    let series = appender.series(labels)?;
    appender.append(series, at, value)
}

/// What a recording rule writes: the elements under its name and with its labels.
pub(crate) fn recorded<V>(
    rule: &Rule,
    elements: Vec<(Labels, V)>,
    limit: usize,
) -> Result<Vec<(Labels, V)>, String> {
    let mut seen = BTreeSet::new();
    let mut samples = Vec::with_capacity(elements.len());
    for (labels, value) in elements {
        let mut builder = labels.to_builder();
        builder.set(METRIC_NAME, &rule.name);
        for (name, text) in &rule.labels {
            builder.set(name, text.text());
        }
        let labels = builder.build();
        if !seen.insert(labels.clone()) {
            return Err(
                "vector contains metrics with the same labelset after applying rule labels".to_owned()
            );
        }
        samples.push((labels, value));
    }
    if limit > 0 && samples.len() > limit {
        return Err(format!("exceeded limit of {limit} with {} series", samples.len()));
    }
    Ok(samples)
}
