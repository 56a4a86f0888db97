//! The words of the domain: labels, matchers, timestamps, durations, samples, log lines, metadata, alerts.
//!
//! Plain values. Nothing here knows an encoding, a file, HTTP or JSON.

pub mod alert;
pub mod duration;
pub mod float;
pub mod labels;
pub mod log;
pub mod matcher;
pub mod metadata;
pub mod quoted;
pub mod sample;

pub use alert::{Alert, AlertState};
pub use duration::{DurationMs, ParseDurationError};
pub use float::format_float;
pub use labels::{Labels, LabelsBuilder, LabelsKey, METRIC_NAME};
pub use log::{LogEntry, TimestampNs};
pub use matcher::{MatchOp, Matcher, MatcherError};
pub use metadata::{Metadata, MetricKind};
pub use sample::{STALE_NAN, Sample, TimestampMs, is_stale};
