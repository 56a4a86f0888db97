//! Answers in one shape for both sides, and whether two are the same.

use std::collections::BTreeMap;

use columns::is_absent;
use model::Labels;
use promql::Value;

use crate::moment::When;

/// How far numbers may be apart, relative to the larger: both sides compute in the same precision, in another order.
pub(crate) const TOLERANCE: f64 = 1e-9;

/// One series.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) labels: Labels,
    /// Milliseconds and value.
    pub(crate) points: Vec<(i64, f64)>,
}

/// What a query gave.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Error(String),
    Scalar(f64),
    Text(String),
    Lines(Vec<Line>),
}

/// What of an answer has an order that a reader may rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// None.
    Free,
    /// By value, ties in any order.
    ByValue,
    /// By labels: every range query.
    ByLabels,
}

impl Answer {
    /// Ours, in the form in which the API answers: a scalar over steps is a series without labels.
    pub(crate) fn ours(value: Value, when: When) -> Self {
        match (value, when) {
            (Value::Scalar(values), When::Instant(_)) => {
                Self::Scalar(values.first().copied().unwrap_or(f64::NAN))
            }
            (Value::Scalar(values), When::Range { .. }) => {
                Self::Lines(vec![line(Labels::empty(), &values, when)])
            }
            (Value::String(text), When::Instant(_)) => Self::Text(text),
            (Value::Vector(series), _) => {
                Self::Lines(series.into_iter().map(|s| line(s.labels, &s.values, when)).collect())
            }
            (Value::Matrix(series), When::Instant(_)) => Self::Lines(
                series
                    .into_iter()
                    .map(|s| Line {
                        labels: s.labels,
                        points: s.times_ms.into_iter().zip(s.values).collect(),
                    })
                    .collect(),
            ),
            // The API refuses these two before it evaluates.
            (Value::String(_) | Value::Matrix(_), When::Range { .. }) => {
                Self::Error("must be a scalar or an instant vector".to_owned())
            }
        }
    }

    /// How many values it holds.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Error(_) => 0,
            Self::Scalar(_) | Self::Text(_) => 1,
            Self::Lines(lines) => lines.iter().map(|line| line.points.len()).sum(),
        }
    }

    /// Moments and values of all series.
    pub(crate) fn points(&self) -> impl Iterator<Item = (i64, f64)> {
        let lines = if let Self::Lines(lines) = self { lines.as_slice() } else { &[] };
        lines.iter().flat_map(|line| line.points.iter().copied())
    }

    /// The value of one series at one moment.
    pub(crate) fn value(&self, labels: &Labels, at: i64) -> Option<f64> {
        let Self::Lines(lines) = self else { return None };
        let line = lines.iter().find(|line| line.labels == *labels)?;
        line.points.iter().find(|point| point.0 == at).map(|point| point.1)
    }

    /// Each value that `count_values` counted under the label `name`, as often as it was met: its other labels, when, and
    /// the number. Sorted.
    pub(crate) fn counted(&self, name: &str) -> Vec<(Labels, i64, f64)> {
        let Self::Lines(lines) = self else { return Vec::new() };
        let mut all = Vec::new();
        for line in lines {
            let number = line.labels.get(name).and_then(|text| text.parse().ok()).unwrap_or(f64::NAN);
            let rest = line.labels.without(|label| label == name);
            for (at, count) in &line.points {
                all.extend((0..*count as usize).map(|_| (rest.clone(), *at, number)));
            }
        }
        all.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.total_cmp(&b.2)));
        all
    }

    /// How this differs from `other`, if it does.
    pub(crate) fn difference(&self, other: &Self, order: Order) -> Option<String> {
        match (self, other) {
            (Self::Error(_), Self::Error(_)) => None,
            (Self::Error(error), _) => Some(format!("we fail: {error}")),
            (_, Self::Error(error)) => Some(format!("prometheus fails: {error}")),
            (Self::Scalar(a), Self::Scalar(b)) => {
                (!same(*a, *b)).then(|| format!("we say {a}, prometheus {b}"))
            }
            (Self::Text(a), Self::Text(b)) => (a != b).then(|| format!("we say {a:?}, prometheus {b:?}")),
            (Self::Lines(a), Self::Lines(b)) => lines_differ(a, b, order),
            _ => Some(format!("another sort of result: {self:?}, prometheus {other:?}")),
        }
    }
}

/// Equal within the tolerance; all NaN are one.
pub(crate) fn same(a: f64, b: f64) -> bool {
    if a == b || (a.is_nan() && b.is_nan()) {
        return true;
    }
    // An infinity is near nothing else.
    a.is_finite() && b.is_finite() && (a - b).abs() <= TOLERANCE * a.abs().max(b.abs())
}

fn line(labels: Labels, values: &[f64], when: When) -> Line {
    let at = |i: usize| match when {
        When::Instant(at) => at,
        When::Range { start, step, .. } => start + step * i as i64,
    };
    let points = values.iter().enumerate().filter(|(_, value)| !is_absent(**value));
    Line { labels, points: points.map(|(i, value)| (at(i), *value)).collect() }
}

fn lines_differ(ours: &[Line], theirs: &[Line], order: Order) -> Option<String> {
    let mut rest: BTreeMap<&Labels, &Line> = theirs.iter().map(|line| (&line.labels, line)).collect();
    if rest.len() < theirs.len() {
        return Some("prometheus gives a label set twice".to_owned());
    }
    for line in ours {
        let Some(other) = rest.remove(&line.labels) else {
            return Some(format!("only we have {} {:?}", line.labels, line.points));
        };
        if let Some(text) = points_differ(&line.points, &other.points) {
            return Some(format!("{}: {text}", line.labels));
        }
    }
    if let Some(line) = rest.into_values().next() {
        return Some(format!("only prometheus has {} {:?}", line.labels, line.points));
    }
    let value = |line: &Line| line.points.first().map_or(f64::NAN, |point| point.1);
    let in_order = ours.iter().zip(theirs).all(|(a, b)| match order {
        Order::Free => true,
        Order::ByValue => same(value(a), value(b)),
        Order::ByLabels => a.labels == b.labels,
    });
    (!in_order).then(|| "another order".to_owned())
}

fn points_differ(ours: &[(i64, f64)], theirs: &[(i64, f64)]) -> Option<String> {
    let theirs: BTreeMap<i64, f64> = theirs.iter().copied().collect();
    let ours: BTreeMap<i64, f64> = ours.iter().copied().collect();
    let times: std::collections::BTreeSet<i64> = ours.keys().chain(theirs.keys()).copied().collect();
    times.into_iter().find_map(|at| match (ours.get(&at), theirs.get(&at)) {
        (Some(a), Some(b)) if same(*a, *b) => None,
        (a, b) => Some(format!("at {at} we say {a:?}, prometheus {b:?}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same() {
        let inf = f64::INFINITY;
        for (a, b, expected) in [
            (1.0, 1.0 + 1e-10, true),
            (1.0, 1.0 + 1e-8, false),
            (0.0, -0.0, true),
            (0.0, 1e-300, false),
            (f64::NAN, -f64::NAN, true),
            (f64::NAN, 1.0, false),
            (inf, inf, true),
            (inf, -inf, false),
            (inf, 1.0, false),
        ] {
            assert_eq!(same(a, b), expected, "{a} {b}");
            assert_eq!(same(b, a), expected, "{b} {a}");
        }
    }
}
