//! Whether a result is what a script expects.

use std::collections::BTreeMap;

use columns::{ABSENT, is_absent};
use model::{Labels, is_stale};

use crate::engine::{RawSeries, Series};
use crate::script::series::Point;

/// Relative difference that is taken as equal; upstream's own.
const TOLERANCE: f64 = 1e-6;

/// Equal as far as floating point lets one say.
pub(super) fn almost_equal(a: f64, b: f64) -> bool {
    if is_stale(a) || is_stale(b) {
        return is_stale(a) && is_stale(b);
    }
    if a.is_nan() && b.is_nan() || a == b {
        return true;
    }
    let (difference, sum) = ((a - b).abs(), a.abs() + b.abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < TOLERANCE * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < TOLERANCE
}

/// Compares a vector at one step.
pub(super) fn instant(
    expected: &[(Labels, Vec<Point>)],
    got: &[Series],
    ordered: bool,
) -> Result<(), String> {
    let expected: Vec<(&Labels, f64)> = expected
        .iter()
        .map(|(labels, points)| match points.as_slice() {
            [Point::Float(value)] => Ok((labels, *value)),
            _ => Err(format!("an instant wants exactly one value for {labels}")),
        })
        .collect::<Result<_, _>>()?;
    let got: Vec<(&Labels, f64)> = got
        .iter()
        .filter_map(|series| {
            series.values.first().filter(|value| !is_absent(**value)).map(|v| (&series.labels, *v))
        })
        .collect();
    if ordered && !expected.iter().map(|(labels, _)| labels).eq(got.iter().map(|(labels, _)| labels)) {
        let shown: Vec<String> = got.iter().map(|(labels, value)| format!("{labels} {value}")).collect();
        return Err(format!("wrong order: {}", shown.join(", ")));
    }
    let mut rest: BTreeMap<&Labels, f64> = BTreeMap::new();
    for (labels, value) in got {
        if rest.insert(labels, value).is_some() {
            return Err(format!("{labels} twice in the result"));
        }
    }
    for (labels, value) in expected {
        let got = rest.remove(labels).ok_or_else(|| format!("no {labels} in the result"))?;
        if !almost_equal(value, got) {
            return Err(format!("{labels}: expected {value}, got {got}"));
        }
    }
    rest.into_iter().next().map_or(Ok(()), |(labels, value)| Err(format!("unexpected {labels} {value}")))
}

/// Compares series over steps.
pub(super) fn range(expected: &[(Labels, Vec<Point>)], got: &[Series], steps: usize) -> Result<(), String> {
    if let Some(pair) = got.windows(2).find(|pair| pair[0].labels >= pair[1].labels) {
        return Err(format!("{} and {} are not in order", pair[0].labels, pair[1].labels));
    }
    let mut rest: BTreeMap<&Labels, &[f64]> =
        got.iter().map(|series| (&series.labels, series.values.as_slice())).collect();
    for (labels, points) in expected {
        if points.len() > steps {
            return Err(format!("{} values for {steps} steps of {labels}", points.len()));
        }
        let values = rest.remove(labels).ok_or_else(|| format!("no {labels} in the result"))?;
        for (step, &value) in values.iter().enumerate() {
            let wanted = match points.get(step) {
                Some(Point::Float(wanted)) => *wanted,
                _ => ABSENT,
            };
            let same = if is_absent(wanted) || is_absent(value) {
                is_absent(wanted) == is_absent(value)
            } else {
                almost_equal(wanted, value)
            };
            if !same {
                let shown =
                    |value: f64| if is_absent(value) { "nothing".to_owned() } else { value.to_string() };
                return Err(format!(
                    "{labels} at step {step}: expected {}, got {}",
                    shown(wanted),
                    shown(value)
                ));
            }
        }
    }
    rest.into_keys().next().map_or(Ok(()), |labels| Err(format!("unexpected {labels}")))
}

/// Compares a range vector with values at `from`, `from + step`, ….
pub(super) fn matrix(
    expected: &[(Labels, Vec<Point>)],
    got: &[RawSeries],
    from: i64,
    step: i64,
) -> Result<(), String> {
    let mut rest: BTreeMap<&Labels, &RawSeries> = got.iter().map(|series| (&series.labels, series)).collect();
    for (labels, points) in expected {
        let series = rest.remove(labels).ok_or_else(|| format!("no {labels} in the result"))?;
        let wanted: Vec<(i64, f64)> = points
            .iter()
            .enumerate()
            .filter_map(|(i, point)| match point {
                Point::Float(value) => Some((from + step * i as i64, *value)),
                _ => None,
            })
            .collect();
        let have: Vec<(i64, f64)> =
            series.times_ms.iter().copied().zip(series.values.iter().copied()).collect();
        let same = wanted.len() == have.len()
            && wanted.iter().zip(&have).all(|(a, b)| a.0 == b.0 && almost_equal(a.1, b.1));
        if !same {
            return Err(format!("{labels}: expected {wanted:?}, got {have:?}"));
        }
    }
    rest.into_keys().next().map_or(Ok(()), |labels| Err(format!("unexpected {labels}")))
}
