//! The way in: one transaction per scrape, per rule evaluation, per remote write.

use model::{Labels, TimestampMs};

use crate::{Exemplar, Samples};

/// A series as the store names it. Valid as long as the store runs; a store may forget a series, and then answers
/// [`AppendError::UnknownSeries`], upon which the caller resolves the labels anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId(pub u64);

/// Why a sample was not taken. Texts are Prometheus' own where clients compare them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// Older than the newest sample of the series, and outside the window for late samples.
    #[error("out of order sample")]
    OutOfOrder,
    /// Another value at a moment that is taken already. The same value again is no error.
    #[error("duplicate sample for timestamp")]
    Duplicate,
    /// Too far in the past or the future for the store.
    #[error("out of bounds")]
    OutOfBounds,
    /// An example older than the newest of the series.
    #[error("out of order exemplar")]
    ExemplarOutOfOrder,
    /// The store does not know this id (any more).
    #[error("unknown series id {0:?}")]
    UnknownSeries(SeriesId),
    /// A limit of the store; the text names it and its value.
    #[error("{0}")]
    Limit(String),
    /// The store takes nothing now: disk full, failed sync, shutting down. The text says which.
    #[error("{0}")]
    Unavailable(String),
}

/// What a commit did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CommitReport {
    /// Samples that are now durable by the store's sync policy.
    pub samples: usize,
    /// Series that did not exist before.
    pub series_created: usize,
}

/// A store that takes samples.
pub trait MetricAppend: Send + Sync {
    /// Opens a transaction. Any number may be open at once; each is used from one thread at a time.
    fn appender(&self) -> Box<dyn MetricAppender + '_>;
}

/// One transaction: nothing is visible or durable before [`MetricAppender::commit`]; dropping it takes all back.
pub trait MetricAppender: Send {
    /// The id of a series, made when new. `labels` is complete, metric name included.
    ///
    /// # Errors
    /// [`AppendError::Limit`], [`AppendError::Unavailable`].
    fn series(&mut self, labels: &Labels) -> Result<SeriesId, AppendError>;

    /// Says that a sample of this series comes soon, after a handful of others: a store may have its memory fetched meanwhile.
    fn expect(&mut self, series: SeriesId) {
        let _ = series;
    }

    /// Adds one sample. A refused sample leaves the transaction as it was: the caller may count it and go on.
    ///
    /// # Errors
    /// All but [`AppendError::Limit`].
    fn append(&mut self, series: SeriesId, at: TimestampMs, value: f64) -> Result<(), AppendError>;

    /// Adds an example of what the series counted; one that is there already is no error. A store that keeps none takes
    /// all and forgets them.
    ///
    /// # Errors
    /// [`AppendError::ExemplarOutOfOrder`], [`AppendError::UnknownSeries`], [`AppendError::Limit`]: the transaction is as before.
    fn exemplar(&mut self, series: SeriesId, exemplar: Exemplar) -> Result<(), AppendError> {
        let _ = (series, exemplar);
        Ok(())
    }

    /// Writes the log, then applies to memory, then returns: what this has acknowledged survives `kill -9`.
    ///
    /// # Errors
    /// [`AppendError::Unavailable`]: then nothing of the transaction was taken.
    fn commit(self: Box<Self>) -> Result<CommitReport, AppendError>;
}

/// What became of samples that were put into the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BackfillReport {
    /// Samples that are there now and were not before.
    pub samples: u64,
    /// Samples of a moment at which the series has one already; that one stays.
    pub known: u64,
    /// Samples that were left out: in the future, older than what is kept, or between samples that are still in memory.
    pub refused: u64,
}

/// A store that takes the past of series, as rules need it that are new.
pub trait MetricBackfill: Send + Sync {
    /// Puts in samples of any age. What is read meanwhile may show a part of them.
    ///
    /// # Errors
    /// [`AppendError::Unavailable`]: a part may be in; the same call again does the rest.
    fn backfill(&self, series: Vec<(Labels, Samples)>) -> Result<BackfillReport, AppendError>;
}
