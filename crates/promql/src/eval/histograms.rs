//! Functions of classic histograms: buckets are found and sorted once, then computed step by step.

use std::collections::HashMap;

use columns::{ABSENT, Steps, is_absent};
use model::{Labels, format_float};
use rayon::prelude::*;

use crate::ast::{Call, Expr, Span};
use crate::error::EvalError;
use crate::eval::Evaluator;
use crate::eval::call::text_of;
use crate::eval::column::{Column, merge_equal};
use crate::functions::histogram::{self, Bucket};
use crate::functions::labels;

/// The label that holds a bucket's upper bound.
const BUCKET_BOUND: &str = "le";

/// One histogram: its labels without the bound, and its buckets by rising bound.
struct Histogram {
    labels: Labels,
    buckets: Vec<(f64, Column)>,
}

/// What is computed of each histogram at each step.
enum Wanted<'a> {
    Quantile(&'a [f64]),
    Fraction(&'a [f64], &'a [f64]),
}

impl Evaluator<'_> {
    pub(super) fn classic_histogram(
        &mut self,
        call: &Call,
        span: Span,
        steps: &Steps,
    ) -> Result<Vec<Column>, EvalError> {
        match call.function.name {
            "histogram_quantile" => {
                let q = self.scalar(&call.args[0], steps)?;
                self.note_quantiles(&q, call.args[0].span);
                let histograms = self.histograms(&call.args[1], steps)?;
                let columns = self.of_histograms(&histograms, &Wanted::Quantile(&q), &call.args[1])?;
                self.named_away(columns, span)
            }
            "histogram_fraction" => {
                let (lower, upper) = (self.scalar(&call.args[0], steps)?, self.scalar(&call.args[1], steps)?);
                let histograms = self.histograms(&call.args[2], steps)?;
                let columns =
                    self.of_histograms(&histograms, &Wanted::Fraction(&lower, &upper), &call.args[2])?;
                self.named_away(columns, span)
            }
            _ => self.histogram_quantiles(call, span, steps),
        }
    }

    /// Several quantiles at once, told apart by a label.
    fn histogram_quantiles(
        &mut self,
        call: &Call,
        span: Span,
        steps: &Steps,
    ) -> Result<Vec<Column>, EvalError> {
        let histograms = self.histograms(&call.args[0], steps)?;
        let text = text_of(&call.args[1])?;
        let label = labels::label_name(text).ok_or_else(|| {
            EvalError::at(call.args[1].span, format!("invalid label name {text} in histogram_quantiles()"))
        })?;
        if let Some(histogram) = histograms.iter().find(|histogram| histogram.labels.get(label).is_some()) {
            let shown = &histogram.labels;
            let message =
                format!("label {label:?} given to histogram_quantiles() is already on the series {shown}");
            return Err(EvalError::at(call.args[1].span, message));
        }
        let mut wanted: Vec<Vec<f64>> = Vec::new();
        for arg in &call.args[2..] {
            let q = self.scalar(arg, steps)?;
            self.note_quantiles(&q, arg.span);
            wanted.push(q);
        }
        // The label follows the value, which may change from step to step: one run for each value there is.
        let mut distinct: Vec<f64> = wanted.iter().flatten().copied().collect();
        distinct.sort_by(f64::total_cmp);
        distinct.dedup_by_key(|q| q.to_bits());
        let mut columns = Vec::new();
        for q in distinct {
            let at = |step: usize| wanted.iter().any(|values| values[step].to_bits() == q.to_bits());
            let mut of_q =
                self.of_histograms(&histograms, &Wanted::Quantile(&vec![q; steps.count]), &call.args[0])?;
            for column in &mut of_q {
                column.labels = labels::with(&column.labels, label, &open_metrics_float(q));
                let steps = column.values.iter_mut().enumerate().filter(|(step, _)| !at(*step));
                steps.for_each(|(_, value)| *value = ABSENT);
            }
            columns.extend(of_q);
            self.guard.allow(self.held.saturating_add(columns.len().saturating_mul(steps.count)))?;
        }
        let columns = merge_equal(columns, span)?;
        self.named_away(columns, span)
    }

    /// The histograms whose buckets a vector holds.
    fn histograms(&mut self, arg: &Expr, steps: &Steps) -> Result<Vec<Histogram>, EvalError> {
        let columns = self.filled_vector(arg, steps)?;
        let mut places: HashMap<Labels, usize> = HashMap::new();
        let mut histograms: Vec<Histogram> = Vec::new();
        for column in columns {
            let bound = column.labels.get(BUCKET_BOUND).unwrap_or("");
            let Some(upper) = parse_bound(bound) else {
                let name = column.labels.metric_name();
                let text = format!(
                    "bucket label \"le\" is missing or has a malformed value of {bound:?} for metric name {name:?}"
                );
                self.notes.warn(arg.span, &text);
                continue;
            };
            let labels = column.labels.without(|name| name == BUCKET_BOUND);
            let place = *places.entry(labels).or_insert_with_key(|labels| {
                histograms.push(Histogram { labels: labels.clone(), buckets: Vec::new() });
                histograms.len() - 1
            });
            histograms[place].buckets.push((upper, column));
        }
        for histogram in &mut histograms {
            histogram.buckets.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        }
        Ok(histograms)
    }

    fn of_histograms(
        &mut self,
        histograms: &[Histogram],
        wanted: &Wanted<'_>,
        arg: &Expr,
    ) -> Result<Vec<Column>, EvalError> {
        let guard = &self.guard;
        let compute = |histogram: &Histogram| -> Result<(Column, bool), EvalError> {
            guard.check()?;
            Ok(histogram.compute(wanted))
        };
        let results: Vec<(Column, bool)> = histograms.par_iter().map(compute).collect::<Result<_, _>>()?;
        for (column, _) in results.iter().filter(|(_, repaired)| *repaired) {
            let name = column.labels.metric_name();
            let text = format!(
                "input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/\
                 prometheus/latest/querying/functions/#histogram_quantile) for metric name {name:?}"
            );
            self.notes.info(arg.span, &text);
        }
        Ok(results.into_iter().map(|(column, _)| column).collect())
    }
}

impl Histogram {
    /// The result over all steps, and whether buckets had to be repaired at any.
    fn compute(&self, wanted: &Wanted<'_>) -> (Column, bool) {
        let steps = self.buckets.first().map_or(0, |(_, column)| column.values.len());
        let (mut values, mut repaired) = (Vec::with_capacity(steps), false);
        let mut present: Vec<Bucket> = Vec::with_capacity(self.buckets.len());
        for step in 0..steps {
            present.clear();
            let at_step = self.buckets.iter().map(|(upper, column)| (*upper, column.values[step]));
            present.extend(
                at_step.filter(|(_, count)| !is_absent(*count)).map(|(upper, count)| Bucket { upper, count }),
            );
            if present.is_empty() {
                values.push(ABSENT);
                continue;
            }
            values.push(match wanted {
                Wanted::Quantile(q) => {
                    let (value, fixed) = histogram::quantile(q[step], &mut present);
                    repaired |= fixed;
                    value
                }
                Wanted::Fraction(lower, upper) => histogram::fraction(lower[step], upper[step], &mut present),
            });
        }
        (Column { labels: self.labels.clone(), values, drop_name: false }, repaired)
    }
}

/// A bound as Go reads floats; NaN is none.
fn parse_bound(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|bound| !bound.is_nan())
}

/// A number as OpenMetrics writes label values: whole ones with `.0`.
fn open_metrics_float(value: f64) -> String {
    let text = format_float(value);
    let whole = value.is_finite() && !text.contains(['.', 'e']);
    if whole { format!("{text}.0") } else { text }
}
