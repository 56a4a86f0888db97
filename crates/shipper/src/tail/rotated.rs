//! Files that were rotated while nobody looked: the rest of the one that was being read, and those that came after it.

use std::cmp::Reverse;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::file::{TailFile, id_of};
use crate::entry::FileId;
use crate::positions::Mark;

/// Rotated files that are looked at beside one path; schemes keep five to a few dozen.
const SIBLINGS_MAX: usize = 1000;

/// Listings of a folder in which files are renamed meanwhile, before one is taken as it is.
const LISTINGS_MAX: usize = 16;

/// Extensions of files that hold no lines as they stand.
const PACKED: [&str; 5] = ["gz", "bz2", "xz", "zst", "zip"];

/// What was found beside a path.
#[derive(Debug, Default)]
pub(crate) struct Rotated {
    /// Files to be read before the one at the path, oldest first, each at its place.
    pub files: Vec<TailFile>,
    /// Marks whose files are gone.
    pub n_lost: usize,
}

#[derive(PartialEq)]
struct Sibling {
    path: PathBuf,
    id: FileId,
    changed: SystemTime,
}

/// The files that `marks` mean and that were no longer at `path` when `present` was opened there, and all that were written
/// between them and that one. `is_other` says which files are tailed under their own names.
pub(crate) fn find(
    path: &Path,
    present: FileId,
    marks: &[Mark],
    is_other: &dyn Fn(&Path) -> bool,
) -> Rotated {
    let is_gone = |mark: &&Mark| mark.file.is_some_and(|file| file != present);
    let gone: Vec<&Mark> = marks.iter().filter(is_gone).collect();
    if gone.is_empty() {
        return Rotated::default();
    }
    settled(path, |siblings| of_marks(siblings, present, &gone, is_other))
}

fn of_marks(
    siblings: &[Sibling],
    present: FileId,
    gone: &[&Mark],
    is_other: &dyn Fn(&Path) -> bool,
) -> Rotated {
    let mut found = Rotated::default();
    let mut since = None;
    for mark in gone {
        let sibling = siblings.iter().find(|sibling| mark.file == Some(sibling.id));
        let opened = sibling.and_then(|sibling| {
            let mut file = TailFile::open(&sibling.path).ok()?;
            file.seek(mark).ok()?.then_some((file, sibling.changed))
        });
        match opened {
            Some((file, changed)) => {
                since = Some(changed);
                found.files.push(file);
            }
            None => found.n_lost += 1,
        }
    }
    if let Some(since) = since {
        // Not those of all marks: the number of one that is gone may be a new file's.
        let known: Vec<FileId> = found.files.iter().map(|file| file.id).chain([present]).collect();
        found.files.extend(later(siblings, since, &known, is_other));
    }
    found
}

/// Files that took `path` and lost it again: those beside it that were written at `since` or later and are not among `known`, oldest
/// first.
pub(crate) fn between(
    path: &Path,
    since: SystemTime,
    known: &[FileId],
    is_other: &dyn Fn(&Path) -> bool,
) -> Vec<TailFile> {
    settled(path, |siblings| later(siblings, since, known, is_other))
}

/// When the files beside `path` that may be rotated ones were last written.
pub(crate) fn last_written(path: &Path) -> Option<SystemTime> {
    siblings(path).last().map(|sibling| sibling.changed)
}

/// What `take` makes of the siblings of `path` while none is renamed: a name that is read from the folder may be another file's
/// when it is opened, and a renamed file may be listed twice or never.
fn settled<T>(path: &Path, mut take: impl FnMut(&[Sibling]) -> T) -> T {
    let mut before = siblings(path);
    let mut taken = take(&before);
    for _ in 0..LISTINGS_MAX {
        let after = siblings(path);
        if after == before {
            break;
        }
        taken = take(&after);
        before = after;
    }
    taken
}

/// Two files may have been written at the same tick of the clock: rather one too many than one too few.
fn later(
    siblings: &[Sibling],
    since: SystemTime,
    known: &[FileId],
    is_other: &dyn Fn(&Path) -> bool,
) -> Vec<TailFile> {
    let is_new = |sibling: &&Sibling| {
        sibling.changed >= since && !known.contains(&sibling.id) && !is_other(&sibling.path)
    };
    let opened = |sibling: &Sibling| TailFile::open(&sibling.path).ok().filter(|file| file.id == sibling.id);
    siblings.iter().filter(is_new).filter_map(opened).collect()
}

/// Files beside `path` whose names begin with its name, in the order in which they were last written.
fn siblings(path: &Path) -> Vec<Sibling> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Vec::new();
    };
    let stem = name.strip_suffix(".log").unwrap_or(name);
    let is_count = |rest: &str| rest.chars().all(|c| c.is_ascii_digit() || ".-_T".contains(c));
    let is_rotated = |other: &str| {
        let is_packed = other.rsplit_once('.').is_some_and(|(_, extension)| PACKED.contains(&extension));
        // `x.log.1` and `x.log-20260101`, or `x.1.log` and `x-2026-01-01.log`.
        let behind = other.strip_prefix(name).is_some_and(|rest| rest.starts_with(['.', '-', '_']));
        let within =
            other.strip_prefix(stem).and_then(|rest| rest.strip_suffix(".log")).is_some_and(is_count);
        (behind || within) && other != name && !is_packed
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let found = entries.filter(|entry| entry.file_name().to_str().is_some_and(is_rotated));
    let with_times = found.take(SIBLINGS_MAX).filter_map(|entry| {
        let metadata = entry.metadata().ok().filter(Metadata::is_file)?;
        Some(Sibling { path: entry.path(), id: id_of(&metadata), changed: metadata.modified().ok()? })
    });
    let mut all: Vec<Sibling> = with_times.collect();
    // At the same tick of the clock the higher number is the older file.
    all.sort_by_key(|sibling| (sibling.changed, Reverse(count_of(&sibling.path))));
    all
}

/// The 2 of `x.log.2`.
fn count_of(path: &Path) -> Option<u32> {
    path.extension()?.to_str()?.parse().ok()
}
