//! The moments at which a query is evaluated, and the value that means "nothing at this step".

use model::TimestampMs;

/// No value at this step. It is the stale marker's bit pattern, a signalling NaN: sums and products of numbers make
/// quiet NaNs only, so a computed NaN is never mistaken for it. Whatever copies values without arithmetic (`min`,
/// `max`, selections) has to ask [`is_absent`].
pub const ABSENT: f64 = model::STALE_NAN;

/// Whether a step holds no value.
#[inline]
pub fn is_absent(value: f64) -> bool {
    value.to_bits() == ABSENT.to_bits()
}

/// Moments `start`, `start + step`, … `count` of them. An instant query has a count of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    /// The first moment.
    pub start: TimestampMs,
    /// Milliseconds between moments; above zero even when there is but one.
    pub step_ms: i64,
    /// How many moments.
    pub count: usize,
}

impl Steps {
    /// The single moment `at`.
    pub fn instant(at: TimestampMs) -> Self {
        Self { start: at, step_ms: 1, count: 1 }
    }

    /// All moments from `start` by `step_ms` that are not after `end`; none when `end` is before `start`.
    ///
    /// # Panics
    /// When `step_ms` is not above zero.
    pub fn range(start: TimestampMs, end: TimestampMs, step_ms: i64) -> Self {
        assert!(step_ms > 0, "a step of {step_ms} ms");
        let span = end.0.saturating_sub(start.0);
        let count = if span < 0 { 0 } else { usize::try_from(span / step_ms).unwrap_or(usize::MAX - 1) + 1 };
        Self { start, step_ms, count }
    }

    /// The moment number `i`, in milliseconds.
    #[inline]
    pub fn at(&self, i: usize) -> i64 {
        self.start.0 + self.step_ms * i as i64
    }

    /// The last moment; the start when there is none.
    pub fn last(&self) -> TimestampMs {
        TimestampMs(self.at(self.count.saturating_sub(1)))
    }

    /// The same moments, `by_ms` earlier (later when negative): what an offset asks of storage.
    #[must_use]
    pub fn earlier(&self, by_ms: i64) -> Self {
        Self { start: TimestampMs(self.start.0.saturating_sub(by_ms)), ..*self }
    }

    /// All moments in order, in milliseconds.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = i64> + '_ {
        (0..self.count).map(|i| self.at(i))
    }
}

/// A span of time, both ends inclusive. `from` after `to` is the empty span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// First moment inside.
    pub from: TimestampMs,
    /// Last moment inside.
    pub to: TimestampMs,
}

impl TimeRange {
    /// All of time.
    pub const ALL: Self = Self { from: TimestampMs(i64::MIN), to: TimestampMs(i64::MAX) };

    /// Whether `at_ms` lies inside.
    pub fn contains(&self, at_ms: i64) -> bool {
        self.from.0 <= at_ms && at_ms <= self.to.0
    }

    /// Whether the two spans share a moment.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.from <= other.to && other.from <= self.to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_counts_both_ends() {
        let steps = Steps::range(TimestampMs(10), TimestampMs(31), 10);
        assert_eq!(steps.iter().collect::<Vec<_>>(), [10, 20, 30]);
        assert_eq!(steps.last(), TimestampMs(30));
        assert_eq!(Steps::range(TimestampMs(10), TimestampMs(9), 10).count, 0);
    }

    #[test]
    fn computed_nans_are_not_absent() {
        assert!(is_absent(ABSENT));
        for value in [f64::NAN, ABSENT + 1.0, ABSENT * 0.0, f64::INFINITY - f64::INFINITY] {
            assert!(!is_absent(value), "{:x}", value.to_bits());
        }
    }
}
