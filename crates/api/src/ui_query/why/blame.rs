//! All selectors have samples, and still nothing comes out: which part of the expression leaves nothing?

use columns::is_absent;
use promql::ast::{Aggregate, Binary, BinaryOp, Call, ExprKind};
use promql::{Answer, Expr, QueryRequest, Value, ValueKind};
use storage::Samples;

use super::{Asked, Kind, Looked, Unknown, Why};
use crate::syntax::milliseconds;

/// Parts that are evaluated by themselves at the most: a query of more levels keeps its secret.
const PARTS_MAX: usize = 16;

/// Label sets that are named in a sentence.
const LABELS_NAMED_MAX: usize = 3;

/// Functions of a range that need two samples in it.
const NEED_TWO: [&str; 6] = ["rate", "irate", "increase", "delta", "idelta", "deriv"];

impl Asked<'_> {
    /// The smallest part of `query` that is empty while what it is made of is not.
    pub(super) fn blame(&self, query: &Expr) -> Result<Option<Why>, Unknown> {
        let mut left = PARTS_MAX;
        let mut part = query.unwrap_parens();
        loop {
            let mut empty = None;
            for child in part.children() {
                let child = child.unwrap_parens();
                if !matches!(child.kind(), ValueKind::Vector) || is_leaf(child) {
                    continue;
                }
                left = left.checked_sub(1).ok_or(Unknown)?;
                if is_empty(&self.eval(child)?.value) {
                    empty = Some(child);
                    break;
                }
            }
            match empty {
                Some(child) => part = child,
                None => return self.reason(part).map(Some),
            }
        }
    }

    fn eval(&self, query: &Expr) -> Result<Answer, Unknown> {
        let request = QueryRequest { query, steps: *self.steps, lookback: None, cancel: self.cancel };
        Ok(self.state.engine.eval_until(self.state.store.as_ref(), &request, self.end)?)
    }

    fn reason(&self, part: &Expr) -> Result<Why, Unknown> {
        let text = match &part.kind {
            ExprKind::Binary(binary) => self.of_binary(binary)?,
            ExprKind::Call(call) => self.of_call(call)?,
            ExprKind::Aggregate(aggregate) => of_aggregate(aggregate),
            _ => None,
        };
        let text = text.unwrap_or_else(|| format!("{part} gives nothing, though its series have samples."));
        Ok(Why::new(Kind::Expression, part.span, text))
    }

    fn of_binary(&self, binary: &Binary) -> Result<Option<String>, Unknown> {
        let Binary { op, lhs, rhs, .. } = binary;
        let scalar = |expr: &Expr| expr.kind() == ValueKind::Scalar;
        if op.is_comparison() && (scalar(lhs) || scalar(rhs)) {
            let (vector, number, op) =
                if scalar(rhs) { (lhs, rhs, op.as_str()) } else { (rhs, lhs, turned(*op)) };
            let range = self.eval(vector).map(|answer| extremes(&answer.value))?;
            let seen = match (range, op) {
                (None, _) => "there are no values".to_owned(),
                (Some((_, most)), ">" | ">=") => format!("the highest value is {}", short(most)),
                (Some((least, _)), "<" | "<=") => format!("the lowest value is {}", short(least)),
                (Some((least, most)), _) => format!("values are from {} to {}", short(least), short(most)),
            };
            return Ok(Some(format!("Nothing is {op} {number} in this time: {seen}.")));
        }
        if scalar(lhs) || scalar(rhs) {
            return Ok(None);
        }
        let (left, right) = (self.eval(lhs)?.value, self.eval(rhs)?.value);
        Ok(match op {
            BinaryOp::Unless => {
                Some("Everything on the left is on the right as well, so nothing is left.".to_owned())
            }
            BinaryOp::Or => None,
            op => Some(format!(
                "No series on the left of {} goes with one on the right: left has {}, right has {}{}.",
                op.as_str(),
                shown_labels(&left),
                shown_labels(&right),
                if op.is_comparison() { ", or none passes the comparison" } else { "" },
            )),
        })
    }

    fn of_call(&self, call: &Call) -> Result<Option<String>, Unknown> {
        let name = call.function.name;
        if name.starts_with("absent") {
            return Ok(Some(format!("{name} gives nothing because the series is there.")));
        }
        if name == "histogram_quantile" {
            return Ok(Some("histogram_quantile needs buckets: no series here has the label le.".to_owned()));
        }
        let Some(ExprKind::Matrix(matrix)) =
            call.args.iter().map(|arg| &arg.unwrap_parens().kind).find(|k| matches!(k, ExprKind::Matrix(_)))
        else {
            return Ok(None);
        };
        if !NEED_TWO.contains(&name) {
            return Ok(None);
        }
        let range_ms = milliseconds(&matrix.range);
        let window = columns::TimeRange { from: self.steps.start, to: self.steps.last() };
        let window = self.moved(window, matrix.selector.at, range_ms, 0);
        let looked =
            Looked { selector: &matrix.selector, span: promql::Span::default(), window, steps: None };
        let range = model::DurationMs(range_ms);
        Ok(Some(match self.sample_distance_ms(&looked)? {
            Some(ms) if ms >= range_ms => format!(
                "{name} needs two samples in its window of {range}, and they come every {}.",
                model::DurationMs(ms)
            ),
            _ => format!("{name} needs two samples in its window of {range}, and there is but one so far."),
        }))
    }

    /// The usual distance of the samples of the first series that has some.
    fn sample_distance_ms(&self, looked: &Looked<'_>) -> Result<Option<i64>, Unknown> {
        let set = self.select(&looked.selector.matchers, looked.window)?;
        let mut samples = Samples::default();
        for i in 0..set.len().min(super::SERIES_LOOKED_AT_MAX) {
            set.samples(i, looked.window, &mut samples)?;
            let mut gaps: Vec<i64> = samples.times_ms.windows(2).map(|pair| pair[1] - pair[0]).collect();
            gaps.sort_unstable();
            if let Some(usual) = gaps.get(gaps.len() / 2) {
                return Ok(Some(*usual));
            }
        }
        Ok(None)
    }
}

fn of_aggregate(aggregate: &Aggregate) -> Option<String> {
    let op = aggregate.op.as_str();
    aggregate.param.as_ref().map(|param| format!("{op} with {param} leaves nothing."))
}

/// Nothing to evaluate below: its samples have been looked for already.
fn is_leaf(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Selector(_))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Vector(all) => all.iter().all(|series| series.values.iter().all(|v| is_absent(*v))),
        Value::Matrix(all) => all.iter().all(|series| series.values.is_empty()),
        Value::Scalar(_) | Value::String(_) => false,
    }
}

fn extremes(value: &Value) -> Option<(f64, f64)> {
    let Value::Vector(all) = value else { return None };
    let numbers = all.iter().flat_map(|series| &series.values).copied().filter(|v| !v.is_nan());
    numbers.fold(None, |seen: Option<(f64, f64)>, v| Some(seen.map_or((v, v), |(a, b)| (a.min(v), b.max(v)))))
}

/// The operator with its sides changed.
fn turned(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Gt => "<",
        BinaryOp::Lt => ">",
        BinaryOp::Ge => "<=",
        BinaryOp::Le => ">=",
        other => other.as_str(),
    }
}

/// Four digits are enough to see why.
fn short(value: f64) -> String {
    model::format_float(format!("{value:.3e}").parse().unwrap_or(value))
}

fn shown_labels(value: &Value) -> String {
    let Value::Vector(all) = value else { return "a number".to_owned() };
    let known: Vec<String> =
        all.iter().take(LABELS_NAMED_MAX).map(|series| series.labels.to_string()).collect();
    let more = all.len().saturating_sub(LABELS_NAMED_MAX);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{rest}", known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (1234.5678, "1235"),
            (0.000_123_456, "0.0001235"),
            (-2.0, "-2"),
            (f64::INFINITY, "+Inf"),
            (1e300, "1e+300"),
        ] {
            assert_eq!(short(value), text);
        }
    }
}
