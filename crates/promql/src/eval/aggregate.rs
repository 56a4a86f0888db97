//! Aggregations: groups are worked out once, then every series is folded into its group's columns.

use std::collections::HashMap;

use columns::{ABSENT, Steps, compensated_add, is_absent};
use model::{Labels, METRIC_NAME};
use rayon::prelude::*;

use crate::ast::{Aggregate, AggregateOp, Span};
use crate::error::EvalError;
use crate::eval::Evaluator;
use crate::eval::column::{Column, Evaluated, Names};
use crate::functions::over_time::quantile;

/// Which group each series belongs to, and what the groups are called.
pub(super) struct Groups {
    /// A group number a series.
    pub(super) of_series: Vec<usize>,
    /// Labels of each group, and whether its name goes at the end.
    pub(super) labels: Vec<(Labels, bool)>,
}

/// Sorts series into groups.
pub(super) fn groups(aggregate: &Aggregate, columns: &[Column]) -> Groups {
    let mut ids: HashMap<Labels, usize> = HashMap::new();
    let mut groups = Groups { of_series: Vec::with_capacity(columns.len()), labels: Vec::new() };
    let listed = Names::of(&aggregate.grouping);
    let everything = Labels::empty();
    let of = |column: &Column| {
        if aggregate.without {
            column.labels.without(|name| name == METRIC_NAME || listed.contains(name))
        } else if aggregate.grouping.is_empty() {
            everything.clone()
        } else {
            column.labels.only(|name| listed.contains(name))
        }
    };
    let all: Vec<Labels> = columns.par_iter().map(of).collect();
    for (column, labels) in columns.iter().zip(all) {
        let next = groups.labels.len();
        let id = *ids.entry(labels).or_insert_with_key(|labels| {
            groups.labels.push((labels.clone(), column.drop_name));
            next
        });
        groups.of_series.push(id);
    }
    groups
}

impl Evaluator<'_> {
    pub(super) fn aggregate(
        &mut self,
        aggregate: &Aggregate,
        span: Span,
        steps: &Steps,
    ) -> Result<Vec<Column>, EvalError> {
        use AggregateOp::{Bottomk, CountValues, LimitRatio, Limitk, Quantile, Topk};
        let param = match &aggregate.param {
            Some(param) => Some((self.eval(param, steps)?, param.span)),
            None => None,
        };
        let scalars = match &param {
            Some((Evaluated::Scalar(values), param_span)) => {
                self.check_param(aggregate.op, values, *param_span)?;
                values.as_slice()
            }
            _ => &[],
        };
        let columns = self.vector(&aggregate.expr, steps)?;
        match (aggregate.op, &param) {
            (Topk | Bottomk | Limitk | LimitRatio, _) => {
                super::topk::select(aggregate, columns, scalars, &self.guard)
            }
            (Quantile, _) => self.quantiles(aggregate, &columns, scalars, steps.count),
            (CountValues, Some((Evaluated::Text(label), _))) => {
                match label.as_str().filter(|name| !name.is_empty()) {
                    Some(label) => self.count_values(aggregate, &columns, label, steps.count),
                    None => Err(EvalError::at(span, format!("invalid label name {label}"))),
                }
            }
            _ => self.fold(aggregate, &columns, steps.count),
        }
    }

    fn check_param(&mut self, op: AggregateOp, values: &[f64], span: Span) -> Result<(), EvalError> {
        match op {
            AggregateOp::Quantile => self.note_quantiles(values, span),
            AggregateOp::LimitRatio => {
                if values.iter().any(|value| value.is_nan()) {
                    return Err(EvalError::at(span, "Ratio value is NaN"));
                }
                for value in values.iter().filter(|value| value.abs() > 1.0) {
                    let capped = value.signum();
                    let text =
                        format!("ratio value should be between -1 and 1, got {value}, capping to {capped}");
                    self.notes.warn(span, &text);
                }
            }
            _ => {
                if values.iter().any(|value| value.is_nan()) {
                    return Err(EvalError::at(span, "Parameter value is NaN"));
                }
                let edge = i64::MAX as f64;
                if let Some(value) = values.iter().find(|value| **value >= edge || **value <= -edge) {
                    let way = if *value > 0.0 { "overflows" } else { "underflows" };
                    let shown = model::format_float(*value);
                    return Err(EvalError::at(span, format!("Scalar value {shown} {way} int64")));
                }
            }
        }
        Ok(())
    }

    fn fold(
        &self,
        aggregate: &Aggregate,
        columns: &[Column],
        steps: usize,
    ) -> Result<Vec<Column>, EvalError> {
        let groups = groups(aggregate, columns);
        let width = if matches!(aggregate.op, AggregateOp::Stddev | AggregateOp::Stdvar | AggregateOp::Avg) {
            3
        } else {
            2
        };
        self.guard.allow(
            self.held.saturating_add(groups.labels.len().saturating_mul(steps).saturating_mul(width)),
        )?;
        let mut folds: Vec<Fold> = groups.labels.iter().map(|_| Fold::new(aggregate.op, steps)).collect();
        for (column, &id) in columns.iter().zip(&groups.of_series) {
            self.guard.check()?;
            folds[id].add(&column.values);
        }
        let results = groups.labels.into_iter().zip(folds);
        Ok(results
            .map(|((labels, drop_name), fold)| Column { labels, values: fold.finish(), drop_name })
            .collect())
    }

    fn quantiles(
        &self,
        aggregate: &Aggregate,
        columns: &[Column],
        params: &[f64],
        steps: usize,
    ) -> Result<Vec<Column>, EvalError> {
        let groups = groups(aggregate, columns);
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); groups.labels.len()];
        groups.of_series.iter().enumerate().for_each(|(i, &id)| members[id].push(i));
        let mut results = Vec::with_capacity(groups.labels.len());
        for ((labels, drop_name), members) in groups.labels.into_iter().zip(members) {
            self.guard.check()?;
            let mut seen = Vec::with_capacity(members.len());
            let mut values = vec![ABSENT; steps];
            for (step, out) in values.iter_mut().enumerate() {
                self.guard.check()?;
                seen.clear();
                seen.extend(
                    members.iter().map(|&i| columns[i].values[step]).filter(|value| !is_absent(*value)),
                );
                if !seen.is_empty() {
                    *out = quantile(params[step], &mut seen);
                }
            }
            results.push(Column { labels, values, drop_name });
        }
        Ok(results)
    }

    fn count_values(
        &self,
        aggregate: &Aggregate,
        columns: &[Column],
        label: &str,
        steps: usize,
    ) -> Result<Vec<Column>, EvalError> {
        let groups = groups(aggregate, columns);
        let mut places: HashMap<Labels, usize> = HashMap::new();
        let mut results: Vec<Column> = Vec::new();
        for (column, &id) in columns.iter().zip(&groups.of_series) {
            self.guard.check()?;
            let (group, drop_name) = &groups.labels[id];
            // Most series repeat their value from step to step.
            let mut previous: Option<(u64, usize)> = None;
            for (step, &value) in column.values.iter().enumerate().filter(|(_, value)| !is_absent(**value)) {
                let place = match previous {
                    Some((bits, place)) if bits == value.to_bits() => place,
                    _ => {
                        let mut builder = group.to_builder();
                        builder.set(label, plain_decimal(value));
                        let labels = builder.build();
                        *places.entry(labels).or_insert_with_key(|labels| {
                            results.push(Column {
                                labels: labels.clone(),
                                values: vec![ABSENT; steps],
                                drop_name: *drop_name,
                            });
                            results.len() - 1
                        })
                    }
                };
                previous = Some((value.to_bits(), place));
                let count = &mut results[place].values[step];
                *count = if is_absent(*count) { 1.0 } else { *count + 1.0 };
            }
            self.guard.allow(self.held.saturating_add(results.len().saturating_mul(steps)))?;
        }
        if label == METRIC_NAME {
            // The name just given is the value, not a name to drop.
            results.iter_mut().for_each(|column| column.drop_name = false);
        }
        Ok(results)
    }
}

/// A value without exponent, as Go prints it by `%f` with the fewest digits.
fn plain_decimal(value: f64) -> String {
    if value.is_finite() { value.to_string() } else { model::format_float(value) }
}

/// One group's running result at every step.
struct Fold {
    op: AggregateOp,
    /// How many series so far; 0 means nothing here.
    count: Vec<f64>,
    value: Vec<f64>,
    /// Compensation of a sum; the mean of a variance.
    second: Vec<f64>,
    /// Steps at which a sum overflowed and the mean is kept instead.
    as_mean: Vec<bool>,
}

impl Fold {
    fn new(op: AggregateOp, steps: usize) -> Self {
        let of = |wanted: bool| if wanted { vec![0.0; steps] } else { Vec::new() };
        use AggregateOp::{Avg, Stddev, Stdvar, Sum};
        Self {
            op,
            count: vec![0.0; steps],
            value: vec![0.0; steps],
            second: of(matches!(op, Sum | Avg | Stddev | Stdvar)),
            as_mean: if op == Avg { vec![false; steps] } else { Vec::new() },
        }
    }

    fn add(&mut self, values: &[f64]) {
        let present = values.iter().enumerate().filter(|(_, value)| !is_absent(**value));
        match self.op {
            AggregateOp::Sum => present.for_each(|(i, value)| {
                self.count[i] += 1.0;
                (self.value[i], self.second[i]) = compensated_add(*value, self.value[i], self.second[i]);
            }),
            AggregateOp::Avg => present.for_each(|(i, value)| self.add_to_mean(i, *value)),
            AggregateOp::Min => present.for_each(|(i, value)| self.keep(i, *value, |new, old| new < old)),
            AggregateOp::Max => present.for_each(|(i, value)| self.keep(i, *value, |new, old| new > old)),
            AggregateOp::Stddev | AggregateOp::Stdvar => present.for_each(|(i, value)| {
                self.count[i] += 1.0;
                let delta = value - self.second[i];
                self.second[i] += delta / self.count[i];
                self.value[i] += delta * (value - self.second[i]);
            }),
            _ => present.for_each(|(i, _)| self.count[i] += 1.0),
        }
    }

    fn keep(&mut self, i: usize, value: f64, better: fn(f64, f64) -> bool) {
        if self.count[i] == 0.0 || better(value, self.value[i]) || self.value[i].is_nan() {
            self.value[i] = value;
        }
        self.count[i] += 1.0;
    }

    /// A plain sum until it overflows, a running mean from then on.
    fn add_to_mean(&mut self, i: usize, value: f64) {
        self.count[i] += 1.0;
        let count = self.count[i];
        if !self.as_mean[i] {
            let (sum, carry) = compensated_add(value, self.value[i], self.second[i]);
            if count == 1.0 || !sum.is_infinite() {
                (self.value[i], self.second[i]) = (sum, carry);
                return;
            }
            self.as_mean[i] = true;
            self.value[i] /= count - 1.0;
            self.second[i] /= count - 1.0;
        }
        let weight = (count - 1.0) / count;
        (self.value[i], self.second[i]) =
            compensated_add(value / count, weight * self.value[i], weight * self.second[i]);
    }

    fn finish(self) -> Vec<f64> {
        let result = |i: usize| {
            let (count, value) = (self.count[i], self.value[i]);
            if count == 0.0 {
                return ABSENT;
            }
            match self.op {
                AggregateOp::Sum => value + self.second[i],
                AggregateOp::Avg if self.as_mean[i] => value + self.second[i],
                AggregateOp::Avg => value / count + self.second[i] / count,
                AggregateOp::Stdvar => value / count,
                AggregateOp::Stddev => (value / count).sqrt(),
                AggregateOp::Count => count,
                AggregateOp::Group => 1.0,
                _ => value,
            }
        };
        (0..self.count.len()).map(result).collect()
    }
}
