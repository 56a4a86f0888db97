//! Faults that can be switched on while a service runs: slow answers, errors, growing memory, busy cores.
//!
//! They exist only in a service that was started with them; elsewhere their paths are unknown. Each is a lease: it ends
//! by itself, whoever set it may be gone by then. Setting a fault again replaces it. `/health` and `/metrics` are spared
//! by latency and errors, because a balancer must go on believing in the instance for callers to feel the fault.
//!
//! The switches live on the metrics port only, behind a random key that the service tells whoever started it: no page
//! in a browser can guess it, and no gateway leads there.

mod burn;
mod http;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::chance::Dice;
use super::reply::{Complaint, json};

pub(crate) use http::router;

/// The longest lease; what is forgotten ends within it.
const LEASE_MAX: Duration = Duration::from_secs(3600);
/// The slowest that a fault makes an answer: above every client's patience, so that it shows as a time-out there.
const LATENCY_MAX: Duration = Duration::from_secs(60);
/// The largest share of its memory limit that a service is made to fill. At all of it a container would be killed.
const MEMORY_PERCENT_MAX: f64 = 98.0;

/// The kinds of fault, as paths and labels name them.
const KINDS: [&str; 4] = ["latency", "errors", "memory", "cpu"];

/// Answers take longer.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Latency {
    added: Duration,
    jitter: Duration,
    share: f64,
}

/// Answers are errors.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Errors {
    share: f64,
    status: StatusCode,
}

/// A fault until its lease ends.
#[derive(Debug)]
struct Lease<T> {
    fault: T,
    until: Instant,
}

impl<T: Copy> Lease<T> {
    fn live(slot: &Option<Self>) -> Option<T> {
        slot.as_ref().filter(|lease| Instant::now() < lease.until).map(|lease| lease.fault)
    }
}

/// Work of a fault that runs beside the requests; dropping it ends the fault.
#[derive(Debug)]
struct Worker(JoinHandle<()>);

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[derive(Debug, Default)]
struct Slots {
    latency: Option<Lease<Latency>>,
    errors: Option<Lease<Errors>>,
    memory: Option<Lease<Worker>>,
    cpu: Option<Lease<Worker>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    fault: &'static str,
}

/// The switches of one service.
#[derive(Debug)]
pub(crate) struct Faults {
    slots: Mutex<Slots>,
    dice: Dice,
    memory_limit_bytes: u64,
    active: Family<KindLabels, Gauge>,
    injected: Family<KindLabels, Counter>,
}

impl Faults {
    /// All off. Adds `service_fault_active` and `service_faults_injected_total`.
    pub(crate) fn register(registry: &mut Registry, memory_limit_bytes: u64) -> Arc<Self> {
        let faults = Self {
            slots: Mutex::default(),
            dice: Dice::with_seed(fastrand::u64(..)),
            memory_limit_bytes,
            active: Family::default(),
            injected: Family::default(),
        };
        for fault in KINDS {
            drop(faults.active.get_or_create(&KindLabels { fault }));
            drop(faults.injected.get_or_create(&KindLabels { fault }));
        }
        registry.register("service_fault_active", "Whether a fault is switched on", faults.active.clone());
        registry.register(
            "service_faults_injected",
            "Requests that a fault has slowed or failed, and times a resource fault was set",
            faults.injected.clone(),
        );
        Arc::new(faults)
    }

    /// Switches everything off; memory is given back and cores rest at once.
    pub(crate) fn clear(&self) {
        *self.lock() = Slots::default();
        KINDS.iter().for_each(|kind| self.show(kind, false));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, fault: &'static str, on: bool) {
        self.active.get_or_create(&KindLabels { fault }).set(i64::from(on));
    }

    fn count(&self, fault: &'static str) {
        self.injected.get_or_create(&KindLabels { fault }).inc();
    }

    fn delay(&self) -> Option<Duration> {
        let latency = Lease::live(&self.lock().latency)?;
        self.dice.happens(latency.share).then(|| latency.added + latency.jitter.mul_f64(self.dice.share()))
    }

    fn failure(&self) -> Option<StatusCode> {
        let errors = Lease::live(&self.lock().errors)?;
        self.dice.happens(errors.share).then_some(errors.status)
    }
}

/// The layer that slows and fails requests; it stands inside of what observes them, so that they are counted.
pub(crate) async fn inject(State(faults): State<Arc<Faults>>, request: Request, next: Next) -> Response {
    if request.uri().path() == super::frame::HEALTH {
        return next.run(request).await;
    }
    if let Some(delay) = faults.delay() {
        faults.count("latency");
        tokio::time::sleep(delay).await;
    }
    if let Some(status) = faults.failure() {
        faults.count("errors");
        let complaint = Complaint::new("this request was failed by a fault that somebody switched on");
        return json(status, &serde_json::json!({ "error": complaint })).into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests;
