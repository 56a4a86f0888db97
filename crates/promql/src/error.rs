//! What can go wrong with a query, told apart by what the caller can do about it.

use std::ops::{Deref, Range};

use crate::ast::Span;

/// What there can be too much of. Refusals are counted under these names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Bytes of the query: [`crate::QUERY_BYTES_MAX`].
    Length,
    /// How deep the query nests: [`crate::DEPTH_MAX`].
    Depth,
    /// Values held at once: `samples_max` of the engine's options.
    Samples,
    /// Series that a selector finds: `series_max`.
    Series,
    /// Steps of the query or of a subquery: `steps_max`.
    Steps,
    /// How long the query takes: `timeout`.
    Time,
}

impl Limit {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Length, Self::Depth, Self::Samples, Self::Series, Self::Steps, Self::Time];

    /// The name in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Depth => "depth",
            Self::Samples => "samples",
            Self::Series => "series",
            Self::Steps => "steps",
            Self::Time => "time",
        }
    }
}

/// A query that is not PromQL. `Display` is Prometheus' form: `1:5: parse error: unexpected …`.
///
/// A pointer only: the parser hands it up from as deep as a query nests, and each level has room for it on the stack.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}:{}: parse error: {}", .0.line, .0.column, .0.message)]
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

impl Deref for ParseError {
    type Target = Mistake;

    fn deref(&self) -> &Mistake {
        &self.0
    }
}

impl ParseError {
    pub(crate) fn at(span: Span, message: impl Into<String>) -> Self {
        Self::new(span, message.into(), None)
    }

    pub(crate) fn beyond(limit: Limit, span: Span, message: impl Into<String>) -> Self {
        Self::new(span, message.into(), Some(limit))
    }

    fn new(span: Span, message: String, limit: Option<Limit>) -> Self {
        Self(Box::new(Mistake {
            span: span.start as usize..span.end as usize,
            line: span.line as usize,
            column: span.column as usize,
            message,
            limit,
        }))
    }
}

/// Why a query that parses gave no answer. Texts are Prometheus' own where clients compare them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// The query asks for something that is not switched on, or that only its time range shows to be wrong.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The values held at once passed the limit.
    #[error("query processing would load too many samples into memory in query execution")]
    TooManySamples {
        /// Values allowed at once.
        limit: usize,
    },
    /// A selector, or a result, has too many series.
    #[error("query processing would touch more than {limit} series")]
    TooManySeries {
        /// Series allowed.
        limit: usize,
    },
    /// Too many moments to evaluate at; a subquery's count too.
    #[error("{steps} steps are more than the {limit} allowed")]
    TooManySteps {
        /// Steps asked for.
        steps: usize,
        /// Steps allowed.
        limit: usize,
    },
    /// Took too long.
    #[error("query timed out in expression evaluation")]
    Timeout,
    /// The caller lost interest.
    #[error("query was canceled in expression evaluation")]
    Canceled,
    /// The query cannot be carried out on this data.
    #[error("{message}")]
    Execution {
        /// What is wrong.
        message: String,
        /// Which part of the query, in bytes.
        span: Range<usize>,
    },
    /// The store did not answer.
    #[error("{0}")]
    Store(storage::QueryError),
}

impl EvalError {
    /// The limit that the query passed, if that is why it was refused.
    pub fn limit(&self) -> Option<Limit> {
        match self {
            Self::Parse(error) => error.limit,
            Self::TooManySamples { .. } => Some(Limit::Samples),
            Self::TooManySeries { .. } => Some(Limit::Series),
            Self::TooManySteps { .. } => Some(Limit::Steps),
            Self::Timeout => Some(Limit::Time),
            Self::Canceled | Self::Execution { .. } | Self::Store(_) => None,
        }
    }

    pub(crate) fn at(span: Span, message: impl Into<String>) -> Self {
        Self::Execution { message: message.into(), span: span.start as usize..span.end as usize }
    }
}

impl From<columns::vector::Stop> for EvalError {
    fn from(stop: columns::vector::Stop) -> Self {
        use columns::vector::Stop;
        match stop {
            Stop::Canceled => Self::Canceled,
            Stop::Timeout => Self::Timeout,
            Stop::TooManyValues { limit } => Self::TooManySamples { limit },
        }
    }
}

impl From<storage::QueryError> for EvalError {
    fn from(error: storage::QueryError) -> Self {
        match error {
            storage::QueryError::TooManySeries { limit } => Self::TooManySeries { limit },
            other => Self::Store(other),
        }
    }
}
