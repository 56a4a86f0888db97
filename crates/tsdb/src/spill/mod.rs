//! Finished chunks, out of the process' own memory and into files that are mapped (docs/formats/spill.md).
//!
//! A chunk that is finished waits in memory until there are enough of them for a file. The file is written whole, synced, mapped,
//! and only then do series point to it: each to its newest chunk, and each chunk to the one before. So a series pays for
//! its place in the files with eight bytes, however many chunks it has, and the kernel decides what stays in memory.
//!
//! A checkpoint lists the files and says of a series where its newest chunk lies, instead of what its chunks are: so it
//! is written and read in a fraction of the time. The next start keeps the files that are listed, if their sums are
//! right (`kept.rs`), and throws all others away: the log behind the checkpoint has what was in those. A file that a checkpoint
//! lists stays on the disk until there is one that does not. A file that cannot be written is counted, and its chunks stay where they are.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use disk::{Disk, DiskError};
use stdx::prefetch;

use crate::checkpoint_record::FileRecord;
use crate::series::Series;
use crate::xor::{self, Chunk};
use crate::{Db, Limits};

mod files;
mod kept;
#[cfg(test)]
mod tests;

pub(crate) use files::{Files, Place};
use files::{SpillFile, put};
pub(crate) use kept::{Unfit, check, lost_list};

/// How many series ahead the memory of one is fetched, and how many ahead that of its chunks, which is known only when the series is
/// there: they lie all over memory, and waiting for each is most of what making a file takes.
const FETCH_AHEAD: usize = 12;
const FETCH_WAITING_AHEAD: usize = 6;

/// What a series whose chunk waits takes beside the chunk's bytes: the box, the list, the place in the queue.
const BESIDE_BYTES: u64 = 128;

impl Db {
    /// Writes as many files as there are chunks for.
    pub(crate) fn spill_if_due(&self) {
        while self.head.spill.is_due() {
            match self.head.spill.write_one() {
                Ok(None) => {
                    // Enough waits, but the files are at their limit.
                    if self.head.spill.is_due() {
                        self.metrics.spills_refused.inc();
                    }
                    return;
                }
                Ok(Some(written)) => {
                    // Who counts anew must not find a part of them moved.
                    let Some(_turn) = self.committer() else { return };
                    self.head.count_spilled(written.tell());
                }
                Err(error) => {
                    self.metrics.spills_failed.inc();
                    return tracing::warn!(%error, "finished chunks stay in memory for now");
                }
            }
        }
    }
}

/// All files, and the series that wait for one.
#[derive(Debug)]
pub(crate) struct Spill {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    /// Series that have finished a chunk since they were asked last, once a chunk.
    queue: Mutex<VecDeque<Arc<Series>>>,
    /// Bytes that the queue keeps in memory.
    waiting_bytes: AtomicU64,
    files: RwLock<Arc<Files>>,
    bytes: AtomicU64,
    /// Held by whoever writes a file.
    turn: Mutex<()>,
    /// Files that nobody needs but the newest checkpoint.
    doomed: Mutex<Vec<Arc<SpillFile>>>,
    /// Bytes of chunks that are worth a file.
    file_bytes: u64,
    /// Bytes of all files.
    bytes_max: u64,
}

/// What a series gave, and what it must still be when it is told its place.
struct Gift {
    series: Arc<Series>,
    before: Place,
    chunks: Vec<Chunk>,
    place: Place,
}

/// A file that was written, of which series are to be told yet. No other is written meanwhile.
pub(crate) struct Written<'a> {
    gifts: Vec<Gift>,
    _turn: MutexGuard<'a, ()>,
}

impl Written<'_> {
    /// Tells the series. Gives the bytes of chunks that have left memory by it.
    pub(crate) fn tell(self) -> u64 {
        let mut bytes = 0;
        for (at, gift) in self.gifts.iter().enumerate() {
            if let Some(ahead) = self.gifts.get(at + FETCH_AHEAD) {
                prefetch(&*ahead.series);
            }
            if gift.series.state().has_spilled(gift.before, &gift.chunks, gift.place) {
                bytes += gift.chunks.iter().map(|chunk| chunk.bytes.len() as u64).sum::<u64>();
            }
        }
        bytes
    }
}

impl Spill {
    /// Begins without files: what is in the folder waits for a checkpoint that lists it ([`Spill::keep`]).
    pub(crate) fn open(disk: Arc<dyn Disk>, dir: &Path, limits: &Limits) -> Result<Self, DiskError> {
        disk.create_dir_all(dir)?;
        Ok(Self {
            disk,
            dir: dir.to_owned(),
            queue: Mutex::default(),
            waiting_bytes: AtomicU64::new(0),
            files: RwLock::default(),
            bytes: AtomicU64::new(0),
            turn: Mutex::default(),
            doomed: Mutex::default(),
            file_bytes: limits.spill_file_bytes,
            bytes_max: limits.spilled_bytes_max,
        })
    }

    /// The files as they are now.
    pub(crate) fn files(&self) -> Arc<Files> {
        Arc::clone(&self.files.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Bytes of all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The series has finished chunks of so many bytes.
    pub(crate) fn wait(&self, series: &Arc<Series>, bytes: u64) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.push_back(Arc::clone(series));
        // While the queue is locked: whoever empties it sets this to nothing.
        self.waiting_bytes.fetch_add(bytes + BESIDE_BYTES, Ordering::Relaxed);
    }

    /// Whether there is enough for a file.
    pub(crate) fn is_due(&self) -> bool {
        self.has_waiting(1)
    }

    /// Whether there is enough for so many files.
    pub(crate) fn has_waiting(&self, files: u64) -> bool {
        self.waiting_bytes.load(Ordering::Relaxed) >= self.file_bytes.saturating_mul(files)
    }

    /// Writes one file of chunks that wait; `None` when there are none, or when the files have come to their limit.
    pub(crate) fn write_one(&self) -> Result<Option<Written<'_>>, DiskError> {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if self.bytes() >= self.bytes_max {
            return Ok(None);
        }
        let files = self.files();
        let number = files.next_number();
        let (bytes, gifts) = self.collect(number);
        let chunks = || gifts.iter().flat_map(|gift| &gift.chunks);
        let Some(newest_ms) = chunks().map(|chunk| chunk.last_ms).max() else { return Ok(None) };
        let record = FileRecord {
            number,
            len_bytes: bytes.len() as u64,
            sum: crc32c::crc32c(&bytes),
            newest_ms,
            samples: chunks().map(|chunk| u64::from(xor::count(&chunk.bytes))).sum(),
        };
        let file = self.write(record, &bytes).inspect_err(|_| self.put_back(&gifts))?;
        self.change_files(|files| files.with(file));
        self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(Some(Written { gifts, _turn: turn }))
    }

    fn change_files(&self, change: impl FnOnce(&Files) -> Files) {
        let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
        *files = Arc::new(change(&files));
    }

    /// Takes series off the queue until their chunks fill a file.
    fn collect(&self, number: u32) -> (Vec<u8>, Vec<Gift>) {
        let (mut bytes, mut gifts) = (Vec::new(), Vec::new());
        let mut seen = HashSet::new();
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let mut chunk_bytes = 0;
        while (bytes.len() as u64) < self.file_bytes
            && let Some(series) = queue.pop_front()
        {
            if let Some(ahead) = queue.get(FETCH_AHEAD) {
                prefetch(&**ahead);
            }
            if let Some(ahead) = queue.get(FETCH_WAITING_AHEAD) {
                ahead.state().fetch_waiting();
            }
            let (before, chunks) = series.state().waiting();
            // One that stands here once more has given all it has.
            if chunks.is_empty() || !seen.insert(series.id) {
                continue;
            }
            let mut place = before;
            for chunk in &chunks {
                let next = Place::new(number, bytes.len() as u32);
                put(&mut bytes, place, chunk);
                place = next;
                chunk_bytes += chunk.bytes.len() as u64;
            }
            chunk_bytes += BESIDE_BYTES;
            gifts.push(Gift { series, before, chunks, place });
        }
        let left = self.waiting_bytes.load(Ordering::Relaxed).saturating_sub(chunk_bytes);
        self.waiting_bytes.store(if queue.is_empty() { 0 } else { left }, Ordering::Relaxed);
        (bytes, gifts)
    }

    /// They wait on.
    fn put_back(&self, gifts: &[Gift]) {
        for gift in gifts {
            self.wait(&gift.series, gift.chunks.iter().map(|chunk| chunk.bytes.len() as u64).sum());
        }
    }

    /// Writes a file and makes its bytes durable; one whose sync failed is removed, and another made for its chunks.
    fn write(&self, record: FileRecord, bytes: &[u8]) -> Result<SpillFile, DiskError> {
        let path = self.path(&record);
        let written = self
            .disk
            .create(&path)
            .and_then(|file| file.append(bytes).and_then(|()| file.sync()))
            .and_then(|()| self.disk.map(&path))
            .inspect_err(|_| drop(self.disk.remove_file(&path)))?;
        Ok(SpillFile { path, bytes: written, record, is_listed: AtomicBool::new(false) })
    }

    /// Lets go of the pages that were read since the last time. What is read again comes back from the kernel's memory, 64 KiB in some
    /// microseconds.
    pub(crate) fn let_go_of_pages(&self) {
        self.files().let_go_of_pages();
    }

    /// Lets the files go that end before `cutoff_ms`.
    pub(crate) fn drop_before(&self, cutoff_ms: i64) {
        let mut old = Vec::new();
        self.change_files(|files| {
            let (kept, dropped) = files.without_before(cutoff_ms);
            old = dropped;
            kept
        });
        for file in old {
            self.bytes.fetch_sub(file.bytes.len() as u64, Ordering::Relaxed);
            if file.is_listed.load(Ordering::Relaxed) {
                self.doomed.lock().unwrap_or_else(PoisonError::into_inner).push(file);
            } else {
                self.remove(&file.path);
            }
        }
    }

    fn remove(&self, path: &Path) {
        if let Err(error) = self.disk.remove_file(path) {
            tracing::warn!(%error, "a file of chunks that is no longer needed stays until the next start");
        }
    }
}
