//! All files of chunks: opening them, numbering them, removing them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use disk::{Disk, DiskError};
use wal::{Damage, DamagePolicy};

use crate::file::{ChunkFile, StreamChunks};
use crate::filenames::{ChunksEntry, chunks_file};
use crate::retention::Retention;
use crate::{LogdbError, Metrics};

/// A file, and how old its lines are.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) file: Arc<ChunkFile>,
    pub(crate) last_ns: i64,
    /// The last moment at which any of its lines is kept.
    pub(crate) until_ns: i64,
}

impl Kept {
    fn new(file: Arc<ChunkFile>, streams: &[StreamChunks], retention: &Retention) -> Self {
        let last_ns = |stream: &StreamChunks| stream.chunks.iter().map(|(info, _)| info.last_ns).max();
        let all = || streams.iter().filter_map(|stream| Some((last_ns(stream)?, &stream.labels)));
        let until = all().map(|(last_ns, labels)| last_ns.saturating_add(retention.of_ns(labels)));
        Self {
            last_ns: all().map(|(last_ns, _)| last_ns).max().unwrap_or(i64::MIN),
            until_ns: until.max().unwrap_or(i64::MIN),
            file,
        }
    }
}

/// All files.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    kept: Mutex<Vec<Kept>>,
    retention: Retention,
    next_number: AtomicU64,
    /// Files whose writing or removal failed: nobody is to find them.
    doubtful: Mutex<Vec<u64>>,
}

/// What the opening needs besides the folder.
#[derive(Debug)]
pub(crate) struct Opening<'a> {
    pub(crate) disk: &'a Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    pub(crate) quarantine: &'a Path,
    pub(crate) damage: DamagePolicy,
    pub(crate) metrics: &'a Metrics,
    pub(crate) retention: Retention,
}

impl Files {
    /// Opens all files of the folder, in order of number, and hands what is in them to `visit`; removes what is half made, sets
    /// damaged ones aside.
    pub(crate) fn open(
        opening: &Opening<'_>,
        mut visit: impl FnMut(&Arc<ChunkFile>, &[StreamChunks]),
    ) -> Result<(Self, Vec<Damage>), LogdbError> {
        let (disk, dir) = (&**opening.disk, opening.dir.as_path());
        disk.create_dir_all(dir)?;
        // A name that only the kernel has must not be relied upon: the log lets go what a file has.
        disk.sync_dir(dir)?;
        let (mut kept, mut damage, mut next_number) = (Vec::new(), Vec::new(), 1);
        for number in scan(disk, dir)? {
            next_number = number + 1;
            match ChunkFile::open(disk, dir, number) {
                Ok((file, streams)) => {
                    visit(&file, &streams);
                    kept.push(Kept::new(file, &streams, &opening.retention));
                }
                Err(error) => damage.push(opening.set_aside(error, number)?),
            }
        }
        let next_number = AtomicU64::new(next_number);
        let files = Self {
            disk: Arc::clone(opening.disk),
            dir: opening.dir.clone(),
            kept: Mutex::new(kept),
            retention: opening.retention.clone(),
            next_number,
            doubtful: Mutex::default(),
        };
        Ok((files, damage))
    }

    /// A number that no file has or had since the start.
    pub(crate) fn take_number(&self) -> u64 {
        self.next_number.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn kept(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a file that was just written.
    pub(crate) fn add(&self, file: Arc<ChunkFile>, streams: &[StreamChunks]) {
        self.kept().push(Kept::new(file, streams, &self.retention));
    }

    /// Has a file that was written anew take the place of the one of its number.
    pub(crate) fn exchange(&self, file: Arc<ChunkFile>, streams: &[StreamChunks]) {
        let (number, new) = (file.number, Kept::new(file, streams, &self.retention));
        if let Some(kept) = self.kept().iter_mut().find(|kept| kept.file.number == number) {
            *kept = new;
        }
    }

    /// Notes that the writing or the removal of a file has failed.
    pub(crate) fn doubt(&self, number: u64) {
        self.doubtful.lock().unwrap_or_else(PoisonError::into_inner).push(number);
    }

    /// Makes sure that files whose writing or removal failed are not there.
    ///
    /// # Errors
    /// [`DiskError`] when one may still be: the next try goes on with it.
    pub(crate) fn remove_doubtful(&self) -> Result<(), DiskError> {
        let mut doubtful = self.doubtful.lock().unwrap_or_else(PoisonError::into_inner);
        if doubtful.is_empty() {
            return Ok(());
        }
        for number in &*doubtful {
            match self.disk.remove_file(&self.dir.join(chunks_file(*number))) {
                Err(error) if !error.is_not_found() => return Err(error),
                _ => {}
            }
        }
        self.disk.sync_dir(&self.dir)?;
        doubtful.clear();
        Ok(())
    }

    /// Takes files out for which `leaves` says so, and removes them. One that cannot be removed now is removed later, with those
    /// whose writing failed.
    pub(crate) fn remove(&self, numbers: &[u64]) {
        self.kept().retain(|kept| !numbers.contains(&kept.file.number));
        for number in numbers {
            if let Err(error) = self.disk.remove_file(&self.dir.join(chunks_file(*number))) {
                tracing::warn!(%error, "a file of chunks that is no longer needed stays");
                if !error.is_not_found() {
                    self.doubt(*number);
                }
            }
        }
        if let Err(error) = self.disk.sync_dir(&self.dir) {
            tracing::warn!(%error, "the folder of chunks cannot be synced");
        }
    }

    /// How many files there are.
    pub(crate) fn count(&self) -> usize {
        self.kept().len()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.kept().iter().map(|kept| kept.file.len_bytes()).sum()
    }

    pub(crate) fn show(&self, metrics: &Metrics) {
        let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        metrics.files.set(gauge(self.count() as u64));
        metrics.file_bytes.set(gauge(self.bytes()));
    }
}

impl Opening<'_> {
    /// Moves a damaged file to the quarantine, or refuses.
    fn set_aside(&self, error: crate::file::OpenError, number: u64) -> Result<Damage, LogdbError> {
        let file = self.dir.join(chunks_file(number));
        let Some((offset_bytes, reason)) = error.damage(self.damage) else {
            return Err(error.into_error(file));
        };
        tracing::error!(file = %file.display(), offset_bytes, reason, "a damaged file is set aside");
        self.disk.create_dir_all(self.quarantine)?;
        let to = self.quarantine.join(chunks_file(number));
        self.disk.rename(&file, &to)?;
        self.disk.sync_dir(self.quarantine)?;
        self.disk.sync_dir(&self.dir)?;
        self.metrics.quarantined.inc();
        Ok(Damage { file, offset_bytes, len_bytes: 0, reason: reason.to_owned(), quarantined_to: Some(to) })
    }
}

/// Numbers of the files in a folder, sorted; what is half made is removed.
fn scan(disk: &dyn Disk, dir: &Path) -> Result<Vec<u64>, LogdbError> {
    let mut numbers = Vec::new();
    for entry in disk.list(dir)? {
        match ChunksEntry::parse(&entry.name) {
            Some(ChunksEntry::File(number)) => numbers.push(number),
            Some(ChunksEntry::HalfMade) => {
                if let Err(error) = disk.remove_file(&dir.join(entry.name)) {
                    tracing::warn!(%error, "a half-made file stays until the next start");
                }
            }
            None => {}
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}
