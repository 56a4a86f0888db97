//! The text formats in which a program exposes its metrics: Prometheus text 0.0.4 (and 1.0.0 with quoted names) and
//! OpenMetrics 1.0, in and out.
//!
//! Reading borrows the body: a row is spans of it, labels are taken apart only when asked for, and nothing is
//! allocated a line. Knows nothing of HTTP, of files, of who stores.
#![deny(clippy::indexing_slicing, clippy::string_slice)]

mod cursor;
mod error;
mod meta;
mod number;
mod reader;
mod series;
pub mod strict;
mod writer;

pub use error::ReadError;
pub use meta::Meta;
pub use number::{parse_value, seconds_to_ms};
pub use reader::{Entry, Exemplar, Reader, Row};
pub use series::{Expected, Label, Series, SeriesError, is_label_name, is_metric_name};
pub use writer::{Writer, escape_help, escape_label_value};

/// Which grammar a body follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus text, versions 0.0.4 and 1.0.0: they differ only in whether names may be quoted, and readers take both.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// The media type with its parameters, as a server says it.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}
