//! Files in memory that know which of their bytes and names a power loss would keep.
//!
//! Each file has two bodies, what a reader sees and what is durable, and so have the names of each directory.
//! [`MemDisk::crash`] makes the durable ones the seen ones. Whatever the kernel *might* have written on its own before
//! the power went is decided by a seed: any beginning of the un-synced bytes, or none; with [`Crash::TornPages`] any pages
//! of them, with zeros where a page is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{DiskError, Op};
use crate::{Crash, DirLock, Disk, DiskFile, Entry};

/// What a disk writes as a whole. Real pages are larger, so that fewer of the ways in which they can be torn would be met.
const PAGE_BYTES: usize = 512;

type Names = BTreeMap<PathBuf, Arc<Mutex<Body>>>;

#[derive(Debug, Default)]
struct Body {
    seen: Vec<u8>,
    durable: Vec<u8>,
}

#[derive(Debug, Default)]
struct Tree {
    dirs: BTreeSet<PathBuf>,
    seen: Names,
    durable: Names,
    locks: BTreeSet<PathBuf>,
}

/// A disk in memory. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct MemDisk {
    tree: Arc<Mutex<Tree>>,
    /// Counts crashes, so that what was opened before one can be told.
    life: Arc<AtomicU64>,
}

impl MemDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// What a crash does to files and names; all handles and locks from before are dead. `seed` decides what the
    /// kernel had written of what nobody synced.
    pub fn crash(&self, crash: Crash, seed: u64) {
        self.life.fetch_add(1, Ordering::SeqCst);
        let mut tree = self.tree();
        tree.locks.clear();
        if crash != Crash::Process {
            lose_power(&mut tree, crash, &mut fastrand::Rng::with_seed(seed));
        }
    }

    /// Changes the bytes of a file behind everybody's back, durably: how tests damage files.
    ///
    /// # Errors
    /// When there is no such file.
    pub fn tamper(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) -> Result<(), DiskError> {
        let body = self.body(Op::Write, path)?;
        let mut body = lock(&body);
        change(&mut body.seen);
        body.durable = body.seen.clone();
        Ok(())
    }

    /// How many bytes all files take.
    pub fn used_bytes(&self) -> u64 {
        self.tree().seen.values().map(|body| lock(body).seen.len() as u64).sum()
    }

    /// What a sync that fails leaves: the bytes since the last good one are gone for good, though readers still see
    /// them and a later sync will not complain.
    pub(crate) fn lose_unsynced(&self, path: &Path) {
        if let Ok(body) = self.body(Op::Sync, path) {
            let mut body = lock(&body);
            let len = body.seen.len();
            body.durable.resize(len, 0);
        }
    }

    fn tree(&self) -> MutexGuard<'_, Tree> {
        lock(&self.tree)
    }

    fn body(&self, op: Op, path: &Path) -> Result<Arc<Mutex<Body>>, DiskError> {
        self.tree().seen.get(path).cloned().ok_or_else(|| not_found(op, path))
    }

    fn life(&self) -> u64 {
        self.life.load(Ordering::SeqCst)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn not_found(op: Op, path: &Path) -> DiskError {
    DiskError::io(op, path, io::ErrorKind::NotFound.into())
}

fn lose_power(tree: &mut Tree, crash: Crash, rng: &mut fastrand::Rng) {
    let parents: BTreeSet<PathBuf> =
        tree.seen.keys().chain(tree.durable.keys()).filter_map(|p| p.parent().map(Path::to_owned)).collect();
    let mut kept = Names::new();
    for parent in parents {
        // The names of one directory change together, so that a rename is one step: all new ones, or none.
        let names = if rng.bool() { &tree.seen } else { &tree.durable };
        kept.extend(
            names.iter().filter(|(p, _)| p.parent() == Some(&parent)).map(|(p, b)| (p.clone(), b.clone())),
        );
    }
    for body in kept.values() {
        let mut body = lock(body);
        let known = body.durable.len();
        let mut unsynced = body.seen.get(known..).map(<[u8]>::to_vec).unwrap_or_default();
        if crash == Crash::TornPages {
            tear(&mut unsynced, known, rng);
        }
        let written = if rng.bool() { rng.usize(..=unsynced.len()) } else { 0 };
        body.durable.extend_from_slice(unsynced.get(..written).unwrap_or_default());
        body.seen = body.durable.clone();
    }
    tree.durable.clone_from(&kept);
    tree.seen = kept;
}

/// Zeros some pages of what begins at `offset` of a file.
fn tear(bytes: &mut [u8], offset: usize, rng: &mut fastrand::Rng) {
    let first = (PAGE_BYTES - offset % PAGE_BYTES).min(bytes.len());
    let (head, rest) = bytes.split_at_mut(first);
    for page in std::iter::once(head).chain(rest.chunks_mut(PAGE_BYTES)) {
        if rng.u8(..4) == 0 {
            page.fill(0);
        }
    }
}

impl Disk for MemDisk {
    fn create_dir_all(&self, dir: &Path) -> Result<(), DiskError> {
        let mut tree = self.tree();
        tree.dirs.extend(dir.ancestors().map(Path::to_owned));
        Ok(())
    }

    fn create(&self, path: &Path) -> Result<Arc<dyn DiskFile>, DiskError> {
        let mut tree = self.tree();
        if !path.parent().is_some_and(|dir| tree.dirs.contains(dir)) {
            return Err(not_found(Op::Create, path));
        }
        let body = Arc::<Mutex<Body>>::default();
        tree.seen.insert(path.to_owned(), Arc::clone(&body));
        Ok(Arc::new(MemFile { disk: self.clone(), path: path.to_owned(), body, life: self.life() }))
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, DiskError> {
        let body = self.body(Op::Read, path)?;
        let bytes = lock(&body).seen.clone();
        Ok(bytes)
    }

    fn truncate(&self, path: &Path, len_bytes: u64) -> Result<(), DiskError> {
        let body = self.body(Op::Truncate, path)?;
        let mut body = lock(&body);
        body.seen.truncate(usize::try_from(len_bytes).unwrap_or(usize::MAX));
        body.durable = body.seen.clone();
        Ok(())
    }

    fn list(&self, dir: &Path) -> Result<Vec<Entry>, DiskError> {
        let tree = self.tree();
        if !tree.dirs.contains(dir) {
            return Err(not_found(Op::List, dir));
        }
        let entry = |path: &Path, len_bytes, is_dir| {
            let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            Entry { name, len_bytes, is_dir }
        };
        let inside = |path: &Path| path.parent() == Some(dir);
        let files = tree.seen.iter().filter(|(path, _)| inside(path));
        let mut all: Vec<Entry> =
            files.map(|(path, body)| entry(path, lock(body).seen.len() as u64, false)).collect();
        all.extend(tree.dirs.iter().filter(|path| inside(path)).map(|path| entry(path, 0, true)));
        all.sort_unstable();
        Ok(all)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        let mut tree = self.tree();
        let body = tree.seen.remove(from).ok_or_else(|| not_found(Op::Rename, from))?;
        tree.seen.insert(to.to_owned(), body);
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> Result<(), DiskError> {
        self.tree().seen.remove(path).map(drop).ok_or_else(|| not_found(Op::Remove, path))
    }

    fn sync_dir(&self, dir: &Path) -> Result<(), DiskError> {
        let mut tree = self.tree();
        let inside = |path: &Path| path.parent() == Some(dir);
        let names: Vec<_> =
            tree.seen.iter().filter(|(p, _)| inside(p)).map(|(p, b)| (p.clone(), b.clone())).collect();
        tree.durable.retain(|path, _| !inside(path));
        tree.durable.extend(names);
        Ok(())
    }

    fn lock_dir(&self, dir: &Path) -> Result<Box<dyn DirLock>, DiskError> {
        if !self.tree().locks.insert(dir.to_owned()) {
            return Err(DiskError::Locked { path: dir.to_owned(), holder: None });
        }
        Ok(Box::new(MemLock { disk: self.clone(), dir: dir.to_owned(), life: self.life() }))
    }
}

#[derive(Debug)]
struct MemFile {
    disk: MemDisk,
    path: PathBuf,
    body: Arc<Mutex<Body>>,
    life: u64,
}

impl MemFile {
    fn body(&self, op: Op) -> Result<MutexGuard<'_, Body>, DiskError> {
        if self.life != self.disk.life() {
            return Err(DiskError::io(
                op,
                &self.path,
                io::Error::other("the process that had this open is dead"),
            ));
        }
        Ok(lock(&self.body))
    }
}

impl DiskFile for MemFile {
    fn append(&self, bytes: &[u8]) -> Result<(), DiskError> {
        self.body(Op::Write)?.seen.extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&self) -> Result<(), DiskError> {
        let mut body = self.body(Op::Sync)?;
        // Only what is new: what a failed sync has lost stays lost.
        let known = body.durable.len().min(body.seen.len());
        let new = body.seen.get(known..).map(<[u8]>::to_vec).unwrap_or_default();
        body.durable.truncate(known);
        body.durable.extend_from_slice(&new);
        Ok(())
    }

    fn truncate(&self, len_bytes: u64) -> Result<(), DiskError> {
        let len = usize::try_from(len_bytes).unwrap_or(usize::MAX);
        let mut body = self.body(Op::Truncate)?;
        body.seen.truncate(len);
        body.durable.truncate(len);
        Ok(())
    }
}

#[derive(Debug)]
struct MemLock {
    disk: MemDisk,
    dir: PathBuf,
    life: u64,
}

impl DirLock for MemLock {}

impl Drop for MemLock {
    fn drop(&mut self) {
        // A lock from before a crash is gone already, and may belong to another by now.
        if self.life == self.disk.life() {
            self.disk.tree().locks.remove(&self.dir);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replace;

    fn disk_with(bytes: &[u8]) -> (MemDisk, Arc<dyn DiskFile>) {
        let disk = MemDisk::new();
        disk.create_dir_all(Path::new("/d")).unwrap();
        let file = disk.create(Path::new("/d/f")).unwrap();
        file.append(bytes).unwrap();
        (disk, file)
    }

    #[test]
    fn death_of_the_process_loses_nothing() {
        let (disk, file) = disk_with(b"abc");
        disk.crash(Crash::Process, 1);
        assert_eq!(disk.read(Path::new("/d/f")).unwrap(), b"abc");
        assert!(file.append(b"x").is_err(), "the handle is dead");
    }

    #[test]
    fn power_loss_keeps_what_was_synced_and_a_beginning_of_the_rest() {
        let mut lens = BTreeSet::new();
        for seed in 0..50 {
            let (disk, file) = disk_with(b"abc");
            file.sync().unwrap();
            disk.sync_dir(Path::new("/d")).unwrap();
            file.append(b"defgh").unwrap();
            disk.crash(Crash::PowerLoss, seed);
            let bytes = disk.read(Path::new("/d/f")).unwrap();
            assert!(bytes.len() >= 3 && b"abcdefgh".starts_with(&bytes));
            lens.insert(bytes.len());
        }
        assert!(lens.contains(&3) && lens.len() > 3, "{lens:?}");
    }

    #[test]
    fn torn_pages_leave_holes_in_what_was_not_synced_only() {
        let has_hole = (0..50).filter(|&seed| {
            let (disk, file) = disk_with(&[1; 700]);
            file.sync().unwrap();
            disk.sync_dir(Path::new("/d")).unwrap();
            file.append(&[2; 3000]).unwrap();
            disk.crash(Crash::TornPages, seed);
            let bytes = disk.read(Path::new("/d/f")).unwrap();
            assert_eq!(bytes[..700], [1; 700]);
            let holes = bytes[700..].iter().filter(|b| **b == 0).count();
            holes > 0 && holes < bytes.len() - 700
        });
        assert!(has_hole.count() > 5);
    }

    #[test]
    fn a_name_that_was_not_synced_may_be_gone() {
        let gone = (0..50).filter(|&seed| {
            let (disk, file) = disk_with(b"abc");
            file.sync().unwrap();
            disk.crash(Crash::PowerLoss, seed);
            disk.read(Path::new("/d/f")).is_err()
        });
        assert!((1..50).contains(&gone.count()));
    }

    #[test]
    fn a_replaced_file_is_old_or_new() {
        let disk = MemDisk::new();
        disk.create_dir_all(Path::new("/d")).unwrap();
        replace(&disk, Path::new("/d/f"), b"old").unwrap();
        replace(&disk, Path::new("/d/f"), b"new").unwrap();
        for seed in 0..20 {
            disk.crash(Crash::PowerLoss, seed);
            assert_eq!(disk.read(Path::new("/d/f")).unwrap(), b"new");
        }
    }

    #[test]
    fn one_holder_a_directory() {
        let disk = MemDisk::new();
        let first = disk.lock_dir(Path::new("/d")).unwrap();
        assert!(disk.lock_dir(Path::new("/d")).unwrap_err().to_string().contains("another watchfire"));
        drop(first);
        let before = disk.lock_dir(Path::new("/d")).unwrap();
        disk.crash(Crash::Process, 0);
        let _after = disk.lock_dir(Path::new("/d")).unwrap();
        drop(before);
        assert!(
            disk.lock_dir(Path::new("/d")).is_err(),
            "a dead holder cannot give up the lock of a living one"
        );
    }
}
