//! All jobs: one pool each, started, changed and stopped together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use ::net::Client;
use stdx::Clock;
use storage::MetricAppend;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::Job;
use crate::metrics::Metrics;
use crate::pool::{Pool, PoolView};
use crate::scrape_loop::{self, Shared, lock};
use crate::status::{TargetMetadata, TargetsStatus};

/// Scrapes all targets of all jobs until it is stopped.
pub struct ScrapeManager {
    shared: Arc<Shared>,
    state: Mutex<Pools>,
}

#[derive(Default)]
struct Pools {
    running: HashMap<String, RunningPool>,
    /// Pools of jobs that left the configuration, until their last stale markers are written.
    ending: Vec<JoinHandle<()>>,
}

struct RunningPool {
    job: watch::Sender<Arc<Job>>,
    view: Arc<Mutex<PoolView>>,
    removed: CancellationToken,
    task: JoinHandle<()>,
}

impl ScrapeManager {
    /// Starts to scrape. Must be called within a tokio runtime, whose tasks the manager owns until
    /// [`ScrapeManager::stop`].
    pub fn start(
        jobs: Vec<Job>,
        store: Arc<dyn MetricAppend>,
        client: Arc<Client>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let (alive, shutdown) = (Mutex::default(), CancellationToken::new());
        let shared = Arc::new(Shared {
            store,
            client,
            clock,
            metrics,
            alive,
            shutdown,
            writers: scrape_loop::writers(),
        });
        let manager = Self { shared, state: Mutex::default() };
        manager.reload(jobs);
        manager
    }

    /// Goes by other jobs from now on. Targets that stay keep their loops and their rhythm; targets that go get stale
    /// markers.
    pub fn reload(&self, jobs: Vec<Job>) {
        let mut state = lock(&self.state);
        let mut before = std::mem::take(&mut state.running);
        for job in jobs {
            if state.running.contains_key(&job.name) {
                tracing::error!(job = job.name, "two jobs of one name: the second is left out");
                continue;
            }
            let pool = match before.remove(&job.name) {
                Some(pool) => {
                    pool.job.send_if_modified(|old| {
                        let is_changed = **old != job;
                        if is_changed {
                            *old = Arc::new(job.clone());
                        }
                        is_changed
                    });
                    pool
                }
                None => self.start_pool(job.clone()),
            };
            state.running.insert(job.name, pool);
        }
        state.ending.retain(|task| !task.is_finished());
        for pool in before.into_values() {
            pool.removed.cancel();
            state.ending.push(pool.task);
        }
    }

    /// Stops all scrapes: those under way are cut, samples being committed are committed. No stale markers are written.
    pub async fn stop(&self) {
        self.shared.shutdown.cancel();
        let pools = std::mem::take(&mut *lock(&self.state));
        for task in pools.running.into_values().map(|pool| pool.task).chain(pools.ending) {
            // A task that panicked has said so; the others must still be waited for.
            let _ = task.await;
        }
    }

    /// All targets as they are now.
    pub fn targets(&self) -> TargetsStatus {
        let state = lock(&self.state);
        let mut status = TargetsStatus::default();
        for (name, pool) in &state.running {
            let view = lock(&pool.view);
            view.active(&mut status.active);
            let (dropped, count) = view.dropped();
            status.dropped.extend_from_slice(dropped);
            status.dropped_counts.push((name.clone(), count));
        }
        status.active.sort_by(|a, b| {
            (&a.scrape_pool, &a.scrape_url, &a.labels).cmp(&(&b.scrape_pool, &b.scrape_url, &b.labels))
        });
        status.dropped.sort_by(|a, b| {
            (&a.scrape_pool, &a.discovered_labels).cmp(&(&b.scrape_pool, &b.discovered_labels))
        });
        status.dropped_counts.sort();
        status
    }

    /// Names of all pools, sorted.
    pub fn pools(&self) -> Vec<String> {
        let mut names: Vec<String> = lock(&self.state).running.keys().cloned().collect();
        names.sort();
        names
    }

    /// What the targets say about their metric families, ordered by target and name.
    pub fn metadata(&self) -> Vec<TargetMetadata> {
        let mut all = Vec::new();
        for pool in lock(&self.state).running.values() {
            lock(&pool.view).metadata(&mut all);
        }
        all.sort();
        all
    }

    fn start_pool(&self, job: Job) -> RunningPool {
        self.shared.metrics.pools.inc();
        let (sender, receiver) = watch::channel(Arc::new(job));
        let (view, removed) = (Arc::<Mutex<PoolView>>::default(), CancellationToken::new());
        let pool = Pool {
            shared: Arc::clone(&self.shared),
            job: receiver,
            view: Arc::clone(&view),
            removed: removed.clone(),
        };
        RunningPool { job: sender, view, removed, task: tokio::spawn(pool.run()) }
    }
}

/// A manager that is dropped without [`ScrapeManager::stop`] must not leave tasks behind that scrape for nobody.
impl Drop for ScrapeManager {
    fn drop(&mut self) {
        self.shared.shutdown.cancel();
    }
}
