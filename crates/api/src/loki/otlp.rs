//! `/otlp/v1/logs`: logs by OpenTelemetry's protocol. Errors come as `google.rpc.Status` in the encoding of the request.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use logwire::service::{SERVICE_NAME, UNKNOWN_SERVICE};
use logwire::{Decoded, otlp};
use model::{Labels, TimestampMs, TimestampNs};

use super::body;
use super::error::LokiError;
use super::push::take;
use super::state::Logs;
use crate::state::ApiState;

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

/// Takes a request.
pub(crate) async fn logs(State(state): State<Arc<ApiState>>, headers: HeaderMap, body: Body) -> Response {
    let now = TimestampNs::from(TimestampMs(state.clock.now_ms()));
    let kind = body::content_type(&headers);
    let taken = match kind.as_str() {
        JSON => {
            let read = move |bytes: &[u8], logs: &Logs| Ok(named(otlp::read_json(bytes, now)?, logs));
            take(&state, headers, body, read).await
        }
        PROTOBUF => {
            let read = move |bytes: &[u8], logs: &Logs| Ok(named(otlp::read_protobuf(bytes, now)?, logs));
            take(&state, headers, body, read).await
        }
        other => {
            let message = format!("Content-Type {other:?} not supported: use {PROTOBUF} or {JSON}");
            Err(LokiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message))
        }
    };
    taken.map_or_else(|error| refusal(error, kind == JSON), IntoResponse::into_response)
}

/// A resource without any of the attributes that become labels is a stream all the same, of a service that nobody knows.
fn named(mut decoded: Decoded, logs: &Logs) -> Decoded {
    let nameless = decoded.streams.iter_mut().filter(|stream| stream.labels.is_empty());
    for stream in nameless.filter(|_| !logs.discovery.service_labels.is_empty()) {
        stream.labels = Labels::from_pairs([(SERVICE_NAME, UNKNOWN_SERVICE)]);
    }
    decoded
}

fn refusal(error: LokiError, is_json: bool) -> Response {
    let code = i32::from(error.status.as_u16());
    let (content_type, body) = match is_json {
        true => {
            let status = serde_json::json!({ "code": code, "message": error.message });
            (JSON, Json(status).into_response().into_body())
        }
        false => (PROTOBUF, Body::from(otlp::status_protobuf(code, &error.message))),
    };
    // Headers as any error of ours has them.
    let mut response = error.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    response.headers_mut().remove(header::CONTENT_LENGTH);
    *response.body_mut() = body;
    response
}
