//! `/loki/api/v1/push`: lines in JSON or in snappy protobuf.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use logwire::Decoded;

use super::body;
use super::discover::discover;
use super::error::LokiError;
use super::state::Logs;
use crate::state::ApiState;

const NO_STREAM: &str = "error at least one valid stream is required for ingestion";

/// Takes a push.
pub(crate) async fn push(
    State(state): State<Arc<ApiState>>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, LokiError> {
    let read = match body::content_type(&headers).as_str() {
        "application/json" => read_json,
        "" | "application/x-protobuf" => read_protobuf,
        other => {
            let message = format!(
                "Content-Type {other:?} not supported: use application/json or application/x-protobuf"
            );
            return Err(LokiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
        }
    };
    take(&state, headers, body, read).await
}

fn read_json(bytes: &[u8], _: &Logs) -> Result<Decoded, LokiError> {
    Ok(logwire::read_json(bytes)?)
}

fn read_protobuf(bytes: &[u8], logs: &Logs) -> Result<Decoded, LokiError> {
    Ok(logwire::read_protobuf(bytes, logs.body_bytes_max)?)
}

/// Reads a body, finds out what its sender left out, and has the store take it. Reading and storing are off the async threads,
/// and only so many at a time as memory is meant for: who comes later waits.
pub(crate) async fn take(
    state: &ApiState,
    headers: HeaderMap,
    body: Body,
    read: impl FnOnce(&[u8], &Logs) -> Result<Decoded, LokiError> + Send + 'static,
) -> Result<StatusCode, LokiError> {
    let logs = state.logs()?;
    let waiting = state.metrics.push_waiting();
    let place = state.push_bodies.acquire().await.map_err(LokiError::internal)?;
    drop(waiting);
    let bytes = body::read(body, logs.body_bytes_max).await?;
    let waiting = state.metrics.push_waiting();
    let turn = Arc::clone(&state.pushes).acquire_owned().await.map_err(LokiError::internal)?;
    drop((place, waiting));
    let taken = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        store(&logs, &headers, bytes, read)
    });
    taken.await.map_err(LokiError::internal)?
}

fn store(
    logs: &Logs,
    headers: &HeaderMap,
    bytes: Bytes,
    read: impl FnOnce(&[u8], &Logs) -> Result<Decoded, LokiError>,
) -> Result<StatusCode, LokiError> {
    let bytes = body::decompressed(headers, bytes, logs.body_bytes_max)?;
    let mut decoded = read(&bytes, logs)?;
    drop(bytes);
    decoded.refused.iter().for_each(|refusal| logs.admin.discarded(refusal));
    if decoded.lines() == 0 {
        let nothing = LokiError::new(StatusCode::UNPROCESSABLE_ENTITY, NO_STREAM);
        return Err(if decoded.refused.is_empty() { nothing } else { LokiError::refused(&decoded.refused) });
    }
    discover(&logs.discovery, &mut decoded.streams);
    let report = logs.append.push(&decoded.streams)?;
    let refused = [decoded.refused, report.refused].concat();
    if refused.is_empty() { Ok(StatusCode::NO_CONTENT) } else { Err(LokiError::refused(&refused)) }
}
