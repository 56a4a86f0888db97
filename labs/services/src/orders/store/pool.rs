//! A bounded pool of database connections.
//!
//! A connection goes back only when whoever had it says that it is clean ([`Lease::give_back`]). In every other way that a
//! lease can end (an error, a caller who left in the middle of a transaction) the connection is closed, and the database rolls
//! back by itself. So nothing has to be asked of a connection when it comes back or goes out: a read costs its own round trip and
//! no other. Why not the pool of the driver library: it asks on each return, and where the database is gone it waits out
//! its whole time limit for each caller.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::{PoolLimits, PoolStatus, StoreError};

/// A connection that was idle this long is closed: firewalls forget such without a word, and a burst need not be kept for ever.
const IDLE_MAX: Duration = Duration::from_secs(300);

/// Idle connections and the right to have one.
#[derive(Debug)]
pub(super) struct Pool<C> {
    limits: PoolLimits,
    permits: Semaphore,
    /// The one used last at the back, so that those not needed grow old at the front.
    idle: Mutex<VecDeque<Idle<C>>>,
    waiting: AtomicU32,
    opened: AtomicU64,
    discarded: AtomicU64,
    timeouts: AtomicU64,
}

#[derive(Debug)]
struct Idle<C> {
    connection: C,
    since: Instant,
}

impl<C> Pool<C> {
    pub(super) fn new(limits: PoolLimits) -> Self {
        let permits = Semaphore::new(usize::try_from(limits.connections_max).unwrap_or(usize::MAX));
        Self {
            limits,
            permits,
            idle: Mutex::default(),
            waiting: AtomicU32::new(0),
            opened: AtomicU64::new(0),
            discarded: AtomicU64::new(0),
            timeouts: AtomicU64::new(0),
        }
    }

    /// Waits for the right to a connection, no longer than the limit.
    pub(super) async fn permit(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        self.turn(&self.permits, "no connection free").await
    }

    /// Waits for `turns`, counted as waiting, no longer than the limit.
    pub(super) async fn turn<'a>(
        &self,
        turns: &'a Semaphore,
        otherwise: &str,
    ) -> Result<SemaphorePermit<'a>, StoreError> {
        if let Ok(permit) = turns.try_acquire() {
            return Ok(permit);
        }
        let limit = self.limits.acquire_timeout;
        match self.waiting(tokio::time::timeout(limit, turns.acquire())).await {
            Ok(permit) => permit.map_err(|_| StoreError::Unavailable("the store is closed".to_owned())),
            Err(_) => {
                self.timeouts.fetch_add(1, Ordering::Relaxed);
                Err(StoreError::Unavailable(format!("{otherwise} within {limit:?}")))
            }
        }
    }

    /// Counts the caller as waiting until `wait` is over, or dropped.
    pub(super) async fn waiting<F: Future>(&self, wait: F) -> F::Output {
        struct Waiting<'a>(&'a AtomicU32);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _counted = Waiting(&self.waiting);
        wait.await
    }

    /// An open connection, if there is one.
    pub(super) fn idle(&self) -> Option<C> {
        self.lock().pop_back().map(|idle| idle.connection)
    }

    /// Counts a connection that was just opened.
    pub(super) fn opened(&self) {
        self.opened.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn lend<'a>(&'a self, connection: C, permit: SemaphorePermit<'a>) -> Lease<'a, C> {
        Lease { connection: Some(connection), pool: self, _permit: permit }
    }

    /// Closes what is idle: where one connection was cut, the others were too.
    pub(super) fn forget_idle(&self) {
        let old = std::mem::take(&mut *self.lock());
        self.discarded.fetch_add(old.len() as u64, Ordering::Relaxed);
    }

    /// Lets nobody else in, waits until all is given back, and hands over what is idle then.
    pub(super) async fn close(&self) -> Vec<C> {
        // Fails only when it is closed already: then everybody is gone.
        let all = self.permits.acquire_many(self.limits.connections_max).await;
        self.permits.close();
        drop(all);
        self.lock().drain(..).map(|idle| idle.connection).collect()
    }

    pub(super) fn status(&self) -> PoolStatus {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let free = u32::try_from(self.permits.available_permits()).unwrap_or(u32::MAX);
        PoolStatus {
            used: self.limits.connections_max.saturating_sub(free),
            idle: u32::try_from(self.lock().len()).unwrap_or(u32::MAX),
            connections_max: self.limits.connections_max,
            waiting: self.waiting.load(Ordering::Relaxed),
            opened: count(&self.opened),
            discarded: count(&self.discarded),
            timeouts: count(&self.timeouts),
        }
    }

    fn put(&self, connection: C) {
        let now = Instant::now();
        let mut idle = self.lock();
        idle.push_back(Idle { connection, since: now });
        while idle.front().is_some_and(|oldest| now.duration_since(oldest.since) > IDLE_MAX) {
            idle.pop_front();
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Idle<C>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection in use.
#[derive(Debug)]
pub(super) struct Lease<'a, C> {
    connection: Option<C>,
    pool: &'a Pool<C>,
    _permit: SemaphorePermit<'a>,
}

impl<C> Lease<'_, C> {
    /// Says that no transaction is open and no answer is under way.
    pub(super) fn give_back(mut self) {
        if let Some(connection) = self.connection.take() {
            self.pool.put(connection);
        }
    }
}

impl<C> Drop for Lease<'_, C> {
    fn drop(&mut self) {
        if self.connection.is_some() {
            self.pool.discarded.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl<C> Deref for Lease<'_, C> {
    type Target = C;

    fn deref(&self) -> &C {
        self.connection.as_ref().expect("only give_back takes it, and takes the lease too")
    }
}

impl<C> DerefMut for Lease<'_, C> {
    fn deref_mut(&mut self) -> &mut C {
        self.connection.as_mut().expect("only give_back takes it, and takes the lease too")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool() -> Pool<&'static str> {
        Pool::new(PoolLimits { connections_max: 2, ..PoolLimits::standard() })
    }

    #[tokio::test]
    async fn what_is_given_back_is_used_again_and_the_rest_is_closed() {
        let pool = pool();
        let first = pool.lend("first", pool.permit().await.expect("free"));
        let second = pool.lend("second", pool.permit().await.expect("free"));
        assert_eq!((pool.status().used, pool.status().idle), (2, 0));
        first.give_back();
        drop(second);
        assert_eq!((pool.status().used, pool.status().idle, pool.status().discarded), (0, 1, 1));
        assert_eq!((pool.idle(), pool.idle()), (Some("first"), None));
        pool.lend("third", pool.permit().await.expect("free")).give_back();
        pool.forget_idle();
        assert_eq!((pool.idle(), pool.status().discarded), (None, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_too_long_is_told_and_counted() {
        let pool = pool();
        let held = (pool.permit().await.expect("free"), pool.permit().await.expect("free"));
        let error = pool.permit().await.expect_err("none is free").to_string();
        assert_eq!(error, "database unavailable: no connection free within 5s");
        assert_eq!((pool.status().timeouts, pool.status().waiting), (1, 0));
        drop(held);
        assert!(pool.permit().await.is_ok());
    }

    #[tokio::test]
    async fn closing_waits_for_who_is_inside_and_lets_nobody_in() {
        let pool = pool();
        let held = pool.lend("held", pool.permit().await.expect("free"));
        let (closed, ()) = tokio::join!(pool.close(), async {
            tokio::task::yield_now().await;
            held.give_back();
        });
        assert_eq!(closed, ["held"]);
        assert_eq!(
            pool.permit().await.map(drop),
            Err(StoreError::Unavailable("the store is closed".to_owned()))
        );
        assert!(pool.close().await.is_empty());
    }
}
