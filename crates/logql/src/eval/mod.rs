//! Evaluation: which parts of which streams are read, and what becomes of their lines.

mod logs;
mod metric;
mod range;
mod readings;
mod round;
mod samples;
mod scan;
mod shared;
mod tree;

use std::time::Duration;

use columns::vector::{BinaryOp, arith};
use logstage::{ERROR_DETAILS, Row};
use model::Labels;

use crate::engine::EngineOptions;
use crate::error::{EvalError, Limit};

pub(crate) use logs::{collected, logs};
pub(crate) use round::metrics;
pub(crate) use scan::LogFilter;

/// An operator on two numbers. What is divided by zero is no number, as in Loki.
pub(crate) fn scalar(op: BinaryOp) -> fn(f64, f64) -> f64 {
    match op {
        BinaryOp::Div => |a, b| if b == 0.0 { f64::NAN } else { a / b },
        BinaryOp::Mod => |a, b| if b == 0.0 { f64::NAN } else { a % b },
        other => arith::function(other),
    }
}

/// Refuses a query that spans too long a time.
fn check_length(options: &EngineOptions, length_ns: i64) -> Result<(), EvalError> {
    let length = Duration::from_nanos(u64::try_from(length_ns).unwrap_or(0));
    if length <= options.length_max || options.length_max.is_zero() {
        return Ok(());
    }
    let shown =
        |length: Duration| crate::printer::length(i64::try_from(length.as_millis()).unwrap_or(i64::MAX));
    let message = format!(
        "the query time range exceeds the limit (query length: {}, limit: {})",
        shown(length),
        shown(options.length_max)
    );
    Err(EvalError::too_much(Limit::Span, message))
}

/// Loki's words for a stage that failed in a metric query.
fn failed(kind: &str, row: &Row<'_>) -> EvalError {
    let mut labels = Vec::new();
    row.for_each(|name, value, _| labels.push((name, value)));
    labels.sort_unstable();
    labels.retain(|(name, _)| *name != ERROR_DETAILS);
    let shown = columns::vector::in_braces(&Labels::from_sorted(labels));
    EvalError::Pipeline(format!(
        "pipeline error: '{kind}' for series: '{shown}'.\n\
         Use a label filter to intentionally skip this error. (e.g | __error__!=\"{kind}\").\n\
         To skip all potential errors you can match empty errors.(e.g __error__=\"\")\n\
         The label filter can also be specified after unwrap. (e.g | unwrap latency | __error__=\"\" )\n"
    ))
}
