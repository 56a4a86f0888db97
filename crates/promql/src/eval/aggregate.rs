//! Aggregations: their parameters, and those that need all series of a group together.

use std::collections::HashMap;

use columns::{ABSENT, Steps, is_absent};
use model::{Labels, METRIC_NAME};

use crate::ast::{Aggregate, AggregateOp, Span};
use crate::error::EvalError;
use crate::eval::Evaluator;
use crate::eval::column::{Column, Evaluated, nameless};
use crate::eval::rows::{Streamed, collect};
use columns::spread::quantile;
use columns::vector::GroupBy;
use columns::vector::Tally;
use columns::vector::fold::fold;
use columns::vector::groups::groups;
use columns::vector::topk::select;

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
        match (aggregate.op, &param) {
            (Topk | Bottomk | Limitk, _) => self.ranked(aggregate, scalars, steps),
            (LimitRatio, _) => {
                let columns = self.vector(&aggregate.expr, steps)?;
                Ok(select(aggregate.op, by(aggregate), columns, false, scalars, &self.guard)?)
            }
            (Quantile, _) => {
                let columns = self.vector(&aggregate.expr, steps)?;
                self.quantiles(aggregate, &columns, scalars, steps.count)
            }
            (CountValues, Some((Evaluated::Text(label), _))) => {
                let columns = self.vector(&aggregate.expr, steps)?;
                match label.as_str().filter(|name| !name.is_empty()) {
                    Some(label) => self.count_values(aggregate, &columns, label, steps.count),
                    None => Err(EvalError::at(span, format!("invalid label name {label}"))),
                }
            }
            _ => self.folded(aggregate, steps),
        }
    }

    /// Aggregations that take their series one by one.
    fn folded(&mut self, aggregate: &Aggregate, steps: &Steps) -> Result<Vec<Column>, EvalError> {
        let Some(Streamed { rows, non_counter }) = self.rows(&aggregate.expr, steps)? else {
            let columns = self.vector(&aggregate.expr, steps)?;
            let tally = Tally::from(&self.guard, self.held);
            return Ok(fold(aggregate.op, by(aggregate), columns.as_slice(), steps.count, &tally)?);
        };
        let tally = Tally::from(&self.guard, self.held);
        let folded = fold(aggregate.op, by(aggregate), rows.as_ref(), steps.count, &tally)?;
        if let Some((name, span)) = non_counter.filter(|_| !folded.is_empty()) {
            self.note_non_counter(&name, span);
        }
        Ok(folded)
    }

    /// Aggregations that hand on some of their series: only those lose their names.
    fn ranked(
        &mut self,
        aggregate: &Aggregate,
        params: &[f64],
        steps: &Steps,
    ) -> Result<Vec<Column>, EvalError> {
        let Some(Streamed { rows, non_counter }) = self.rows(&aggregate.expr, steps)? else {
            let columns = self.vector(&aggregate.expr, steps)?;
            return Ok(select(aggregate.op, by(aggregate), columns, false, params, &self.guard)?);
        };
        let columns = collect(rows.as_ref(), &Tally::from(&self.guard, self.held))?;
        if let Some((name, span)) = non_counter.filter(|_| !columns.is_empty()) {
            self.note_non_counter(&name, span);
        }
        let is_nameless = rows.is_nameless();
        let mut kept = select(aggregate.op, by(aggregate), columns, is_nameless, params, &self.guard)?;
        if is_nameless {
            kept.iter_mut().for_each(|column| column.labels = nameless(&column.labels));
        }
        Ok(kept)
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

    fn quantiles(
        &self,
        aggregate: &Aggregate,
        columns: &[Column],
        params: &[f64],
        steps: usize,
    ) -> Result<Vec<Column>, EvalError> {
        let groups = groups(by(aggregate), columns, false);
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
        let groups = groups(by(aggregate), columns, false);
        // What `without` takes away goes from the values' label as from any other: its counts are then one.
        let is_shown = !aggregate.without
            || (label != METRIC_NAME && !aggregate.grouping.iter().any(|name| name == label));
        let mut places: HashMap<Labels, usize> = HashMap::new();
        let mut results: Vec<Column> = Vec::new();
        let tally = Tally::from(&self.guard, self.held);
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
                        if is_shown {
                            builder.set(label, plain_decimal(value));
                        }
                        let labels = builder.build();
                        match places.get(&labels) {
                            Some(&place) => place,
                            None => {
                                // Before it is there: a single series may have another value at each step.
                                tally.add(steps)?;
                                places.insert(labels.clone(), results.len());
                                let values = vec![ABSENT; steps];
                                results.push(Column { labels, values, drop_name: *drop_name });
                                results.len() - 1
                            }
                        }
                    }
                };
                previous = Some((value.to_bits(), place));
                let count = &mut results[place].values[step];
                *count = if is_absent(*count) { 1.0 } else { *count + 1.0 };
            }
        }
        if label == METRIC_NAME {
            // The name just given is the value, not a name to drop.
            results.iter_mut().for_each(|column| column.drop_name = false);
        }
        Ok(results)
    }
}

/// The aggregation's clause.
fn by(aggregate: &Aggregate) -> GroupBy<'_> {
    GroupBy { names: &aggregate.grouping, without: aggregate.without }
}

/// A value without exponent, as Go prints it by `%f` with the fewest digits.
fn plain_decimal(value: f64) -> String {
    if value.is_finite() { value.to_string() } else { model::format_float(value) }
}
