//! All series in memory: by labels, by slot, and in the index.
//!
//! The two maps are in shards, each under its own lock, so that appenders and readers seldom meet. Locks are taken in the
//! order labels, slots, index, series; none is held while bytes are decoded or written.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use columns::TimeRange;
use foldhash::quality::RandomState;
use hashbrown::HashTable;
use model::Labels;
use postings::Index;
use roaring::RoaringBitmap;
use stdx::prefetch;

use crate::newest::{NewestTable, NewestView};
use crate::order::{Order, OrderCache};
use crate::series::{Amount, Series};
use crate::spill::Spill;

/// Shards of each map: some more than threads that append and read at once. A power of two.
const SHARDS: u32 = 16;
/// Slots there can be. An id beyond is not ours; with it a damaged record could make us reserve all memory.
pub(crate) const SLOTS_MAX: u32 = 1 << 26;

/// The order of all series is made first for a query that sorts one in so many of them: a few such cost as much.
const ORDER_SHARE_MIN: usize = 8;

const _: () = assert!(SHARDS.is_power_of_two() && SLOTS_MAX.is_multiple_of(SHARDS));

type ByLabels = HashTable<Arc<Series>>;
type BySlot = Vec<Option<Arc<Series>>>;

/// All series.
#[derive(Debug)]
pub(crate) struct Head {
    hasher: RandomState,
    by_labels: Vec<RwLock<ByLabels>>,
    by_slot: Vec<RwLock<BySlot>>,
    index: RwLock<Index>,
    newest: NewestTable,
    /// Finished chunks in files.
    pub(crate) spill: Arc<Spill>,
    slots: Mutex<Slots>,
    series: AtomicUsize,
    /// Grows whenever a series has come or gone.
    version: AtomicU64,
    order: OrderCache,
    samples_appended: AtomicU64,
    chunks: AtomicU64,
    chunk_bytes: AtomicU64,
    /// Times of the oldest and newest sample; the first above the second while empty.
    min_ms: AtomicI64,
    max_ms: AtomicI64,
}

/// Which slots are free, and the generation of the ids that are given out now.
#[derive(Debug, Default)]
struct Slots {
    next: u32,
    free: Vec<u32>,
    generation: u32,
}

/// No slot is free.
#[derive(Debug)]
pub(crate) struct NoSlot;

/// Totals over all series.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Totals {
    pub(crate) series: usize,
    pub(crate) samples_appended: u64,
    pub(crate) chunks: u64,
    pub(crate) chunk_bytes: u64,
    pub(crate) span_ms: Option<(i64, i64)>,
}

impl Head {
    pub(crate) fn new(spill: Spill) -> Self {
        Self {
            hasher: RandomState::default(),
            by_labels: (0..SHARDS).map(|_| RwLock::default()).collect(),
            by_slot: (0..SHARDS).map(|_| RwLock::default()).collect(),
            index: RwLock::default(),
            newest: NewestTable::default(),
            spill: Arc::new(spill),
            slots: Mutex::default(),
            series: AtomicUsize::new(0),
            version: AtomicU64::new(0),
            order: OrderCache::default(),
            samples_appended: AtomicU64::new(0),
            chunks: AtomicU64::new(0),
            chunk_bytes: AtomicU64::new(0),
            min_ms: AtomicI64::new(i64::MAX),
            max_ms: AtomicI64::new(i64::MIN),
        }
    }

    /// The series with these labels.
    pub(crate) fn by_labels(&self, labels: &Labels) -> Option<Arc<Series>> {
        let hash = self.hash(labels);
        read(self.labels_shard(hash)).find(hash, |series| series.labels == *labels).cloned()
    }

    /// The series with this id.
    pub(crate) fn by_id(&self, id: u64) -> Option<Arc<Series>> {
        let (shard, at) = place(id as u32);
        read(self.by_slot.get(shard)?).get(at)?.as_ref().filter(|series| series.id == id).cloned()
    }

    /// Has the memory of the series with this id fetched, if there is one.
    pub(crate) fn fetch(&self, id: u64) {
        let (shard, at) = place(id as u32);
        let Some(shard) = self.by_slot.get(shard) else { return };
        if let Some(Some(series)) = read(shard).get(at) {
            prefetch(&**series);
        }
    }

    /// The series with these labels, made if there is none.
    pub(crate) fn get_or_create(&self, labels: &Labels, now_ms: i64) -> Result<Arc<Series>, NoSlot> {
        let hash = self.hash(labels);
        let mut shard = write(self.labels_shard(hash));
        if let Some(series) = shard.find(hash, |series| series.labels == *labels) {
            return Ok(Arc::clone(series));
        }
        let series = self.make(self.take_slot()?, labels, now_ms);
        self.place(&series);
        write(&self.index).insert(series.slot(), labels);
        self.insert(&mut shard, hash, &series);
        Ok(series)
    }

    /// Puts a series that the log defines in its place, and removes those that had left memory when it was defined:
    /// the one with the same labels and the one in the same slot. Gives what is there already when it is the same.
    /// It is found by its labels' values only after [`Head::set_index`].
    pub(crate) fn restore(&self, id: u64, labels: &Labels, now_ms: i64) -> Option<Arc<Series>> {
        if id as u32 >= SLOTS_MAX {
            return None;
        }
        for former in [self.by_labels(labels), self.in_slot(id as u32)].into_iter().flatten() {
            if former.id == id && former.labels == *labels {
                return Some(former);
            }
            self.remove_if(&former, |_| true);
        }
        let series = self.make(id, labels, now_ms);
        series.state().is_logged = true;
        self.place(&series);
        let hash = self.hash(labels);
        self.insert(&mut write(self.labels_shard(hash)), hash, &series);
        Some(series)
    }

    /// All series, also while there is no index of them yet.
    pub(crate) fn restored(&self) -> Vec<Arc<Series>> {
        self.by_slot
            .iter()
            .flat_map(|shard| read(shard).iter().flatten().cloned().collect::<Vec<_>>())
            .collect()
    }

    /// The index of all series that were restored.
    pub(crate) fn set_index(&self, index: Index) {
        *write(&self.index) = index;
    }

    fn make(&self, id: u64, labels: &Labels, now_ms: i64) -> Arc<Series> {
        Arc::new(Series::new(id, labels.clone(), now_ms, self.newest.cells(id as u32)))
    }

    /// Removes the series if `is_due` says so while nobody can change it. Its slot stays taken until
    /// [`Head::settle_slots`].
    pub(crate) fn remove_if(
        &self,
        series: &Series,
        is_due: impl FnOnce(&crate::series::SeriesState) -> bool,
    ) -> bool {
        let hash = self.hash(&series.labels);
        let mut shard = write(self.labels_shard(hash));
        if !series.leave_if(is_due) {
            return false;
        }
        if let Ok(found) = shard.find_entry(hash, |other| std::ptr::eq(&**other, series)) {
            found.remove();
        }
        let (at_shard, at) = place(series.slot());
        if let Some(slot) = self.by_slot.get(at_shard).and_then(|s| write(s).get_mut(at).map(Option::take)) {
            drop(slot);
        }
        write(&self.index).remove(series.slot(), &series.labels);
        self.series.fetch_sub(1, Ordering::Relaxed);
        self.version.fetch_add(1, Ordering::Release);
        true
    }

    /// Says which slots are free, after replay or after series were removed, and begins a new generation of ids, no
    /// lower than `generation`.
    pub(crate) fn settle_slots(&self, freed: Vec<u32>, generation: u64) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.free.extend(freed);
        let next = u64::from(slots.generation).saturating_add(1).max(generation);
        slots.generation = u32::try_from(next).unwrap_or(u32::MAX);
    }

    /// After replay: all slots that nobody has, below the highest that somebody has.
    pub(crate) fn unused_slots(&self) -> Vec<u32> {
        let used = self.all_slots();
        let next = used.max().map_or(0, |highest| highest + 1);
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).next = next;
        (0..next).filter(|slot| !used.contains(*slot)).collect()
    }

    /// The generation of ids given out now.
    pub(crate) fn generation(&self) -> u64 {
        u64::from(self.slots.lock().unwrap_or_else(PoisonError::into_inner).generation)
    }

    /// Slots of all series.
    pub(crate) fn all_slots(&self) -> RoaringBitmap {
        self.index().matching(&[])
    }

    pub(crate) fn index(&self) -> RwLockReadGuard<'_, Index> {
        read(&self.index)
    }

    /// The newest sample of each series by slot.
    pub(crate) fn newest(&self) -> NewestView<'_> {
        self.newest.read()
    }

    /// The series in these slots, in order of slot, as far as they are still there.
    pub(crate) fn in_slots(&self, slots: &RoaringBitmap) -> Vec<Arc<Series>> {
        let shards: Vec<RwLockReadGuard<'_, BySlot>> = self.by_slot.iter().map(read).collect();
        let series = slots.iter().filter_map(|slot| {
            let (shard, at) = place(slot);
            shards.get(shard)?.get(at)?.clone()
        });
        series.collect()
    }

    /// Which set of series there is. Read before series are found, it tells with [`Head::order`] whether slots still
    /// mean the same series: a slot is given out again only after the version has grown.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// The order of all series of this version, if it is known.
    pub(crate) fn known_order(&self, version: u64) -> Option<Arc<Order>> {
        self.order.get(version)
    }

    /// The order of all series of this version: when it is known, when it is made easily from a former one, or when
    /// `count` series that are to be sorted are a good part of all.
    pub(crate) fn order(&self, version: u64, count: usize) -> Option<Arc<Order>> {
        let known = self.order.get(version);
        if known.is_some() || (self.order.is_empty() && count * ORDER_SHARE_MIN < self.totals().series) {
            return known;
        }
        let order = self.order.make(version, self.in_slots(&self.all_slots()));
        (self.version() == version).then_some(order)
    }

    /// Remakes the order if there is one: it holds the series it knows, and with them the memory of those removed.
    pub(crate) fn forget_removed(&self) {
        if !self.order.is_empty() {
            self.order.make(self.version(), self.in_slots(&self.all_slots()));
        }
    }

    /// Counts what a commit has added.
    pub(crate) fn count(&self, samples: u64, amount: Amount, range: TimeRange) {
        self.samples_appended.fetch_add(samples, Ordering::Relaxed);
        self.chunks.fetch_add(amount.chunks, Ordering::Relaxed);
        self.chunk_bytes.fetch_add(amount.bytes, Ordering::Relaxed);
        self.min_ms.fetch_min(range.from.0, Ordering::Relaxed);
        self.max_ms.fetch_max(range.to.0, Ordering::Relaxed);
    }

    /// Counts what has left memory for a file. Nobody recounts meanwhile.
    pub(crate) fn count_spilled(&self, bytes: u64) {
        self.chunk_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Sets what was counted anew. Nobody commits meanwhile.
    pub(crate) fn recount(&self, amount: Amount, span_ms: Option<(i64, i64)>) {
        self.chunks.store(amount.chunks, Ordering::Relaxed);
        self.chunk_bytes.store(amount.bytes, Ordering::Relaxed);
        let (min_ms, max_ms) = span_ms.unwrap_or((i64::MAX, i64::MIN));
        self.min_ms.store(min_ms, Ordering::Relaxed);
        self.max_ms.store(max_ms, Ordering::Relaxed);
    }

    pub(crate) fn totals(&self) -> Totals {
        let (min_ms, max_ms) = (self.min_ms.load(Ordering::Relaxed), self.max_ms.load(Ordering::Relaxed));
        Totals {
            series: self.series.load(Ordering::Relaxed),
            samples_appended: self.samples_appended.load(Ordering::Relaxed),
            chunks: self.chunks.load(Ordering::Relaxed),
            chunk_bytes: self.chunk_bytes.load(Ordering::Relaxed),
            span_ms: (min_ms <= max_ms).then_some((min_ms, max_ms)),
        }
    }

    fn hash(&self, labels: &Labels) -> u64 {
        self.hasher.hash_one(labels)
    }

    /// By bits of the hash that the table of a shard does not look at first.
    fn labels_shard(&self, hash: u64) -> &RwLock<ByLabels> {
        &self.by_labels[(hash >> 32) as usize % SHARDS as usize]
    }

    /// Puts a series whose labels no other has into its shard.
    fn insert(&self, shard: &mut ByLabels, hash: u64, series: &Arc<Series>) {
        shard.insert_unique(hash, Arc::clone(series), |series| self.hash(&series.labels));
    }

    fn in_slot(&self, slot: u32) -> Option<Arc<Series>> {
        let (shard, at) = place(slot);
        read(self.by_slot.get(shard)?).get(at)?.clone()
    }

    fn take_slot(&self) -> Result<u64, NoSlot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = match slots.free.pop() {
            Some(slot) => slot,
            None if slots.next < SLOTS_MAX => {
                slots.next += 1;
                slots.next - 1
            }
            None => return Err(NoSlot),
        };
        Ok(u64::from(slots.generation) << 32 | u64::from(slot))
    }

    fn place(&self, series: &Arc<Series>) {
        let (shard, at) = place(series.slot());
        {
            let mut slots = write(&self.by_slot[shard]);
            if slots.len() <= at {
                slots.resize(at + 1, None);
            }
            slots[at] = Some(Arc::clone(series));
        }
        self.series.fetch_add(1, Ordering::Relaxed);
        self.version.fetch_add(1, Ordering::Release);
    }
}

/// Shard of a slot, and its place there.
fn place(slot: u32) -> (usize, usize) {
    ((slot % SHARDS) as usize, (slot / SHARDS) as usize)
}

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn head() -> Head {
        Head::new(
            Spill::open(Arc::new(disk::MemDisk::default()), Path::new("/head"), &crate::Limits::standard())
                .unwrap(),
        )
    }

    fn labels(i: usize) -> Labels {
        Labels::from_pairs([("__name__", format!("m{i}"))])
    }

    #[test]
    fn slots_are_given_out_in_order_and_again_under_new_ids() {
        let head = head();
        let all: Vec<Arc<Series>> = (0..40).map(|i| head.get_or_create(&labels(i), 0).unwrap()).collect();
        assert_eq!(all.iter().map(|s| s.id).collect::<Vec<_>>(), (0..40).collect::<Vec<u64>>());
        assert_eq!(head.get_or_create(&labels(7), 0).unwrap().id, 7);
        assert!(head.remove_if(&all[7], |_| true) && !head.remove_if(&all[7], |_| true));
        assert!(head.by_id(7).is_none() && head.by_labels(&labels(7)).is_none());
        head.settle_slots(vec![7], 0);
        assert_eq!(head.get_or_create(&labels(7), 0).unwrap().id, 1 << 32 | 7);
        assert!(head.by_id(7).is_none(), "the former id stays unknown");
        assert_eq!(head.totals().series, 40);
    }

    #[test]
    fn a_restored_series_replaces_those_in_its_way() {
        let head = head();
        for (id, i) in [(3, 0), (4, 1), (1 << 32 | 3, 2), (5, 1)] {
            assert_eq!(head.restore(id, &labels(i), 0).unwrap().id, id);
        }
        assert!(head.by_labels(&labels(0)).is_none(), "its slot was given to another");
        assert_eq!(head.by_labels(&labels(1)).unwrap().id, 5, "it came back under another id");
        assert_eq!(head.totals().series, 2);
        let mut index = Index::default();
        for (slot, i) in [(5, 1), (3, 2)] {
            index.insert(slot, &labels(i));
        }
        head.set_index(index);
        assert_eq!(head.unused_slots(), [0, 1, 2, 4]);
        assert!(head.restore(u64::from(SLOTS_MAX), &labels(9), 0).is_none());
    }
}
