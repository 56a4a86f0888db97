//! The ports where ingest, engines and readers meet: traits and plain types, no I/O, no encoding.
//!
//! Writers speak [`MetricAppend`] and [`LogAppend`], readers [`MetricQuery`], [`ExemplarQuery`] and [`LogQuery`]. Whoever stores implements both; nobody else knows how.

pub mod append;
pub mod exemplar;
pub mod logs;
pub mod query;

pub use append::{
    AppendError, BackfillReport, CommitReport, MetricAppend, MetricAppender, MetricBackfill, SeriesId,
};
pub use exemplar::{Exemplar, ExemplarQuery, SeriesExemplars};
pub use logs::{
    LineBatch, LogAppend, LogAppendError, LogFollow, LogQuery, LogRefusal, LogSelection, LogStats, Needles,
    NsRange, PartInfo, PushReport, StreamPush, StreamSet,
};
pub use query::{MetricQuery, QueryError, Samples, Selection, SeriesSet, StepValues};
