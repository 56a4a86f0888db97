//! Loki's query API: lines, metrics over lines, labels, volumes, live tail. Errors are plain text, as there.

mod detect;
mod encode;
mod error;
mod index;
mod labels;
mod ops;
mod params;
pub(crate) mod query;
mod refusals;
mod tail;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use columns::vector::Cancel;
use logql::{Engine, EvalError};
use storage::LogQuery;

use crate::run;
use crate::state::ApiState;
pub(crate) use error::LokiError;
pub(crate) use tail::TAILS_MAX;

/// Where lines are kept and who asks them.
#[derive(Clone)]
pub struct LogServices {
    /// Holds lines.
    pub store: Arc<dyn LogQuery>,
    /// Evaluates queries.
    pub engine: Arc<Engine>,
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
        .route("/format_query", get(ops::format_query).post(ops::format_query))
        .route("/status/buildinfo", get(ops::buildinfo))
        .route("/drilldown-limits", get(ops::drilldown_limits))
        .route("/rules", get(ops::no_rules))
        .route("/tail", get(tail::tail));
    let prom = Router::new()
        .route("/label", get(labels::names))
        .route("/label/{name}/values", get(labels::values))
        .route("/query", get(query::range))
        .route("/tail", get(tail::tail));
    Router::new().nest("/loki/api/v1", v1).nest("/api/prom", prom)
}

/// Whether lines can be asked for, in Loki's words.
pub(crate) use ops::ready;

/// A monitor that was started without logs.
fn no_logs() -> LokiError {
    LokiError::new(StatusCode::SERVICE_UNAVAILABLE, "this monitor keeps no logs")
}

/// Runs `work` on a blocking thread once there is room, in the time that a query may take; counts what is refused.
pub(crate) async fn asked<T: Send + 'static>(
    state: &Arc<ApiState>,
    work: impl FnOnce(&LogServices, &Cancel) -> Result<T, EvalError> + Send + 'static,
) -> Result<T, LokiError> {
    let logs = state.logs.clone().ok_or_else(no_logs)?;
    let timeout = logs.engine.options().timeout;
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
    if let Some(limit) = outcome.as_ref().err().and_then(EvalError::limit) {
        state.metrics.refused_lines(limit);
    }
    outcome.map_err(LokiError::from)
}
