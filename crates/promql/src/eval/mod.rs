//! Evaluation of a tree over all steps at once.
//!
//! Each node turns the columns of its parts into its own columns. Selectors ask the store once for the whole range;
//! windows slide over one series at a time, series in parallel on the engine's pool. What is held at once is counted
//! node by node: the results of a node's parts and its own, nothing else outlives it.

mod aggregate;
mod binary;
mod call;
pub(crate) mod column;
mod histograms;
mod info;
mod invariant;
mod notes;
mod ranges;
mod rows;
mod select;

use columns::Steps;
use model::TimestampMs;
use rayon::prelude::*;
use storage::MetricQuery;

use crate::ast::{At, DurationExpr, Expr, ExprKind, Span, UnaryOp};
use crate::engine::{Answer, EngineOptions, QueryRequest, Series, Stats, Value};
use crate::error::{EvalError, ParseError};
use crate::parser::QueryLengths;
use column::{Column, Evaluated, drop_empty, merge_equal, nameless};
use columns::vector::Guard;
use notes::Notes;

/// 73 million years from 1970: no sample lies farther, and any length of time may be added to it.
const MOMENT_MS_MAX: i64 = 1 << 61;
/// Longer than all of time, and short enough to be added to any moment.
const LOOKBACK_MS_MAX: i64 = 1 << 60;

/// Evaluates one query.
pub(crate) fn run(
    options: &EngineOptions,
    store: &dyn MetricQuery,
    request: &QueryRequest<'_>,
    range_end: Option<TimestampMs>,
) -> Result<Answer, EvalError> {
    if !options.experimental {
        refuse_experimental(request.query)?;
    }
    if request.steps.count > options.steps_max {
        return Err(EvalError::TooManySteps { steps: request.steps.count, limit: options.steps_max });
    }
    let mut evaluator = Evaluator {
        options,
        store,
        guard: Guard::new(options.samples_max, options.timeout, request.cancel),
        lookback_ms: request.lookback.unwrap_or(options.lookback).0.min(LOOKBACK_MS_MAX),
        query: request.steps,
        query_end: range_end.unwrap_or(request.steps.last()),
        is_range: range_end.is_some() || request.steps.count > 1,
        notes: Notes::default(),
        series_read: 0,
        held: 0,
        held_peak: 0,
    };
    let value = evaluator.answer(request.query)?;
    let stats = Stats {
        samples_read: evaluator.guard.samples_read(),
        series_read: evaluator.series_read,
        samples_peak: evaluator.held_peak,
    };
    let (warnings, infos) = evaluator.notes.into_texts();
    Ok(Answer { value, warnings, infos, stats })
}

/// Refuses functions and aggregations that are not switched on.
fn refuse_experimental(expr: &Expr) -> Result<(), ParseError> {
    match &expr.kind {
        ExprKind::Call(call) if call.function.experimental => {
            let message = format!("function {:?} is experimental and not enabled", call.function.name);
            return Err(ParseError::at(expr.span, message));
        }
        ExprKind::Aggregate(aggregate) if aggregate.op.is_experimental() => {
            let message = format!("{}() is experimental and not enabled", aggregate.op.as_str());
            return Err(ParseError::at(expr.span, message));
        }
        _ => {}
    }
    expr.children().into_iter().try_for_each(refuse_experimental)
}

struct Evaluator<'a> {
    options: &'a EngineOptions,
    store: &'a dyn MetricQuery,
    guard: Guard<'a>,
    lookback_ms: i64,
    /// The steps of the whole query; a subquery has its own.
    query: Steps,
    /// The end that was asked for; the last step may lie before it.
    query_end: TimestampMs,
    is_range: bool,
    notes: Notes,
    series_read: usize,
    /// Values of results that are still needed.
    held: usize,
    held_peak: usize,
}

impl Evaluator<'_> {
    /// Evaluates the top of a query and brings the result into the form that is answered.
    fn answer(&mut self, expr: &Expr) -> Result<Value, EvalError> {
        if matches!(expr.unwrap_parens().kind, ExprKind::Matrix(_) | ExprKind::Subquery(_)) {
            return self.raw_matrix(expr);
        }
        let steps = self.query;
        let columns = match self.eval(expr, &steps)? {
            Evaluated::Scalar(values) => return Ok(Value::Scalar(values)),
            Evaluated::Text(text) => return Ok(Value::String(text.to_lossy())),
            Evaluated::Vector(columns) => columns,
        };
        let mut columns = self.without_dropped_names(columns, expr.span)?;
        drop_empty(&mut columns);
        if self.is_range || !is_ordered(expr) {
            columns.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
        }
        let series = columns.into_iter().map(|c| Series { labels: c.labels, values: c.values });
        Ok(Value::Vector(series.collect()))
    }

    fn without_dropped_names(&self, mut columns: Vec<Column>, span: Span) -> Result<Vec<Column>, EvalError> {
        if !columns.iter().any(|column| column.drop_name) {
            return Ok(columns);
        }
        columns.par_iter_mut().filter(|column| column.drop_name).for_each(|column| {
            column.labels = nameless(&column.labels);
            column.drop_name = false;
        });
        merge_equal(columns, span)
    }

    /// Evaluates a node at `steps`, once if its value is the same at all of them.
    fn eval(&mut self, expr: &Expr, steps: &Steps) -> Result<Evaluated, EvalError> {
        self.guard.check()?;
        let before = self.held;
        let result = if steps.count > 1 && invariant::is_invariant(expr) {
            let once = self.node(expr, &Steps::instant(steps.start))?;
            self.guard.allow(before.saturating_add(once.size().saturating_mul(steps.count)))?;
            once.broadcast(steps.count)
        } else {
            self.node(expr, steps)?
        };
        self.held = before + result.size();
        self.held_peak = self.held_peak.max(self.held);
        self.guard.allow(self.held)?;
        Ok(result)
    }

    fn node(&mut self, expr: &Expr, steps: &Steps) -> Result<Evaluated, EvalError> {
        match &expr.kind {
            ExprKind::Number(number) => Ok(Evaluated::Scalar(vec![number.value; steps.count])),
            ExprKind::Text(text) => Ok(Evaluated::Text(text.clone())),
            ExprKind::Selector(selector) => self.selector(selector, expr.span, steps).map(Evaluated::Vector),
            ExprKind::Paren(inner) => self.eval(inner, steps),
            ExprKind::Unary(op, inner) => self.unary(*op, inner, expr.span, steps),
            ExprKind::Binary(binary) => self.binary(binary, expr.span, steps),
            ExprKind::Aggregate(aggregate) => {
                self.aggregate(aggregate, expr.span, steps).map(Evaluated::Vector)
            }
            ExprKind::Call(call) => self.call(call, expr.span, steps),
            // The parser lets ranges stand only as arguments, where their functions look at them, or at the top.
            ExprKind::Matrix(_) | ExprKind::Subquery(_) => {
                Err(EvalError::at(expr.span, "a range vector can only be the argument of a function"))
            }
        }
    }

    fn unary(
        &mut self,
        op: UnaryOp,
        inner: &Expr,
        span: Span,
        steps: &Steps,
    ) -> Result<Evaluated, EvalError> {
        let value = self.eval(inner, steps)?;
        if op == UnaryOp::Plus {
            return Ok(value);
        }
        match value {
            Evaluated::Scalar(mut values) => {
                values.iter_mut().for_each(|value| *value = -*value);
                Ok(Evaluated::Scalar(values))
            }
            Evaluated::Vector(mut columns) => {
                call::map_values(&mut columns, |value| -value);
                self.named_away(columns, span).map(Evaluated::Vector)
            }
            text @ Evaluated::Text(_) => Ok(text),
        }
    }

    /// Columns of which the metric name no longer says what they are.
    fn named_away(&self, mut columns: Vec<Column>, span: Span) -> Result<Vec<Column>, EvalError> {
        columns.iter_mut().for_each(|column| column.drop_name = true);
        if self.options.delayed_name_removal {
            Ok(columns)
        } else {
            self.without_dropped_names(columns, span)
        }
    }

    fn vector(&mut self, expr: &Expr, steps: &Steps) -> Result<Vec<Column>, EvalError> {
        match self.eval(expr, steps)? {
            Evaluated::Vector(columns) => Ok(columns),
            _ => Err(EvalError::at(expr.span, "expected an instant vector")),
        }
    }

    fn scalar(&mut self, expr: &Expr, steps: &Steps) -> Result<Vec<f64>, EvalError> {
        match self.eval(expr, steps)? {
            Evaluated::Scalar(values) => Ok(values),
            _ => Err(EvalError::at(expr.span, "expected a scalar")),
        }
    }

    /// What `step()` and `range()` mean. An instant query has neither: Prometheus takes both as zero.
    fn query_lengths(&self) -> QueryLengths {
        QueryLengths {
            step_ms: if self.is_range { self.query.step_ms } else { 0 },
            range_ms: self.query_end.0.saturating_sub(self.query.start.0),
        }
    }

    /// A computed length in milliseconds.
    fn length_ms(&self, length: &DurationExpr, span: Span) -> Result<i64, EvalError> {
        length.ms(self.query_lengths()).map_err(|message| EvalError::at(span, message))
    }

    /// A computed length that has to be above zero.
    fn range_ms(&self, length: &DurationExpr, span: Span) -> Result<i64, EvalError> {
        match self.length_ms(length, span)? {
            ms if ms > 0 => Ok(ms),
            _ => Err(EvalError::at(span, "duration must be greater than 0")),
        }
    }

    /// The moments to look at: the steps, or the one that `@` names, `offset` earlier.
    fn looked_at(
        &self,
        at: Option<At>,
        offset: Option<&DurationExpr>,
        span: Span,
        steps: &Steps,
    ) -> Result<Steps, EvalError> {
        let offset_ms = offset.map_or(Ok(0), |offset| self.length_ms(offset, span))?;
        let moments = match at {
            None => *steps,
            Some(At::Timestamp(ms)) => Steps::instant(TimestampMs(ms)),
            Some(At::Start) => Steps::instant(self.query.start),
            Some(At::End) => Steps::instant(self.query_end),
        };
        Ok(within_reach(moments.earlier(offset_ms)))
    }
}

/// The same moments where sums of times cannot overflow: beyond there is nothing to see anyway.
fn within_reach(moments: Steps) -> Steps {
    let length =
        moments.step_ms.saturating_mul(i64::try_from(moments.count).unwrap_or(i64::MAX).saturating_sub(1));
    let start = moments.start.0.min(MOMENT_MS_MAX.saturating_sub(length)).max(-MOMENT_MS_MAX);
    Steps { start: TimestampMs(start), ..moments }
}

/// Whether an instant query's result has an order of its own.
fn is_ordered(expr: &Expr) -> bool {
    use crate::ast::AggregateOp::{Bottomk, Limitk, Topk};
    match &expr.unwrap_parens().kind {
        ExprKind::Call(call) => call.function.name.starts_with("sort"),
        ExprKind::Aggregate(aggregate) => matches!(aggregate.op, Topk | Bottomk | Limitk),
        _ => false,
    }
}
