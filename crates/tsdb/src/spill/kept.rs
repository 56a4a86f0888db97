//! Files of chunks that outlive the process: what a checkpoint says of them, and what a start makes of that.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};

use disk::{Disk, DiskError};
use wal::Damage;

use super::Spill;
use super::files::{Files, SpillFile};
use crate::checkpoint_record::FileRecord;
use crate::filenames::spill_file;

/// Why a file that is listed cannot be kept.
#[derive(Debug)]
pub(crate) enum Unfit {
    /// It could not be read, for a reason that may pass.
    Disk(DiskError),
    /// It is not what was listed.
    Damaged(&'static str),
}

/// Checks that a file is as the checkpoint says.
pub(crate) fn check(disk: &dyn Disk, path: &Path, record: &FileRecord) -> Result<(), Unfit> {
    match disk.map(path) {
        Err(error) if error.is_not_found() => Err(Unfit::Damaged("the file is missing")),
        Err(error) => Err(Unfit::Disk(error)),
        Ok(bytes) if bytes.len() as u64 != record.len_bytes => {
            Err(Unfit::Damaged("it has not the length that the checkpoint says"))
        }
        Ok(bytes) if crc32c::crc32c(&bytes) != record.sum => Err(Unfit::Damaged("its checksum is wrong")),
        Ok(_) => Ok(()),
    }
}

/// What is wrong when series have chunks in the files of a folder, and the checkpoint does not say which files there are.
pub(crate) fn lost_list(dir: PathBuf) -> Damage {
    let reason = "the newest checkpoint names places in these files, but not the files".to_owned();
    Damage { file: dir, offset_bytes: 0, len_bytes: 0, reason, quarantined_to: None }
}

impl Spill {
    /// Keeps the files that a checkpoint lists. Those that are damaged are moved to `quarantine`, if there is one.
    pub(crate) fn keep(
        &self,
        listed: &[FileRecord],
        quarantine: Option<&Path>,
        threads: usize,
    ) -> Result<Vec<Damage>, DiskError> {
        // Above all that are listed, whether they can be kept or not: nobody writes over one, and no place in it means another.
        let next_number = listed.last().map_or(0, |last| last.number.saturating_add(1));
        self.change_files(|_| Files::new(Vec::new(), next_number));
        let checked = self.check_all(listed, threads);
        let (mut kept, mut damage) = (Vec::new(), Vec::new());
        for (record, checked) in listed.iter().zip(checked) {
            let path = self.path(record);
            match checked {
                // Mapped once more, so that the pages that the check has read are not counted as ours.
                Ok(()) => {
                    let bytes = self.disk.map(&path)?;
                    self.bytes.fetch_add(record.len_bytes, Ordering::Relaxed);
                    kept.push(SpillFile { path, bytes, record: *record, is_listed: AtomicBool::new(true) });
                }
                Err(Unfit::Disk(error)) => return Err(error),
                Err(Unfit::Damaged(reason)) => damage.push(self.set_aside(path, record, reason, quarantine)),
            }
        }
        self.change_files(|_| Files::new(kept, next_number));
        Ok(damage)
    }

    /// Where a file lies.
    pub(crate) fn path(&self, record: &FileRecord) -> PathBuf {
        self.dir.join(spill_file(record.number))
    }

    /// By all threads: at a start there is nothing else to do, and a sum takes the time of reading.
    fn check_all(&self, listed: &[FileRecord], threads: usize) -> Vec<Result<(), Unfit>> {
        let per_thread = listed.len().div_ceil(threads).max(1);
        let check_some = |some: &[FileRecord]| -> Vec<Result<(), Unfit>> {
            some.iter().map(|record| check(&*self.disk, &self.path(record), record)).collect()
        };
        std::thread::scope(|scope| {
            let mut lots = listed.chunks(per_thread);
            let own = lots.next().unwrap_or_default();
            let others: Vec<_> = lots.map(|some| scope.spawn(move || check_some(some))).collect();
            let mut all = check_some(own);
            for other in others {
                all.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
            all
        })
    }

    /// Moves a damaged file away. That there is no room for its name must not keep a monitor from starting.
    fn set_aside(
        &self,
        path: PathBuf,
        record: &FileRecord,
        reason: &str,
        quarantine: Option<&Path>,
    ) -> Damage {
        tracing::error!(file = %path.display(), reason, "a file of chunks is damaged");
        let quarantined_to = quarantine.and_then(|dir| self.move_to(dir, &path));
        let len_bytes = if quarantined_to.is_some() { record.len_bytes } else { 0 };
        Damage { file: path, offset_bytes: 0, len_bytes, reason: reason.to_owned(), quarantined_to }
    }

    /// Moves all files of the folder away: series point to some, and what would say whether those are whole is lost.
    pub(crate) fn set_all_aside(&self, quarantine: &Path) {
        for entry in self.disk.list(&self.dir).unwrap_or_default() {
            let path = self.dir.join(entry.name);
            tracing::error!(file = %path.display(), "a file of chunks that no list names any more is set aside");
            self.move_to(quarantine, &path);
        }
    }

    /// Gives a file a name in `dir` that none has there, if there is room for it.
    fn move_to(&self, dir: &Path, path: &Path) -> Option<PathBuf> {
        self.disk.create_dir_all(dir).ok()?;
        let taken: HashSet<String> = self.disk.list(dir).ok()?.into_iter().map(|entry| entry.name).collect();
        let name = path.file_name()?.to_string_lossy();
        // The number of a file comes again when a start finds none.
        let free = (0..).map(|n| if n == 0 { name.to_string() } else { format!("{name}.{n}") });
        let to = dir.join(free.into_iter().find(|name| !taken.contains(name))?);
        self.disk.rename(path, &to).ok()?;
        Some(to)
    }

    /// What a checkpoint is to say of the files as they are now, their names durable.
    pub(crate) fn list(&self) -> Result<Vec<FileRecord>, DiskError> {
        // While nobody lets one go: it stays on the disk once it is listed. Not while the disk works: queries ask for the files.
        let listed = {
            let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
            files.list()
        };
        if !listed.is_empty() {
            self.disk.sync_dir(&self.dir)?;
        }
        Ok(listed)
    }

    /// The newest checkpoint has listed these: others that were let go leave the disk.
    pub(crate) fn remove_unlisted(&self, listed: &[FileRecord]) {
        let numbers: HashSet<u32> = listed.iter().map(|record| record.number).collect();
        let unlisted: Vec<_> = {
            let mut doomed = self.doomed.lock().unwrap_or_else(PoisonError::into_inner);
            doomed.extract_if(.., |file| !numbers.contains(&file.record.number)).collect()
        };
        unlisted.iter().for_each(|file| self.remove(&file.path));
    }

    /// After a start has read the log: what else is in the folder belongs to a process that is gone.
    pub(crate) fn remove_strangers(&self) -> Result<(), DiskError> {
        let files = self.files();
        let ours: HashSet<String> = files.names().collect();
        for entry in self.disk.list(&self.dir)? {
            if !ours.contains(&entry.name) {
                self.remove(&self.dir.join(entry.name));
            }
        }
        Ok(())
    }
}
