//! Whether to go on: cancelled, out of time, too much held. Shared by all workers of one query.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::engine::{Cancel, EngineOptions};
use crate::error::EvalError;

pub(crate) struct Guard<'a> {
    cancel: &'a Cancel,
    /// `None` when the timeout is too long to matter.
    deadline: Option<Instant>,
    samples_max: usize,
    samples_read: AtomicUsize,
}

impl<'a> Guard<'a> {
    pub(crate) fn new(options: &EngineOptions, cancel: &'a Cancel) -> Self {
        Self {
            cancel,
            deadline: Instant::now().checked_add(options.timeout),
            samples_max: options.samples_max,
            samples_read: AtomicUsize::new(0),
        }
    }

    /// Called at every node and every series: cheap enough for both.
    pub(crate) fn check(&self) -> Result<(), EvalError> {
        if self.cancel.is_cancelled() {
            return Err(EvalError::Canceled);
        }
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(EvalError::Timeout);
        }
        Ok(())
    }

    pub(crate) fn count_read(&self, samples: usize) {
        self.samples_read.fetch_add(samples, Ordering::Relaxed);
    }

    pub(crate) fn samples_read(&self) -> usize {
        self.samples_read.load(Ordering::Relaxed)
    }

    /// Refuses when `held` values are more than allowed.
    pub(crate) fn allow(&self, held: usize) -> Result<(), EvalError> {
        if held > self.samples_max {
            Err(EvalError::TooManySamples { limit: self.samples_max })
        } else {
            Ok(())
        }
    }
}

/// Counts values that parallel workers add to what is held already.
pub(crate) struct Tally<'a> {
    guard: &'a Guard<'a>,
    held: AtomicUsize,
}

impl<'a> Tally<'a> {
    pub(crate) fn from(guard: &'a Guard<'a>, held: usize) -> Self {
        Self { guard, held: AtomicUsize::new(held) }
    }

    /// Adds values that stay.
    pub(crate) fn add(&self, values: usize) -> Result<(), EvalError> {
        let before = self.held.fetch_add(values, Ordering::Relaxed);
        self.guard.allow(before.saturating_add(values))
    }

    pub(crate) fn guard(&self) -> &Guard<'a> {
        self.guard
    }

    /// Takes back values that did not stay.
    pub(crate) fn give_back(&self, values: usize) {
        self.held.fetch_sub(values, Ordering::Relaxed);
    }

    /// Refuses when `values` more, held only for a moment, would be too many.
    pub(crate) fn pass(&self, values: usize) -> Result<(), EvalError> {
        self.guard.allow(self.held.load(Ordering::Relaxed).saturating_add(values))
    }
}
