//! The threads that keep house: one for interval syncs, which must not wait for the other, and one for blocks, retention and
//! checkpoints. Owned by the store, ended with it.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use wal::SyncPolicy;

use crate::{Db, TsdbError};

/// Between two rounds of retention and checkpoint. A round over 100,000 series takes some milliseconds.
const ROUND: Duration = Duration::from_secs(30);

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
            this.spawn("tsdb-sync", db, interval, sync)?;
        }
        this.spawn("tsdb-spill", db, SPILL_ROUND, Db::spill_if_due)?;
        this.spawn("tsdb", db, ROUND, keep_house)?;
        Ok(this)
    }

    fn spawn(&mut self, name: &str, db: &Arc<Db>, pause: Duration, act: fn(&Db)) -> io::Result<()> {
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
fn run(stop: &Stop, db: &Weak<Db>, pause: Duration, act: fn(&Db)) {
    while !stop.wait(pause) {
        let Some(db) = db.upgrade() else { return };
        act(&db);
    }
}

fn sync(db: &Db) {
    // A failure poisons the log, which says so itself.
    drop(db.sync());
}

fn keep_house(db: &Db) {
    match db.maintain() {
        Ok(()) | Err(TsdbError::Closing) => {}
        Err(error) => tracing::error!(%error, "housekeeping of the metric store failed"),
    }
}
