//! The user interface's files, embedded in the binary (read from disk in debug builds), and the page behind every UI path.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::Embed;
use sha2::{Digest, Sha256};

use crate::management::not_found;
use crate::state::ApiState;
use crate::ui_page;
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
pub(crate) struct Files;

/// Asked for again at each use, and sent again when it is another one.
const CHECKED: &str = "no-cache";
/// Under this name there will never be another.
const KEPT: &str = "public, max-age=31536000, immutable";

/// `/ui/{path}`, and `/ui/@{version}/{path}`.
pub(crate) async fn file(Path(path): Path<String>, headers: HeaderMap) -> Response {
    serve(&path, &headers).unwrap_or_else(|| (StatusCode::NOT_FOUND, "no such file").into_response())
}

/// The page that every UI path starts from.
pub(crate) async fn index(uri: Uri, headers: HeaderMap) -> Response {
    let Some(page) = ui_page::page(uri.path()) else {
        return (StatusCode::NOT_FOUND, "the user interface is missing").into_response();
    };
    let etag = etag(&Sha256::digest(page.as_bytes()));
    let mut page = answer("index.html", page.into_bytes(), &etag, CHECKED, &headers);
    page.headers_mut().insert(header::CONTENT_SECURITY_POLICY, header::HeaderValue::from_static(CSP));
    page
}

/// The page of one dashboard: the same, with a status that says whether there is such a dashboard.
pub(crate) async fn dashboard(
    State(state): State<Arc<ApiState>>,
    Path(parts): Path<HashMap<String, String>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let is_there = parts.get("uid").is_some_and(|uid| state.dashboards.entry(uid).is_some());
    if is_there { index(uri, headers).await } else { missing_page(uri, headers).await }
}

/// An address that nothing serves: our own page for people, Prometheus' words for programs.
pub(crate) async fn lost(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let is_page = PROGRAMS.iter().all(|start| !uri.path().starts_with(start));
    if method != Method::GET || !is_page || !accept.contains("text/html") {
        return not_found().await.into_response();
    }
    missing_page(uri, headers).await
}

/// Our page with status 404, also where the browser has it already under another.
async fn missing_page(uri: Uri, mut headers: HeaderMap) -> Response {
    headers.remove(header::IF_NONE_MATCH);
    let mut page = index(uri, headers).await;
    *page.status_mut() = StatusCode::NOT_FOUND;
    page
}

fn serve(path: &str, headers: &HeaderMap) -> Option<Response> {
    let (path, version) = ui_page::unversioned(path);
    let file = Files::get(path)?;
    // A page of another build, open since before this one, gets what there is now and keeps it for no longer than it must.
    let caching = if version.is_some() && version == ui_page::version() { KEPT } else { CHECKED };
    let body = slim(path, file.data.into_owned());
    let etag = etag(&Sha256::digest(&body));
    Some(answer(path, body, &etag, caching, headers))
}

/// A file, or that the browser has it already.
fn answer(path: &str, body: Vec<u8>, etag: &str, caching: &'static str, headers: &HeaderMap) -> Response {
    let head = [
        (header::ETAG, etag.to_owned()),
        (header::CACHE_CONTROL, caching.to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, head).into_response();
    }
    (head, [(header::CONTENT_TYPE, media_type(path))], body).into_response()
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
        let first = serve("app.js", &HeaderMap::new()).expect("the file is there");
        assert_eq!(first.status(), StatusCode::OK);
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone());
        assert_eq!(serve("app.js", &headers).expect("the file").status(), StatusCode::NOT_MODIFIED);
    }

    #[test]
    fn a_file_is_kept_under_the_version_that_it_is_of_and_no_other() {
        let caching = |path: &str| {
            let answer = serve(path, &HeaderMap::new()).expect("the file is there");
            answer.headers()[header::CACHE_CONTROL].to_str().expect("text").to_owned()
        };
        assert_eq!(caching("app.js"), CHECKED);
        assert_eq!(caching("@of-another-build/app.js"), CHECKED);
        if let Some(version) = ui_page::version() {
            assert_eq!(caching(&format!("@{version}/app.js")), KEPT);
        }
    }

    #[test]
    fn nothing_but_the_interface_is_served() {
        for path in ["../Cargo.toml", "package.json", "/etc/passwd", "vendor.mjs", ""] {
            assert!(serve(path, &HeaderMap::new()).is_none(), "{path}");
        }
    }
}
