//! The order of series by labels, remembered while no series comes or goes.
//!
//! Queries answer in this order, and comparing labels is most of the cost of finding very many series. While the set of
//! series stays as it is, their places are looked up instead. When some have come or gone, the former order is where the
//! next begins: only the new ones are sorted and put between.

use std::sync::{Arc, Mutex, PoisonError};

use roaring::RoaringBitmap;

use crate::series::Series;

/// A slot that had no series.
const NOWHERE: u32 = u32::MAX;
/// When less than one in so many series is known already, all are sorted anew.
const KNOWN_SHARE_MIN: usize = 2;

/// So many series are sorted by two threads: it takes them some ten milliseconds, beside which a thread is nothing.
const SORTED_BY_TWO_MIN: usize = 20_000;

/// All series in order, and of which version of the set of series.
#[derive(Debug)]
pub(crate) struct Order {
    version: u64,
    sorted: Arc<[Arc<Series>]>,
    /// Slots of `sorted`: asking each series for its own would touch all of memory.
    slots: Vec<u32>,
    /// Places in `sorted`, by slot.
    places: Vec<u32>,
}

/// The order that was made last.
#[derive(Debug, Default)]
pub(crate) struct OrderCache(Mutex<Option<Arc<Order>>>);

impl Order {
    fn new(version: u64, mut all: Vec<Arc<Series>>, former: Option<&Self>) -> Self {
        match former {
            Some(former) => all = former.go_on_with(all),
            None => sort(&mut all),
        }
        let slots: Vec<u32> = all.iter().map(|series| series.slot()).collect();
        let mut places = vec![NOWHERE; slots.iter().max().map_or(0, |highest| *highest as usize + 1)];
        for (place, slot) in slots.iter().enumerate() {
            places[*slot as usize] = place as u32;
        }
        Self { version, sorted: all.into(), slots, places }
    }

    /// Sorts `all`, of which most have their place here.
    fn go_on_with(&self, all: Vec<Arc<Series>>) -> Vec<Arc<Series>> {
        let count = all.len();
        let (known, mut new): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|series| self.place(series).is_some());
        if known.len() * KNOWN_SHARE_MIN < count {
            new.extend(known);
            sort(&mut new);
            return new;
        }
        sort(&mut new);
        let mut known = self.places_of(known.iter().map(|series| series.slot()));
        let mut sorted = Vec::with_capacity(count);
        for series in new {
            let before = known.partition_point(|&place| self.sorted[place as usize].labels < series.labels);
            sorted.extend(known.drain(..before).map(|place| Arc::clone(&self.sorted[place as usize])));
            sorted.push(series);
        }
        sorted.extend(known.into_iter().map(|place| Arc::clone(&self.sorted[place as usize])));
        sorted
    }

    /// The place of this very series, if it has one: its slot may have been given to another since.
    pub(crate) fn place(&self, series: &Arc<Series>) -> Option<u32> {
        let place = self.places.get(series.slot() as usize).copied().filter(|place| *place != NOWHERE)?;
        Arc::ptr_eq(&self.sorted[place as usize], series).then_some(place)
    }

    /// All series in order.
    pub(crate) fn sorted(&self) -> &Arc<[Arc<Series>]> {
        &self.sorted
    }

    /// Slots of all series in order.
    pub(crate) fn slots(&self) -> &[u32] {
        &self.slots
    }

    /// The places of the series in `slots`, rising. Slots without one are left out: their series are being made.
    pub(crate) fn places(&self, slots: &RoaringBitmap) -> Vec<u32> {
        self.places_of(slots.iter())
    }

    /// A bit a place, set and then read in order: quicker than sorting, however many there are.
    fn places_of(&self, slots: impl Iterator<Item = u32>) -> Vec<u32> {
        let mut bits = vec![0u64; self.sorted.len().div_ceil(64)];
        let mut count = 0;
        let places = slots.filter_map(|slot| self.places.get(slot as usize));
        for place in places.filter(|place| **place != NOWHERE) {
            bits[*place as usize / 64] |= 1 << (place % 64);
            count += 1;
        }
        let mut rising = Vec::with_capacity(count);
        for (word, bits) in bits.into_iter().enumerate() {
            let mut left = bits;
            while left != 0 {
                rising.push(word as u32 * 64 + left.trailing_zeros());
                left &= left - 1;
            }
        }
        rising
    }
}

impl OrderCache {
    /// The order of this version, if it is remembered.
    pub(crate) fn get(&self, version: u64) -> Option<Arc<Order>> {
        self.latest().filter(|order| order.version == version)
    }

    /// Whether none was made yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.latest().is_none()
    }

    /// Makes and remembers the order of `all` series of this version.
    pub(crate) fn make(&self, version: u64, all: Vec<Arc<Series>>) -> Arc<Order> {
        let order = Arc::new(Order::new(version, all, self.latest().as_deref()));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&order));
        order
    }

    fn latest(&self) -> Option<Arc<Order>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn sort(all: &mut [Arc<Series>]) {
    if all.len() >= SORTED_BY_TWO_MIN {
        let (front, back) = all.split_at_mut(all.len() / 2);
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name("tsdb-sort".to_owned());
            // Where the system has none to give, the last step has all of it to do.
            drop(thread.spawn_scoped(scope, || sort_alone(front)));
            sort_alone(back);
        });
    }
    sort_alone(all);
}

/// Finds what is in order already, as two sorted halves are, and has little left to compare.
fn sort_alone(all: &mut [Arc<Series>]) {
    all.sort_by(|a, b| a.labels.cmp(&b.labels));
}

#[cfg(test)]
mod tests {
    use model::Labels;

    use super::*;
    use crate::newest::NewestTable;

    fn series(id: u64, name: &str) -> Arc<Series> {
        Arc::new(Series::new(
            id,
            Labels::from_pairs([("__name__", name)]),
            0,
            NewestTable::default().cells(id as u32),
        ))
    }

    fn names(order: &Order) -> Vec<String> {
        order.sorted().iter().map(|series| series.labels.to_string()).collect()
    }

    #[test]
    fn two_threads_sort_as_one() {
        let count = SORTED_BY_TWO_MIN as u64 + 1;
        let all = (0..count).map(|i| series(i, &format!("m{}", i * 7919 % count))).collect();
        let order = OrderCache::default().make(1, all);
        assert!(order.sorted().is_sorted_by(|a, b| a.labels < b.labels));
    }

    #[test]
    fn a_new_order_goes_on_from_the_former_one() {
        let cache = OrderCache::default();
        let mut all: Vec<Arc<Series>> =
            ["d", "b", "f", "a", "e"].iter().enumerate().map(|(i, name)| series(i as u64, name)).collect();
        assert_eq!(names(&cache.make(1, all.clone())), ["a", "b", "d", "e", "f"]);
        // One gone, its slot given to another, two more.
        all[1] = series(1 << 32 | 1, "g");
        all.extend([series(5, "c"), series(6, "A")]);
        let order = cache.make(2, all);
        assert_eq!(names(&order), ["A", "a", "c", "d", "e", "f", "g"]);
        assert_eq!(order.places(&RoaringBitmap::from([0, 1, 5, 99])), [2, 3, 6]);
        assert!(cache.get(1).is_none() && cache.get(2).is_some());
        assert_eq!(names(&cache.make(3, vec![series(9, "z"), series(2, "y")])), ["y", "z"]);
    }
}
