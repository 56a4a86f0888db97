//! `rate`, `increase`, `delta`: the change over a window from its first and last sample, extrapolated to its edges.
//!
//! The rules are Prometheus 3's. A window rarely starts and ends exactly on samples, so the change between them is
//! stretched to the window's edges, unless an edge is farther from the samples than 1.1 of their usual distance: then
//! the series is taken to start (or end) half a distance beyond its sample. A counter is not stretched beyond the
//! moment at which it would have been zero.

/// How far an edge may be from the next sample, in usual distances, to be extrapolated to.
const EDGE_DISTANCE_MAX: f64 = 1.1;

/// What is known of one window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EdgesAt {
    pub(crate) count: u32,
    pub(crate) first_ms: i64,
    pub(crate) first: f64,
    pub(crate) last_ms: i64,
    pub(crate) last: f64,
    /// What a counter lost by resets within.
    pub(crate) resets: f64,
    /// When the window ends.
    pub(crate) end_ms: i64,
    pub(crate) range_ms: i64,
}

pub(crate) fn rate(edges: &EdgesAt) -> Option<f64> {
    extrapolated(edges, edges.resets, true, seconds(edges.range_ms))
}

pub(crate) fn increase(edges: &EdgesAt) -> Option<f64> {
    extrapolated(edges, edges.resets, true, 1.0)
}

pub(crate) fn delta(edges: &EdgesAt) -> Option<f64> {
    extrapolated(edges, 0.0, false, 1.0)
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

/// The stretched change divided by `per`, rounded in the same order as upstream.
fn extrapolated(edges: &EdgesAt, resets: f64, counter: bool, per: f64) -> Option<f64> {
    if edges.count < 2 {
        return None;
    }
    let change = edges.last - edges.first + resets;
    let sampled = seconds(edges.last_ms - edges.first_ms);
    let distance = sampled / f64::from(edges.count - 1);
    let mut to_start = seconds(edges.first_ms - (edges.end_ms - edges.range_ms));
    let mut to_end = seconds(edges.end_ms - edges.last_ms);
    if to_start >= distance * EDGE_DISTANCE_MAX {
        to_start = distance / 2.0;
    }
    if counter {
        to_start = to_start.min(to_zero(edges, change, sampled).unwrap_or(f64::INFINITY));
    }
    if to_end >= distance * EDGE_DISTANCE_MAX {
        to_end = distance / 2.0;
    }
    Some(change * ((sampled + to_start + to_end) / sampled / per))
}

/// How long before its first sample a counter that always grew like this was zero.
fn to_zero(edges: &EdgesAt, change: f64, sampled: f64) -> Option<f64> {
    (change > 0.0 && edges.first >= 0.0).then(|| sampled * (edges.first / change))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(first: (i64, f64), last: (i64, f64), count: u32) -> EdgesAt {
        EdgesAt {
            count,
            first_ms: first.0,
            first: first.1,
            last_ms: last.0,
            last: last.1,
            resets: 0.0,
            end_ms: 60_000,
            range_ms: 60_000,
        }
    }

    #[test]
    fn stretched_to_near_edges() {
        assert_eq!(delta(&window((5_000, 10.0), (55_000, 60.0), 6)), Some(60.0));
        assert_eq!(rate(&window((5_000, 10.0), (55_000, 60.0), 6)), Some(1.0));
    }

    #[test]
    fn half_a_distance_beyond_when_the_edge_is_far() {
        assert_eq!(delta(&window((30_000, 0.0), (40_000, 10.0), 2)), Some(20.0));
    }

    #[test]
    fn a_counter_is_not_stretched_below_zero() {
        // Zero one second before its first sample; the window starts five before.
        let slow = window((5_000, 1.0), (37_000, 33.0), 2);
        assert_eq!(increase(&EdgesAt { end_ms: 37_000, range_ms: 37_000, ..slow }), Some(33.0));
        let from_zero = window((5_000, 0.0), (37_000, 32.0), 2);
        assert_eq!(increase(&EdgesAt { end_ms: 37_000, range_ms: 37_000, ..from_zero }), Some(32.0));
    }

    #[test]
    fn one_sample_is_not_enough() {
        assert_eq!(rate(&window((5_000, 1.0), (5_000, 1.0), 1)), None);
    }
}
