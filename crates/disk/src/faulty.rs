//! A disk that fails on purpose, by seed: short writes, failed syncs, no room, and a crash at a chosen operation. And one
//! that hangs until it is told to go on, for tests of who must not wait for it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::error::{DiskError, Op};
use crate::{DirLock, Disk, DiskFile, Entry, MemDisk};

/// How a machine stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// The process dies (`kill -9`): the kernel still has all that was written.
    Process,
    /// The power goes: only what was synced is sure, and a beginning of the rest may be there.
    PowerLoss,
    /// The power goes, and of what was not synced any pages may be there, whatever their order.
    TornPages,
}

/// What shall go wrong. Chances are in a thousand, drawn for each call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Faults {
    /// A write fails after a random part of it.
    pub write_fails_per_mille: u16,
    /// A sync fails, and what it was to make durable is lost.
    pub sync_fails_per_mille: u16,
    /// A cut fails.
    pub truncate_fails_per_mille: u16,
    /// A file is not removed.
    pub remove_fails_per_mille: u16,
    /// Room on the disk; a write beyond it is cut short.
    pub capacity_bytes: u64,
    /// After so many calls that change something, the next is done by a random part and all later ones fail.
    pub crash_after_ops: u64,
}

impl Faults {
    /// Nothing goes wrong.
    pub const NONE: Self = Self {
        write_fails_per_mille: 0,
        sync_fails_per_mille: 0,
        truncate_fails_per_mille: 0,
        remove_fails_per_mille: 0,
        capacity_bytes: u64::MAX,
        crash_after_ops: u64::MAX,
    };
}

/// A [`MemDisk`] behind faults. Clones are the same disk.
#[derive(Debug, Clone)]
pub struct FaultyDisk {
    mem: MemDisk,
    state: Arc<Mutex<State>>,
    hanging: Arc<Hanging>,
}

/// Whether calls that write or sync bytes wait.
#[derive(Debug, Default)]
struct Hanging {
    is_on: Mutex<bool>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    rng: fastrand::Rng,
    faults: Faults,
    ops: u64,
    is_crashed: bool,
}

/// What to do with a call.
enum Verdict {
    Go,
    /// Do this share of the work (of 1000), then fail.
    Fail {
        share_per_mille: u16,
        kind: io::ErrorKind,
    },
}

impl FaultyDisk {
    /// An empty disk with these faults.
    pub fn new(seed: u64, faults: Faults) -> Self {
        let rng = fastrand::Rng::with_seed(seed);
        Self {
            mem: MemDisk::new(),
            state: Arc::new(Mutex::new(State { rng, faults, ops: 0, is_crashed: false })),
            hanging: Arc::default(),
        }
    }

    /// The disk behind the faults.
    pub fn mem(&self) -> &MemDisk {
        &self.mem
    }

    /// Whether the crash of [`Faults::crash_after_ops`] has come.
    pub fn is_crashed(&self) -> bool {
        self.with(|state| state.is_crashed)
    }

    /// How many calls that change something there have been since the last [`FaultyDisk::restart`].
    pub fn ops(&self) -> u64 {
        self.with(|state| state.ops)
    }

    /// The faults of now.
    pub fn faults(&self) -> Faults {
        self.with(|state| state.faults)
    }

    /// Other faults from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.with(|state| state.faults = faults);
    }

    /// The machine stops like this, and comes back with these faults.
    pub fn restart(&self, crash: Crash, faults: Faults) {
        let seed = self.with(|state| {
            (state.faults, state.ops, state.is_crashed) = (faults, 0, false);
            state.rng.u64(..)
        });
        self.mem.crash(crash, seed);
    }

    /// From now on writes and syncs of files wait until this is called with `false`.
    pub fn hang(&self, is_on: bool) {
        *self.hanging.is_on.lock().unwrap_or_else(PoisonError::into_inner) = is_on;
        self.hanging.changed.notify_all();
    }

    fn wait_while_hanging(&self) {
        let is_on = self.hanging.is_on.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.hanging.changed.wait_while(is_on, |is_on| *is_on));
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn verdict(&self, op: Op) -> Verdict {
        self.with(|state| {
            if state.is_crashed {
                return Verdict::Fail { share_per_mille: 0, kind: io::ErrorKind::BrokenPipe };
            }
            state.ops += 1;
            let share_per_mille = state.rng.u16(..1000);
            if state.ops > state.faults.crash_after_ops {
                state.is_crashed = true;
                return Verdict::Fail { share_per_mille, kind: io::ErrorKind::BrokenPipe };
            }
            let chance_per_mille = match op {
                Op::Write => state.faults.write_fails_per_mille,
                Op::Sync => state.faults.sync_fails_per_mille,
                Op::Truncate => state.faults.truncate_fails_per_mille,
                Op::Remove => state.faults.remove_fails_per_mille,
                _ => 0,
            };
            if state.rng.u16(..1000) < chance_per_mille {
                return Verdict::Fail { share_per_mille, kind: io::ErrorKind::Other };
            }
            Verdict::Go
        })
    }

    /// Runs a call that is done wholly or not at all.
    fn run<T>(
        &self,
        op: Op,
        path: &Path,
        act: impl FnOnce() -> Result<T, DiskError>,
    ) -> Result<T, DiskError> {
        match self.verdict(op) {
            Verdict::Go => act(),
            Verdict::Fail { share_per_mille, kind } => {
                // Done or not, the caller only learns that it failed.
                if kind == io::ErrorKind::BrokenPipe && share_per_mille >= 500 {
                    drop(act());
                }
                Err(DiskError::io(op, path, kind.into()))
            }
        }
    }

    /// Reading has no faults of its own, but a dead machine reads nothing.
    fn alive(&self, op: Op, path: &Path) -> Result<(), DiskError> {
        if self.is_crashed() {
            Err(DiskError::io(op, path, io::ErrorKind::BrokenPipe.into()))
        } else {
            Ok(())
        }
    }
}

impl Disk for FaultyDisk {
    fn create_dir_all(&self, dir: &Path) -> Result<(), DiskError> {
        self.run(Op::CreateDir, dir, || self.mem.create_dir_all(dir))
    }

    fn create(&self, path: &Path) -> Result<Arc<dyn DiskFile>, DiskError> {
        let file = self.run(Op::Create, path, || self.mem.create(path))?;
        Ok(Arc::new(FaultyFile { disk: self.clone(), path: path.to_owned(), file }))
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, DiskError> {
        self.alive(Op::Read, path)?;
        self.mem.read(path)
    }

    fn truncate(&self, path: &Path, len_bytes: u64) -> Result<(), DiskError> {
        self.run(Op::Truncate, path, || self.mem.truncate(path, len_bytes))
    }

    fn list(&self, dir: &Path) -> Result<Vec<Entry>, DiskError> {
        self.alive(Op::List, dir)?;
        self.mem.list(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.run(Op::Rename, from, || self.mem.rename(from, to))
    }

    fn remove_file(&self, path: &Path) -> Result<(), DiskError> {
        self.run(Op::Remove, path, || self.mem.remove_file(path))
    }

    fn sync_dir(&self, dir: &Path) -> Result<(), DiskError> {
        self.run(Op::Sync, dir, || self.mem.sync_dir(dir))
    }

    fn lock_dir(&self, dir: &Path) -> Result<Box<dyn DirLock>, DiskError> {
        self.run(Op::Lock, dir, || self.mem.lock_dir(dir))
    }
}

#[derive(Debug)]
struct FaultyFile {
    disk: FaultyDisk,
    path: PathBuf,
    file: Arc<dyn DiskFile>,
}

impl FaultyFile {
    /// Writes a beginning of `bytes`, then reports `kind`.
    fn write_short(&self, bytes: &[u8], len: usize, kind: io::ErrorKind) -> Result<(), DiskError> {
        self.file.append(bytes.get(..len).unwrap_or(bytes))?;
        Err(DiskError::io(Op::Write, &self.path, kind.into()))
    }
}

impl DiskFile for FaultyFile {
    fn append(&self, bytes: &[u8]) -> Result<(), DiskError> {
        self.disk.wait_while_hanging();
        if let Verdict::Fail { share_per_mille, kind } = self.disk.verdict(Op::Write) {
            return self.write_short(bytes, bytes.len() * usize::from(share_per_mille) / 1000, kind);
        }
        let capacity_bytes = self.disk.with(|state| state.faults.capacity_bytes);
        let room =
            usize::try_from(capacity_bytes.saturating_sub(self.disk.mem.used_bytes())).unwrap_or(usize::MAX);
        if bytes.len() > room {
            return self.write_short(bytes, room, io::ErrorKind::StorageFull);
        }
        self.file.append(bytes)
    }

    fn sync(&self) -> Result<(), DiskError> {
        self.disk.wait_while_hanging();
        match self.disk.verdict(Op::Sync) {
            Verdict::Go => self.file.sync(),
            Verdict::Fail { kind, .. } => {
                self.disk.mem.lose_unsynced(&self.path);
                Err(DiskError::io(Op::Sync, &self.path, kind.into()))
            }
        }
    }

    fn truncate(&self, len_bytes: u64) -> Result<(), DiskError> {
        self.disk.run(Op::Truncate, &self.path, || self.file.truncate(len_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "/d/f";

    fn file_on(faults: Faults) -> (FaultyDisk, Arc<dyn DiskFile>) {
        let disk = FaultyDisk::new(7, Faults::NONE);
        disk.create_dir_all(Path::new("/d")).unwrap();
        let file = disk.create(Path::new(FILE)).unwrap();
        disk.sync_dir(Path::new("/d")).unwrap();
        disk.restart(Crash::Process, Faults::NONE);
        drop(file);
        let file = disk.create(Path::new(FILE)).unwrap();
        disk.sync_dir(Path::new("/d")).unwrap();
        disk.set_faults(faults);
        (disk, file)
    }

    #[test]
    fn a_full_disk_takes_what_fits_and_says_so() {
        let (disk, file) = file_on(Faults { capacity_bytes: 10, ..Faults::NONE });
        file.append(b"12345678").unwrap();
        let error = file.append(b"abcdef").unwrap_err();
        assert!(error.is_full(), "{error}");
        assert_eq!(disk.read(Path::new(FILE)).unwrap(), b"12345678ab");
    }

    #[test]
    fn a_failed_sync_loses_for_good() {
        let (disk, file) = file_on(Faults { sync_fails_per_mille: 1000, ..Faults::NONE });
        file.append(b"lost").unwrap();
        assert!(file.sync().is_err());
        disk.set_faults(Faults::NONE);
        file.append(b"kept").unwrap();
        file.sync().unwrap();
        disk.restart(Crash::PowerLoss, Faults::NONE);
        assert_eq!(disk.read(Path::new(FILE)).unwrap(), b"\0\0\0\0kept");
    }

    #[test]
    fn a_short_write_leaves_a_part() {
        let (disk, file) = file_on(Faults { write_fails_per_mille: 1000, ..Faults::NONE });
        assert!(file.append(&[1; 100]).is_err());
        assert!(disk.read(Path::new(FILE)).unwrap().len() < 100);
    }

    #[test]
    fn after_the_crash_nothing_works_until_restart() {
        let (disk, file) = file_on(Faults::NONE);
        let ops = disk.ops();
        disk.set_faults(Faults { crash_after_ops: ops + 1, ..Faults::NONE });
        file.append(b"a").unwrap();
        assert!(file.append(b"b").is_err() && disk.is_crashed());
        assert!(disk.read(Path::new(FILE)).is_err());
        disk.restart(Crash::Process, Faults::NONE);
        assert!(disk.read(Path::new(FILE)).unwrap().starts_with(b"a"));
        assert!(file.append(b"c").is_err(), "handles die with the process");
    }
}
