//! A store in memory that is stricter than a real one: it refuses what is out of order and forgets what is not committed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use model::{Labels, TimestampMs, is_stale};
use storage::{AppendError, CommitReport, Exemplar, MetricAppend, MetricAppender, SeriesId};

#[derive(Default)]
pub(crate) struct Recorder {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    ids: HashMap<Labels, SeriesId>,
    series: HashMap<SeriesId, (Labels, Vec<(i64, f64)>)>,
    ids_made: u64,
    exemplars: Vec<(Labels, Exemplar)>,
    refuse_commits: bool,
}

impl Recorder {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Makes commits fail from now on, or succeed again.
    pub(crate) fn refuse_commits(&self, refuse: bool) {
        self.inner.lock().expect("not poisoned").refuse_commits = refuse;
    }

    /// Forgets all series but keeps their samples, as a store does that dropped idle series.
    pub(crate) fn forget_ids(&self) {
        self.inner.lock().expect("not poisoned").ids.clear();
    }

    /// Samples of the series shown as `selector`, in order of commit; a stale marker is `None`.
    pub(crate) fn samples(&self, selector: &str) -> Vec<(i64, Option<f64>)> {
        let inner = self.inner.lock().expect("not poisoned");
        let mut all: Vec<(i64, Option<f64>)> = inner
            .series
            .values()
            .filter(|(labels, _)| labels.to_string() == selector)
            .flat_map(|(_, samples)| samples.iter().map(|&(at, v)| (at, (!is_stale(v)).then_some(v))))
            .collect();
        all.sort_by_key(|(at, _)| *at);
        all
    }

    /// All exemplars with their series, in order of commit.
    pub(crate) fn exemplars(&self) -> Vec<(Labels, Exemplar)> {
        self.inner.lock().expect("not poisoned").exemplars.clone()
    }

    /// Values only; a stale marker is `None`.
    pub(crate) fn values(&self, selector: &str) -> Vec<Option<f64>> {
        self.samples(selector).into_iter().map(|(_, value)| value).collect()
    }

    /// How many stale markers a series has at times when `up` is 1. A machine so busy that a scrape timed out marks
    /// all series as it should; that is not what a test is about.
    pub(crate) fn markers_while_up(&self, selector: &str, up: &str) -> usize {
        let ups = self.samples(up);
        let is_up = |at: i64| ups.contains(&(at, Some(1.0)));
        self.samples(selector).iter().filter(|(at, value)| value.is_none() && is_up(*at)).count()
    }

    /// The newest value; the outer `None` when there is none.
    pub(crate) fn last(&self, selector: &str) -> Option<Option<f64>> {
        self.values(selector).last().copied()
    }
}

impl MetricAppend for Recorder {
    fn appender(&self) -> Box<dyn MetricAppender + '_> {
        Box::new(Transaction {
            store: self,
            made: HashMap::new(),
            samples: Vec::new(),
            exemplars: Vec::new(),
        })
    }
}

struct Transaction<'a> {
    store: &'a Recorder,
    made: HashMap<Labels, SeriesId>,
    samples: Vec<(SeriesId, i64, f64)>,
    exemplars: Vec<(SeriesId, Exemplar)>,
}

impl MetricAppender for Transaction<'_> {
    fn series(&mut self, labels: &Labels) -> Result<SeriesId, AppendError> {
        let mut inner = self.store.inner.lock().expect("not poisoned");
        if let Some(id) = inner.ids.get(labels).or_else(|| self.made.get(labels)) {
            return Ok(*id);
        }
        inner.ids_made += 1;
        let id = SeriesId(inner.ids_made);
        self.made.insert(labels.clone(), id);
        Ok(id)
    }

    fn append(&mut self, series: SeriesId, at: TimestampMs, value: f64) -> Result<(), AppendError> {
        let inner = self.store.inner.lock().expect("not poisoned");
        let known = inner.ids.values().any(|id| *id == series) || self.made.values().any(|id| *id == series);
        if !known {
            return Err(AppendError::UnknownSeries(series));
        }
        let committed = inner.series.get(&series).and_then(|(_, samples)| samples.last().copied());
        let open =
            self.samples.iter().rev().find(|(id, ..)| *id == series).map(|&(_, at, value)| (at, value));
        match open.or(committed) {
            Some((newest, _)) if newest > at.0 => return Err(AppendError::OutOfOrder),
            Some((newest, old)) if newest == at.0 && old.to_bits() != value.to_bits() => {
                return Err(AppendError::Duplicate);
            }
            // The same once more: no error, and nothing new.
            Some((newest, _)) if newest == at.0 => return Ok(()),
            _ => {}
        }
        self.samples.push((series, at.0, value));
        Ok(())
    }

    fn exemplar(&mut self, series: SeriesId, exemplar: Exemplar) -> Result<(), AppendError> {
        // The oldest that may come, as a store has it for each series.
        if exemplar.at.0 < 0 {
            return Err(AppendError::ExemplarOutOfOrder);
        }
        self.exemplars.push((series, exemplar));
        Ok(())
    }

    fn commit(self: Box<Self>) -> Result<CommitReport, AppendError> {
        let mut inner = self.store.inner.lock().expect("not poisoned");
        if inner.refuse_commits {
            return Err(AppendError::Unavailable("the disk is full".to_owned()));
        }
        let report = CommitReport { samples: self.samples.len(), series_created: self.made.len() };
        for (labels, id) in self.made {
            inner.series.insert(id, (labels.clone(), Vec::new()));
            inner.ids.insert(labels, id);
        }
        for (id, at, value) in self.samples {
            inner.series.get_mut(&id).expect("a known series").1.push((at, value));
        }
        for (id, exemplar) in self.exemplars {
            let labels = inner.series.get(&id).expect("a known series").0.clone();
            inner.exemplars.push((labels, exemplar));
        }
        Ok(report)
    }
}
