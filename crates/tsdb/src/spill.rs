//! Finished chunks, out of the process' own memory and into files that are mapped (docs/formats/spill.md).
//!
//! A chunk that is finished waits in memory until there are enough of them for a file. The file is written whole, mapped,
//! and only then do series point to it: each to its newest chunk, and each chunk to the one before. So a series pays for
//! its place in the files with eight bytes, however many chunks it has, and the kernel decides what stays in memory.
//!
//! The log has all of it: files are never synced, and a start throws them away and makes new ones. A file that cannot be
//! written is counted, and its chunks stay where they are.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use columns::TimeRange;
use disk::{Disk, DiskError, FileBytes};

use crate::filenames::spill_file;
use crate::series::Series;
use crate::xor::Chunk;
use crate::{Db, Limits};

/// What a series whose chunk waits takes beside the chunk's bytes: the box, the list, the place in the queue.
const BESIDE_BYTES: u64 = 128;

/// Of a chunk with its header so much is fetched ahead: most end before.
const UNREAD_BYTES: usize = 192;

/// Where a chunk lies: number of its file, and offset there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(u64);

impl Place {
    /// Nowhere: a series without chunks in files.
    pub(crate) const NONE: Self = Self(u64::MAX);

    fn new(file: u32, offset: u32) -> Self {
        Self(u64::from(file) << 32 | u64::from(offset))
    }

    pub(crate) fn is_none(self) -> bool {
        self == Self::NONE
    }
}

/// A chunk in a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spilled<'a> {
    pub(crate) place: Place,
    before: Place,
    pub(crate) first_ms: i64,
    pub(crate) last_ms: i64,
    pub(crate) bytes: &'a [u8],
}

#[derive(Debug)]
struct SpillFile {
    path: PathBuf,
    bytes: FileBytes,
    /// Time of the newest sample in it.
    newest_ms: i64,
}

/// The files at one moment; who holds this can read them, also when they are let go meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Files {
    /// Number of the first.
    base: u32,
    /// By number; those that were let go are none.
    all: Vec<Option<Arc<SpillFile>>>,
}

impl Files {
    /// The chunk at `place`; `None` when its file was let go, or is younger than this.
    pub(crate) fn get(&self, place: Place) -> Option<Spilled<'_>> {
        read(&self.file(place)?.bytes, place)
    }

    /// Where the chunk at `place` begins, without a look at it.
    pub(crate) fn get_unread(&self, place: Place) -> Option<&[u8]> {
        let from = self.file(place)?.bytes.get(place.0 as u32 as usize..)?;
        Some(from.get(..UNREAD_BYTES).unwrap_or(from))
    }

    /// Whether the file is here that has this place.
    pub(crate) fn has(&self, place: Place) -> bool {
        self.file(place).is_some()
    }

    fn file(&self, place: Place) -> Option<&SpillFile> {
        let at = ((place.0 >> 32) as u32).checked_sub(self.base)?;
        self.all.get(at as usize)?.as_deref()
    }

    /// The chunks of a series that may have samples in `range`, newest first: from `newest` back to the one that begins
    /// with its oldest sample. Ends early where a file was let go.
    pub(crate) fn chain(&self, newest: Place, oldest_ms: i64, range: TimeRange) -> Chain<'_> {
        Chain { files: self, next: newest, oldest_ms, range, before_ms: None }
    }

    fn next_number(&self) -> u32 {
        self.base.saturating_add(self.all.len() as u32)
    }

    fn with(&self, added: SpillFile) -> Self {
        let mut all = self.all.clone();
        all.push(Some(Arc::new(added)));
        Self { base: self.base, all }
    }

    /// These without the files that end before `cutoff_ms`, and those.
    fn without_before(&self, cutoff_ms: i64) -> (Self, Vec<Arc<SpillFile>>) {
        let mut all = self.all.clone();
        let old = all.iter_mut().filter_map(|file| file.take_if(|file| file.newest_ms < cutoff_ms));
        let old: Vec<Arc<SpillFile>> = old.collect();
        let gone = all.iter().take_while(|file| file.is_none()).count();
        all.drain(..gone);
        (Self { base: self.base + gone as u32, all }, old)
    }
}

/// See [`Files::chain`].
pub(crate) struct Chain<'a> {
    files: &'a Files,
    next: Place,
    oldest_ms: i64,
    range: TimeRange,
    /// Times must fall, or bytes that are not ours could lead in a circle.
    before_ms: Option<i64>,
}

impl Spilled<'_> {
    /// The chunk before, unless this is the one that begins with the oldest sample.
    pub(crate) fn before(&self, oldest_ms: i64) -> Place {
        if self.first_ms <= oldest_ms { Place::NONE } else { self.before }
    }

    /// A copy in memory.
    pub(crate) fn to_chunk(self) -> Chunk {
        Chunk { first_ms: self.first_ms, last_ms: self.last_ms, bytes: Arc::from(self.bytes) }
    }
}

impl<'a> Iterator for Chain<'a> {
    type Item = Spilled<'a>;

    fn next(&mut self) -> Option<Spilled<'a>> {
        while !self.next.is_none() {
            let chunk = self.files.get(self.next)?;
            if self.before_ms.is_some_and(|before_ms| chunk.last_ms >= before_ms)
                || chunk.last_ms < self.range.from.0
            {
                return None;
            }
            self.before_ms = Some(chunk.first_ms);
            self.next = chunk.before(self.oldest_ms);
            if chunk.first_ms <= self.range.to.0 {
                return Some(chunk);
            }
        }
        None
    }
}

fn put(out: &mut Vec<u8>, before: Place, chunk: &Chunk) {
    out.extend_from_slice(&before.0.to_le_bytes());
    out.extend_from_slice(&chunk.first_ms.to_le_bytes());
    out.extend_from_slice(&chunk.last_ms.to_le_bytes());
    out.extend_from_slice(&(chunk.bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(&chunk.bytes);
}

fn read(file: &[u8], place: Place) -> Option<Spilled<'_>> {
    let (before, rest) = file.get(place.0 as u32 as usize..)?.split_first_chunk()?;
    let (first, rest) = rest.split_first_chunk()?;
    let (last, rest) = rest.split_first_chunk()?;
    let (len, rest) = rest.split_first_chunk()?;
    Some(Spilled {
        place,
        before: Place(u64::from_le_bytes(*before)),
        first_ms: i64::from_le_bytes(*first),
        last_ms: i64::from_le_bytes(*last),
        bytes: rest.get(..u32::from_le_bytes(*len) as usize)?,
    })
}

impl Db {
    /// Writes as many files as there are chunks for.
    pub(crate) fn spill_if_due(&self) {
        while self.head.spill.is_due() {
            match self.head.spill.write_one() {
                Ok(None) => return,
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
    /// Held by whoever writes a file or lets some go.
    turn: Mutex<()>,
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
        let told = |gift: &&Gift| gift.series.state().has_spilled(gift.before, &gift.chunks, gift.place);
        let told = self.gifts.iter().filter(told).flat_map(|gift| &gift.chunks);
        told.map(|chunk| chunk.bytes.len() as u64).sum()
    }
}

impl Spill {
    /// Begins with an empty folder: what is in it belongs to a process that is gone.
    pub(crate) fn open(disk: Arc<dyn Disk>, dir: &Path, limits: &Limits) -> Result<Self, DiskError> {
        disk.create_dir_all(dir)?;
        for entry in disk.list(dir)? {
            disk.remove_file(&dir.join(entry.name))?;
        }
        Ok(Self {
            disk,
            dir: dir.to_owned(),
            queue: Mutex::default(),
            waiting_bytes: AtomicU64::new(0),
            files: RwLock::default(),
            bytes: AtomicU64::new(0),
            turn: Mutex::default(),
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
        self.waiting_bytes.load(Ordering::Relaxed) >= self.file_bytes
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
        let Some(newest_ms) = gifts.iter().flat_map(|gift| &gift.chunks).map(|chunk| chunk.last_ms).max()
        else {
            return Ok(None);
        };
        let file = self.write(number, &bytes, newest_ms).inspect_err(|_| self.put_back(&gifts))?;
        *self.files.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(files.with(file));
        self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(Some(Written { gifts, _turn: turn }))
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

    fn write(&self, number: u32, bytes: &[u8], newest_ms: i64) -> Result<SpillFile, DiskError> {
        let path = self.dir.join(spill_file(number));
        let written = self
            .disk
            .create(&path)
            .and_then(|file| file.append(bytes))
            .and_then(|()| self.disk.map(&path))
            .inspect_err(|_| drop(self.disk.remove_file(&path)))?;
        Ok(SpillFile { path, bytes: written, newest_ms })
    }

    /// Lets the files go that end before `cutoff_ms`.
    pub(crate) fn drop_before(&self, cutoff_ms: i64) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let (kept, old) = self.files().without_before(cutoff_ms);
        if old.is_empty() {
            return;
        }
        *self.files.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(kept);
        for file in old {
            self.bytes.fetch_sub(file.bytes.len() as u64, Ordering::Relaxed);
            if let Err(error) = self.disk.remove_file(&file.path) {
                tracing::warn!(%error, "a file of chunks that is no longer needed stays until the next start");
            }
        }
    }
}
