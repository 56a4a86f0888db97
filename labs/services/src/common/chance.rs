//! Chance with a seed: how long a simulated service takes, and whether it fails.
//!
//! Latencies are log-normal, as those of real services are: most answers near the median, a long tail. A service says
//! its median and its 99th percentile, which fix the curve.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The 99th percentile of the standard normal distribution.
const Z99: f64 = 2.326_347_874;
/// No answer is drawn slower than this many times the 99th percentile: the tail of the curve has no end.
const TAIL_MAX: f64 = 5.0;

/// How long something takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency {
    /// Half of the answers take less.
    pub median: Duration,
    /// One in a hundred takes longer; at least the median.
    pub p99: Duration,
}

impl Latency {
    /// From milliseconds.
    pub const fn ms(median: u64, p99: u64) -> Self {
        Self { median: Duration::from_millis(median), p99: Duration::from_millis(p99) }
    }

    fn draw(self, random: &mut fastrand::Rng) -> Duration {
        let median_s = self.median.as_secs_f64();
        if median_s <= 0.0 {
            return Duration::ZERO;
        }
        let sigma = (self.p99.as_secs_f64() / median_s).max(1.0).ln() / Z99;
        // Box and Muller: two even numbers make a normal one. The first must not be zero.
        let (u, v) = (1.0 - random.f64(), random.f64());
        let normal = (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
        let drawn_s = median_s * (sigma * normal).exp();
        Duration::from_secs_f64(drawn_s.min(self.p99.as_secs_f64() * TAIL_MAX))
    }
}

/// The dice of one service: same seed, same throws. Shared by all requests; one short lock a throw.
#[derive(Debug)]
pub struct Dice(Mutex<fastrand::Rng>);

impl Dice {
    /// Dice whose throws follow from `seed`.
    pub fn with_seed(seed: u64) -> Self {
        Self(Mutex::new(fastrand::Rng::with_seed(seed)))
    }

    /// True in `share` of the throws, 0 to 1.
    pub fn happens(&self, share: f64) -> bool {
        self.share() < share
    }

    /// Evenly between 0 and 1, without 1.
    pub fn share(&self) -> f64 {
        self.throw(fastrand::Rng::f64)
    }

    /// A whole number in `0..below`; 0 when there is none.
    pub fn below(&self, below: u64) -> u64 {
        self.throw(|random| random.u64(..below.max(1)))
    }

    /// Waits as `latency` says.
    pub async fn wait(&self, latency: Latency) {
        let drawn = self.throw(|random| latency.draw(random));
        tokio::time::sleep(drawn).await;
    }

    fn throw<T>(&self, draw: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        // A panic while drawing leaves a generator that is as good as before.
        draw(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_goes_through_median_and_p99() {
        let latency = Latency::ms(20, 200);
        let mut random = fastrand::Rng::with_seed(1);
        let mut drawn: Vec<Duration> = (0..20_000).map(|_| latency.draw(&mut random)).collect();
        drawn.sort_unstable();
        let at = |share: f64| drawn[(drawn.len() as f64 * share) as usize].as_secs_f64() * 1000.0;
        assert!((19.0..21.0).contains(&at(0.5)), "{}", at(0.5));
        assert!((180.0..225.0).contains(&at(0.99)), "{}", at(0.99));
        assert!(drawn.last() <= Some(&(latency.p99 * 5)));
    }

    #[test]
    fn edges_do_not_break_it() {
        let mut random = fastrand::Rng::with_seed(1);
        assert_eq!(Latency::ms(0, 0).draw(&mut random), Duration::ZERO);
        assert_eq!(Latency::ms(5, 5).draw(&mut random), Duration::from_millis(5));
        let dice = Dice::with_seed(1);
        assert!(!dice.happens(0.0) && dice.happens(1.0) && dice.below(0) == 0);
    }

    #[test]
    fn the_same_seed_throws_the_same() {
        let throws = |seed| {
            let dice = Dice::with_seed(seed);
            (0..5).map(|_| dice.below(1000)).collect::<Vec<_>>()
        };
        assert_eq!(throws(3), throws(3));
        assert_ne!(throws(3), throws(4));
    }
}
