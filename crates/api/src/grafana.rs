//! The few endpoints by which Grafana's users and tools know a Grafana: health, search, dashboards. Data sources: `datasources.rs`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use dashboards::{Entry, slug};
use serde_json::{Value, json};

use crate::edit;
use crate::params::Params;
use crate::state::ApiState;

/// Entries of a search that names no limit; Grafana's own.
const SEARCH_DEFAULT: usize = 1000;

pub(crate) async fn health() -> Json<Value> {
    Json(json!({ "commit": "", "database": "ok", "version": env!("CARGO_PKG_VERSION") }))
}

/// Dashboards whose title holds `query`, that have every `tag` and one of the uids where some are named, as Grafana lists them. Folders are
/// but names here: `type=dash-folder` finds none.
pub(crate) async fn search(State(state): State<Arc<ApiState>>, params: Params) -> Json<Value> {
    let wanted = params.get("query").unwrap_or_default().to_lowercase();
    let tags: Vec<&str> = params.all("tag").filter(|tag| !tag.is_empty()).collect();
    let uids: Vec<&str> = params.all("dashboardUIDs").chain(params.all("dashboardUID")).collect();
    let by_type = params.get("type").is_none_or(|kind| kind == "dash-db");
    let limit = params.get("limit").and_then(|n| n.parse().ok()).unwrap_or(SEARCH_DEFAULT);
    let hit = |entry: &Entry| {
        by_type
            && entry.title.to_lowercase().contains(&wanted)
            && tags.iter().all(|tag| entry.tags.iter().any(|own| own == tag))
            && (uids.is_empty() || uids.contains(&entry.uid.as_str()))
    };
    let entries = state.dashboards.list().into_iter().enumerate();
    let found = entries.filter(|(_, e)| hit(e)).take(limit).map(|(i, entry)| {
        json!({
            "id": i + 1,
            "uid": entry.uid,
            "title": entry.title,
            "uri": format!("db/{}", slug(&entry.title)),
            "url": url(&entry),
            "slug": "",
            "type": "dash-db",
            "tags": entry.tags,
            "isStarred": false,
            "folderTitle": entry.folder,
            "sortMeta": 0,
        })
    });
    Json(found.collect())
}

/// A moment that Grafana writes where there is none.
const NEVER: &str = "0001-01-01T00:00:00Z";

pub(crate) async fn dashboard(State(state): State<Arc<ApiState>>, Path(uid): Path<String>) -> Response {
    let (Some(entry), Some(document)) = (state.dashboards.entry(&uid), state.dashboards.get(&uid)) else {
        return (StatusCode::NOT_FOUND, Json(json!({ "message": "Dashboard not found" }))).into_response();
    };
    let (shared, looked) = (state.clone(), entry.clone());
    let read_only = tokio::task::spawn_blocking(move || edit::why_not(&shared, &looked)).await;
    let read_only = read_only.unwrap_or_else(|error| Some(error.to_string()));
    let meta = json!({
        "type": "db",
        "canSave": read_only.is_none(),
        "canEdit": read_only.is_none(),
        // Ours: why not, and which text of the file this is.
        "readOnly": read_only,
        "fileVersion": entry.version,
        "slug": slug(&entry.title),
        "url": url(&entry),
        "folderTitle": entry.folder,
        "canStar": false,
        "canDelete": false,
        "canAdmin": false,
        "expires": NEVER,
        "created": NEVER,
        "updated": NEVER,
        "updatedBy": "Anonymous",
        "createdBy": "Anonymous",
        "version": 1,
        "hasAcl": false,
        "isFolder": false,
        "folderId": 0,
        "folderUid": "",
        "folderUrl": "",
        "provisioned": true,
        "provisionedExternalId": entry.file,
    });
    Json(json!({ "dashboard": *document, "meta": meta })).into_response()
}

/// `/api/dashboards`: our own list, for the dashboards page.
pub(crate) async fn list(State(state): State<Arc<ApiState>>) -> Json<Value> {
    let entries = state.dashboards.list().into_iter().map(|entry| {
        json!({
            "uid": entry.uid,
            "title": entry.title,
            "folder": entry.folder,
            "tags": entry.tags,
            "description": entry.description,
            "url": url(&entry),
        })
    });
    Json(entries.collect())
}

fn url(entry: &Entry) -> String {
    format!("/d/{}/{}", entry.uid, slug(&entry.title))
}
