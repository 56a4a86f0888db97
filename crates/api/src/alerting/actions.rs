//! What people do on the pages about alerts.

use std::sync::Arc;

use ::alerting::Tested;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::state::ApiState;

#[derive(Deserialize)]
pub(crate) struct Acknowledge {
    /// The alert's short name.
    alert: String,
    by: String,
    #[serde(default)]
    comment: String,
}

#[derive(Deserialize)]
pub(crate) struct Unacknowledge {
    alert: String,
}

#[derive(Deserialize)]
pub(crate) struct TestReceiver {
    receiver: String,
}

pub(crate) async fn acknowledge(
    State(state): State<Arc<ApiState>>,
    Json(asked): Json<Acknowledge>,
) -> Result<Json<Value>, ApiError> {
    let alert = asked.alert.parse().map_err(ApiError::bad_data)?;
    if asked.by.trim().is_empty() {
        return Err(ApiError::bad_data("say who has the alert in hand: \"by\" is empty"));
    }
    if !state.alerting.acknowledge(alert, asked.by.trim(), asked.comment.trim()) {
        return Err(ApiError::bad_data(format!("no alert {alert} fires")));
    }
    Ok(Json(json!({})))
}

pub(crate) async fn unacknowledge(
    State(state): State<Arc<ApiState>>,
    Json(asked): Json<Unacknowledge>,
) -> Result<Json<Value>, ApiError> {
    let alert = asked.alert.parse().map_err(ApiError::bad_data)?;
    if !state.alerting.unacknowledge(alert) {
        return Err(ApiError::bad_data(format!("nobody has an alert {alert} in hand")));
    }
    Ok(Json(json!({})))
}

pub(crate) async fn test_receiver(
    State(state): State<Arc<ApiState>>,
    Json(asked): Json<TestReceiver>,
) -> Result<Json<Value>, ApiError> {
    let tested = state.alerting.test_receiver(&asked.receiver).await;
    let tested = tested.map_err(|cause| ApiError::bad_data(cause.to_string()))?;
    Ok(Json(json!({ "receiver": asked.receiver, "calls": tested.iter().map(call).collect::<Vec<_>>() })))
}

fn call(one: &Tested) -> Value {
    json!({
        "integration": one.integration,
        "status": one.status,
        "taken": one.taken,
        "code": one.code,
        "answer": one.answer,
        "attempts": one.attempts,
        "tookMs": u64::try_from(one.took.as_millis()).unwrap_or(u64::MAX),
    })
}
