//! `rate`, `increase`, `delta`: the change over a window from its first and last sample, extrapolated to its edges.
//!
//! The rules are Prometheus 3's. A window rarely starts and ends exactly on samples, so the change between them is
//! stretched to the window's edges, unless an edge is farther from the samples than 1.1 of their usual distance: then
//! the series is taken to start (or end) half a distance beyond its sample. A counter is not stretched beyond the
//! moment at which it would have been zero.
//!
//! How far to stretch hangs on the times alone, but for that last rule; so it is worked out once for all series that
//! were sampled at the same moments. All is rounded in the same order as upstream.

use crate::{ABSENT, Edges, Spans, SpansId, WindowSteps};

/// How far an edge may be from the next sample, in usual distances, to be extrapolated to.
const EDGE_DISTANCE_MAX: f64 = 1.1;

/// What the three functions differ in.
#[derive(Debug, Clone, Copy)]
pub struct Change {
    /// Whether falls are resets, and the value was never below zero.
    pub counter: bool,
    /// Whether the change is divided by the window's length.
    pub per_second: bool,
}

/// `rate`
pub const RATE: Change = Change { counter: true, per_second: true };
/// `increase`
pub const INCREASE: Change = Change { counter: true, per_second: false };
/// `delta`
pub const DELTA: Change = Change { counter: false, per_second: false };

/// How the change over one window is stretched; lengths in seconds.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    /// By what the change is multiplied.
    factor: f64,
    /// From the first sample to the last; 0 where they are fewer than two, which have no change.
    sampled: f64,
    to_start: f64,
    to_end: f64,
}

/// Stretches of the times that one [`Edges`] has met, by their place.
#[derive(Debug, Default)]
pub struct Stretches(Vec<(u64, Vec<Stretch>)>);

impl Stretches {
    fn of(&mut self, change: Change, edges: &Edges, windows: &WindowSteps) -> &[Stretch] {
        let SpansId { place, number } = edges.spans_id();
        if self.0.len() <= place {
            self.0.resize_with(place + 1, Default::default);
        }
        let (known, stretches) = &mut self.0[place];
        if *known != number {
            *known = number;
            stretches.clear();
            let ends = windows.steps.iter().enumerate();
            stretches
                .extend(ends.map(|(i, end_ms)| change.stretch(edges.spans(), i, end_ms, windows.range_ms)));
        }
        stretches
    }
}

impl Change {
    /// The change over each window of a series.
    pub fn column(self, edges: &Edges, windows: &WindowSteps, stretches: &mut Stretches, out: &mut Vec<f64>) {
        let per = self.per(windows.range_ms);
        let stretches = stretches.of(self, edges, windows);
        let ends = edges.first.iter().zip(&edges.last).zip(stretches);
        out.clear();
        if !self.counter {
            return out.extend(ends.map(|((first, last), stretch)| stretch.apply(last - first)));
        }
        if edges.resets.is_empty() {
            out.extend(ends.map(|((first, last), stretch)| stretch.of_counter(*first, last - first, per)));
        } else {
            let ends = ends.zip(&edges.resets);
            out.extend(ends.map(|(((first, last), stretch), resets)| {
                stretch.of_counter(*first, last - first + resets, per)
            }));
        }
    }

    fn per(self, range_ms: i64) -> f64 {
        if self.per_second { seconds(range_ms) } else { 1.0 }
    }

    fn stretch(self, spans: &Spans, i: usize, end_ms: i64, range_ms: i64) -> Stretch {
        if spans.count[i] < 2 {
            return Stretch { factor: ABSENT, sampled: 0.0, to_start: 0.0, to_end: 0.0 };
        }
        let sampled = seconds(spans.last_ms[i] - spans.first_ms[i]);
        let distance = sampled / f64::from(spans.count[i] - 1);
        let near = |gap: f64| if gap >= distance * EDGE_DISTANCE_MAX { distance / 2.0 } else { gap };
        let to_start = near(seconds(spans.first_ms[i] - (end_ms - range_ms)));
        let to_end = near(seconds(end_ms - spans.last_ms[i]));
        let factor = (sampled + to_start + to_end) / sampled / self.per(range_ms);
        Stretch { factor, sampled, to_start, to_end }
    }
}

impl Stretch {
    #[inline]
    fn apply(&self, change: f64) -> f64 {
        if self.sampled == 0.0 { ABSENT } else { change * self.factor }
    }

    /// As [`Stretch::apply`], but not to before the moment at which a counter that always grew like this was zero.
    #[inline]
    fn of_counter(&self, first: f64, change: f64, per: f64) -> f64 {
        // At least `sampled` before its first sample, so not within the stretch: without the division that would tell
        // when exactly. The usual case, since most counters are older than the window.
        let was_zero_long_ago = first >= change && self.to_start <= self.sampled;
        if !(change > 0.0 && first >= 0.0) || was_zero_long_ago || self.sampled == 0.0 {
            return self.apply(change);
        }
        let to_start = self.to_start.min(self.sampled * (first / change));
        change * ((self.sampled + to_start + self.to_end) / self.sampled / per)
    }
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use model::TimestampMs;

    use super::*;
    use crate::{Steps, is_absent};

    /// The one window of `range_ms` that ends at `end_ms`, over the samples `(at_ms, value)`.
    fn check(change: Change, samples: &[(i64, f64)], end_ms: i64, range_ms: i64, expected: f64) {
        let (times, values): (Vec<i64>, Vec<f64>) = samples.iter().copied().unzip();
        let windows = WindowSteps { steps: Steps::instant(TimestampMs(end_ms)), range_ms };
        let (mut edges, mut out) = (Edges::default(), Vec::new());
        edges.fill(&times, &values, &windows);
        change.column(&edges, &windows, &mut Stretches::default(), &mut out);
        let same = out[0] == expected || (is_absent(out[0]) && is_absent(expected));
        assert!(same, "{change:?} of {samples:?}: {} instead of {expected}", out[0]);
    }

    #[test]
    fn stretched_to_near_edges() {
        let minute: Vec<(i64, f64)> = (0..6).map(|i| (5_000 + i * 10_000, 10.0 + i as f64 * 10.0)).collect();
        check(DELTA, &minute, 60_000, 60_000, 60.0);
        check(RATE, &minute, 60_000, 60_000, 1.0);
    }

    #[test]
    fn half_a_distance_beyond_when_the_edge_is_far() {
        check(DELTA, &[(30_000, 0.0), (40_000, 10.0)], 60_000, 60_000, 20.0);
    }

    #[test]
    fn a_counter_is_not_stretched_below_zero() {
        // Zero one second before its first sample; the window starts five before.
        check(INCREASE, &[(5_000, 1.0), (37_000, 33.0)], 37_000, 37_000, 33.0);
        check(INCREASE, &[(5_000, 0.0), (37_000, 32.0)], 37_000, 37_000, 32.0);
        // Zero long before, whether it says so by the short way or the long one.
        check(INCREASE, &[(5_000, 40.0), (37_000, 72.0)], 37_000, 37_000, 37.0);
        check(INCREASE, &[(5_000, 31.0), (37_000, 63.0)], 37_000, 37_000, 37.0);
    }

    #[test]
    fn what_resets_lost_counts_for_counters() {
        let fallen = [(5_000, 90.0), (15_000, 100.0), (25_000, 10.0), (35_000, 20.0)];
        check(INCREASE, &fallen, 35_000, 30_001, 30.0 * ((30.0 + 0.001) / 30.0));
        check(DELTA, &fallen, 35_000, 30_001, -70.0 * ((30.0 + 0.001) / 30.0));
    }

    #[test]
    fn one_sample_is_not_enough() {
        check(RATE, &[(5_000, 1.0)], 60_000, 60_000, ABSENT);
        check(RATE, &[], 60_000, 60_000, ABSENT);
    }
}
