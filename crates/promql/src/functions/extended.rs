//! `anchored` and `smoothed` windows: edges taken from samples beyond the window instead of extrapolation.
//!
//! Anchored: the last sample at or before the window's start (within the lookback) counts as standing at the start;
//! the last sample within is the end. Smoothed: the values at both edges lie on the line between the samples around
//! them. A counter that falls between two samples is taken to restart from zero, on the line too.

use columns::{ABSENT, WindowSteps};
use storage::Samples;

use crate::ast::Edge;
use crate::functions::over_time;

/// The functions that take each modifier, as Prometheus lists them.
pub(crate) const ANCHORED: [&str; 5] = ["changes", "delta", "increase", "rate", "resets"];
/// See [`ANCHORED`].
pub(crate) const SMOOTHED: [&str; 3] = ["delta", "increase", "rate"];

/// The value of `function` for each window of one series whose samples reach a lookback beyond the windows.
pub(crate) fn column(
    function: &str,
    edge: Edge,
    samples: &Samples,
    windows: &WindowSteps,
    lookback_ms: i64,
) -> Vec<f64> {
    let value = |end_ms: i64| {
        let start_ms = end_ms - windows.range_ms;
        let after = if edge == Edge::Smoothed { end_ms + lookback_ms } else { end_ms };
        let from = samples.times_ms.partition_point(|at| *at <= start_ms - lookback_ms);
        let to = samples.times_ms.partition_point(|at| *at <= after);
        let span = Span {
            times_ms: &samples.times_ms[from..to],
            values: &samples.values[from..to],
            start_ms,
            end_ms,
        };
        match function {
            "changes" => span.count_pairs(over_time::is_change),
            "resets" => span.count_pairs(over_time::is_reset),
            _ => span.change(edge, function != "delta").map(|change| match function {
                "rate" => change / (windows.range_ms as f64 / 1000.0),
                _ => change,
            }),
        }
    };
    windows.steps.iter().map(|end_ms| value(end_ms).unwrap_or(ABSENT)).collect()
}

/// Samples around one window.
struct Span<'a> {
    times_ms: &'a [i64],
    values: &'a [f64],
    start_ms: i64,
    end_ms: i64,
}

impl Span<'_> {
    /// Index of the first sample within the window, and one past the last.
    fn inside(&self) -> (usize, usize) {
        let from = self.times_ms.partition_point(|at| *at <= self.start_ms);
        (from, self.times_ms.partition_point(|at| *at <= self.end_ms))
    }

    /// Neighbours from the anchor on that `counts` says to count; nothing without a sample inside.
    fn count_pairs(&self, counts: fn(f64, f64) -> bool) -> Option<f64> {
        let (from, to) = self.inside();
        if from == to {
            return None;
        }
        let values = &self.values[from.saturating_sub(1)..to];
        Some(values.windows(2).filter(|pair| counts(pair[0], pair[1])).count() as f64)
    }

    fn change(&self, edge: Edge, counter: bool) -> Option<f64> {
        let (from, to) = self.inside();
        let (left, right) = match edge {
            Edge::Smoothed => {
                // Data only before or only after the window says nothing of it.
                if self.times_ms.first().is_none_or(|at| *at > self.end_ms)
                    || self.times_ms.last().is_none_or(|at| *at < self.start_ms)
                {
                    return None;
                }
                (self.at(self.start_ms, counter)?, self.at(self.end_ms, counter)?)
            }
            _ if from == to => return None,
            _ => (self.values[from.saturating_sub(1)], self.values[to - 1]),
        };
        let mut change = right - left;
        if counter {
            let mut before = left;
            for &value in self.values[from..to].iter().chain([&right]) {
                if value < before {
                    change += before;
                }
                before = value;
            }
        }
        Some(change)
    }

    /// The value on the line between the samples around `at_ms`; beyond the first or last sample, that one's.
    fn at(&self, at_ms: i64, counter: bool) -> Option<f64> {
        let next = self.times_ms.partition_point(|time| *time <= at_ms);
        let Some(before) = next.checked_sub(1) else { return self.values.first().copied() };
        let (from_ms, from) = (self.times_ms[before], self.values[before]);
        let Some((&to_ms, &to)) = self.times_ms.get(next).zip(self.values.get(next)) else {
            return Some(from);
        };
        if from_ms == at_ms {
            return Some(from);
        }
        let base = if counter && to < from { 0.0 } else { from };
        Some(base + (to - base) * (at_ms - from_ms) as f64 / (to_ms - from_ms) as f64)
    }
}
