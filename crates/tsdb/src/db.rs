//! The store: opening, housekeeping, closing.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use disk::{DirLock, Disk};
use model::{DurationMs, TimestampMs};
use stdx::{Background, Clock};
use storage::{MetricAppend, MetricAppender};
use wal::{DamagePolicy, Refusal, SyncPolicy, Wal, WalError};

use crate::appender::{Appender, Committer};
use crate::background;
use crate::blocks::{Blocks, Opening};
use crate::checkpoint::Occasion;
use crate::exemplars::Exemplars;
use crate::filenames::{BLOCKS_DIR, QUARANTINE_DIR, SPILL_DIR, WAL_DIR};
use crate::head::Head;
use crate::replay::{self, Replayed, Replayer, Terms};
use crate::spill::{self, Spill};
use crate::{
    Cardinality, FUTURE_MAX, HeadStatus, Limits, Maintenance, Metrics, Options, RecoveryReport, TsdbError,
};

/// A store of metrics, open. Ingest is its [`MetricAppend`], queries its [`storage::MetricQuery`].
#[derive(Debug)]
pub struct Db {
    pub(crate) head: Head,
    pub(crate) wal: Wal,
    pub(crate) blocks: Blocks,
    pub(crate) exemplars: Exemplars,
    /// Samples before this are refused: they are in blocks, or being written there.
    pub(crate) takes_from_ms: AtomicI64,
    /// How late a sample may be.
    pub(crate) late_max_ms: AtomicI64,
    /// Set by [`Db::close`], so that nobody waits for a long compaction.
    is_closing: AtomicBool,
    /// Held by whoever changes blocks: one at a time.
    keeping_house: Mutex<()>,
    /// Held by whoever writes a checkpoint.
    pub(crate) checkpointing: Mutex<()>,
    pub(crate) limits: Limits,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) committer: Mutex<Committer>,
    /// Taken to write while a commit is applied, to read while a query finds its series.
    visibility: RwLock<()>,
    /// Numbers for transactions and for commits, so that a series knows whose pending sample it holds.
    pub(crate) transactions: AtomicU64,
    /// Size of the checkpoint that the log begins with.
    pub(crate) checkpoint_bytes: AtomicU64,
    sync: SyncPolicy,
    background: Mutex<Option<Background>>,
    /// Given up when the store is closed.
    lock: Mutex<Option<Box<dyn DirLock>>>,
}

impl Db {
    /// Opens the store in `options.dir`: claims it, reads the log, and starts the housekeeping.
    ///
    /// # Errors
    /// [`TsdbError::Disk`] when the folder cannot be used or another watchfire holds it; [`TsdbError::Wal`] when the log
    /// cannot be read, or is damaged under [`wal::DamagePolicy::Refuse`]; [`TsdbError::Thread`].
    pub fn open(options: Options) -> Result<(Arc<Self>, RecoveryReport), TsdbError> {
        let begun = Instant::now();
        options.disk.create_dir_all(&options.dir)?;
        let lock = options.disk.lock_dir(&options.dir)?;
        let (blocks, block_damage) = open_blocks(&options)?;
        let head =
            Head::new(Spill::open(Arc::clone(&options.disk), &options.dir.join(SPILL_DIR), &options.limits)?);
        let maintenance = options.maintenance;
        let (wal, mut log, replayed) = replay(&options, &head, blocks.view().head_from_ms)?;
        let Replayed { samples, samples_without_series, exemplars, damage, .. } = replayed;
        log.damage.extend(damage);
        head.spill.remove_strangers()?;
        let dir = options.dir.clone();
        let db = Arc::new(Self::new(options, head, wal, blocks, log.checkpoint_bytes, lock));
        db.exemplars.take(exemplars, &db.metrics.exemplars);
        db.drop_cut();
        db.retain();
        if !log.damage.is_empty() {
            db.checkpoint_if_due(Occasion::Damage)
                .unwrap_or_else(|error| tracing::error!(%error, "the damaged log stays for now"));
        }
        if maintenance == Maintenance::Background {
            let started = background::start(&db).map_err(|source| TsdbError::Thread { dir, source })?;
            *db.background.lock().unwrap_or_else(PoisonError::into_inner) = Some(started);
        }
        let series = db.head.totals().series;
        let duration = begun.elapsed();
        db.metrics.replay_duration.set(duration.as_secs_f64());
        let blocks = db.blocks.view().blocks.len();
        Ok((
            db,
            RecoveryReport { duration, series, samples, log, blocks, block_damage, samples_without_series },
        ))
    }

    fn new(
        options: Options,
        head: Head,
        wal: Wal,
        blocks: Blocks,
        checkpoint_bytes: u64,
        lock: Box<dyn DirLock>,
    ) -> Self {
        let Options { clock, sync, limits, metrics, .. } = options;
        metrics.retention_limit_seconds.set(limits.retention.as_secs_f64());
        metrics.retention_limit_bytes.set(i64::try_from(limits.retention_bytes).unwrap_or(i64::MAX));
        let db = Self {
            head,
            wal,
            takes_from_ms: AtomicI64::new(blocks.view().head_from_ms),
            blocks,
            exemplars: Exemplars::new(limits.exemplars_max, &metrics.exemplars),
            late_max_ms: AtomicI64::new(limits.out_of_order_time_window.0),
            is_closing: AtomicBool::new(false),
            keeping_house: Mutex::default(),
            checkpointing: Mutex::default(),
            limits,
            clock,
            metrics,
            committer: Mutex::default(),
            visibility: RwLock::default(),
            transactions: AtomicU64::new(0),
            checkpoint_bytes: AtomicU64::new(checkpoint_bytes),
            sync,
            background: Mutex::default(),
            lock: Mutex::new(Some(lock)),
        };
        db.recount(&db.head.in_slots(&db.head.all_slots()));
        db
    }

    /// Housekeeping, all of it: makes a log sound whose sync failed, cuts and compacts blocks, drops what is too old or too much, removes series without
    /// samples, writes a checkpoint when the log has grown enough. The store does this by itself under [`Maintenance::Background`].
    ///
    /// # Errors
    /// [`TsdbError::Wal`] when a checkpoint, [`TsdbError::Disk`] when a block could not be written. Nothing is lost; the
    /// next round tries again.
    pub fn maintain(&self) -> Result<(), TsdbError> {
        let _alone = self.keeping_house();
        let repaired = self.repair_log().map(drop);
        self.spill_if_due();
        let cut = self.cut_if_due();
        // What is too old need not be compacted; what is too much may be in the way of all else.
        self.retain_blocks();
        let compacted = if cut.is_ok() { self.compact() } else { Ok(()) };
        self.retain();
        self.head.spill.let_go_of_pages();
        repaired.and(cut).and(compacted).and(self.checkpoint_if_due(Occasion::Housekeeping))
    }

    /// Refuses to go on with long work when the store is being closed.
    pub(crate) fn check_open(&self) -> Result<(), TsdbError> {
        if self.is_closing.load(Ordering::Relaxed) { Err(TsdbError::Closing) } else { Ok(()) }
    }

    /// The turn to change blocks.
    pub(crate) fn keeping_house(&self) -> MutexGuard<'_, ()> {
        self.keeping_house.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes late samples within another window than [`Limits::out_of_order_time_window`] from now on.
    pub fn set_out_of_order_time_window(&self, window: DurationMs) {
        self.late_max_ms.store(window.0, Ordering::Relaxed);
    }

    /// Makes all that was committed survive power loss, whatever the policy.
    ///
    /// # Errors
    /// [`TsdbError::Wal`]: then nothing is taken until the housekeeping has written the log anew.
    pub fn sync(&self) -> Result<(), TsdbError> {
        Ok(self.wal.sync()?)
    }

    /// Ends the housekeeping, refuses commits from now on, syncs, and gives the
    /// folder free. Queries go on. A second call does nothing.
    ///
    /// # Errors
    /// [`TsdbError::Wal`] when the sync failed. The folder is free then, too.
    pub fn close(&self) -> Result<(), TsdbError> {
        self.is_closing.store(true, Ordering::Relaxed);
        drop(self.background.lock().unwrap_or_else(PoisonError::into_inner).take());
        let is_first = self.committer.lock().unwrap_or_else(PoisonError::into_inner).close();
        let closed = if is_first { self.repair_log().and_then(|_| self.sync()) } else { Ok(()) };
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
        closed
    }

    /// The store now.
    pub fn status(&self) -> HeadStatus {
        let (totals, view) = (self.head.totals(), self.blocks.view());
        HeadStatus {
            series: totals.series,
            samples_appended: totals.samples_appended,
            chunks: totals.chunks,
            chunk_bytes: totals.chunk_bytes,
            min_time: totals.span_ms.map(|(min_ms, _)| TimestampMs(min_ms)),
            max_time: totals.span_ms.map(|(_, max_ms)| TimestampMs(max_ms)),
            blocks: view.blocks.len(),
            block_bytes: view.bytes(),
            wal_bytes: self.wal.len_bytes(),
            label_pairs: self.head.index().pairs(),
            unavailable: self.unavailable(),
        }
    }

    /// Why no samples are taken at present; `None` when all is well. Waits for nothing.
    pub fn unavailable(&self) -> Option<Refusal> {
        let now = |reason| Refusal { reason, lasted: Duration::ZERO };
        let refused = self.refuses_commits().map(now);
        refused.or_else(|| self.wal.unavailable()).or_else(|| self.clock_behind().map(now))
    }

    /// What to say when the newest sample lies further ahead than any that would be taken: the clock was ahead or is behind now,
    /// and until it has caught up what is scraped is older than what its series have.
    fn clock_behind(&self) -> Option<String> {
        let (_, newest_ms) = self.head.totals().span_ms?;
        let ahead_ms = newest_ms.saturating_sub(self.clock.now_ms());
        let ahead = DurationMs::from_secs(ahead_ms / 1000);
        (ahead_ms > FUTURE_MAX.0).then(|| {
            format!("the clock is {ahead} behind the newest sample, and older samples of the same series are not taken")
        })
    }

    /// Which labels have most series and values, at most `limit` entries a list. Walks all label values.
    pub fn cardinality(&self, limit: usize) -> Cardinality {
        crate::cardinality::cardinality(&self.head, limit)
    }

    /// No commit is half applied while this is held.
    pub(crate) fn between_commits(&self) -> RwLockReadGuard<'_, ()> {
        self.visibility.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// No query finds series while this is held.
    pub(crate) fn while_applying(&self) -> RwLockWriteGuard<'_, ()> {
        self.visibility.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn sync_policy(&self) -> SyncPolicy {
        self.sync
    }

    pub(crate) fn show_totals(&self) {
        let totals = self.head.totals();
        let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.metrics.series.set(gauge(totals.series as u64));
        self.metrics.chunks.set(gauge(totals.chunks));
        self.metrics.chunk_bytes.set(gauge(totals.chunk_bytes));
        self.metrics.spilled_bytes.set(gauge(self.head.spill.bytes()));
        if let Some((min_ms, max_ms)) = totals.span_ms {
            self.metrics.min_time.set(min_ms);
            self.metrics.max_time.set(max_ms);
        }
    }
}

impl MetricAppend for Db {
    fn appender(&self) -> Box<dyn MetricAppender + '_> {
        Box::new(Appender::new(self))
    }
}

/// Builds the head from the log.
fn replay(options: &Options, head: &Head, from_ms: i64) -> Result<(Wal, wal::Replay, Replayed), TsdbError> {
    let quarantine = options.dir.join(QUARANTINE_DIR);
    let terms = Terms {
        now_ms: options.clock.now_ms(),
        from_ms,
        threads: replay::threads(options.maintenance),
        quarantine: (options.damage == DamagePolicy::Quarantine).then_some(quarantine.as_path()),
    };
    let (wal, log, mut replayed) = std::thread::scope(|scope| {
        let mut replayer = Replayer::new(scope, head, terms);
        // When it fails, nothing is concluded from what was not read: a list of files that is behind the failure is not lost.
        let (wal, log) = Wal::open(wal_options(options), &mut replayer)?;
        Ok::<_, TsdbError>((wal, log, replayer.finish()?))
    })?;
    // Mostly the log says so itself; a checkpoint that was cut between two records does not.
    if replayed.has_lost_list && log.damage.is_empty() {
        replayed.damage.push(spill::lost_list(options.dir.join(SPILL_DIR)));
    }
    options.metrics.wal.count_damage(replayed.damage.len() as u64);
    if options.damage == DamagePolicy::Refuse
        && let Some(wal::Damage { file, offset_bytes, len_bytes, reason, .. }) = replayed.damage.first()
    {
        let (file, reason) = (file.clone(), reason.clone());
        return Err(
            WalError::Damaged { file, offset_bytes: *offset_bytes, len_bytes: *len_bytes, reason }.into()
        );
    }
    Ok((wal, log, replayed))
}

fn open_blocks(options: &Options) -> Result<(Blocks, Vec<wal::Damage>), TsdbError> {
    Blocks::open(&Opening {
        disk: &options.disk,
        dir: options.dir.join(BLOCKS_DIR),
        quarantine: &options.dir.join(QUARANTINE_DIR),
        damage: options.damage,
        metrics: &options.metrics,
    })
}

fn wal_options(options: &Options) -> wal::Options {
    wal::Options {
        dir: options.dir.join(WAL_DIR),
        quarantine: options.dir.join(QUARANTINE_DIR),
        disk: Arc::clone(&options.disk) as Arc<dyn Disk>,
        sync: options.sync,
        damage: options.damage,
        segment_bytes: options.limits.segment_bytes,
        metrics: Arc::clone(&options.metrics.wal),
    }
}
