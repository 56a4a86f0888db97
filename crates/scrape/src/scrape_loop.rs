//! One target, from its first scrape to its end.
//!
//! A loop lives as long as its target is found. When the target goes, the loop waits two more intervals and writes
//! stale markers at the first tick it missed: if the target only moved (another pool, another address, the same
//! labels), the newer samples stand and the markers are left out. When the program stops, nothing is written: a restart
//! must not look like an outage.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ::net::Client;
use model::{DurationMs, Labels, TimestampMs};
use stdx::Clock;
use storage::MetricAppend;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::config::Job;
use crate::fetch::{self, FetchError, Fetched};
use crate::ingest::{self, MetadataCache, Scrape, TargetState};
use crate::metrics::Metrics;
use crate::status::Health;
use crate::target::{Target, TargetKey};
use crate::timing::{Aligner, first_delay};

/// What all loops share.
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn MetricAppend>,
    pub(crate) client: Arc<Client>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<Metrics>,
    /// How many loops there are for each label set, over all jobs.
    pub(crate) alive: Mutex<HashMap<Labels, usize>>,
    /// Cancelled when the program stops.
    pub(crate) shutdown: CancellationToken,
    /// One permit a body that is being parsed and committed.
    pub(crate) writers: Semaphore,
}

/// How many bodies are parsed and committed at once: as many as there are cores, and one that waits for the disk. More are
/// no quicker, and each thread that ever did it keeps memory of its own: fifty targets at once took 250 MB so.
pub(crate) fn writers() -> Semaphore {
    Semaphore::new(std::thread::available_parallelism().map_or(1, std::num::NonZero::get) + 1)
}

/// What a loop goes by; replaced by a reload.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) job: Arc<Job>,
    pub(crate) discovered: Labels,
    pub(crate) interval: DurationMs,
    pub(crate) timeout: DurationMs,
    /// Why no scrape can succeed, such as too many targets in the job.
    pub(crate) refused: Option<String>,
}

/// How the last scrape went.
#[derive(Debug, Clone, Default)]
pub(crate) struct LastScrape {
    pub(crate) health: Health,
    pub(crate) error: String,
    pub(crate) at: Option<TimestampMs>,
    pub(crate) took: Duration,
}

/// A running loop, as its pool holds it.
pub(crate) struct LoopHandle {
    pub(crate) settings: watch::Sender<Settings>,
    pub(crate) last: Arc<Mutex<LastScrape>>,
    pub(crate) metadata: Arc<Mutex<MetadataCache>>,
    end: CancellationToken,
    task: JoinHandle<()>,
}

impl LoopHandle {
    /// Begins to scrape a target.
    pub(crate) fn start(shared: &Arc<Shared>, target: &Target, settings: Settings) -> Self {
        let (sender, receiver) = watch::channel(settings);
        let (last, metadata, end) = (Arc::default(), Arc::default(), CancellationToken::new());
        *lock(&shared.alive).entry(target.key.labels.clone()).or_default() += 1;
        let targets_loop = TargetLoop {
            shared: Arc::clone(shared),
            key: target.key.clone(),
            settings: receiver,
            last: Arc::clone(&last),
            state: TargetState::new(Arc::clone(&metadata)),
            end: end.clone(),
        };
        Self { settings: sender, last, metadata, end, task: tokio::spawn(targets_loop.run()) }
    }

    /// The target is gone. The task ends by itself, some intervals later.
    pub(crate) fn end(self) -> JoinHandle<()> {
        self.end.cancel();
        self.task
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct TargetLoop {
    shared: Arc<Shared>,
    key: TargetKey,
    settings: watch::Receiver<Settings>,
    last: Arc<Mutex<LastScrape>>,
    state: TargetState,
    end: CancellationToken,
}

enum Next {
    Scrape,
    Settings,
    End,
    Shutdown,
}

impl TargetLoop {
    async fn run(mut self) {
        let mut current = self.settings.borrow_and_update().clone();
        let mut aligner = Aligner::new(current.interval);
        let mut ticks = ticks(first_delay(&self.key, current.interval), current.interval);
        loop {
            match self.next(&mut ticks).await {
                Next::Scrape => self.scrape(&current, &mut aligner).await,
                Next::Settings => {
                    let before = std::mem::replace(&mut current, self.settings.borrow_and_update().clone());
                    if !before.job.makes_same_series(&current.job) {
                        self.state.forget_texts();
                    }
                    if before.interval != current.interval {
                        aligner = Aligner::new(current.interval);
                        ticks = self::ticks(first_delay(&self.key, current.interval), current.interval);
                    }
                }
                Next::End => break self.finish(&current, &mut aligner, ticks).await,
                Next::Shutdown => break,
            }
        }
    }

    async fn next(&mut self, ticks: &mut Interval) -> Next {
        tokio::select! {
            biased;
            () = self.shared.shutdown.cancelled() => Next::Shutdown,
            () = self.end.cancelled() => Next::End,
            changed = self.settings.changed() => if changed.is_ok() { Next::Settings } else { Next::End },
            _ = ticks.tick() => Next::Scrape,
        }
    }

    async fn scrape(&mut self, settings: &Settings, aligner: &mut Aligner) {
        let at = aligner.align(self.shared.clock.now_ms());
        let start = Instant::now();
        let timeout = settings.timeout.to_std();
        let fetched = match &settings.refused {
            Some(message) => Err(FetchError::from(message.clone())),
            None => tokio::select! {
                biased;
                () = self.shared.shutdown.cancelled() => return,
                () = self.end.cancelled() => return,
                fetched = fetch::fetch(&self.shared.client, &settings.job, &self.key.url, timeout) => fetched,
            },
        };
        let took = start.elapsed();
        let scrape =
            Scrape { job: Arc::clone(&settings.job), labels: self.key.labels.clone(), at, took, timeout };
        let written = self.write(scrape, fetched).await;
        let (health, error) = match written {
            Ok(()) => (Health::Up, String::new()),
            Err(error) => (Health::Down, error),
        };
        *lock(&self.last) = LastScrape { health, error, at: Some(at), took };
    }

    /// Parsing and committing take processor time and wait for the disk: off the async threads, few at a time.
    async fn write(&mut self, scrape: Scrape, fetched: Result<Fetched, FetchError>) -> Result<(), String> {
        let shared = Arc::clone(&self.shared);
        self.with_state(move |state| ingest::write(&*shared.store, &shared.metrics, state, &scrape, fetched))
            .await
            .unwrap_or_else(|| {
                Err("reading the scrape failed: a fault of this program, see its log".to_owned())
            })
    }

    /// `None` when the work panicked; what was remembered of the target is then lost and made anew.
    async fn with_state<R: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut TargetState) -> R + Send + 'static,
    ) -> Option<R> {
        let _permit = self.shared.writers.acquire().await.ok()?;
        let mut state = std::mem::take(&mut self.state);
        let done = tokio::task::spawn_blocking(move || {
            let result = work(&mut state);
            (state, result)
        });
        let (state, result) = done.await.ok()?;
        self.state = state;
        Some(result)
    }

    async fn finish(mut self, settings: &Settings, aligner: &mut Aligner, mut ticks: Interval) {
        let is_last = {
            let mut alive = lock(&self.shared.alive);
            let count = alive.entry(self.key.labels.clone()).or_default();
            *count = count.saturating_sub(1);
            let is_last = *count == 0;
            if is_last {
                alive.remove(&self.key.labels);
            }
            is_last
        };
        let shutdown = self.shared.shutdown.clone();
        let wait = async {
            ticks.tick().await;
            let missed = aligner.align(self.shared.clock.now_ms());
            ticks.tick().await;
            tokio::time::sleep(settings.interval.to_std() / 10).await;
            missed
        };
        let missed = tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            missed = wait => missed,
        };
        if is_last && !lock(&self.shared.alive).contains_key(&self.key.labels) {
            let shared = Arc::clone(&self.shared);
            self.with_state(move |state| ingest::write_end(&*shared.store, &shared.metrics, state, missed))
                .await;
        }
    }
}

fn ticks(first: Duration, interval: DurationMs) -> Interval {
    let period = interval.to_std().max(Duration::from_millis(1));
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + first, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks
}
