//! A series as the maps hold it: what never changes, and the lock around what does.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use columns::TimeRange;
use model::Labels;

use super::SeriesState;
use crate::newest::{Cells, Newest};

/// A series. Its labels lie in one allocation that the maps, the index and answers share.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) id: u64,
    pub(crate) labels: Labels,
    /// Where its newest sample is told to those who do not want the lock.
    cells: Arc<Cells>,
    state: Mutex<SeriesState>,
}

/// The state, locked. What may be read without the lock is brought up to date when it ends.
pub(crate) struct StateGuard<'a> {
    series: &'a Series,
    is_changed: bool,
    state: MutexGuard<'a, SeriesState>,
}

impl Deref for StateGuard<'_> {
    type Target = SeriesState;

    fn deref(&self) -> &SeriesState {
        &self.state
    }
}

impl DerefMut for StateGuard<'_> {
    fn deref_mut(&mut self) -> &mut SeriesState {
        self.is_changed = true;
        &mut self.state
    }
}

impl Drop for StateGuard<'_> {
    fn drop(&mut self) {
        // A series that was removed no longer owns its slot.
        if self.is_changed && !self.state.is_removed {
            self.series.cells.set(self.series.slot(), self.state.newest());
        }
    }
}

impl Series {
    pub(crate) fn new(id: u64, labels: Labels, now_ms: i64, cells: Arc<Cells>) -> Self {
        let slot = id as u32;
        cells.set(slot, None);
        Self { id, labels, cells, state: Mutex::new(SeriesState::new(slot, now_ms)) }
    }

    /// The upper half of the id names the generation, the lower the slot.
    pub(crate) fn slot(&self) -> u32 {
        self.id as u32
    }

    pub(crate) fn state(&self) -> StateGuard<'_> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        StateGuard { series: self, is_changed: false, state }
    }

    /// Gives its slot up if `is_due` says so. False when it does not, or when that has happened before.
    pub(crate) fn leave_if(&self, is_due: impl FnOnce(&SeriesState) -> bool) -> bool {
        let mut state = self.state();
        let leaves = !state.is_removed && is_due(&state);
        if leaves {
            state.is_removed = true;
            self.cells.set(self.slot(), None);
        }
        leaves
    }

    /// The newest sample of all if the series may have one in `range`.
    pub(crate) fn newest_if_in(&self, range: TimeRange) -> Option<Newest> {
        let state = self.state();
        state.newest().filter(|_| state.overlaps(range))
    }
}
