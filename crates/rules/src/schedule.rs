//! When a group is evaluated: at its interval, on a grid that differs from group to group so that not all work falls on
//! the same moment, and that stays the same over restarts.

use model::{DurationMs, TimestampMs};

/// The longest wait before the first evaluation after a start. Prometheus waits for the grid, up to a whole interval;
/// whoever starts a lab wants to see rules alive at once.
pub(crate) const FIRST_WAIT_MAX: DurationMs = DurationMs::from_secs(1);

/// The grid of one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Schedule {
    interval_ms: i64,
    offset_ms: i64,
}

impl Schedule {
    /// The grid of the group called `key`.
    ///
    /// # Panics
    /// When the interval is not above zero: configuration refuses that.
    pub(crate) fn new(key: &str, interval: DurationMs) -> Self {
        assert!(interval.0 > 0, "a rule group with an interval of {interval}");
        let offset_ms = (fnv1a(key.as_bytes()) % interval.0.unsigned_abs()) as i64;
        Self { interval_ms: interval.0, offset_ms }
    }

    /// When to evaluate first after a start at `now`.
    pub(crate) fn first(&self, now: TimestampMs) -> TimestampMs {
        TimestampMs(self.after(now).0.min(now.0 + FIRST_WAIT_MAX.0))
    }

    /// The first moment of the grid after `at`.
    pub(crate) fn after(&self, at: TimestampMs) -> TimestampMs {
        let into = (at.0 - self.offset_ms).rem_euclid(self.interval_ms);
        TimestampMs(at.0 - into + self.interval_ms)
    }

    /// `due` again, or the next moment of the grid when the clock was set back so far that rules would stand still
    /// until it has caught up.
    pub(crate) fn still_due(&self, due: TimestampMs, now: TimestampMs) -> TimestampMs {
        if due.0 - now.0 > self.interval_ms { self.after(now) } else { due }
    }

    /// What comes after the evaluation due at `due`, which ended at `now`: when to evaluate next, and how many moments
    /// of the grid are left out because they have passed by.
    pub(crate) fn next(&self, due: TimestampMs, now: TimestampMs) -> (TimestampMs, u64) {
        let next = self.after(due);
        let missed = (now.0 - next.0).div_euclid(self.interval_ms).max(0);
        (TimestampMs(next.0 + missed * self.interval_ms), missed.unsigned_abs())
    }
}

/// FNV-1a with 64 bits.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: Schedule = Schedule { interval_ms: 10_000, offset_ms: 3_000 };

    #[test]
    fn the_grid_has_its_offset() {
        for (at, next) in [(0, 3_000), (2_999, 3_000), (3_000, 13_000), (13_001, 23_000), (-8_000, -7_000)] {
            assert_eq!(GRID.after(TimestampMs(at)), TimestampMs(next), "after {at}");
        }
    }

    #[test]
    fn the_first_evaluation_comes_soon() {
        assert_eq!(GRID.first(TimestampMs(2_500)), TimestampMs(3_000));
        assert_eq!(GRID.first(TimestampMs(3_000)), TimestampMs(4_000));
    }

    #[test]
    fn late_ends_leave_out_what_has_passed() {
        for (due, now, next, missed) in [
            (3_000, 3_100, 13_000, 0),
            (4_000, 4_100, 13_000, 0),
            (3_000, 13_000, 13_000, 0),
            (3_000, 22_999, 13_000, 0),
            (3_000, 23_000, 23_000, 1),
            (3_000, 45_000, 43_000, 3),
        ] {
            assert_eq!(
                GRID.next(TimestampMs(due), TimestampMs(now)),
                (TimestampMs(next), missed),
                "{due} {now}"
            );
        }
    }

    #[test]
    fn a_clock_set_back_does_not_stop_rules() {
        for (due, now, expected) in
            [(13_000, 3_000, 13_000), (13_000, 2_999, 3_000), (103_000, 50_000, 53_000)]
        {
            assert_eq!(
                GRID.still_due(TimestampMs(due), TimestampMs(now)),
                TimestampMs(expected),
                "{due} {now}"
            );
        }
    }

    #[test]
    fn groups_differ_and_stay() {
        let offset = |key| Schedule::new(key, DurationMs(60_000)).offset_ms;
        assert_ne!(offset("a.yml;x"), offset("a.yml;y"));
        assert_eq!(offset("a.yml;x"), offset("a.yml;x"));
        assert!((0..60_000).contains(&offset("b")));
    }
}
