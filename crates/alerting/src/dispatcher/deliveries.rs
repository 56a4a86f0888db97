//! Delivers what is due, each notification in a task of its own, and notes what came of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{Id, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{RECORDS_MAX, Shared, lock};
use crate::grouping::{End, Job, Ticket};
use crate::ledger::{ALERTS_NAMED_MAX, Attempted, Fingerprint, What};
use crate::metrics::{FailureLabel, IntegrationLabel};
use crate::notify::{Integration, Notification, Outcome, Tried, deliver};
use crate::status::NotificationRecord;

/// How often what has ended is forgotten: Alertmanager's `--alerts.gc-interval`.
const COLLECT_EVERY: Duration = Duration::from_secs(30 * 60);

/// How long a stop waits for deliveries under way.
const STOP_WAIT_MAX: Duration = Duration::from_secs(3);

impl Shared {
    pub(super) fn attempted(
        &self,
        integration: &Integration,
        notification: &Notification,
        tried: &Tried<'_>,
    ) {
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

pub(super) async fn run(shared: Arc<Shared>, stop: CancellationToken) {
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
