//! Series in memory that rules read and write while nothing else runs: for unit tests of rules and for backtests.

use std::sync::{PoisonError, RwLock};

use model::{Labels, TimestampMs};
use promql::script::MemoryStore;
use storage::{
    AppendError, BackfillReport, CommitReport, MetricAppend, MetricAppender, MetricBackfill, MetricQuery,
    QueryError, Samples, Selection, SeriesId, SeriesSet,
};

/// As strict as the real store: times only grow, and nothing is seen before a commit.
#[derive(Debug, Default)]
pub(crate) struct Memory(RwLock<MemoryStore>);

impl Memory {
    /// Adds a sample; says `false`, and changes nothing, when it is not newer than what the series holds.
    pub(crate) fn add(&self, labels: &Labels, at_ms: i64, value: f64) -> bool {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(labels, at_ms, value)
    }
}

struct Appender<'a> {
    memory: &'a Memory,
    series: Vec<Labels>,
    samples: Vec<(usize, i64, f64)>,
}

impl MetricAppend for Memory {
    fn appender(&self) -> Box<dyn MetricAppender + '_> {
        Box::new(Appender { memory: self, series: Vec::new(), samples: Vec::new() })
    }
}

impl Appender<'_> {
    fn place(&self, series: SeriesId) -> Result<usize, AppendError> {
        let place = usize::try_from(series.0).ok().filter(|place| *place < self.series.len());
        place.ok_or(AppendError::UnknownSeries(series))
    }
}

impl MetricAppender for Appender<'_> {
    fn series(&mut self, labels: &Labels) -> Result<SeriesId, AppendError> {
        self.series.push(labels.clone());
        Ok(SeriesId(self.series.len() as u64 - 1))
    }

    fn append(&mut self, series: SeriesId, at: TimestampMs, value: f64) -> Result<(), AppendError> {
        let place = self.place(series)?;
        let store = self.memory.0.read().unwrap_or_else(PoisonError::into_inner);
        match store.newest(&self.series[place]) {
            Some((newest, _)) if newest > at.0 => Err(AppendError::OutOfOrder),
            Some((newest, known)) if newest == at.0 && known.to_bits() != value.to_bits() => {
                Err(AppendError::Duplicate)
            }
            _ => {
                self.samples.push((place, at.0, value));
                Ok(())
            }
        }
    }

    fn commit(self: Box<Self>) -> Result<CommitReport, AppendError> {
        let mut store = self.memory.0.write().unwrap_or_else(PoisonError::into_inner);
        let samples = self.samples.len();
        for (place, at, value) in self.samples {
            store.push(&self.series[place], at, value);
        }
        Ok(CommitReport { samples, series_created: 0 })
    }
}

impl MetricBackfill for Memory {
    fn backfill(&self, series: Vec<(Labels, Samples)>) -> Result<BackfillReport, AppendError> {
        let mut report = BackfillReport::default();
        for (labels, samples) in series {
            for (at_ms, value) in samples.times_ms.iter().zip(&samples.values) {
                let is_new = self.add(&labels, *at_ms, *value);
                *(if is_new { &mut report.samples } else { &mut report.refused }) += 1;
            }
        }
        Ok(report)
    }
}

impl MetricQuery for Memory {
    fn select(&self, selection: &Selection<'_>) -> Result<Box<dyn SeriesSet>, QueryError> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).select(selection)
    }

    fn label_names(&self, selection: &Selection<'_>) -> Result<Vec<String>, QueryError> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).label_names(selection)
    }

    fn label_values(&self, name: &str, selection: &Selection<'_>) -> Result<Vec<String>, QueryError> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).label_values(name, selection)
    }

    fn time_span(&self) -> Option<(TimestampMs, TimestampMs)> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).time_span()
    }
}
