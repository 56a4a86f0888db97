//! Choosing a backend: least requests in flight among those that are up, in turn where equal.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::uri::Authority;
use tokio::sync::Notify;

use crate::config::{HealthConfig, UpstreamConfig, to_std};
use crate::forward::{BackendClient, client};
use crate::health::{Health, Rules};
use crate::metrics::BackendMetrics;

/// A group of equal backends.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) name: String,
    pub(crate) backends: Vec<Arc<Backend>>,
    /// See [`UpstreamConfig::timeout`].
    pub(crate) timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) checks: HealthConfig,
    pub(crate) client: BackendClient,
    /// Where the next round begins. Held while choosing, so that two requests cannot both see the same backend idle.
    turn: Mutex<usize>,
}

/// One server behind us.
#[derive(Debug)]
pub(crate) struct Backend {
    pub(crate) name: String,
    pub(crate) authority: Authority,
    pub(crate) metrics: BackendMetrics,
    /// Told when the backend is taken down between two checks.
    pub(crate) taken_down: Notify,
    in_flight: AtomicUsize,
    health: Mutex<Health>,
}

impl Upstream {
    /// From a configuration that has been checked.
    pub(crate) fn new(name: &str, config: &UpstreamConfig, metrics: impl Fn(&str) -> BackendMetrics) -> Self {
        let backend = |backend: &crate::BackendConfig| {
            let authority = backend.authority().expect("the configuration was checked");
            Arc::new(Backend::new(&backend.name, authority, metrics(&backend.name)))
        };
        Self {
            name: name.to_owned(),
            backends: config.backends.iter().map(backend).collect(),
            timeout: to_std(config.timeout),
            connect_timeout: to_std(config.connect_timeout),
            checks: config.health.clone(),
            client: client(to_std(config.connect_timeout)),
            turn: Mutex::new(0),
        }
    }

    /// A backend that is up, held until the lease is dropped; `None` when there is none. Those in `tried` only when
    /// nothing else is left.
    pub(crate) fn pick(&self, tried: &[Arc<Backend>]) -> Option<Lease> {
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let count = self.backends.len();
        let was_tried = |backend: &Arc<Backend>| tried.iter().any(|each| Arc::ptr_eq(each, backend));
        let in_turn = (0..count).map(|step| (*turn + step) % count);
        let up = in_turn.filter(|&index| self.backends[index].is_up());
        // The first of equals wins, so the turn decides ties.
        let index = up.min_by_key(|&index| {
            let backend = &self.backends[index];
            (was_tried(backend), backend.in_flight.load(Ordering::Relaxed))
        })?;
        *turn = (index + 1) % count;
        Some(Lease::new(self.backends[index].clone()))
    }

    pub(crate) fn up_count(&self) -> usize {
        self.backends.iter().filter(|backend| backend.is_up()).count()
    }

    pub(crate) fn rules(&self) -> Rules {
        Rules { unhealthy_after: self.checks.unhealthy_after, healthy_after: self.checks.healthy_after }
    }
}

impl Backend {
    fn new(name: &str, authority: Authority, metrics: BackendMetrics) -> Self {
        Self {
            name: name.to_owned(),
            authority,
            metrics,
            taken_down: Notify::new(),
            in_flight: AtomicUsize::new(0),
            health: Mutex::new(Health::unknown()),
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.health().is_up()
    }

    /// Requests under way, streamed bodies included.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Why the last check failed; empty when it didn't.
    pub(crate) fn last_error(&self) -> String {
        self.health().last_error().to_owned()
    }

    /// A connection was refused: nobody is there, whatever the last check said.
    pub(crate) fn refused(&self) {
        if self.health().connect_failed() {
            tracing::warn!(backend = self.name, "backend refuses connections: taken down");
            self.metrics.up.set(0);
            self.taken_down.notify_one();
        }
    }

    /// To be called when a check begins; hand the answer to [`Backend::checked`].
    pub(crate) fn check_begins(&self) -> u64 {
        self.health().check_begins()
    }

    /// Takes the result of a check.
    pub(crate) fn checked(&self, ticket: u64, result: Result<(), String>, rules: Rules) {
        let (was_up, is_up) = {
            let mut health = self.health();
            let was_up = health.is_up();
            health.checked(ticket, result, rules);
            (was_up, health.is_up())
        };
        self.metrics.up.set(i64::from(is_up));
        if was_up != is_up {
            tracing::info!(backend = self.name, up = is_up, error = self.last_error(), "backend changed");
        }
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        // Every change of it is whole before the lock is let go, even by a panic.
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request under way at a backend.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) backend: Arc<Backend>,
}

impl Lease {
    fn new(backend: Arc<Backend>) -> Self {
        backend.in_flight.fetch_add(1, Ordering::Relaxed);
        backend.metrics.in_flight.inc();
        Self { backend }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.backend.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.backend.metrics.in_flight.dec();
    }
}

#[cfg(test)]
impl Upstream {
    /// An upstream with `name` and no backends.
    pub(crate) fn named(name: &str) -> Self {
        let config = UpstreamConfig {
            backends: Vec::new(),
            health: HealthConfig::default(),
            connect_timeout: ::config::Duration(model::DurationMs(1000)),
            timeout: ::config::Duration(model::DurationMs(1000)),
        };
        Self::new(name, &config, |_| BackendMetrics::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules { unhealthy_after: 1, healthy_after: 1 };

    /// An upstream whose backends are up where `up` says so.
    fn upstream(up: &[bool]) -> Upstream {
        let mut upstream = Upstream::named("orders");
        for (index, up) in up.iter().enumerate() {
            let authority = Authority::from_static("127.0.0.1:1");
            let backend = Arc::new(Backend::new(&format!("b{index}"), authority, BackendMetrics::default()));
            let result = if *up { Ok(()) } else { Err("refused".to_owned()) };
            backend.checked(backend.check_begins(), result, RULES);
            upstream.backends.push(backend);
        }
        upstream
    }

    fn names(leases: &[Lease]) -> Vec<&str> {
        leases.iter().map(|lease| lease.backend.name.as_str()).collect()
    }

    #[test]
    fn idle_backends_take_turns() {
        let upstream = upstream(&[true, true, true]);
        let picks: Vec<String> =
            (0..6).map(|_| upstream.pick(&[]).expect("one is up").backend.name.clone()).collect();
        assert_eq!(picks, ["b0", "b1", "b2", "b0", "b1", "b2"]);
    }

    #[test]
    fn the_least_busy_is_chosen() {
        let upstream = upstream(&[true, true]);
        let mut leases: Vec<Lease> = (0..4).map(|_| upstream.pick(&[]).expect("one is up")).collect();
        assert_eq!(names(&leases), ["b0", "b1", "b0", "b1"]);
        // Both of b1's requests end: the next two go there, whatever the turn says.
        leases.retain(|lease| lease.backend.name == "b0");
        let next: Vec<Lease> = (0..2).map(|_| upstream.pick(&[]).expect("one is up")).collect();
        assert_eq!(names(&next), ["b1", "b1"]);
        assert_eq!(upstream.backends[0].in_flight(), 2);
    }

    #[test]
    fn only_those_that_are_up_are_chosen() {
        let some_up = upstream(&[false, true, false]);
        assert!((0..5).all(|_| some_up.pick(&[]).is_some_and(|lease| lease.backend.name == "b1")));
        assert!(upstream(&[false, false]).pick(&[]).is_none());
        assert!(upstream(&[]).pick(&[]).is_none());
    }

    #[test]
    fn those_already_tried_come_last() {
        let upstream = upstream(&[true, true]);
        let tried = [upstream.backends[0].clone()];
        let leases: Vec<Lease> = (0..3).map(|_| upstream.pick(&tried).expect("one is up")).collect();
        assert_eq!(names(&leases), ["b1", "b1", "b1"]);
        upstream.backends[1].refused();
        assert_eq!(upstream.pick(&tried).map(|lease| lease.backend.name.clone()).as_deref(), Some("b0"));
    }

    #[test]
    fn a_refused_connection_takes_down_at_once() {
        let upstream = upstream(&[true]);
        upstream.backends[0].refused();
        assert!(upstream.pick(&[]).is_none());
        let backend = &upstream.backends[0];
        backend.checked(backend.check_begins(), Ok(()), RULES);
        assert_eq!(upstream.up_count(), 1);
    }
}
