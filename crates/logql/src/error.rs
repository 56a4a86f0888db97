//! What can go wrong with a query, in Loki's words where clients know them.

use std::ops::Range;

use columns::vector::{MatchError, Stop};

/// What there can be too much of. Refusals are counted under these names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Bytes of the query: [`crate::QUERY_BYTES_MAX`].
    Length,
    /// How deep the query nests: [`crate::DEPTH_MAX`].
    Depth,
    /// Lines of an answer: `entries_max`.
    Entries,
    /// Series of an answer: `series_max`.
    Series,
    /// Steps of a query: `steps_max`.
    Steps,
    /// How long a time a query spans: `length_max`.
    Span,
    /// Bytes of lines a query reads: `bytes_max`.
    Bytes,
    /// Streams that a selector finds: `streams_max`.
    Streams,
    /// What a query holds in memory: `held_bytes_max`.
    Memory,
    /// How long a query takes: `timeout`.
    Time,
}

impl Limit {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Length,
        Self::Depth,
        Self::Entries,
        Self::Series,
        Self::Steps,
        Self::Span,
        Self::Bytes,
        Self::Streams,
        Self::Memory,
        Self::Time,
    ];

    /// The name in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Depth => "depth",
            Self::Entries => "entries",
            Self::Series => "series",
            Self::Steps => "steps",
            Self::Span => "span",
            Self::Bytes => "bytes",
            Self::Streams => "streams",
            Self::Memory => "memory",
            Self::Time => "time",
        }
    }
}

/// A query that is not LogQL. `Display` is Loki's form, `parse error at line 1, col 5: …`, also where Loki leaves the place out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError(Box<Mistake>);

/// What a [`ParseError`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where, in bytes of the query.
    pub span: Range<usize>,
    /// Line of the start, from 1.
    pub line: usize,
    /// Column of the start in bytes, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// The limit that the query passes, if that is what is wrong.
    pub limit: Option<Limit>,
}

impl std::ops::Deref for ParseError {
    type Target = Mistake;

    fn deref(&self) -> &Mistake {
        &self.0
    }
}

impl std::error::Error for ParseError {}

impl std::fmt::Display for ParseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "parse error at line {}, col {}: {}", self.line, self.column, self.message)
    }
}

impl ParseError {
    pub(crate) fn at(query: &str, span: Range<usize>, message: impl Into<String>) -> Self {
        Self::new(query, span, message.into(), None)
    }

    pub(crate) fn beyond(limit: Limit, query: &str, span: Range<usize>, message: impl Into<String>) -> Self {
        Self::new(query, span, message.into(), Some(limit))
    }

    fn new(query: &str, span: Range<usize>, message: String, limit: Option<Limit>) -> Self {
        let before = &query.as_bytes()[..span.start.min(query.len())];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |i| i + 1);
        let column = before.len() - line_start + 1;
        Self(Box::new(Mistake { span, line, column, message, limit }))
    }
}

/// Why a query that parses gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// The query asks for more than is allowed; the text says of what, and what to write instead.
    #[error("{message}")]
    TooMuch {
        /// Of what.
        limit: Limit,
        /// For people.
        message: String,
    },
    /// The caller lost interest.
    #[error("the request was cancelled by the client")]
    Canceled,
    /// The query cannot be carried out like this.
    #[error("{0}")]
    Invalid(String),
    /// A stage failed on a line, and nothing in the query says that it may.
    #[error("{0}")]
    Pipeline(String),
    /// Series of two sides do not meet as they should. Loki's status for this differs from that for other wrong queries.
    #[error("{0}")]
    Mismatch(String),
    /// The store did not answer.
    #[error("{0}")]
    Store(storage::QueryError),
}

/// Loki's words for a query that took too long.
const TIMED_OUT: &str = "request timed out, decrease the duration of the request or add more label matchers (prefer exact match \
                         over regex match) to reduce the amount of data processed";

impl EvalError {
    pub(crate) fn too_much(limit: Limit, message: impl Into<String>) -> Self {
        Self::TooMuch { limit, message: message.into() }
    }

    /// The limit that the query passed, if that is why it was refused.
    pub fn limit(&self) -> Option<Limit> {
        match self {
            Self::TooMuch { limit, .. } => Some(*limit),
            _ => None,
        }
    }
}

impl From<Stop> for EvalError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Canceled => Self::Canceled,
            Stop::Timeout => Self::too_much(Limit::Time, TIMED_OUT),
            Stop::TooManyValues { limit } => Self::too_much(
                Limit::Memory,
                format!(
                    "the query would hold more than {limit} values at once; make the step larger or aggregate more"
                ),
            ),
        }
    }
}

impl From<MatchError> for EvalError {
    fn from(error: MatchError) -> Self {
        match error {
            MatchError::Stop(stop) => stop.into(),
            MatchError::Mismatch(message) => Self::Mismatch(message),
        }
    }
}

impl From<storage::QueryError> for EvalError {
    fn from(error: storage::QueryError) -> Self {
        match error {
            storage::QueryError::TooManySeries { limit } => Self::too_much(
                Limit::Streams,
                format!(
                    "the selector finds more than {limit} streams; add a label matcher that leaves most of them out"
                ),
            ),
            other => Self::Store(other),
        }
    }
}
