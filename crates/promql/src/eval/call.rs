//! Function calls: arguments evaluated, the right function found, its result named.

use columns::{ABSENT, Steps, is_absent};
use model::{Labels, METRIC_NAME, MatchOp};
use rayon::prelude::*;

use crate::ast::{Call, Expr, ExprKind, Span, Text, ValueKind};
use crate::error::EvalError;
use crate::eval::Evaluator;
use crate::eval::column::{Column, Evaluated, merge_equal};
use crate::functions::{dates, instant, labels, natural};
use columns::vector::topk::nan_last;

/// Changes every value that is there.
pub(super) fn map_values(columns: &mut [Column], change: impl Fn(f64) -> f64 + Sync) {
    columns.par_iter_mut().for_each(|column| {
        column
            .values
            .iter_mut()
            .filter(|value| !is_absent(**value))
            .for_each(|value| *value = change(*value));
    });
}

impl Evaluator<'_> {
    pub(super) fn call(&mut self, call: &Call, span: Span, steps: &Steps) -> Result<Evaluated, EvalError> {
        let name = call.function.name;
        if call.args.iter().any(|arg| arg.kind() == ValueKind::Matrix) {
            return self.range_call(call, span, steps).map(Evaluated::Vector);
        }
        if let Some(change) = instant::of_value(name) {
            let mut columns = self.vector(&call.args[0], steps)?;
            map_values(&mut columns, change);
            return self.named_away(columns, span).map(Evaluated::Vector);
        }
        if dates::is_part(name) {
            return self.date_part(call, span, steps);
        }
        let seconds = |ms: i64| ms as f64 / 1000.0;
        let lengths = self.query_lengths();
        match name {
            "time" => Ok(Evaluated::Scalar(steps.iter().map(seconds).collect())),
            "pi" => Ok(Evaluated::Scalar(vec![std::f64::consts::PI; steps.count])),
            "start" => Ok(Evaluated::Scalar(vec![seconds(self.query.start.0); steps.count])),
            "end" => Ok(Evaluated::Scalar(vec![seconds(self.query_end.0); steps.count])),
            "step" => Ok(Evaluated::Scalar(vec![seconds(lengths.step_ms); steps.count])),
            "range" => Ok(Evaluated::Scalar(vec![seconds(lengths.range_ms); steps.count])),
            "min_of" | "max_of" => self.of_two(call, steps),
            "scalar" => self.scalar_of_vector(call, steps),
            "vector" => {
                let values = self.scalar(&call.args[0], steps)?;
                Ok(Evaluated::Vector(vec![Column { labels: Labels::empty(), values, drop_name: false }]))
            }
            _ => self.vector_call(call, span, steps).map(Evaluated::Vector),
        }
    }

    fn vector_call(&mut self, call: &Call, span: Span, steps: &Steps) -> Result<Vec<Column>, EvalError> {
        match call.function.name {
            "timestamp" => self.timestamp(call, span, steps),
            "absent" => {
                let present = self.vector(&call.args[0], steps)?;
                Ok(absent(&present, absent_labels(&call.args[0]), steps.count))
            }
            "round" | "clamp" | "clamp_min" | "clamp_max" => self.bounded(call, span, steps),
            "sort" | "sort_desc" | "sort_by_label" | "sort_by_label_desc" => self.sorted(call, span, steps),
            "label_replace" => self.label_replace(call, span, steps),
            "label_join" => self.label_join(call, span, steps),
            "histogram_quantile" | "histogram_quantiles" | "histogram_fraction" => {
                self.classic_histogram(call, span, steps)
            }
            "info" => self.info(call, span, steps),
            // Only native histograms have a count, a sum and so on of their own; floats give nothing.
            _ => {
                self.vector(&call.args[0], steps)?;
                Err(EvalError::at(
                    span,
                    format!("{}(): native histograms are not supported yet", call.function.name),
                ))
            }
        }
    }

    fn date_part(&mut self, call: &Call, span: Span, steps: &Steps) -> Result<Evaluated, EvalError> {
        let name = call.function.name;
        let Some(arg) = call.args.first() else {
            let values = steps.iter().map(|ms| dates::part(name, ms.div_euclid(1000) as f64)).collect();
            return Ok(Evaluated::Vector(vec![Column { labels: Labels::empty(), values, drop_name: false }]));
        };
        let mut columns = self.vector(arg, steps)?;
        map_values(&mut columns, |seconds| dates::part(name, seconds));
        self.named_away(columns, span).map(Evaluated::Vector)
    }

    fn of_two(&mut self, call: &Call, steps: &Steps) -> Result<Evaluated, EvalError> {
        let choose = if call.function.name == "min_of" { instant::min_or_nan } else { instant::max_or_nan };
        let mut values = self.scalar(&call.args[0], steps)?;
        let others = self.scalar(&call.args[1], steps)?;
        values.iter_mut().zip(&others).for_each(|(value, other)| *value = choose(*value, *other));
        Ok(Evaluated::Scalar(values))
    }

    /// The one value there is at each step; NaN for none or several.
    fn scalar_of_vector(&mut self, call: &Call, steps: &Steps) -> Result<Evaluated, EvalError> {
        let columns = self.vector(&call.args[0], steps)?;
        let value = |step: usize| {
            let mut present =
                columns.iter().map(|column| column.values[step]).filter(|value| !is_absent(*value));
            match (present.next(), present.next()) {
                (Some(value), None) => value,
                _ => f64::NAN,
            }
        };
        Ok(Evaluated::Scalar((0..steps.count).map(value).collect()))
    }

    fn timestamp(&mut self, call: &Call, span: Span, steps: &Steps) -> Result<Vec<Column>, EvalError> {
        let arg = call.args[0].unwrap_parens();
        let columns = if let ExprKind::Selector(selector) = &arg.kind {
            self.selector_times(selector, arg.span, steps)?
        } else {
            let mut columns = self.vector(arg, steps)?;
            for column in &mut columns {
                let present =
                    column.values.iter_mut().zip(steps.iter()).filter(|(value, _)| !is_absent(**value));
                present.for_each(|(value, ms)| *value = ms as f64 / 1000.0);
            }
            columns
        };
        self.named_away(columns, span)
    }

    /// `round` and the clamps: a vector and scalars that may differ from step to step.
    fn bounded(&mut self, call: &Call, span: Span, steps: &Steps) -> Result<Vec<Column>, EvalError> {
        let mut columns = self.vector(&call.args[0], steps)?;
        let first = match call.args.get(1) {
            Some(arg) => self.scalar(arg, steps)?,
            None => vec![1.0; steps.count],
        };
        let second = match call.args.get(2) {
            Some(arg) => self.scalar(arg, steps)?,
            None => first.clone(),
        };
        let change: fn(f64, f64, f64) -> f64 = match call.function.name {
            "round" => |value, to, _| instant::round(value, to),
            "clamp_min" => |value, low, _| instant::max_or_nan(value, low),
            "clamp_max" => |value, high, _| instant::min_or_nan(value, high),
            _ => |value, low, high| {
                if high < low { ABSENT } else { instant::max_or_nan(low, instant::min_or_nan(high, value)) }
            },
        };
        columns.par_iter_mut().for_each(|column| {
            for ((value, first), second) in column.values.iter_mut().zip(&first).zip(&second) {
                if !is_absent(*value) {
                    *value = change(*value, *first, *second);
                }
            }
        });
        self.named_away(columns, span)
    }

    fn sorted(&mut self, call: &Call, span: Span, steps: &Steps) -> Result<Vec<Column>, EvalError> {
        if self.is_range {
            let text = "sort is ineffective for range queries since results are always ordered by labels";
            self.notes.warn(span, text);
        }
        let mut columns = self.filled_vector(&call.args[0], steps)?;
        let by: Vec<String> =
            call.args[1..].iter().map(|arg| text_of(arg).map(Text::to_lossy)).collect::<Result<_, _>>()?;
        if steps.count != 1 {
            return Ok(columns);
        }
        match call.function.name {
            "sort" => columns.sort_by(|a, b| nan_last(a.values[0], b.values[0], |order| order)),
            "sort_desc" => {
                columns.sort_by(|a, b| nan_last(a.values[0], b.values[0], std::cmp::Ordering::reverse))
            }
            name => {
                let order = |a: &Column, b: &Column| {
                    let of = |column: &Column, label: &str| column.labels.get(label).unwrap_or("").to_owned();
                    let mut orders = by.iter().map(|label| natural::compare(&of(a, label), &of(b, label)));
                    orders.find(|order| order.is_ne()).unwrap_or_else(|| a.labels.cmp(&b.labels))
                };
                let descending = name == "sort_by_label_desc";
                columns.sort_by(|a, b| if descending { order(b, a) } else { order(a, b) });
            }
        }
        Ok(columns)
    }

    fn label_replace(&mut self, call: &Call, span: Span, steps: &Steps) -> Result<Vec<Column>, EvalError> {
        let mut columns = self.filled_vector(&call.args[0], steps)?;
        let [target, replacement, source, pattern] = [1, 2, 3, 4].map(|i| text_of(&call.args[i]));
        let (target, replacement, source, pattern) =
            (target?, replacement?.to_lossy(), source?.to_lossy(), pattern?.to_lossy());
        let compiled = labels::anchored(&pattern).ok_or_else(|| {
            EvalError::at(
                call.args[4].span,
                format!("invalid regular expression in label_replace(): {pattern}"),
            )
        })?;
        let target = labels::label_name(target).ok_or_else(|| {
            let message = format!("invalid destination label name in label_replace(): {}", target.to_lossy());
            EvalError::at(call.args[1].span, message)
        })?;
        let replace =
            labels::Replace { target, replacement: &replacement, source: &source, pattern: compiled };
        let replaced = columns.iter_mut().try_for_each(|column| replace.apply(column));
        replaced.map_err(|error| EvalError::at(span, error.to_string()))?;
        merge_equal(columns, span)
    }

    fn label_join(&mut self, call: &Call, span: Span, steps: &Steps) -> Result<Vec<Column>, EvalError> {
        let mut columns = self.filled_vector(&call.args[0], steps)?;
        let name = |i: usize, which: &str| {
            let text = text_of(&call.args[i])?;
            labels::label_name(text).ok_or_else(|| {
                let message = format!("invalid {which} label name in label_join(): {}", text.to_lossy());
                EvalError::at(call.args[i].span, message)
            })
        };
        let target = name(1, "destination")?;
        let separator = text_of(&call.args[2])?.to_lossy();
        let sources: Vec<&str> = (3..call.args.len()).map(|i| name(i, "source")).collect::<Result<_, _>>()?;
        let joined =
            columns.iter_mut().try_for_each(|column| labels::join(column, target, &separator, &sources));
        joined.map_err(|error| EvalError::at(span, error.to_string()))?;
        merge_equal(columns, span)
    }
}

/// The text that an argument is.
pub(super) fn text_of(arg: &Expr) -> Result<&Text, EvalError> {
    match &arg.unwrap_parens().kind {
        ExprKind::Text(text) => Ok(text),
        _ => Err(EvalError::at(arg.span, "expected a string literal")),
    }
}

/// 1 at every step at which none of `columns` holds a value.
pub(super) fn absent(columns: &[Column], labels: Labels, steps: usize) -> Vec<Column> {
    let mut values = vec![1.0; steps];
    for column in columns {
        for (value, _) in values.iter_mut().zip(&column.values).filter(|(_, other)| !is_absent(**other)) {
            *value = ABSENT;
        }
    }
    vec![Column { labels, values, drop_name: false }]
}

/// What a selector says a series would have been called: its `=` matchers, unless a label is matched twice.
pub(super) fn absent_labels(arg: &Expr) -> Labels {
    let matchers = match &arg.unwrap_parens().kind {
        ExprKind::Selector(selector) => &selector.matchers,
        ExprKind::Matrix(matrix) => &matrix.selector.matchers,
        _ => return Labels::empty(),
    };
    let mut builder = Labels::empty().to_builder();
    let mut seen: Vec<&str> = Vec::new();
    for matcher in matchers.iter().filter(|matcher| matcher.name != METRIC_NAME) {
        if matcher.op == MatchOp::Equal && !seen.contains(&matcher.name.as_str()) {
            builder.set(matcher.name.as_str(), matcher.value.as_str());
            seen.push(&matcher.name);
        } else {
            builder.remove(&matcher.name);
        }
    }
    builder.build()
}
