//! The store: opening, housekeeping, closing.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use disk::{DirLock, Disk};
use stdx::{Background, Clock};
use wal::{Damage, DamagePolicy, SyncPolicy, Wal};

use crate::background;
use crate::checkpoint::Occasion;
use crate::delete::Deletes;
use crate::erase::Erased;
use crate::file::{ChunkFile, StreamChunks};
use crate::filenames::{CHUNKS_DIR, DELETES_FILE, QUARANTINE_DIR, WAL_DIR};
use crate::files::{Files, Opening};
use crate::follow::Followers;
use crate::head::Head;
use crate::push::Committer;
use crate::rate::Bucket;
use crate::refused::Stretch;
use crate::replay::Replayer;
use crate::retention::Retention;
use crate::stream::{Full, Stream};
use crate::{Limits, LogdbError, Maintenance, Metrics, Options, RecoveryReport, Storage};

/// A store of logs, open. Ingest is its [`storage::LogAppend`], queries its [`storage::LogQuery`].
#[derive(Debug)]
pub struct Db {
    pub(crate) dir: PathBuf,
    pub(crate) head: Head,
    pub(crate) wal: Wal,
    pub(crate) files: Files,
    pub(crate) deletes: RwLock<Deletes>,
    /// Held by whoever changes what is deleted.
    pub(crate) changing_deletes: Mutex<()>,
    pub(crate) erased: Erased,
    pub(crate) followers: Followers,
    pub(crate) limits: Limits,
    pub(crate) storage: Storage,
    pub(crate) retention: Retention,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) refused: Stretch,
    pub(crate) committer: Mutex<Committer>,
    /// Streams with lines that wait for their chunk.
    pub(crate) open_streams: AtomicUsize,
    /// Moment of the newest line of all.
    pub(crate) newest_ns: AtomicI64,
    /// Held by whoever writes a file of chunks.
    flushing: Mutex<()>,
    /// Held by whoever writes a checkpoint.
    pub(crate) checkpointing: Mutex<()>,
    /// Size of the checkpoint that the log begins with.
    pub(crate) checkpoint_bytes: AtomicU64,
    sync: SyncPolicy,
    background: Mutex<Option<Background>>,
    /// Given up when the store is closed.
    lock: Mutex<Option<Box<dyn DirLock>>>,
}

/// What opening has read so far.
struct Opened {
    head: Head,
    files: Files,
    wal: Wal,
    deletes: Deletes,
    checkpoint_bytes: u64,
}

impl Db {
    /// Opens the store in `options.dir`: claims it, reads files and log, and starts the housekeeping.
    ///
    /// # Errors
    /// [`LogdbError::Disk`] when the folder cannot be used or another watchfire holds it; [`LogdbError::Wal`] when the log
    /// cannot be read; [`LogdbError::DamagedFile`] or [`LogdbError::Wal`] on damage under [`DamagePolicy::Refuse`];
    /// [`LogdbError::Thread`].
    pub fn open(options: Options) -> Result<(Arc<Self>, RecoveryReport), LogdbError> {
        let begun = Instant::now();
        options.disk.create_dir_all(&options.dir)?;
        let lock = options.disk.lock_dir(&options.dir)?;
        let (opened, mut report) = read(&options)?;
        let (maintenance, dir) = (options.maintenance, options.dir.clone());
        let db = Arc::new(Self::new(options, opened, lock));
        db.recount();
        db.retain()?;
        if !report.log.damage.is_empty() {
            db.checkpoint_if_due(Occasion::Damage)
                .unwrap_or_else(|error| tracing::error!(%error, "the damaged log stays for now"));
        }
        if maintenance == Maintenance::Background {
            let started = background::start(&db).map_err(|source| LogdbError::Thread { dir, source })?;
            *db.background.lock().unwrap_or_else(PoisonError::into_inner) = Some(started);
        }
        report.streams = db.head.len();
        report.duration = begun.elapsed();
        db.metrics.replay_duration.set(report.duration.as_secs_f64());
        Ok((db, report))
    }

    fn new(options: Options, opened: Opened, lock: Box<dyn DirLock>) -> Self {
        let Options { dir, clock, sync, limits, storage, retention_streams, metrics, .. } = options;
        let rate = Bucket::new(limits.ingestion_rate_bytes, limits.ingestion_burst_bytes, clock.now_ms());
        Self {
            dir,
            head: opened.head,
            wal: opened.wal,
            files: opened.files,
            deletes: RwLock::new(opened.deletes),
            changing_deletes: Mutex::default(),
            erased: Erased::default(),
            followers: Followers::default(),
            limits,
            retention: Retention::new(storage.retention, retention_streams),
            storage,
            clock,
            metrics,
            refused: Stretch::default(),
            committer: Mutex::new(Committer::new(rate)),
            open_streams: AtomicUsize::new(0),
            newest_ns: AtomicI64::new(i64::MIN),
            flushing: Mutex::default(),
            checkpointing: Mutex::default(),
            checkpoint_bytes: AtomicU64::new(opened.checkpoint_bytes),
            sync,
            background: Mutex::default(),
            lock: Mutex::new(Some(lock)),
        }
    }

    /// Housekeeping, all of it: makes a log sound whose sync failed, closes chunks that have waited long, writes files, drops
    /// what is too old or too much, writes a checkpoint when the log has grown enough, frees files of
    /// deleted lines. The store does this by itself under
    /// [`Maintenance::Background`].
    ///
    /// # Errors
    /// [`LogdbError::Wal`] when a checkpoint, [`LogdbError::Disk`] when a file could not be written. Nothing is lost; the
    /// next round tries again.
    pub fn maintain(&self) -> Result<(), LogdbError> {
        let repaired = self.repair_log().map(drop);
        self.close_old();
        // What is too much may be in the way of all else.
        let retained = self.retain();
        repaired.and(retained).and(self.flush_and_checkpoint()).and_then(|()| self.erase())
    }

    /// Writes what waits to a file, and lets the log's old segments go, where either has grown enough.
    pub(crate) fn flush_and_checkpoint(&self) -> Result<(), LogdbError> {
        let flushed = self.flush_if_due();
        flushed.and(self.checkpoint_if_due(Occasion::Housekeeping))
    }

    /// Makes all that was pushed survive power loss, whatever the policy.
    ///
    /// # Errors
    /// [`LogdbError::Wal`]: then nothing is taken until the housekeeping has written the log anew.
    pub fn sync(&self) -> Result<(), LogdbError> {
        Ok(self.wal.sync()?)
    }

    /// Writes all lines to files now, as Loki's `/flush` does.
    ///
    /// # Errors
    /// [`LogdbError::Disk`]: they stay in memory and in the log.
    pub fn flush_all(&self) -> Result<(), LogdbError> {
        self.close_chunks(Full::Any);
        self.flush()
    }

    /// Ends the housekeeping, refuses pushes from now on, syncs, writes a checkpoint if the log is long, and gives the
    /// folder free. Queries go on. A second call does nothing.
    ///
    /// # Errors
    /// [`LogdbError::Wal`] when the sync or the checkpoint failed. The folder is free then, too.
    pub fn close(&self) -> Result<(), LogdbError> {
        drop(self.background.lock().unwrap_or_else(PoisonError::into_inner).take());
        let is_first = self.committer.lock().unwrap_or_else(PoisonError::into_inner).close();
        let closed = if is_first {
            let sound = self.repair_log().and_then(|_| self.sync());
            sound.and_then(|()| self.checkpoint_if_due(Occasion::Stop))
        } else {
            Ok(())
        };
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
        closed
    }

    /// The turn to push; `None` when an earlier push panicked and memory may not be what the log says.
    pub(crate) fn committer(&self) -> Option<MutexGuard<'_, Committer>> {
        self.committer.lock().ok()
    }

    pub(crate) fn flushing(&self) -> MutexGuard<'_, ()> {
        self.flushing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn sync_policy(&self) -> SyncPolicy {
        self.sync
    }

    /// Counts a stream that has come to have waiting lines, or has none any more.
    pub(crate) fn count_open_streams(&self, was_open: bool, is_open: bool) {
        match (was_open, is_open) {
            (false, true) => drop(self.open_streams.fetch_add(1, Ordering::Relaxed)),
            (true, false) => drop(self.open_streams.fetch_sub(1, Ordering::Relaxed)),
            _ => {}
        }
    }

    /// Counts what was read at the start.
    fn recount(&self) {
        let all = self.head.all();
        let open = all.iter().filter(|stream| stream.state().is_open()).count();
        let newest_ns = all.iter().map(|stream| stream.state().newest_ns).max();
        self.open_streams.store(open, Ordering::Relaxed);
        self.newest_ns.store(newest_ns.unwrap_or(i64::MIN), Ordering::Relaxed);
    }
}

/// Reads all that is there.
fn read(options: &Options) -> Result<(Opened, RecoveryReport), LogdbError> {
    let now_ms = options.clock.now_ms();
    let limits = &options.limits;
    let rate = Bucket::new(limits.per_stream_rate_bytes, limits.per_stream_burst_bytes, now_ms);
    let head = Head::default();
    let mut report = RecoveryReport::default();
    let quarantine = options.dir.join(QUARANTINE_DIR);
    let opening = Opening {
        disk: &options.disk,
        dir: options.dir.join(CHUNKS_DIR),
        quarantine: &quarantine,
        damage: options.damage,
        metrics: &options.metrics,
        retention: Retention::new(options.storage.retention, options.retention_streams.clone()),
    };
    let restored = |file: &Arc<ChunkFile>, streams: &[StreamChunks]| {
        report.file_lines += restore(&head, rate, file, streams);
        report.files += 1;
    };
    let (files, damage) = Files::open(&opening, restored)?;
    report.file_damage = damage;
    let full = Full::TextBytes(options.storage.chunk_text_bytes);
    let mut replayer = Replayer::new(&head, full, rate, now_ms);
    let (wal, log) =
        Wal::open(wal_options(options), &mut |source, bytes: &[u8]| replayer.visit(source, bytes))?;
    report.log_lines = replayer.lines;
    let deletes = read_deletes(options, &quarantine, &mut report.file_damage)?;
    let checkpoint_bytes = log.checkpoint_bytes;
    report.log = log;
    Ok((Opened { head, files, wal, deletes, checkpoint_bytes }, report))
}

/// Puts the chunks of a file into their streams; how many lines they have.
fn restore(head: &Head, rate: Bucket, file: &Arc<ChunkFile>, streams: &[StreamChunks]) -> u64 {
    let mut lines = 0;
    for found in streams {
        let stream = head.get_or_insert(&found.labels, |labels| Stream::new(labels, rate));
        let mut state = stream.state();
        for chunk in found.of_file(file, || head.chunk_number()) {
            let count = u64::from(chunk.info.lines);
            // A write whose end nobody was told of may have left the same chunks in two files.
            lines += if state.restore(chunk) { count } else { 0 };
        }
    }
    lines
}

/// Reads what was deleted. A damaged list is set aside like any damaged file.
fn read_deletes(
    options: &Options,
    quarantine: &Path,
    damage: &mut Vec<Damage>,
) -> Result<Deletes, LogdbError> {
    let disk = &*options.disk;
    disk.sync_dir(&options.dir)?;
    let reason = match Deletes::open(disk, &options.dir)? {
        Ok(deletes) => return Ok(deletes),
        Err(reason) => reason.to_owned(),
    };
    let file = options.dir.join(DELETES_FILE);
    if options.damage == DamagePolicy::Refuse {
        return Err(LogdbError::DamagedFile { path: file, offset_bytes: 0, reason });
    }
    tracing::error!(file = %file.display(), reason, "the list of deletions is set aside: what was deleted is shown again");
    disk.create_dir_all(quarantine)?;
    let to = quarantine.join(DELETES_FILE);
    disk.rename(&file, &to)?;
    disk.sync_dir(quarantine)?;
    disk.sync_dir(&options.dir)?;
    options.metrics.quarantined.inc();
    damage.push(Damage { file, offset_bytes: 0, len_bytes: 0, reason, quarantined_to: Some(to) });
    Ok(Deletes::default())
}

fn wal_options(options: &Options) -> wal::Options {
    wal::Options {
        dir: options.dir.join(WAL_DIR),
        quarantine: options.dir.join(QUARANTINE_DIR),
        disk: Arc::clone(&options.disk) as Arc<dyn Disk>,
        sync: options.sync,
        damage: options.damage,
        segment_bytes: options.storage.segment_bytes,
        metrics: Arc::clone(&options.metrics.wal),
    }
}
