//! A disk that is read and never changed: what would be changed stays as it is, and whoever would create a file is refused.
//!
//! For checking a log by the same code that replays it, which cuts a torn end and sets damage aside.

use std::path::Path;
use std::sync::Arc;

use disk::{DirLock, Disk, DiskError, DiskFile, Entry, FileBytes, Op};

/// See above.
#[derive(Debug)]
pub(super) struct ReadOnly(pub(super) Arc<dyn Disk>);

fn refused(path: &Path) -> DiskError {
    let source = std::io::Error::new(std::io::ErrorKind::ReadOnlyFilesystem, "nothing is changed here");
    DiskError::Io { op: Op::Create, path: path.to_owned(), source }
}

impl Disk for ReadOnly {
    fn create_dir_all(&self, _dir: &Path) -> Result<(), DiskError> {
        Ok(())
    }

    fn create(&self, path: &Path) -> Result<Arc<dyn DiskFile>, DiskError> {
        Err(refused(path))
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, DiskError> {
        self.0.read(path)
    }

    fn map(&self, path: &Path) -> Result<FileBytes, DiskError> {
        self.0.map(path)
    }

    fn truncate(&self, _path: &Path, _len_bytes: u64) -> Result<(), DiskError> {
        Ok(())
    }

    fn list(&self, dir: &Path) -> Result<Vec<Entry>, DiskError> {
        self.0.list(dir)
    }

    fn rename(&self, _from: &Path, to: &Path) -> Result<(), DiskError> {
        Err(refused(to))
    }

    fn remove_file(&self, _path: &Path) -> Result<(), DiskError> {
        Ok(())
    }

    fn sync_dir(&self, _dir: &Path) -> Result<(), DiskError> {
        Ok(())
    }

    fn lock_dir(&self, dir: &Path) -> Result<Box<dyn DirLock>, DiskError> {
        self.0.lock_dir(dir)
    }
}
