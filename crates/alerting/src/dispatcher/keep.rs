//! Writes what must survive a restart whenever it has changed.
//!
//! One write at a time, each of the latest state, so that a burst of changes costs few writes. Between writes there is a
//! pause of some times the last one's duration, which keeps a large state from keeping the disk busy.

use std::sync::Arc;
use std::time::Duration;

use stdx::Backoff;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Shared, lock};
use crate::state::Place;

/// How long a pause is, in durations of the write before it.
const PAUSE_FACTOR: u32 = 4;

/// The longest pause: what a crash may lose of a large state.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Waits after a write that failed.
const RETRY_FIRST: Duration = Duration::from_millis(500);
const RETRY_LONGEST: Duration = Duration::from_secs(30);

/// How long a change that was asked for waits to be on disk before the caller is told that it is not.
pub(super) const SAVE_WAIT_MAX: Duration = Duration::from_secs(5);

/// What is on disk: changes of the core, and the last notification's time and number.
type Mark = (u64, Option<i64>, usize);

pub(super) async fn run(shared: Arc<Shared>, place: Place, stop: CancellationToken) {
    let mut retry = Backoff::new(RETRY_FIRST, RETRY_LONGEST);
    let mut on_disk: Mark = (0, None, 0);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = shared.changed.notified() => {}
        }
        while !stop.is_cancelled() && mark(&shared) != on_disk {
            let begun = Instant::now();
            let pause = match write(&shared, &place).await {
                Ok(mark) => {
                    on_disk = mark;
                    retry.reset();
                    (begun.elapsed() * PAUSE_FACTOR).min(PAUSE_MAX)
                }
                Err(cause) => {
                    tracing::error!(
                        "the state of alerting was not written; a restart may forget it: {cause}"
                    );
                    retry.next_wait()
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
    if let Err(cause) = write(&shared, &place).await {
        tracing::error!("the state of alerting was not written at the end: {cause}");
    }
}

fn mark(shared: &Shared) -> Mark {
    let changes = lock(&shared.core).changes();
    let records = lock(&shared.records);
    (changes, records.back().map(|record| record.at.0), records.len())
}

async fn write(shared: &Arc<Shared>, place: &Place) -> Result<Mark, String> {
    let mark = mark(shared);
    let (changes, mut saved) = lock(&shared.core).saved(shared.now().wall);
    saved.records = lock(&shared.records).iter().cloned().collect();
    let place = place.clone();
    let written = tokio::task::spawn_blocking(move || place.write(&saved)).await;
    match written.map_err(|e| e.to_string()).and_then(|result| result.map_err(|e| e.to_string())) {
        Ok(bytes) => {
            shared.metrics.state_writes.inc();
            shared.metrics.state_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
            shared.saved.send_replace(Some(changes));
            Ok(mark)
        }
        Err(cause) => {
            shared.metrics.state_writes_failed.inc();
            Err(cause)
        }
    }
}
