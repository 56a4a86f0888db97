//! Whether a backend is up, and the tasks that ask.
//!
//! Two voices: the checks, and requests that found the door shut. A refused connection counts at once; it takes a check
//! *begun afterwards* to bring the backend back, since an older one may still be under way with yesterday's answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::balance::{Backend, Upstream};
use crate::config::to_std;

/// A backend that is down is asked this often (or at `interval`, when that is shorter): a refused connection costs
/// next to nothing, and every wait here is a wait for the whole upstream's recovery.
const DOWN_INTERVAL: Duration = Duration::from_millis(250);
/// A health page larger than this is no health page.
const BODY_MAX_BYTES: usize = 64 * 1024;

/// How many checks change a backend's state.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) unhealthy_after: u32,
    pub(crate) healthy_after: u32,
}

/// What is known of one backend.
#[derive(Debug)]
pub(crate) struct Health {
    state: State,
    /// Good checks in a row while down, failed checks in a row while up.
    streak: u32,
    /// Goes up with every refused connection; a check holds the number it began with.
    epoch: u64,
    last_error: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Not asked yet: gets no requests, and the first check decides alone.
    Unknown,
    Up,
    Down,
}

impl Health {
    pub(crate) fn unknown() -> Self {
        Self { state: State::Unknown, streak: 0, epoch: 0, last_error: String::new() }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.state == State::Up
    }

    pub(crate) fn last_error(&self) -> &str {
        &self.last_error
    }

    /// Whether that took the backend down.
    pub(crate) fn connect_failed(&mut self) -> bool {
        let was_up = self.is_up();
        "no connection".clone_into(&mut self.last_error);
        self.epoch += 1;
        self.state = State::Down;
        self.streak = 0;
        was_up
    }

    pub(crate) fn check_begins(&self) -> u64 {
        self.epoch
    }

    pub(crate) fn checked(&mut self, ticket: u64, result: Result<(), String>, rules: Rules) {
        if result.is_ok() && ticket != self.epoch {
            return;
        }
        let (agrees, needed, next) = match result {
            Ok(()) => (self.state == State::Up, rules.healthy_after, State::Up),
            Err(_) => (self.state == State::Down, rules.unhealthy_after, State::Down),
        };
        self.streak = if agrees { 0 } else { self.streak + 1 };
        if !agrees && (self.streak >= needed || self.state == State::Unknown) {
            self.state = next;
            self.streak = 0;
        }
        self.last_error = result.err().unwrap_or_default();
    }
}

type Asker = Client<HttpConnector, Empty<Bytes>>;

/// The tasks that ask all backends, until they are stopped.
#[derive(Debug)]
pub(crate) struct Checks {
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl Checks {
    /// Asks every backend once (that bounds the wait by the longest check timeout), then goes on asking in tasks.
    pub(crate) async fn start(upstreams: &[Arc<Upstream>]) -> Self {
        let stop = CancellationToken::new();
        let mut first_round = JoinSet::new();
        let mut tasks = JoinSet::new();
        for upstream in upstreams {
            let asker = asker(upstream.connect_timeout);
            for backend in &upstream.backends {
                let first = (upstream.clone(), backend.clone(), asker.clone());
                first_round.spawn(async move { check(&first.0, &first.1, &first.2).await });
            }
        }
        while first_round.join_next().await.is_some() {}
        for upstream in upstreams {
            let asker = asker(upstream.connect_timeout);
            for backend in &upstream.backends {
                let keep_asking = keep_asking(upstream.clone(), backend.clone(), asker.clone());
                let stop = stop.clone();
                tasks.spawn(async move {
                    // Asking has no end of its own.
                    let _ = stop.run_until_cancelled(keep_asking).await;
                });
            }
        }
        Self { tasks, stop }
    }

    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Without a pool: each check proves that a new connection can be made.
fn asker(connect_timeout: Duration) -> Asker {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(connect_timeout));
    Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector)
}

async fn keep_asking(upstream: Arc<Upstream>, backend: Arc<Backend>, asker: Asker) {
    let interval = to_std(upstream.checks.interval);
    loop {
        let wait = if backend.is_up() { interval } else { interval.min(DOWN_INTERVAL) };
        tokio::select! {
            () = sleep(wait) => {}
            // Taken down by a request: from now on the shorter interval counts.
            () = backend.taken_down.notified() => continue,
        }
        check(&upstream, &backend, &asker).await;
    }
}

async fn check(upstream: &Upstream, backend: &Backend, asker: &Asker) {
    let ticket = backend.check_begins();
    let limit = to_std(upstream.checks.timeout);
    let result = match timeout(limit, ask(backend, &upstream.checks.path, asker)).await {
        Ok(result) => result,
        Err(_) => Err(format!("no answer within {}ms", limit.as_millis())),
    };
    backend.metrics.checked(result.is_ok());
    backend.checked(ticket, result, upstream.rules());
}

async fn ask(backend: &Backend, path: &str, asker: &Asker) -> Result<(), String> {
    let request = Request::get(format!("http://{}{path}", backend.authority))
        .header(http::header::USER_AGENT, "watchfire-gateway-health")
        .body(Empty::new())
        .map_err(|error| error.to_string())?;
    let response = asker.request(request).await.map_err(|error| error_text(&error))?;
    let status = response.status();
    // Read to the end, so that the connection closes in order on both sides.
    Limited::new(response.into_body(), BODY_MAX_BYTES).collect().await.map_err(|error| error.to_string())?;
    if status.is_success() { Ok(()) } else { Err(format!("answered {status}")) }
}

/// The innermost cause says most: `Connection refused`, where the outer error says `client error (Connect)`.
fn error_text(error: &(dyn std::error::Error + 'static)) -> String {
    std::iter::successors(Some(error), |error| error.source()).last().unwrap_or(error).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays `events` and gives the state after each: `+` good check, `-` failed check, `!` refused connection.
    fn play(events: &str, unhealthy_after: u32, healthy_after: u32) -> String {
        let mut health = Health::unknown();
        let rules = Rules { unhealthy_after, healthy_after };
        let mut states = String::new();
        for event in events.chars() {
            let ticket = health.check_begins();
            match event {
                '+' => health.checked(ticket, Ok(()), rules),
                '-' => health.checked(ticket, Err("broken".to_owned()), rules),
                _ => drop(health.connect_failed()),
            }
            states.push(if health.is_up() { 'U' } else { 'd' });
        }
        states
    }

    #[test]
    fn checks_change_the_state_when_enough_agree() {
        for (events, unhealthy_after, healthy_after, expected) in [
            ("+-+", 1, 1, "UdU"),
            ("+--+", 2, 1, "UUdU"),
            ("+-+-+--", 2, 1, "UUUUUUd"),
            ("-+++", 1, 3, "dddU"),
            ("-++-+++", 1, 3, "ddddddU"),
            // The first check alone decides.
            ("+", 5, 5, "U"),
            ("-+", 5, 1, "dU"),
            ("+!+", 5, 1, "UdU"),
            ("+!++", 5, 2, "UddU"),
            ("!+", 1, 1, "dU"),
        ] {
            assert_eq!(play(events, unhealthy_after, healthy_after), expected, "{events}");
        }
    }

    #[test]
    fn a_check_begun_before_a_refusal_cannot_bring_it_back() {
        let mut health = Health::unknown();
        let rules = Rules { unhealthy_after: 1, healthy_after: 1 };
        health.checked(health.check_begins(), Ok(()), rules);
        let old = health.check_begins();
        assert!(health.connect_failed());
        assert!(!health.connect_failed(), "it was down already");
        health.checked(old, Ok(()), rules);
        assert!(!health.is_up());
        assert_eq!(health.last_error(), "no connection");
        health.checked(health.check_begins(), Ok(()), rules);
        assert!(health.is_up() && health.last_error().is_empty());
    }
}
