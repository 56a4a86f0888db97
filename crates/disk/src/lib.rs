//! Files behind a trait: the real ones, a twin in memory, and a faulty twin that is stricter than reality.
//!
//! Whatever must survive a crash gets its files from here as an `Arc<dyn Disk>`, so that a test can lose what was not
//! synced, cut a write short, fail a sync or fill the disk, and repeat all of it by seed. Knows nothing of what the
//! bytes mean.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

pub mod error;
pub mod faulty;
mod map;
pub mod mem;
pub mod real;

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;

pub use error::{DiskError, Op};
pub use faulty::{Crash, Faults, FaultyDisk};
pub use map::FileBytes;
pub use mem::MemDisk;
pub use real::RealDisk;

/// The name of the file that a directory lock is held on.
pub const LOCK_FILE: &str = "lock";

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The name within the directory. Names that are not UTF-8 are not ours and are left out of a listing.
    pub name: String,
    /// Size in bytes; 0 for a directory.
    pub len_bytes: u64,
    /// Whether it is a directory.
    pub is_dir: bool,
}

/// A place with files. Paths are absolute or relative to the process, as the caller likes; nothing is resolved.
///
/// What a call promises about power loss is said with each; all written data survives the death of the process alone.
pub trait Disk: Send + Sync + Debug {
    /// Makes a directory and those above it, durably; an existing one is fine.
    ///
    /// # Errors
    /// [`DiskError`], as all calls here.
    fn create_dir_all(&self, dir: &Path) -> Result<(), DiskError>;

    /// Makes an empty file for appending, emptying one of that name. The name is durable after
    /// [`Disk::sync_dir`] of its directory, the bytes after [`DiskFile::sync`].
    ///
    /// # Errors
    /// As above.
    fn create(&self, path: &Path) -> Result<Arc<dyn DiskFile>, DiskError>;

    /// All bytes of a file. Callers bound the sizes of the files they write.
    ///
    /// # Errors
    /// As above; [`DiskError::is_not_found`] tells a missing file.
    fn read(&self, path: &Path) -> Result<Vec<u8>, DiskError>;

    /// All bytes of a file that has its final name and is never changed again, without reading them now. They stay
    /// valid when the file is removed.
    ///
    /// # Errors
    /// As [`Disk::read`].
    fn map(&self, path: &Path) -> Result<FileBytes, DiskError> {
        self.read(path).map(FileBytes::Owned)
    }

    /// Cuts a file to `len_bytes` and makes that durable.
    ///
    /// # Errors
    /// As above.
    fn truncate(&self, path: &Path, len_bytes: u64) -> Result<(), DiskError>;

    /// Entries of a directory, sorted by name.
    ///
    /// # Errors
    /// As above.
    fn list(&self, dir: &Path) -> Result<Vec<Entry>, DiskError>;

    /// Gives a file another name, replacing what has it. Durable after [`Disk::sync_dir`]; either name after a crash
    /// before that, never none.
    ///
    /// # Errors
    /// As above.
    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError>;

    /// Gives a file that is never changed again a second name, or copies it where that cannot be. The name is durable after
    /// [`Disk::sync_dir`].
    ///
    /// # Errors
    /// As above.
    fn link(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        copy(self, from, to)
    }

    /// Removes a file. It may come back after power loss until [`Disk::sync_dir`].
    ///
    /// # Errors
    /// As above.
    fn remove_file(&self, path: &Path) -> Result<(), DiskError>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// As above.
    fn sync_dir(&self, dir: &Path) -> Result<(), DiskError>;

    /// Claims a directory for this holder until the answer is dropped, also when the process dies.
    ///
    /// # Errors
    /// [`DiskError::Locked`] when another holds it.
    fn lock_dir(&self, dir: &Path) -> Result<Box<dyn DirLock>, DiskError>;
}

/// A file open for appending. Calls may come from several threads; a sync does not hold up writes.
pub trait DiskFile: Send + Sync + Debug {
    /// Adds `bytes` at the end. On an error an unknown part of them may be there.
    ///
    /// # Errors
    /// [`DiskError`].
    fn append(&self, bytes: &[u8]) -> Result<(), DiskError>;

    /// Makes everything appended before this call durable.
    ///
    /// # Errors
    /// [`DiskError`]. What was appended since the last good sync is then in doubt for ever: a later sync that
    /// succeeds does not say otherwise.
    fn sync(&self) -> Result<(), DiskError>;

    /// Cuts the file to `len_bytes`; the next append goes there.
    ///
    /// # Errors
    /// [`DiskError`].
    fn truncate(&self, len_bytes: u64) -> Result<(), DiskError>;
}

/// A directory that is ours until this is dropped.
pub trait DirLock: Send + Sync + Debug {}

/// Copies a file, its bytes durably.
pub(crate) fn copy<D: Disk + ?Sized>(disk: &D, from: &Path, to: &Path) -> Result<(), DiskError> {
    let bytes = disk.read(from)?;
    let file = disk.create(to)?;
    file.append(&bytes)?;
    file.sync()
}

/// Replaces the file `path` by one with these bytes: after a crash at any moment there is the old or the new, whole.
/// When it returns, the new one is durable. The half-made file has the name with `.tmp` added.
///
/// # Errors
/// [`DiskError`] of the step that failed; the old file is then still there, or the new one where only the last sync
/// of the directory failed.
pub fn replace(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    let mut half_made = path.as_os_str().to_owned();
    half_made.push(".tmp");
    let half_made = Path::new(&half_made);
    let file = disk.create(half_made)?;
    file.append(bytes)?;
    file.sync()?;
    disk.rename(half_made, path)?;
    disk.sync_dir(path.parent().unwrap_or_else(|| Path::new(".")))
}
