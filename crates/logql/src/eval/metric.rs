//! Metric queries: each function over windows of lines becomes columns over all steps, then PromQL's operators over columns.

use std::ops::ControlFlow;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use columns::vector::fold::fold;
use columns::vector::topk::{nan_last, select};
use columns::vector::{
    AggregateOp, Column, Compute, GroupBy, Guard, MatchRules, Tally, drop_empty, matching, merge_equal, sets,
};
use columns::{ABSENT, Steps, WindowSteps, is_absent};
use logstage::{ERROR, ERROR_DETAILS, Needed, Row};
use model::{Labels, MatchOp, TimestampNs};
use rayon::prelude::*;
use storage::{LineBatch, LogQuery, NsRange};

use super::samples::{Join, Plan, Samples, SeriesBy, SeriesSamples};
use super::scan::{Counters, LogFilter, PartRef, Scan};
use super::{range, scalar};
use crate::ast::{
    AggregateExpr, BinaryExpr, Grouping, Metric, MetricKind, RangeExpr, RangeOp, ReplaceExpr, VectorOp,
};
use crate::compile;
use crate::engine::{EngineOptions, MetricAnswer, MetricRequest, MetricValue, Series};
use crate::error::{EvalError, Limit};

/// The longest label value that `label_replace` may make.
const LABEL_VALUE_BYTES_MAX: usize = 64 << 10;

/// Evaluates a metric query.
pub(crate) fn metric(
    options: &EngineOptions,
    store: &dyn LogQuery,
    request: &MetricRequest<'_>,
) -> Result<MetricAnswer, EvalError> {
    if request.count > options.steps_max {
        let message = "exceeded maximum resolution of 11,000 points per time series. Try increasing the value of the step parameter";
        return Err(EvalError::too_much(Limit::Steps, message));
    }
    let shift_ns = request.start.0.rem_euclid(1_000_000);
    let steps = Steps {
        start: TimestampNs(request.start.0 - shift_ns).to_ms(),
        step_ms: request.step_ms,
        count: request.count,
    };
    check_length(options, (steps.last().0 - steps.start.0).saturating_mul(1_000_000))?;
    let guard = Guard::new(options.held_bytes_max / size_of::<f64>(), options.timeout, request.cancel);
    let counters = Counters::default();
    let evaluator = Evaluator { options, store, guard: &guard, counters: &counters, steps, shift_ns };
    let value = match evaluator.eval(request.query)? {
        Value::Scalar(value) => MetricValue::Scalar(value),
        Value::Vector(mut columns) => {
            drop_empty(&mut columns);
            if columns.len() > options.series_max {
                return Err(too_many_series(options.series_max));
            }
            if request.count > 1 || !is_ordered(request.query) {
                columns.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
            }
            let series = columns.into_iter().map(|Column { labels, values, .. }| Series { labels, values });
            MetricValue::Vector(series.collect())
        }
    };
    Ok(MetricAnswer { steps, value, stats: counters.stats() })
}

fn too_many_series(limit: usize) -> EvalError {
    let message = format!(
        "maximum number of series ({limit}) reached for a single query; consider reducing query cardinality by adding more \
         specific stream selectors, reducing the time range, or aggregating results with functions like sum(), count() or topk()"
    );
    EvalError::too_much(Limit::Series, message)
}

/// Refuses a query that spans too long a time.
pub(super) fn check_length(options: &EngineOptions, length_ns: i64) -> Result<(), EvalError> {
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

/// Whether an instant query's result has an order of its own.
fn is_ordered(query: &Metric) -> bool {
    match &query.kind {
        MetricKind::Aggregate(aggregate) => {
            aggregate.op.takes_count() || matches!(aggregate.op, VectorOp::Sort | VectorOp::SortDesc)
        }
        _ => false,
    }
}

enum Value {
    Scalar(f64),
    Vector(Vec<Column>),
}

struct Evaluator<'a> {
    options: &'a EngineOptions,
    store: &'a dyn LogQuery,
    guard: &'a Guard<'a>,
    counters: &'a Counters,
    steps: Steps,
    shift_ns: i64,
}

impl<'a> Evaluator<'a> {
    fn eval(&self, metric: &Metric) -> Result<Value, EvalError> {
        self.guard.check()?;
        let value = match &metric.kind {
            MetricKind::Number(value) => Value::Scalar(*value),
            MetricKind::Vector(value) => {
                let values = vec![*value; self.steps.count];
                Value::Vector(vec![Column { labels: Labels::empty(), values, drop_name: false }])
            }
            MetricKind::Range(range) => Value::Vector(self.range(range, None)?),
            MetricKind::Aggregate(aggregate) => Value::Vector(self.aggregate(aggregate)?),
            MetricKind::Binary(binary) => self.binary(binary)?,
            MetricKind::LabelReplace(replace) => Value::Vector(self.label_replace(replace)?),
        };
        if let Value::Vector(columns) = &value {
            self.guard.allow(columns.len().saturating_mul(self.steps.count))?;
        }
        Ok(value)
    }

    fn vector(&self, metric: &Metric) -> Result<Vec<Column>, EvalError> {
        match self.eval(metric)? {
            Value::Vector(columns) => Ok(columns),
            Value::Scalar(_) => Err(EvalError::Invalid("a vector is needed here, not a number".to_owned())),
        }
    }

    fn aggregate(&self, aggregate: &AggregateExpr) -> Result<Vec<Column>, EvalError> {
        let none = Grouping::default();
        let grouping = aggregate.grouping.as_ref().unwrap_or(&none);
        let by = GroupBy { names: &grouping.labels, without: grouping.without };
        let mut columns = match &aggregate.expr.kind {
            MetricKind::Range(range) if can_group_early(aggregate.op, range) => {
                self.range(range, Some(grouping))?
            }
            _ => self.vector(&aggregate.expr)?,
        };
        let at_end = |column: &Column| column.values.last().copied().unwrap_or(ABSENT);
        match aggregate.op {
            VectorOp::Sort => columns.sort_by(|a, b| nan_last(at_end(a), at_end(b), |order| order)),
            VectorOp::SortDesc => {
                columns.sort_by(|a, b| nan_last(at_end(a), at_end(b), std::cmp::Ordering::reverse));
            }
            VectorOp::Of(op @ (AggregateOp::Topk | AggregateOp::Bottomk)) => {
                let counts = vec![f64::from(aggregate.count.unwrap_or(1)); self.steps.count];
                columns.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
                columns = select(op, by, columns, false, &counts, self.guard)?;
            }
            VectorOp::ApproxTopk => {
                let counts = vec![f64::from(aggregate.count.unwrap_or(1)); self.steps.count];
                columns = select(AggregateOp::Topk, by, columns, false, &counts, self.guard)?;
            }
            VectorOp::Of(op) => {
                let tally = Tally::from(self.guard, 0);
                columns = fold(op, by, columns.as_slice(), self.steps.count, &tally)?;
            }
        }
        Ok(columns)
    }

    fn binary(&self, binary: &BinaryExpr) -> Result<Value, EvalError> {
        let function = scalar(binary.op);
        let is_comparison = binary.op.is_comparison();
        let filters = is_comparison && !binary.is_bool;
        let with_number = |mut columns: Vec<Column>, apply: &dyn Fn(f64) -> f64| {
            for value in columns.iter_mut().flat_map(|column| &mut column.values).filter(|v| !is_absent(**v))
            {
                let result = apply(*value);
                *value = if !filters {
                    result
                } else if result == 0.0 {
                    ABSENT
                } else {
                    *value
                };
            }
            Value::Vector(columns)
        };
        match (self.eval(&binary.lhs)?, self.eval(&binary.rhs)?) {
            (Value::Scalar(a), Value::Scalar(b)) => Ok(Value::Scalar(function(a, b))),
            (Value::Vector(a), Value::Scalar(b)) => Ok(with_number(a, &|value| function(value, b))),
            (Value::Scalar(a), Value::Vector(b)) => Ok(with_number(b, &|value| function(a, value))),
            (Value::Vector(a), Value::Vector(b)) => {
                let rules = MatchRules {
                    cardinality: binary.matching.cardinality,
                    labels: &binary.matching.labels,
                    on: binary.matching.on,
                    include: &binary.matching.include,
                    fill_left: None,
                    fill_right: None,
                };
                if binary.op.is_set() {
                    return Ok(Value::Vector(sets::combine(binary.op, &rules, a, b, self.steps.count)));
                }
                let held = (a.len() + b.len()).saturating_mul(self.steps.count);
                let tally = Tally::from(self.guard, held);
                let compute = Compute { function, is_comparison, filters };
                Ok(Value::Vector(matching::combine(compute, &rules, (a, b), self.steps.count, tally)?))
            }
        }
    }

    fn label_replace(&self, replace: &ReplaceExpr) -> Result<Vec<Column>, EvalError> {
        let mut columns = self.vector(&replace.expr)?;
        let texts = &replace.texts;
        let pattern =
            compile::anchored(&texts.pattern).map_err(|error| EvalError::Invalid(error.to_string()))?;
        let references = texts.replacement.matches('$').count();
        for column in &mut columns {
            let value = column.labels.get(&texts.source).unwrap_or("");
            let Some(found) = pattern.captures(value) else { continue };
            if references.saturating_mul(value.len()).saturating_add(texts.replacement.len())
                > LABEL_VALUE_BYTES_MAX
            {
                return Err(EvalError::Invalid(format!(
                    "label value longer than {LABEL_VALUE_BYTES_MAX} bytes"
                )));
            }
            let mut result = String::new();
            found.expand(&texts.replacement, &mut result);
            let mut labels = column.labels.to_builder();
            labels.set(texts.target.as_str(), result);
            column.labels = labels.build();
        }
        merge_equal(columns).map_err(|error| EvalError::Mismatch(error.to_string()))
    }

    /// A function over windows of lines. With `early`, series are told apart by that clause only.
    fn range(&self, expr: &RangeExpr, early: Option<&Grouping>) -> Result<Vec<Column>, EvalError> {
        let by = match (expr.op, early.or(expr.grouping.as_ref())) {
            (RangeOp::AbsentOverTime, _) => SeriesBy::By(Vec::new()),
            (_, None) => SeriesBy::All,
            (_, Some(grouping)) if grouping.without => SeriesBy::Without(grouping.labels.clone()),
            (_, Some(grouping)) => {
                let mut names = grouping.labels.clone();
                names.sort_unstable();
                names.dedup();
                SeriesBy::By(names)
            }
        };
        let needed = match &by {
            SeriesBy::By(names) => Needed::only(names.iter().cloned()),
            SeriesBy::All | SeriesBy::Without(_) => Needed::All,
        };
        let (sample, join) = range::needs(expr.op, expr.unwrap.is_some());
        let windows = WindowSteps { steps: self.steps.earlier(expr.offset_ms), range_ms: expr.range_ms };
        let held_bytes_max = self.options.held_bytes_max;
        let plan = Plan { sample, join, by, windows, shift_ns: self.shift_ns, held_bytes_max };
        let filter = LogFilter::new(&expr.log, expr.unwrap.as_ref(), needed)?;
        let span = self.span(&windows);
        let scan = Scan::new(self.options, self.store, &expr.log, filter, span, (self.guard, self.counters))?;
        let series = read_all(&scan, &scan.parts(self.options)?, &plan)?;
        self.guard.allow(series.len().saturating_mul(self.steps.count))?;
        let columns = self.columns(expr, series, join, &windows)?;
        if expr.op == RangeOp::AbsentOverTime { Ok(vec![self.absent(expr, columns)]) } else { Ok(columns) }
    }

    /// The lines that lie in any window.
    fn span(&self, windows: &WindowSteps) -> NsRange {
        let ns = |ms: i64| ms.saturating_mul(1_000_000).saturating_add(self.shift_ns).saturating_add(1);
        let from = TimestampNs(ns(windows.steps.start.0.saturating_sub(windows.range_ms)));
        NsRange { from, until: TimestampNs(ns(windows.steps.last().0)) }
    }

    fn columns(
        &self,
        expr: &RangeExpr,
        series: Vec<SeriesSamples>,
        join: Join,
        windows: &WindowSteps,
    ) -> Result<Vec<Column>, EvalError> {
        let column = |scratch: &mut range::Scratch, mut series: SeriesSamples| {
            self.guard.check()?;
            series.settle(join);
            let samples = (series.times_ms.as_slice(), series.values.as_slice());
            let values = range::column(expr.op, expr.param, samples, windows, scratch);
            Ok(Column { labels: series.labels, values, drop_name: false })
        };
        series.into_par_iter().map_init(range::Scratch::default, column).collect()
    }

    /// One where no line is, under the labels that the selector demands.
    fn absent(&self, expr: &RangeExpr, columns: Vec<Column>) -> Column {
        let demanded = expr.log.matchers.iter().filter(|matcher| matcher.op == MatchOp::Equal);
        let labels =
            Labels::from_pairs(demanded.map(|matcher| (matcher.name.as_str(), matcher.value.as_str())));
        let mut values = vec![1.0; self.steps.count];
        for column in &columns {
            for (value, _) in values.iter_mut().zip(&column.values).filter(|(_, there)| !is_absent(**there)) {
                *value = ABSENT;
            }
        }
        Column { labels, values, drop_name: false }
    }
}

/// Whether series of a function may be told apart by the aggregation's labels from the start: a sum of sums is a sum, and
/// so for the extremes.
fn can_group_early(op: VectorOp, range: &RangeExpr) -> bool {
    let op = match op {
        VectorOp::Of(op) if range.grouping.is_none() => op,
        _ => return false,
    };
    match range.op {
        RangeOp::CountOverTime
        | RangeOp::Rate
        | RangeOp::BytesOverTime
        | RangeOp::BytesRate
        | RangeOp::SumOverTime => op == AggregateOp::Sum,
        RangeOp::MinOverTime => op == AggregateOp::Min,
        RangeOp::MaxOverTime => op == AggregateOp::Max,
        _ => false,
    }
}

/// Samples of all parts, workers each with some of them.
fn read_all(scan: &Scan<'_>, parts: &[PartRef], plan: &Plan) -> Result<Vec<SeriesSamples>, EvalError> {
    let held = AtomicUsize::new(0);
    let start = || (Samples::new(plan, &held), LineBatch::default());
    let read = |(samples, batch), part: &PartRef| read_part(scan, part, samples, batch);
    let joined = parts
        .par_iter()
        .try_fold(start, read)
        .try_reduce(start, |(a, batch), (b, _)| Ok::<_, EvalError>((a.join(b), batch)))?;
    Ok(joined.0.into_series())
}

/// Adds the samples of one part.
fn read_part<'p>(
    scan: &Scan<'_>,
    part: &PartRef,
    mut samples: Samples<'p>,
    mut batch: LineBatch,
) -> Result<(Samples<'p>, LineBatch), EvalError> {
    samples.begin_stream();
    scan.visit(part, &mut batch, false, |row| {
        let number = match &scan.filter.unwrap {
            None => 0.0,
            Some(unwrap) => match unwrap.number(row) {
                None => return Ok(ControlFlow::Continue(())),
                Some(number) => number,
            },
        };
        if let Some(kind) = row.get(ERROR) {
            return Err(failed(kind, row));
        }
        samples.add(row, number)?;
        Ok(ControlFlow::Continue(()))
    })?;
    Ok((samples, batch))
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
