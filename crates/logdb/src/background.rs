//! The threads that keep house: one for interval syncs and one that makes a log take pushes again, neither of which must wait
//! for the third, which does files, retention and checkpoints.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use stdx::{Background, Backoff};
use wal::SyncPolicy;

use crate::Db;

/// Between two looks at whether the log takes pushes: each costs a lock, and a second without lines is bearable.
const LOOK: Duration = Duration::from_secs(1);
/// Between two tries to write anew a log on a disk that goes on failing: each writes all that is in memory.
const REPAIR_WAIT_MAX: Duration = Duration::from_secs(30);
/// Between two looks at the chunks that wait for a file: the fastest ingest packs some 20 MB of them meanwhile.
const FLUSH_ROUND: Duration = Duration::from_millis(500);

/// Starts all threads of a store.
pub(crate) fn start(db: &Arc<Db>) -> io::Result<Background> {
    let mut threads =
        Background::new(|name| tracing::error!(name, "a housekeeping thread of the log store panicked"));
    if let SyncPolicy::Interval(interval) = db.sync_policy() {
        threads.spawn("logdb-sync", db, interval, move |db| {
            // A failure poisons the log, which says so itself.
            drop(db.sync());
            interval
        })?;
    }
    let mut backoff = Backoff::new(LOOK, REPAIR_WAIT_MAX);
    threads.spawn("logdb-repair", db, LOOK, move |db| repair(db, &mut backoff))?;
    let mut backoff = Backoff::new(FLUSH_ROUND, REPAIR_WAIT_MAX);
    threads.spawn("logdb-flush", db, FLUSH_ROUND, move |db| flush(db, &mut backoff))?;
    let round = db.storage.housekeeping_every;
    threads.spawn("logdb", db, round, move |db| {
        if let Err(error) = db.maintain() {
            tracing::error!(%error, "housekeeping of the log store failed");
        }
        round
    })?;
    Ok(threads)
}

/// Makes the log take pushes again if it does not; how long to wait before the next look.
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
            tracing::error!(%error, "the log of the log store could not be written anew");
            backoff.next_wait()
        }
    }
}

/// Writes a file if there is enough for one, and lets old segments of the log go before they are many.
fn flush(db: &Db, backoff: &mut Backoff) -> Duration {
    match db.flush_and_checkpoint() {
        Ok(()) => {
            backoff.reset();
            FLUSH_ROUND
        }
        Err(error) => {
            tracing::error!(%error, "finished chunks of logs could not be written to a file");
            backoff.next_wait()
        }
    }
}
