//! Whether to go on: cancelled, out of time, too much held. Shared by all workers of one query.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A flag by which whoever waits for an answer says that it is no longer wanted.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives up: evaluation ends soon with [`Stop::Canceled`].
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was given up.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Why evaluation does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The caller lost interest.
    Canceled,
    /// It took too long.
    Timeout,
    /// More values would be held at once than allowed.
    TooManyValues {
        /// Values allowed.
        limit: usize,
    },
}

/// Limits of one query, and what it has read.
#[derive(Debug)]
pub struct Guard<'a> {
    cancel: &'a Cancel,
    began: Instant,
    /// How long after that the time is over, nanoseconds; [`u64::MAX`] when that is too long to matter.
    over_ns: AtomicU64,
    samples_max: usize,
    samples_read: AtomicUsize,
}

impl<'a> Guard<'a> {
    /// Allows `samples_max` values at once, for `timeout` from now.
    pub fn new(samples_max: usize, timeout: Duration, cancel: &'a Cancel) -> Self {
        Self {
            cancel,
            began: Instant::now(),
            over_ns: AtomicU64::new(nanos(timeout)),
            samples_max,
            samples_read: AtomicUsize::new(0),
        }
    }

    /// Called at every node and every series: cheap enough for both.
    ///
    /// # Errors
    /// [`Stop::Canceled`], [`Stop::Timeout`].
    pub fn check(&self) -> Result<(), Stop> {
        if self.cancel.is_cancelled() {
            return Err(Stop::Canceled);
        }
        let over_ns = self.over_ns.load(Ordering::Relaxed);
        if over_ns != u64::MAX && nanos(self.began.elapsed()) >= over_ns {
            return Err(Stop::Timeout);
        }
        Ok(())
    }

    /// Allows `timeout` from now in place of what was left: for a query whose time does not run while it waits for others.
    pub fn restart(&self, timeout: Duration) {
        self.over_ns.store(nanos(self.began.elapsed().saturating_add(timeout)), Ordering::Relaxed);
    }

    /// Counts samples that were read.
    pub fn count_read(&self, samples: usize) {
        self.samples_read.fetch_add(samples, Ordering::Relaxed);
    }

    /// How many samples were read.
    pub fn samples_read(&self) -> usize {
        self.samples_read.load(Ordering::Relaxed)
    }

    /// Refuses when `held` values are more than allowed.
    ///
    /// # Errors
    /// [`Stop::TooManyValues`].
    pub fn allow(&self, held: usize) -> Result<(), Stop> {
        if held > self.samples_max { Err(Stop::TooManyValues { limit: self.samples_max }) } else { Ok(()) }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Counts values that parallel workers add to what is held already.
#[derive(Debug)]
pub struct Tally<'a> {
    guard: &'a Guard<'a>,
    held: AtomicUsize,
}

impl<'a> Tally<'a> {
    /// Begins with what is held already.
    pub fn from(guard: &'a Guard<'a>, held: usize) -> Self {
        Self { guard, held: AtomicUsize::new(held) }
    }

    /// Adds values that stay.
    ///
    /// # Errors
    /// [`Stop::TooManyValues`].
    pub fn add(&self, values: usize) -> Result<(), Stop> {
        let before = self.held.fetch_add(values, Ordering::Relaxed);
        self.guard.allow(before.saturating_add(values))
    }

    /// The limits.
    pub fn guard(&self) -> &Guard<'a> {
        self.guard
    }

    /// Takes back values that did not stay.
    pub fn give_back(&self, values: usize) {
        self.held.fetch_sub(values, Ordering::Relaxed);
    }

    /// Refuses when `values` more, held only for a moment, would be too many.
    ///
    /// # Errors
    /// [`Stop::TooManyValues`].
    pub fn pass(&self, values: usize) -> Result<(), Stop> {
        self.guard.allow(self.held.load(Ordering::Relaxed).saturating_add(values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_may_be_given_anew() {
        let cancel = Cancel::new();
        let guard = Guard::new(1, Duration::ZERO, &cancel);
        assert_eq!(guard.check(), Err(Stop::Timeout));
        guard.restart(Duration::from_secs(3600));
        assert_eq!(guard.check(), Ok(()));
        guard.restart(Duration::ZERO);
        assert_eq!(guard.check(), Err(Stop::Timeout));
        guard.restart(Duration::MAX);
        assert_eq!(guard.check(), Ok(()));
        cancel.cancel();
        assert_eq!(guard.check(), Err(Stop::Canceled));
    }
}
