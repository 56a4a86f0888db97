//! What else clients ask: the form of a query, the version, rules that are not here.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::error::LokiError;
use super::params::LokiParams;
use super::query::parse;
use crate::encode;
use crate::state::ApiState;

pub(crate) async fn format_query(
    State(state): State<Arc<ApiState>>,
    params: LokiParams,
) -> Result<Response, LokiError> {
    Ok(encode::success(parse(&state, params.query()).await?.to_string()))
}

pub(crate) async fn buildinfo() -> Json<Value> {
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "revision": "",
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    }))
}

/// Limits that Grafana's Logs Drilldown asks for.
pub(crate) async fn drilldown_limits(State(state): State<Arc<ApiState>>) -> Result<Json<Value>, LokiError> {
    let logs = state.logs()?;
    let options = logs.engine.options();
    let limits = json!({
        "max_entries_limit_per_query": options.entries_max,
        "max_query_series": options.series_max,
        "max_query_length": format!("{}s", options.length_max.as_secs()),
        "query_timeout": format!("{}s", options.timeout.as_secs()),
        "volume_enabled": true,
    });
    Ok(Json(
        json!({ "limits": limits, "pattern_ingester_enabled": true, "version": env!("CARGO_PKG_VERSION") }),
    ))
}

/// Rules over logs are no part of this program: said as Loki says that it has none.
pub(crate) async fn no_rules() -> Response {
    let head = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (StatusCode::NOT_FOUND, head, "no rule groups found\n").into_response()
}
