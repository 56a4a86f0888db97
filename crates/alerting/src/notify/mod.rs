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

/// Tells until it is taken, refused for good, or `time` is over. `each` hears of every attempt.
pub(crate) async fn deliver(
    integration: &Integration,
    notification: &Notification,
    time: Duration,
    mut each: impl FnMut(&Tried<'_>),
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
        let wait = waits.next_wait();
        let again = result.as_ref().is_err_and(|failure| failure.again) && begun.elapsed() + wait < time;
        let again_in = again.then_some(wait);
        each(&Tried { number: attempts, result: &result, took, again_in });
        match again_in {
            None => return Outcome { result, attempts },
            Some(wait) => tokio::time::sleep(wait).await,
        }
    }
}

fn too_late(time: Duration) -> Failure {
    Failure {
        again: false,
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

    /// Expects how it ended, after how many attempts and how many milliseconds.
    async fn check(script: &[u16], time_s: u64, expected: Result<u16, &str>, attempts: u32, took_ms: u128) {
        let notify = Arc::new(Scripted(Mutex::new(script.to_vec())));
        let integration = Integration { kind: "webhook", index: 0, send_resolved: true, notify };
        let notification = Notification {
            receiver: "r".to_owned(),
            group_key: "{}:{}".to_owned(),
            group_labels: Labels::empty(),
            alerts: Vec::new(),
            external_url: Arc::from(""),
        };
        let begun = Instant::now();
        let mut heard = 0;
        let outcome = deliver(&integration, &notification, Duration::from_secs(time_s), |_| heard += 1).await;
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

    #[tokio::test(start_paused = true)]
    async fn given_up_when_time_is_over() {
        // Waits of 0.5, 1, 2 and 4 s; the next would end after the time.
        check(&[500; 9], 10, Err("serverError"), 5, 7500).await;
        check(&[0], 10, Err("contextDeadlineExceeded"), 1, 10_000).await;
    }
}
