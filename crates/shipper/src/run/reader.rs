//! The thread that reads: finds files, sends their lines through the stages, fills batches, keeps positions.
//!
//! One thread for all files, in turns. Positions are those of the last batch that lies in the buffer; they are written to their
//! file from time to time, and batches that were acknowledged before go after that.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use scrape::FileWatch;

use super::Shared;
use super::intake::Intake;
use crate::batch::Batcher;
use crate::buffer::Batch;
use crate::config::Settings;
use crate::metrics::{Family, Metrics};
use crate::pages::{FileStatus, JobStatus};
use crate::positions::{self, Marks, Positions};
use crate::tail::{self, FolderTimes, Found, Start, Tail, Target};

/// Between two looks at files that had nothing new, Promtail's own pace.
const POLL: Duration = Duration::from_millis(250);

/// Between two looks for new files when their folders keep changing.
const FIND_PAUSE: Duration = Duration::from_secs(1);

/// Files tailed at once; each holds a descriptor.
const FILES_MAX: usize = 10_000;

/// What the reading thread owns.
pub(crate) struct Reader {
    settings: Settings,
    shared: Arc<Shared>,
    /// Positions of the last batch in the buffer, and its number.
    positions: Positions,
    batcher: Batcher,
    tails: BTreeMap<String, Tail>,
    watches: Vec<FileWatch>,
    targets: Vec<Vec<Target>>,
    folders: FolderTimes,
    intake: Intake,
    next_find: Instant,
    next_sync: Instant,
    /// Since when the buffer takes nothing.
    full_since: Option<Instant>,
    /// Whether positions have changed since they were written.
    is_dirty: bool,
}

impl Reader {
    pub(crate) fn new(settings: Settings, positions: Positions, shared: Arc<Shared>) -> Self {
        let now = Instant::now();
        Self {
            batcher: Batcher::new(&settings.clients, settings.limits.streams_max),
            watches: settings.jobs.iter().map(|_| FileWatch::default()).collect(),
            targets: Vec::new(),
            folders: FolderTimes::default(),
            tails: BTreeMap::new(),
            intake: Intake::new(settings.limits, shared.metrics.clone(), now),
            next_find: now,
            next_sync: now + settings.positions_sync,
            full_since: None,
            is_dirty: false,
            settings,
            shared,
            positions,
        }
    }

    /// Reads until it is told to stop; then keeps what has been read.
    pub(crate) fn run(mut self) {
        let mut buffer = Vec::new();
        while !self.shared.is_stopped() {
            let now = Instant::now();
            self.find(now);
            self.look();
            let more = self.may_read(now) && self.read(&mut buffer, now);
            self.flush_when_due(Instant::now());
            self.sync_when_due(now);
            if !more {
                self.shared.pause(self.pause());
            }
        }
        self.end();
    }

    /// Blocks that wait for more lines go as they are; then everything is kept.
    fn end(&mut self) {
        let now = Instant::now();
        for tail in self.tails.values_mut() {
            let mut out = Vec::new();
            self.intake.release(&mut tail.pipeline, true, now, &mut out);
            out.into_iter().for_each(|entry| self.batcher.add(entry, now, &self.shared.metrics));
        }
        self.flush();
        self.sync();
    }

    fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// Up to the next thing that is due, and no longer than a poll.
    fn pause(&self) -> Duration {
        let wait = self.settings.clients.iter().map(|client| client.batch_wait).min().unwrap_or(POLL);
        POLL.min(wait).max(Duration::from_millis(10))
    }

    /// Looks for files, at its time or soon after a folder has changed.
    fn find(&mut self, now: Instant) {
        let last = self.next_find.checked_sub(self.settings.targets_sync);
        let is_early = last.is_none_or(|last| now.saturating_duration_since(last) >= FIND_PAUSE);
        if now < self.next_find && !(is_early && self.folders.have_changed()) {
            return;
        }
        self.next_find = now + self.settings.targets_sync;
        self.targets.clear();
        for (job, watch) in self.settings.jobs.iter().zip(&mut self.watches) {
            for error in watch.look(&job.files, false).errors {
                tracing::warn!(job = job.name, "{error}");
                self.shared.metrics.add(Family::TargetsFailed, &[("reason", "file_sd")], 1.0);
            }
            self.targets.push(tail::targets(job, watch));
        }
        // Before the files are listed: what comes later changes the time again.
        self.folders = FolderTimes::of(&self.targets.concat());
        let found: Vec<Vec<Found>> =
            self.targets.iter().map(|targets| targets.iter().flat_map(tail::files).collect()).collect();
        let all: Vec<String> = found.iter().flatten().map(|it| it.path.clone()).collect();
        for (job, files) in found.into_iter().enumerate() {
            files.iter().for_each(|file| self.add(job, file, &all));
        }
        self.metrics().set(Family::FilesActive, &[], self.tails.len() as f64);
        let active = self.targets.iter().flatten().filter(|target| !tail::files(target).is_empty()).count();
        self.metrics().set(Family::TargetsActive, &[], active as f64);
        self.tell();
    }

    /// Begins to tail a file, unless it is tailed already.
    fn add(&mut self, job: usize, found: &Found, all: &[String]) {
        if let Some(tail) = self.tails.get_mut(&found.path) {
            if tail.job == job {
                tail.labels = found.labels.clone();
            } else {
                self.shared.metrics.set(Family::FilesLeftOut, &[("reason", "other_job")], 1.0);
            }
            return;
        }
        let Some(settings) = self.settings.jobs.get(job) else { return };
        if self.tails.len() >= FILES_MAX {
            self.metrics().add(Family::FilesLeftOut, &[("reason", "too_many")], 1.0);
            return;
        }
        // A file that was tailed under another name has only been renamed: it is read where it is.
        let id = std::fs::metadata(&found.path).map(|it| tail::id_of(&it));
        if id.is_ok_and(|id| self.tails.values().any(|tail| tail.ids().contains(&id))) {
            return;
        }
        let marks = self.positions.marks.get(&found.path).cloned().unwrap_or_default();
        let is_other = |path: &Path| all.iter().any(|other| Path::new(other) == path);
        let pipeline = settings.pipeline.pipeline();
        let start = Start { found, job, pipeline, gzip: settings.gzip, marks: &marks, is_other: &is_other };
        match Tail::open(start) {
            Err(error) => self.failed(&found.path, "open", &error),
            Ok((tail, n_lost)) => {
                self.lost(&found.path, n_lost);
                self.tails.insert(found.path.clone(), tail);
            }
        }
    }

    fn failed(&self, path: &str, reason: &str, error: &std::io::Error) {
        tracing::warn!(path, %error, "a log file cannot be read");
        self.metrics().add(Family::TargetsFailed, &[("reason", reason)], 1.0);
    }

    fn lost(&self, path: &str, n_lost: usize) {
        if n_lost > 0 {
            tracing::warn!(path, files = n_lost, "files were gone before they were read to their end");
            self.metrics().add(Family::LinesLost, &[], n_lost as f64);
        }
    }

    /// Looks at all paths, also while reading stands still: a file that is renamed twice must not be missed.
    fn look(&mut self) {
        let paths: Vec<String> = self.tails.keys().cloned().collect();
        let is_other = |path: &Path| paths.iter().any(|other| Path::new(other) == path);
        for path in &paths {
            let looked = self.tails.get_mut(path).map(|tail| tail.look(&is_other));
            match looked {
                Some(Ok(looked)) => {
                    self.metrics().add(Family::Rotations, &[], f64::from(u8::from(looked.rotated)));
                    self.lost(path, looked.n_lost);
                }
                Some(Err(error)) => self.failed(path, "look", &error),
                None => {}
            }
        }
    }

    /// Whether the buffer takes what is read.
    fn may_read(&mut self, now: Instant) -> bool {
        let has_room = self.shared.buffer.has_room();
        match (has_room, self.full_since) {
            (false, None) => {
                tracing::warn!("the buffer is full; logs stay in their files until there is room");
                self.full_since = Some(now);
                self.metrics().add(Family::BufferFull, &[], 1.0);
            }
            (_, Some(since)) => {
                let stood = now.saturating_duration_since(since).as_secs_f64();
                self.metrics().add(Family::BufferFullSeconds, &[], stood);
                self.full_since = (!has_room).then_some(now);
            }
            (true, None) => {}
        }
        self.metrics().set(Family::Holding, &[], f64::from(u8::from(!has_room)));
        has_room
    }

    /// A turn for each file. True when there is more to read at once.
    fn read(&mut self, buffer: &mut Vec<u8>, now: Instant) -> bool {
        let mut more = false;
        let paths: Vec<String> = self.tails.keys().cloned().collect();
        for path in paths {
            more |= self.read_one(&path, buffer, now);
            if self.batcher.is_full() {
                self.flush();
                if !self.shared.buffer.has_room() {
                    return true;
                }
            }
        }
        more
    }

    fn read_one(&mut self, path: &str, buffer: &mut Vec<u8>, now: Instant) -> bool {
        let Some(tail) = self.tails.get_mut(path) else { return false };
        if tail.rest_until.is_some_and(|until| now < until) {
            return false;
        }
        tail.rest_until = None;
        let (intake, batcher, metrics) = (&mut self.intake, &mut self.batcher, &*self.shared.metrics);
        let mut out = Vec::new();
        let mut rest = Duration::ZERO;
        let turn = tail.read(buffer, now, |pipeline, labels, line| {
            rest = intake.take(pipeline, labels, line, now, &mut out);
            out.drain(..).for_each(|entry| batcher.add(entry, now, metrics));
            rest.is_zero() && !batcher.is_full()
        });
        if !rest.is_zero() {
            tail.rest_until = Some(now + rest);
        }
        intake.release(&mut tail.pipeline, false, now, &mut out);
        let left = tail.leave(buffer, now, |pipeline, labels, line| {
            intake.take(pipeline, labels, line, now, &mut out);
        });
        let is_over = matches!(left, Ok(true));
        if is_over {
            intake.release(&mut tail.pipeline, true, now, &mut out);
        }
        out.drain(..).for_each(|entry| batcher.add(entry, now, metrics));
        let is_resting = tail.rest_until.is_some();
        if is_over {
            self.forget(path);
        }
        match turn.and_then(|turn| left.map(|_| turn)) {
            Err(error) => {
                self.failed(path, "read", &error);
                false
            }
            Ok(turn) => {
                self.count(path, &turn);
                (turn.more || self.batcher.is_full()) && !is_resting
            }
        }
    }

    fn count(&mut self, path: &str, turn: &tail::Turn) {
        self.is_dirty |= turn.lines > 0 || turn.truncated;
        if turn.truncated {
            self.metrics().add(Family::Rotations, &[], 1.0);
        }
        let Some(tail) = self.tails.get(path).filter(|_| turn.lines > 0) else { return };
        let (read, bytes) = tail.progress();
        let labels = [("path", path)];
        self.metrics().add(Family::ReadLines, &labels, turn.lines as f64);
        self.metrics().set(Family::ReadBytes, &labels, read as f64);
        self.metrics().set(Family::FileBytes, &labels, bytes as f64);
    }

    fn forget(&mut self, path: &str) {
        self.tails.remove(path);
        self.metrics().forget_file(path);
        self.is_dirty = true;
        self.metrics().set(Family::FilesActive, &[], self.tails.len() as f64);
    }

    fn flush_when_due(&mut self, now: Instant) {
        if self.batcher.is_full() || self.batcher.is_due(now) {
            self.flush();
        }
    }

    /// Positions of everything read so far: files that are tailed, and files that are not there at the moment.
    fn marks(&self) -> Marks {
        let tailed = self.tails.iter().map(|(path, tail)| (path.clone(), tail.marks()));
        let mut marks: Marks = tailed.collect();
        for (path, known) in &self.positions.marks {
            if !marks.contains_key(path) && Path::new(path).exists() {
                marks.insert(path.clone(), known.clone());
            }
        }
        marks
    }

    /// Puts the batch into the buffer. While that fails nothing else is read, since positions must not pass it.
    fn flush(&mut self) {
        let parts = self.batcher.take();
        let marks = self.marks();
        if parts.is_empty() {
            // Lines that stages have dropped move positions too.
            self.positions.marks = marks;
            return;
        }
        let mut batch = Batch { marks, parts };
        // Of paths that are gone it says so.
        for path in self.positions.marks.keys() {
            batch.marks.entry(path.clone()).or_default();
        }
        loop {
            match self.shared.buffer.add(&batch) {
                Ok(number) => {
                    batch.marks.retain(|_, marks| !marks.is_empty());
                    self.positions = Positions { marks: batch.marks, batch: Some(number) };
                    self.is_dirty = true;
                    return;
                }
                Err(error) => {
                    tracing::error!(%error, "a batch cannot be written to the buffer; reading stops until it can");
                    self.metrics().add(Family::BufferErrors, &[], 1.0);
                    if self.shared.is_stopped() {
                        return;
                    }
                    self.shared.pause(Duration::from_secs(1));
                    self.look();
                }
            }
        }
    }

    fn sync_when_due(&mut self, now: Instant) {
        if now >= self.next_sync {
            self.next_sync = now + self.settings.positions_sync;
            self.sync();
            self.tell();
        }
    }

    /// Writes positions; then batches that were acknowledged before are needed no more.
    fn sync(&mut self) {
        if self.batcher.is_empty() {
            // Nothing that was read waits for a batch.
            self.positions.marks = self.marks();
        }
        let sent = self.shared.buffer.sent();
        if !self.is_dirty && sent.is_empty() {
            return;
        }
        match positions::write(&self.settings.positions, &self.positions) {
            Ok(()) => {
                self.is_dirty = false;
                self.shared.buffer.remove(&sent);
            }
            Err(error) => {
                let path = self.settings.positions.display();
                tracing::error!(%path, %error, "positions cannot be written");
                self.metrics().add(Family::BufferErrors, &[], 1.0);
            }
        }
    }

    /// Tells the pages what there is.
    fn tell(&self) {
        let file = |tail: &Tail| {
            let (read_bytes, bytes) = tail.progress();
            FileStatus { path: tail.path.clone(), labels: tail.labels.clone(), read_bytes, bytes }
        };
        let job = |(at, job): (usize, &crate::config::Job)| JobStatus {
            name: job.name.clone(),
            targets: self.targets.get(at).cloned().unwrap_or_default(),
            files: self.tails.values().filter(|tail| tail.job == at).map(file).collect(),
        };
        let jobs = self.settings.jobs.iter().enumerate().map(job).collect();
        self.shared.status.lock().unwrap_or_else(PoisonError::into_inner).jobs = jobs;
    }
}
