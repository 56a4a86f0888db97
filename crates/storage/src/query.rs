//! The way out: select series once, then ask for them in batches, by whole columns.

use columns::{Edges, Steps, TimeRange, WindowOp, WindowSteps, window};
use model::{Labels, Matcher, TimestampMs};

/// Why a question was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// More series than the caller allowed.
    #[error("query selects more than {limit} series")]
    TooManySeries {
        /// What was allowed.
        limit: usize,
    },
    /// Stored bytes that do not add up; the text has path and offset.
    #[error("damaged data: {0}")]
    Damaged(String),
    /// The store does not answer now; the text says why.
    #[error("{0}")]
    Unavailable(String),
}

/// Which series, and of what time.
#[derive(Debug, Clone)]
pub struct Selection<'a> {
    /// All must hold. Matchers on `__name__` included.
    pub matchers: &'a [Matcher],
    /// Only series with a sample in this span need be found; more may be.
    pub range: TimeRange,
    /// Refuse beyond this many series.
    pub series_max: usize,
}

/// A store that can be asked. All calls are synchronous and may take long: call them off the async threads.
pub trait MetricQuery: Send + Sync {
    /// Finds series, ordered by labels. The answer holds what it needs to stay valid while the store goes on.
    ///
    /// # Errors
    /// See [`QueryError`].
    fn select(&self, selection: &Selection<'_>) -> Result<Box<dyn SeriesSet>, QueryError>;

    /// Names of all labels of the series selected (all series when there is no matcher), sorted.
    ///
    /// # Errors
    /// See [`QueryError`].
    fn label_names(&self, selection: &Selection<'_>) -> Result<Vec<String>, QueryError>;

    /// Values that the label `name` takes on the series selected, sorted.
    ///
    /// # Errors
    /// See [`QueryError`].
    fn label_values(&self, name: &str, selection: &Selection<'_>) -> Result<Vec<String>, QueryError>;

    /// Time of the oldest and the newest sample kept; `None` while empty.
    fn time_span(&self) -> Option<(TimestampMs, TimestampMs)>;
}

/// Series that a selection found. Methods may be called from several threads at once, one series each.
///
/// An engine need only give [`SeriesSet::labels`] and [`SeriesSet::samples_with_stale`]; it overrides the rest where it
/// can answer without decoding every sample. Meanings stay those of the defaults here.
pub trait SeriesSet: Send + Sync {
    /// How many series.
    fn len(&self) -> usize;

    /// True when nothing was found.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The labels of series `i`, metric name included.
    fn labels(&self, i: usize) -> Labels;

    /// Shows the labels of series `i` without handing them out: who only groups by them need not own each set.
    fn with_labels(&self, i: usize, visit: &mut dyn FnMut(&Labels)) {
        visit(&self.labels(i));
    }

    /// Samples of series `i` in `range`, in order of time, stale markers included, replacing what `out` held.
    ///
    /// # Errors
    /// [`QueryError::Damaged`], [`QueryError::Unavailable`].
    fn samples_with_stale(&self, i: usize, range: TimeRange, out: &mut Samples) -> Result<(), QueryError>;

    /// Samples of series `i` in `range` without stale markers: the fallback when no window summary will do.
    ///
    /// # Errors
    /// As [`SeriesSet::samples_with_stale`].
    fn samples(&self, i: usize, range: TimeRange, out: &mut Samples) -> Result<(), QueryError> {
        self.samples_with_stale(i, range, out)?;
        out.drop_stale();
        Ok(())
    }

    /// For each step `t` the newest sample in `(t - lookback, t]` of series `i`; [`columns::ABSENT`] where there is
    /// none or the newest is a stale marker. `out` is replaced. `times_ms`, when given, gets the samples' own times
    /// (unspecified where absent). Returns how many samples were read.
    ///
    /// # Errors
    /// As [`SeriesSet::samples_with_stale`].
    fn values_at(
        &self,
        i: usize,
        steps: &Steps,
        lookback_ms: i64,
        out: &mut StepValues,
    ) -> Result<usize, QueryError> {
        let mut samples = Samples::default();
        self.samples_with_stale(i, covering(steps, lookback_ms), &mut samples)?;
        out.fill(&samples, steps, lookback_ms);
        Ok(samples.times_ms.len())
    }

    /// `op` of each window of series `i`; [`columns::ABSENT`] where a window is empty. Returns samples read.
    ///
    /// # Errors
    /// As [`SeriesSet::samples_with_stale`].
    fn window(
        &self,
        i: usize,
        op: WindowOp,
        windows: &WindowSteps,
        out: &mut Vec<f64>,
    ) -> Result<usize, QueryError> {
        let mut samples = Samples::default();
        self.samples(i, covering(&windows.steps, windows.range_ms), &mut samples)?;
        window::window(op, &samples.times_ms, &samples.values, windows, out);
        Ok(samples.times_ms.len())
    }

    /// Edges and resets of each window of series `i`. Returns samples read.
    ///
    /// # Errors
    /// As [`SeriesSet::samples_with_stale`].
    fn window_edges(&self, i: usize, windows: &WindowSteps, out: &mut Edges) -> Result<usize, QueryError> {
        let mut samples = Samples::default();
        self.samples(i, covering(&windows.steps, windows.range_ms), &mut samples)?;
        out.fill(&samples.times_ms, &samples.values, windows);
        Ok(samples.times_ms.len())
    }
}

/// The span that windows of `range_ms` before each step reach over.
pub fn covering(steps: &Steps, range_ms: i64) -> TimeRange {
    TimeRange {
        from: TimestampMs(steps.start.0.saturating_sub(range_ms).saturating_add(1)),
        to: steps.last(),
    }
}

/// Samples of one series as two columns of one length, sorted by time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Samples {
    /// When, in milliseconds.
    pub times_ms: Vec<i64>,
    /// What.
    pub values: Vec<f64>,
}

impl Samples {
    /// Empties both columns and keeps their memory.
    pub fn clear(&mut self) {
        self.times_ms.clear();
        self.values.clear();
    }

    /// Adds one sample at the end.
    pub fn push(&mut self, at_ms: i64, value: f64) {
        self.times_ms.push(at_ms);
        self.values.push(value);
    }

    /// Takes stale markers out.
    pub fn drop_stale(&mut self) {
        if !self.values.iter().any(|v| model::is_stale(*v)) {
            return;
        }
        let kept: Vec<(i64, f64)> = self
            .times_ms
            .iter()
            .copied()
            .zip(self.values.iter().copied())
            .filter(|(_, v)| !model::is_stale(*v))
            .collect();
        self.clear();
        kept.into_iter().for_each(|(at_ms, value)| self.push(at_ms, value));
    }
}

/// One series at steps: its value at each, and the time of the sample it came from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StepValues {
    /// A value or [`columns::ABSENT`] a step.
    pub values: Vec<f64>,
    /// When the sample behind each value was taken, milliseconds; unspecified where the value is absent.
    pub times_ms: Vec<i64>,
}

impl StepValues {
    /// What [`StepValues::fill`] makes of the only sample and the only step there are.
    pub fn set_single(&mut self, at_ms: i64, value: f64, steps: &Steps, lookback_ms: i64) {
        let at = steps.at(0);
        let is_seen = at_ms <= at && at_ms > at - lookback_ms;
        self.values.clear();
        self.times_ms.clear();
        self.values.push(if is_seen { value } else { columns::ABSENT });
        self.times_ms.push(at_ms);
    }

    /// Fills both columns from sorted samples, stale markers included; one pass.
    pub fn fill(&mut self, samples: &Samples, steps: &Steps, lookback_ms: i64) {
        self.values.clear();
        self.times_ms.clear();
        let mut next = 0;
        for at in steps.iter() {
            while next < samples.times_ms.len() && samples.times_ms[next] <= at {
                next += 1;
            }
            let newest = next.checked_sub(1).filter(|&i| samples.times_ms[i] > at - lookback_ms);
            // A stale marker is ABSENT already: the two share their bits.
            self.values.push(newest.map_or(columns::ABSENT, |i| samples.values[i]));
            self.times_ms.push(newest.map_or(0, |i| samples.times_ms[i]));
        }
    }
}

#[cfg(test)]
mod tests {
    use columns::is_absent;

    use super::*;

    fn samples(pairs: &[(i64, f64)]) -> Samples {
        let mut samples = Samples::default();
        pairs.iter().for_each(|&(at, value)| samples.push(at, value));
        samples
    }

    #[test]
    fn a_step_sees_the_newest_sample_within_lookback() {
        let mut out = StepValues::default();
        let steps = Steps::range(TimestampMs(0), TimestampMs(50), 10);
        out.fill(&samples(&[(0, 1.0), (15, 2.0)]), &steps, 20);
        assert_eq!(out.values[..4], [1.0, 1.0, 2.0, 2.0]);
        assert!(is_absent(out.values[4]) && is_absent(out.values[5]));
        assert_eq!(out.times_ms[2], 15);
    }

    #[test]
    fn a_stale_marker_ends_a_series_at_once() {
        let mut out = StepValues::default();
        out.fill(
            &samples(&[(0, 1.0), (5, model::STALE_NAN), (20, 3.0)]),
            &Steps::range(TimestampMs(0), TimestampMs(20), 10),
            300,
        );
        assert!(is_absent(out.values[1]));
        assert_eq!((out.values[0], out.values[2]), (1.0, 3.0));
    }

    #[test]
    fn windows_never_see_stale_markers() {
        let mut all = samples(&[(0, 1.0), (5, model::STALE_NAN), (6, 2.0)]);
        all.drop_stale();
        assert_eq!(all, samples(&[(0, 1.0), (6, 2.0)]));
    }
}
