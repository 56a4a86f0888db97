//! What can go wrong with a query, told apart by what the caller can do about it.

use std::ops::Range;

use crate::ast::Span;

/// A query that is not PromQL. `Display` is Prometheus' form: `1:5: parse error: unexpected …`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: parse error: {message}")]
pub struct ParseError {
    /// Where, in bytes of the query.
    pub span: Range<usize>,
    /// Line of the start, from 1.
    pub line: usize,
    /// Column of the start in bytes, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

impl ParseError {
    pub(crate) fn at(span: Span, message: impl Into<String>) -> Self {
        Self {
            span: span.start as usize..span.end as usize,
            line: span.line as usize,
            column: span.column as usize,
            message: message.into(),
        }
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
    pub(crate) fn at(span: Span, message: impl Into<String>) -> Self {
        Self::Execution { message: message.into(), span: span.start as usize..span.end as usize }
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
