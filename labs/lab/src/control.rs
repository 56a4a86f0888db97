//! The supervisor's own HTTP address, for tests, tools and drills: status, hold, release, kill, restart.
//!
//! Its URL holds a random key and stands only in `endpoints.json`, which only the owner may read: a page in a browser
//! or another user of the machine cannot guess it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use crate::child;
use crate::state::{RoleState, Table};

/// The longest lease; a drill that forgets to release holds nothing longer.
const LEASE_MAX_S: u64 = 3600;

/// All routes, without the key in front.
pub(crate) fn router(table: Arc<Table>) -> Router {
    Router::new()
        .route("/status", get(status))
        .route("/roles/{role}/hold", post(hold))
        .route("/roles/{role}/release", post(release))
        .route("/roles/{role}/kill", post(kill))
        .route("/roles/{role}/restart", post(restart))
        .with_state(table)
}

#[derive(Debug, Serialize)]
struct Shown {
    state: RoleState,
    held: bool,
    restarts: u32,
    last_exit: Option<String>,
}

type Answer = Result<StatusCode, (StatusCode, String)>;

async fn status(State(table): State<Arc<Table>>) -> Json<BTreeMap<String, Shown>> {
    let shown = table.all().into_iter().map(|(name, s)| {
        let held = table.is_held(&name);
        (name, Shown { state: s.state, held, restarts: s.restarts, last_exit: s.last_exit })
    });
    Json(shown.collect())
}

#[derive(Debug, Deserialize)]
struct Lease {
    /// Seconds; without it until released.
    lease_s: Option<u64>,
}

async fn hold(
    State(table): State<Arc<Table>>,
    Path(role): Path<String>,
    Query(lease): Query<Lease>,
) -> Answer {
    if let Some(too_long) = lease.lease_s.filter(|s| *s > LEASE_MAX_S) {
        return Err((StatusCode::BAD_REQUEST, format!("a lease of {too_long} s is above {LEASE_MAX_S} s")));
    }
    found(&role, table.hold(&role, lease.lease_s.map(Duration::from_secs)))
}

async fn release(State(table): State<Arc<Table>>, Path(role): Path<String>) -> Answer {
    found(&role, table.release(&role))
}

/// Ends the role as a crash would.
async fn kill(State(table): State<Arc<Table>>, Path(role): Path<String>) -> Answer {
    send(&table, &role, Signal::KILL)
}

/// Asks the role to end; the supervisor starts it again, held or not.
async fn restart(State(table): State<Arc<Table>>, Path(role): Path<String>) -> Answer {
    table.release(&role);
    send(&table, &role, Signal::TERM)
}

fn send(table: &Table, role: &str, which: Signal) -> Answer {
    let status = table.get(role).ok_or_else(|| unknown(role))?;
    let running = table.endpoints().0.remove(role).filter(|_| status.state == RoleState::Ready);
    match running.and_then(|endpoint| endpoint.pid) {
        Some(pid) if child::signal(pid, which) => Ok(StatusCode::NO_CONTENT),
        _ => Err((StatusCode::CONFLICT, format!("{role} is not running"))),
    }
}

fn found(role: &str, known: bool) -> Answer {
    if known { Ok(StatusCode::NO_CONTENT) } else { Err(unknown(role)) }
}

fn unknown(role: &str) -> (StatusCode, String) {
    (StatusCode::NOT_FOUND, format!("no role {role:?}"))
}
