//! Promtail's pages: whether it is ready, what it tails, what its targets are.

use std::fmt::Write as _;
use std::sync::{Arc, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use model::Labels;

use crate::run::Shared;
use crate::tail::Target;

/// What the reader has told last.
#[derive(Debug, Default)]
pub(crate) struct Status {
    pub jobs: Vec<JobStatus>,
}

#[derive(Debug)]
pub(crate) struct JobStatus {
    pub name: String,
    pub targets: Vec<Target>,
    pub files: Vec<FileStatus>,
}

#[derive(Debug)]
pub(crate) struct FileStatus {
    pub path: String,
    pub labels: Labels,
    pub read_bytes: u64,
    pub bytes: u64,
}

pub(crate) fn routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/ready", get(ready))
        .route("/targets", get(targets))
        .route("/service-discovery", get(discovery))
        .with_state(shared)
}

/// Ready when a file is tailed, as Promtail is.
async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    let status = shared.status.lock().unwrap_or_else(PoisonError::into_inner);
    if status.jobs.iter().any(|job| !job.files.is_empty()) {
        return "Ready\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, "Not ready: no file is tailed yet\n").into_response()
}

async fn targets(State(shared): State<Arc<Shared>>) -> String {
    let status = shared.status.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut out, (batches, bytes)) = (String::new(), shared.buffer.held());
    // Writing to a String cannot fail.
    let _ = writeln!(out, "buffer: {batches} batches, {bytes} bytes wait to be acknowledged");
    for job in &status.jobs {
        let _ = writeln!(out, "\njob {} ({} files)", job.name, job.files.len());
        for file in &job.files {
            let _ = writeln!(
                out,
                "  {} of {} bytes  {}  {}",
                file.read_bytes, file.bytes, file.path, file.labels
            );
        }
    }
    out
}

async fn discovery(State(shared): State<Arc<Shared>>) -> String {
    let status = shared.status.lock().unwrap_or_else(PoisonError::into_inner);
    let mut out = String::new();
    for job in &status.jobs {
        let _ = writeln!(out, "job {} ({} targets)", job.name, job.targets.len());
        for target in &job.targets {
            let exclude = target.exclude.as_ref().map(|it| format!(" but {it}")).unwrap_or_default();
            let _ = writeln!(out, "  {}{exclude}  {}", target.pattern, target.labels);
        }
    }
    out
}
