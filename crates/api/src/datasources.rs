//! Data sources as Grafana's users and tools look them up: ourselves, by id, uid or name, with a word on their health.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::state::ApiState;

/// One way to ask us.
struct Source {
    uid: &'static str,
    name: &'static str,
    /// Grafana's name for the plug-in.
    kind: &'static str,
    is_default: bool,
    settings: Value,
    /// What Grafana says when it works.
    health: &'static str,
}

/// All there are. Ids count from one in this order.
fn sources(state: &ApiState) -> Vec<Source> {
    let metrics = Source {
        uid: "prometheus",
        name: "Prometheus",
        kind: "prometheus",
        is_default: true,
        settings: json!({ "httpMethod": "POST", "prometheusType": "Prometheus" }),
        health: "Successfully queried the Prometheus API.",
    };
    let logs = || Source {
        uid: "loki",
        name: "Loki",
        kind: "loki",
        is_default: false,
        settings: json!({ "maxLines": 1000 }),
        health: "Data source successfully connected.",
    };
    std::iter::once(metrics).chain(state.logs.as_ref().map(|_| logs())).collect()
}

impl Source {
    fn shown(&self, id: usize, url: &str) -> Value {
        json!({
            "id": id,
            "uid": self.uid,
            "orgId": 1,
            "name": self.name,
            "type": self.kind,
            "typeName": self.name,
            "typeLogoUrl": "",
            "access": "proxy",
            "url": url,
            "user": "",
            "database": "",
            "basicAuth": false,
            "isDefault": self.is_default,
            "jsonData": self.settings,
            "readOnly": true,
        })
    }
}

fn shown(state: &ApiState) -> Vec<Value> {
    let url = &state.runtime.facts().external_url;
    // The address that we tell of ourselves is that of Prometheus' API; lines are asked for through this server.
    let url_of = |source: &Source| match source.kind {
        "loki" => format!("/api/datasources/proxy/uid/{}", source.uid),
        _ => url.clone(),
    };
    sources(state).iter().enumerate().map(|(i, source)| source.shown(i + 1, &url_of(source))).collect()
}

/// `/api/datasources`.
pub(crate) async fn list(State(state): State<Arc<ApiState>>) -> Json<Value> {
    Json(Value::Array(shown(&state)))
}

/// The first that is so, or Grafana's answer where none is.
fn first(state: &ApiState, is_meant: impl Fn(&Value) -> bool) -> Response {
    match shown(state).into_iter().find(is_meant) {
        Some(found) => Json(found).into_response(),
        None => missing(),
    }
}

fn missing() -> Response {
    (StatusCode::NOT_FOUND, Json(json!({ "message": "Data source not found" }))).into_response()
}

/// `/api/datasources/{id}`.
pub(crate) async fn by_id(State(state): State<Arc<ApiState>>, Path(id): Path<String>) -> Response {
    let id: Option<u64> = id.parse().ok();
    first(&state, |source| id.is_some() && source["id"].as_u64() == id)
}

/// `/api/datasources/uid/{uid}`.
pub(crate) async fn by_uid(State(state): State<Arc<ApiState>>, Path(uid): Path<String>) -> Response {
    first(&state, |source| source["uid"] == uid.as_str())
}

/// `/api/datasources/name/{name}`.
pub(crate) async fn by_name(State(state): State<Arc<ApiState>>, Path(name): Path<String>) -> Response {
    first(&state, |source| source["name"] == name.as_str())
}

/// `/api/datasources/id/{name}`: only the id.
pub(crate) async fn id_of(State(state): State<Arc<ApiState>>, Path(name): Path<String>) -> Response {
    match shown(&state).into_iter().find(|source| source["name"] == name.as_str()) {
        Some(found) => Json(json!({ "id": found["id"] })).into_response(),
        None => missing(),
    }
}

/// `/api/datasources/uid/{uid}/health`: what Grafana's button "Save & test" asks. We are the source, so it works when we answer.
pub(crate) async fn health(State(state): State<Arc<ApiState>>, Path(uid): Path<String>) -> Response {
    match sources(&state).iter().find(|source| source.uid == uid) {
        Some(source) => Json(json!({ "status": "OK", "message": source.health })).into_response(),
        None => missing(),
    }
}
