//! What goes wrong, as Loki says it: a status and a plain text.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use logql::{EvalError, Limit, ParseError};
use storage::QueryError;

use crate::error::{ApiError, ErrorKind};

/// An answer that is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LokiError {
    status: u16,
    message: String,
}

impl LokiError {
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self { status: 400, message: message.into() }
    }

    /// A monitor that was started without logs.
    pub(crate) fn no_logs() -> Self {
        Self { status: 503, message: "this monitor keeps no logs".to_owned() }
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }
}

impl From<ParseError> for LokiError {
    fn from(error: ParseError) -> Self {
        Self::bad(error.to_string())
    }
}

impl From<EvalError> for LokiError {
    fn from(error: EvalError) -> Self {
        let status = match &error {
            EvalError::TooMuch { limit: Limit::Time, .. } => 504,
            EvalError::Canceled => 499,
            // As Loki has it.
            EvalError::Mismatch(_) => 500,
            EvalError::Store(QueryError::Unavailable(_)) => 503,
            EvalError::Store(_) => return ApiError::internal(error).into(),
            _ => 400,
        };
        Self { status, message: error.to_string() }
    }
}

impl From<QueryError> for LokiError {
    fn from(error: QueryError) -> Self {
        EvalError::from(error).into()
    }
}

impl From<ApiError> for LokiError {
    fn from(error: ApiError) -> Self {
        let status = match error.kind {
            ErrorKind::BadData => 400,
            ErrorKind::TooLarge => 413,
            ErrorKind::Canceled => 499,
            ErrorKind::Unavailable => 503,
            _ => 500,
        };
        Self { status, message: error.message }
    }
}

impl IntoResponse for LokiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], self.message).into_response()
    }
}
