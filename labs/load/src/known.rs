//! Ids of orders that exist: acknowledged to us, or found by asking. Reads choose among them.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Most ids remembered (64 KiB). When full, a new one takes the place of a random old one, so that reads keep touching
/// both old and new orders.
pub(crate) const KNOWN_MAX: usize = 8192;

/// A bounded set of order ids shared by all users.
#[derive(Debug, Default)]
pub(crate) struct KnownOrders(Mutex<Vec<u64>>);

impl KnownOrders {
    /// Remembers `id`.
    pub(crate) fn add(&self, id: u64, random: &mut fastrand::Rng) {
        let mut ids = self.lock();
        if ids.len() < KNOWN_MAX {
            ids.push(id);
        } else if let Some(place) = ids.get_mut(random.usize(..KNOWN_MAX)) {
            *place = id;
        }
    }

    /// One of them, or `None` while there is none.
    pub(crate) fn choose(&self, random: &mut fastrand::Rng) -> Option<u64> {
        let ids = self.lock();
        random.choice(ids.iter()).copied()
    }

    /// How many are known.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u64>> {
        // A user that panicked while holding it left a whole list behind: each step above is one operation.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_bounded_and_takes_new_ids_when_full() {
        let (known, mut random) = (KnownOrders::default(), fastrand::Rng::with_seed(1));
        assert_eq!(known.choose(&mut random), None);
        let count = KNOWN_MAX as u64;
        (0..2 * count).for_each(|id| known.add(id, &mut random));
        assert_eq!(known.count(), KNOWN_MAX);
        let chosen: Vec<u64> = (0..1000).filter_map(|_| known.choose(&mut random)).collect();
        assert!(chosen.iter().any(|id| *id < count) && chosen.iter().any(|id| *id >= count));
    }
}
