//! The newest sample of each series by its slot, to be read without touching the series.
//!
//! Who finds a hundred thousand series asks each for its newest sample. Here these lie one behind the other; as many
//! series, each in its own place of memory and behind a lock, would take longer than all else.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

/// Series of one piece of the table.
const PIECE: usize = 1024;
/// Time of the newest sample of a series that has none.
const NEVER_MS: i64 = i64::MIN;

/// Time and bits of a sample.
pub(crate) type Newest = (i64, u64);

/// A piece of the table.
#[derive(Debug)]
pub(crate) struct Cells(Box<[Cell]>);

#[derive(Debug)]
struct Cell {
    at_ms: AtomicI64,
    bits: AtomicU64,
}

impl Cells {
    fn new() -> Self {
        Self((0..PIECE).map(|_| Cell { at_ms: AtomicI64::new(NEVER_MS), bits: AtomicU64::new(0) }).collect())
    }

    /// Says what the newest sample in a slot is. The two halves belong together for who reads between two commits.
    pub(crate) fn set(&self, slot: u32, newest: Option<Newest>) {
        let cell = &self.0[slot as usize % PIECE];
        let (at_ms, bits) = newest.unwrap_or((NEVER_MS, 0));
        cell.bits.store(bits, Ordering::Relaxed);
        cell.at_ms.store(at_ms, Ordering::Release);
    }

    fn get(&self, slot: u32) -> Option<Newest> {
        let cell = &self.0[slot as usize % PIECE];
        let at_ms = cell.at_ms.load(Ordering::Acquire);
        (at_ms != NEVER_MS).then(|| (at_ms, cell.bits.load(Ordering::Relaxed)))
    }
}

/// The whole table.
#[derive(Debug, Default)]
pub(crate) struct NewestTable(RwLock<Pieces>);

/// By number; a damaged log may name a slot far out.
type Pieces = Vec<Option<Arc<Cells>>>;

/// The table while it is read.
pub(crate) struct NewestView<'a>(RwLockReadGuard<'a, Pieces>);

impl NewestTable {
    /// The piece that has this slot, made if need be.
    pub(crate) fn cells(&self, slot: u32) -> Arc<Cells> {
        let at = slot as usize / PIECE;
        if let Some(Some(cells)) = self.read().0.get(at) {
            return Arc::clone(cells);
        }
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() <= at {
            all.resize(at + 1, None);
        }
        Arc::clone(all[at].get_or_insert_with(|| Arc::new(Cells::new())))
    }

    pub(crate) fn read(&self) -> NewestView<'_> {
        NewestView(self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl NewestView<'_> {
    /// The newest sample of the series in this slot.
    pub(crate) fn get(&self, slot: u32) -> Option<Newest> {
        self.0.get(slot as usize / PIECE)?.as_ref()?.get(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_slot_has_its_own() {
        let table = NewestTable::default();
        for slot in [0, 1, 1023, 1024, 5000] {
            table.cells(slot).set(slot, Some((i64::from(slot), u64::from(slot) + 1)));
        }
        assert_eq!(table.read().get(1024), Some((1024, 1025)));
        assert_eq!(table.read().get(1), Some((1, 2)));
        assert_eq!((table.read().get(2), table.read().get(9000)), (None, None));
        table.cells(1).set(1, None);
        assert_eq!(table.read().get(1), None);
    }
}
