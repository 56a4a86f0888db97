//! One Alertmanager: what waits for it, and the posts.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use model::{Alert, Labels, TimestampMs};
use scrape::Addresses;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{ServerLabel, Shared, lock};

/// Alerts in one post: Prometheus' own.
const BATCH_MAX: usize = 256;

/// What waits for one Alertmanager.
pub(super) struct Queue {
    waiting: Mutex<VecDeque<Arc<Alert>>>,
    news: Notify,
    addresses: Mutex<Arc<Addresses>>,
}

impl Queue {
    pub(super) fn new(addresses: Arc<Addresses>) -> Self {
        Self { waiting: Mutex::default(), news: Notify::new(), addresses: Mutex::new(addresses) }
    }

    /// How it is asked may have changed.
    pub(super) fn set_addresses(&self, addresses: Arc<Addresses>) {
        *lock(&self.addresses) = addresses;
    }

    /// Takes alerts; answers how many had to go for them.
    pub(super) fn put(&self, alerts: &[Arc<Alert>], most: usize) -> u64 {
        let mut waiting = lock(&self.waiting);
        waiting.extend(alerts.iter().cloned());
        let surplus = waiting.len().saturating_sub(most);
        waiting.drain(..surplus);
        drop(waiting);
        self.news.notify_one();
        surplus as u64
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.waiting).len()
    }

    fn take(&self) -> Vec<Arc<Alert>> {
        let mut waiting = lock(&self.waiting);
        let count = waiting.len().min(BATCH_MAX);
        waiting.drain(..count).collect()
    }
}

/// Sends until it is ended.
pub(super) async fn run(shared: Arc<Shared>, url: String, queue: Arc<Queue>) {
    let label = ServerLabel { alertmanager: url.clone() };
    loop {
        let batch = queue.take();
        if batch.is_empty() {
            queue.news.notified().await;
            continue;
        }
        shared.count();
        let addresses = Arc::clone(&lock(&queue.addresses));
        let body: Vec<Value> = batch.iter().filter_map(|alert| wire(alert, &addresses)).collect();
        if body.is_empty() {
            continue;
        }
        let count = body.len() as u64;
        shared.metrics.sent.get_or_create(&label).inc_by(count);
        if let Err(cause) = post(&shared, &url, &addresses, body).await {
            shared.metrics.errors.get_or_create(&label).inc_by(count);
            shared.metrics.dropped.inc_by(count);
            tracing::error!("{count} alerts were not taken by {url}; they are sent again: {cause}");
        }
    }
}

async fn post(shared: &Shared, url: &str, addresses: &Addresses, body: Vec<Value>) -> Result<(), String> {
    let secrets = addresses.headers().map_err(|e| e.to_string())?;
    let headers: Vec<(&str, &str)> =
        secrets.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
    let timeout = addresses.set().timeout.to_std();
    let answer = shared.client.post_json(url, &body, &headers, timeout).await.map_err(|e| e.to_string())?;
    if (200..300).contains(&answer.status) {
        return Ok(());
    }
    let said = String::from_utf8_lossy(answer.body.get(..200).unwrap_or(&answer.body)).into_owned();
    Err(format!("HTTP status {}: {}", answer.status, said.trim()))
}

/// As Prometheus writes an alert; `None` when relabelling drops it here.
fn wire(alert: &Alert, addresses: &Addresses) -> Option<Value> {
    let labels = addresses.set().relabelled(&alert.labels)?;
    Some(json!({
        "labels": pairs(&labels),
        "annotations": pairs(&alert.annotations),
        "startsAt": moment(alert.starts_at),
        "endsAt": moment(alert.ends_at),
        "generatorURL": alert.generator_url,
    }))
}

fn pairs(labels: &Labels) -> serde_json::Map<String, Value> {
    labels.iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
}

fn moment(at: TimestampMs) -> String {
    Timestamp::from_millisecond(at.0).map_or_else(|_| "0001-01-01T00:00:00Z".to_owned(), |at| at.to_string())
}
