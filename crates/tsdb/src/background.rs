//! The thread that keeps house: interval syncs, retention, checkpoints. Owned by the store, ended with it.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use wal::SyncPolicy;

use crate::Db;

/// Between two rounds of retention and checkpoint. A round over 100,000 series takes some milliseconds.
const ROUND: Duration = Duration::from_secs(30);

/// The running thread; dropping this ends it and waits for the round it is in.
#[derive(Debug)]
pub(crate) struct Background {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Stop {
    is_wanted: Mutex<bool>,
    changed: Condvar,
}

impl Background {
    pub(crate) fn start(db: &Arc<Db>) -> io::Result<Self> {
        let stop = Arc::new(Stop::default());
        let (of_thread, weak, sync) = (Arc::clone(&stop), Arc::downgrade(db), db.sync_policy());
        let thread = std::thread::Builder::new()
            .name("tsdb".to_owned())
            .spawn(move || run(&of_thread, &weak, sync))?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        *self.stop.is_wanted.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.changed.notify_all();
        // The thread itself may hold the store last, and then drops it: it must not wait for itself.
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
            && thread.join().is_err()
        {
            tracing::error!("the housekeeping thread of the metric store panicked");
        }
    }
}

impl Stop {
    /// Waits; true when the thread shall end.
    fn wait(&self, timeout: Duration) -> bool {
        let wanted = self.is_wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(wanted, timeout, |is_wanted| !*is_wanted);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

fn run(stop: &Stop, db: &Weak<Db>, sync: SyncPolicy) {
    let pause = match sync {
        SyncPolicy::Interval(interval) => interval.min(ROUND),
        SyncPolicy::None | SyncPolicy::EveryCommit => ROUND,
    };
    let mut last_round = Instant::now();
    while !stop.wait(pause) {
        let Some(db) = db.upgrade() else { return };
        if matches!(sync, SyncPolicy::Interval(_)) {
            // A failure poisons the log, which says so itself.
            drop(db.sync());
        }
        if last_round.elapsed() >= ROUND {
            last_round = Instant::now();
            db.maintain()
                .unwrap_or_else(|error| tracing::error!(%error, "housekeeping of the metric store failed"));
        }
    }
}
