//! When a target is scraped, and which time its samples get.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use model::{DurationMs, TimestampMs};

/// A new target waits at most this long for its first scrape: a lab on a laptop must be alive at once, and thousands of
/// targets found together must still not be asked in one instant.
const FIRST_SCRAPE_WITHIN: Duration = Duration::from_millis(300);

/// A scrape that starts this close to its ideal time gets that time. Equal distances compress to almost nothing.
const TOLERANCE_MAX_MS: i64 = 2;

/// How long a target waits before its first scrape: spread over the targets by hash, the same at each start.
pub(crate) fn first_delay(target: &impl Hash, interval: DurationMs) -> Duration {
    let mut hasher = DefaultHasher::new();
    target.hash(&mut hasher);
    let within = FIRST_SCRAPE_WITHIN.min(interval.to_std()).as_millis().max(1);
    let offset = u128::from(hasher.finish()) % within;
    Duration::from_millis(u64::try_from(offset).unwrap_or(0))
}

/// Moves the times of scrapes that start nearly on time to the ideal time.
#[derive(Debug)]
pub(crate) struct Aligner {
    ideal_ms: Option<i64>,
    interval_ms: i64,
}

impl Aligner {
    pub(crate) fn new(interval: DurationMs) -> Self {
        Self { ideal_ms: None, interval_ms: interval.0.max(1) }
    }

    /// The time for the samples of a scrape that starts at `now_ms`.
    pub(crate) fn align(&mut self, now_ms: i64) -> TimestampMs {
        let Some(ideal) = self.ideal_ms.filter(|ideal| *ideal <= now_ms + TOLERANCE_MAX_MS) else {
            // The first scrape, or the clock went back: begin again from here.
            self.ideal_ms = Some(now_ms);
            return TimestampMs(now_ms);
        };
        // The tick nearest to now, wherever the clock has jumped.
        let ticks = (now_ms - ideal + self.interval_ms / 2).div_euclid(self.interval_ms);
        let ideal = ideal + ticks * self.interval_ms;
        let tolerance = (self.interval_ms / 100).min(TOLERANCE_MAX_MS);
        if (now_ms - ideal).abs() <= tolerance {
            self.ideal_ms = Some(ideal);
            return TimestampMs(ideal);
        }
        TimestampMs(now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aligned(interval_ms: i64, starts_ms: &[i64]) -> Vec<i64> {
        let mut aligner = Aligner::new(DurationMs(interval_ms));
        starts_ms.iter().map(|now| aligner.align(*now).0).collect()
    }

    #[test]
    fn near_misses_are_moved_to_the_tick() {
        assert_eq!(aligned(1000, &[5, 1006, 2004, 3007, 4005]), [5, 1005, 2005, 3005, 4005]);
    }

    #[test]
    fn late_scrapes_keep_their_time_and_the_grid_stays() {
        assert_eq!(aligned(1000, &[0, 1050, 2001]), [0, 1050, 2000]);
        assert_eq!(aligned(100, &[0, 102, 201]), [0, 102, 200]);
    }

    #[test]
    fn a_clock_that_jumps_does_not_confuse() {
        assert_eq!(aligned(1000, &[10_000, 500, 1501, 2500]), [10_000, 500, 1500, 2500]);
        assert_eq!(aligned(1000, &[0, 1_000_000_001]), [0, 1_000_000_000]);
    }

    #[test]
    fn the_first_scrape_comes_soon() {
        for target in 0..1000 {
            assert!(first_delay(&target, DurationMs(60_000)) < FIRST_SCRAPE_WITHIN);
            assert!(first_delay(&target, DurationMs(50)) < Duration::from_millis(50));
        }
        assert_eq!(first_delay(&1, DurationMs(0)), Duration::ZERO);
    }
}
