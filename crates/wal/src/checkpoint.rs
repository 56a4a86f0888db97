//! Writing a checkpoint: parts, then the mark that it is done, then the removal of what it stands for.

use std::path::Path;
use std::sync::Arc;

use disk::DiskFile;

use crate::filenames::LogFile;
use crate::frame::{FileId, FileKind, HEADER_BYTES};
use crate::{Batch, Wal, WalError};

/// Records are written when so many bytes have come together: large writes, little memory.
const WRITE_BYTES: usize = 1 << 20;

/// What a checkpoint is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Letting segments go; appends go on in a segment of its number.
    Shorten,
    /// Making a poisoned log sound; there are no appends until it is finished.
    Repair,
}

/// A checkpoint that is being written. Dropped before [`Checkpoint::finish`], it removes
/// its parts, and nothing is lost.
#[derive(Debug)]
pub struct Checkpoint<'a> {
    wal: &'a Wal,
    number: u64,
    purpose: Purpose,
    part: Option<Part>,
    parts: u32,
    len_bytes: u64,
    batch: Batch,
    /// From here on the mark that it is done may be on the disk.
    is_sealed: bool,
}

#[derive(Debug)]
struct Part {
    id: FileId,
    file: Arc<dyn DiskFile>,
    len_bytes: u64,
}

impl<'a> Checkpoint<'a> {
    pub(crate) fn new(wal: &'a Wal, number: u64, purpose: Purpose) -> Self {
        let batch = Batch::new();
        Self { wal, number, purpose, part: None, parts: 0, len_bytes: 0, batch, is_sealed: false }
    }

    /// Adds the record that `write` appends to the buffer it is given.
    ///
    /// # Errors
    /// [`WalError::Disk`], [`WalError::RecordSize`]: the checkpoint is to be given up.
    pub fn record(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), WalError> {
        self.batch.record(write);
        if self.batch.len_bytes() >= WRITE_BYTES { self.write() } else { Ok(()) }
    }

    /// Makes the checkpoint count and removes what it stands for. Returns its size in bytes.
    ///
    /// # Errors
    /// [`WalError::Disk`]: the log is as before. A removal that fails is only logged: the next checkpoint tries again.
    pub fn finish(mut self) -> Result<u64, WalError> {
        self.write()?;
        self.end_part()?;
        let options = &self.wal.options;
        options.disk.sync_dir(&options.dir)?;
        let id = FileId { kind: FileKind::CheckpointDone, number: self.number, part: self.parts };
        let path = options.dir.join(LogFile::CheckpointDone { number: self.number }.name());
        self.is_sealed = true;
        self.wal.sealing(self.number);
        disk::replace(&*options.disk, &path, &id.header())?;
        options.metrics.truncations.inc();
        if self.purpose == Purpose::Repair {
            self.wal.repaired(self.number);
        }
        self.remove_older()?;
        Ok(self.len_bytes)
    }

    fn write(&mut self) -> Result<(), WalError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        if self.part.as_ref().is_some_and(|part| part.len_bytes >= self.wal.options.segment_bytes) {
            self.end_part()?;
        }
        if self.part.is_none() {
            self.part = Some(self.begin_part()?);
        }
        let part = self.part.as_mut().expect("begun above when there was none");
        let bytes = self.batch.seal(part.id, part.len_bytes)?;
        part.file.append(bytes)?;
        part.len_bytes += bytes.len() as u64;
        self.batch.clear();
        Ok(())
    }

    fn begin_part(&mut self) -> Result<Part, WalError> {
        let id = FileId { kind: FileKind::CheckpointPart, number: self.number, part: self.parts };
        let name = LogFile::CheckpointPart { number: self.number, part: self.parts }.name();
        let file = self.wal.options.disk.create(&self.wal.options.dir.join(name))?;
        self.parts += 1;
        file.append(&id.header())?;
        Ok(Part { id, file, len_bytes: HEADER_BYTES as u64 })
    }

    fn end_part(&mut self) -> Result<(), WalError> {
        if let Some(part) = self.part.take() {
            part.file.sync()?;
            self.len_bytes += part.len_bytes;
        }
        Ok(())
    }

    fn remove_older(&self) -> Result<(), WalError> {
        let options = &self.wal.options;
        let mut kept_bytes = 0;
        for entry in options.disk.list(&options.dir)? {
            let is_old = match LogFile::parse(&entry.name) {
                Some(LogFile::Segment { number }) => number < self.number,
                Some(LogFile::CheckpointPart { number, .. } | LogFile::CheckpointDone { number }) => {
                    number < self.number
                }
                Some(LogFile::HalfMade) => true,
                None => continue,
            };
            let is_current =
                LogFile::parse(&entry.name) == Some(LogFile::Segment { number: self.wal.current_number() });
            if is_old {
                remove(&options.dir.join(&entry.name), &*options.disk);
            } else if !is_current {
                kept_bytes += entry.len_bytes;
            }
        }
        self.wal.set_older_bytes(kept_bytes);
        Ok(())
    }
}

/// A checkpoint that was given up, most likely for want of room, must not take any.
impl Drop for Checkpoint<'_> {
    fn drop(&mut self) {
        let unfinished = if self.is_sealed { 0 } else { self.parts };
        for part in 0..unfinished {
            let name = LogFile::CheckpointPart { number: self.number, part }.name();
            remove(&self.wal.options.dir.join(name), &*self.wal.options.disk);
        }
    }
}

/// Removes a file that no start would read; if that fails it only takes room.
pub(crate) fn remove(path: &Path, disk: &dyn disk::Disk) {
    if let Err(error) = disk.remove_file(path) {
        tracing::warn!(%error, "a file of the log that is no longer needed stays");
    }
}
