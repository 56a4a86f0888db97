//! What tests of whole groups share: a store in memory, a clock that goes with tokio's, a sink that remembers.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use columns::TimeRange;
use model::{Alert, Labels, TimestampMs, is_stale};
use stdx::Clock;
use storage::{
    AppendError, CommitReport, MetricAppend, MetricAppender, MetricQuery, QueryError, Samples, Selection,
    SeriesId, SeriesSet,
};

use crate::AlertSink;

/// 2026-01-01, on no grid in particular.
pub(crate) const START_MS: i64 = 1_767_225_600_123;

/// Wall-clock time that goes with tokio's, and can be set forward.
#[derive(Debug)]
pub(crate) struct TokioClock {
    begun: tokio::time::Instant,
    ahead_ms: AtomicI64,
}

impl TokioClock {
    pub(crate) fn new() -> Self {
        Self { begun: tokio::time::Instant::now(), ahead_ms: AtomicI64::new(0) }
    }

    pub(crate) fn set_forward(&self, by_ms: i64) {
        self.ahead_ms.fetch_add(by_ms, Ordering::SeqCst);
    }
}

impl Clock for TokioClock {
    fn now_ms(&self) -> i64 {
        let elapsed = i64::try_from(self.begun.elapsed().as_millis()).expect("short tests");
        START_MS + elapsed + self.ahead_ms.load(Ordering::SeqCst)
    }
}

/// Keeps all samples by series. As strict as the real store: times only grow, and nothing is seen before a commit.
#[derive(Default)]
pub(crate) struct Memory(Mutex<BTreeMap<Labels, Vec<(i64, f64)>>>);

impl Memory {
    /// Adds a sample, newer than all of its series.
    pub(crate) fn add(&self, labels: &Labels, at_ms: i64, value: f64) {
        self.0.lock().expect("no panic").entry(labels.clone()).or_default().push((at_ms, value));
    }

    /// When a series has samples, in milliseconds.
    pub(crate) fn times(&self, series: &str) -> Vec<i64> {
        let all = self.0.lock().expect("no panic");
        let found = all.iter().find(|(labels, _)| labels.to_string() == series);
        found.map(|(_, samples)| samples.iter().map(|(at, _)| *at).collect()).unwrap_or_default()
    }

    /// All values of a series, a stale marker as `#`.
    pub(crate) fn shown(&self, series: &str) -> String {
        let all = self.0.lock().expect("no panic");
        let found = all.iter().find(|(labels, _)| labels.to_string() == series);
        let samples = found.unwrap_or_else(|| panic!("no series {series} in {:?}", all.keys())).1;
        let shown =
            samples.iter().map(|(_, v)| if is_stale(*v) { "#".to_owned() } else { model::format_float(*v) });
        shown.collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn has(&self, series: &str) -> bool {
        self.0.lock().expect("no panic").keys().any(|labels| labels.to_string() == series)
    }
}

struct Appender<'a> {
    memory: &'a Memory,
    series: Vec<Labels>,
    samples: Vec<(Labels, i64, f64)>,
}

impl MetricAppend for Memory {
    fn appender(&self) -> Box<dyn MetricAppender + '_> {
        Box::new(Appender { memory: self, series: Vec::new(), samples: Vec::new() })
    }
}

impl MetricAppender for Appender<'_> {
    fn series(&mut self, labels: &Labels) -> Result<SeriesId, AppendError> {
        self.series.push(labels.clone());
        Ok(SeriesId(self.series.len() as u64 - 1))
    }

    fn append(&mut self, series: SeriesId, at: TimestampMs, value: f64) -> Result<(), AppendError> {
        let labels = self.series[usize::try_from(series.0).expect("small")].clone();
        let newest = self.memory.0.lock().expect("no panic").get(&labels).and_then(|s| s.last().copied());
        match newest {
            Some((newest, _)) if newest > at.0 => return Err(AppendError::OutOfOrder),
            Some((newest, _)) if newest == at.0 => return Err(AppendError::Duplicate),
            _ => self.samples.push((labels, at.0, value)),
        }
        Ok(())
    }

    fn commit(self: Box<Self>) -> Result<CommitReport, AppendError> {
        let mut all = self.memory.0.lock().expect("no panic");
        let samples = self.samples.len();
        for (labels, at, value) in self.samples {
            all.entry(labels).or_default().push((at, value));
        }
        Ok(CommitReport { samples, series_created: 0 })
    }
}

struct Found(Vec<(Labels, Vec<(i64, f64)>)>);

impl SeriesSet for Found {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn labels(&self, i: usize) -> Labels {
        self.0[i].0.clone()
    }

    fn samples_with_stale(&self, i: usize, range: TimeRange, out: &mut Samples) -> Result<(), QueryError> {
        out.clear();
        self.0[i]
            .1
            .iter()
            .filter(|(at, _)| range.contains(*at))
            .for_each(|(at, value)| out.push(*at, *value));
        Ok(())
    }
}

impl MetricQuery for Memory {
    fn select(&self, selection: &Selection<'_>) -> Result<Box<dyn SeriesSet>, QueryError> {
        let all = self.0.lock().expect("no panic");
        let fits = |labels: &Labels| selection.matchers.iter().all(|m| m.matches_labels(labels));
        Ok(Box::new(Found(
            all.iter().filter(|(l, _)| fits(l)).map(|(l, s)| (l.clone(), s.clone())).collect(),
        )))
    }

    fn label_names(&self, _: &Selection<'_>) -> Result<Vec<String>, QueryError> {
        Ok(Vec::new())
    }

    fn label_values(&self, _: &str, _: &Selection<'_>) -> Result<Vec<String>, QueryError> {
        Ok(Vec::new())
    }

    fn time_span(&self) -> Option<(TimestampMs, TimestampMs)> {
        None
    }
}

#[derive(Default)]
pub(crate) struct Sent(Mutex<Vec<Alert>>);

impl Sent {
    pub(crate) fn all(&self) -> Vec<Alert> {
        self.0.lock().expect("no panic").clone()
    }
}

impl AlertSink for Sent {
    fn alerts(&self, alerts: Vec<Alert>) {
        self.0.lock().expect("no panic").extend(alerts);
    }
}
