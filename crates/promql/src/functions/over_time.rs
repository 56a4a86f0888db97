//! Functions of one window of samples that need more of it than its edges or a plain summary.

use columns::compensated_add;
use columns::spread::{self, quantile};

/// One window of one series; never empty.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window<'a> {
    pub(crate) times_ms: &'a [i64],
    pub(crate) values: &'a [f64],
    /// The step at which the function is evaluated, offset and `@` aside.
    pub(crate) step_ms: i64,
    /// Scalar arguments at this step.
    pub(crate) params: [f64; 2],
}

/// `irate`: from the last two samples; a fall is a counter's reset.
pub(crate) fn irate(window: &Window<'_>) -> Option<f64> {
    let (change, ms) = last_change(window, true)?;
    Some(change / (ms as f64 / 1000.0))
}

/// `idelta`.
pub(crate) fn idelta(window: &Window<'_>) -> Option<f64> {
    last_change(window, false).map(|(change, _)| change)
}

fn last_change(window: &Window<'_>, counter: bool) -> Option<(f64, i64)> {
    let last = window.values.len().checked_sub(1).filter(|last| *last > 0)?;
    let (from, to) = (window.values[last - 1], window.values[last]);
    let ms = window.times_ms[last] - window.times_ms[last - 1];
    let change = if counter && to < from { to } else { to - from };
    (ms > 0).then_some((change, ms))
}

pub(crate) fn stdvar(window: &Window<'_>) -> Option<f64> {
    Some(spread::stdvar(window.values))
}

pub(crate) fn stddev(window: &Window<'_>) -> Option<f64> {
    stdvar(window).map(f64::sqrt)
}

/// `quantile_over_time`, the quantile being the first parameter.
pub(crate) fn quantile_of(window: &Window<'_>) -> Option<f64> {
    Some(quantile(window.params[0], &mut window.values.to_vec()))
}

/// Median absolute deviation.
pub(crate) fn mad(window: &Window<'_>) -> Option<f64> {
    if window.values.iter().any(|value| value.is_nan()) {
        return Some(f64::NAN);
    }
    let mut values = window.values.to_vec();
    let median = quantile(0.5, &mut values);
    values.iter_mut().for_each(|value| *value = (*value - median).abs());
    Some(quantile(0.5, &mut values))
}

pub(crate) fn deriv(window: &Window<'_>) -> Option<f64> {
    (window.values.len() > 1).then(|| regression(window, window.times_ms[0]).0)
}

/// `predict_linear`, the seconds ahead being the first parameter.
pub(crate) fn predict_linear(window: &Window<'_>) -> Option<f64> {
    if window.values.len() < 2 {
        return None;
    }
    let (slope, intercept) = regression(window, window.step_ms);
    Some(slope * window.params[0] + intercept)
}

/// Slope a second, and the value at `origin_ms`, of the line of least squares.
fn regression(window: &Window<'_>, origin_ms: i64) -> (f64, f64) {
    let first = window.values[0];
    if window.values.iter().all(|value| *value == first) {
        return if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) };
    }
    let count = window.values.len() as f64;
    // Sums of x, y, x·y and x², each with its compensation.
    let mut sums = [(0.0f64, 0.0f64); 4];
    for (&at_ms, &y) in window.times_ms.iter().zip(window.values) {
        let x = (at_ms - origin_ms) as f64 / 1000.0;
        for (sum, term) in sums.iter_mut().zip([x, y, x * y, x * x]) {
            *sum = compensated_add(term, sum.0, sum.1);
        }
    }
    let [x, y, xy, xx] = sums.map(|(sum, carry)| sum + carry);
    let slope = (xy - x * y / count) / (xx - x * x / count);
    (slope, y / count - slope * x / count)
}

/// What is wrong with the factors of [`double_exponential_smoothing`].
pub(crate) fn wrong_factor([smoothing, trend]: [f64; 2]) -> Option<String> {
    let is_wrong = |factor: f64| !(factor > 0.0 && factor < 1.0);
    if is_wrong(smoothing) {
        return Some(format!("invalid smoothing factor. Expected: 0 < sf < 1, got: {smoothing:.6}"));
    }
    is_wrong(trend).then(|| format!("invalid trend factor. Expected: 0 < tf < 1, got: {trend:.6}"))
}

/// Holt's double exponential smoothing; the parameters are the smoothing and the trend factor.
pub(crate) fn double_exponential_smoothing(window: &Window<'_>) -> Option<f64> {
    let [smoothing, trend_factor] = window.params;
    let [first, second, ..] = *window.values else { return None };
    let (mut before, mut level, mut trend) = (0.0, first, second - first);
    for (i, &value) in window.values.iter().enumerate().skip(1) {
        if i > 1 {
            trend = trend_factor * (level - before) + (1.0 - trend_factor) * trend;
        }
        (before, level) = (level, smoothing * value + (1.0 - smoothing) * (level + trend));
    }
    Some(level)
}

pub(crate) fn ts_of_max(window: &Window<'_>) -> Option<f64> {
    time_of(window, |value, best| value >= best)
}

pub(crate) fn ts_of_min(window: &Window<'_>) -> Option<f64> {
    time_of(window, |value, best| value <= best)
}

/// When, in seconds, the best value was last seen.
fn time_of(window: &Window<'_>, as_good: fn(f64, f64) -> bool) -> Option<f64> {
    let mut best = 0;
    for (i, &value) in window.values.iter().enumerate() {
        if as_good(value, window.values[best]) || window.values[best].is_nan() {
            best = i;
        }
    }
    Some(window.times_ms[best] as f64 / 1000.0)
}

/// Whether `changes` counts the step from one value to the next.
pub(crate) fn is_change(from: f64, to: f64) -> bool {
    from != to && !(from.is_nan() && to.is_nan())
}

/// Whether `resets` counts the step from one value to the next.
pub(crate) fn is_reset(from: f64, to: f64) -> bool {
    to < from
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window<'a>(times_ms: &'a [i64], values: &'a [f64], params: [f64; 2]) -> Window<'a> {
        Window { times_ms, values, step_ms: 4000, params }
    }

    #[test]
    fn lines() {
        let times = [1000, 2000, 3000, 4000];
        assert_eq!(deriv(&window(&times, &[1.0, 3.0, 5.0, 7.0], [0.0; 2])), Some(2.0));
        assert_eq!(predict_linear(&window(&times, &[1.0, 3.0, 5.0, 7.0], [10.0, 0.0])), Some(27.0));
        assert_eq!(deriv(&window(&times, &[5.0; 4], [0.0; 2])), Some(0.0));
        assert_eq!(deriv(&window(&[1], &[5.0], [0.0; 2])), None);
    }

    #[test]
    fn spread() {
        let times = [0; 5];
        assert_eq!(stdvar(&window(&times[..4], &[0.0, 8.0, 0.0, 8.0], [0.0; 2])), Some(16.0));
        assert_eq!(mad(&window(&times, &[4.0, 6.0, 2.0, 1.0, 999.0], [0.0; 2])), Some(2.0));
    }

    #[test]
    fn last_two() {
        let times = [0, 1000, 3000];
        assert_eq!(irate(&window(&times, &[9.0, 1.0, 5.0], [0.0; 2])), Some(2.0));
        assert_eq!(irate(&window(&times, &[9.0, 5.0, 4.0], [0.0; 2])), Some(2.0));
        assert_eq!(idelta(&window(&times, &[9.0, 5.0, 4.0], [0.0; 2])), Some(-1.0));
    }
}
