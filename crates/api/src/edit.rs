//! `POST /api/ui/dashboards/{uid}/panels/{id}`: a change of a panel, written to the file that the dashboard comes from.
//!
//! Who may: by default whoever sits at this machine, which holds when the port is bound to loopback only. Pages of others that
//! are open in the same browser are kept out by where the request says it comes from.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use dashboards::{Entry, PanelChanges, SaveError};
use serde::Deserialize;
use serde_json::json;

use crate::error::ApiError;
use crate::state::{ApiState, EditRule};

/// Changes of the panel, and which text of the file they were made for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    version: String,
    changes: PanelChanges,
}

pub(crate) async fn panel(
    State(state): State<Arc<ApiState>>,
    Path((uid, id)): Path<(String, i64)>,
    headers: HeaderMap,
    Json(Change { version, changes }): Json<Change>,
) -> Result<Response, ApiError> {
    if let Err(why) = check(state.runtime.facts().edits, &headers) {
        return Ok(refusal(StatusCode::FORBIDDEN, why));
    }
    let boards = state.dashboards.clone();
    let changed =
        tokio::task::spawn_blocking(move || boards.change_panel(&uid, id, &version, &changes)).await;
    Ok(match changed.map_err(ApiError::internal)? {
        Ok(entry) => Json(json!({ "version": entry.version })).into_response(),
        Err(error) => refusal(status(&error), &error.to_string()),
    })
}

fn status(error: &SaveError) -> StatusCode {
    match error {
        SaveError::NotFound(_) => StatusCode::NOT_FOUND,
        SaveError::ReadOnly(_) => StatusCode::FORBIDDEN,
        SaveError::Conflict => StatusCode::CONFLICT,
        SaveError::Unfit(_) => StatusCode::UNPROCESSABLE_ENTITY,
        SaveError::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn refusal(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({ "message": why }))).into_response()
}

/// Why the dashboard cannot be changed by anybody, as far as that is known beforehand. Looks at files.
pub(crate) fn why_not(state: &ApiState, entry: &Entry) -> Option<String> {
    match state.runtime.facts().edits {
        EditRule::Nobody => Some(NOT_ALLOWED.to_owned()),
        EditRule::Loopback | EditRule::Everybody => state.dashboards.why_read_only(entry),
    }
}

const NOT_ALLOWED: &str =
    "the user interface is open to other machines, so changes need --allow-dashboard-edits";

fn check(rule: EditRule, headers: &HeaderMap) -> Result<(), &'static str> {
    let host = text(headers, header::HOST);
    match rule {
        EditRule::Nobody => return Err(NOT_ALLOWED),
        // A name that somebody else's server gave this address would make their page ours.
        EditRule::Loopback if !is_loopback(host) => {
            return Err("changes are taken at localhost and 127.0.0.1 only, not under another name");
        }
        EditRule::Loopback | EditRule::Everybody => {}
    }
    let origin = text(headers, header::ORIGIN);
    let is_own = origin.is_empty() || origin.split_once("://").is_some_and(|(_, from)| from == host);
    let site = headers.get("sec-fetch-site").and_then(|v| v.to_str().ok()).unwrap_or("same-origin");
    if is_own && ["same-origin", "none"].contains(&site) {
        Ok(())
    } else {
        Err("changes are taken from our own pages only")
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn is_loopback(host: &str) -> bool {
    let uri = format!("http://{host}/").parse::<Uri>();
    let name = uri.ok().and_then(|uri| uri.host().map(|name| name.trim_matches(['[', ']']).to_owned()));
    name.is_some_and(|name| {
        name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn checked(rule: EditRule, pairs: &[(&'static str, &str)], expected: bool) {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().expect("a value"));
        }
        assert_eq!(check(rule, &headers).is_ok(), expected, "{rule:?} {pairs:?}");
    }

    #[test]
    fn only_our_own_pages_may_change_anything() {
        let (host, own) = (("host", "127.0.0.1:3000"), ("origin", "http://127.0.0.1:3000"));
        checked(EditRule::Loopback, &[host], true);
        checked(EditRule::Loopback, &[host, own, ("sec-fetch-site", "same-origin")], true);
        checked(EditRule::Loopback, &[("host", "localhost:3000"), ("origin", "http://localhost:3000")], true);
        checked(EditRule::Loopback, &[("host", "[::1]:3000")], true);
        checked(EditRule::Loopback, &[host, ("origin", "http://evil.example")], false);
        checked(EditRule::Loopback, &[host, ("origin", "null")], false);
        checked(EditRule::Loopback, &[host, ("origin", "http://127.0.0.1:8000")], false);
        checked(EditRule::Loopback, &[host, ("sec-fetch-site", "cross-site")], false);
        checked(
            EditRule::Loopback,
            &[("host", "rebound.example:3000"), ("origin", "http://rebound.example:3000")],
            false,
        );
        checked(EditRule::Loopback, &[("host", "127.0.0.1.evil.example")], false);
        checked(EditRule::Loopback, &[], false);
        checked(EditRule::Everybody, &[("host", "mon.example"), ("origin", "https://mon.example")], true);
        checked(EditRule::Everybody, &[("host", "mon.example"), ("origin", "https://evil.example")], false);
        checked(EditRule::Nobody, &[host, own], false);
    }
}
