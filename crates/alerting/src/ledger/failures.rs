//! A receiver that is down is tried without end. The ledger hears of the first tries and then of ever fewer, or it would
//! hold nothing else after a day.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use model::{DurationMs, TimestampMs};

use super::Attempted;

/// However often it failed, an event says so this often at least.
const SAID_EVERY: DurationMs = DurationMs::from_secs(600);

/// The most calls that are remembered to fail. Beyond it all are forgotten, and their next failures are events again.
const CALLS_MAX: usize = 20_000;

/// So many different answers of a call that fails are news; who says something else each time says nothing new by it.
const ANSWERS_MAX: usize = 8;

/// Calls that fail, by receiver, integration and group.
#[derive(Debug, Default)]
pub(crate) struct Failures(HashMap<(String, String, String), Failing>);

#[derive(Debug)]
struct Failing {
    /// Hashes of what it said so far.
    answers: Vec<u64>,
    total: u32,
    skipped: u32,
    said_at: TimestampMs,
}

impl Failures {
    /// The attempt as it is to be written down; `None` when it is one more of its kind.
    pub(crate) fn sift(&mut self, mut tried: Attempted, now: TimestampMs) -> Option<Attempted> {
        let key = (tried.receiver.clone(), tried.integration.clone(), tried.group.clone());
        if tried.taken {
            tried.skipped = self.0.remove(&key).map_or(0, |failing| failing.skipped);
            return Some(tried);
        }
        if self.0.len() >= CALLS_MAX {
            self.0.clear();
        }
        let fresh = || Failing { answers: Vec::new(), total: 0, skipped: 0, said_at: now };
        let failing = self.0.entry(key).or_insert_with(fresh);
        failing.total = failing.total.saturating_add(1);
        let mut hasher = DefaultHasher::new();
        tried.answer.hash(&mut hasher);
        let answer = hasher.finish();
        let is_new = failing.answers.len() < ANSWERS_MAX && !failing.answers.contains(&answer);
        if is_new {
            failing.answers.push(answer);
        }
        // The first, second, fourth, eighth…
        let is_said = is_new || failing.total.is_power_of_two();
        if !is_said && now.0 - failing.said_at.0 < SAID_EVERY.0 {
            failing.skipped += 1;
            return None;
        }
        tried.skipped = std::mem::take(&mut failing.skipped);
        failing.said_at = now;
        Some(tried)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(answer: &str, taken: bool) -> Attempted {
        Attempted {
            receiver: "r".to_owned(),
            integration: "webhook/0".to_owned(),
            group: "g".to_owned(),
            firing: Vec::new(),
            resolved: Vec::new(),
            more: false,
            number: 1,
            status: None,
            answer: answer.to_owned(),
            taken,
            again_in_ms: None,
            took_ms: 1,
            skipped: 0,
        }
    }

    #[test]
    fn the_more_it_fails_the_less_is_said() {
        let mut failures = Failures::default();
        let said =
            (1..=40).filter_map(|n| Some((n, failures.sift(tried("503", false), TimestampMs(n))?.skipped)));
        assert_eq!(said.collect::<Vec<_>>(), [(1, 0), (2, 0), (4, 1), (8, 3), (16, 7), (32, 15)]);
        // Another answer is news, and so is success.
        assert_eq!(failures.sift(tried("500", false), TimestampMs(41)).map(|t| t.skipped), Some(8));
        // One that comes by turns is none.
        assert_eq!(failures.sift(tried("500", false), TimestampMs(42)), None);
        assert_eq!(failures.sift(tried("503", false), TimestampMs(43)), None);
        assert_eq!(failures.sift(tried("ok", true), TimestampMs(44)).map(|t| t.skipped), Some(2));
        assert_eq!(failures.sift(tried("500", false), TimestampMs(45)).map(|t| t.skipped), Some(0));
    }

    /// A request's number, a time to the microsecond.
    #[test]
    fn who_says_something_else_each_time_does_not_fill_the_ledger() {
        let mut failures = Failures::default();
        let sift = |n: i64| failures.sift(tried(&format!("no room for request {n}"), false), TimestampMs(n));
        assert_eq!((0..1000).filter_map(sift).count(), ANSWERS_MAX + 6);
    }

    #[test]
    fn a_long_outage_is_said_now_and_then() {
        let mut failures = Failures::default();
        let said = (0..4000).filter(|n| failures.sift(tried("x", false), TimestampMs(n * 1000)).is_some());
        assert!((6..=20).contains(&said.count()));
    }
}
