//! What the pages about alerts ask: which alerts are told together, to whom, when next and what receivers answered;
//! why; history; the routing tree; and what people do there.

pub(crate) mod actions;
pub(crate) mod why;
mod words;

use std::sync::Arc;
use std::time::Duration;

use ::alerting::why::{Episode, RouteNode};
use ::alerting::{Ack, GroupStatus, NotificationRecord};
use axum::Json;
use axum::extract::State;
use net::{Client, ClientOptions};
use serde_json::{Value, json};

use crate::error::{ApiError, ErrorKind};
use crate::params::Params;
use crate::state::ApiState;
use crate::status::rfc3339;
use crate::targets::object;

pub(crate) async fn notifications(State(state): State<Arc<ApiState>>) -> Json<Value> {
    let status = state.alerting.status();
    Json(json!({
        "groups": status.groups.iter().map(group).collect::<Vec<_>>(),
        "receivers": status.receivers,
        "notifications": status.notifications.iter().map(notification).collect::<Vec<_>>(),
    }))
}

fn group(group: &GroupStatus) -> Value {
    let alerts = group.alerts.iter().map(|alert| {
        json!({
            "labels": object(&alert.labels),
            "fingerprint": alert.fingerprint,
            "startsAt": rfc3339(Some(alert.starts_at)),
            "silencedBy": alert.silenced_by,
            "inhibitedBy": alert.inhibited_by,
            "mutedBy": alert.muted_by,
            "ack": alert.ack.as_ref().map(ack),
        })
    });
    json!({
        "labels": object(&group.labels),
        "receiver": group.receiver,
        "nextFlushInMs": group.next_flush_in_ms,
        "alerts": alerts.collect::<Vec<_>>(),
    })
}

fn notification(record: &NotificationRecord) -> Value {
    json!({
        "at": rfc3339(Some(record.at)),
        "receiver": record.receiver,
        "integration": record.integration,
        "group": record.group_key,
        "status": record.status,
        "firing": record.firing,
        "resolved": record.resolved,
        "attempts": record.attempts,
        "httpStatus": record.http_status,
        "error": record.error,
        "tookMs": record.took_ms,
    })
}

/// Who has an alert in hand.
fn ack(ack: &Ack) -> Value {
    json!({ "by": ack.by, "comment": ack.comment, "at": rfc3339(Some(ack.at)) })
}

/// The most episodes in one answer; a page shows some dozens.
const EPISODES_MAX: usize = 1000;

/// How many there are when nobody says.
const EPISODES: usize = 200;

/// Alerts of the past and those that fire, newest first.
pub(crate) async fn history(
    State(state): State<Arc<ApiState>>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let limit = params.get("limit").map(str::parse).transpose();
    let limit = limit.map_err(|cause| ApiError::parameter("limit", cause))?.unwrap_or(EPISODES);
    let history = state.alerting.history(limit.min(EPISODES_MAX));
    Ok(Json(json!({
        "since": history.since.map(|at| rfc3339(Some(at))),
        "dropped": history.dropped,
        "episodes": history.episodes.iter().map(episode).collect::<Vec<_>>(),
    })))
}

fn episode(one: &Episode) -> Value {
    json!({
        "alert": one.alert.to_string(),
        "labels": one.labels,
        "firedAt": rfc3339(Some(one.fired_at)),
        "endedAt": one.ended_at.map(|at| rfc3339(Some(at))),
        "told": one.told,
        "untold": one.untold,
        "messages": one.messages,
        "failures": one.failures,
        "held": one.held,
        "acknowledgedBy": one.acknowledged_by,
    })
}

/// How long the inbox may take, and how long its list may be: a thousand messages.
const INBOX_TIMEOUT: Duration = Duration::from_secs(5);
const INBOX_MAX_BYTES: usize = 16 << 20;

/// What receivers would have got, from the inbox that stands for them in a lab.
pub(crate) async fn inbox(State(state): State<Arc<ApiState>>) -> Result<Json<Value>, ApiError> {
    let Some(url) = &state.runtime.facts().inbox_url else {
        return Ok(Json(json!({ "configured": false, "dropped": 0, "messages": [] })));
    };
    let unreached = |cause: String| ApiError {
        kind: ErrorKind::Unavailable,
        message: format!("the inbox cannot be reached: {cause}"),
    };
    let client = Client::new(ClientOptions::named("watchfire")).map_err(ApiError::internal)?;
    let answer = client.get(url, &[], INBOX_TIMEOUT, INBOX_MAX_BYTES).await;
    let answer = answer.map_err(|cause| unreached(cause.to_string()))?;
    let list: Value = serde_json::from_slice(&answer.body).map_err(|cause| unreached(cause.to_string()))?;
    Ok(Json(json!({ "configured": true, "dropped": list["dropped"], "messages": list["messages"] })))
}

/// The routing tree.
pub(crate) async fn routes(State(state): State<Arc<ApiState>>) -> Json<Value> {
    Json(node(&state.alerting.tree()))
}

fn node(one: &RouteNode) -> Value {
    let [group_wait, group_interval, repeat_interval] = one.timers_ms;
    json!({
        "matchers": one.matchers,
        "receiver": one.receiver,
        "integrations": one.integrations,
        "groupBy": one.group_by,
        "groupWaitMs": group_wait,
        "groupIntervalMs": group_interval,
        "repeatIntervalMs": repeat_interval,
        "continues": one.continues,
        "mute": one.mute,
        "active": one.active,
        "alerts": one.alerts,
        "routes": one.routes.iter().map(node).collect::<Vec<_>>(),
    })
}
