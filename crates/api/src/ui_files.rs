//! The user interface's files, embedded in the binary (read from disk in debug builds), and the page behind every UI path.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::Embed;

use crate::management::not_found;
use crate::state::ApiState;
use crate::ui_slim::slim;

/// Scripts and styles come from us alone; nothing may frame us or send our forms elsewhere.
const CSP: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                   frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/// Paths under these are asked for by programs.
const PROGRAMS: [&str; 4] = ["/api/", "/ui/", "/loki/", "/-/"];

#[derive(Embed)]
#[folder = "../../web/"]
#[include = "index.html"]
#[include = "*.js"]
#[include = "*.css"]
#[include = "*.svg"]
#[exclude = "node_modules/*"]
#[exclude = "test/*"]
struct Files;

/// `/ui/{path}`.
pub(crate) async fn file(Path(path): Path<String>, headers: HeaderMap) -> Response {
    serve(&path, &headers).unwrap_or_else(|| (StatusCode::NOT_FOUND, "no such file").into_response())
}

/// The page that every UI path starts from.
pub(crate) async fn index(headers: HeaderMap) -> Response {
    let page = serve("index.html", &headers);
    let mut page =
        page.unwrap_or_else(|| (StatusCode::NOT_FOUND, "the user interface is missing").into_response());
    page.headers_mut().insert(header::CONTENT_SECURITY_POLICY, header::HeaderValue::from_static(CSP));
    page
}

/// The page of one dashboard: the same, with a status that says whether there is such a dashboard.
pub(crate) async fn dashboard(
    State(state): State<Arc<ApiState>>,
    Path(parts): Path<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let is_there = parts.get("uid").is_some_and(|uid| state.dashboards.entry(uid).is_some());
    if is_there { index(headers).await } else { missing_page(headers).await }
}

/// An address that nothing serves: our own page for people, Prometheus' words for programs.
pub(crate) async fn lost(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let is_page = PROGRAMS.iter().all(|start| !uri.path().starts_with(start));
    if method != Method::GET || !is_page || !accept.contains("text/html") {
        return not_found().await.into_response();
    }
    missing_page(headers).await
}

/// Our page with status 404, also where the browser has it already under another.
async fn missing_page(mut headers: HeaderMap) -> Response {
    headers.remove(header::IF_NONE_MATCH);
    let mut page = index(headers).await;
    *page.status_mut() = StatusCode::NOT_FOUND;
    page
}

fn serve(path: &str, headers: &HeaderMap) -> Option<Response> {
    let file = Files::get(path)?;
    let etag = etag(&file.metadata.sha256_hash());
    let caching = [
        (header::ETAG, etag.clone()),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        return Some((StatusCode::NOT_MODIFIED, caching).into_response());
    }
    let body = slim(path, file.data.into_owned());
    Some((caching, [(header::CONTENT_TYPE, media_type(path))], body).into_response())
}

/// Weak, because the answer may be compressed on its way.
fn etag(hash: &[u8]) -> String {
    let hex: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("W/\"{hex}\"")
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_file_is_not_sent_twice() {
        let first = serve("index.html", &HeaderMap::new()).expect("the page is there");
        assert_eq!(first.status(), StatusCode::OK);
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone());
        assert_eq!(serve("index.html", &headers).expect("the page").status(), StatusCode::NOT_MODIFIED);
    }

    #[test]
    fn nothing_but_the_interface_is_served() {
        for path in ["../Cargo.toml", "package.json", "/etc/passwd", "vendor.mjs", ""] {
            assert!(serve(path, &HeaderMap::new()).is_none(), "{path}");
        }
    }
}
