//! The ledger on disk: a log of events in the folder `ledger` beside the state, docs/formats/alerting.md.
//!
//! New events are appended some moments after they happened, all that have come together by one write. When the log has
//! become twice as long as what is in memory, it is written anew from there: what memory has let go goes from the disk too.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use disk::Disk;
use stdx::Backoff;
use tokio_util::sync::CancellationToken;
use wal::{Batch, DamagePolicy, SyncPolicy, Wal, WalError};

use super::Ledger;

/// Under the folder of the state.
const DIR: &str = "ledger";

/// For copies of damaged bytes.
const QUARANTINE: &str = "ledger-quarantine";

/// After a write, events of so long are gathered for the next: what a crash may take, of the process or of the machine.
const GATHER: Duration = Duration::from_millis(250);

/// The log is written anew when it is longer than twice what is in memory, but not below this.
const REWRITE_MIN_BYTES: u64 = 4 << 20;

/// Waits after a write that failed.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_LONGEST: Duration = Duration::from_secs(60);

/// The log that events are written to.
#[derive(Debug)]
pub(crate) struct Book {
    wal: Wal,
}

impl Book {
    /// Reads what is in `dir` into `ledger`. What is damaged is set aside and told of; the ledger never keeps anybody from
    /// starting.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        ledger: &Ledger,
        metrics: Arc<wal::Metrics>,
    ) -> Result<(Self, Option<String>), WalError> {
        let options = wal::Options {
            dir: dir.join(DIR),
            quarantine: dir.join(QUARANTINE),
            disk,
            // Each write is followed by a sync.
            sync: SyncPolicy::None,
            damage: DamagePolicy::Quarantine,
            segment_bytes: REWRITE_MIN_BYTES,
            metrics,
        };
        let (wal, replay) = Wal::open(options, &mut |_, json: &[u8]| ledger.restore(json))?;
        let place = |damage: &wal::Damage| {
            format!("{} at byte {}: {}", damage.file.display(), damage.offset_bytes, damage.reason)
        };
        let damage: Vec<String> = replay.damage.iter().map(place).collect();
        let damage =
            (!damage.is_empty()).then(|| format!("events of the ledger are lost: {}", damage.join("; ")));
        Ok((Self { wal }, damage))
    }

    /// Appends what is new, and makes it survive power loss. Blocks.
    pub(super) fn write(&self, ledger: &Ledger) -> Result<(), WalError> {
        if let Some(repair) = self.wal.begin_repair() {
            return rewrite(repair, ledger);
        }
        let (until, fresh) = ledger.unwritten();
        let mut batch = Batch::new();
        fresh.iter().for_each(|json| batch.record(|out| out.extend_from_slice(json)));
        self.wal.append(&mut batch)?;
        self.wal.sync()?;
        ledger.written(until);
        let wanted = (2 * u64::try_from(ledger.bytes()).unwrap_or(u64::MAX / 2)).max(REWRITE_MIN_BYTES);
        if self.wal.len_bytes() > wanted {
            rewrite(self.wal.begin_checkpoint()?, ledger)?;
        }
        Ok(())
    }
}

fn rewrite(mut checkpoint: wal::Checkpoint<'_>, ledger: &Ledger) -> Result<(), WalError> {
    let (until, all) = ledger.all();
    for json in all {
        checkpoint.record(|out| out.extend_from_slice(&json))?;
    }
    checkpoint.finish()?;
    ledger.written(until);
    Ok(())
}

/// Writes events until it is told to stop, and then what is left.
pub(crate) async fn run(ledger: Arc<Ledger>, book: Arc<Book>, stop: CancellationToken) {
    let mut retry = Backoff::new(RETRY_FIRST, RETRY_LONGEST);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = ledger.news.notified() => {}
        }
        let pause = match write(&ledger, &book).await {
            Ok(()) => {
                retry.reset();
                GATHER
            }
            Err(cause) => {
                tracing::error!("events of the ledger were not written; a restart may forget them: {cause}");
                ledger.news.notify_one();
                retry.next_wait()
            }
        };
        if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            break;
        }
    }
    if let Err(cause) = write(&ledger, &book).await {
        tracing::error!("the last events of the ledger were not written: {cause}");
    }
}

async fn write(ledger: &Arc<Ledger>, book: &Arc<Book>) -> Result<(), String> {
    let (ledger, book) = (Arc::clone(ledger), Arc::clone(book));
    let written = tokio::task::spawn_blocking(move || book.write(&ledger)).await;
    written.map_err(|e| e.to_string())?.map_err(|e| e.to_string())
}
