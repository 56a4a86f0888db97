//! Loki's API: what is pushed, deleted and asked. Errors are plain text here, as in Loki.

mod body;
mod delete;
mod discover;
mod error;
mod ops;
mod otlp;
mod push;
mod state;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::state::ApiState;

pub use state::{LogAdmin, LogDeletion, LogDiscovery, Logs};

/// Paths that the Loki port and the port of the pages both have.
pub(crate) fn routes() -> Router<Arc<ApiState>> {
    Router::new()
        .route("/loki/api/v1/push", post(push::push))
        .route("/api/prom/push", post(push::push))
        .route("/otlp/v1/logs", post(otlp::logs))
        .route(
            "/loki/api/v1/delete",
            post(delete::create).put(delete::create).get(delete::list).delete(delete::cancel),
        )
}

/// Paths of the Loki port alone.
pub(crate) fn port_own() -> Router<Arc<ApiState>> {
    Router::new().route("/ready", get(ops::ready)).route("/flush", post(ops::flush))
}
