//! Alerts of our rules on their way to other Alertmanagers, as Prometheus sends them: posts of API v2, whose loss is made
//! good by the rules, which send what fires again each minute and an end for a quarter of an hour.

mod send;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::{Alert, AlertState};
use net::Client;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use scrape::Addresses;
use scrape::config::Alertmanagers;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Alerts that wait for one Alertmanager: Prometheus' own limit. When it is full the oldest go: the rules send them again.
const WAITING_MAX: usize = 10_000;

/// How often the files that name Alertmanagers are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Alertmanagers at once. More than a dozen is a mistake in a file; beyond this the rest is left out and said.
const SERVERS_MAX: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ServerLabel {
    alertmanager: String,
}

/// Counts, by Prometheus' names.
#[derive(Debug)]
pub struct SenderMetrics {
    sent: Family<ServerLabel, Counter>,
    errors: Family<ServerLabel, Counter>,
    dropped: Counter,
    discovered: Gauge,
    queued: Gauge,
}

impl SenderMetrics {
    /// Registers all counts.
    pub fn new(registry: &mut Registry) -> Self {
        let this = Self {
            sent: Family::default(),
            errors: Family::default(),
            dropped: Counter::default(),
            discovered: Gauge::default(),
            queued: Gauge::default(),
        };
        let registry = registry.sub_registry_with_prefix("prometheus_notifications");
        registry.register("sent", "Alerts sent to other Alertmanagers", this.sent.clone());
        registry.register("errors", "Alerts that another Alertmanager did not take", this.errors.clone());
        registry.register(
            "dropped",
            "Alerts dropped on their way to other Alertmanagers",
            this.dropped.clone(),
        );
        registry.register(
            "alertmanagers_discovered",
            "Other Alertmanagers that alerts are sent to",
            this.discovered.clone(),
        );
        registry.register("queue_length", "Alerts that wait to be sent", this.queued.clone());
        this
    }
}

/// Sends alerts to the Alertmanagers of a configuration.
pub struct Sender {
    shared: Arc<Shared>,
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    config: Mutex<Arc<Alertmanagers>>,
    /// By URL.
    servers: Mutex<BTreeMap<String, Server>>,
    changed: Notify,
    client: Arc<Client>,
    metrics: SenderMetrics,
}

struct Server {
    queue: Arc<send::Queue>,
    task: JoinHandle<()>,
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sender")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sender {
    /// Starts sending. Must be called inside a tokio runtime.
    pub fn start(config: Alertmanagers, client: Arc<Client>, metrics: SenderMetrics) -> Self {
        let shared = Arc::new(Shared {
            config: Mutex::new(Arc::new(config)),
            servers: Mutex::default(),
            changed: Notify::new(),
            client,
            metrics,
        });
        let stop = CancellationToken::new();
        let task = tokio::spawn(look(Arc::clone(&shared), stop.clone()));
        Self { shared, stop, task: Mutex::new(Some(task)) }
    }

    /// Takes another configuration.
    pub fn reload(&self, config: Alertmanagers) {
        *lock(&self.shared.config) = Arc::new(config);
        self.shared.changed.notify_one();
    }

    /// Takes alerts of our rules; never waits.
    pub fn put(&self, alerts: &[Alert]) {
        let config = Arc::clone(&lock(&self.shared.config));
        if config.entries.is_empty() {
            return;
        }
        let leaving: Vec<Arc<Alert>> = alerts
            .iter()
            .filter(|alert| alert.state != AlertState::Pending)
            .filter_map(|alert| {
                Some(Arc::new(Alert { labels: config.relabelled(&alert.labels)?, ..alert.clone() }))
            })
            .collect();
        for server in lock(&self.shared.servers).values() {
            let dropped = server.queue.put(&leaving, WAITING_MAX);
            self.shared.metrics.dropped.inc_by(dropped);
        }
        self.shared.count();
    }

    /// Where alerts are sent to.
    pub fn urls(&self) -> Vec<String> {
        lock(&self.shared.servers).keys().cloned().collect()
    }

    /// Stops; what waits is sent by the rules again after the next start.
    pub async fn stop(&self) {
        self.stop.cancel();
        let task = lock(&self.task).take();
        if let Some(task) = task
            && let Err(cause) = task.await
        {
            tracing::error!("sending to Alertmanagers failed: {cause}");
        }
    }
}

impl Shared {
    fn count(&self) {
        let waiting: usize = lock(&self.servers).values().map(|server| server.queue.len()).sum();
        self.metrics.queued.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }

    /// Ends servers that are gone and begins new ones.
    fn sync(self: &Arc<Self>, found: Vec<(String, Arc<Addresses>)>) {
        let mut servers = lock(&self.servers);
        servers.retain(|url, server| {
            let stays = found.iter().any(|(known, _)| known == url);
            if !stays {
                server.task.abort();
            }
            stays
        });
        for (url, addresses) in found.into_iter().take(SERVERS_MAX) {
            match servers.get_mut(&url) {
                Some(server) => server.queue.set_addresses(addresses),
                None => {
                    let queue = Arc::new(send::Queue::new(addresses));
                    let task = tokio::spawn(send::run(Arc::clone(self), url.clone(), Arc::clone(&queue)));
                    servers.insert(url, Server { queue, task });
                }
            }
        }
        self.metrics.discovered.set(i64::try_from(servers.len()).unwrap_or(i64::MAX));
    }
}

/// Looks for Alertmanagers again and again, and ends all at the end.
async fn look(shared: Arc<Shared>, stop: CancellationToken) {
    let (mut known, mut said) = (Arc::new(Alertmanagers::default()), Vec::new());
    let mut entries: Vec<Addresses> = Vec::new();
    loop {
        let config = Arc::clone(&lock(&shared.config));
        let is_new = !Arc::ptr_eq(&config, &known);
        if is_new {
            entries = config.entries.iter().map(Addresses::new).collect();
            known = config;
        }
        // Reading files blocks.
        let looked = tokio::task::spawn_blocking(move || {
            let errors: Vec<String> = entries.iter_mut().flat_map(|entry| entry.look(is_new)).collect();
            (entries, errors)
        });
        let Ok((back, errors)) = looked.await else { return };
        entries = back;
        // Said once, not every few seconds.
        for error in errors.iter().filter(|error| !said.contains(*error)) {
            tracing::warn!("Alertmanagers cannot be looked for: {error}");
        }
        said = errors;
        let found = entries.iter().flat_map(|entry| {
            let shared = Arc::new(entry.fixed());
            entry.urls().into_iter().map(move |url| (url, Arc::clone(&shared)))
        });
        shared.sync(found.collect());
        tokio::select! {
            () = stop.cancelled() => break,
            () = shared.changed.notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
    shared.sync(Vec::new());
}
