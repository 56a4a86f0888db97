//! The order of series by labels, remembered while no series comes or goes.
//!
//! Queries answer in this order, and comparing labels is most of the cost of finding very many series. While the set of
//! series stays as it is, their places are looked up instead.

use std::sync::{Arc, Mutex, PoisonError};

use crate::series::Series;

/// A slot that had no series.
const NOWHERE: u32 = u32::MAX;

/// Places of all series, and of which version of the set of series.
#[derive(Debug)]
pub(crate) struct Order {
    version: u64,
    places: Vec<u32>,
}

/// The order that was made last.
#[derive(Debug, Default)]
pub(crate) struct OrderCache(Mutex<Option<Arc<Order>>>);

impl Order {
    fn new(version: u64, mut all: Vec<Arc<Series>>) -> Self {
        all.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
        let slots = all.iter().map(|series| series.slot() as usize + 1).max().unwrap_or(0);
        let mut places = vec![NOWHERE; slots];
        for (place, series) in all.iter().enumerate() {
            places[series.slot() as usize] = place as u32;
        }
        Self { version, places }
    }

    /// The place of the series in `slot`, if there was one.
    pub(crate) fn place(&self, slot: u32) -> Option<u32> {
        self.places.get(slot as usize).copied().filter(|place| *place != NOWHERE)
    }
}

impl OrderCache {
    /// The order of this version, if it is remembered.
    pub(crate) fn get(&self, version: u64) -> Option<Arc<Order>> {
        let cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cached.as_ref().filter(|order| order.version == version).cloned()
    }

    /// Makes and remembers the order of `all` series of this version.
    pub(crate) fn make(&self, version: u64, all: Vec<Arc<Series>>) -> Arc<Order> {
        let order = Arc::new(Order::new(version, all));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&order));
        order
    }
}
