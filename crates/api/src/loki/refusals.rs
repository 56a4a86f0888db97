//! The status of what goes wrong with a query.

use axum::http::StatusCode;
use logql::{EvalError, Limit, ParseError};
use storage::QueryError;

use super::error::LokiError;
use crate::error::{ApiError, ErrorKind};

/// Not a registered code: "client closed request", which Loki uses too.
fn client_left() -> StatusCode {
    StatusCode::from_u16(499).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

impl From<ParseError> for LokiError {
    fn from(error: ParseError) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl From<EvalError> for LokiError {
    fn from(error: EvalError) -> Self {
        let status = match &error {
            EvalError::TooMuch { limit: Limit::Time, .. } => StatusCode::GATEWAY_TIMEOUT,
            EvalError::Canceled => client_left(),
            // As Loki has it.
            EvalError::Mismatch(_) => StatusCode::INTERNAL_SERVER_ERROR,
            EvalError::Store(QueryError::Unavailable(_)) => StatusCode::SERVICE_UNAVAILABLE,
            EvalError::Store(_) => return ApiError::internal(error).into(),
            _ => StatusCode::BAD_REQUEST,
        };
        Self::new(status, error.to_string())
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
            ErrorKind::BadData => StatusCode::BAD_REQUEST,
            ErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            ErrorKind::Canceled => client_left(),
            ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.message)
    }
}
