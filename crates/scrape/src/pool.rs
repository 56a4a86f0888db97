//! All targets of one job: looks for them again and again, and keeps one loop for each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::config::Job;
use crate::discovery::{FileWatch, Group, HttpWatch};
use crate::metrics::{DiscoveryLabel, JobLabel, Metrics};
use crate::scrape_loop::{LoopHandle, Settings, Shared, lock};
use crate::status::{DroppedTarget, TargetMetadata, TargetStatus};
use crate::target::{Populated, Target, TargetKey, populate};

/// How often the stamps of discovery files are looked at. A person who edits one sees it act at once; a look costs one
/// system call a file.
const FILE_LOOK_EVERY: Duration = Duration::from_millis(500);

/// How often a pool with nothing to look for brings its gauges up to date.
const COUNT_EVERY: Duration = Duration::from_secs(10);

/// What the outside sees of a pool.
#[derive(Default)]
pub(crate) struct PoolView {
    loops: HashMap<TargetKey, LoopHandle>,
    dropped: Vec<DroppedTarget>,
    dropped_count: usize,
}

impl PoolView {
    pub(crate) fn active(&self, into: &mut Vec<TargetStatus>) {
        into.extend(self.loops.iter().map(|(key, handle)| {
            let (settings, last) = (handle.settings.borrow(), lock(&handle.last));
            TargetStatus {
                discovered_labels: settings.discovered.clone(),
                labels: key.labels.clone(),
                scrape_pool: settings.job.name.clone(),
                scrape_url: key.url.clone(),
                last_error: last.error.clone(),
                last_scrape: last.at,
                last_duration_s: last.took.as_secs_f64(),
                health: last.health,
                interval: settings.interval,
                timeout: settings.timeout,
            }
        }));
    }

    pub(crate) fn dropped(&self) -> (&[DroppedTarget], usize) {
        (&self.dropped, self.dropped_count)
    }

    pub(crate) fn metadata(&self, into: &mut Vec<TargetMetadata>) {
        for (key, handle) in &self.loops {
            let all = lock(&handle.metadata).all();
            into.extend(all.into_iter().map(|(name, metadata)| (key.labels.clone(), name, metadata)));
        }
    }
}

/// The task of one job.
pub(crate) struct Pool {
    pub(crate) shared: Arc<Shared>,
    pub(crate) job: watch::Receiver<Arc<Job>>,
    pub(crate) view: Arc<Mutex<PoolView>>,
    /// Cancelled when the job leaves the configuration.
    pub(crate) removed: CancellationToken,
}

/// What has been found so far, and when to look again.
struct Search {
    files: FileWatch,
    https: Vec<HttpWatch>,
    https_next: Vec<Instant>,
    files_reread: Instant,
    look: Interval,
}

impl Search {
    fn new(job: &Job, files: FileWatch) -> Self {
        let now = Instant::now();
        let has_searches = !job.files.is_empty() || !job.https.is_empty();
        let every = if has_searches { FILE_LOOK_EVERY } else { COUNT_EVERY };
        let mut look = tokio::time::interval_at(now + every, every);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let https = job.https.iter().map(|_| HttpWatch::default()).collect();
        Self { files, https, https_next: vec![now; job.https.len()], files_reread: now, look }
    }
}

impl Pool {
    /// Runs until the job is removed or the program stops, and then until its last loop has ended.
    pub(crate) async fn run(mut self) {
        let mut ending = JoinSet::new();
        let mut job = Arc::clone(&self.job.borrow_and_update());
        let mut search = Search::new(&job, FileWatch::default());
        let mut is_changed = true;
        loop {
            is_changed |= self.look(&job, &mut search).await;
            if std::mem::take(&mut is_changed) {
                self.sync(&job, &search, &mut ending);
            }
            self.count_metadata(&job);
            tokio::select! {
                biased;
                () = self.shared.shutdown.cancelled() => break,
                () = self.removed.cancelled() => break,
                changed = self.job.changed() => {
                    if changed.is_err() { break }
                    job = Arc::clone(&self.job.borrow_and_update());
                    search = Search::new(&job, std::mem::take(&mut search.files));
                    is_changed = true;
                }
                _ = search.look.tick() => {}
                Some(_) = ending.join_next() => {}
            }
        }
        self.forget_metrics(&job);
        let loops = std::mem::take(&mut lock(&self.view).loops);
        for handle in loops.into_values() {
            ending.spawn(async { drop(handle.end().await) });
        }
        while ending.join_next().await.is_some() {}
    }

    /// Looks for targets where it is time to. True when there are others than before.
    async fn look(&self, job: &Arc<Job>, search: &mut Search) -> bool {
        let mut is_changed = false;
        if !job.files.is_empty() {
            is_changed |= self.look_at_files(job, search).await;
        }
        for ((discovery, watch), next) in job.https.iter().zip(&mut search.https).zip(&mut search.https_next)
        {
            if Instant::now() < *next {
                continue;
            }
            let looked = tokio::select! {
                biased;
                () = self.shared.shutdown.cancelled() => break,
                () = self.removed.cancelled() => break,
                looked = watch.look(discovery, &self.shared.client) => looked,
            };
            is_changed |= looked.unwrap_or_else(|error| {
                self.shared.metrics.http_errors.inc();
                tracing::warn!(job = job.name, "http discovery: {error}");
                false
            });
            *next = Instant::now() + discovery.refresh.to_std();
        }
        is_changed
    }

    async fn look_at_files(&self, job: &Arc<Job>, search: &mut Search) -> bool {
        let force = Instant::now() >= search.files_reread;
        let (mut files, for_task) = (std::mem::take(&mut search.files), Arc::clone(job));
        let looked = tokio::task::spawn_blocking(move || {
            let looked = files.look(&for_task.files, force);
            (files, looked)
        });
        // A look that panicked has lost what was known: the next one finds it again.
        let Ok((files, looked)) = looked.await else { return false };
        search.files = files;
        self.shared.metrics.file_errors.inc_by(looked.errors.len() as u64);
        looked.errors.iter().for_each(|error| tracing::warn!(job = job.name, "discovery file: {error}"));
        if force {
            let refresh = job.files.iter().map(|f| f.refresh.to_std()).min().unwrap_or(FILE_LOOK_EVERY);
            search.files_reread = Instant::now() + refresh;
        }
        looked.is_changed
    }

    /// Makes the loops those of the targets found.
    fn sync(&self, job: &Arc<Job>, search: &Search, ending: &mut JoinSet<()>) {
        let statics: Vec<Group> = job.statics.iter().map(|config| Group::of(config, &[])).collect();
        let groups =
            statics.iter().chain(search.files.groups()).chain(search.https.iter().flat_map(|w| &w.groups));
        let found = find(job, &self.shared.metrics, groups);
        let refused = self.check_limit(job, found.targets.len());
        let mut view = lock(&self.view);
        let mut before = std::mem::take(&mut view.loops);
        for (key, target) in found.targets {
            let settings = Settings {
                job: Arc::clone(job),
                discovered: target.discovered.clone(),
                interval: target.interval,
                timeout: target.timeout,
                refused: refused.clone(),
            };
            let handle = match before.remove(&key) {
                Some(handle) => {
                    handle.settings.send_if_modified(|old| replace_if_changed(old, settings));
                    handle
                }
                None => LoopHandle::start(&self.shared, &target, settings),
            };
            view.loops.insert(key, handle);
        }
        for handle in before.into_values() {
            ending.spawn(async { drop(handle.end().await) });
        }
        (view.dropped, view.dropped_count) = (found.dropped, found.dropped_count);
        self.count(job, &view, found.discovered);
    }

    fn check_limit(&self, job: &Job, targets: usize) -> Option<String> {
        let limit = job.limits.targets_max;
        if limit == 0 || targets as u64 <= limit {
            return None;
        }
        self.shared.metrics.over_target_limit.inc();
        Some(format!("target_limit exceeded (number of targets: {targets}, limit: {limit})"))
    }

    fn count(&self, job: &Job, view: &PoolView, discovered: usize) {
        let metrics = &self.shared.metrics;
        let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let label = JobLabel { scrape_job: job.name.clone() };
        metrics.pool_targets.get_or_create(&label).set(gauge(view.loops.len()));
        let label = DiscoveryLabel { config: job.name.clone(), name: "scrape".to_owned() };
        metrics.discovered.get_or_create(&label).set(gauge(discovered));
    }

    fn count_metadata(&self, job: &Job) {
        let entries: usize = lock(&self.view).loops.values().map(|handle| lock(&handle.metadata).len()).sum();
        let label = JobLabel { scrape_job: job.name.clone() };
        self.shared
            .metrics
            .metadata_entries
            .get_or_create(&label)
            .set(i64::try_from(entries).unwrap_or(i64::MAX));
    }

    fn forget_metrics(&self, job: &Job) {
        let metrics = &self.shared.metrics;
        let label = JobLabel { scrape_job: job.name.clone() };
        metrics.pool_targets.remove(&label);
        metrics.metadata_entries.remove(&label);
        metrics.discovered.remove(&DiscoveryLabel { config: job.name.clone(), name: "scrape".to_owned() });
    }
}

/// Targets of one look, by key: the same target found twice is scraped once.
struct Found {
    targets: HashMap<TargetKey, Target>,
    dropped: Vec<DroppedTarget>,
    dropped_count: usize,
    discovered: usize,
}

fn find<'g>(job: &Job, metrics: &Metrics, groups: impl Iterator<Item = &'g Group>) -> Found {
    let mut found = Found { targets: HashMap::new(), dropped: Vec::new(), dropped_count: 0, discovered: 0 };
    let kept_max = job.limits.dropped_targets_max;
    for group in groups {
        for address in &group.targets {
            found.discovered += 1;
            match populate(job, address, group) {
                Ok(Populated::Target(target)) => drop(found.targets.insert(target.key.clone(), *target)),
                Ok(Populated::Dropped(discovered_labels)) => {
                    found.dropped_count += 1;
                    if kept_max == 0 || (found.dropped.len() as u64) < kept_max {
                        found
                            .dropped
                            .push(DroppedTarget { discovered_labels, scrape_pool: job.name.clone() });
                    }
                }
                Err(error) => {
                    metrics.sync_failed.get_or_create(&JobLabel { scrape_job: job.name.clone() }).inc();
                    tracing::warn!(job = job.name, address, "target cannot be scraped: {error}");
                }
            }
        }
    }
    found
}

fn replace_if_changed(old: &mut Settings, new: Settings) -> bool {
    let is_same = Arc::ptr_eq(&old.job, &new.job)
        && old.discovered == new.discovered
        && old.interval == new.interval
        && old.timeout == new.timeout
        && old.refused == new.refused;
    if !is_same {
        *old = new;
    }
    !is_same
}
