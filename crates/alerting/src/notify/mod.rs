//! Telling a receiver: one notification, tried again until it is taken, refused for good, or too late.

pub(crate) mod build;
mod chat;
mod email;
pub(crate) mod http;
mod oncall;
mod pagerduty;
mod slack;
mod sns;
mod webhook;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use model::{Labels, TimestampMs};
use stdx::Backoff;
use tokio::time::Instant;

/// The wait after the first failure; it doubles up to [`WAIT_LONGEST`]. Alertmanager's figures.
const WAIT_FIRST: Duration = Duration::from_millis(500);
const WAIT_LONGEST: Duration = Duration::from_secs(60);

/// What a receiver is told: the alerts of one group.
#[derive(Debug, Clone)]
pub(crate) struct Notification {
    /// The receiver's name.
    pub(crate) receiver: String,
    /// What the group is called; the same for every notification about it.
    pub(crate) group_key: String,
    pub(crate) group_labels: Labels,
    /// What the route's configuration says about it.
    pub(crate) route_labels: Labels,
    /// Firing ones, and those that have ended since; never empty.
    pub(crate) alerts: Vec<NotifiedAlert>,
    pub(crate) external_url: Arc<str>,
}

/// An alert in a notification.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NotifiedAlert {
    pub(crate) labels: Labels,
    pub(crate) annotations: Labels,
    pub(crate) starts_at: TimestampMs,
    /// When it ended; `None` while it fires.
    pub(crate) ended_at: Option<TimestampMs>,
    pub(crate) generator_url: String,
}

impl Notification {
    pub(crate) fn firing_count(&self) -> usize {
        self.alerts.iter().filter(|alert| alert.ended_at.is_none()).count()
    }

    /// "firing" when any alert is.
    pub(crate) fn status(&self) -> &'static str {
        if self.firing_count() > 0 { "firing" } else { "resolved" }
    }
}

impl NotifiedAlert {
    pub(crate) fn status(&self) -> &'static str {
        if self.ended_at.is_some() { "resolved" } else { "firing" }
    }
}

pub(crate) type Pairs<'a> = BTreeMap<&'a str, &'a str>;

/// The pairs that all sets share.
pub(crate) fn common<'a>(mut sets: impl Iterator<Item = &'a Labels>) -> Pairs<'a> {
    let mut shared: Pairs<'a> = sets.next().map(|first| first.iter().collect()).unwrap_or_default();
    for set in sets {
        shared.retain(|name, value| set.get(name) == Some(value));
    }
    shared
}

/// Alertmanager gives the receiver's name ready for use in a regular expression.
pub(crate) fn quote_meta(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Whether another attempt may succeed.
    pub(crate) again: bool,
    /// How long the receiver asks to be left alone first.
    pub(crate) after: Option<Duration>,
    /// Alertmanager's word for it in `alertmanager_notifications_failed_total`.
    pub(crate) reason: &'static str,
    /// The HTTP status, where there was one.
    pub(crate) status: Option<u16>,
    /// What was wrong, without addresses: they may hold tokens.
    pub(crate) message: String,
}

/// What a receiver said that took it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Of HTTP, or of SMTP.
    pub(crate) status: u16,
    /// The beginning of the rest.
    pub(crate) text: String,
}

pub(crate) type Attempt<'a> = Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send + 'a>>;

/// One way of telling somebody.
pub(crate) trait Notify: Send + Sync {
    /// One attempt within `timeout`.
    fn attempt<'a>(&'a self, notification: &'a Notification, timeout: Duration) -> Attempt<'a>;
}

/// One way of telling somebody, and what belongs to it.
#[derive(Clone)]
pub(crate) struct Integration {
    /// Alertmanager's word for the kind, in metrics.
    pub(crate) kind: &'static str,
    /// Which of the receiver's calls of this kind it is, from 0.
    pub(crate) index: usize,
    pub(crate) send_resolved: bool,
    pub(crate) notify: Arc<dyn Notify>,
}

impl Integration {
    /// Its name among the calls of its receiver: "webhook/0".
    pub(crate) fn place(&self) -> String {
        format!("{}/{}", self.kind, self.index)
    }
}

impl fmt::Debug for Integration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind)
    }
}

/// How telling ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The answer, or the last failure.
    pub(crate) result: Result<Answer, Failure>,
    pub(crate) attempts: u32,
}

/// One attempt that is over.
#[derive(Debug)]
pub(crate) struct Tried<'a> {
    /// Which one, from 1.
    pub(crate) number: u32,
    pub(crate) result: &'a Result<Answer, Failure>,
    pub(crate) took: Duration,
    /// After how long the next begins; `None` when this was the last.
    pub(crate) again_in: Option<Duration>,
}

/// Tells until it is taken, refused for good, `time` is over, or it `is_done` by somebody else, which is asked before each
/// further attempt. `each` hears of every attempt.
pub(crate) async fn deliver(
    integration: &Integration,
    notification: &Notification,
    time: Duration,
    mut each: impl FnMut(&Tried<'_>),
    is_done: impl Fn() -> bool,
) -> Outcome {
    let begun = Instant::now();
    let mut waits = Backoff::new(WAIT_FIRST, WAIT_LONGEST);
    let mut attempts = 0;
    loop {
        let attempt_begun = Instant::now();
        let left = time.saturating_sub(begun.elapsed());
        let attempt = tokio::time::timeout(left, integration.notify.attempt(notification, left));
        let result = attempt.await.unwrap_or_else(|_| Err(too_late(time)));
        attempts += 1;
        let took = attempt_begun.elapsed();
        let asked = result.as_ref().err().and_then(|failure| failure.after).unwrap_or_default();
        let wait = waits.next_wait().max(asked);
        let again = result.as_ref().is_err_and(|failure| failure.again)
            && begun.elapsed().saturating_add(wait) < time;
        let again_in = again.then_some(wait);
        each(&Tried { number: attempts, result: &result, took, again_in });
        let Some(wait) = again_in else { return Outcome { result, attempts } };
        tokio::time::sleep(wait).await;
        if is_done() {
            return Outcome { result, attempts };
        }
    }
}

fn too_late(time: Duration) -> Failure {
    Failure {
        again: false,
        after: None,
        reason: "contextDeadlineExceeded",
        status: None,
        message: format!("no answer within {time:?}"),
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod delivery_tests {
    use std::sync::Mutex;

    use super::*;

    /// Answers by a script: a status, or 0 for no answer at all.
    struct Scripted(Mutex<Vec<u16>>);

    impl Notify for Scripted {
        fn attempt<'a>(&'a self, _: &'a Notification, timeout: Duration) -> Attempt<'a> {
            let status = self.0.lock().expect("no panic").remove(0);
            Box::pin(async move {
                if status == 0 {
                    tokio::time::sleep(timeout * 2).await;
                }
                http::judge(status, "").map(|status| Answer { status, text: String::new() })
            })
        }
    }

    fn nothing() -> Notification {
        Notification {
            receiver: "r".to_owned(),
            group_key: "{}:{}".to_owned(),
            group_labels: Labels::empty(),
            route_labels: Labels::empty(),
            alerts: Vec::new(),
            external_url: Arc::from(""),
        }
    }

    /// Expects how it ended, after how many attempts and how many milliseconds.
    async fn check(script: &[u16], time_s: u64, expected: Result<u16, &str>, attempts: u32, took_ms: u128) {
        let notify = Arc::new(Scripted(Mutex::new(script.to_vec())));
        let integration = Integration { kind: "webhook", index: 0, send_resolved: true, notify };
        let notification = nothing();
        let begun = Instant::now();
        let mut heard = 0;
        let outcome =
            deliver(&integration, &notification, Duration::from_secs(time_s), |_| heard += 1, || false);
        let outcome = outcome.await;
        assert_eq!(outcome.result.as_ref().map(|a| a.status).map_err(|f| f.reason), expected, "{script:?}");
        assert_eq!((outcome.attempts, heard), (attempts, attempts), "{script:?}");
        assert_eq!(begun.elapsed().as_millis(), took_ms, "{script:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn tried_again_while_it_may_help() {
        check(&[200], 10, Ok(200), 1, 0).await;
        check(&[503, 429, 204], 10, Ok(204), 3, 1500).await;
        check(&[400], 10, Err("clientError"), 1, 0).await;
        check(&[500, 404], 10, Err("clientError"), 2, 500).await;
    }

    /// Asks to be left alone for some seconds, once.
    struct Busy(Mutex<Option<u64>>);

    impl Notify for Busy {
        fn attempt<'a>(&'a self, _: &'a Notification, _: Duration) -> Attempt<'a> {
            let asks = self.0.lock().expect("no panic").take();
            Box::pin(async move {
                let Some(seconds) = asks else { return Ok(Answer { status: 200, text: String::new() }) };
                let failure = http::judge(429, "").expect_err("it is busy");
                Err(Failure { after: Some(Duration::from_secs(seconds)), ..failure })
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_receiver_that_asks_for_time_gets_it() {
        for (asks_s, took_s, taken) in [(3, 3, true), (0, 0, true), (60, 0, false)] {
            let notify = Arc::new(Busy(Mutex::new(Some(asks_s))));
            let integration = Integration { kind: "webhook", index: 0, send_resolved: true, notify };
            let begun = Instant::now();
            let told = nothing();
            let outcome = deliver(&integration, &told, Duration::from_secs(10), |_| {}, || false).await;
            assert_eq!(outcome.result.is_ok(), taken, "{asks_s}");
            assert_eq!(begun.elapsed().as_secs(), took_s, "{asks_s}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_somebody_else_has_told_is_not_tried_again() {
        let notify = Arc::new(Scripted(Mutex::new(vec![503, 503, 200])));
        let integration = Integration { kind: "webhook", index: 0, send_resolved: true, notify };
        let tries = std::cell::Cell::new(0);
        let told = nothing();
        let each = |_: &Tried<'_>| tries.set(tries.get() + 1);
        let outcome = deliver(&integration, &told, Duration::from_secs(10), each, || tries.get() == 2).await;
        assert_eq!((outcome.attempts, outcome.result.is_err()), (2, true));
    }

    #[tokio::test(start_paused = true)]
    async fn given_up_when_time_is_over() {
        // Waits of 0.5, 1, 2 and 4 s; the next would end after the time.
        check(&[500; 9], 10, Err("serverError"), 5, 7500).await;
        check(&[0], 10, Err("contextDeadlineExceeded"), 1, 10_000).await;
    }
}
