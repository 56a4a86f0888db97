//! A path that is tailed: the file that has it now, and those that had it before and are not read to their end.
//!
//! The path is looked at again and again, also while reading stands still. When another file has it, that one is opened at once and
//! waits behind those before: files are read in the order in which they came, and as each stays open, renaming or removing it
//! loses nothing. A file is left when it has been at its end for a while after another has taken its path, since its
//! writer may know of the change later than we do.

mod file;
mod find;
mod gzip;
mod rotated;

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use model::Labels;
use scrape::FileWatch;

pub(crate) use file::Line;
use file::TailFile;
pub(crate) use file::id_of;
pub(crate) use find::{Found, Target, files, folders, targets};
use gzip::GzipFile;

use crate::config::Job;
use crate::entry::{FileId, Origin};
use crate::positions::Mark;
use crate::stages::Pipeline;

/// How long a file is kept open at its end after another has taken its path: `logrotate` moves a file first and tells its
/// writer seconds later.
const LINGER: Duration = Duration::from_secs(5);

/// Files of one path that wait to be read. Each keeps its bytes on disk though its name may be gone, so that there must be an end:
/// beyond it the oldest is given up, and counted.
const WAITING_MAX: usize = 16;

/// A path under way.
pub(crate) struct Tail {
    pub path: String,
    /// Which job it belongs to.
    pub job: usize,
    /// Labels of its lines.
    pub labels: Labels,
    pub pipeline: Pipeline,
    /// A stage wants the file to rest until then.
    pub rest_until: Option<Instant>,
    /// No file has the path any more.
    pub is_gone: bool,
    kind: Kind,
}

enum Kind {
    Plain(Plain),
    Gzip(Box<GzipFile>),
}

struct Plain {
    /// Oldest first; the last has the path.
    files: VecDeque<TailFile>,
    /// Rotated files that were last written before are done, or were never ours.
    since: SystemTime,
}

impl Plain {
    /// Takes out the oldest file, which is done or given up.
    fn pop(&mut self) -> Option<TailFile> {
        let file = self.files.pop_front()?;
        if let Some(changed) = file.modified() {
            self.since = self.since.max(changed + Duration::from_nanos(1));
        }
        Some(file)
    }
}

/// What a look at the path has seen.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Looked {
    pub rotated: bool,
    /// Files that were given up unread.
    pub n_lost: usize,
}

/// What a turn has read.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    pub lines: u64,
    pub bytes: u64,
    pub more: bool,
    pub truncated: bool,
}

/// What a start needs to know.
pub(crate) struct Start<'a> {
    pub found: &'a Found,
    pub job: usize,
    pub pipeline: Pipeline,
    pub gzip: bool,
    /// How far it was read before.
    pub marks: &'a [Mark],
    /// Files that are tailed under names of their own.
    pub is_other: &'a dyn Fn(&Path) -> bool,
}

impl Tail {
    /// Opens a path where it was left, or at its beginning; says how many files are lost that were not read to their end.
    pub(crate) fn open(start: Start<'_>) -> io::Result<(Self, usize)> {
        let path = Path::new(&start.found.path);
        let mut n_lost = 0;
        let kind = if start.gzip {
            Kind::Gzip(Box::new(GzipFile::open(path, start.marks.last())?))
        } else {
            // A writer that learns late of a rotation writes to the old file after the new one is there.
            let before = rotated::last_written(path).map(|changed| changed + Duration::from_nanos(1));
            let mut newest = TailFile::open(path)?;
            for mark in start.marks {
                if newest.seek(mark)? {
                    break;
                }
            }
            let rotated = rotated::find(path, newest.id, start.marks, start.is_other);
            n_lost = rotated.n_lost;
            let since = newest.modified().max(before).unwrap_or(SystemTime::UNIX_EPOCH);
            let mut files: VecDeque<TailFile> = rotated.files.into();
            files.push_back(newest);
            Kind::Plain(Plain { files, since })
        };
        let found = start.found.clone();
        let tail = Self {
            path: found.path,
            job: start.job,
            labels: found.labels,
            pipeline: start.pipeline,
            rest_until: None,
            is_gone: false,
            kind,
        };
        Ok((tail, n_lost))
    }

    /// The files it holds.
    pub(crate) fn ids(&self) -> Vec<FileId> {
        match &self.kind {
            Kind::Plain(plain) => plain.files.iter().map(|file| file.id).collect(),
            Kind::Gzip(file) => vec![file.id],
        }
    }

    /// Looks who has the path now. `is_other` says which files are tailed under names of their own.
    pub(crate) fn look(&mut self, is_other: &dyn Fn(&Path) -> bool) -> io::Result<Looked> {
        let path = Path::new(&self.path);
        let metadata = match std::fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.is_gone = true;
                return Ok(Looked::default());
            }
            other => other?,
        };
        self.is_gone = false;
        let plain = match &mut self.kind {
            Kind::Gzip(file) => return file.look(path).map(|()| Looked::default()),
            Kind::Plain(plain) => plain,
        };
        let mut looked = Looked::default();
        if plain.files.back().is_none_or(|file| file.id != id_of(&metadata)) {
            let newest = TailFile::open(path)?;
            let known: Vec<FileId> = plain.files.iter().map(|file| file.id).collect();
            // It may have been moved again in between, to where it is known.
            if !known.contains(&newest.id) {
                looked.rotated = true;
                let new = rotated::between(path, plain.since, &known, is_other);
                // So may the newest have been, with others after it.
                let is_among = new.iter().any(|file| file.id == newest.id);
                plain.files.extend(new);
                plain.files.extend((!is_among).then_some(newest));
            }
        }
        while plain.files.len() > WAITING_MAX {
            plain.pop();
            looked.n_lost += 1;
        }
        Ok(looked)
    }

    /// Reads on for a turn. `take` gets each line with its labels, and says whether the next may come.
    pub(crate) fn read(
        &mut self,
        buffer: &mut Vec<u8>,
        now: Instant,
        mut take: impl FnMut(&mut Pipeline, &Labels, &Line<'_>) -> bool,
    ) -> io::Result<Turn> {
        let mut turn = Turn::default();
        let (pipeline, labels) = (&mut self.pipeline, &self.labels);
        let mut each = |line: &Line<'_>| {
            turn.bytes += line.bytes.len() as u64 + 1;
            take(&mut *pipeline, labels, line)
        };
        let files = match &mut self.kind {
            Kind::Gzip(file) => {
                let progress = file.read(buffer, each)?;
                (turn.lines, turn.more) = (progress.lines, progress.more);
                return Ok(turn);
            }
            Kind::Plain(plain) => &mut plain.files,
        };
        let (mut lines, mut more, mut truncated) = (0, false, false);
        for file in files.iter_mut() {
            let progress = file.read(buffer, now, &mut each)?;
            lines += progress.lines;
            more |= progress.more;
            truncated |= progress.truncated;
            // The next one's turn comes when this one is at its end.
            if file.at_end_since.is_none() {
                break;
            }
        }
        (turn.lines, turn.more, turn.truncated) = (lines, more, truncated);
        Ok(turn)
    }

    /// Leaves a file that is done: another has its path, or nobody, and it has been at its end for a while. Its last line
    /// may lack a break. True when there is nothing left of the path.
    pub(crate) fn leave(
        &mut self,
        buffer: &mut Vec<u8>,
        now: Instant,
        mut take: impl FnMut(&mut Pipeline, &Labels, &Line<'_>),
    ) -> io::Result<bool> {
        let plain = match &mut self.kind {
            Kind::Gzip(_) => return Ok(self.is_gone),
            Kind::Plain(plain) => plain,
        };
        let held: Vec<Origin> = self.pipeline.held();
        let is_done = |file: &TailFile| {
            let is_over =
                file.at_end_since.is_some_and(|since| now.saturating_duration_since(since) >= LINGER);
            is_over && held.iter().all(|origin| origin.file != file.id)
        };
        while plain.files.front().is_some_and(is_done) && (plain.files.len() > 1 || self.is_gone) {
            if let Some(mut file) = plain.pop() {
                file.last_line(buffer, |line| take(&mut self.pipeline, &self.labels, line))?;
            }
        }
        Ok(plain.files.is_empty())
    }

    /// How far its files are read, without lines that a stage holds.
    pub(crate) fn marks(&self) -> Vec<Mark> {
        let held = self.pipeline.held();
        let oldest =
            |id: FileId| held.iter().filter(|origin| origin.file == id).map(|origin| origin.offset).min();
        match &self.kind {
            Kind::Plain(plain) => {
                let mark = |file: &TailFile| match oldest(file.id).filter(|offset| *offset < file.offset) {
                    Some(offset) => file.mark_at(offset),
                    None => file.mark(),
                };
                plain.files.iter().map(mark).collect()
            }
            Kind::Gzip(file) => {
                let mark = file.mark();
                let offset = oldest(file.id).map_or(mark.offset, |offset| offset.min(mark.offset));
                vec![Mark { offset, ..mark }]
            }
        }
    }

    /// Bytes read of the file that has the path, and bytes it has.
    pub(crate) fn progress(&self) -> (u64, u64) {
        match &self.kind {
            Kind::Plain(plain) => {
                plain.files.back().map_or((0, 0), |file| (file.offset, file.bytes().unwrap_or(0)))
            }
            Kind::Gzip(file) => (file.lines, 0),
        }
    }
}

/// The files that a job means now, for whoever checks a configuration.
pub(crate) fn files_of(job: &Job) -> Vec<Found> {
    let mut watch = FileWatch::default();
    watch.look(&job.files, true);
    targets(job, &watch).iter().flat_map(files).collect()
}

/// When folders were last changed; a change may mean a new file.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct FolderTimes(Vec<(PathBuf, Option<SystemTime>)>);

impl FolderTimes {
    /// Of the folders in which the targets' patterns begin to vary.
    pub(crate) fn of(targets: &[Target]) -> Self {
        let mut all: Vec<PathBuf> = targets.iter().flat_map(folders).collect();
        all.sort_unstable();
        all.dedup();
        let time = |path: &PathBuf| std::fs::metadata(path).and_then(|it| it.modified()).ok();
        Self(all.into_iter().map(|path| (path.clone(), time(&path))).collect())
    }

    /// Whether one of them has changed since.
    pub(crate) fn have_changed(&self) -> bool {
        let time = |path: &PathBuf| std::fs::metadata(path).and_then(|it| it.modified()).ok();
        self.0.iter().any(|(path, known)| time(path) != *known)
    }
}
