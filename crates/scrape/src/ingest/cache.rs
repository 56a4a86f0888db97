//! What the last scrapes of one target said, line by line: raw series text to series id.
//!
//! A body mostly repeats the one before in the same order. So the cache remembers the order: the series that stood
//! behind the one just read is the guess for the next line, and the reader compares instead of parsing. Where the
//! guess fails, a table finds the series; only a text never seen is taken apart. The table is made only for a
//! body in which some guess failed: few bodies are, and it is as large as all the rest.
//!
//! Texts themselves are not kept: they would be a tenth of a monitor's memory, and out of the processor's caches whenever they are
//! needed. A text is known by its length and 128 bits of a hash whose key differs from run to run. Among a billion texts
//! two would be taken for one with a chance of one in 10^20.
//!
//! A series is *live* when its last sample may be taken for its newest value; when it goes, it needs a stale marker.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;

use exposition::Expected;
use foldhash::quality::RandomState;
use storage::SeriesId;

/// Stands where a series is dropped; never handed out.
const NOBODY: SeriesId = SeriesId(u64::MAX);

/// A place in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SlotIdx(u32);

/// What a text is known by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Known {
    hashes: [u64; 2],
    /// None are that long.
    text_bytes: u32,
}

/// The key of the hash, in two parts.
#[derive(Debug, Clone, Default)]
struct Key([RandomState; 2]);

impl Key {
    /// Nothing is known of a text of 4 GiB and more; no body holds one.
    fn of(&self, text: &str) -> Known {
        let hashes = self.0.each_ref().map(|half| half.hash_one(text.as_bytes()));
        Known { hashes, text_bytes: u32::try_from(text.len()).unwrap_or(u32::MAX) }
    }
}

/// What the next line most likely begins with.
#[derive(Debug)]
pub(super) struct Guess<'a> {
    key: &'a Key,
    known: Known,
}

impl Expected for Guess<'_> {
    fn text_bytes(&self) -> usize {
        self.known.text_bytes as usize
    }

    fn is(&self, text: &str) -> bool {
        self.key.of(text) == self.known
    }
}

#[derive(Debug)]
struct Slot {
    /// Of nothing when the slot is free: no series is called nothing.
    text: Known,
    /// The scrape that saw it last.
    seen: u32,
    /// What metric relabelling drops is nobody's.
    series: SeriesId,
    /// Where it stood in that body.
    place: u32,
    is_dropped: bool,
    is_live: bool,
}

impl Slot {
    fn is_free(&self) -> bool {
        self.text.text_bytes == 0
    }
}

/// Stood nowhere.
const NOWHERE: u32 = u32::MAX;

/// Series of one target by their text.
#[derive(Debug, Default)]
pub(super) struct SeriesCache {
    key: Key,
    slots: Vec<Slot>,
    free: Vec<SlotIdx>,
    /// Slots by their texts, while a body is read in which some guess failed.
    by_text: Option<HashMap<Known, SlotIdx>>,
    /// The body of the last good scrape.
    order: Vec<SlotIdx>,
    /// The body of this scrape so far.
    next_order: Vec<SlotIdx>,
    /// How many scrapes there were; it may go round, as only the last one counts.
    scrape: u32,
    /// Slots that this scrape made, to be taken back if it fails.
    created: Vec<SlotIdx>,
    /// Live series whose texts are forgotten because the rules changed.
    orphans: Vec<SeriesId>,
    guess: usize,
}

impl SeriesCache {
    /// Begins a scrape.
    pub(super) fn begin(&mut self) {
        self.scrape = self.scrape.wrapping_add(1);
        self.guess = 0;
        self.by_text = None;
        self.created.clear();
        self.next_order.clear();
    }

    /// What the next line most likely begins with.
    pub(super) fn guess(&self) -> Guess<'_> {
        let slot = self.order.get(self.guess).and_then(|slot| self.slots.get(slot.0 as usize));
        Guess { key: &self.key, known: slot.map_or_else(Known::default, |slot| slot.text) }
    }

    /// The slot of the guess, for a line that began with it.
    pub(super) fn guessed(&self) -> Option<SlotIdx> {
        self.order.get(self.guess).copied()
    }

    /// The series that comes after so many others if all guesses are right.
    pub(super) fn ahead(&self, lines: usize) -> Option<SeriesId> {
        self.order.get(self.guess + lines).and_then(|at| self.series(*at))
    }

    /// The slot of a text seen before.
    pub(super) fn find(&mut self, text: &str) -> Option<SlotIdx> {
        let slots = self.slots.iter().enumerate().filter(|(_, slot)| !slot.is_free());
        let by_text = || slots.map(|(at, slot)| (slot.text, SlotIdx(at as u32))).collect();
        self.by_text.get_or_insert_with(by_text).get(&self.key.of(text)).copied()
    }

    /// Remembers a text seen for the first time.
    pub(super) fn create(&mut self, text: &str, series: Option<SeriesId>) -> SlotIdx {
        let text = self.key.of(text);
        let slot = Slot {
            text,
            series: series.unwrap_or(NOBODY),
            seen: self.scrape.wrapping_sub(1),
            place: NOWHERE,
            is_dropped: series.is_none(),
            is_live: false,
        };
        let at = match self.free.pop() {
            Some(at) => {
                self.slots[at.0 as usize] = slot;
                at
            }
            None => {
                self.slots.push(slot);
                SlotIdx(
                    u32::try_from(self.slots.len() - 1)
                        .expect("a body below 4 GiB has fewer lines than a u32 counts"),
                )
            }
        };
        if let Some(by_text) = &mut self.by_text {
            by_text.insert(text, at);
        }
        self.created.push(at);
        at
    }

    /// Notes that this scrape saw a slot. False when it had already.
    pub(super) fn see(&mut self, at: SlotIdx) -> bool {
        let slot = &mut self.slots[at.0 as usize];
        if slot.seen == self.scrape {
            return false;
        }
        slot.seen = self.scrape;
        if slot.place != NOWHERE {
            self.guess = slot.place as usize + 1;
        }
        // A body below 4 GiB has fewer lines than that.
        slot.place = self.next_order.len() as u32;
        self.next_order.push(at);
        true
    }

    /// The series of a slot; `None` when it is dropped.
    pub(super) fn series(&self, at: SlotIdx) -> Option<SeriesId> {
        let slot = &self.slots[at.0 as usize];
        (!slot.is_dropped).then_some(slot.series)
    }

    /// The store has given the series another id.
    pub(super) fn set_series(&mut self, at: SlotIdx, series: Option<SeriesId>) {
        let slot = &mut self.slots[at.0 as usize];
        (slot.series, slot.is_dropped) = (series.unwrap_or(NOBODY), series.is_none());
    }

    /// Whether the slot's series needs a stale marker when it goes.
    pub(super) fn set_live(&mut self, at: SlotIdx, is_live: bool) {
        self.slots[at.0 as usize].is_live = is_live;
    }

    /// Ends a good scrape: forgets what it did not see, and returns the live series that are gone.
    pub(super) fn end(&mut self) -> Vec<SeriesId> {
        std::mem::swap(&mut self.order, &mut self.next_order);
        self.created.clear();
        let mut gone = std::mem::take(&mut self.orphans);
        if self.len() > self.order.len() {
            let scrape = self.scrape;
            let slots = self.slots.iter().enumerate();
            let unseen = slots.filter(|(_, slot)| !slot.is_free() && slot.seen != scrape);
            let dead: Vec<SlotIdx> = unseen.map(|(at, _)| SlotIdx(at as u32)).collect();
            for at in dead {
                gone.extend(self.forget(at));
            }
        }
        self.by_text = None;
        if !gone.is_empty() {
            // The same series may stand in the body under another text.
            let present: HashSet<SeriesId> = self.order.iter().filter_map(|at| self.series(*at)).collect();
            gone.retain(|series| !present.contains(series));
        }
        gone
    }

    /// Ends a failed scrape: takes back what it made, and returns all series that were live, which no longer are.
    pub(super) fn fail(&mut self) -> Vec<SeriesId> {
        for at in std::mem::take(&mut self.created) {
            self.forget(at);
        }
        self.by_text = None;
        self.take_live()
    }

    /// All live series, which are then no longer live.
    pub(super) fn take_live(&mut self) -> Vec<SeriesId> {
        let mut live = std::mem::take(&mut self.orphans);
        for slot in &mut self.slots {
            if std::mem::take(&mut slot.is_live) && !slot.is_dropped {
                live.push(slot.series);
            }
        }
        live
    }

    /// The rules that make labels of texts have changed: every text must be taken apart again. Series stay live until
    /// the next scrape says otherwise.
    pub(super) fn forget_texts(&mut self) {
        let orphans = self.take_live();
        *self = Self { orphans, scrape: self.scrape, key: self.key.clone(), ..Self::default() };
    }

    /// How many texts are known.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Forgets a slot. Returns its series if that was live.
    fn forget(&mut self, at: SlotIdx) -> Option<SeriesId> {
        let slot = &mut self.slots[at.0 as usize];
        let series = (slot.is_live && !slot.is_dropped).then_some(slot.series);
        (slot.is_live, slot.place, slot.text) = (false, NOWHERE, Known::default());
        self.free.push(at);
        series
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One scrape of these texts, as `ingest` does it. Returns how many were guessed right and what is gone.
    fn scrape(cache: &mut SeriesCache, texts: &[&str]) -> (usize, Vec<u64>) {
        cache.begin();
        let mut guessed = 0;
        for text in texts {
            let is_guessed = cache.guess().text_bytes() == text.len() && cache.guess().is(text);
            let slot = if is_guessed {
                guessed += 1;
                cache.guessed().expect("a guess has a slot")
            } else {
                let id = text.bytes().fold(0, |sum, byte| sum * 256 + u64::from(byte));
                cache.find(text).unwrap_or_else(|| cache.create(text, Some(SeriesId(id))))
            };
            cache.see(slot);
            cache.set_live(slot, true);
        }
        let mut gone: Vec<u64> = cache.end().into_iter().map(|id| id.0).collect();
        gone.sort_unstable();
        (guessed, gone)
    }

    const A: u64 = b'a' as u64;

    #[test]
    fn order_is_guessed_and_found_again() {
        let mut cache = SeriesCache::default();
        assert_eq!(scrape(&mut cache, &["a", "b", "c"]), (0, vec![]));
        assert_eq!(scrape(&mut cache, &["a", "b", "c"]), (3, vec![]));
        // New in the middle: the guess stays good behind it.
        assert_eq!(scrape(&mut cache, &["a", "x", "b", "c"]), (3, vec![]));
        // Gone from the middle: one miss, then good again.
        assert_eq!(scrape(&mut cache, &["a", "c"]), (1, vec![A + 1, b'x' as u64]));
        assert_eq!(scrape(&mut cache, &["c", "a"]), (0, vec![]));
        assert_eq!(cache.len(), 2);
    }

    #[test]
    fn a_failed_scrape_makes_all_stale_once() {
        let mut cache = SeriesCache::default();
        scrape(&mut cache, &["a", "b"]);
        cache.begin();
        cache.create("new", Some(SeriesId(9)));
        assert_eq!(cache.fail().len(), 2);
        assert_eq!(cache.len(), 2);
        cache.begin();
        assert_eq!(cache.fail(), []);
        assert_eq!(scrape(&mut cache, &["a"]), (1, vec![]));
    }

    #[test]
    fn a_series_under_another_text_is_not_gone() {
        let mut cache = SeriesCache::default();
        scrape(&mut cache, &["a", "b"]);
        cache.begin();
        let slot = cache.create("a{}", Some(SeriesId(A)));
        cache.see(slot);
        assert_eq!(cache.end(), [SeriesId(A + 1)]);
    }

    #[test]
    fn changed_rules_keep_series_live_until_the_next_scrape() {
        let mut cache = SeriesCache::default();
        scrape(&mut cache, &["a", "b"]);
        cache.forget_texts();
        assert_eq!(cache.len(), 0);
        assert_eq!(scrape(&mut cache, &["b"]), (0, vec![A]));
    }

    #[test]
    fn freed_places_are_used_again() {
        let mut cache = SeriesCache::default();
        for i in 0..100 {
            let text = format!("t{i}");
            scrape(&mut cache, &["a", &text]);
        }
        assert!(cache.slots.len() <= 3, "{} slots for two series", cache.slots.len());
    }
}
