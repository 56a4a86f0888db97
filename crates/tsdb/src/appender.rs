//! A transaction: samples are judged as they come, and again at the commit, where another may have been first.
//!
//! One commit runs at a time: judge, encode, append to the log, sync by policy, apply to memory, acknowledge. So the
//! order in the log is the order in memory, and a replay judges as the commit did. A query sees all of a commit or
//! nothing: it finds its series between two commits, and ignores what comes later. So the two wait for each other, but
//! only while a commit is applied (50 ns a sample) and while series are found (50 ns a series), never for the log.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, TryLockError};

use columns::TimeRange;
use model::{DurationMs, Labels, TimestampMs};
use storage::{AppendError, CommitReport, Exemplar, MetricAppender, SeriesId};

use crate::Db;
use crate::exemplar_record::ExemplarRecord;
use crate::record::{self, Definition, SampleRecord};
use crate::series::{Amount, Series, Verdict};

/// How far in the future a sample may lie: as Prometheus' scrapes have it, enough for clocks that differ.
pub const FUTURE_MAX: DurationMs = DurationMs::from_secs(600);
/// Samples of one record in the log; a larger transaction becomes several records.
const RECORD_SAMPLES_MAX: usize = 1 << 20;
/// Bytes of labels in one record in the log, before each string is written but once.
const RECORD_LABEL_BYTES_MAX: usize = 16 << 20;
/// What a sample takes at most: two varints and the value.
const SAMPLE_BYTES_MAX: usize = 2 * stdx::varint::LEN_MAX + 8;

// With both at their bounds, and the last series as large as limits may allow, a record still fits the log.
const _: () =
    assert!(RECORD_SAMPLES_MAX * SAMPLE_BYTES_MAX + 2 * RECORD_LABEL_BYTES_MAX <= wal::RECORD_BYTES_MAX);

/// What commits use again and again; its lock is the order of commits.
#[derive(Debug, Default)]
pub(crate) struct Committer {
    batch: wal::Batch,
    samples: Vec<SampleRecord>,
    /// Samples of the commit that are late, by series and time: none of them twice.
    late: HashMap<(u64, i64), u64>,
    is_closed: bool,
}

impl Committer {
    /// No commit is taken from now on; false when that was so already.
    pub(crate) fn close(&mut self) -> bool {
        !std::mem::replace(&mut self.is_closed, true)
    }
}

/// One transaction.
pub(crate) struct Appender<'a> {
    db: &'a Db,
    number: u64,
    now_ms: i64,
    oldest_ms: i64,
    rows: Vec<Row>,
    exemplars: Vec<ExemplarRecord>,
}

struct Row {
    series: Arc<Series>,
    at_ms: i64,
    bits: u64,
    is_taken: bool,
}

impl<'a> Appender<'a> {
    pub(crate) fn new(db: &'a Db) -> Self {
        db.metrics.active_appenders.inc();
        let number = db.transactions.fetch_add(1, Ordering::Relaxed);
        Self {
            db,
            number,
            now_ms: db.clock.now_ms(),
            oldest_ms: db.oldest_taken_ms(),
            rows: Vec::new(),
            exemplars: Vec::new(),
        }
    }
}

impl Drop for Appender<'_> {
    fn drop(&mut self) {
        self.db.metrics.active_appenders.dec();
    }
}

impl MetricAppender for Appender<'_> {
    fn series(&mut self, labels: &Labels) -> Result<SeriesId, AppendError> {
        if let Some(series) = self.db.head.by_labels(labels) {
            let mut state = series.state();
            if !state.is_removed {
                state.touched_ms = self.now_ms;
                return Ok(SeriesId(series.id));
            }
        }
        self.db.check_limits(labels).inspect_err(|_| {
            self.db.metrics.series_refused.inc();
        })?;
        let created = self.db.head.get_or_create(labels, self.now_ms);
        let series = created.map_err(|_| AppendError::Limit("no series id is free".to_owned()))?;
        Ok(SeriesId(series.id))
    }

    fn expect(&mut self, series: SeriesId) {
        self.db.head.fetch(series.0);
    }

    fn append(&mut self, series: SeriesId, at: TimestampMs, value: f64) -> Result<(), AppendError> {
        let metrics = &self.db.metrics;
        if at.0 > self.now_ms.saturating_add(FUTURE_MAX.0) || at.0 < self.oldest_ms {
            metrics.out_of_bound.inc();
            return Err(AppendError::OutOfBounds);
        }
        let found = self.db.head.by_id(series.0).ok_or(AppendError::UnknownSeries(series))?;
        let verdict = {
            let mut state = found.state();
            if state.is_removed {
                return Err(AppendError::UnknownSeries(series));
            }
            state.touched_ms = self.now_ms;
            let late_max_ms = self.db.late_max_ms.load(Ordering::Relaxed);
            let sample = (at.0, value.to_bits());
            // The commit will write there.
            state.fetch_open();
            state.judge((self.number, late_max_ms), sample, || self.db.head.spill.files())
        };
        match verdict {
            Verdict::Take | Verdict::TakeLate => {
                self.rows.push(Row { series: found, at_ms: at.0, bits: value.to_bits(), is_taken: false });
                Ok(())
            }
            Verdict::Known => Ok(()),
            Verdict::OutOfOrder => {
                metrics.out_of_order.inc();
                Err(AppendError::OutOfOrder)
            }
            Verdict::Duplicate => {
                metrics.duplicate.inc();
                Err(AppendError::Duplicate)
            }
        }
    }

    fn exemplar(&mut self, series: SeriesId, exemplar: Exemplar) -> Result<(), AppendError> {
        let found = self.db.head.by_id(series.0).ok_or(AppendError::UnknownSeries(series))?;
        if self.db.exemplars.judge(&found.labels, &exemplar, &self.db.metrics.exemplars)? {
            self.exemplars.push(ExemplarRecord { series: found.labels.clone(), exemplar });
        }
        Ok(())
    }

    fn commit(mut self: Box<Self>) -> Result<CommitReport, AppendError> {
        let db = self.db;
        let mut committer = db.committer().ok_or_else(broken)?;
        if committer.is_closed {
            return Err(AppendError::Unavailable(CLOSED.to_owned()));
        }
        let rows = std::mem::take(&mut self.rows);
        db.commit(&mut committer, rows, std::mem::take(&mut self.exemplars))
    }
}

fn broken() -> AppendError {
    AppendError::Unavailable(crate::TsdbError::Broken.to_string())
}

const CLOSED: &str = "the store is closed";

impl Db {
    /// The turn to commit; `None` when an earlier commit panicked and memory may not be what the log says.
    pub(crate) fn committer(&self) -> Option<MutexGuard<'_, Committer>> {
        self.committer.lock().ok()
    }

    /// Why no commit is taken, the log aside.
    pub(crate) fn refuses_commits(&self) -> Option<String> {
        match self.committer.try_lock() {
            Ok(committer) => committer.is_closed.then(|| CLOSED.to_owned()),
            Err(TryLockError::Poisoned(_)) => Some(crate::TsdbError::Broken.to_string()),
            // Somebody commits, so commits are taken.
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn check_limits(&self, labels: &Labels) -> Result<(), AppendError> {
        let limits = &self.limits;
        if self.head.totals().series >= limits.series_max {
            return Err(AppendError::Limit(format!("the limit of {} series is reached", limits.series_max)));
        }
        if labels.count() > limits.labels_per_series_max {
            let (count, limit) = (labels.count(), limits.labels_per_series_max);
            return Err(AppendError::Limit(format!("a series has {count} labels, the limit is {limit}")));
        }
        let longest = labels.iter().map(|(name, value)| name.len().max(value.len())).max().unwrap_or(0);
        if longest > limits.label_bytes_max {
            let limit = limits.label_bytes_max;
            return Err(AppendError::Limit(format!("a label has {longest} bytes, the limit is {limit}")));
        }
        Ok(())
    }

    fn commit(
        &self,
        committer: &mut Committer,
        mut rows: Vec<Row>,
        exemplars: Vec<ExemplarRecord>,
    ) -> Result<CommitReport, AppendError> {
        let new = self.judge(committer, &mut rows);
        if committer.samples.is_empty() && exemplars.is_empty() {
            return Ok(CommitReport::default());
        }
        let definitions: Vec<Definition> =
            new.iter().map(|s| Definition { id: s.id, labels: s.labels.clone() }).collect();
        encode(&definitions, &committer.samples, &mut committer.batch);
        self.log_exemplars(&exemplars, &mut committer.batch);
        if let Err(error) = self.wal.append(&mut committer.batch) {
            // The log does not know them: the next commit defines them again.
            new.iter().for_each(|series| series.state().is_logged = false);
            self.metrics.commits_failed.inc();
            return Err(AppendError::Unavailable(error.to_string()));
        }
        self.apply(&rows);
        self.exemplars.take(exemplars, &self.metrics.exemplars);
        self.metrics.samples_appended.inc_by(committer.samples.len() as u64);
        self.metrics.series_created.inc_by(new.len() as u64);
        self.show_totals();
        Ok(CommitReport { samples: committer.samples.len(), series_created: new.len() })
    }

    /// Judges every row against what the commits before have left, notes those that are taken for the log, and gives
    /// the series that the log does not know.
    fn judge(&self, committer: &mut Committer, rows: &mut [Row]) -> Vec<Arc<Series>> {
        let number = self.transactions.fetch_add(1, Ordering::Relaxed);
        // A block may have been cut since the row was judged first.
        let takes_from_ms = self.takes_from_ms.load(Ordering::Relaxed);
        let mut new = Vec::new();
        let rules = (number, self.late_max_ms.load(Ordering::Relaxed));
        committer.samples.clear();
        committer.late.clear();
        for row in rows {
            let mut state = row.series.state();
            let mut verdict = if state.is_removed || row.at_ms < takes_from_ms {
                Verdict::OutOfOrder
            } else {
                state.judge(rules, (row.at_ms, row.bits), || self.head.spill.files())
            };
            if verdict == Verdict::TakeLate
                && let Some(known) = committer.late.insert((row.series.id, row.at_ms), row.bits)
            {
                committer.late.insert((row.series.id, row.at_ms), known);
                verdict = Verdict::of_same_time(known, row.bits);
            }
            match verdict {
                Verdict::Take | Verdict::TakeLate => {
                    row.is_taken = true;
                    committer.samples.push(SampleRecord {
                        id: row.series.id,
                        at_ms: row.at_ms,
                        bits: row.bits,
                    });
                    if !std::mem::replace(&mut state.is_logged, true) {
                        new.push(Arc::clone(&row.series));
                    }
                }
                Verdict::Known => {}
                Verdict::OutOfOrder | Verdict::Duplicate => drop(self.metrics.refused_at_commit.inc()),
            }
        }
        new
    }

    fn apply(&self, rows: &[Row]) {
        let mut amount = Amount::default();
        let mut range = TimeRange { from: TimestampMs(i64::MAX), to: TimestampMs(i64::MIN) };
        let (mut samples, mut late) = (0, 0);
        let _unseen = self.while_applying();
        for row in rows.iter().filter(|row| row.is_taken) {
            let mut state = row.series.state();
            late += u64::from(state.newest().is_some_and(|(newest_ms, _)| newest_ms > row.at_ms));
            let added = state.add(row.at_ms, row.bits, || self.head.spill.files());
            drop(state);
            samples += 1;
            amount = amount.and(added.amount);
            if added.finished_bytes > 0 {
                self.head.spill.wait(&row.series, added.finished_bytes);
            }
            range = TimeRange {
                from: range.from.min(TimestampMs(row.at_ms)),
                to: range.to.max(TimestampMs(row.at_ms)),
            };
        }
        self.metrics.late_samples.inc_by(late);
        self.head.count(samples, amount, range);
    }
}

/// Makes records of a transaction: one, unless it is very large. Definitions come before all samples.
fn encode(mut definitions: &[Definition], samples: &[SampleRecord], batch: &mut wal::Batch) {
    batch.clear();
    let mut samples = samples.chunks(RECORD_SAMPLES_MAX);
    loop {
        let (some, rest) = definitions.split_at(fitting(definitions));
        let with = if rest.is_empty() { samples.next() } else { None };
        if some.is_empty() && with.is_none() {
            return;
        }
        batch.record(|out| record::put_commit(some, with.unwrap_or_default(), out));
        definitions = rest;
    }
}

/// How many of the first definitions go into one record; one at least.
fn fitting(definitions: &[Definition]) -> usize {
    let mut bytes = 0;
    let fit = definitions.iter().take_while(|definition| {
        bytes += definition.labels.heap_bytes();
        bytes <= RECORD_LABEL_BYTES_MAX
    });
    fit.count().max(1).min(definitions.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many definitions and samples each record of a transaction has.
    fn records(definitions: usize, label_bytes: usize, samples: usize) -> Vec<(usize, usize)> {
        let labels = Labels::from_pairs([("a", "x".repeat(label_bytes))]);
        let definitions: Vec<Definition> =
            (0..definitions).map(|id| Definition { id: id as u64, labels: labels.clone() }).collect();
        let samples = vec![SampleRecord { id: 1, at_ms: 2, bits: 3 }; samples];
        let mut all = Vec::new();
        let mut rest = definitions.as_slice();
        let mut batch = wal::Batch::new();
        encode(rest, &samples, &mut batch);
        let mut left = samples.len();
        for _ in 0..batch.records() {
            let fit = fitting(rest);
            rest = &rest[fit..];
            let with = if rest.is_empty() { left.min(RECORD_SAMPLES_MAX) } else { 0 };
            left -= with;
            all.push((fit, with));
        }
        assert_eq!((rest.len(), left), (0, 0), "all are in some record");
        all
    }

    #[test]
    fn a_transaction_is_one_record_unless_it_is_very_large() {
        assert_eq!(records(0, 0, 10), [(0, 10)]);
        assert_eq!(records(1000, 100, 1000), [(1000, 1000)]);
        assert_eq!(records(40, 1 << 20, 10), [(15, 0), (15, 0), (10, 10)]);
        assert_eq!(records(2, 20 << 20, 1), [(1, 0), (1, 1)]);
        assert_eq!(records(1, 1, RECORD_SAMPLES_MAX + 1), [(1, RECORD_SAMPLES_MAX), (0, 1)]);
    }
}
