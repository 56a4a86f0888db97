//! `/api/ui/notifications`: which alerts are told together, to whom, when next, and what receivers answered.

use std::sync::Arc;

use ::alerting::{GroupStatus, NotificationRecord};
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

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
