//! Asking the store: instant selectors, and the sources that windows slide over.

use columns::{Steps, TimeRange, WindowSteps, is_absent};
use model::{Labels, Matcher, TimestampMs};
use storage::{Samples, Selection, SeriesSet};

use crate::ast::{Edge, Expr, ExprKind, MatrixSelector, Selector, Span, Subquery};
use crate::engine::{RawSeries, Value};
use crate::error::EvalError;
use crate::eval::Evaluator;
use crate::eval::column::{Column, drop_empty};
use crate::eval::rows::{InstantRows, collect};
use columns::vector::Tally;

/// Series to slide windows over.
pub(super) enum Source {
    /// In the store.
    Stored { set: Box<dyn SeriesSet>, edge: Edge },
    /// Computed by a subquery.
    Computed(Vec<(Labels, bool, Samples)>),
}

/// A range argument: what to slide over, and which windows.
pub(super) struct RangeInput {
    pub(super) source: Source,
    /// One window a moment looked at: one a step, or a single one for all steps under `@`.
    pub(super) windows: WindowSteps,
}

impl RangeInput {
    pub(super) fn len(&self) -> usize {
        match &self.source {
            Source::Stored { set, .. } => set.len(),
            Source::Computed(series) => series.len(),
        }
    }

    pub(super) fn with_labels(&self, i: usize, visit: &mut dyn FnMut(&Labels)) {
        match &self.source {
            Source::Stored { set, .. } => set.with_labels(i, visit),
            Source::Computed(series) => visit(&series[i].0),
        }
    }

    pub(super) fn labels(&self, i: usize) -> Labels {
        match &self.source {
            Source::Stored { set, .. } => set.labels(i),
            Source::Computed(series) => series[i].0.clone(),
        }
    }

    pub(super) fn drop_name(&self, i: usize) -> bool {
        match &self.source {
            Source::Stored { .. } => false,
            Source::Computed(series) => series[i].1,
        }
    }
}

impl Evaluator<'_> {
    pub(super) fn select(
        &mut self,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Box<dyn SeriesSet>, EvalError> {
        let selection = Selection { matchers, range, series_max: self.options.series_max };
        let set = self.store.select(&selection)?;
        if set.len() > self.options.series_max {
            return Err(EvalError::TooManySeries { limit: self.options.series_max });
        }
        self.series_read += set.len();
        Ok(set)
    }

    pub(super) fn selector(
        &mut self,
        selector: &Selector,
        span: Span,
        steps: &Steps,
    ) -> Result<Vec<Column>, EvalError> {
        self.select_values(selector, span, steps, false)
    }

    /// The times in seconds of the samples that the selector sees.
    pub(super) fn selector_times(
        &mut self,
        selector: &Selector,
        span: Span,
        steps: &Steps,
    ) -> Result<Vec<Column>, EvalError> {
        self.select_values(selector, span, steps, true)
    }

    fn select_values(
        &mut self,
        selector: &Selector,
        span: Span,
        steps: &Steps,
        as_times: bool,
    ) -> Result<Vec<Column>, EvalError> {
        let look = self.looked_at(selector.at, selector.offset.as_ref(), span, steps)?;
        let is_smoothed = selector.edge == Edge::Smoothed;
        let mut range = storage::query::covering(&look, self.lookback_ms);
        if is_smoothed {
            range.to = TimestampMs(range.to.0.saturating_add(self.lookback_ms));
        }
        let set = self.select(&selector.matchers, range)?;
        let rows = InstantRows { set, look, lookback_ms: self.lookback_ms, range, is_smoothed, as_times };
        let mut columns = collect(&rows, &Tally::from(&self.guard, self.held))?;
        if look.count == 1 && steps.count > 1 {
            columns.iter_mut().for_each(|column| column.values = vec![column.values[0]; steps.count]);
        }
        Ok(columns)
    }

    /// The input of a function that takes a range.
    pub(super) fn range_input(&mut self, arg: &Expr, steps: &Steps) -> Result<RangeInput, EvalError> {
        let arg = arg.unwrap_parens();
        match &arg.kind {
            ExprKind::Matrix(matrix) => self.stored_input(matrix, arg.span, steps),
            ExprKind::Subquery(subquery) => self.computed_input(subquery, arg.span, steps),
            _ => Err(EvalError::at(arg.span, "expected a range vector")),
        }
    }

    fn stored_input(
        &mut self,
        matrix: &MatrixSelector,
        span: Span,
        steps: &Steps,
    ) -> Result<RangeInput, EvalError> {
        let selector = &matrix.selector;
        let look = self.looked_at(selector.at, selector.offset.as_ref(), span, steps)?;
        let windows = WindowSteps { steps: look, range_ms: self.range_ms(&matrix.range, span)? };
        let range = reach(&windows, selector.edge, self.lookback_ms);
        let set = self.select(&selector.matchers, range)?;
        Ok(RangeInput { source: Source::Stored { set, edge: selector.edge }, windows })
    }

    fn computed_input(
        &mut self,
        subquery: &Subquery,
        span: Span,
        steps: &Steps,
    ) -> Result<RangeInput, EvalError> {
        let look = self.looked_at(subquery.at, subquery.offset.as_ref(), span, steps)?;
        let range_ms = self.range_ms(&subquery.range, span)?;
        let step_ms = match &subquery.step {
            Some(step) => self.range_ms(step, span)?,
            None => self.options.subquery_step.0.max(1),
        };
        let windows = WindowSteps { steps: look, range_ms };
        // The first multiple of the step within the first window, which is open on the left.
        let before = look.start.0.saturating_sub(range_ms);
        let start = (before.div_euclid(step_ms).saturating_add(1)).saturating_mul(step_ms);
        let inner = Steps::range(TimestampMs(start), look.last(), step_ms);
        if inner.count > self.options.steps_max {
            return Err(EvalError::TooManySteps { steps: inner.count, limit: self.options.steps_max });
        }
        if inner.count == 0 || look.count == 0 {
            return Ok(RangeInput { source: Source::Computed(Vec::new()), windows });
        }
        let columns = self.vector(&subquery.expr, &inner)?;
        let series = columns.into_iter().map(|column| {
            let mut samples = Samples::default();
            let present = inner.iter().zip(&column.values).filter(|(_, value)| !is_absent(**value));
            present.for_each(|(at, value)| samples.push(at, *value));
            (column.labels, column.drop_name, samples)
        });
        Ok(RangeInput { source: Source::Computed(series.collect()), windows })
    }

    /// A range at the top of an instant query: its samples as they are.
    pub(super) fn raw_matrix(&mut self, expr: &Expr) -> Result<Value, EvalError> {
        if self.is_range {
            return Err(EvalError::at(expr.span, "a range vector can only be asked for at one instant"));
        }
        let steps = self.query;
        let input = self.range_input(expr, &steps)?;
        let end = input.windows.steps.last();
        let range = TimeRange {
            from: TimestampMs(end.0.saturating_sub(input.windows.range_ms).saturating_add(1)),
            to: end,
        };
        let tally = Tally::from(&self.guard, self.held);
        let mut series = Vec::new();
        for i in 0..input.len() {
            self.guard.check()?;
            let mut samples = Samples::default();
            match &input.source {
                Source::Stored { set, .. } => set.samples(i, range, &mut samples)?,
                Source::Computed(all) => samples = all[i].2.clone(),
            }
            self.guard.count_read(samples.times_ms.len());
            tally.add(samples.times_ms.len())?;
            if !samples.times_ms.is_empty() {
                let column =
                    Column { labels: input.labels(i), values: samples.values, drop_name: input.drop_name(i) };
                series.push((column, samples.times_ms));
            }
        }
        let named = |column: &Column| {
            if column.drop_name { super::nameless(&column.labels) } else { column.labels.clone() }
        };
        let mut raw: Vec<RawSeries> = series
            .into_iter()
            .map(|(column, times_ms)| RawSeries { labels: named(&column), times_ms, values: column.values })
            .collect();
        raw.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
        Ok(Value::Matrix(raw))
    }

    /// The vector that a function works on, without series that hold nothing.
    pub(super) fn filled_vector(&mut self, expr: &Expr, steps: &Steps) -> Result<Vec<Column>, EvalError> {
        let mut columns = self.vector(expr, steps)?;
        drop_empty(&mut columns);
        Ok(columns)
    }
}

/// The span of samples that windows need: anchored and smoothed ones look beyond their edges.
pub(super) fn reach(windows: &WindowSteps, edge: Edge, lookback_ms: i64) -> TimeRange {
    let mut range = storage::query::covering(&windows.steps, windows.range_ms);
    if edge != Edge::Plain {
        range.from = TimestampMs(range.from.0.saturating_sub(lookback_ms));
    }
    if edge == Edge::Smoothed {
        range.to = TimestampMs(range.to.0.saturating_add(lookback_ms));
    }
    range
}
