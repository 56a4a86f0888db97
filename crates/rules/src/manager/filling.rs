//! The past of new objectives, filled in before their groups are evaluated first: what is recorded now would be newer, and the store
//! takes a series in order of time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{DurationMs, TimestampMs};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{World, blocking};
use crate::backfill::{self, Filled};
use crate::past::Span;
use crate::rule::Group;

/// For how long before the store's newest sample a group's series must be missing for it to be new. Reckoned from there and not from
/// now: while the monitor is down nothing is counted either, and what was recorded before is not to be recorded again.
const ABSENT_FOR: DurationMs = DurationMs::from_secs(2 * 3600);

/// How long groups wait for their past at most: their alerts wait with them. What is not in by then stays out.
const FILLING_MAX: Duration = Duration::from_secs(60);

/// The past of some groups on its way in.
pub(super) struct Filling {
    /// Cancelled when the groups may begin.
    pub(super) done: CancellationToken,
    stop: CancellationToken,
    handle: JoinHandle<()>,
}

impl Filling {
    /// Begins with those of `groups` that belong to objectives, after `former`; nothing when there are none.
    pub(super) fn begin<'a>(
        world: &Arc<World>,
        groups: impl Iterator<Item = &'a Arc<Group>>,
        former: Option<Self>,
    ) -> Option<Self> {
        let groups: Vec<Arc<Group>> =
            groups.filter(|group| backfill::is_of_objective(group)).map(Arc::clone).collect();
        if groups.is_empty() || world.ports.backfill.is_none() {
            return former;
        }
        // Asked before anything that begins now can add to it.
        let Some(kept) = world.ports.store.time_span() else { return former };
        let (done, stop) = (CancellationToken::new(), CancellationToken::new());
        let (opens, world, told) = (done.clone().drop_guard(), Arc::clone(world), stop.clone());
        let handle = tokio::spawn(async move {
            // Also when the work panics.
            let _opens = opens;
            if let Some(former) = former {
                former.ended().await;
            }
            blocking("fill in the past", move || fill(&world, &groups, kept, &told)).await;
        });
        Some(Self { done, stop, handle })
    }

    /// Gives up.
    pub(super) async fn stop(self) {
        self.stop.cancel();
        self.ended().await;
    }

    async fn ended(self) {
        if let Err(cause) = self.handle.await {
            tracing::error!("the task that fills in the past failed: {cause}");
        }
    }
}

/// `kept` is the time of the store's oldest and newest sample.
fn fill(
    world: &World,
    groups: &[Arc<Group>],
    (oldest, newest): (TimestampMs, TimestampMs),
    stop: &CancellationToken,
) {
    let Some(backfill) = &world.ports.backfill else { return };
    let (begun, now) = (Instant::now(), world.now());
    let from = TimestampMs(newest.0.saturating_sub(ABSENT_FOR.0));
    let is_new = |group: &&Arc<Group>| {
        backfill::is_new(group, &*world.ports.store, from).unwrap_or_else(|error| {
            tracing::warn!(group = group.key(), "cannot tell whether its series are new: {error}");
            false
        })
    };
    let new: Vec<&Arc<Group>> = groups.iter().filter(is_new).collect();
    if new.is_empty() {
        return;
    }
    let earliest = TimestampMs(now.0.saturating_sub(backfill.last.0)).max(oldest);
    // Up to where the groups themselves begin.
    let span = Span { from: earliest, to: TimestampMs(now.0 - 1), interval: backfill::STEP };
    let goes_on = || !stop.is_cancelled() && begun.elapsed() < FILLING_MAX;
    let groups = new.iter().map(|group| group.as_ref());
    match backfill::fill(groups, &*backfill.past, &*backfill.target, span, &goes_on) {
        Ok(filled) => tell(world, &filled, new.len(), begun.elapsed()),
        Err(error) => {
            world.metrics.backfill_failures.inc();
            tracing::warn!("the past of new objectives is not filled in: {error}");
        }
    }
}

fn tell(world: &World, filled: &Filled, groups: usize, took: Duration) {
    world.metrics.backfilled_samples.inc_by(filled.store.samples);
    world.metrics.backfill_failures.inc_by(filled.failed.len() as u64);
    for (rule, error) in &filled.failed {
        tracing::warn!(rule, "its past is not filled in: {error}");
    }
    if filled.is_cut_short {
        world.metrics.backfill_failures.inc();
        tracing::warn!(
            groups,
            "the past of new objectives is filled in only in part: it took more than {FILLING_MAX:?}"
        );
        return;
    }
    let (samples, seconds) = (filled.store.samples, took.as_secs_f64());
    tracing::info!(groups, rules = filled.rules, samples, seconds, "the past of new objectives is filled in");
}
