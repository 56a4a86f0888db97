//! A toy order service that counts what it is asked.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use net::{Server, ServerLimits, ServerMetrics};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};

/// Orders that are there before anybody writes.
pub(crate) const SEEDED: u64 = 20;

#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) reads: AtomicU64,
    pub(crate) missed: AtomicU64,
    pub(crate) writes: AtomicU64,
    /// Status to answer writes with instead of taking them; 0 takes them.
    pub(crate) refuse_writes: AtomicU64,
    orders: Mutex<BTreeSet<u64>>,
}

pub(crate) struct Shop {
    pub(crate) server: Server,
    pub(crate) counts: Arc<Counts>,
    registry: Registry,
}

impl Shop {
    pub(crate) async fn start() -> Self {
        let counts = Arc::new(Counts::default());
        counts.orders.lock().expect("no panic").extend(1..=SEEDED);
        let router = Router::new()
            .route("/api/order/{id}", get(read))
            .route("/api/order", post(write))
            .with_state(counts.clone());
        let mut registry = Registry::default();
        let metrics = ServerMetrics::register(&mut registry);
        let listener = net::bind("127.0.0.1:0".parse().expect("an address")).await.expect("a port");
        let server = Server::start_counted(listener, router, ServerLimits::standard(), metrics);
        Self { server, counts, registry }
    }

    pub(crate) fn orders(&self) -> u64 {
        self.counts.orders.lock().expect("no panic").len() as u64
    }

    pub(crate) fn connections_open(&self) -> u64 {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writes to a string");
        let line = text.lines().find_map(|line| line.strip_prefix("http_server_connections_open "));
        line.expect("the metric is there").parse().expect("a number")
    }
}

impl Counts {
    pub(crate) fn get(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::SeqCst)
    }
}

async fn read(State(counts): State<Arc<Counts>>, Path(id): Path<u64>) -> Result<Json<Value>, StatusCode> {
    counts.reads.fetch_add(1, Ordering::SeqCst);
    if counts.orders.lock().expect("no panic").contains(&id) {
        return Ok(Json(json!({ "order_id": id, "items": [] })));
    }
    counts.missed.fetch_add(1, Ordering::SeqCst);
    Err(StatusCode::NOT_FOUND)
}

async fn write(
    State(counts): State<Arc<Counts>>,
    Json(order): Json<Value>,
) -> Result<(StatusCode, Json<Value>), StatusCode> {
    counts.writes.fetch_add(1, Ordering::SeqCst);
    let refusal = Counts::get(&counts.refuse_writes);
    if refusal != 0 {
        return Err(StatusCode::from_u16(refusal as u16).expect("a status"));
    }
    if order["items"].as_array().is_none_or(Vec::is_empty) || order["customer_id"].as_u64().is_none() {
        return Err(StatusCode::UNPROCESSABLE_ENTITY);
    }
    let mut orders = counts.orders.lock().expect("no panic");
    let id = orders.last().copied().unwrap_or(0) + 1;
    orders.insert(id);
    Ok((StatusCode::CREATED, Json(json!({ "order_id": id }))))
}
