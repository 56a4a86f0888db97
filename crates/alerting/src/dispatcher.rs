//! Alerting at work: takes alerts, waits for groups to be due, delivers notifications, keeps what must survive a
//! restart, and tells of all that.

mod deliveries;
mod keep;
mod pair;
mod trial;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{Alert, Labels, TimestampMs};
use net::Client;
use stdx::Clock;
use tokio::sync::{Notify as Wake, Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::grouping::{Core, Now, Receivers};
use crate::ledger::failures::Failures;
use crate::ledger::{self, Fingerprint, Ledger};
use crate::metrics::Metrics;
use crate::notify::build;
use crate::peers::{PeerOptions, Peers, Post};
use crate::silence::{Silence, SilenceDraft, SilenceError};
use crate::state::State;
use crate::status::{AlertStatus, GroupStatus, NotificationRecord, Status};
use crate::store::Refused;
use crate::why::{self, Episode, Question, RouteNode, Story};

pub use pair::PeerError;
pub use trial::{TEST_ALERT, TestError, Tested};

/// How many notifications are remembered for the UI and the API; the oldest goes first.
pub const RECORDS_MAX: usize = 200;

/// The most deliveries at one moment; others wait. Enough that a few receivers that do not answer hold up nobody else.
const DELIVERIES_AT_ONCE_MAX: usize = 64;

/// Settings besides the configuration file.
#[derive(Debug, Clone)]
pub struct Options {
    /// Under which people reach the program.
    pub external_url: String,
    /// Other monitors that share silences and who was told.
    pub peers: Option<PeerOptions>,
}

/// What the ledger knows of alerts, and how far back.
#[derive(Debug, Clone)]
pub struct History {
    /// Newest first.
    pub episodes: Vec<Episode>,
    /// When its oldest event happened.
    pub since: Option<TimestampMs>,
    /// How many events went before their time since the start, because it was full.
    pub dropped: u64,
}

/// Makes integrations of a configuration.
type Build = Box<dyn Fn(&Config) -> Receivers + Send + Sync>;

/// Alerting at work. Stop it with [`Dispatcher::stop`].
pub struct Dispatcher {
    shared: Arc<Shared>,
    build: Build,
    stop: CancellationToken,
    stop_keeping: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
    keeper: Mutex<Option<JoinHandle<()>>>,
    scribe: Mutex<Option<JoinHandle<()>>>,
    pushers: Mutex<Vec<JoinHandle<()>>>,
}

pub(crate) struct Shared {
    core: Mutex<Core>,
    records: Mutex<VecDeque<NotificationRecord>>,
    /// There is something new to look at.
    wake: Wake,
    /// There may be something new to write.
    changed: Wake,
    /// How many changes are on disk; `None` when nothing is kept.
    saved: watch::Sender<Option<u64>>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    slots: Semaphore,
    ledger: Arc<Ledger>,
    failures: Mutex<Failures>,
    peers: Option<Arc<Peers>>,
}

impl std::fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Dispatcher")
    }
}

/// Nothing that holds a lock here can panic half-way and leave it in two minds.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Dispatcher {
    /// Starts alerting, going on from `state`. Must be called inside a tokio runtime.
    pub fn start(
        config: Config,
        state: State,
        client: Arc<Client>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        options: Options,
    ) -> Self {
        let (time, to_peers) = (Arc::clone(&clock), Arc::clone(&client));
        let build = Box::new(move |config: &Config| build::receivers(config, &client, &time));
        let this = Self::start_with(config, state, build, clock, metrics, options);
        this.start_pushing(|peers, number| Arc::new(Post::new(peers, number, Arc::clone(&to_peers))));
        this
    }

    fn start_with(
        config: Config,
        state: State,
        build: Build,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        options: Options,
    ) -> Self {
        let external_url = Arc::from(options.external_url.trim_end_matches('/'));
        let receivers = build(&config);
        let State { place, mut saved, ledger, book, .. } = state;
        let (config, counts) = (Arc::new(config), Arc::clone(&metrics));
        let mut core = Core::new(config, receivers, external_url, counts, Arc::clone(&ledger));
        let records = std::mem::take(&mut saved.records).into();
        let blind = pair::blind_for(&saved, clock.now_ms());
        core.restore(saved, Now { wall: TimestampMs(clock.now_ms()), tick: Instant::now() });
        let shared = Arc::new(Shared {
            core: Mutex::new(core),
            records: Mutex::new(records),
            wake: Wake::new(),
            changed: Wake::new(),
            saved: watch::Sender::new(place.is_some().then_some(0)),
            clock,
            metrics,
            slots: Semaphore::new(DELIVERIES_AT_ONCE_MAX),
            ledger: Arc::clone(&ledger),
            failures: Mutex::default(),
            peers: options.peers.map(|peers| Arc::new(Peers::new(peers, blind))),
        });
        let stop = CancellationToken::new();
        let task = tokio::spawn(deliveries::run(Arc::clone(&shared), stop.clone()));
        let stop_keeping = CancellationToken::new();
        let keep = |place| tokio::spawn(keep::run(Arc::clone(&shared), place, stop_keeping.clone()));
        let keeper = Mutex::new(place.map(keep));
        let scribe = book.map(|book| tokio::spawn(ledger::keep::run(ledger, book, stop_keeping.clone())));
        let (task, scribe) = (Mutex::new(Some(task)), Mutex::new(scribe));
        Self { shared, build, stop, stop_keeping, task, keeper, scribe, pushers: Mutex::default() }
    }

    /// Takes news of alerts from our own rules; never waits. Of each alert the latest news are kept, so that a slow
    /// receiver costs no memory.
    pub fn put(&self, alerts: Vec<Alert>) {
        self.put_all(alerts, true);
    }

    /// As [`Dispatcher::put`], for alerts that another program sends. Answers why some were refused; the others are
    /// taken all the same.
    pub fn put_from_outside(&self, alerts: Vec<Alert>) -> Vec<String> {
        self.put_all(alerts, false).iter().map(ToString::to_string).collect()
    }

    fn put_all(&self, alerts: Vec<Alert>, from_rules: bool) -> Vec<Refused> {
        self.with_core(|core, now| core.put(alerts, from_rules, now))
    }

    /// Changes something and lets everybody look at it.
    fn with_core<T>(&self, change: impl FnOnce(&mut Core, Now) -> T) -> T {
        let now = self.shared.now();
        let answer = change(&mut lock(&self.shared.core), now);
        self.shared.wake.notify_one();
        self.shared.changed.notify_one();
        answer
    }

    /// Alerts of our own rules that fired before a restart and of which nothing was heard since: whoever knows the
    /// rules says of each whether it is [still there](Dispatcher::still_there) or [has ended](Dispatcher::ended).
    pub fn awaited(&self) -> Vec<Labels> {
        lock(&self.shared.core).awaited()
    }

    /// The awaited alert's element is there, but has not lasted long enough again to fire.
    pub fn still_there(&self, labels: &Labels) {
        self.with_core(|core, now| core.still_there(labels, now));
    }

    /// The awaited alert's element is gone.
    pub fn ended(&self, labels: &Labels) {
        self.with_core(|core, now| core.ended(labels, now));
    }

    /// All silences, also those that are over.
    pub fn silences(&self) -> Vec<Silence> {
        lock(&self.shared.core).silences()
    }

    /// Makes or changes a silence; it is on disk when its id is answered.
    ///
    /// # Errors
    /// See [`SilenceError`].
    pub async fn set_silence(&self, draft: SilenceDraft) -> Result<String, SilenceError> {
        let id = self.with_core(|core, now| core.set_silence(draft, now))?;
        self.shared.tell_peers();
        self.until_saved().await?;
        Ok(id)
    }

    /// Ends a silence; that is on disk when this returns.
    ///
    /// # Errors
    /// See [`SilenceError`].
    pub async fn expire_silence(&self, id: &str) -> Result<(), SilenceError> {
        self.with_core(|core, now| core.expire_silence(id, now))?;
        self.shared.tell_peers();
        self.until_saved().await
    }

    /// Waits until all changes so far are on disk.
    async fn until_saved(&self) -> Result<(), SilenceError> {
        let changes = lock(&self.shared.core).changes();
        let mut saved = self.shared.saved.subscribe();
        let done = saved.wait_for(|saved| saved.is_none_or(|saved| saved >= changes));
        match tokio::time::timeout(keep::SAVE_WAIT_MAX, done).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(SilenceError::NotSaved),
        }
    }

    /// Takes note that somebody has an alert in hand: what it is told of already is not repeated until it ends. False
    /// when it does not fire.
    pub fn acknowledge(&self, alert: Fingerprint, by: &str, comment: &str) -> bool {
        let is_done = self.with_core(|core, now| core.acknowledge(alert, by, comment, now));
        self.shared.tell_peers();
        is_done
    }

    /// Takes note that nobody has it in hand any more. False when nobody had.
    pub fn unacknowledge(&self, alert: Fingerprint) -> bool {
        let is_done = self.with_core(|core, now| core.unacknowledge(alert, now));
        self.shared.tell_peers();
        is_done
    }

    /// Why somebody was, or was not, told of alerts: alerts that fire first.
    pub fn why(&self, question: &Question) -> Vec<Story> {
        let now = self.shared.now();
        lock(&self.shared.core).why(question, &self.shared.ledger, now)
    }

    /// Alerts of the past and those that fire, newest first, at most `count`.
    pub fn history(&self, count: usize) -> History {
        let ledger = &self.shared.ledger;
        History { episodes: why::history(ledger, count), since: ledger.since(), dropped: ledger.dropped() }
    }

    /// When the oldest event that the ledger has happened.
    pub fn known_since(&self) -> Option<TimestampMs> {
        self.shared.ledger.since()
    }

    /// The routing tree, with how many alerts arrive where.
    pub fn tree(&self) -> RouteNode {
        let now = self.shared.now();
        lock(&self.shared.core).tree(now)
    }

    /// Alerts that have not ended, by labels.
    pub fn alerts(&self) -> Vec<AlertStatus> {
        let now = self.shared.now();
        lock(&self.shared.core).alerts(now)
    }

    /// Names of all receivers.
    pub fn receivers(&self) -> Vec<String> {
        lock(&self.shared.core).receivers()
    }

    /// Names of all receivers, with the words about them.
    pub fn receivers_labelled(&self) -> Vec<(String, Labels)> {
        lock(&self.shared.core).receivers_labelled()
    }

    /// Groups with alerts that have not ended, by labels and receiver.
    pub fn groups(&self) -> Vec<GroupStatus> {
        let now = self.shared.now();
        lock(&self.shared.core).groups(now)
    }

    /// Takes another configuration.
    pub fn reload(&self, config: Config) {
        let receivers = (self.build)(&config);
        self.with_core(|core, now| core.reload(Arc::new(config), receivers, now));
    }

    /// The configuration in force, secrets hidden.
    pub fn config_shown(&self) -> String {
        lock(&self.shared.core).config().shown(std::path::Path::new("alertmanager.yml"))
    }

    /// What there is to tell.
    pub fn status(&self) -> Status {
        let now = self.shared.now();
        let (groups, alerts, receivers) = {
            let core = lock(&self.shared.core);
            (core.groups(now), core.alerts(now), core.receivers())
        };
        let notifications = lock(&self.shared.records).iter().rev().cloned().collect();
        Status { groups, alerts, receivers, notifications }
    }

    /// Stops; deliveries under way get a few seconds, and what came of them is written.
    pub async fn stop(&self) {
        self.stop.cancel();
        let task = lock(&self.task).take();
        ended(task).await;
        let pushers = std::mem::take(&mut *lock(&self.pushers));
        for pusher in pushers {
            ended(Some(pusher)).await;
        }
        self.stop_keeping.cancel();
        let (keeper, scribe) = (lock(&self.keeper).take(), lock(&self.scribe).take());
        ended(keeper).await;
        ended(scribe).await;
    }
}

async fn ended(task: Option<JoinHandle<()>>) {
    let Some(task) = task else { return };
    if let Err(cause) = task.await {
        tracing::error!("a task of alerting failed: {cause}");
    }
}

impl Shared {
    pub(crate) fn now(&self) -> Now {
        Now { wall: TimestampMs(self.clock.now_ms()), tick: Instant::now() }
    }
}

#[cfg(test)]
mod tests;
