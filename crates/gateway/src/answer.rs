//! What the gateway says when no backend does: a status, and JSON that says why.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::RETRY_AFTER;
use serde_json::json;

/// Backends that are down are asked four times a second, so a second later the answer may be another.
const RETRY_AFTER_S: u32 = 1;

/// Why a request has no backend's answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// No route takes the path.
    #[error("no route for {path}")]
    NoRoute { path: String },
    /// The request's body is too large.
    #[error("request body is larger than {max_bytes} bytes")]
    BodyTooLarge { max_bytes: usize },
    /// The request's body did not come.
    #[error("request body did not arrive in time")]
    BodyTooSlow,
    /// The client cut its own request.
    #[error("request body is broken")]
    BodyBroken,
    /// All backends are down.
    #[error("no healthy backend for {upstream}")]
    NoBackend { upstream: String },
    /// The backend took too long.
    #[error("{upstream} gave no answer in time")]
    TimedOut { upstream: String },
    /// The backend broke off, and sending again was not allowed or did not help.
    #[error("{upstream} broke off without an answer")]
    Broken { upstream: String },
}

impl Refusal {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NoRoute { .. } => StatusCode::NOT_FOUND,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::BodyBroken => StatusCode::BAD_REQUEST,
            Self::NoBackend { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::TimedOut { .. } => StatusCode::GATEWAY_TIMEOUT,
            Self::Broken { .. } => StatusCode::BAD_GATEWAY,
        }
    }

    pub(crate) fn answer(&self) -> Response {
        let body = Json(json!({ "error": self.to_string(), "source": "gateway" }));
        let mut response = (self.status(), body).into_response();
        if matches!(self, Self::NoBackend { .. }) {
            response.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_S.into());
        }
        response
    }
}
