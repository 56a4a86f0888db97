//! A store in memory: simple enough to be right, stricter than a real one about order of time.

use std::collections::BTreeMap;
use std::sync::Arc;

use columns::TimeRange;
use model::{Labels, Matcher, TimestampMs};
use storage::{MetricQuery, QueryError, Samples, Selection, SeriesSet};

/// The text with which the store refuses series that hold native histograms.
pub(crate) const NATIVE_HISTOGRAM: &str = "native histograms are not supported yet";

/// One series.
#[derive(Debug, Default, Clone)]
struct Stored {
    samples: Samples,
    /// Moments at which the script gave a native histogram.
    histograms_ms: Vec<i64>,
}

/// Series in memory, for tests and scripts.
#[derive(Debug, Default)]
pub struct MemoryStore {
    series: BTreeMap<Labels, Arc<Stored>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one sample; says `false`, and changes nothing, when it is not newer than what the series holds.
    pub fn push(&mut self, labels: &Labels, at_ms: i64, value: f64) -> bool {
        let stored = Arc::make_mut(self.series.entry(labels.clone()).or_default());
        if stored.samples.times_ms.last().is_some_and(|last| *last >= at_ms) {
            return false;
        }
        stored.samples.push(at_ms, value);
        true
    }

    /// The newest sample of a series: when and what.
    pub fn newest(&self, labels: &Labels) -> Option<(i64, f64)> {
        let samples = &self.series.get(labels)?.samples;
        Some((*samples.times_ms.last()?, *samples.values.last()?))
    }

    /// Notes that a series holds a native histogram at a moment: whoever reads it there is refused.
    pub fn push_histogram(&mut self, labels: &Labels, at_ms: i64) {
        Arc::make_mut(self.series.entry(labels.clone()).or_default()).histograms_ms.push(at_ms);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.series.clear();
    }

    fn find<'a>(
        &'a self,
        selection: &'a Selection<'_>,
    ) -> impl Iterator<Item = (&'a Labels, &'a Arc<Stored>)> {
        let range = selection.range;
        let in_range = move |times: &[i64]| {
            let from = times.partition_point(|at| *at < range.from.0);
            times.get(from).is_some_and(|at| *at <= range.to.0)
        };
        self.series.iter().filter(move |(labels, stored)| {
            selection.matchers.iter().all(|matcher: &Matcher| matcher.matches_labels(labels))
                && (in_range(&stored.samples.times_ms) || in_range(&stored.histograms_ms))
        })
    }
}

impl MetricQuery for MemoryStore {
    fn select(&self, selection: &Selection<'_>) -> Result<Box<dyn SeriesSet>, QueryError> {
        let found: Vec<(Labels, Arc<Stored>)> = self
            .find(selection)
            .take(selection.series_max.saturating_add(1))
            .map(|(labels, stored)| (labels.clone(), Arc::clone(stored)))
            .collect();
        if found.len() > selection.series_max {
            return Err(QueryError::TooManySeries { limit: selection.series_max });
        }
        Ok(Box::new(Found(found)))
    }

    fn label_names(&self, selection: &Selection<'_>) -> Result<Vec<String>, QueryError> {
        let names =
            self.find(selection).flat_map(|(labels, _)| labels.iter().map(|(name, _)| name.to_owned()));
        Ok(sorted(names.collect()))
    }

    fn label_values(&self, name: &str, selection: &Selection<'_>) -> Result<Vec<String>, QueryError> {
        let values = self.find(selection).filter_map(|(labels, _)| labels.get(name).map(str::to_owned));
        Ok(sorted(values.collect()))
    }

    fn time_span(&self) -> Option<(TimestampMs, TimestampMs)> {
        let all = self.series.values().map(|stored| &stored.samples.times_ms);
        let first = all.clone().filter_map(|times| times.first()).min()?;
        let last = all.filter_map(|times| times.last()).max()?;
        Some((TimestampMs(*first), TimestampMs(*last)))
    }
}

fn sorted(mut all: Vec<String>) -> Vec<String> {
    all.sort_unstable();
    all.dedup();
    all
}

struct Found(Vec<(Labels, Arc<Stored>)>);

impl SeriesSet for Found {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn labels(&self, i: usize) -> Labels {
        self.0[i].0.clone()
    }

    fn samples_with_stale(&self, i: usize, range: TimeRange, out: &mut Samples) -> Result<(), QueryError> {
        out.clear();
        let stored = &self.0[i].1;
        if stored.histograms_ms.iter().any(|at| range.contains(*at)) {
            return Err(QueryError::Unavailable(NATIVE_HISTOGRAM.to_owned()));
        }
        let times = &stored.samples.times_ms;
        let from = times.partition_point(|at| *at < range.from.0);
        let to = times.partition_point(|at| *at <= range.to.0).max(from);
        out.times_ms.extend_from_slice(&times[from..to]);
        out.values.extend_from_slice(&stored.samples.values[from..to]);
        Ok(())
    }
}
