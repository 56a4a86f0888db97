//! Metric queries: each function over windows of lines becomes columns over all steps, then PromQL's operators over columns.

use std::cell::RefCell;

use columns::vector::fold::fold;
use columns::vector::topk::{nan_last, select};
use columns::vector::{
    AggregateOp, Column, Compute, GroupBy, Guard, MatchRules, Tally, drop_empty, matching, merge_equal, sets,
};
use columns::{ABSENT, Steps, WindowSteps, is_absent};
use model::{Labels, MatchOp};
use rayon::prelude::*;
use storage::LogQuery;

use super::readings::{Asker, Reading, early_grouping, windows};
use super::samples::SeriesSamples;
use super::shared::{self, Outcome};
use super::{range, scalar};
use crate::ast::{
    AggregateExpr, BinaryExpr, Grouping, Metric, MetricKind, RangeExpr, RangeOp, ReplaceExpr, VectorOp,
};
use crate::compile;
use crate::engine::{EngineOptions, MetricAnswer, MetricRequest, MetricValue, Series};
use crate::error::{EvalError, Limit};

/// The longest label value that `label_replace` may make.
const LABEL_VALUE_BYTES_MAX: usize = 64 << 10;

fn too_many_series(limit: usize) -> EvalError {
    let message = format!(
        "maximum number of series ({limit}) reached for a single query; consider reducing query cardinality by adding more \
         specific stream selectors, reducing the time range, or aggregating results with functions like sum(), count() or topk()"
    );
    EvalError::too_much(Limit::Series, message)
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

/// Evaluates a query of which all is read that is read together with others.
pub(super) struct Evaluator<'a> {
    options: &'a EngineOptions,
    store: &'a dyn LogQuery,
    asker: &'a Asker<'a>,
    guard: &'a Guard<'a>,
    steps: Steps,
    /// What was read for each function, in the order in which they are evaluated.
    outcomes: RefCell<std::vec::IntoIter<Outcome>>,
}

impl<'a> Evaluator<'a> {
    /// `outcomes` are what was read for each function, in the order in which they are evaluated.
    pub(super) fn new(
        options: &'a EngineOptions,
        store: &'a dyn LogQuery,
        asker: &'a Asker<'a>,
        outcomes: Vec<Outcome>,
    ) -> Self {
        let outcomes = RefCell::new(outcomes.into_iter());
        Self { options, store, asker, guard: &asker.guard, steps: asker.steps, outcomes }
    }

    pub(super) fn answer(&self, request: &MetricRequest<'_>) -> Result<MetricAnswer, EvalError> {
        let value = match self.eval(request.query)? {
            Value::Scalar(value) => MetricValue::Scalar(value),
            Value::Vector(mut columns) => {
                drop_empty(&mut columns);
                if columns.len() > self.options.series_max {
                    return Err(too_many_series(self.options.series_max));
                }
                if request.count > 1 || !is_ordered(request.query) {
                    columns.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
                }
                let series =
                    columns.into_iter().map(|Column { labels, values, .. }| Series { labels, values });
                MetricValue::Vector(series.collect())
            }
        };
        Ok(MetricAnswer { steps: self.steps, value, stats: self.asker.counters.stats() })
    }

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
            MetricKind::Range(range) => self.range(range, early_grouping(aggregate, range))?,
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
        let outcome = self.outcomes.borrow_mut().next().unwrap_or(Outcome::PutOff);
        let series = match outcome {
            Outcome::PutOff => self.read_alone(expr, early)?,
            Outcome::Series(series) => series,
            Outcome::Failed(error) => return Err(error),
        };
        self.guard.allow(series.len().saturating_mul(self.steps.count))?;
        let columns = columns(expr, series, &windows(expr, self.asker), self.guard)?;
        if expr.op == RangeOp::AbsentOverTime { Ok(vec![self.absent(expr, columns)]) } else { Ok(columns) }
    }

    fn read_alone(
        &self,
        expr: &RangeExpr,
        early: Option<&Grouping>,
    ) -> Result<Vec<SeriesSamples>, EvalError> {
        let reading = Reading::new(expr, early, self.asker)?;
        match shared::read(self.options, self.store, &[&reading], 0).pop() {
            Some(Outcome::Series(series)) => Ok(series),
            Some(Outcome::Failed(error)) => Err(error),
            // Who is alone is never put off.
            Some(Outcome::PutOff) | None => Err(EvalError::Invalid("the query was not read".to_owned())),
        }
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

/// The series of a function as columns over all steps.
fn columns(
    expr: &RangeExpr,
    series: Vec<SeriesSamples>,
    windows: &WindowSteps,
    guard: &Guard<'_>,
) -> Result<Vec<Column>, EvalError> {
    let (_, join) = range::needs(expr.op, expr.unwrap.is_some());
    let column = |scratch: &mut range::Scratch, mut series: SeriesSamples| {
        guard.check()?;
        series.settle(join);
        let values = range::column(expr.op, expr.param, &series, windows, scratch);
        Ok(Column { labels: series.labels, values, drop_name: false })
    };
    series.into_par_iter().map_init(range::Scratch::default, column).collect()
}
