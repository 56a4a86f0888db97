//! `/-/healthy`, `/-/ready`, `/-/reload`, `/-/quit`, and what is found nowhere.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};

use crate::state::ApiState;

const NOT_ENABLED: &str = "Lifecycle API is not enabled.";

pub(crate) async fn healthy() -> &'static str {
    "Prometheus Server is Healthy.\n"
}

/// Ready when samples are stored: routes are served only after the log has been replayed, but a disk may be full or broken
/// since. Queries are answered all the same.
pub(crate) async fn ready(State(state): State<Arc<ApiState>>) -> (StatusCode, String) {
    match state.runtime.store_refusal() {
        None => (StatusCode::OK, "Prometheus Server is Ready.\n".to_owned()),
        Some(refusal) => {
            let text = format!("Samples are refused, queries are answered: {}.\n", refusal.reason);
            (StatusCode::SERVICE_UNAVAILABLE, text)
        }
    }
}

pub(crate) async fn reload(State(state): State<Arc<ApiState>>) -> (StatusCode, String) {
    if !state.runtime.facts().lifecycle {
        return (StatusCode::FORBIDDEN, NOT_ENABLED.to_owned());
    }
    match state.runtime.reload().await {
        Ok(()) => (StatusCode::OK, String::new()),
        Err(cause) => (StatusCode::INTERNAL_SERVER_ERROR, format!("failed to reload config: {cause}")),
    }
}

pub(crate) async fn only_by_post() -> (StatusCode, &'static str) {
    (StatusCode::METHOD_NOT_ALLOWED, "Only POST or PUT requests allowed")
}

/// Who started the program ends it: never over HTTP.
pub(crate) async fn quit() -> (StatusCode, &'static str) {
    (StatusCode::FORBIDDEN, NOT_ENABLED)
}

/// Prometheus' answer to a path that nothing serves, under `/api` too.
pub(crate) async fn not_found() -> (StatusCode, [(HeaderName, &'static str); 1], &'static str) {
    (StatusCode::NOT_FOUND, [(header::X_CONTENT_TYPE_OPTIONS, "nosniff")], "404 page not found\n")
}
