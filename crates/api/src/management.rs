//! `/-/healthy`, `/-/ready`, `/-/reload`, and what `/` and old links lead to on the Prometheus port.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;

use crate::state::ApiState;

pub(crate) async fn healthy() -> &'static str {
    "Prometheus Server is Healthy.\n"
}

/// Always ready: routes are served only after the log has been replayed.
pub(crate) async fn ready() -> &'static str {
    "Prometheus Server is Ready.\n"
}

pub(crate) async fn reload(State(state): State<Arc<ApiState>>) -> (StatusCode, String) {
    if !state.runtime.facts().lifecycle {
        return (StatusCode::FORBIDDEN, "Lifecycle API is not enabled.".to_owned());
    }
    match state.runtime.reload().await {
        Ok(()) => (StatusCode::OK, String::new()),
        Err(cause) => (StatusCode::INTERNAL_SERVER_ERROR, format!("failed to reload config: {cause}")),
    }
}

pub(crate) async fn reload_by_get() -> (StatusCode, &'static str) {
    (StatusCode::METHOD_NOT_ALLOWED, "Only POST or PUT requests allowed")
}
