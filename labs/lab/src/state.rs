//! What the supervisor knows of its children, and what it says when that changes.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::endpoints::{Endpoint, Endpoints};

/// Where a role is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RoleState {
    /// Waiting for what it needs, or started and not ready yet.
    Starting,
    /// Its ports answer.
    Ready,
    /// It ended and will be started again.
    Restarting,
    /// It ended and stays down because it is held.
    Held,
    /// It ended because the lab stops.
    Stopped,
}

/// Something a person at the terminal wants to know.
#[derive(Debug, Clone)]
pub enum Event {
    /// A role answers, this long after its start.
    Ready {
        /// Which.
        role: String,
        /// Time from spawn to ready.
        took: Duration,
        /// How often it has been restarted.
        restarts: u32,
    },
    /// A role ended though nobody asked it to.
    Exited {
        /// Which.
        role: String,
        /// How: exit code or signal.
        how: String,
        /// When it starts again; `None` when it is held.
        again_in: Option<Duration>,
    },
    /// A held role that had ended may start again.
    Released {
        /// Which.
        role: String,
    },
    /// A role was asked to stop.
    Stopping {
        /// Which.
        role: String,
    },
}

#[derive(Debug, Clone)]
pub(crate) struct RoleStatus {
    pub state: RoleState,
    pub restarts: u32,
    pub last_exit: Option<String>,
    hold: Hold,
    endpoint: Option<Endpoint>,
}

/// Whether a role that ends stays down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    No,
    Forever,
    Until(Instant),
}

/// The shared table. Every change wakes those who wait on [`Table::changes`].
#[derive(Debug)]
pub(crate) struct Table {
    roles: Mutex<BTreeMap<String, RoleStatus>>,
    changed: watch::Sender<()>,
}

impl Table {
    pub(crate) fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let fresh = RoleStatus {
            state: RoleState::Starting,
            restarts: 0,
            last_exit: None,
            hold: Hold::No,
            endpoint: None,
        };
        let roles = names.map(|name| (name.to_owned(), fresh.clone())).collect();
        Self { roles: Mutex::new(roles), changed: watch::channel(()).0 }
    }

    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Waits until `done` gives something.
    pub(crate) async fn wait_for<T>(&self, mut done: impl FnMut(&Self) -> Option<T>) -> T {
        let mut changes = self.changes();
        loop {
            if let Some(value) = done(self) {
                return value;
            }
            // The sender lives in self, so this ends by a change only.
            let _ = changes.changed().await;
        }
    }

    pub(crate) fn all(&self) -> BTreeMap<String, RoleStatus> {
        self.lock().clone()
    }

    pub(crate) fn get(&self, role: &str) -> Option<RoleStatus> {
        self.lock().get(role).cloned()
    }

    /// The roles that have been ready, and where. One that is down stays listed: it comes back on the same ports, and
    /// its scrape target must stay for its alert to fire.
    pub(crate) fn endpoints(&self) -> Endpoints {
        let seen = self.lock().iter().filter_map(|(n, s)| Some((n.clone(), s.endpoint.clone()?))).collect();
        Endpoints(seen)
    }

    /// Whether all of `names` answer now.
    pub(crate) fn all_ready<'a>(&self, mut names: impl Iterator<Item = &'a str>) -> bool {
        let roles = self.lock();
        names.all(|name| roles.get(name).is_some_and(|s| s.state == RoleState::Ready))
    }

    /// Notes where `role` runs, before anybody is told that it does.
    pub(crate) fn set_endpoint(&self, role: &str, endpoint: Endpoint) {
        self.change(role, |status| status.endpoint = Some(endpoint));
    }

    /// Lets those go on who wait for `role`.
    pub(crate) fn set_ready(&self, role: &str) {
        self.change(role, |status| status.state = RoleState::Ready);
    }

    /// Notes that a role ended.
    pub(crate) fn set_down(&self, role: &str, state: RoleState, how: &str) {
        self.change(role, |status| {
            status.state = state;
            status.last_exit = Some(how.to_owned());
            if let Some(endpoint) = &mut status.endpoint {
                endpoint.pid = None;
            }
        });
    }

    pub(crate) fn count_restart(&self, role: &str) -> u32 {
        self.change(role, |status| {
            status.state = RoleState::Starting;
            status.restarts += 1;
        });
        self.get(role).map_or(0, |s| s.restarts)
    }

    /// Keeps `role` down once it ends, for `lease` or until released. False when there is no such role.
    pub(crate) fn hold(&self, role: &str, lease: Option<Duration>) -> bool {
        let hold = lease.map_or(Hold::Forever, |lease| Hold::Until(Instant::now() + lease));
        self.change(role, |status| status.hold = hold)
    }

    /// Lets `role` start again when it ends, and at once when it has. False when there is no such role.
    pub(crate) fn release(&self, role: &str) -> bool {
        self.change(role, |status| status.hold = Hold::No)
    }

    pub(crate) fn is_held(&self, role: &str) -> bool {
        self.lock().get(role).is_some_and(|status| match status.hold {
            Hold::No => false,
            Hold::Forever => true,
            Hold::Until(end) => Instant::now() < end,
        })
    }

    /// Waits until `role` is not held: released, or its lease has run out.
    pub(crate) async fn wait_released(&self, role: &str) {
        let mut changes = self.changes();
        while self.is_held(role) {
            let lease_end = match self.lock().get(role).map(|s| s.hold) {
                Some(Hold::Until(end)) => Some(end),
                _ => None,
            };
            tokio::select! {
                _ = changes.changed() => {}
                () = sleep_until(lease_end) => {}
            }
        }
    }

    fn change(&self, role: &str, change: impl FnOnce(&mut RoleStatus)) -> bool {
        let known = self.lock().get_mut(role).map(change).is_some();
        self.changed.send_replace(());
        known
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, RoleStatus>> {
        self.roles.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

async fn sleep_until(end: Option<Instant>) {
    match end {
        Some(end) => tokio::time::sleep_until(end).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_lease_runs_out_by_itself_and_a_hold_does_not() {
        let table = Table::new(["a", "b"].into_iter());
        assert!(table.hold("a", Some(Duration::from_secs(60))) && table.hold("b", None));
        assert!(!table.hold("nobody", None));
        table.wait_released("a").await;
        assert!(!table.is_held("a") && table.is_held("b"));
        tokio::join!(table.wait_released("b"), async { table.release("b") });
        assert!(!table.is_held("b"));
    }

    #[tokio::test]
    async fn a_role_that_is_down_keeps_its_address_and_is_not_ready() {
        let table = Table::new(["a"].into_iter());
        assert_eq!(table.endpoints(), Endpoints::default());
        table.set_endpoint(
            "a",
            Endpoint { pid: Some(1), urls: [("http".to_owned(), "http://x".to_owned())].into() },
        );
        assert!(!table.all_ready(["a"].into_iter()));
        table.set_ready("a");
        assert_eq!(table.endpoints().url("a", "http").as_deref(), Some("http://x"));
        assert!(table.all_ready(["a"].into_iter()));
        table.set_down("a", RoleState::Held, "signal 9");
        assert_eq!(table.endpoints().url("a", "http").as_deref(), Some("http://x"));
        assert!(!table.all_ready(["a"].into_iter()));
    }
}
