//! Reading a log back: which files count, which bytes are records, what is torn and what is damaged.
//!
//! The newest checkpoint that is done stands for all segments below its number; from that number on every segment
//! counts. In each file, frames follow one another. Where no right frame begins, the next right one is searched for:
//! if there is one, or if a newer file follows, the bytes between are *damage* and are set aside; if there is none, and
//! the file is the newest segment, they are its *torn end*, the beginning of an append that nobody was told of, and
//! are cut off. The cut also syncs that segment, so that what this start has read cannot be lost by the next power
//! cut while newer segments stay.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use std::collections::BTreeSet;
use std::path::Path;

use crate::checkpoint::remove;
use crate::filenames::LogFile;
use crate::frame::{FRAME_HEAD_BYTES, FileId, FileKind, HEADER_BYTES, HeaderError};
use crate::log::Options;
use crate::{Damage, DamagePolicy, Replay, WalError};

/// Where a record comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A checkpoint: all of these come before all of the others.
    Checkpoint,
    /// A segment.
    Segment,
}

/// Takes the records of a log, in order. A closure will do where each is looked at when it comes.
pub trait Visit {
    /// Takes a record; answers with a reason when it can make nothing of it.
    fn record(&mut self, source: Source, record: &[u8]) -> Result<(), String>;

    /// Comes after the last record of each file. Who looks at records later than they come has looked at all of them when this
    /// returns, and says of which nothing could be made: their numbers in the file, and why.
    fn end_of_file(&mut self) -> Vec<(usize, String)> {
        Vec::new()
    }
}

impl<F: FnMut(Source, &[u8]) -> Result<(), String>> Visit for F {
    fn record(&mut self, source: Source, record: &[u8]) -> Result<(), String> {
        self(source, record)
    }
}

/// What the replay leaves for the writer.
pub(crate) struct Found {
    pub(crate) report: Replay,
    pub(crate) next_number: u64,
    pub(crate) bytes: u64,
}

/// Files of the folder by kind.
#[derive(Default)]
struct Listing {
    segments: BTreeSet<u64>,
    parts: BTreeSet<(u64, u32)>,
    done: BTreeSet<u64>,
    half_made: Vec<String>,
}

struct Reader<'a> {
    options: &'a Options,
    visit: &'a mut dyn Visit,
    report: Replay,
    bytes: u64,
}

/// Reads the whole log.
pub(crate) fn replay(options: &Options, visit: &mut dyn Visit) -> Result<Found, WalError> {
    let listing = list(options)?;
    let checkpoint = listing.done.last().copied();
    let mut reader = Reader { options, visit, report: Replay { checkpoint, ..Replay::default() }, bytes: 0 };
    if let Some(number) = checkpoint {
        reader.checkpoint(number, &listing)?;
    }
    let first = checkpoint.unwrap_or(1);
    let mut last = checkpoint.map_or(0, |number| number - 1);
    for &number in listing.segments.range(first..) {
        if last + 1 < number {
            let count = number - last - 1;
            reader.missing(
                LogFile::Segment { number: last + 1 },
                &format!("{count} files from here on are missing"),
            )?;
        }
        let is_newest = listing.segments.last() == Some(&number);
        if reader.file(FileId::segment(number), LogFile::Segment { number }, is_newest)? {
            last = number;
        }
    }
    let Reader { report, bytes, .. } = reader;
    remove_leftovers(options, &listing, first);
    Ok(Found { report, next_number: last + 1, bytes })
}

fn list(options: &Options) -> Result<Listing, WalError> {
    let mut listing = Listing::default();
    for entry in options.disk.list(&options.dir)? {
        match LogFile::parse(&entry.name).filter(|_| !entry.is_dir) {
            Some(LogFile::Segment { number }) => drop(listing.segments.insert(number)),
            Some(LogFile::CheckpointPart { number, part }) => drop(listing.parts.insert((number, part))),
            Some(LogFile::CheckpointDone { number }) => drop(listing.done.insert(number)),
            Some(LogFile::HalfMade) => listing.half_made.push(entry.name),
            None => {
                tracing::warn!(name = entry.name, "a file in the folder of the log that is not of the log")
            }
        }
    }
    Ok(listing)
}

/// Removes what no start will read any more. Only now: had the replay been refused, all would still be there.
fn remove_leftovers(options: &Options, listing: &Listing, first: u64) {
    let newest_done = listing.done.last().copied();
    let parts = listing.parts.iter().filter(|(number, _)| Some(*number) != newest_done);
    let done = listing.done.iter().filter(|number| Some(**number) != newest_done);
    let old: Vec<String> = (listing.segments.range(..first).map(|&number| LogFile::Segment { number }))
        .chain(parts.map(|&(number, part)| LogFile::CheckpointPart { number, part }))
        .chain(done.map(|&number| LogFile::CheckpointDone { number }))
        .map(LogFile::name)
        .chain(listing.half_made.iter().cloned())
        .collect();
    for name in old {
        remove(&options.dir.join(name), &*options.disk);
    }
}

impl Reader<'_> {
    fn checkpoint(&mut self, number: u64, listing: &Listing) -> Result<(), WalError> {
        let path = self.options.dir.join(LogFile::CheckpointDone { number }.name());
        let done = self.options.disk.read(&path)?;
        let found = listing
            .parts
            .range((number, 0)..=(number, u32::MAX))
            .map(|(_, part)| part + 1)
            .max()
            .unwrap_or(0);
        let parts = parts_of(&done).unwrap_or(found);
        let id = FileId { kind: FileKind::CheckpointDone, number, part: parts };
        self.header(id, &path, &done)?;
        self.bytes += done.len() as u64;
        for part in 0..parts {
            let file = LogFile::CheckpointPart { number, part };
            if listing.parts.contains(&(number, part)) {
                self.file(FileId { kind: FileKind::CheckpointPart, number, part }, file, false)?;
            } else {
                self.missing(file, "the file is missing")?;
            }
        }
        self.report.checkpoint_bytes = self.bytes;
        Ok(())
    }

    /// Reads one file; false when nothing of it was worth keeping and it was removed.
    fn file(&mut self, id: FileId, file: LogFile, is_newest: bool) -> Result<bool, WalError> {
        let path = self.options.dir.join(file.name());
        let bytes = self.options.disk.read(&path)?;
        let is_torn = matches!(id.check_header(&bytes), Err(HeaderError::Short | HeaderError::Wrong));
        if is_newest && is_torn && id.next_frame(&bytes, 0).is_none() {
            self.report.torn_bytes += bytes.len() as u64;
            self.options.disk.remove_file(&path)?;
            return Ok(false);
        }
        self.header(id, &path, &bytes)?;
        let end = self.frames(id, &path, &bytes, is_newest)?;
        if is_newest {
            self.report.torn_bytes += (bytes.len() - end) as u64;
            self.options.disk.truncate(&path, end as u64)?;
        }
        self.report.segments += usize::from(id.kind == FileKind::Segment);
        self.bytes += end as u64;
        Ok(true)
    }

    fn header(&mut self, id: FileId, path: &Path, bytes: &[u8]) -> Result<(), WalError> {
        match id.check_header(bytes) {
            Ok(()) => Ok(()),
            Err(HeaderError::Version(version)) => Err(WalError::Version { file: path.to_owned(), version }),
            Err(HeaderError::Short | HeaderError::Wrong) => {
                let header = bytes.get(..HEADER_BYTES).unwrap_or(bytes);
                self.damage(path, 0, header, "the file header does not add up")
            }
        }
    }

    /// Hands on the frames of a file; returns where the last good one ends (the file's length if that is no torn end).
    fn frames(&mut self, id: FileId, path: &Path, bytes: &[u8], is_newest: bool) -> Result<usize, WalError> {
        let source = if id.kind == FileKind::Segment { Source::Segment } else { Source::Checkpoint };
        let (mut records, mut refused, mut damage) = (Vec::new(), Vec::new(), Vec::new());
        let mut at = HEADER_BYTES.min(bytes.len());
        while at < bytes.len() {
            if let Some(record) = id.frame_at(bytes, at) {
                let said = self.visit.record(source, record);
                refused.extend(said.err().map(|reason| (records.len(), reason)));
                records.push(Some((at, record)));
                at += FRAME_HEAD_BYTES + record.len();
                continue;
            }
            let next = id.next_frame(bytes, at + 1);
            if next.is_none() && is_newest {
                break;
            }
            let end = next.unwrap_or(bytes.len());
            let bad = bytes.get(at..end).unwrap_or_default();
            damage.push((at, bad, "no valid frame begins here".to_owned()));
            at = end;
        }
        refused.extend(self.visit.end_of_file());
        for (number, reason) in refused {
            let record = records.get_mut(number).and_then(Option::take);
            damage.extend(record.map(|(at, record)| (at, record, reason)));
        }
        self.report.records += records.iter().flatten().count() as u64;
        self.report.record_bytes +=
            records.iter().flatten().map(|(_, record)| record.len() as u64).sum::<u64>();
        // Only now, since records may be refused later than they come: what is named first is what comes first.
        damage.sort_by_key(|(at, ..)| *at);
        damage.iter().try_for_each(|(at, bytes, reason)| self.damage(path, *at, bytes, reason))?;
        Ok(at)
    }

    fn missing(&mut self, file: LogFile, reason: &str) -> Result<(), WalError> {
        self.damage(&self.options.dir.join(file.name()), 0, &[], reason)
    }

    fn damage(&mut self, path: &Path, offset: usize, bytes: &[u8], reason: &str) -> Result<(), WalError> {
        let (file, offset_bytes, len_bytes) = (path.to_owned(), offset as u64, bytes.len() as u64);
        let reason = reason.to_owned();
        if self.options.damage == DamagePolicy::Refuse {
            return Err(WalError::Damaged { file, offset_bytes, len_bytes, reason });
        }
        tracing::error!(file = %file.display(), offset_bytes, len_bytes, reason, "damage in the log is set aside");
        let quarantined_to = (!bytes.is_empty()).then(|| self.set_aside(path, offset, bytes)).flatten();
        self.report.damage.push(Damage { file, offset_bytes, len_bytes, reason, quarantined_to });
        Ok(())
    }

    /// Copies damaged bytes away. That there is no room for it must not keep a monitor from starting.
    fn set_aside(&self, path: &Path, offset: usize, bytes: &[u8]) -> Option<std::path::PathBuf> {
        let name = format!("{}-{offset}.bin", path.file_name().unwrap_or_default().to_string_lossy());
        let to = self.options.quarantine.join(name);
        let disk = &*self.options.disk;
        let copied =
            disk.create_dir_all(&self.options.quarantine).and_then(|()| disk::replace(disk, &to, bytes));
        copied
            .inspect_err(|error| tracing::error!(%error, "damaged bytes could not be copied away"))
            .ok()
            .map(|()| to)
    }
}

/// How many parts a done file says there are, if its header can be believed.
fn parts_of(done: &[u8]) -> Option<u32> {
    let fields = done.get(..HEADER_BYTES - 4)?;
    let sum = done.get(HEADER_BYTES - 4..HEADER_BYTES)?;
    (crc32c::crc32c(fields).to_le_bytes() == sum).then_some(())?;
    Some(u32::from_le_bytes(fields.get(16..20)?.try_into().ok()?))
}
