//! The switches' routes: `GET /` says what is on, `PUT /KIND` sets one with a lease, `DELETE /KIND` and `DELETE /` end.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, put};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::time::Instant;

use super::{
    Errors, Faults, KINDS, LATENCY_MAX, LEASE_MAX, Latency, Lease, MEMORY_PERCENT_MAX, Slots, Worker, burn,
};
use crate::common::body::json_bytes;
use crate::common::reply::{Complaint, Refusal, json as answer};

/// Bytes of a switch's body; it has five short fields.
const BODY_MAX_BYTES: usize = 4096;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LatencyBody {
    lease_s: u64,
    ms: u64,
    #[serde(default)]
    jitter_ms: u64,
    #[serde(default = "all")]
    share: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ErrorsBody {
    lease_s: u64,
    #[serde(default = "all")]
    share: f64,
    #[serde(default = "internal_error")]
    status: u16,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MemoryBody {
    lease_s: u64,
    /// Of the service's memory limit.
    percent: f64,
    #[serde(default)]
    over_s: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CpuBody {
    lease_s: u64,
    /// Of each core.
    #[serde(default = "hundred")]
    percent: f64,
    /// All, unless told otherwise.
    cores: Option<usize>,
}

fn all() -> f64 {
    1.0
}

fn hundred() -> f64 {
    100.0
}

fn internal_error() -> u16 {
    500
}

/// All switches, without the key in front.
pub(crate) fn router(faults: Arc<Faults>) -> Router {
    Router::new()
        .route("/", get(list).delete(clear))
        .route("/{kind}", put(set).delete(end))
        .with_state(faults)
}

async fn list(State(faults): State<Arc<Faults>>) -> Response {
    let slots = faults.lock();
    let left = |until: Option<Instant>| {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()).as_secs_f64());
        json!({ "active": left.is_some_and(|s| s > 0.0), "ends_in_s": left.filter(|s| *s > 0.0) })
    };
    let all = json!({
        "memory_limit_bytes": faults.memory_limit_bytes,
        "latency": left(slots.latency.as_ref().map(|l| l.until)),
        "errors": left(slots.errors.as_ref().map(|l| l.until)),
        "memory": left(slots.memory.as_ref().map(|l| l.until)),
        "cpu": left(slots.cpu.as_ref().map(|l| l.until)),
    });
    answer(StatusCode::OK, &all)
}

async fn clear(State(faults): State<Arc<Faults>>) -> StatusCode {
    faults.clear();
    StatusCode::NO_CONTENT
}

async fn end(State(faults): State<Arc<Faults>>, Path(kind): Path<String>) -> Result<StatusCode, Refusal> {
    let kind = known(&kind)?;
    let mut slots = faults.lock();
    match kind {
        "latency" => slots.latency = None,
        "errors" => slots.errors = None,
        "memory" => slots.memory = None,
        _ => slots.cpu = None,
    }
    faults.show(kind, false);
    Ok(StatusCode::NO_CONTENT)
}

async fn set(
    State(faults): State<Arc<Faults>>,
    Path(kind): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> Result<StatusCode, Refusal> {
    let kind = known(&kind)?;
    if !headers.contains_key(header::CONTENT_TYPE) {
        return Err(Refusal::NotJson(Complaint::new("say that the body is application/json")));
    }
    let body = json_bytes(request, BODY_MAX_BYTES).await?;
    let until = match kind {
        "latency" => set_latency(&faults, read(&body)?)?,
        "errors" => set_errors(&faults, read(&body)?)?,
        "memory" => set_memory(&faults, read(&body)?)?,
        _ => set_cpu(&faults, read(&body)?)?,
    };
    tracing::warn!(fault = kind, body = %String::from_utf8_lossy(&body), "a fault was switched on");
    faults.show(kind, true);
    tokio::spawn(watch_end(faults, kind, until));
    Ok(StatusCode::NO_CONTENT)
}

fn known(kind: &str) -> Result<&'static str, Refusal> {
    let unknown = || Refusal::NotFound(Complaint::new(format!("no fault {kind:?}; there are {KINDS:?}")));
    KINDS.iter().find(|each| **each == kind).copied().ok_or_else(unknown)
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::Invalid(Complaint::new(error.to_string())))
}

fn lease(lease_s: u64) -> Result<Instant, Refusal> {
    let most = LEASE_MAX.as_secs();
    in_range("lease_s", lease_s as f64, 1.0, most as f64)?;
    Ok(Instant::now() + Duration::from_secs(lease_s))
}

fn in_range(field: &str, value: f64, least: f64, most: f64) -> Result<(), Refusal> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(Refusal::Invalid(Complaint::of_field(field, format!("must be between {least} and {most}"))))
}

fn set_latency(faults: &Faults, body: LatencyBody) -> Result<Instant, Refusal> {
    let most = LATENCY_MAX.as_millis() as f64;
    in_range("ms", body.ms as f64, 0.0, most)?;
    in_range("jitter_ms", body.jitter_ms as f64, 0.0, most)?;
    in_range("share", body.share, 0.0, 1.0)?;
    let until = lease(body.lease_s)?;
    let (added, jitter) = (Duration::from_millis(body.ms), Duration::from_millis(body.jitter_ms));
    faults.lock().latency = Some(Lease { fault: Latency { added, jitter, share: body.share }, until });
    Ok(until)
}

fn set_errors(faults: &Faults, body: ErrorsBody) -> Result<Instant, Refusal> {
    in_range("share", body.share, 0.0, 1.0)?;
    in_range("status", f64::from(body.status), 400.0, 599.0)?;
    let until = lease(body.lease_s)?;
    let status = StatusCode::from_u16(body.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    faults.lock().errors = Some(Lease { fault: Errors { share: body.share, status }, until });
    Ok(until)
}

fn set_memory(faults: &Faults, body: MemoryBody) -> Result<Instant, Refusal> {
    in_range("percent", body.percent, 0.0, MEMORY_PERCENT_MAX)?;
    in_range("over_s", body.over_s as f64, 0.0, LEASE_MAX.as_secs() as f64)?;
    let until = lease(body.lease_s)?;
    let target_bytes = (faults.memory_limit_bytes as f64 * body.percent / 100.0) as u64;
    let growing = burn::memory(target_bytes, Duration::from_secs(body.over_s), until);
    start(faults, until, growing, |slots| &mut slots.memory, "memory");
    Ok(until)
}

fn set_cpu(faults: &Faults, body: CpuBody) -> Result<Instant, Refusal> {
    let there = std::thread::available_parallelism().map_or(1, usize::from);
    let cores = body.cores.unwrap_or(there);
    in_range("percent", body.percent, 1.0, 100.0)?;
    in_range("cores", cores as f64, 1.0, there as f64)?;
    let until = lease(body.lease_s)?;
    let burning = burn::cpu(cores, body.percent / 100.0, until);
    start(faults, until, burning, |slots| &mut slots.cpu, "cpu");
    Ok(until)
}

fn start(
    faults: &Faults,
    until: Instant,
    work: impl Future<Output = ()> + Send + 'static,
    slot: fn(&mut Slots) -> &mut Option<Lease<Worker>>,
    kind: &'static str,
) {
    *slot(&mut faults.lock()) = Some(Lease { fault: Worker(tokio::spawn(work)), until });
    faults.count(kind);
}

/// At the end of a lease the gauge goes back, unless a newer lease of the same kind runs on.
async fn watch_end(faults: Arc<Faults>, kind: &'static str, until: Instant) {
    tokio::time::sleep_until(until).await;
    let latest = {
        let slots = faults.lock();
        match kind {
            "latency" => slots.latency.as_ref().map(|l| l.until),
            "errors" => slots.errors.as_ref().map(|l| l.until),
            "memory" => slots.memory.as_ref().map(|l| l.until),
            _ => slots.cpu.as_ref().map(|l| l.until),
        }
    };
    if latest.is_none_or(|latest| latest <= until) {
        faults.show(kind, false);
    }
}
