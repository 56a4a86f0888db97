//! The threads that keep house: one for interval syncs and one that makes a log take samples again, neither of which must wait
//! for the third, which does blocks, retention and checkpoints. Owned by the store, ended with it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use stdx::{Background, Backoff};
use wal::SyncPolicy;

use crate::{Db, TsdbError};

/// Between two looks at whether the log takes samples: each costs a lock, and a second without samples is bearable.
const LOOK: Duration = Duration::from_secs(1);
/// Between two tries to write anew a log on a disk that goes on failing: each writes all of the head.
const REPAIR_WAIT_MAX: Duration = Duration::from_secs(30);

/// Between two looks at the chunks that wait for a file: the fastest ingest finishes some mebibytes of them meanwhile.
const SPILL_ROUND: Duration = Duration::from_secs(1);

/// Starts all threads of a store.
pub(crate) fn start(db: &Arc<Db>) -> io::Result<Background> {
    let mut threads =
        Background::new(|name| tracing::error!(name, "a housekeeping thread of the metric store panicked"));
    if let SyncPolicy::Interval(interval) = db.sync_policy() {
        threads.spawn("tsdb-sync", db, interval, move |db| {
            // A failure poisons the log, which says so itself.
            drop(db.sync());
            interval
        })?;
    }
    let mut backoff = Backoff::new(LOOK, REPAIR_WAIT_MAX);
    threads.spawn("tsdb-repair", db, LOOK, move |db| repair(db, &mut backoff))?;
    threads.spawn("tsdb-spill", db, SPILL_ROUND, |db| {
        db.spill_if_due();
        SPILL_ROUND
    })?;
    let round = db.limits.housekeeping_every;
    threads.spawn("tsdb", db, round, move |db| {
        keep_house(db);
        round
    })?;
    Ok(threads)
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
