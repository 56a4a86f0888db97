//! Asks file systems for their sizes without ever waiting for one that does not answer.
//!
//! `statfs` on a network mount whose server is gone does not return. So a worker thread asks and the collector waits
//! for it no longer than a limit. A worker that is late is left with its question: its mount counts as in error until the
//! answer comes, and a new worker takes its place, up to a number of them; then mounts in question are not asked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// A local file system answers in microseconds; a scrape's own limit is seconds.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);

/// Workers that may hang: more dead mounts than that are in error without being asked, and cost no thread.
const HANGING_MAX: usize = 16;

/// What a file system says of itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Size {
    pub size_bytes: f64,
    pub free_bytes: f64,
    pub avail_bytes: f64,
    pub files: f64,
    pub files_free: f64,
}

/// There is no answer, or not now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoAnswer;

#[derive(Debug)]
struct Worker {
    questions: Sender<PathBuf>,
    answers: Receiver<Option<Size>>,
}

/// The worker at hand and those that hang, by the path they were asked for.
#[derive(Debug, Default)]
pub(super) struct Sizes {
    worker: Option<Worker>,
    hanging: BTreeMap<PathBuf, Worker>,
}

impl Sizes {
    /// The size of the file system at `path`.
    pub(super) fn ask(&mut self, path: &Path) -> Result<Size, NoAnswer> {
        if let Some(late) = self.hanging.get(path) {
            let answer = late.answers.try_recv().map_err(|_| NoAnswer)?;
            self.hanging.remove(path);
            return answer.ok_or(NoAnswer);
        }
        let worker = match self.worker.take() {
            Some(worker) => worker,
            None if self.hanging.len() >= HANGING_MAX => return Err(NoAnswer),
            None => start(size_of).ok_or(NoAnswer)?,
        };
        worker.questions.send(path.to_owned()).map_err(|_| NoAnswer)?;
        match worker.answers.recv_timeout(ANSWER_TIMEOUT) {
            Ok(answer) => {
                self.worker = Some(worker);
                answer.ok_or(NoAnswer)
            }
            Err(_) => {
                tracing::warn!(path = %path.display(), "file system does not answer");
                self.hanging.insert(path.to_owned(), worker);
                Err(NoAnswer)
            }
        }
    }
}

/// A thread that ends when its questions do.
fn start(ask: fn(&Path) -> Option<Size>) -> Option<Worker> {
    let (questions, asked) = channel::<PathBuf>();
    let (answer, answers) = channel();
    let work = move || {
        while let Ok(path) = asked.recv() {
            if answer.send(ask(&path)).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("statfs".to_owned()).spawn(work).ok()?;
    Some(Worker { questions, answers })
}

fn size_of(path: &Path) -> Option<Size> {
    let s = rustix::fs::statfs(path).ok()?;
    let block_bytes = s.f_bsize as f64;
    Some(Size {
        size_bytes: s.f_blocks as f64 * block_bytes,
        free_bytes: s.f_bfree as f64 * block_bytes,
        avail_bytes: s.f_bavail as f64 * block_bytes,
        files: s.f_files as f64,
        files_free: s.f_ffree as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_folder_has_a_size_and_a_missing_one_has_none() {
        let mut sizes = Sizes::default();
        let size = sizes.ask(Path::new("/")).expect("the root is there");
        assert!(size.size_bytes > 0.0 && size.free_bytes <= size.size_bytes);
        assert_eq!(sizes.ask(Path::new("/no/such/folder")), Err(NoAnswer));
        assert!(sizes.worker.is_some() && sizes.hanging.is_empty());
    }

    #[test]
    fn a_mount_that_hangs_holds_up_nobody_else() {
        let hang = |_: &Path| -> Option<Size> {
            std::thread::park();
            None
        };
        let mut sizes = Sizes { worker: start(hang), ..Sizes::default() };
        assert_eq!(sizes.ask(Path::new("/dead")), Err(NoAnswer));
        assert_eq!(sizes.ask(Path::new("/dead")), Err(NoAnswer));
        assert_eq!(sizes.hanging.len(), 1);
        assert!(sizes.ask(Path::new("/")).is_ok());
    }
}
