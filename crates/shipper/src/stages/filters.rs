//! Stages that drop lines: `drop`, `limit`, `sampling`, and `match` with `action: drop`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use regex::Regex;

use super::selector::Selector;
use super::{Change, Context};
use crate::entry::Entry;

/// `drop`: a line that meets all conditions that are given.
#[derive(Debug)]
pub(super) struct DropLines {
    pub reason: String,
    /// Fields whose values are joined, and compared with the value or the expression.
    pub sources: Vec<String>,
    pub separator: String,
    pub expression: Option<Regex>,
    pub value: Option<String>,
    pub older_than: Option<Duration>,
    pub longer_than: Option<u64>,
}

impl Change for DropLines {
    fn change(&self, entry: &mut Entry, context: &mut Context<'_>) -> bool {
        let is_dropped =
            self.is_too_long(entry) && self.is_too_old(entry, context.now_ns) && self.fits(entry);
        if is_dropped {
            context.metrics.line_dropped(&self.reason);
        }
        !is_dropped
    }
}

impl DropLines {
    fn is_too_long(&self, entry: &Entry) -> bool {
        self.longer_than.is_none_or(|bytes| entry.line.len() as u64 > bytes)
    }

    fn is_too_old(&self, entry: &Entry, now_ns: i64) -> bool {
        let age_ns = i128::from(now_ns) - i128::from(entry.at_ns);
        self.older_than.is_none_or(|age| age_ns > i128::try_from(age.as_nanos()).unwrap_or(i128::MAX))
    }

    fn fits(&self, entry: &Entry) -> bool {
        if self.sources.is_empty() {
            return self.expression.as_ref().is_none_or(|regex| regex.is_match(&entry.line));
        }
        if !self.sources.iter().all(|source| entry.has(source)) {
            return false;
        }
        let values: Option<Vec<&str>> = self.sources.iter().map(|source| entry.get(source)).collect();
        match (&self.expression, &self.value, values) {
            (None, None, _) => true,
            (Some(regex), _, Some(values)) => regex.is_match(&values.join(&self.separator)),
            (None, Some(value), Some(values)) => values.join(&self.separator) == *value,
            (_, _, None) => false,
        }
    }
}

/// `match` with `action: drop`.
#[derive(Debug)]
pub(super) struct DropMatching {
    pub selector: Arc<Selector>,
    pub reason: String,
}

impl Change for DropMatching {
    fn change(&self, entry: &mut Entry, context: &mut Context<'_>) -> bool {
        let is_dropped = self.selector.matches(entry);
        if is_dropped {
            context.metrics.line_dropped(&self.reason);
        }
        !is_dropped
    }
}

/// Tokens that come back at a rate, up to a burst.
#[derive(Debug, Clone)]
pub(crate) struct TokenBucket {
    rate_per_s: f64,
    burst: f64,
    tokens: f64,
    filled: Instant,
}

impl TokenBucket {
    /// A full bucket.
    pub(crate) fn new(rate_per_s: f64, burst: u32, now: Instant) -> Self {
        Self { rate_per_s, burst: f64::from(burst), tokens: f64::from(burst), filled: now }
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.tokens = (self.tokens + passed * self.rate_per_s).min(self.burst);
        self.filled = self.filled.max(now);
    }

    /// Takes one, if there is one.
    pub(crate) fn allow(&mut self, now: Instant) -> bool {
        self.fill(now);
        let is_there = self.tokens >= 1.0;
        self.tokens -= f64::from(u8::from(is_there));
        is_there
    }

    /// Takes one, be it on credit; says how long to rest until the debt is paid.
    pub(crate) fn borrow(&mut self, now: Instant) -> Duration {
        self.fill(now);
        self.tokens -= 1.0;
        Duration::try_from_secs_f64(-self.tokens / self.rate_per_s).unwrap_or(Duration::ZERO)
    }
}

/// `limit`: so many lines a second, of all files of the job together.
#[derive(Debug)]
pub(super) struct Limit {
    pub rate_per_s: f64,
    pub burst: u32,
    /// Lines beyond it are dropped; without it their file is read later.
    pub drop: bool,
    /// A bucket for each value of this label.
    pub by_label: Option<String>,
    /// Buckets by value; when there are more values all are forgotten and begin anew.
    pub buckets_max: usize,
    pub buckets: Mutex<HashMap<String, TokenBucket>>,
}

/// Why `limit` drops, as Promtail counts it.
const LIMIT_REASON: &str = "ratelimit_drop_stage";

impl Change for Limit {
    fn change(&self, entry: &mut Entry, context: &mut Context<'_>) -> bool {
        let key = match &self.by_label {
            None => "",
            Some(label) => match entry.labels.get(label) {
                Some(value) => value,
                None => return true,
            },
        };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= self.buckets_max && !buckets.contains_key(key) {
            buckets.clear();
        }
        let full = || TokenBucket::new(self.rate_per_s, self.burst, context.now);
        let bucket = buckets.entry(key.to_owned()).or_insert_with(full);
        if !self.drop {
            context.rest = context.rest.max(bucket.borrow(context.now));
            return true;
        }
        let is_kept = bucket.allow(context.now);
        if !is_kept {
            context.metrics.line_dropped(LIMIT_REASON);
        }
        is_kept
    }
}

/// `sampling`: keeps a share of the lines, by chance.
#[derive(Debug)]
pub(super) struct Sampling {
    pub share: f64,
    pub reason: String,
}

impl Change for Sampling {
    fn change(&self, _: &mut Entry, context: &mut Context<'_>) -> bool {
        let is_kept = fastrand::f64() < self.share;
        if !is_kept {
            context.metrics.line_dropped(&self.reason);
        }
        is_kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut bucket = TokenBucket::new(10.0, 2, start);
        let allowed = [0, 0, 0, 50, 100, 150, 200].map(|ms| bucket.allow(at(ms)));
        assert_eq!(allowed, [true, true, false, false, true, false, true]);
        let mut bucket = TokenBucket::new(10.0, 1, start);
        let rests = [0, 0, 0].map(|ms| bucket.borrow(at(ms)).as_millis());
        assert_eq!(rests, [0, 100, 200]);
        assert_eq!(bucket.borrow(at(10_000)).as_millis(), 0, "the debt is paid by then");
    }
}
