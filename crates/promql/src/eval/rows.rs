//! Series that are computed one at a time, when they are asked for.
//!
//! An aggregation needs each of its series once, and only for a moment: folded row by row, ten thousand series over a
//! thousand steps never lie in memory together. Whoever does need them together collects them.

use columns::{ABSENT, Edges, Steps, TimeRange, is_absent};
use model::{Labels, METRIC_NAME, MatchOp, Matcher};
use rayon::prelude::*;
use storage::{Samples, SeriesSet, StepValues};

use crate::ast::{Edge, Expr, ExprKind, Selector, Span};
use crate::error::EvalError;
use crate::eval::Evaluator;
use crate::eval::column::Column;
use columns::rate::Stretches;
use columns::vector::{Rows, Tally, Ticks};

/// Rows that one worker computes at least before another takes over.
const ROWS_A_JOB: usize = 64;

/// Memory that a worker uses again from row to row.
#[derive(Default)]
pub(super) struct Scratch {
    pub(super) values: Vec<f64>,
    pub(super) samples: Samples,
    pub(super) found: StepValues,
    pub(super) edges: Edges,
    pub(super) stretches: Stretches,
    ticks: Ticks,
    /// Samples read for rows since this was last told to the guard: a counter that all workers share costs more than
    /// some rows do.
    read: usize,
}

impl Scratch {
    /// Tells how many samples were read.
    pub(super) fn settle(&mut self, tally: &Tally<'_>) {
        tally.guard().count_read(std::mem::take(&mut self.read));
    }

    pub(super) fn count_read(&mut self, samples: usize) {
        self.read += samples;
    }

    /// To be called for each row.
    pub(super) fn check(&mut self, tally: &Tally<'_>) -> Result<(), EvalError> {
        Ok(self.ticks.check(tally)?)
    }
}

/// Rows of any kind.
pub(super) type AnyRows = dyn Rows<Scratch = Scratch, Error = EvalError>;

/// Computes all rows. Their labels are as they are shown.
pub(super) fn collect(rows: &AnyRows, tally: &Tally<'_>) -> Result<Vec<Column>, EvalError> {
    let some = |scratch: &mut Scratch, from: usize| -> Result<Vec<Column>, EvalError> {
        let to = rows.len().min(from + ROWS_A_JOB);
        let mut columns = Vec::with_capacity(to - from);
        for i in from..to {
            let Some(values) = rows.row(i, scratch, tally)? else { continue };
            tally.add(values.len())?;
            let values = values.to_vec();
            let mut labels = Labels::empty();
            rows.with_labels(i, &mut |shown| labels = shown.clone());
            columns.push(Column { labels, values, drop_name: rows.drop_name(i) });
        }
        scratch.settle(tally);
        Ok(columns)
    };
    let starts = (0..rows.len().div_ceil(ROWS_A_JOB)).into_par_iter();
    let parts: Vec<Vec<Column>> = starts
        .map_init(Scratch::default, |scratch, job| some(scratch, job * ROWS_A_JOB))
        .collect::<Result<_, _>>()?;
    Ok(parts.into_iter().flatten().collect())
}

/// An instant selector: the newest sample at each step.
pub(super) struct InstantRows {
    pub(super) set: Box<dyn SeriesSet>,
    pub(super) look: Steps,
    pub(super) lookback_ms: i64,
    /// The span of samples that `smoothed` needs.
    pub(super) range: TimeRange,
    pub(super) is_smoothed: bool,
    /// Whether the samples' times are wanted instead of their values.
    pub(super) as_times: bool,
}

impl Rows for InstantRows {
    type Scratch = Scratch;
    type Error = EvalError;

    fn settle(&self, scratch: &mut Scratch, tally: &Tally<'_>) {
        scratch.settle(tally);
    }

    fn len(&self) -> usize {
        self.set.len()
    }

    fn with_labels(&self, i: usize, visit: &mut dyn FnMut(&Labels)) {
        self.set.with_labels(i, visit);
    }

    fn drop_name(&self, _: usize) -> bool {
        false
    }

    fn row<'s>(
        &'s self,
        i: usize,
        scratch: &'s mut Scratch,
        tally: &Tally<'_>,
    ) -> Result<Option<&'s [f64]>, EvalError> {
        scratch.check(tally)?;
        let Scratch { found, samples, read: counted, .. } = scratch;
        let read = if self.is_smoothed {
            self.set.samples(i, self.range, samples)?;
            smooth(samples, &self.look, self.lookback_ms, found);
            samples.times_ms.len()
        } else {
            self.set.values_at(i, &self.look, self.lookback_ms, found)?
        };
        *counted += read;
        if found.values.iter().all(|value| is_absent(*value)) {
            return Ok(None);
        }
        if self.as_times {
            let times = found.values.iter_mut().zip(&found.times_ms).filter(|(value, _)| !is_absent(**value));
            times.for_each(|(value, ms)| *value = *ms as f64 / 1000.0);
        }
        Ok(Some(&found.values))
    }
}

/// Rows that an aggregation may take one by one.
pub(super) struct Streamed {
    pub(super) rows: Box<AnyRows>,
    /// What to say, and of which metric, if there is any value.
    pub(super) non_counter: Option<(String, Span)>,
}

impl Evaluator<'_> {
    /// The rows of an expression that need not be held together, and whose labels need no more than to lose their
    /// names. `None` for all others.
    pub(super) fn rows(&mut self, expr: &Expr, steps: &Steps) -> Result<Option<Streamed>, EvalError> {
        let expr = expr.unwrap_parens();
        self.guard.check()?;
        match &expr.kind {
            ExprKind::Selector(selector) if selector.edge == Edge::Plain && selector.at.is_none() => {
                let rows = Box::new(self.instant_rows(selector, expr.span, steps)?);
                Ok(Some(Streamed { rows, non_counter: None }))
            }
            ExprKind::Call(call) => self.range_rows(call, expr.span, steps),
            _ => Ok(None),
        }
    }

    fn instant_rows(
        &mut self,
        selector: &Selector,
        span: Span,
        steps: &Steps,
    ) -> Result<InstantRows, EvalError> {
        let look = self.looked_at(None, selector.offset.as_ref(), span, steps)?;
        let range = storage::query::covering(&look, self.lookback_ms);
        let set = self.select(&selector.matchers, range)?;
        Ok(InstantRows {
            set,
            look,
            lookback_ms: self.lookback_ms,
            range,
            is_smoothed: false,
            as_times: false,
        })
    }
}

/// The one name that all series have which the matchers find. Without it they still differ, so nothing becomes equal.
pub(super) fn single_name(matchers: &[Matcher]) -> Option<&str> {
    let name = matchers.iter().find(|m| m.name == METRIC_NAME && m.op == MatchOp::Equal)?;
    Some(name.value.as_str()).filter(|name| !name.is_empty())
}

/// Values at steps on the line between the samples around each; the last one goes on while nothing follows.
fn smooth(samples: &Samples, steps: &Steps, lookback_ms: i64, out: &mut StepValues) {
    let (times, values) = (&samples.times_ms, &samples.values);
    out.values.clear();
    out.times_ms.clear();
    for at in steps.iter() {
        let next = times.partition_point(|time| *time <= at);
        let before = next.checked_sub(1).filter(|&i| times[i] > at - lookback_ms);
        let value = before.map_or(ABSENT, |i| match times.get(next) {
            Some(&after) if times[i] < at && after <= at + lookback_ms => {
                let share = (at - times[i]) as f64 / (after - times[i]) as f64;
                values[i] + (values[next] - values[i]) * share
            }
            _ => values[i],
        });
        out.values.push(value);
        out.times_ms.push(at);
    }
}
