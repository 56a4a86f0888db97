//! Examples of what series counted, such as one trace of a bucket: kept beside the samples, some of the newest.

use columns::TimeRange;
use model::{Labels, Matcher, TimestampMs};

use crate::QueryError;

/// An example of what a series counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    /// What tells the example, such as a trace's id.
    pub labels: Labels,
    /// The value that was counted.
    pub value: f64,
    /// When.
    pub at: TimestampMs,
    /// Whether the program said when. Otherwise `at` is the time of the sample that it came with, and the same labels and value
    /// at another time are the same example, told again.
    pub has_own_time: bool,
}

impl Exemplar {
    /// Whether the two are one, told twice.
    pub fn is_same(&self, other: &Self) -> bool {
        let times_differ = (self.has_own_time || other.has_own_time) && self.at != other.at;
        !times_differ && self.labels == other.labels && self.value.to_bits() == other.value.to_bits()
    }
}

/// The examples of one series, in order of time.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesExemplars {
    /// The labels of the series, metric name included.
    pub series: Labels,
    /// What was found.
    pub exemplars: Vec<Exemplar>,
}

/// A store that can be asked for examples.
pub trait ExemplarQuery: Send + Sync {
    /// Examples in `range` of the series that satisfy all matchers of one of the selectors, in order of the series' labels;
    /// series without any are left out.
    ///
    /// # Errors
    /// See [`QueryError`].
    fn exemplars(
        &self,
        selectors: &[Vec<Matcher>],
        range: TimeRange,
    ) -> Result<Vec<SeriesExemplars>, QueryError>;
}
