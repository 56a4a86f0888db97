//! Places of chunks in files, and the walk from a series' newest chunk back to its oldest.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use columns::TimeRange;
use disk::FileBytes;

use crate::checkpoint_record::FileRecord;
use crate::filenames::spill_file;
use crate::xor::{CHUNK_SPAN_MS, Chunk};

/// Of a chunk with its header so much is fetched ahead: most end before.
const UNREAD_BYTES: usize = 192;

/// Where a chunk lies: number of its file, and offset there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(u64);

impl Place {
    /// Nowhere: a series without chunks in files.
    pub(crate) const NONE: Self = Self(u64::MAX);

    pub(super) fn new(file: u32, offset: u32) -> Self {
        Self(u64::from(file) << 32 | u64::from(offset))
    }

    /// As a number; see [`Place::to_bits`].
    pub(crate) fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// File in the upper half, offset in the lower, as it stands on disk.
    pub(crate) fn to_bits(self) -> u64 {
        self.0
    }

    /// Number of the file.
    pub(crate) fn file(self) -> u32 {
        (self.0 >> 32) as u32
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

/// A file of chunks.
#[derive(Debug)]
pub(super) struct SpillFile {
    pub(super) path: PathBuf,
    pub(super) bytes: FileBytes,
    /// What a checkpoint says of it.
    pub(super) record: FileRecord,
    /// Whether a checkpoint may name it: then it stays on the disk until there is one that does not.
    pub(super) is_listed: AtomicBool,
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

    /// Whether the file with this number is here.
    pub(crate) fn has_file(&self, number: u32) -> bool {
        self.numbered(number).is_some()
    }

    fn file(&self, place: Place) -> Option<&SpillFile> {
        self.numbered(place.file())
    }

    fn numbered(&self, number: u32) -> Option<&SpillFile> {
        self.all.get(number.checked_sub(self.base)? as usize)?.as_deref()
    }

    /// The chunks of a series that may have samples in `range`, newest first: from `newest` back to the one that begins
    /// with its oldest sample. Ends early where a file was let go.
    pub(crate) fn chain(&self, newest: Place, oldest_ms: i64, range: TimeRange) -> Chain<'_> {
        Chain { files: self, next: newest, oldest_ms, range, before_ms: None }
    }

    /// Files by number, in order; between them may be numbers that none has. The next to come gets `next_number`, which is above theirs.
    pub(super) fn new(files: Vec<SpillFile>, next_number: u32) -> Self {
        let base = files.first().map_or(next_number, |file| file.record.number);
        let mut all = Vec::new();
        for file in files {
            all.resize((file.record.number - base) as usize, None);
            all.push(Some(Arc::new(file)));
        }
        all.resize((next_number - base) as usize, None);
        Self { base, all }
    }

    pub(super) fn next_number(&self) -> u32 {
        self.base.saturating_add(self.all.len() as u32)
    }

    pub(super) fn with(&self, added: SpillFile) -> Self {
        let mut all = self.all.clone();
        all.push(Some(Arc::new(added)));
        Self { base: self.base, all }
    }

    /// See [`FileBytes::let_go`].
    pub(super) fn let_go_of_pages(&self) {
        self.all.iter().flatten().for_each(|file| file.bytes.let_go());
    }

    /// Names of the files.
    pub(super) fn names(&self) -> impl Iterator<Item = String> + '_ {
        self.all.iter().flatten().map(|file| spill_file(file.record.number))
    }

    /// What a checkpoint says of them, and from now on may be relied on.
    pub(super) fn list(&self) -> Vec<FileRecord> {
        let listed = |file: &Arc<SpillFile>| {
            file.is_listed.store(true, Ordering::Relaxed);
            file.record
        };
        self.all.iter().flatten().map(listed).collect()
    }

    /// These without the files that end before `cutoff_ms`, and those.
    pub(super) fn without_before(&self, cutoff_ms: i64) -> (Self, Vec<Arc<SpillFile>>) {
        let mut all = self.all.clone();
        let old = all.iter_mut().filter_map(|file| file.take_if(|file| file.record.newest_ms < cutoff_ms));
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
    /// Times must fall: whoever decodes the chunks wants samples in order.
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

/// Adds an entry to the bytes of a file.
pub(super) fn put(out: &mut Vec<u8>, before: Place, chunk: &Chunk) {
    out.extend_from_slice(&before.0.to_le_bytes());
    out.extend_from_slice(&chunk.first_ms.to_le_bytes());
    out.extend_from_slice(&chunk.last_ms.to_le_bytes());
    out.extend_from_slice(&(chunk.bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(&chunk.bytes);
}

/// `None` also of an entry that none of ours is: a walk over such might go on for ever, and so might cuts, which go from span to span.
fn read(file: &[u8], place: Place) -> Option<Spilled<'_>> {
    let (before, rest) = file.get(place.0 as u32 as usize..)?.split_first_chunk()?;
    let (first, rest) = rest.split_first_chunk()?;
    let (last, rest) = rest.split_first_chunk()?;
    let (len, rest) = rest.split_first_chunk()?;
    let before = Place(u64::from_le_bytes(*before));
    let (first_ms, last_ms) = (i64::from_le_bytes(*first), i64::from_le_bytes(*last));
    let bytes = rest.get(..u32::from_le_bytes(*len) as usize)?;
    let is_behind = before.is_none() || before.0 < place.0;
    let is_in_span =
        last_ms.checked_sub(first_ms).is_some_and(|span_ms| (0..CHUNK_SPAN_MS).contains(&span_ms));
    (is_behind && is_in_span).then_some(Spilled { place, before, first_ms, last_ms, bytes })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(number: u32, bytes: Vec<u8>) -> SpillFile {
        let record = FileRecord { number, len_bytes: bytes.len() as u64, sum: 0, newest_ms: 0, samples: 0 };
        let is_listed = AtomicBool::new(true);
        SpillFile { path: PathBuf::new(), bytes: FileBytes::Owned(bytes), record, is_listed }
    }

    fn entry(before: Place, first_ms: i64, last_ms: i64) -> Vec<u8> {
        let mut out = Vec::new();
        put(&mut out, before, &Chunk { first_ms, last_ms, bytes: Arc::from([0; 2].as_slice()) });
        out
    }

    /// How many chunks a walk from the last of these entries, each (place before, first, last), finds.
    fn walk(entries: &[(Place, i64, i64)]) -> usize {
        let bytes: Vec<u8> =
            entries.iter().flat_map(|(before, first, last)| entry(*before, *first, *last)).collect();
        let newest = Place::new(3, (bytes.len() - bytes.len() / entries.len()) as u32);
        let files = Files::new(vec![file(3, bytes)], 4);
        let found: Vec<(i64, i64)> = files
            .chain(newest, i64::MIN, TimeRange::ALL)
            .map(|chunk| (chunk.first_ms, chunk.last_ms))
            .take(entries.len() + 1)
            .collect();
        assert!(found.iter().all(|(first, last)| first <= last), "{found:?}");
        assert!(found.is_sorted_by(|newer, older| newer.0 > older.1), "{found:?}");
        found.len()
    }

    #[test]
    fn a_walk_ends_whatever_the_entries_say() {
        let (none, here, there) = (Place::NONE, Place::new(3, 0), Place::new(3, 30));
        for (entries, found) in [
            (vec![(none, 0, 9), (here, 10, 19)], 2),
            (vec![(none, 0, 10), (here, 10, 19)], 1),
            // In a circle, by times that run backwards within an entry.
            (vec![(there, 9, 0), (here, 9, 0)], 0),
            (vec![(there, 0, 9), (here, 10, 19)], 1),
            (vec![(here, 0, 0)], 0),
            // A million years, and more than there are.
            (vec![(none, -31_556_952_000_000_000, 0), (here, 10, 19)], 1),
            (vec![(none, i64::MIN, i64::MAX)], 0),
            // In the middle of an entry, behind the end, in files that are not there.
            (vec![(none, 0, 9), (Place::new(3, 7), 10, 19)], 1),
            (vec![(Place::new(3, 99), 10, 19)], 0),
            (vec![(Place::new(2, 0), 10, 19)], 1),
            (vec![(Place::new(4, 0), 10, 19)], 0),
        ] {
            assert_eq!(walk(&entries), found, "{entries:?}");
        }
    }

    proptest! {
        #[test]
        fn walks_over_any_entries_end(entries in prop::collection::vec((0..8u32, -20..20i64, -20..20i64), 1..8)) {
            let entries: Vec<_> =
                entries.into_iter().map(|(n, first, last)| (Place::new(3, n * 30), first, last)).collect();
            walk(&entries);
        }
    }

    #[test]
    fn numbers_go_on_behind_files_that_are_not_kept() {
        let files = Files::new(vec![file(3, Vec::new()), file(5, Vec::new())], 8);
        assert_eq!((files.next_number(), files.has_file(5), files.has_file(4)), (8, true, false));
        let (files, old) = files.with(file(8, Vec::new())).without_before(1);
        assert_eq!((files.next_number(), old.len()), (9, 3));
        assert_eq!(Files::new(Vec::new(), 7).next_number(), 7);
    }
}
