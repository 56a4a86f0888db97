//! Rules over the past: who has the samples evaluates whole spans at once.

use columns::Steps;
use model::{DurationMs, Labels, TimestampMs};
use promql::{Cancel, Engine, QueryRequest, Series, Value};
use storage::MetricQuery;

/// The most steps that are asked at once. A day at 15 s; Prometheus answers no more than 11,000.
const STEPS_AT_ONCE: i64 = 5_760;

/// Who has samples of the past.
pub trait Past: Send + Sync {
    /// The series of `query` over `steps`; a scalar is one series without labels. Blocks until done.
    ///
    /// # Errors
    /// A sentence.
    fn range(&self, query: &str, steps: Steps) -> Result<Vec<Series>, String>;
}

/// What to look at.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// From when.
    pub from: TimestampMs,
    /// Until when.
    pub to: TimestampMs,
    /// Between two evaluations, of groups that don't say.
    pub interval: DurationMs,
}

/// The span in pieces, none of more than [`STEPS_AT_ONCE`].
pub(crate) fn pieces(span: Span, every: DurationMs) -> impl Iterator<Item = Steps> {
    let last = (span.to.0 - span.from.0).max(0) / every.0;
    (0..=last / STEPS_AT_ONCE).map(move |piece| {
        let first = piece * STEPS_AT_ONCE;
        let end = (first + STEPS_AT_ONCE - 1).min(last);
        let at = |step: i64| TimestampMs(span.from.0 + step * every.0);
        Steps::range(at(first), at(end), every.0)
    })
}

/// The samples of a store, asked by an engine.
pub struct Stored<'a> {
    /// Evaluates.
    pub engine: &'a Engine,
    /// Has the samples.
    pub store: &'a dyn MetricQuery,
}

impl std::fmt::Debug for Stored<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stored")
    }
}

impl Past for Stored<'_> {
    fn range(&self, query: &str, steps: Steps) -> Result<Vec<Series>, String> {
        range(self.engine, self.store, query, steps)
    }
}

/// The series of `query` over `steps`.
pub(crate) fn range(
    engine: &Engine,
    store: &dyn MetricQuery,
    query: &str,
    steps: Steps,
) -> Result<Vec<Series>, String> {
    let expr = promql::parse(query).map_err(|e| e.to_string())?;
    let request = QueryRequest { query: &expr, steps, lookback: None, cancel: &Cancel::new() };
    match engine.eval(store, &request).map_err(|e| e.to_string())?.value {
        Value::Vector(series) => Ok(series),
        Value::Scalar(values) => Ok(vec![Series { labels: Labels::empty(), values }]),
        Value::String(_) | Value::Matrix(_) => Err("rule result is not a vector or scalar".to_owned()),
    }
}
