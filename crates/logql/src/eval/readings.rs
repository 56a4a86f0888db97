//! What metric queries read: each function over windows of lines is one reading. Which of them can be done together.

use columns::vector::{AggregateOp, Guard};
use columns::{Steps, WindowSteps};
use logstage::Needed;
use model::TimestampNs;
use storage::NsRange;

use super::range;
use super::samples::{Plan, SeriesBy};
use super::scan::{Counters, LogFilter};
use super::tree::LANES_MAX;
use crate::ast::{AggregateExpr, Grouping, Metric, MetricKind, RangeExpr, RangeOp, VectorOp};
use crate::engine::{EngineOptions, MetricRequest};
use crate::error::{EvalError, Limit};

/// A query that asks, with its limits and what was read for it.
pub(super) struct Asker<'a> {
    pub(super) guard: Guard<'a>,
    pub(super) counters: Counters,
    pub(super) steps: Steps,
    /// By how many nanoseconds the steps lie behind whole milliseconds.
    pub(super) shift_ns: i64,
}

impl<'a> Asker<'a> {
    /// # Errors
    /// When it asks for too many steps or too long a time.
    pub(super) fn new(options: &EngineOptions, request: &MetricRequest<'a>) -> Result<Self, EvalError> {
        if request.count > options.steps_max {
            let message = "exceeded maximum resolution of 11,000 points per time series. Try increasing the value of the step parameter";
            return Err(EvalError::too_much(Limit::Steps, message));
        }
        let shift_ns = request.start.0.rem_euclid(1_000_000);
        let start = TimestampNs(request.start.0 - shift_ns).to_ms();
        let steps = Steps { start, step_ms: request.step_ms, count: request.count };
        super::check_length(options, (steps.last().0 - steps.start.0).saturating_mul(1_000_000))?;
        let guard = Guard::new(options.held_bytes_max / size_of::<f64>(), options.timeout, request.cancel);
        Ok(Self { guard, counters: Counters::default(), steps, shift_ns })
    }
}

/// A function over windows of lines, ready to be read.
pub(super) struct Reading<'a> {
    pub(super) expr: &'a RangeExpr,
    pub(super) asker: &'a Asker<'a>,
    pub(super) plan: Plan,
    pub(super) filter: LogFilter,
    /// The lines that lie in any window.
    pub(super) span: NsRange,
}

impl<'a> Reading<'a> {
    /// With `early`, series are told apart by that clause only.
    ///
    /// # Errors
    /// When a stage makes no sense, which the parser has ruled out.
    pub(super) fn new(
        expr: &'a RangeExpr,
        early: Option<&Grouping>,
        asker: &'a Asker<'a>,
    ) -> Result<Self, EvalError> {
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
        let (windows, shift_ns) = (windows(expr, asker), asker.shift_ns);
        let filter = LogFilter::new(&expr.log, expr.unwrap.as_ref(), needed)?;
        let plan = Plan { sample, join, by, windows, shift_ns };
        Ok(Self { expr, asker, plan, filter, span: span(&windows, shift_ns) })
    }

    /// Whether the same lines of the same streams may be of use to both.
    fn is_near(&self, other: &Self) -> bool {
        self.expr.log.matchers == other.expr.log.matchers && self.filter.needles == other.filter.needles
    }
}

/// The windows of a function.
pub(super) fn windows(expr: &RangeExpr, asker: &Asker<'_>) -> WindowSteps {
    WindowSteps { steps: asker.steps.earlier(expr.offset_ms), range_ms: expr.range_ms }
}

fn span(windows: &WindowSteps, shift_ns: i64) -> NsRange {
    let ns = |ms: i64| ms.saturating_mul(1_000_000).saturating_add(shift_ns).saturating_add(1);
    let from = TimestampNs(ns(windows.steps.start.0.saturating_sub(windows.range_ms)));
    NsRange { from, until: TimestampNs(ns(windows.steps.last().0)) }
}

/// The functions over windows of lines of an expression, in the order in which they are evaluated, each with the clause by which its
/// series are told apart from the start.
pub(super) fn functions(metric: &Metric) -> Vec<(&RangeExpr, Option<&Grouping>)> {
    match &metric.kind {
        MetricKind::Number(_) | MetricKind::Vector(_) => Vec::new(),
        MetricKind::Range(range) => vec![(range, None)],
        MetricKind::Aggregate(aggregate) => match &aggregate.expr.kind {
            MetricKind::Range(range) => vec![(range, early_grouping(aggregate, range))],
            _ => functions(&aggregate.expr),
        },
        MetricKind::Binary(binary) => [functions(&binary.lhs), functions(&binary.rhs)].concat(),
        MetricKind::LabelReplace(replace) => functions(&replace.expr),
    }
}

/// The clause of an aggregation directly over a function, where series may be told apart by it from the start.
pub(super) fn early_grouping<'a>(aggregate: &'a AggregateExpr, range: &RangeExpr) -> Option<&'a Grouping> {
    let grouping = aggregate.grouping.as_ref().unwrap_or(&NO_GROUPING);
    can_group_early(aggregate.op, range).then_some(grouping)
}

/// An aggregation without a clause puts all series into one.
static NO_GROUPING: Grouping = Grouping { labels: Vec::new(), without: false };

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

/// Which readings go through the store together: those that look for lines of the same streams with the same texts in them, so that
/// what of the store may be passed over is the same. By their places.
pub(super) fn together(readings: &[Reading<'_>]) -> Vec<Vec<usize>> {
    let mut all: Vec<Vec<usize>> = Vec::new();
    for (place, reading) in readings.iter().enumerate() {
        let is_near = |group: &&mut Vec<usize>| {
            group.len() < LANES_MAX && group.first().is_some_and(|first| readings[*first].is_near(reading))
        };
        match all.iter_mut().find(is_near) {
            Some(group) => group.push(place),
            None => all.push(vec![place]),
        }
    }
    all
}
