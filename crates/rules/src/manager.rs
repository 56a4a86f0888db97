//! Runs all groups: each on its own schedule, their rules on blocking threads; takes new rules over while running.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use model::{Alert, DurationMs, Labels, TimestampMs};
use promql::Engine;
use stdx::Clock;
use storage::{MetricAppend, MetricBackfill, MetricQuery};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::backfill::is_of_objective;
use crate::evaluate::{EngineEvaluator, Evaluate};
use crate::file::Groups;
use crate::group::RunningGroup;
use crate::metrics::Metrics;
use crate::past::Past;
use crate::rule::Group;
use crate::schedule::Schedule;
use crate::status::GroupStatus;
use filling::Filling;

mod filling;

/// The most groups that are evaluated at one moment; others wait, and what they miss is counted. Evaluation spreads
/// each query over the engine's own threads already, so more would only take memory.
const EVALUATIONS_AT_ONCE_MAX: usize = 8;

/// The longest sleep before the clock is looked at again, so that a clock that was set is noticed.
const CLOCK_LOOK_MAX: DurationMs = DurationMs::from_secs(10);

/// After how many evaluations alerts are restored: as Prometheus, the second, when scrapes and recording rules have
/// given what the alerts rest on.
const RESTORE_AFTER: u64 = 2;

/// Who is told of alerts. Called from blocking threads; must not wait: a full queue is the sink's to deal with.
pub trait AlertSink: Send + Sync {
    /// Firing and resolved alerts, each again from time to time as long as it lasts.
    fn alerts(&self, alerts: Vec<Alert>);
}

/// What rules need of the world.
#[derive(Clone)]
pub struct Ports {
    /// Evaluates expressions.
    pub evaluate: Arc<dyn Evaluate>,
    /// Where `ALERTS_FOR_STATE` is read after a restart.
    pub store: Arc<dyn MetricQuery>,
    /// Where results are written.
    pub append: Arc<dyn MetricAppend>,
    /// Who is told of alerts.
    pub sink: Arc<dyn AlertSink>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How the series of a new objective get their past; without it they begin when they are first recorded.
    pub backfill: Option<Backfill>,
}

/// Where the past of new series comes from, and where it goes: one store.
#[derive(Clone)]
pub struct Backfill {
    /// Evaluates over spans.
    pub past: Arc<dyn Past>,
    /// Takes the results.
    pub target: Arc<dyn MetricBackfill>,
    /// How far back.
    pub last: DurationMs,
}

impl Ports {
    /// Ports whose expressions `engine` evaluates over `store`.
    pub fn of_engine(
        engine: Arc<Engine>,
        store: Arc<dyn MetricQuery>,
        append: Arc<dyn MetricAppend>,
        sink: Arc<dyn AlertSink>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let evaluate = Arc::new(EngineEvaluator::new(engine, Arc::clone(&store)));
        Self { evaluate, store, append, sink, clock, backfill: None }
    }

    /// The same ports, with which the series of new objectives get the past of `last`; `engine` evaluates it.
    #[must_use]
    pub fn with_backfill(
        mut self,
        engine: Arc<Engine>,
        target: Arc<dyn MetricBackfill>,
        last: DurationMs,
    ) -> Self {
        let past = Arc::new(EngineEvaluator::new(engine, Arc::clone(&self.store)));
        self.backfill = Some(Backfill { past, target, last });
        self
    }
}

impl std::fmt::Debug for Ports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ports")
    }
}

/// Settings of all rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagerOptions {
    /// Added to alerts that are sent, where the alert has no such label; seen by templates.
    pub external_labels: Labels,
    /// Under which people reach the program; with or without a closing slash.
    pub external_url: String,
    /// The interval of groups that give none; above zero. `global.evaluation_interval`.
    pub default_interval: DurationMs,
    /// How far in the past groups are evaluated that do not say. `global.rule_query_offset`.
    pub query_offset: DurationMs,
    /// How long to wait before a firing alert is sent again.
    pub resend_delay: DurationMs,
    /// For how long the program may have been down for alerts to be restored.
    pub for_outage_tolerance: DurationMs,
    /// How long a restored alert waits at least; rules with a shorter `for` are not restored.
    pub for_grace_period: DurationMs,
}

impl ManagerOptions {
    /// Prometheus' defaults.
    pub fn standard(external_url: impl Into<String>) -> Self {
        Self {
            external_labels: Labels::empty(),
            external_url: external_url.into(),
            default_interval: DurationMs::from_secs(60),
            query_offset: DurationMs::ZERO,
            resend_delay: DurationMs::from_secs(60),
            for_outage_tolerance: DurationMs::from_secs(3600),
            for_grace_period: DurationMs::from_secs(600),
        }
    }
}

/// What every evaluation can see.
pub(crate) struct World {
    pub(crate) ports: Ports,
    pub(crate) options: ManagerOptions,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) external_url: Arc<str>,
    slots: Semaphore,
}

impl World {
    pub(crate) fn new(ports: Ports, options: ManagerOptions, metrics: Arc<Metrics>) -> Self {
        let external_url = Arc::from(options.external_url.trim_end_matches('/'));
        Self { ports, options, metrics, external_url, slots: Semaphore::new(EVALUATIONS_AT_ONCE_MAX) }
    }

    fn now(&self) -> TimestampMs {
        TimestampMs(self.ports.clock.now_ms())
    }

    /// Where a person can look at `query`.
    pub(crate) fn generator_url(&self, query: &str) -> String {
        format!("{}/graph?g0.expr={}&g0.tab=1", self.external_url, gotmpl::url_encode(query))
    }
}

/// All groups at work. Stop it with [`Manager::stop`]; dropping it stops nothing that is being evaluated.
pub struct Manager {
    running: Mutex<Running>,
    /// The groups for whoever asks, without waiting for a reload that is under way.
    view: RwLock<Vec<Arc<RunningGroup>>>,
}

/// A group is known by its file and its name.
type GroupKey = (PathBuf, String);

struct Running {
    world: Arc<World>,
    tasks: BTreeMap<GroupKey, GroupTask>,
    filling: Option<Filling>,
}

struct GroupTask {
    group: Arc<RunningGroup>,
    stop: CancellationToken,
    handle: JoinHandle<()>,
}

impl std::fmt::Debug for Manager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Manager")
    }
}

impl Manager {
    /// Starts all groups. Alerts of a run before are restored where that was asked for by a long `for`.
    pub fn start(groups: Groups, ports: Ports, options: ManagerOptions, metrics: Arc<Metrics>) -> Self {
        let world = Arc::new(World::new(ports, options, metrics));
        let filling = Filling::begin(&world, groups.0.iter(), None);
        let past = filling.as_ref().map(|filling| filling.done.clone());
        let tasks = groups
            .0
            .into_iter()
            .map(|group| {
                (
                    key(&group),
                    GroupTask::spawn(group, &world, None, Begin { restore: true, past: past.clone() }),
                )
            })
            .collect();
        let running = Running { world, tasks, filling };
        let view = RwLock::new(running.groups());
        Self { running: Mutex::new(running), view }
    }

    /// Takes new rules and settings over. Groups that are the same go on untouched; in changed ones each rule that is
    /// still there by kind, name and labels keeps its alerts; series of rules that are gone are ended.
    pub async fn reload(&self, groups: Groups, options: ManagerOptions) {
        let mut running = self.running.lock().await;
        running.reload(groups, options).await;
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = running.groups();
    }

    /// Stops all groups; what is being evaluated is given up.
    pub async fn stop(&self) {
        let mut running = self.running.lock().await;
        running.world.ports.evaluate.cancel();
        if let Some(filling) = running.filling.take() {
            filling.stop().await;
        }
        let tasks = std::mem::take(&mut running.tasks);
        tasks.values().for_each(|task| task.stop.cancel());
        for task in tasks.into_values() {
            task.ended().await;
        }
    }

    /// Waits until groups of objectives no longer wait for their past.
    #[cfg(test)]
    pub(crate) async fn past_is_in(&self) {
        let done = self.running.lock().await.filling.as_ref().map(|filling| filling.done.clone());
        if let Some(done) = done {
            done.cancelled().await;
        }
    }

    /// All groups by file and name, with rules and alerts.
    pub fn groups(&self) -> Vec<GroupStatus> {
        self.view.read().unwrap_or_else(PoisonError::into_inner).iter().map(|group| group.status()).collect()
    }
}

fn key(group: &Group) -> GroupKey {
    (group.file.clone(), group.name.clone())
}

impl Running {
    fn groups(&self) -> Vec<Arc<RunningGroup>> {
        self.tasks.values().map(|task| Arc::clone(&task.group)).collect()
    }

    async fn reload(&mut self, groups: Groups, options: ManagerOptions) {
        let same_options = self.world.options == options;
        if !same_options {
            let (ports, metrics) = (self.world.ports.clone(), Arc::clone(&self.world.metrics));
            self.world = Arc::new(World::new(ports, options, metrics));
        }
        let mut old = std::mem::take(&mut self.tasks);
        let is_new =
            |group: &&Arc<Group>| !old.get(&key(group)).is_some_and(|task| task.group.group == **group);
        self.filling = Filling::begin(&self.world, groups.0.iter().filter(is_new), self.filling.take());
        let past = self.filling.as_ref().map(|filling| filling.done.clone());
        let begin = || Begin { restore: false, past: past.clone() };
        for group in groups.0 {
            let key = key(&group);
            let task = match old.remove(&key) {
                Some(task) if same_options && task.group.group == group => task,
                Some(task) => {
                    let before = task.ended().await;
                    GroupTask::spawn(group, &self.world, Some(&before), begin())
                }
                None => GroupTask::spawn(group, &self.world, None, begin()),
            };
            self.tasks.insert(key, task);
        }
        for task in old.into_values() {
            let group = task.ended().await;
            self.world.metrics.forget(&group.label);
            let (world, at) = (Arc::clone(&self.world), self.world.now());
            blocking("end series", move || group.end(&world, at)).await;
        }
    }
}

/// How a group begins.
struct Begin {
    /// With the alerts of a run before.
    restore: bool,
    /// Once this is cancelled: the past of objectives is in. For other groups there is nothing to wait for.
    past: Option<CancellationToken>,
}

impl GroupTask {
    fn spawn(group: Arc<Group>, world: &Arc<World>, old: Option<&RunningGroup>, begin: Begin) -> Self {
        let past = begin.past.filter(|_| is_of_objective(&group));
        let group = Arc::new(RunningGroup::new(group, world, old, begin.restore));
        let stop = CancellationToken::new();
        let (running, world, told) = (Arc::clone(&group), Arc::clone(world), stop.clone());
        let handle = tokio::spawn(async move {
            if let Some(past) = past {
                tokio::select! {
                    () = told.cancelled() => return,
                    () = past.cancelled() => {}
                }
            }
            run(running, world, told).await;
        });
        Self { group, stop, handle }
    }

    /// Stops the group, waits until it has, and hands back its state.
    async fn ended(self) -> Arc<RunningGroup> {
        self.stop.cancel();
        if let Err(cause) = self.handle.await {
            tracing::error!(group = self.group.group.key(), "the task of a rule group failed: {cause}");
        }
        self.group
    }
}

async fn run(group: Arc<RunningGroup>, world: Arc<World>, stop: CancellationToken) {
    let schedule = Schedule::new(&group.group.key(), group.interval);
    let mut due = schedule.first(world.now());
    for round in 1_u64.. {
        due = tokio::select! {
            () = stop.cancelled() => return,
            reached = wait_for(&world, schedule, due) => reached,
        };
        // Not given up half-way: a reload takes over what this leaves behind. A stop cuts the evaluation itself short.
        evaluate(&group, &world, due).await;
        if round == RESTORE_AFTER {
            let (group, world) = (Arc::clone(&group), Arc::clone(&world));
            blocking("restore alerts", move || group.restore(&world, world.now())).await;
        }
        let (next, missed) = schedule.next(due, world.now());
        world.metrics.iterations.get_or_create(&group.label).inc_by(1 + missed);
        world.metrics.iterations_missed.get_or_create(&group.label).inc_by(missed);
        due = next;
    }
}

/// Waits until the clock shows `due`, or what takes its place when the clock is set back meanwhile.
async fn wait_for(world: &World, schedule: Schedule, mut due: TimestampMs) -> TimestampMs {
    loop {
        let now = world.now();
        due = schedule.still_due(due, now);
        if now >= due {
            return due;
        }
        tokio::time::sleep(DurationMs((due.0 - now.0).min(CLOCK_LOOK_MAX.0)).to_std()).await;
    }
}

async fn evaluate(group: &Arc<RunningGroup>, world: &Arc<World>, at: TimestampMs) {
    // The semaphore is never closed; were it, evaluating without a slot is better than not at all.
    let slot = world.slots.acquire().await.ok();
    let (group, shared) = (Arc::clone(group), Arc::clone(world));
    blocking("evaluate rules", move || group.evaluate(&shared, at)).await;
    drop(slot);
}

/// Runs `work` on a blocking thread. A panic in it is told and ends nothing else.
async fn blocking(what: &'static str, work: impl FnOnce() + Send + 'static) {
    if let Err(cause) = tokio::task::spawn_blocking(work).await {
        tracing::error!("cannot {what}: {cause}");
    }
}

#[cfg(test)]
mod tests;
