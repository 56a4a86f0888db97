//! The machine's own files.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{DiskError, Op};
use crate::{DirLock, Disk, DiskFile, Entry, FileBytes, LOCK_FILE, copy, map};

/// The machine's own files.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create_dir_all(&self, dir: &Path) -> Result<(), DiskError> {
        if dir.is_dir() {
            return Ok(());
        }
        let parent = dir.parent().filter(|p| !p.as_os_str().is_empty());
        if let Some(parent) = parent {
            self.create_dir_all(parent)?;
        }
        match fs::create_dir(dir) {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(e) => Err(DiskError::io(Op::CreateDir, dir, e)),
            Ok(()) => self.sync_dir(parent.unwrap_or_else(|| Path::new("."))),
        }
    }

    fn create(&self, path: &Path) -> Result<Arc<dyn DiskFile>, DiskError> {
        // Append mode: a write goes to the end even after a truncate, without a position of our own to keep right.
        let file =
            OpenOptions::new().append(true).create(true).open(path).and_then(|f| f.set_len(0).map(|()| f));
        let file = file.map_err(|e| DiskError::io(Op::Create, path, e))?;
        Ok(Arc::new(RealFile { path: path.to_owned(), file }))
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, DiskError> {
        fs::read(path).map_err(|e| DiskError::io(Op::Read, path, e))
    }

    fn map(&self, path: &Path) -> Result<FileBytes, DiskError> {
        File::open(path).and_then(|file| map::map(&file)).map_err(|e| DiskError::io(Op::Read, path, e))
    }

    fn truncate(&self, path: &Path, len_bytes: u64) -> Result<(), DiskError> {
        let file = OpenOptions::new().write(true).open(path);
        file.and_then(|f| f.set_len(len_bytes).and_then(|()| f.sync_all()))
            .map_err(|e| DiskError::io(Op::Truncate, path, e))
    }

    fn list(&self, dir: &Path) -> Result<Vec<Entry>, DiskError> {
        let listed = fs::read_dir(dir).and_then(|entries| {
            let mut all = Vec::new();
            for entry in entries {
                let entry = entry?;
                let about = entry.metadata()?;
                if let Ok(name) = entry.file_name().into_string() {
                    let is_dir = about.is_dir();
                    all.push(Entry { name, len_bytes: if is_dir { 0 } else { about.len() }, is_dir });
                }
            }
            Ok(all)
        });
        let mut all = listed.map_err(|e| DiskError::io(Op::List, dir, e))?;
        all.sort_unstable();
        Ok(all)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        fs::rename(from, to).map_err(|e| DiskError::io(Op::Rename, from, e))
    }

    fn link(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        match fs::hard_link(from, to) {
            // Another file system, or one without links.
            Err(e)
                if matches!(
                    e.kind(),
                    ErrorKind::CrossesDevices | ErrorKind::PermissionDenied | ErrorKind::Unsupported
                ) =>
            {
                copy(self, from, to)
            }
            linked => linked.map_err(|e| DiskError::io(Op::Link, from, e)),
        }
    }

    fn remove_file(&self, path: &Path) -> Result<(), DiskError> {
        fs::remove_file(path).map_err(|e| DiskError::io(Op::Remove, path, e))
    }

    fn sync_dir(&self, dir: &Path) -> Result<(), DiskError> {
        File::open(dir).and_then(|d| d.sync_all()).map_err(|e| DiskError::io(Op::Sync, dir, e))
    }

    fn lock_dir(&self, dir: &Path) -> Result<Box<dyn DirLock>, DiskError> {
        let path = dir.join(LOCK_FILE);
        let io = |e| DiskError::io(Op::Lock, &path, e);
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(DiskError::Locked { path: dir.to_owned(), holder: holder(&mut file) });
            }
            Err(TryLockError::Error(e)) => return Err(io(e)),
        }
        // The number is for the error message of whoever comes next; the lock itself is the kernel's. On a full disk
        // there may be no room for it, and that must not keep anybody from starting.
        drop(file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())));
        Ok(Box::new(RealLock { _file: file }))
    }
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[derive(Debug)]
struct RealFile {
    path: PathBuf,
    file: File,
}

impl DiskFile for RealFile {
    fn append(&self, bytes: &[u8]) -> Result<(), DiskError> {
        (&self.file).write_all(bytes).map_err(|e| DiskError::io(Op::Write, &self.path, e))
    }

    fn sync(&self) -> Result<(), DiskError> {
        self.file.sync_data().map_err(|e| DiskError::io(Op::Sync, &self.path, e))
    }

    fn truncate(&self, len_bytes: u64) -> Result<(), DiskError> {
        self.file.set_len(len_bytes).map_err(|e| DiskError::io(Op::Truncate, &self.path, e))
    }
}

/// Holds the kernel's lock (flock) on the lock file; it goes with the file, also when the process dies.
#[derive(Debug)]
struct RealLock {
    _file: File,
}

impl DirLock for RealLock {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replace;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn appends_go_to_the_end_also_after_a_truncate() {
        let dir = folder();
        let path = dir.path().join("a");
        let file = RealDisk.create(&path).unwrap();
        file.append(b"hello world").unwrap();
        file.truncate(5).unwrap();
        file.append(b"!").unwrap();
        file.sync().unwrap();
        assert_eq!(RealDisk.read(&path).unwrap(), b"hello!");
        RealDisk.truncate(&path, 2).unwrap();
        assert_eq!(RealDisk.read(&path).unwrap(), b"he");
    }

    #[test]
    fn replaces_whole_and_leaves_nothing_behind() {
        let dir = folder();
        let path = dir.path().join("state");
        replace(&RealDisk, &path, b"old").unwrap();
        replace(&RealDisk, &path, b"new").unwrap();
        assert_eq!(RealDisk.read(&path).unwrap(), b"new");
        let names: Vec<String> = RealDisk.list(dir.path()).unwrap().into_iter().map(|e| e.name).collect();
        assert_eq!(names, ["state"]);
    }

    #[test]
    fn a_link_keeps_the_bytes_of_a_file_that_is_replaced() {
        let dir = folder();
        let (path, link) = (dir.path().join("a"), dir.path().join("b"));
        replace(&RealDisk, &path, b"old").unwrap();
        RealDisk.link(&path, &link).unwrap();
        replace(&RealDisk, &path, b"new").unwrap();
        assert_eq!(RealDisk.read(&link).unwrap(), b"old");
        assert!(RealDisk.link(&dir.path().join("none"), &path).unwrap_err().is_not_found());
    }

    #[test]
    fn mapped_pages_that_were_let_go_have_the_same_bytes() {
        let dir = folder();
        let path = dir.path().join("a");
        let bytes: Vec<u8> = (0..100_000u32).map(|i| i as u8).collect();
        replace(&RealDisk, &path, &bytes).unwrap();
        let mapped = RealDisk.map(&path).unwrap();
        assert!(matches!(mapped, FileBytes::Mapped(_)));
        for _ in 0..3 {
            assert!(*mapped == *bytes);
            mapped.let_go();
        }
        RealDisk.remove_file(&path).unwrap();
        assert!(*mapped == *bytes, "also when the name is gone");
    }

    #[test]
    fn a_second_holder_is_told_who_has_the_directory() {
        let dir = folder();
        let first = RealDisk.lock_dir(dir.path()).unwrap();
        let error = RealDisk.lock_dir(dir.path()).unwrap_err().to_string();
        let pid = std::process::id();
        assert!(error.contains(&format!("in use by another watchfire (process {pid})")), "{error}");
        assert!(error.contains(&dir.path().display().to_string()), "{error}");
        drop(first);
        RealDisk.lock_dir(dir.path()).unwrap();
    }

    #[test]
    fn errors_name_the_path_and_the_attempt() {
        let error = RealDisk.read(Path::new("/nowhere/at/all")).unwrap_err();
        assert!(error.is_not_found());
        assert!(error.to_string().starts_with("cannot read /nowhere/at/all: "), "{error}");
    }

    #[test]
    fn a_mapped_file_stays_readable_when_it_is_gone() {
        let dir = folder();
        let path = dir.path().join("m");
        replace(&RealDisk, &path, b"bytes").unwrap();
        let bytes = RealDisk.map(&path).unwrap();
        RealDisk.remove_file(&path).unwrap();
        assert_eq!(&bytes[..], b"bytes");
        replace(&RealDisk, &path, b"").unwrap();
        assert!(RealDisk.map(&path).unwrap().is_empty());
        assert!(RealDisk.map(&dir.path().join("none")).is_err());
    }

    #[test]
    fn makes_directories_with_their_parents() {
        let dir = folder();
        let deep = dir.path().join("a/b/c");
        RealDisk.create_dir_all(&deep).unwrap();
        RealDisk.create_dir_all(&deep).unwrap();
        assert!(deep.is_dir());
    }
}
