//! The ledger: every decision on the way of an alert, kept so that somebody can ask later why he was (not) told.
//!
//! Events lie in memory as the JSON that is written to disk, oldest first, and are looked through by their bytes: a
//! question is rare, an event is not, and this is the smallest way to keep many. What is full lets the oldest go. A
//! writer of its own ([`keep`]) takes new events to the disk soon after; nothing waits for it, so that no disk holds up
//! a message. The ledger explains; who is told is decided by the notification log.

mod event;
pub(crate) mod failures;
pub(crate) mod keep;

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use memchr::memmem;
use model::{DurationMs, TimestampMs};
use tokio::sync::Notify;

use crate::metrics::Metrics;

pub(crate) use event::pairs;
pub use event::{
    ALERTS_NAMED_MAX, Attempted, EndedHow, Event, Fingerprint, Hold, PASSED_MAX, Pairs, Passed, Wait, Way,
    What,
};

/// The most bytes of events. A busy week of a large fleet; an alert with two ways and two messages takes some 1.5 kB.
pub const BYTES_MAX: usize = 16 << 20;

/// The most events, whatever their size: each costs some memory of its own.
pub const EVENTS_MAX: usize = 50_000;

/// How long an event is kept: as long as samples are by default, so that a story can be laid beside its graphs.
pub const RETENTION: DurationMs = DurationMs::from_secs(30 * 24 * 3600);

/// Events.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    inner: Mutex<Inner>,
    /// There is something to write.
    pub(crate) news: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    events: VecDeque<Entry>,
    bytes: usize,
    next_seq: u64,
    /// From this number on events are not on disk yet.
    unwritten: u64,
    dropped: u64,
}

#[derive(Debug)]
struct Entry {
    seq: u64,
    at: TimestampMs,
    json: Box<[u8]>,
}

impl Ledger {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing that holds the lock can panic half-way.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of something.
    pub(crate) fn record(&self, at: TimestampMs, what: What, metrics: &Metrics) {
        let mut inner = self.inner();
        let event = Event { seq: inner.next_seq, at, what };
        let json = serde_json::to_vec(&event).expect("maps with text as keys always serialise");
        inner.next_seq += 1;
        let before = inner.dropped;
        inner.push(Entry { seq: event.seq, at, json: json.into() });
        metrics.ledger_events.inc();
        metrics.ledger_dropped.inc_by(inner.dropped - before);
        metrics.ledger_bytes.set(i64::try_from(inner.bytes).unwrap_or(i64::MAX));
        drop(inner);
        self.news.notify_one();
    }

    /// Puts back an event from disk, in order.
    pub(crate) fn restore(&self, json: &[u8]) -> Result<(), String> {
        let event: Event = serde_json::from_slice(json).map_err(|e| e.to_string())?;
        let mut inner = self.inner();
        // A write that failed half-way was made again.
        if event.seq < inner.next_seq {
            return Ok(());
        }
        inner.next_seq = event.seq + 1;
        inner.unwritten = inner.next_seq;
        inner.push(Entry { seq: event.seq, at: event.at, json: json.into() });
        Ok(())
    }

    /// Lets go what is older than [`RETENTION`].
    pub(crate) fn collect(&self, now: TimestampMs) {
        let mut inner = self.inner();
        while inner.events.front().is_some_and(|oldest| oldest.at.0 < now.0 - RETENTION.0) {
            inner.pop();
        }
    }

    /// How many events had to go before their time.
    pub(crate) fn dropped(&self) -> u64 {
        self.inner().dropped
    }

    /// When the oldest event that is here happened.
    pub(crate) fn since(&self) -> Option<TimestampMs> {
        self.inner().events.front().map(|entry| entry.at)
    }

    /// Events until `until`, oldest first, in whose JSON any of `texts` stands. An empty list is all of them.
    pub(crate) fn with_any(&self, texts: &[String], until: TimestampMs) -> Vec<Event> {
        let finders: Vec<_> = texts.iter().map(memmem::Finder::new).collect();
        let inner = self.inner();
        let wanted = |entry: &&Entry| {
            entry.at <= until
                && (finders.is_empty() || finders.iter().any(|one| one.find(&entry.json).is_some()))
        };
        // What was read or written as an event can be read again.
        inner
            .events
            .iter()
            .filter(wanted)
            .filter_map(|entry| serde_json::from_slice(&entry.json).ok())
            .collect()
    }

    /// What is not on disk yet, and up to which number that is.
    fn unwritten(&self) -> (u64, Vec<Box<[u8]>>) {
        let inner = self.inner();
        let mut fresh: Vec<_> =
            inner.events.iter().rev().take_while(|entry| entry.seq >= inner.unwritten).collect();
        fresh.reverse();
        (inner.next_seq, fresh.into_iter().map(|entry| entry.json.clone()).collect())
    }

    /// All events, and up to which number they are.
    fn all(&self) -> (u64, Vec<Box<[u8]>>) {
        let inner = self.inner();
        (inner.next_seq, inner.events.iter().map(|entry| entry.json.clone()).collect())
    }

    /// All before `seq` is on disk.
    fn written(&self, seq: u64) {
        self.inner().unwritten = seq;
    }

    fn bytes(&self) -> usize {
        self.inner().bytes
    }
}

impl Inner {
    fn push(&mut self, entry: Entry) {
        self.bytes += entry.json.len();
        self.events.push_back(entry);
        while self.bytes > BYTES_MAX || self.events.len() > EVENTS_MAX {
            self.pop();
            self.dropped += 1;
        }
    }

    fn pop(&mut self) {
        if let Some(oldest) = self.events.pop_front() {
            self.bytes -= oldest.json.len();
        }
    }
}

#[cfg(test)]
mod tests;
