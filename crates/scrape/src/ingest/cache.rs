//! What the last scrapes of one target said, line by line: raw series text to series id.
//!
//! A body mostly repeats the one before in the same order. So the cache remembers the order: the series that stood
//! behind the one just read is the guess for the next line, and the reader compares bytes instead of parsing. Where the
//! guess fails, a hash of the text finds the series; only a text never seen is taken apart.
//!
//! A series is *live* when its last sample may be taken for its newest value; when it goes, it needs a stale marker.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use storage::SeriesId;

/// A place in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SlotIdx(u32);

#[derive(Debug)]
struct Slot {
    text: Arc<str>,
    /// `None` when metric relabelling drops the series.
    series: Option<SeriesId>,
    /// The scrape that saw it last.
    seen: u64,
    /// Where it stood in that body.
    place: usize,
    is_live: bool,
}

/// Series of one target by their text.
#[derive(Debug, Default)]
pub(super) struct SeriesCache {
    slots: Vec<Slot>,
    free: Vec<SlotIdx>,
    by_text: HashMap<Arc<str>, SlotIdx>,
    /// The body of the last good scrape.
    order: Vec<SlotIdx>,
    /// The body of this scrape so far.
    next_order: Vec<SlotIdx>,
    /// How many scrapes there were.
    scrape: u64,
    /// Slots that this scrape made, to be taken back if it fails.
    created: Vec<SlotIdx>,
    /// Live series whose texts are forgotten because the rules changed.
    orphans: Vec<SeriesId>,
    guess: usize,
}

impl SeriesCache {
    /// Begins a scrape.
    pub(super) fn begin(&mut self) {
        self.scrape += 1;
        self.guess = 0;
        self.created.clear();
        self.next_order.clear();
    }

    /// The text that the next line most likely begins with.
    pub(super) fn guess(&self) -> &str {
        self.order
            .get(self.guess)
            .and_then(|slot| self.slots.get(slot.0 as usize))
            .map_or("", |slot| &slot.text)
    }

    /// The slot of the guess, for a line that began with it.
    pub(super) fn guessed(&self) -> Option<SlotIdx> {
        self.order.get(self.guess).copied()
    }

    /// The slot of a text seen before.
    pub(super) fn find(&self, text: &str) -> Option<SlotIdx> {
        self.by_text.get(text).copied()
    }

    /// Remembers a text seen for the first time.
    pub(super) fn create(&mut self, text: &str, series: Option<SeriesId>) -> SlotIdx {
        let text: Arc<str> = text.into();
        let slot = Slot { text: Arc::clone(&text), series, seen: 0, place: usize::MAX, is_live: false };
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
        self.by_text.insert(text, at);
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
        if slot.place != usize::MAX {
            self.guess = slot.place + 1;
        }
        slot.place = self.next_order.len();
        self.next_order.push(at);
        true
    }

    /// The series of a slot; `None` when it is dropped.
    pub(super) fn series(&self, at: SlotIdx) -> Option<SeriesId> {
        self.slots[at.0 as usize].series
    }

    /// The store has given the series another id.
    pub(super) fn set_series(&mut self, at: SlotIdx, series: Option<SeriesId>) {
        self.slots[at.0 as usize].series = series;
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
        if self.by_text.len() > self.order.len() {
            let scrape = self.scrape;
            let slots = &self.slots;
            let unseen = |at: &SlotIdx| slots[at.0 as usize].seen != scrape;
            let dead: Vec<SlotIdx> = self.by_text.values().copied().filter(unseen).collect();
            for at in dead {
                gone.extend(self.forget(at));
            }
        }
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
        self.take_live()
    }

    /// All live series, which are then no longer live.
    pub(super) fn take_live(&mut self) -> Vec<SeriesId> {
        let mut live = std::mem::take(&mut self.orphans);
        for slot in &mut self.slots {
            if std::mem::take(&mut slot.is_live) {
                live.extend(slot.series);
            }
        }
        live
    }

    /// The rules that make labels of texts have changed: every text must be taken apart again. Series stay live until
    /// the next scrape says otherwise.
    pub(super) fn forget_texts(&mut self) {
        let orphans = self.take_live();
        *self = Self { orphans, scrape: self.scrape, ..Self::default() };
    }

    /// How many texts are known.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_text.len()
    }

    /// Forgets a slot. Returns its series if that was live.
    fn forget(&mut self, at: SlotIdx) -> Option<SeriesId> {
        let slot = &mut self.slots[at.0 as usize];
        let series = slot.series.take().filter(|_| slot.is_live);
        slot.is_live = false;
        slot.place = usize::MAX;
        self.by_text.remove(&slot.text);
        slot.text = Arc::from("");
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
            let slot = if cache.guess() == *text {
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
