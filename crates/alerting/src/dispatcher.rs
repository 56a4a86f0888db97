//! Alerting at work: takes alerts, waits for groups to be due, delivers notifications, keeps what must survive a
//! restart, and tells of all that.

mod keep;
mod trial;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::{Alert, Labels, TimestampMs};
use net::Client;
use stdx::Clock;
use tokio::sync::{Notify as Wake, Semaphore, watch};
use tokio::task::{Id, JoinHandle, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::grouping::{Core, End, Job, Now, Receivers, Ticket};
use crate::ledger::failures::Failures;
use crate::ledger::{self, ALERTS_NAMED_MAX, Attempted, Fingerprint, Ledger, What};
use crate::metrics::{FailureLabel, IntegrationLabel, Metrics};
use crate::notify::{Integration, Notification, Outcome, Tried, build, deliver};
use crate::peers::{self, Heard, Line, PeerOptions, PeerStatus, Peers, Post};
use crate::silence::{Silence, SilenceDraft, SilenceError};
use crate::state::wire::Exchange;
use crate::state::{Saved, State};
use crate::status::{AlertStatus, GroupStatus, NotificationRecord, Status};
use crate::store::Refused;
use crate::why::{self, Episode, Question, RouteNode, Story};

pub use trial::{TEST_ALERT, TestError, Tested};

/// How many notifications are remembered for the UI and the API; the oldest goes first.
pub const RECORDS_MAX: usize = 200;

/// The most deliveries at one moment; others wait. Enough that a few receivers that do not answer hold up nobody else.
const DELIVERIES_AT_ONCE_MAX: usize = 64;

/// How often what has ended is forgotten: Alertmanager's `--alerts.gc-interval`.
const COLLECT_EVERY: Duration = Duration::from_secs(30 * 60);

/// How long a stop waits for deliveries under way.
const STOP_WAIT_MAX: Duration = Duration::from_secs(3);

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

    /// Pushes what is new to other monitors, over a line to each.
    fn start_pushing(&self, line: impl Fn(&Peers, usize) -> Arc<dyn Line>) {
        let Some(peers) = &self.shared.peers else { return };
        let push = |number| {
            let line = line(peers, number);
            let (shared, peers) = (Arc::clone(&self.shared), Arc::clone(peers));
            tokio::spawn(peers::run(shared, peers, number, line, self.stop.clone()))
        };
        lock(&self.pushers).extend((0..peers.options.urls.len()).map(push));
    }

    /// Takes over what another monitor of a pair says; answers with this one's run. The error is for that monitor's log.
    ///
    /// # Errors
    /// When there is no pair, the caller is a stranger, or what it says makes no sense.
    pub fn hear_peer(
        &self,
        authorization: Option<&str>,
        is_from_here: bool,
        body: &[u8],
    ) -> Result<Heard, PeerError> {
        let Some(peers) = &self.shared.peers else { return Err(PeerError::Alone) };
        if !peers.lets_in(authorization, is_from_here) {
            return Err(PeerError::Stranger);
        }
        let said: Exchange = serde_json::from_slice(body).map_err(|e| PeerError::Nonsense(e.to_string()))?;
        if said.boot == peers.boot {
            return Err(PeerError::Nonsense("this monitor is its own peer: look at --peer".to_owned()));
        }
        let head = said.head();
        let is_news = said.has_news();
        let shared = said.read().map_err(PeerError::Nonsense)?;
        self.shared.hear_order(head.order);
        if is_news {
            self.with_core(|core, now| core.take_over(shared, now));
        }
        peers.hear(&head);
        if head.complete {
            lock(&self.shared.core).trust_log();
        }
        Ok(Heard { boot: peers.boot.clone(), order: self.shared.order() })
    }

    /// This monitor's name in a pair, and the others; `None` when it is alone.
    pub fn peers(&self) -> Option<(String, Vec<PeerStatus>)> {
        self.shared.peers.as_ref().map(|peers| (peers.options.name.clone(), peers.status()))
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
        let blind = blind_for(&saved, clock.now_ms());
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
        let task = tokio::spawn(run(Arc::clone(&shared), stop.clone()));
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

/// For how long nobody was there before this start: for ever when there is no past.
fn blind_for(saved: &Saved, now_ms: i64) -> Duration {
    if saved.at <= TimestampMs(0) {
        return peers::BLIND_FOR_EVER;
    }
    Duration::from_millis(u64::try_from(now_ms.saturating_sub(saved.at.0)).unwrap_or(0))
}

async fn ended(task: Option<JoinHandle<()>>) {
    let Some(task) = task else { return };
    if let Err(cause) = task.await {
        tracing::error!("a task of alerting failed: {cause}");
    }
}

/// Why another monitor is not listened to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// No pair is configured here.
    #[error("this monitor has no --peer")]
    Alone,
    /// The token is missing or another one, or there is none and the caller is not on this machine.
    #[error("not let in: give both monitors the same --peer-token-file")]
    Stranger,
    /// It makes no sense.
    #[error("{0}")]
    Nonsense(String),
}

impl Shared {
    /// What another monitor of a pair is told.
    pub(crate) fn exchange(&self, since: Option<i64>) -> Vec<Exchange> {
        lock(&self.core).exchange(since)
    }

    /// How far the order of tellings has come, in milliseconds.
    pub(crate) fn order(&self) -> i64 {
        let now = self.now().wall;
        lock(&self.core).order(now).0
    }

    /// How far the order of tellings has come at another monitor of a pair.
    pub(crate) fn hear_order(&self, theirs: i64) {
        let now = self.now();
        lock(&self.core).hear_order(TimestampMs(theirs), now);
    }

    /// Whether another monitor of a pair knows better what happened before this one's start.
    fn is_elder_alive(&self) -> bool {
        self.peers.as_ref().is_some_and(|peers| peers.is_elder_alive())
    }

    /// Whether this one of a pair has started so lately that it has not heard all senders.
    fn is_learning(&self) -> bool {
        self.peers.as_ref().is_some_and(|peers| peers.is_learning())
    }

    /// What others have made of a job since it was decided.
    fn told_meanwhile(&self, job: &Job) -> Option<End> {
        let is_elder_alive = self.is_elder_alive();
        let mut core = lock(&self.core);
        core.has_elder = is_elder_alive;
        core.is_learning = self.is_learning();
        core.told_meanwhile(job, self.now())
    }

    /// There may be news for other monitors.
    fn tell_peers(&self) {
        if let Some(peers) = &self.peers {
            peers.tell_news();
        }
    }

    pub(crate) fn now(&self) -> Now {
        Now { wall: TimestampMs(self.clock.now_ms()), tick: Instant::now() }
    }

    fn attempted(&self, integration: &Integration, notification: &Notification, tried: &Tried<'_>) {
        let label = IntegrationLabel { integration: integration.kind };
        self.metrics.requests.get_or_create(&label).inc();
        self.metrics.latency.get_or_create(&label).observe(tried.took.as_secs_f64());
        if tried.result.is_err() {
            self.metrics.requests_failed.get_or_create(&label).inc();
        }
        let (now, attempted) = (self.now().wall, attempted(integration, notification, tried));
        let attempted = lock(&self.failures).sift(attempted, now);
        if let Some(attempted) = attempted {
            self.ledger.record(now, What::Attempt(Box::new(attempted)), &self.metrics);
        }
    }

    fn told(
        &self,
        integration: &'static str,
        notification: &Notification,
        outcome: &Outcome,
        took: Duration,
    ) {
        self.metrics.notifications.get_or_create(&IntegrationLabel { integration }).inc();
        if let Err(failure) = &outcome.result {
            let label = FailureLabel { integration, reason: failure.reason };
            self.metrics.notifications_failed.get_or_create(&label).inc();
            tracing::warn!(
                receiver = notification.receiver,
                group = notification.group_key,
                attempts = outcome.attempts,
                "notification given up until the group is due again: {}",
                failure.message
            );
        }
        let record = self.record(integration, notification, outcome, took);
        let mut records = lock(&self.records);
        if records.len() == RECORDS_MAX {
            records.pop_front();
        }
        records.push_back(record);
        drop(records);
        self.changed.notify_one();
    }

    fn record(
        &self,
        integration: &'static str,
        notification: &Notification,
        outcome: &Outcome,
        took: Duration,
    ) -> NotificationRecord {
        let (http_status, error) = match &outcome.result {
            Ok(answer) => (Some(answer.status), None),
            Err(failure) => (failure.status, Some(failure.message.clone())),
        };
        let firing = notification.firing_count();
        NotificationRecord {
            at: self.now().wall,
            receiver: notification.receiver.clone(),
            integration: integration.to_owned(),
            group_key: notification.group_key.clone(),
            status: notification.status(),
            firing,
            resolved: notification.alerts.len() - firing,
            attempts: outcome.attempts,
            http_status,
            error,
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// What the ledger is told of an attempt.
fn attempted(integration: &Integration, notification: &Notification, tried: &Tried<'_>) -> Attempted {
    let named = |ended: bool| {
        let side = notification.alerts.iter().filter(|alert| alert.ended_at.is_some() == ended);
        side.take(ALERTS_NAMED_MAX).map(|alert| Fingerprint::of(&alert.labels)).collect::<Vec<_>>()
    };
    let (firing, resolved) = (named(false), named(true));
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let (status, answer) = match tried.result {
        Ok(answer) => (Some(answer.status), answer.text.clone()),
        Err(failure) => (failure.status, failure.message.clone()),
    };
    Attempted {
        receiver: notification.receiver.clone(),
        integration: integration.place(),
        group: notification.group_key.clone(),
        more: firing.len() + resolved.len() < notification.alerts.len(),
        firing,
        resolved,
        number: tried.number,
        status,
        answer,
        taken: tried.result.is_ok(),
        again_in_ms: tried.again_in.map(millis),
        took_ms: millis(tried.took),
        skipped: 0,
    }
}

/// Deliveries under way, with what has to come back of each even if it fails in a way nobody foresaw.
#[derive(Default)]
struct Deliveries {
    tasks: JoinSet<(Ticket, End)>,
    tickets: HashMap<Id, Ticket>,
}

impl Deliveries {
    fn begin(&mut self, shared: &Arc<Shared>, job: Job) {
        let ticket = job.ticket.clone();
        let handle = self.tasks.spawn(tell(Arc::clone(shared), job));
        self.tickets.insert(handle.id(), ticket);
    }

    /// Waits for the next one to end; for ever when there is none.
    async fn next(&mut self) -> Option<(Ticket, End)> {
        let Some(ended) = self.tasks.join_next_with_id().await else { return std::future::pending().await };
        match ended {
            Ok((id, told)) => {
                self.tickets.remove(&id);
                Some(told)
            }
            Err(cause) => {
                tracing::error!("a delivery failed: {cause}");
                Some((self.tickets.remove(&cause.id())?, End::Failed))
            }
        }
    }
}

/// Answers what has to come back: while a job waited its turn, what is to be told may have changed.
async fn tell(shared: Arc<Shared>, mut job: Job) -> (Ticket, End) {
    let end = tell_in_turn(&shared, &mut job).await;
    (job.ticket, end)
}

async fn tell_in_turn(shared: &Shared, job: &mut Job) -> End {
    if let Some(peers) = &shared.peers {
        tokio::time::sleep(peers.wait()).await;
        lock(&shared.core).refresh(job, shared.now());
        if let Some(end) = shared.told_meanwhile(job) {
            return end;
        }
    }
    // Never closed; were it, telling without a slot is better than not telling.
    let slot = shared.slots.acquire().await.ok();
    let begun = Instant::now();
    let heard = |tried: &Tried<'_>| shared.attempted(&job.integration, &job.notification, tried);
    // Between two attempts another monitor may have told it, or the same group as it is since a reload.
    let job = &*job;
    let is_done = || shared.told_meanwhile(job).is_some();
    let outcome = deliver(&job.integration, &job.notification, job.time, heard, is_done).await;
    drop(slot);
    if let Some(end) = shared.told_meanwhile(job).filter(|_| outcome.result.is_err()) {
        return end;
    }
    shared.told(job.integration.kind, &job.notification, &outcome, begun.elapsed());
    if outcome.result.is_ok() { End::Taken } else { End::Failed }
}

async fn run(shared: Arc<Shared>, stop: CancellationToken) {
    let mut deliveries = Deliveries::default();
    // Who has just started decides nothing before it knows what the others know.
    if let Some(peers) = &shared.peers {
        tokio::select! {
            () = stop.cancelled() => return,
            () = peers.settled() => {
                // Asked under the lock: whoever says the last of it meanwhile takes the doubts back.
                let mut core = lock(&shared.core);
                if !peers.have_all() {
                    core.doubt_log();
                }
            }
        }
    }
    let mut collect_at = Instant::now() + COLLECT_EVERY;
    loop {
        let due = lock(&shared.core).next_due();
        tokio::select! {
            () = stop.cancelled() => break,
            () = shared.wake.notified() => {}
            () = tokio::time::sleep_until(due.map_or(collect_at, |due| due.min(collect_at))) => {}
            ended = deliveries.next() => {
                if let Some((ticket, end)) = ended {
                    lock(&shared.core).done(ticket, end, shared.now());
                    shared.changed.notify_one();
                    shared.tell_peers();
                }
            }
        }
        let now = shared.now();
        if now.tick >= collect_at {
            lock(&shared.core).collect(now);
            collect_at = now.tick + COLLECT_EVERY;
        }
        let is_elder_alive = shared.is_elder_alive();
        let jobs = {
            let mut core = lock(&shared.core);
            core.has_elder = is_elder_alive;
            core.is_learning = shared.is_learning();
            core.due(now)
        };
        shared.changed.notify_one();
        jobs.into_iter().for_each(|job| deliveries.begin(&shared, job));
    }
    let rest = async {
        while !deliveries.tasks.is_empty() {
            if let Some((ticket, end)) = deliveries.next().await {
                lock(&shared.core).done(ticket, end, shared.now());
            }
        }
    };
    if tokio::time::timeout(STOP_WAIT_MAX, rest).await.is_err() {
        tracing::warn!("stopped with notifications under way");
    }
}

#[cfg(test)]
mod tests;
