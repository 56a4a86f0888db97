//! Loki's API: what is pushed, deleted and asked. Errors are plain text here, as in Loki.

mod body;
mod delete;
mod detect;
mod discover;
mod encode;
mod error;
mod index;
mod labels;
mod meta;
mod ops;
mod otlp;
mod params;
mod push;
pub(crate) mod query;
mod refusals;
mod state;
mod tail;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use columns::vector::Cancel;
use logql::EvalError;

use crate::run;
use crate::state::ApiState;
pub(crate) use error::LokiError;
pub use state::{Cancelled, LinesRefused, LogAdmin, LogDeletion, LogDiscovery, LogStoreStatus, Logs};
pub(crate) use tail::TAILS_MAX;

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
        .merge(query_routes())
}

/// Paths of the Loki port alone.
pub(crate) fn port_own() -> Router<Arc<ApiState>> {
    Router::new().route("/ready", get(ops::ready)).route("/flush", post(ops::flush))
}

/// What asks, under `/loki/api/v1` and, where Loki has them still, under `/api/prom`.
pub(crate) fn query_routes() -> Router<Arc<ApiState>> {
    let v1 = Router::new()
        .route("/query", get(query::instant).post(query::instant))
        .route("/query_range", get(query::range).post(query::range))
        .route("/labels", get(labels::names).post(labels::names))
        .route("/label", get(labels::names).post(labels::names))
        .route("/label/{name}/values", get(labels::values).post(labels::values))
        .route("/series", get(labels::series).post(labels::series))
        .route("/index/stats", get(index::stats).post(index::stats))
        .route("/index/volume", get(index::volume).post(index::volume))
        .route("/index/volume_range", get(index::volume_range).post(index::volume_range))
        .route("/patterns", get(detect::patterns).post(detect::patterns))
        .route("/detected_labels", get(detect::labels).post(detect::labels))
        .route("/detected_fields", get(detect::fields).post(detect::fields))
        .route("/detected_field/{name}/values", get(detect::values).post(detect::values))
        .route("/format_query", get(meta::format_query).post(meta::format_query))
        .route("/status/buildinfo", get(meta::buildinfo))
        .route("/drilldown-limits", get(meta::drilldown_limits))
        .route("/rules", get(meta::no_rules))
        .route("/tail", get(tail::tail));
    let prom = Router::new()
        .route("/label", get(labels::names))
        .route("/label/{name}/values", get(labels::values))
        .route("/query", get(query::range))
        .route("/tail", get(tail::tail));
    Router::new().nest("/loki/api/v1", v1).nest("/api/prom", prom)
}

/// Runs `work` on a blocking thread once there is room, in the time that a query may take; counts what is refused.
pub(crate) async fn asked<T: Send + 'static>(
    state: &Arc<ApiState>,
    work: impl FnOnce(&Logs, &Cancel) -> Result<T, EvalError> + Send + 'static,
) -> Result<T, LokiError> {
    asked_together(state, 1, work).await
}

/// The same for so many queries, each of which has its own time: here they are given up only when something hangs, since then the
/// answers of all are lost.
pub(crate) async fn asked_together<T: Send + 'static>(
    state: &Arc<ApiState>,
    queries: usize,
    work: impl FnOnce(&Logs, &Cancel) -> Result<T, EvalError> + Send + 'static,
) -> Result<T, LokiError> {
    let logs = state.logs()?;
    let timeout = logs.engine.options().timeout_of(queries);
    let work = run::blocking(state, move |state, cancel| {
        let outcome = state.metrics.query(|| work(&logs, cancel));
        if cancel.is_cancelled() {
            state.metrics.canceled();
            return Err(EvalError::Canceled);
        }
        outcome
    });
    let outcome = match tokio::time::timeout(timeout, work).await {
        Ok(outcome) => outcome.map_err(LokiError::from)?,
        Err(_) => Err(columns::vector::Stop::Timeout.into()),
    };
    counted(state, outcome)
}

/// An outcome, with the limit counted that it passed.
pub(crate) fn counted<T>(state: &ApiState, outcome: Result<T, EvalError>) -> Result<T, LokiError> {
    if let Some(limit) = outcome.as_ref().err().and_then(EvalError::limit) {
        state.metrics.refused_lines(limit);
    }
    outcome.map_err(LokiError::from)
}
