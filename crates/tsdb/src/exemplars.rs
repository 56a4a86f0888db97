//! The newest exemplars of all series, in one ring: when it is full, the oldest gives way.
//!
//! They go the way of samples: judged, logged, and only then taken. They stay when their series leaves the head, and
//! after a restart: each commit logs its own, each checkpoint all that the ring holds.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use columns::TimeRange;
use model::{Labels, Matcher};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use storage::{AppendError, Exemplar, ExemplarQuery, QueryError, SeriesExemplars};

use crate::exemplar_record::ExemplarRecord;
use crate::record;
use crate::{Db, TsdbError};

/// The most characters that an exemplar's labels may have together: OpenMetrics' own bound, which Prometheus keeps too.
pub const EXEMPLAR_LABEL_CHARS_MAX: usize = 128;
/// Exemplars of one record: some 100 kB as they mostly are, so that damage costs few of them.
const RECORD_EXEMPLARS: usize = 1000;
/// Bytes of labels at which a record ends before.
const RECORD_LABEL_BYTES_MAX: usize = 16 << 20;

// The last of a record may have labels as large as limits may allow, and each string stands there but once.
const _: () = assert!(2 * RECORD_LABEL_BYTES_MAX <= wal::RECORD_BYTES_MAX);

/// What exemplars count, under Prometheus' own names where it has them.
#[derive(Debug, Default)]
pub(crate) struct ExemplarMetrics {
    stored: Gauge,
    series: Gauge,
    max: Gauge,
    appended: Counter,
    out_of_order: Counter,
    overwritten: Counter,
    over_label_limit: Counter,
}

impl ExemplarMetrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        let mut gauge = |name: &str, help: &str, gauge: &Gauge| registry.register(name, help, gauge.clone());
        gauge("exemplar_exemplars_in_storage", "Exemplars kept", &self.stored);
        gauge("exemplar_series_with_exemplars_in_storage", "Series with exemplars kept", &self.series);
        gauge("exemplar_max_exemplars", "Exemplars that may be kept", &self.max);
        let mut counter =
            |name: &str, help: &str, counter: &Counter| registry.register(name, help, counter.clone());
        counter("exemplar_exemplars_appended", "Exemplars taken", &self.appended);
        let help = "Exemplars refused because they are older than the newest of their series";
        counter("exemplar_out_of_order_exemplars", help, &self.out_of_order);
        let help = "Exemplars that gave way to newer ones because no more may be kept";
        counter("exemplar_overwritten_exemplars", help, &self.overwritten);
        let help = "Exemplars refused because of the length of their labels";
        counter("exemplar_too_long_exemplars", help, &self.over_label_limit);
    }
}

/// All exemplars of a store.
#[derive(Debug)]
pub(crate) struct Exemplars {
    ring: Mutex<Ring>,
    max: usize,
}

#[derive(Debug, Default)]
struct Ring {
    /// Oldest first, by when they came.
    entries: VecDeque<Entry>,
    series: HashMap<Labels, usize>,
    owners: Vec<Owner>,
    /// Places of owners that have none left.
    free: Vec<usize>,
}

#[derive(Debug)]
struct Entry {
    owner: usize,
    exemplar: Exemplar,
}

/// A series with exemplars.
#[derive(Debug)]
struct Owner {
    labels: Labels,
    newest: Exemplar,
    count: usize,
}

/// What becomes of an exemplar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Take,
    Known,
    OutOfOrder,
}

impl Exemplars {
    /// Room for `max` of them, none there yet.
    pub(crate) fn new(max: usize, metrics: &ExemplarMetrics) -> Self {
        metrics.max.set(i64::try_from(max).unwrap_or(i64::MAX));
        Self { ring: Mutex::default(), max }
    }

    /// Judges one that is to be part of a transaction.
    pub(crate) fn judge(
        &self,
        series: &Labels,
        exemplar: &Exemplar,
        metrics: &ExemplarMetrics,
    ) -> Result<bool, AppendError> {
        let chars: usize = exemplar.labels.iter().map(|(n, v)| n.chars().count() + v.chars().count()).sum();
        if chars > EXEMPLAR_LABEL_CHARS_MAX {
            metrics.over_label_limit.inc();
            return Err(AppendError::Limit(format!(
                "label length for exemplar exceeds maximum of {EXEMPLAR_LABEL_CHARS_MAX} UTF-8 characters"
            )));
        }
        match self.ring().judge(series, exemplar) {
            Verdict::Take => Ok(self.max > 0),
            Verdict::Known => Ok(false),
            Verdict::OutOfOrder => {
                metrics.out_of_order.inc();
                Err(AppendError::ExemplarOutOfOrder)
            }
        }
    }

    /// Takes those that are still new; called when they are logged, in the order of commits.
    pub(crate) fn take(&self, all: Vec<ExemplarRecord>, metrics: &ExemplarMetrics) {
        let mut ring = self.ring();
        for ExemplarRecord { series, exemplar } in all {
            if self.max == 0 || ring.judge(&series, &exemplar) != Verdict::Take {
                continue;
            }
            while ring.entries.len() >= self.max {
                ring.drop_oldest();
                metrics.overwritten.inc();
            }
            ring.push(series, exemplar);
            metrics.appended.inc();
        }
        let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        metrics.stored.set(gauge(ring.entries.len()));
        metrics.series.set(gauge(ring.series.len()));
    }

    /// All there are, oldest first.
    pub(crate) fn all(&self) -> Vec<ExemplarRecord> {
        let ring = self.ring();
        let all = ring.entries.iter().filter_map(|entry| {
            let series = ring.owners.get(entry.owner)?.labels.clone();
            Some(ExemplarRecord { series, exemplar: entry.exemplar.clone() })
        });
        all.collect()
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    fn judge(&self, series: &Labels, exemplar: &Exemplar) -> Verdict {
        let owner = self.series.get(series).and_then(|place| self.owners.get(*place));
        let Some(newest) = owner.map(|owner| &owner.newest) else { return Verdict::Take };
        if newest.is_same(exemplar) {
            Verdict::Known
        } else if (exemplar.at, exemplar.value) < (newest.at, newest.value) {
            Verdict::OutOfOrder
        } else {
            Verdict::Take
        }
    }

    fn push(&mut self, series: Labels, exemplar: Exemplar) {
        let owner = match self.series.get(&series) {
            Some(place) => *place,
            None => self.make_owner(series, exemplar.clone()),
        };
        if let Some(owner) = self.owners.get_mut(owner) {
            owner.newest = exemplar.clone();
            owner.count += 1;
        }
        self.entries.push_back(Entry { owner, exemplar });
    }

    fn make_owner(&mut self, labels: Labels, newest: Exemplar) -> usize {
        let owner = Owner { labels: labels.clone(), newest, count: 0 };
        let place = match self.free.pop() {
            Some(place) => {
                self.owners[place] = owner;
                place
            }
            None => {
                self.owners.push(owner);
                self.owners.len() - 1
            }
        };
        self.series.insert(labels, place);
        place
    }

    fn drop_oldest(&mut self) {
        let Some(entry) = self.entries.pop_front() else { return };
        let owner = &mut self.owners[entry.owner];
        owner.count -= 1;
        if owner.count == 0 {
            self.series.remove(&std::mem::take(&mut owner.labels));
            self.free.push(entry.owner);
        }
    }

    fn find(&self, selectors: &[Vec<Matcher>], range: TimeRange) -> Vec<SeriesExemplars> {
        let mut found: HashMap<usize, Vec<Exemplar>> = HashMap::new();
        for (labels, place) in &self.series {
            let satisfies = |matchers: &Vec<Matcher>| matchers.iter().all(|m| m.matches_labels(labels));
            if selectors.iter().any(satisfies) {
                found.insert(*place, Vec::new());
            }
        }
        for entry in self.entries.iter().filter(|entry| range.contains(entry.exemplar.at.0)) {
            if let Some(all) = found.get_mut(&entry.owner) {
                all.push(entry.exemplar.clone());
            }
        }
        found.retain(|_, exemplars| !exemplars.is_empty());
        let of_series = |(place, exemplars): (usize, Vec<Exemplar>)| SeriesExemplars {
            series: self.owners[place].labels.clone(),
            exemplars,
        };
        let mut all: Vec<SeriesExemplars> = found.into_iter().map(of_series).collect();
        all.sort_by(|a, b| a.series.cmp(&b.series));
        all
    }
}

/// What goes into one record each.
fn pieces(mut all: &[ExemplarRecord]) -> Vec<&[ExemplarRecord]> {
    let mut pieces = Vec::new();
    while !all.is_empty() {
        let mut bytes = 0;
        let fitting = all.iter().take(RECORD_EXEMPLARS).take_while(|record| {
            bytes += record.series.heap_bytes() + record.exemplar.labels.heap_bytes();
            bytes <= RECORD_LABEL_BYTES_MAX
        });
        let (some, rest) = all.split_at(fitting.count().max(1));
        pieces.push(some);
        all = rest;
    }
    pieces
}

impl Db {
    /// Adds exemplars to what a commit logs.
    pub(crate) fn log_exemplars(&self, all: &[ExemplarRecord], batch: &mut wal::Batch) {
        for some in pieces(all) {
            batch.record(|out| record::put_exemplars(some, out));
        }
    }

    /// Adds all exemplars to a checkpoint.
    pub(crate) fn checkpoint_exemplars(&self, checkpoint: &mut wal::Checkpoint<'_>) -> Result<(), TsdbError> {
        for some in pieces(&self.exemplars.all()) {
            checkpoint.record(|out| record::put_exemplars(some, out))?;
        }
        Ok(())
    }
}

impl ExemplarQuery for Db {
    fn exemplars(
        &self,
        selectors: &[Vec<Matcher>],
        range: TimeRange,
    ) -> Result<Vec<SeriesExemplars>, QueryError> {
        Ok(self.exemplars.ring().find(selectors, range))
    }
}

#[cfg(test)]
mod tests {
    use model::TimestampMs;

    use super::*;

    fn record(series: &str, trace: &str, at_ms: i64) -> ExemplarRecord {
        let exemplar = Exemplar {
            labels: Labels::from_pairs([("trace_id", trace)]),
            value: 1.0,
            at: TimestampMs(at_ms),
            has_own_time: true,
        };
        ExemplarRecord { series: Labels::from_pairs([("__name__", series)]), exemplar }
    }

    /// Series and traces that a ring holds.
    fn shown(exemplars: &Exemplars, selector: &str) -> Vec<String> {
        let matchers = promql::parse_metric_selector(selector).expect("a selector");
        let found = exemplars.ring().find(&[matchers], TimeRange::ALL);
        let one = |s: &SeriesExemplars| {
            let traces: Vec<&str> = s.exemplars.iter().filter_map(|e| e.labels.get("trace_id")).collect();
            format!("{} {}", s.series.metric_name(), traces.join(" "))
        };
        found.iter().map(one).collect()
    }

    #[test]
    fn the_oldest_gives_way_and_is_counted() {
        let metrics = ExemplarMetrics::default();
        let exemplars = Exemplars::new(3, &metrics);
        for (i, (series, trace)) in
            [("a", "1"), ("b", "2"), ("a", "3"), ("a", "4"), ("c", "5")].into_iter().enumerate()
        {
            exemplars.take(vec![record(series, trace, i as i64)], &metrics);
        }
        assert_eq!(shown(&exemplars, r#"{__name__=~".+"}"#), ["a 3 4", "c 5"]);
        assert_eq!((metrics.overwritten.get(), metrics.stored.get(), metrics.series.get()), (2, 3, 2));
        // The place of b is used again, and what it was is forgotten.
        exemplars.take(vec![record("d", "6", 9), record("b", "7", 9)], &metrics);
        assert_eq!(shown(&exemplars, r#"{__name__=~"[abd]"}"#), ["b 7", "d 6"]);
        assert_eq!(shown(&exemplars, "c"), ["c 5"]);
    }

    #[test]
    fn what_is_known_or_late_is_not_taken() {
        let metrics = ExemplarMetrics::default();
        let exemplars = Exemplars::new(10, &metrics);
        exemplars.take(vec![record("a", "1", 10)], &metrics);
        let judge = |r: &ExemplarRecord| exemplars.judge(&r.series, &r.exemplar, &metrics);
        assert_eq!(judge(&record("a", "1", 10)), Ok(false));
        assert_eq!(judge(&record("a", "2", 10)), Ok(true));
        assert_eq!(judge(&record("a", "2", 9)), Err(AppendError::ExemplarOutOfOrder));
        assert_eq!(judge(&record("b", "2", 9)), Ok(true));
        assert!(matches!(judge(&record("a", &"x".repeat(121), 11)), Err(AppendError::Limit(_))));
        // Told again without a time of its own it is the same, whenever.
        let mut told = record("u", "1", 10);
        told.exemplar.has_own_time = false;
        exemplars.take(vec![told.clone()], &metrics);
        told.exemplar.at = TimestampMs(500);
        assert_eq!(judge(&told), Ok(false));
    }

    #[test]
    fn records_are_bounded_by_count_and_by_bytes() {
        let lens = |all: &[ExemplarRecord]| pieces(all).iter().map(|some| some.len()).collect::<Vec<_>>();
        assert!(lens(&[]).is_empty());
        assert_eq!(lens(&vec![record("a", "1", 1); 2500]), [1000, 1000, 500]);
        let large = record(&"x".repeat(9 << 20), "1", 1);
        assert_eq!(lens(&vec![large; 3]), [1, 1, 1]);
        assert_eq!(lens(&[record(&"x".repeat(17 << 20), "1", 1), record("a", "1", 1)]), [1, 1]);
    }

    #[test]
    fn without_room_nothing_is_kept() {
        let metrics = ExemplarMetrics::default();
        let exemplars = Exemplars::new(0, &metrics);
        let one = record("a", "1", 10);
        assert_eq!(exemplars.judge(&one.series, &one.exemplar, &metrics), Ok(false));
        exemplars.take(vec![one], &metrics);
        assert!(shown(&exemplars, "a").is_empty());
    }
}
