//! The log: opening, appending, syncing, letting old segments go.
//!
//! One lock guards the newest segment; an append is one write under it, and under `every-commit` one sync. A write that
//! fails is cut off again and the log goes on; a cut or a sync that fails poisons the log, for after that nobody knows
//! what the disk holds. A poisoned log takes nothing until all that it should hold has been written anew, to other files
//! ([`Wal::begin_repair`]). An interval sync runs beside the appends: it takes the file out of the lock and syncs it there.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use disk::{Disk, DiskError, DiskFile};

use crate::checkpoint::{Checkpoint, Purpose};
use crate::filenames::LogFile;
use crate::frame::{FileId, HEADER_BYTES};
use crate::replay::{self, Found};
use crate::{Batch, DamagePolicy, Metrics, Replay, SyncPolicy, WalError};

/// A segment that has reached this size is followed by a new one: small enough to be read whole at replay, large enough
/// that a day of a busy monitor is some dozens of files.
pub const SEGMENT_BYTES: u64 = 32 << 20;

/// What [`Wal::probe`] writes and removes. Its name is that of a half-made file, which a start removes.
const PROBE_FILE: &str = "probe.tmp";
/// About a commit of a busy monitor: where that fits, the next one most likely does.
const PROBE_BYTES: usize = 1 << 20;

/// What a log is opened with.
#[derive(Debug)]
pub struct Options {
    /// The folder of the log alone; made when missing. Whoever opens it holds the lock of a folder above.
    pub dir: PathBuf,
    /// Where copies of damaged bytes go; made when needed.
    pub quarantine: PathBuf,
    /// Where files are.
    pub disk: Arc<dyn Disk>,
    /// When to sync.
    pub sync: SyncPolicy,
    /// What to do about damage.
    pub damage: DamagePolicy,
    /// Size at which a segment is closed; [`SEGMENT_BYTES`] but in tests.
    pub segment_bytes: u64,
    /// Where to count.
    pub metrics: Arc<Metrics>,
}

/// An append that has waited so long for the disk is shown as a refusal: whoever waits for it gets no answer either.
const STUCK_AFTER: Duration = Duration::from_secs(3);

/// Why a log takes nothing at present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong, for people.
    pub reason: String,
    /// For how long.
    pub lasted: Duration,
}

/// A log that is open for appending.
#[derive(Debug)]
pub struct Wal {
    pub(crate) options: Options,
    state: Mutex<State>,
    /// Apart from the state, which is held while the disk works: who asks how it goes must not wait for a disk that hangs.
    shown: Mutex<Shown>,
}

#[derive(Debug, Default)]
struct Shown {
    refusal: Option<(String, Instant)>,
    /// Since when an append has been at the disk.
    at_disk_since: Option<Instant>,
    len_bytes: u64,
}

#[derive(Debug)]
struct State {
    /// The newest segment; `None` until the first append after opening.
    current: Option<Segment>,
    next_number: u64,
    /// Bytes of all files but the newest segment.
    older_bytes: u64,
    poisoned: Option<String>,
    /// Number of the newest checkpoint that is done or may be. It can be that of the next segment, when nothing was
    /// appended since; no other checkpoint may have it, or it would be written over.
    checkpoint: u64,
    /// How often the log was written anew. A sync that began before that speaks of files that are gone.
    repairs: u64,
    /// Why the last append was refused; cleared by the next good one.
    refused: Option<String>,
}

#[derive(Debug)]
struct Segment {
    id: FileId,
    file: Arc<dyn DiskFile>,
    len_bytes: u64,
    is_synced: bool,
}

impl Wal {
    /// Reads the log through `visit`, in the order in which it was written, and opens it for appending.
    ///
    /// `visit` answers with a reason when it can make nothing of a record; that record is then treated as damage.
    ///
    /// # Errors
    /// [`WalError::Disk`]; [`WalError::Version`]; [`WalError::Damaged`] under [`DamagePolicy::Refuse`].
    pub fn open(options: Options, visit: &mut dyn replay::Visit) -> Result<(Self, Replay), WalError> {
        options.disk.create_dir_all(&options.dir)?;
        let Found { report, next_number, bytes } = replay::replay(&options, visit)?;
        options.metrics.count_damage(report.damage.len() as u64);
        options.metrics.torn_bytes.inc_by(report.torn_bytes);
        let checkpoint = report.checkpoint.unwrap_or(0);
        let state = State {
            current: None,
            next_number,
            older_bytes: bytes,
            poisoned: None,
            checkpoint,
            repairs: 0,
            refused: None,
        };
        let this = Self { options, state: Mutex::new(state), shown: Mutex::default() };
        this.show(&this.state());
        Ok((this, report))
    }

    /// Appends all records of the batch by one write, then syncs if the policy says so. On success they survive what
    /// the policy promises.
    ///
    /// # Errors
    /// [`WalError::Disk`]: nothing was taken, the next append may succeed. [`WalError::Poisoned`]: nothing is taken
    /// until the log is repaired; before that, the batch may or may not be found after a restart.
    /// [`WalError::RecordSize`].
    pub fn append(&self, batch: &mut Batch) -> Result<(), WalError> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut state = self.state();
        self.shown().at_disk_since = Some(Instant::now());
        let done = self.append_locked(&mut state, batch);
        self.shown().at_disk_since = None;
        let refused = done.as_ref().err().map(ToString::to_string);
        // Said when it begins and when it is over, not at every append in between.
        match (&state.refused, &refused) {
            (None, Some(reason)) => tracing::error!(%reason, "the log cannot be written: what comes is lost"),
            (Some(_), None) => tracing::info!("the log can be written again"),
            _ => {}
        }
        state.refused = refused;
        if done.is_err() {
            self.options.metrics.writes_failed.inc();
        }
        self.show(&state);
        done
    }

    /// Syncs what was appended; does not hold up appends meanwhile.
    ///
    /// # Errors
    /// [`WalError::Poisoned`].
    pub fn sync(&self) -> Result<(), WalError> {
        let (file, repairs) = {
            let mut state = self.state();
            state.check()?;
            let repairs = state.repairs;
            // Marked before the sync: what is appended during it marks the segment anew.
            match state.current.as_mut().filter(|segment| !segment.is_synced) {
                None => return Ok(()),
                Some(segment) => {
                    segment.is_synced = true;
                    (Arc::clone(&segment.file), repairs)
                }
            }
        };
        let Err(error) = self.timed_sync(&*file) else { return Ok(()) };
        let mut state = self.state();
        // What this file held has been written anew meanwhile, and synced.
        if state.repairs > repairs { Ok(()) } else { Err(self.poison(&mut state, &error)) }
    }

    /// Begins a new segment; the checkpoint that is given stands for all before it. Nobody may append between this
    /// call and the moment at which the caller has gathered what the checkpoint shall hold.
    ///
    /// # Errors
    /// As [`Wal::append`].
    pub fn begin_checkpoint(&self) -> Result<Checkpoint<'_>, WalError> {
        let mut state = self.state();
        self.begin_segment(&mut state)?;
        if state.current.as_ref().is_some_and(|segment| segment.id.number <= state.checkpoint) {
            self.begin_segment(&mut state)?;
        }
        let number = state.current.as_ref().map_or(0, |segment| segment.id.number);
        self.show(&state);
        Ok(Checkpoint::new(self, number, Purpose::Shorten))
    }

    /// Begins to write a poisoned log anew; `None` when it is not poisoned. The checkpoint that is given shall hold all
    /// that was ever acknowledged and is still wanted; when it is finished, the log is sound and appends are taken.
    ///
    /// The files in doubt are neither written nor synced again: a kernel that has failed to write a page may forget it and
    /// report success the next time. Each try has a number of its own, so that it meets no file of an earlier one.
    pub fn begin_repair(&self) -> Option<Checkpoint<'_>> {
        let mut state = self.state();
        state.poisoned.as_ref()?;
        let number = state.next_number.max(state.checkpoint + 1);
        state.next_number = number + 1;
        Some(Checkpoint::new(self, number, Purpose::Repair))
    }

    /// Finds out whether a log that refused the last append for want of room or the like would take one now, so that it
    /// does not stay refusing for want of anybody who tries. True when it takes appends.
    pub fn probe(&self) -> bool {
        let mut state = self.state();
        if state.poisoned.is_some() || state.refused.is_none() {
            return state.poisoned.is_none();
        }
        let path = self.options.dir.join(PROBE_FILE);
        let disk = &*self.options.disk;
        let written = disk.create(&path).and_then(|file| file.append(&vec![0; PROBE_BYTES]));
        let removed = disk.remove_file(&path);
        if written.and(removed).is_err() {
            return false;
        }
        tracing::info!("the log can be written again");
        state.refused = None;
        self.show(&state);
        true
    }

    /// The mark that checkpoint `number` is done may be on the disk from now on.
    pub(crate) fn sealing(&self, number: u64) {
        let mut state = self.state();
        state.checkpoint = state.checkpoint.max(number);
    }

    /// All that was in doubt is in checkpoint `number`, which is on the disk: the log goes on behind it.
    pub(crate) fn repaired(&self, number: u64) {
        let mut state = self.state();
        let reason = state.poisoned.take().unwrap_or_default();
        tracing::warn!(%reason, number, "the log was written anew and takes samples again");
        (state.current, state.next_number, state.refused) = (None, number, None);
        state.repairs += 1;
        self.options.metrics.repairs.inc();
        self.options.metrics.poisoned.set(0);
        self.show(&state);
    }

    /// Size of the log on disk, in bytes. Never waits for the disk.
    pub fn len_bytes(&self) -> u64 {
        self.shown().len_bytes
    }

    /// Why the log takes nothing at present: it is poisoned, the last append was refused, or one has waited for the disk
    /// for seconds. Never waits for the disk itself.
    pub fn unavailable(&self) -> Option<Refusal> {
        let shown = self.shown();
        let refused = shown
            .refusal
            .as_ref()
            .map(|(reason, since)| Refusal { reason: reason.clone(), lasted: since.elapsed() });
        refused.or_else(|| {
            let lasted = shown.at_disk_since?.elapsed();
            let reason = "the disk does not answer: a write to the log is waiting".to_owned();
            (lasted > STUCK_AFTER).then_some(Refusal { reason, lasted })
        })
    }

    /// Called when all files but the newest segment come to so many bytes.
    pub(crate) fn set_older_bytes(&self, bytes: u64) {
        let mut state = self.state();
        state.older_bytes = bytes;
        self.show(&state);
    }

    pub(crate) fn current_number(&self) -> u64 {
        self.state().current.as_ref().map_or(u64::MAX, |segment| segment.id.number)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append_locked(&self, state: &mut State, batch: &mut Batch) -> Result<(), WalError> {
        state.check()?;
        if state.current.as_ref().is_none_or(|segment| segment.len_bytes >= self.options.segment_bytes) {
            self.begin_segment(state)?;
        }
        let segment = state.current.as_mut().expect("begun above when there was none");
        let bytes = batch.seal(segment.id, segment.len_bytes)?;
        segment.is_synced = false;
        if let Err(error) = segment.file.append(bytes) {
            return match segment.file.truncate(segment.len_bytes) {
                Ok(()) => Err(error.into()),
                Err(cut) => Err(self.poison(state, &cut)),
            };
        }
        segment.len_bytes += bytes.len() as u64;
        if self.options.sync == SyncPolicy::EveryCommit {
            if let Err(error) = self.timed_sync(&*segment.file) {
                return Err(self.poison(state, &error));
            }
            segment.is_synced = true;
        }
        Ok(())
    }

    /// Syncs and closes the newest segment and begins the next. If making the next fails, the newest stays.
    fn begin_segment(&self, state: &mut State) -> Result<(), WalError> {
        state.check()?;
        // Also when it is marked as synced: the interval sync may still be at it.
        if let Some(segment) = &state.current
            && let Err(error) = self.timed_sync(&*segment.file)
        {
            return Err(self.poison(state, &error));
        }
        let id = FileId::segment(state.next_number);
        let path = self.options.dir.join(LogFile::Segment { number: id.number }.name());
        let begun = self.options.disk.create(&path).and_then(|file| {
            file.append(&id.header())?;
            file.sync()?;
            self.options.disk.sync_dir(&self.options.dir)?;
            Ok(file)
        });
        let file = begun.inspect_err(|_| {
            // A file without a whole header would be a torn end that is none. The same number is tried again.
            drop(self.options.disk.remove_file(&path));
        })?;
        let closed =
            state.current.replace(Segment { id, file, len_bytes: HEADER_BYTES as u64, is_synced: true });
        state.older_bytes += closed.map_or(0, |segment| segment.len_bytes);
        state.next_number += 1;
        self.options.metrics.segment_current.set(i64::try_from(id.number).unwrap_or(i64::MAX));
        Ok(())
    }

    pub(crate) fn timed_sync(&self, file: &dyn DiskFile) -> Result<(), DiskError> {
        let begun = Instant::now();
        let done = file.sync();
        self.options.metrics.fsync_duration.observe(begun.elapsed().as_secs_f64());
        done
    }

    fn poison(&self, state: &mut State, error: &DiskError) -> WalError {
        let reason = error.to_string();
        tracing::error!(%reason, "the log is poisoned: it takes nothing until it is written anew");
        self.options.metrics.poisoned.set(1);
        let reason = state.poisoned.get_or_insert(reason).clone();
        self.show(state);
        WalError::Poisoned { reason }
    }

    fn show(&self, state: &State) {
        let metrics = &self.options.metrics;
        metrics.storage_bytes.set(i64::try_from(state.len_bytes()).unwrap_or(i64::MAX));
        let refusal = state.poisoned.as_ref().or(state.refused.as_ref());
        metrics.writable.set(i64::from(refusal.is_none()));
        let mut shown = self.shown();
        shown.len_bytes = state.len_bytes();
        let since = shown.refusal.take().map_or_else(Instant::now, |(_, since)| since);
        shown.refusal = refusal.map(|reason| (reason.clone(), since));
    }
}

impl State {
    fn check(&self) -> Result<(), WalError> {
        match &self.poisoned {
            None => Ok(()),
            Some(reason) => Err(WalError::Poisoned { reason: reason.clone() }),
        }
    }

    fn len_bytes(&self) -> u64 {
        self.older_bytes + self.current.as_ref().map_or(0, |segment| segment.len_bytes)
    }
}
