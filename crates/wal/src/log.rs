//! The log: opening, appending, syncing, letting old segments go.
//!
//! One lock guards the newest segment; an append is one write under it, and under `every-commit` one sync. A write that
//! fails is cut off again and the log goes on; a cut or a sync that fails poisons the log, for after that nobody knows
//! what the disk holds. An interval sync runs beside the appends: it takes the file out of the lock and syncs it there.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use disk::{Disk, DiskError, DiskFile};

use crate::checkpoint::Checkpoint;
use crate::filenames::LogFile;
use crate::frame::{FileId, HEADER_BYTES};
use crate::replay::{self, Found};
use crate::{Batch, DamagePolicy, Metrics, Replay, SyncPolicy, WalError};

/// A segment that has reached this size is followed by a new one: small enough to be read whole at replay, large enough
/// that a day of a busy monitor is some dozens of files.
pub const SEGMENT_BYTES: u64 = 32 << 20;

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

/// A log that is open for appending.
#[derive(Debug)]
pub struct Wal {
    pub(crate) options: Options,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The newest segment; `None` until the first append after opening.
    current: Option<Segment>,
    next_number: u64,
    /// Bytes of all files but the newest segment.
    older_bytes: u64,
    poisoned: Option<String>,
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
    pub fn open(options: Options, visit: &mut replay::Visit<'_>) -> Result<(Self, Replay), WalError> {
        options.disk.create_dir_all(&options.dir)?;
        let Found { report, next_number, bytes } = replay::replay(&options, visit)?;
        options.metrics.corruptions.inc_by(report.damage.len() as u64);
        options.metrics.torn_bytes.inc_by(report.torn_bytes);
        options.metrics.storage_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        let state = State { current: None, next_number, older_bytes: bytes, poisoned: None, refused: None };
        Ok((Self { options, state: Mutex::new(state) }, report))
    }

    /// Appends all records of the batch by one write, then syncs if the policy says so. On success they survive what
    /// the policy promises.
    ///
    /// # Errors
    /// [`WalError::Disk`]: nothing was taken, the next append may succeed. [`WalError::Poisoned`]: nothing is taken
    /// any more; the batch may or may not be found after a restart. [`WalError::RecordSize`].
    pub fn append(&self, batch: &mut Batch) -> Result<(), WalError> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut state = self.state();
        let done = self.append_locked(&mut state, batch);
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
        self.show_size(&state);
        done
    }

    /// Syncs what was appended; does not hold up appends meanwhile.
    ///
    /// # Errors
    /// [`WalError::Poisoned`].
    pub fn sync(&self) -> Result<(), WalError> {
        let file = {
            let mut state = self.state();
            state.check()?;
            // Marked before the sync: what is appended during it marks the segment anew.
            match state.current.as_mut().filter(|segment| !segment.is_synced) {
                None => return Ok(()),
                Some(segment) => {
                    segment.is_synced = true;
                    Arc::clone(&segment.file)
                }
            }
        };
        let synced = self.timed_sync(&*file);
        synced.map_err(|e| self.poison(&mut self.state(), &e))
    }

    /// Begins a new segment; the checkpoint that is given stands for all before it. Nobody may append between this
    /// call and the moment at which the caller has gathered what the checkpoint shall hold.
    ///
    /// # Errors
    /// As [`Wal::append`].
    pub fn begin_checkpoint(&self) -> Result<Checkpoint<'_>, WalError> {
        let mut state = self.state();
        self.begin_segment(&mut state)?;
        let number = state.current.as_ref().map_or(0, |segment| segment.id.number);
        self.show_size(&state);
        Ok(Checkpoint::new(self, number))
    }

    /// Size of the log on disk, in bytes.
    pub fn len_bytes(&self) -> u64 {
        self.state().len_bytes()
    }

    /// Why the log takes nothing at present: poisoned, or the last append was refused.
    pub fn unavailable(&self) -> Option<String> {
        let state = self.state();
        state.poisoned.clone().or_else(|| state.refused.clone())
    }

    /// Called when all files but the newest segment come to so many bytes.
    pub(crate) fn set_older_bytes(&self, bytes: u64) {
        let mut state = self.state();
        state.older_bytes = bytes;
        self.show_size(&state);
    }

    pub(crate) fn current_number(&self) -> u64 {
        self.state().current.as_ref().map_or(u64::MAX, |segment| segment.id.number)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
        tracing::error!(%reason, "the log is poisoned: it takes nothing more until restart");
        self.options.metrics.poisoned.set(1);
        WalError::Poisoned { reason: state.poisoned.get_or_insert(reason).clone() }
    }

    fn show_size(&self, state: &State) {
        self.options.metrics.storage_bytes.set(i64::try_from(state.len_bytes()).unwrap_or(i64::MAX));
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
