//! Since when alerts were active before a restart, read back from `ALERTS_FOR_STATE`.
//!
//! Without this each restart would make an alert with a long `for` wait from the beginning. Only rules whose `for` is at
//! least the grace period take part: the others are back soon enough by themselves. An alert that had little left to wait
//! waits for the grace period, so that one that resolved while the program was down is not told as firing.

use columns::TimeRange;
use model::{DurationMs, Labels, METRIC_NAME, Matcher, TimestampMs, is_stale};
use storage::{MetricQuery, QueryError, Samples, Selection};

use crate::book::{ALERTS_FOR_STATE, Book};

/// The most series that one rule's restore looks at; a rule with more starts anew.
const RESTORED_SERIES_MAX: usize = 100_000;

/// How far back to look, and how long a nearly firing alert has to wait at least.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) outage_tolerance: DurationMs,
    pub(crate) grace_period: DurationMs,
}

/// Puts the active alerts of the rule `name` back to when they began. Answers how many it changed.
pub(crate) fn restore(
    book: &mut Book,
    name: &str,
    hold: DurationMs,
    limits: Limits,
    now: TimestampMs,
    store: &dyn MetricQuery,
) -> Result<usize, QueryError> {
    let range = TimeRange { from: TimestampMs(now.0 - limits.outage_tolerance.0), to: now };
    let matchers = [Matcher::equal(METRIC_NAME, ALERTS_FOR_STATE), Matcher::equal("alertname", name)];
    let set = store.select(&Selection { matchers: &matchers, range, series_max: RESTORED_SERIES_MAX })?;
    let (mut restored, mut samples) = (0, Samples::default());
    let places: Vec<(Labels, usize)> =
        (0..set.len()).map(|i| (set.labels(i).without(|label| label == METRIC_NAME), i)).collect();
    for (labels, alert) in book.active_mut() {
        let Some((_, i)) = places.iter().find(|(known, _)| known == labels) else { continue };
        set.samples_with_stale(*i, range, &mut samples)?;
        let (Some(down_at), Some(value)) = (samples.times_ms.last(), samples.values.last()) else { continue };
        if let Some(active_at) = active_at(TimestampMs(*down_at), *value, hold, limits, now) {
            alert.active_at = active_at;
            restored += 1;
        }
    }
    Ok(restored)
}

/// Since when to call an alert active whose last sign before the restart came at `down_at` with `value`.
fn active_at(
    down_at: TimestampMs,
    value: f64,
    hold: DurationMs,
    limits: Limits,
    now: TimestampMs,
) -> Option<TimestampMs> {
    if is_stale(value) || !value.is_finite() {
        return None;
    }
    let before = (value * 1000.0) as i64;
    let remaining = hold.0 - (down_at.0 - before);
    let restored = if remaining <= 0 {
        // It was firing: it fires again at the next evaluation.
        before
    } else if remaining < limits.grace_period.0 {
        now.0 + limits.grace_period.0 - hold.0
    } else {
        // The time that the program was down does not count.
        before + (now.0 - down_at.0)
    };
    Some(TimestampMs(restored))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    /// All in minutes; the program is back at minute 100.
    fn check(down_at: i64, active_since: i64, hold: i64, expected: i64) {
        let limits =
            Limits { outage_tolerance: DurationMs(60 * MINUTE), grace_period: DurationMs(10 * MINUTE) };
        let value = (active_since * 60) as f64;
        let hold = DurationMs(hold * MINUTE);
        let found = active_at(TimestampMs(down_at * MINUTE), value, hold, limits, TimestampMs(100 * MINUTE));
        assert_eq!(found, Some(TimestampMs(expected * MINUTE)), "down {down_at}, since {active_since}");
    }

    #[test]
    fn what_was_firing_stays_so() {
        check(90, 50, 30, 50);
        check(80, 50, 30, 50);
    }

    #[test]
    fn what_was_about_to_fire_waits_for_the_grace_period() {
        check(90, 65, 30, 80);
        check(90, 61, 30, 80);
    }

    #[test]
    fn what_had_long_to_wait_does_not_count_the_outage() {
        check(90, 80, 30, 90);
        check(90, 70, 30, 80);
    }

    #[test]
    fn what_had_ended_is_not_restored() {
        let limits = Limits { outage_tolerance: DurationMs(MINUTE), grace_period: DurationMs(MINUTE) };
        assert_eq!(
            active_at(TimestampMs(0), model::STALE_NAN, DurationMs(MINUTE), limits, TimestampMs(0)),
            None
        );
    }
}
