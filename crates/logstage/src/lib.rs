//! Stages over one line of a log: filters, parsers of fields, filters over fields, formatting.
//!
//! A [`Pipeline`] takes a [`Row`] through its stages. Text is borrowed from the line for as long as possible, and a parser
//! extracts only the fields that somebody behind it needs. Knows no language, no store, no HTTP.

mod error;
mod format;
mod functions;
pub mod ip;
pub mod json;
mod label_filter;
mod line_filter;
pub mod logfmt;
mod name;
mod parsers;
mod pattern;
mod pipeline;
mod row;
pub mod units;
mod unwrap;

pub use error::StageError;
pub use format::{FORMAT_MAX_BYTES, LabelFormat, Template};
pub use label_filter::{Comparison, IpFilter, LabelFilter, NumberFilter, NumberKind};
pub use line_filter::{LineFilter, LineOp, LineOperand};
pub use parsers::{Json, Logfmt, PatternParser, Regexp, Unpack};
pub use pattern::{LinePattern, PatternError};
pub use pipeline::{NameFilter, Needed, Pipeline, Stage};
pub use row::{ERROR, ERROR_DETAILS, EXTRACTED, FIELDS_MAX, Origin, Row};
pub use unwrap::{Conversion, Unwrap};
