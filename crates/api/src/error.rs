//! The one place where an error becomes an HTTP status: Prometheus' `errorType` and its code.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use promql::{EvalError, ParseError};
use serde::Serialize;

/// Prometheus' kinds of error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    BadData,
    /// Bad data too, by its size.
    TooLarge,
    Execution,
    Canceled,
    Timeout,
    Internal,
    /// Not now.
    Unavailable,
    /// Not on this server.
    Disabled,
}

impl ErrorKind {
    fn name_and_code(self) -> (&'static str, u16) {
        match self {
            Self::BadData => ("bad_data", 400),
            Self::TooLarge => ("bad_data", 413),
            Self::Execution => ("execution", 422),
            // Not a registered code: nginx's "client closed request", which Prometheus uses too.
            Self::Canceled => ("canceled", 499),
            Self::Timeout => ("timeout", 503),
            Self::Internal => ("internal", 500),
            Self::Unavailable => ("unavailable", 503),
            Self::Disabled => ("unavailable", 500),
        }
    }
}

/// The wire shape, in Prometheus' order.
#[derive(Serialize)]
struct Body<'a> {
    status: &'static str,
    #[serde(rename = "errorType")]
    error_type: &'static str,
    error: &'a str,
}

/// An answer that is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub kind: ErrorKind,
    pub message: String,
}

impl ApiError {
    pub(crate) fn bad_data(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::BadData, message: message.into() }
    }

    /// Whether the caller's request is at fault.
    pub(crate) fn is_bad_data(&self) -> bool {
        matches!(self.kind, ErrorKind::BadData | ErrorKind::TooLarge)
    }

    /// A parameter that is missing or makes no sense, in Prometheus' words.
    pub(crate) fn parameter(name: &str, cause: impl std::fmt::Display) -> Self {
        Self::bad_data(format!("invalid parameter \"{name}\": {cause}"))
    }

    /// Something that failed on our side; the cause goes to the log, not to the caller.
    pub(crate) fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "request failed");
        Self {
            kind: ErrorKind::Internal,
            message: "internal error; the monitor's log has the cause".to_owned(),
        }
    }
}

impl From<EvalError> for ApiError {
    fn from(error: EvalError) -> Self {
        let kind = match error {
            // What only evaluation can tell (an experimental function, say) is wrong with the query all the same.
            EvalError::Parse(error) => return error.into(),
            EvalError::Timeout => ErrorKind::Timeout,
            EvalError::Canceled => ErrorKind::Canceled,
            EvalError::Store(storage::QueryError::Unavailable(_)) => ErrorKind::Unavailable,
            EvalError::Store(_) => ErrorKind::Internal,
            _ => ErrorKind::Execution,
        };
        Self { kind, message: error.to_string() }
    }
}

impl From<storage::QueryError> for ApiError {
    fn from(error: storage::QueryError) -> Self {
        EvalError::from(error).into()
    }
}

/// A query that does not parse is always the parameter `query`.
impl From<ParseError> for ApiError {
    fn from(error: ParseError) -> Self {
        Self::parameter("query", error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (name, code) = self.kind.name_and_code();
        let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = Body { status: "error", error_type: name, error: &self.message };
        (status, Json(body)).into_response()
    }
}
