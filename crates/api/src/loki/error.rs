//! Loki's errors: a status and a plain text.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use logwire::WireError;
use storage::{LogAppendError, LogRefusal};

/// Refusals that are told apart; of more only the number is told.
const TOLD_MAX: usize = 10;
/// Reasons that pass with time: the sender shall try again.
const PASSING: [&str; 3] = ["rate_limited", "per_stream_rate_limit", "stream_limit"];
/// Seconds after which a sender that was too fast may try again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// An answer that is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LokiError {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
}

impl LokiError {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// Something that failed on our side; the cause goes to the log, not to the caller.
    pub(crate) fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error; the monitor's log has the cause")
    }

    /// Lines that were left out of a push whose others are stored.
    pub(crate) fn refused(refused: &[LogRefusal]) -> Self {
        let is_passing = refused.iter().any(|refusal| PASSING.contains(&refusal.reason));
        let status = if is_passing { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::BAD_REQUEST };
        let told = refused.iter().take(TOLD_MAX).map(|refusal| match refusal.lines {
            0 | 1 => refusal.message.clone(),
            lines => format!("{} (and {} more lines for this reason)", refusal.message, lines - 1),
        });
        let mut text = told.collect::<Vec<_>>().join("\n");
        if refused.len() > TOLD_MAX {
            text.push_str(&format!("\nand {} more refusals", refused.len() - TOLD_MAX));
        }
        Self::new(status, text)
    }
}

impl From<WireError> for LokiError {
    fn from(error: WireError) -> Self {
        let status = match error {
            WireError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        };
        Self::new(status, error.to_string())
    }
}

impl From<LogAppendError> for LokiError {
    fn from(error: LogAppendError) -> Self {
        let status = match error {
            LogAppendError::RateLimited(_) => StatusCode::TOO_MANY_REQUESTS,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, error.to_string())
    }
}

impl IntoResponse for LokiError {
    fn into_response(self) -> Response {
        let is_passing = matches!(self.status.as_u16(), 429 | 503);
        // A line of its own, as Go's servers write errors.
        let mut response = (self.status, self.message + "\n").into_response();
        if is_passing {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response
    }
}
