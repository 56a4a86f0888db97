//! The closed model: a fixed number of users, each waits for its answer, thinks, and only then sends again.
//!
//! A slow server therefore gets fewer requests (Little's law: users = rate × (latency + think time)). That is how
//! people behave who wait for a page, and not how a crowd of strangers does: for that there is the open model.
//!
//! Users know nothing of HTTP. They ask a [`Caller`], so that the model's timing is tested on a clock that stands still.
//! Every user has its own random numbers, drawn from the run's seed and its place in the queue, so the same seed gives
//! the same wishes and thoughts whatever the server's timing.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::metrics::StageMetrics;
use crate::outcome::{Outcome, RequestKind};
use crate::recorder::{Finished, Recorder};
use crate::stage::Stage;

/// At the end of a stage, requests under way may finish for this long; then they are cut. Cutting a write leaves an
/// order that nobody counted, so it is the last resort.
pub(crate) const STOP_GRACE: Duration = Duration::from_secs(2);
/// Spreads the users' seeds: neighbouring numbers would give generators that begin alike.
pub(crate) const SEED_STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// Sends one request for a user and waits for its end.
pub(crate) trait Caller: Send + 'static {
    /// Sends what `wish` asks for, or the nearest possible thing, and tells what it was and how it ended.
    fn call(&mut self, wish: RequestKind) -> impl Future<Output = (RequestKind, Outcome)> + Send;
}

/// Runs `stage` until its time is over or `stop` is cancelled, with a caller from `new_caller(seed)` for each user.
/// All users are gone when it returns.
pub(crate) async fn run_stage<C: Caller>(
    stage: &Stage,
    seed: u64,
    recorder: &Arc<Recorder>,
    stop: &CancellationToken,
    mut new_caller: impl FnMut(u64) -> C,
) {
    let over = stop.child_token();
    let metrics = recorder.metrics.stage(&stage.name);
    let began = Instant::now();
    let mut users = JoinSet::new();
    let ramp_and_hold = async {
        for index in 0..stage.users {
            // A ramp beyond the end of time never comes, and neither does anybody behind it.
            let Some(due) = began.checked_add(stage.arrival(index)) else { break };
            sleep_until(due).await;
            let user_seed = seed ^ SEED_STEP.wrapping_mul(u64::from(index) + 1);
            let user = User {
                read_share: stage.read_share,
                think: stage.think,
                random: fastrand::Rng::with_seed(user_seed),
                recorder: recorder.clone(),
                metrics: metrics.clone(),
                over: over.clone(),
            };
            users.spawn(user.run(new_caller(user_seed), due));
        }
        std::future::pending::<()>().await;
    };
    let end = stage.duration.and_then(|duration| began.checked_add(duration));
    tokio::select! {
        () = ramp_and_hold => {}
        () = over.cancelled() => {}
        () = wait_until(end) => {}
    }
    over.cancel();
    drain(users).await;
}

async fn wait_until(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => std::future::pending().await,
    }
}

/// Waits for all users within the grace, then cuts them off.
pub(crate) async fn drain(mut users: JoinSet<()>) {
    let all_gone = async {
        while let Some(user) = users.join_next().await {
            if let Err(error) = user {
                tracing::error!(%error, "a user ended badly");
            }
        }
    };
    if timeout(STOP_GRACE, all_gone).await.is_err() {
        tracing::warn!(users = users.len(), "requests cut at the end of the stage");
        users.shutdown().await;
    }
}

struct User {
    read_share: f64,
    think: crate::stage::ThinkTime,
    random: fastrand::Rng,
    recorder: Arc<Recorder>,
    metrics: StageMetrics,
    over: CancellationToken,
}

impl User {
    /// Request, think, request, …, the first at `due`, until the stage is over. A request under way is finished first.
    async fn run<C: Caller>(mut self, mut caller: C, mut due: Instant) {
        let _counted = CountedUser::new(&self.recorder);
        while !self.over.is_cancelled() {
            let begun = Instant::now();
            self.metrics.started(begun - due);
            let wish =
                if self.random.f64() < self.read_share { RequestKind::Read } else { RequestKind::Write };
            let (kind, outcome) = caller.call(wish).await;
            let ended = Instant::now();
            self.recorder.finished(&self.metrics, Finished { kind, outcome, due, begun, ended });
            due = ended + self.think.draw(&mut self.random);
            tokio::select! {
                () = sleep_until(due) => {}
                () = self.over.cancelled() => {}
            }
        }
    }
}

/// Counts a user as long as it lives, even when it is cut off.
struct CountedUser(prometheus_client::metrics::gauge::Gauge);

impl CountedUser {
    fn new(recorder: &Recorder) -> Self {
        let gauge = recorder.metrics.users.clone();
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for CountedUser {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use prometheus_client::registry::Registry;

    use super::*;
    use crate::metrics::Metrics;

    /// One call: which user (by order of arrival), when, and what for.
    type Log = Arc<Mutex<Vec<(usize, Duration, RequestKind)>>>;

    /// Answers everything after `latency`, and writes down who asked when.
    struct FakeCaller {
        user: usize,
        latency: Duration,
        began: Instant,
        log: Log,
    }

    impl Caller for FakeCaller {
        async fn call(&mut self, wish: RequestKind) -> (RequestKind, Outcome) {
            self.log.lock().expect("no panic").push((self.user, self.began.elapsed(), wish));
            tokio::time::sleep(self.latency).await;
            (wish, Outcome::Ok)
        }
    }

    struct Ran {
        calls: Vec<(usize, Duration, RequestKind)>,
        recorder: Arc<Recorder>,
        took: Duration,
    }

    /// Runs `stage` on a clock that stands still, against a server that takes `latency`; stops it after `stop_after`.
    async fn run(stage: &Stage, latency: Duration, stop_after: Option<Duration>) -> Ran {
        let recorder = Arc::new(Recorder::new(Metrics::new(&mut Registry::default())));
        let (log, stop, began) = (Log::default(), CancellationToken::new(), Instant::now());
        let mut users = 0;
        let new_caller = |_seed| {
            users += 1;
            FakeCaller { user: users - 1, latency, began, log: log.clone() }
        };
        let stopper = stop.clone();
        let running = run_stage(stage, 7, &recorder, &stop, new_caller);
        tokio::join!(running, async move {
            if let Some(stop_after) = stop_after {
                tokio::time::sleep(stop_after).await;
                stopper.cancel();
            }
        });
        let took = began.elapsed();
        let calls = log.lock().expect("no panic").clone();
        Ran { calls, recorder, took }
    }

    fn stage(users: u32, seconds: Option<u64>) -> Stage {
        Stage { users, duration: seconds.map(Duration::from_secs), ..Stage::normal() }
    }

    #[tokio::test(start_paused = true)]
    async fn users_come_by_the_ramp_and_the_first_at_once() {
        let ran = run(&stage(4, Some(3)), Duration::from_millis(1), None).await;
        for user in 0..4 {
            let first = ran.calls.iter().find(|(each, ..)| *each == user).expect("every user came").1;
            let expected = Duration::from_millis(500 * user as u64);
            assert!(first >= expected && first <= expected + Duration::from_millis(2), "{user}: {first:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn users_wait_for_the_answer_and_then_think() {
        let latency = Duration::from_millis(700);
        let ran = run(&stage(3, Some(120)), latency, None).await;
        for user in 0..3 {
            let times: Vec<Duration> =
                ran.calls.iter().filter(|call| call.0 == user).map(|call| call.1).collect();
            assert!(times.len() > 30, "{}", times.len());
            for pair in times.windows(2) {
                let thought = pair[1] - pair[0] - latency;
                // The timer rounds up to whole milliseconds, twice a request.
                assert!((1000..=3003).contains(&thought.as_millis()), "{thought:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_is_what_littles_law_says() {
        let ran = run(&stage(10, Some(600)), Duration::from_millis(500), None).await;
        let expected = 10.0 / (0.5 + 2.0) * 600.0;
        let share = ran.calls.len() as f64 / expected;
        assert!((0.97..1.03).contains(&share), "{share}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_mix_is_as_asked_and_everything_is_counted() {
        let ran = run(&stage(10, Some(600)), Duration::from_millis(10), None).await;
        let reads = ran.calls.iter().filter(|call| call.2 == RequestKind::Read).count();
        let share = reads as f64 / ran.calls.len() as f64;
        assert!((0.77..0.83).contains(&share), "{share}");
        assert_eq!(ran.recorder.view(RequestKind::Read).outcomes[0], reads as u64);
        assert_eq!(ran.recorder.view(RequestKind::Write).outcomes[0], (ran.calls.len() - reads) as u64);
        assert_eq!(ran.recorder.metrics.users.get(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_seed_gives_the_same_run() {
        let first = run(&stage(5, Some(60)), Duration::from_millis(10), None).await;
        let second = run(&stage(5, Some(60)), Duration::from_millis(10), None).await;
        assert_eq!(first.calls, second.calls);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_lets_a_request_finish() {
        let ran = run(&stage(1, None), Duration::from_millis(900), Some(Duration::from_millis(100))).await;
        assert_eq!(ran.calls.len(), 1);
        let counted: u64 = RequestKind::ALL.iter().map(|kind| ran.recorder.view(*kind).outcomes[0]).sum();
        assert_eq!(counted, 1);
        assert!((900..910).contains(&ran.took.as_millis()), "{:?}", ran.took);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_cuts_what_does_not_finish() {
        let ran = run(&stage(2, None), Duration::from_secs(3600), Some(Duration::from_secs(1))).await;
        assert!(
            ran.took <= Duration::from_secs(1) + STOP_GRACE + Duration::from_millis(10),
            "{:?}",
            ran.took
        );
        assert_eq!(ran.recorder.metrics.users.get(), 0);
    }
}
