//! The threads that keep house: one for interval syncs and one that makes a log take samples again, neither of which must wait
//! for the third, which does blocks, retention and checkpoints. Owned by the store, ended with it.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use stdx::Backoff;
use wal::SyncPolicy;

use crate::{Db, TsdbError};

/// Between two looks at whether the log takes samples: each costs a lock, and a second without samples is bearable.
const LOOK: Duration = Duration::from_secs(1);
/// Between two tries to write anew a log on a disk that goes on failing: each writes all of the head.
const REPAIR_WAIT_MAX: Duration = Duration::from_secs(30);

/// Between two looks at the chunks that wait for a file: the fastest ingest finishes some mebibytes of them meanwhile.
const SPILL_ROUND: Duration = Duration::from_secs(1);

/// The running threads; dropping this ends them and waits for the round they are in.
#[derive(Debug)]
pub(crate) struct Background {
    stop: Arc<Stop>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Stop {
    is_wanted: Mutex<bool>,
    changed: Condvar,
}

impl Background {
    pub(crate) fn start(db: &Arc<Db>) -> io::Result<Self> {
        let mut this = Self { stop: Arc::default(), threads: Vec::new() };
        if let SyncPolicy::Interval(interval) = db.sync_policy() {
            this.spawn("tsdb-sync", db, interval, move |db| {
                // A failure poisons the log, which says so itself.
                drop(db.sync());
                interval
            })?;
        }
        let mut backoff = Backoff::new(LOOK, REPAIR_WAIT_MAX);
        this.spawn("tsdb-repair", db, LOOK, move |db| repair(db, &mut backoff))?;
        this.spawn("tsdb-spill", db, SPILL_ROUND, |db| {
            db.spill_if_due();
            SPILL_ROUND
        })?;
        let round = db.limits.housekeeping_every;
        this.spawn("tsdb", db, round, move |db| {
            keep_house(db);
            round
        })?;
        Ok(this)
    }

    /// A thread that calls `act` after a first pause, and then after each pause that `act` asks for.
    fn spawn(
        &mut self,
        name: &str,
        db: &Arc<Db>,
        pause: Duration,
        act: impl FnMut(&Db) -> Duration + Send + 'static,
    ) -> io::Result<()> {
        let (stop, weak) = (Arc::clone(&self.stop), Arc::downgrade(db));
        let thread = std::thread::Builder::new().name(name.to_owned());
        self.threads.push(thread.spawn(move || run(&stop, &weak, pause, act))?);
        Ok(())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        *self.stop.is_wanted.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.changed.notify_all();
        // A thread may itself hold the store last, and then drops it: it must not wait for itself.
        for thread in self.threads.drain(..) {
            if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
                tracing::error!("a housekeeping thread of the metric store panicked");
            }
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

/// Calls `act` after each pause, until the store or the wish for it is gone.
fn run(stop: &Stop, db: &Weak<Db>, first: Duration, mut act: impl FnMut(&Db) -> Duration) {
    let mut pause = first;
    while !stop.wait(pause) {
        let Some(db) = db.upgrade() else { return };
        pause = act(&db);
    }
}

/// Makes the log take samples again if it does not; how long to wait before the next look.
fn repair(db: &Db, backoff: &mut Backoff) -> Duration {
    if db.wal.unavailable().is_none() {
        return LOOK;
    }
    match db.repair_log() {
        Ok(_) => {
            backoff.reset();
            LOOK
        }
        Err(error) => {
            tracing::error!(%error, "the log could not be written anew");
            backoff.next_wait()
        }
    }
}

fn keep_house(db: &Db) {
    match db.maintain() {
        Ok(()) | Err(TsdbError::Closing) => {}
        Err(error) => tracing::error!(%error, "housekeeping of the metric store failed"),
    }
}
