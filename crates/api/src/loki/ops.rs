//! `/ready` and `/flush` of the Loki port.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;

use super::error::LokiError;
use crate::state::ApiState;

/// Whether lines are taken.
pub(crate) async fn ready(State(state): State<Arc<ApiState>>) -> Result<&'static str, LokiError> {
    match state.logs()?.admin.refusal() {
        None => Ok("ready\n"),
        Some(refusal) => {
            let message = format!("Ingester not ready: {}\n", refusal.reason);
            Err(LokiError::new(StatusCode::SERVICE_UNAVAILABLE, message))
        }
    }
}

/// Writes all lines to files.
pub(crate) async fn flush(State(state): State<Arc<ApiState>>) -> Result<StatusCode, LokiError> {
    let logs = state.logs()?;
    let flushed = tokio::task::spawn_blocking(move || logs.admin.flush()).await;
    flushed.map_err(LokiError::internal)?.map_err(LokiError::internal)?;
    Ok(StatusCode::NO_CONTENT)
}
