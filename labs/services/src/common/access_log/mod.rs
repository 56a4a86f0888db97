//! Logs with a line per request: a structured one, the profiler's with exactly five fields, and where a service has it
//! one for people, whose failures hold the word ERROR and the path.
//!
//! A request only puts an entry into a bounded queue. One thread formats and writes, many entries with one write. When
//! the queue is full, because the disk is slow or gone, the entry is dropped and counted: a log never holds up a request.

mod rotate;

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::http::Method;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use serde::Serialize;
use tokio::sync::oneshot;

pub use super::account::Spent;
pub use rotate::{RotatingFile, Rotation};

/// Entries that wait for the writer: some seconds of a very busy service, in about 2 MB. A full queue drops the newest.
const QUEUE_MAX: usize = 8192;
/// Entries written at once, so that lines reach the file soon even when they never stop coming.
const BATCH_MAX: usize = 512;
/// Time for the last lines to be written when the service stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);
/// The wait before the order to stop is put again into a queue that was full.
const STOP_RETRY: Duration = Duration::from_millis(5);
/// Bytes of a path that are logged; what a caller may send is much longer.
const PATH_MAX_BYTES: usize = 512;

/// What is logged of a request.
#[derive(Debug, Clone)]
pub struct Entry {
    /// When it was answered, to the microsecond: a log store takes equal lines of one moment for a repeat.
    pub time: jiff::Timestamp,
    /// Its method.
    pub method: Method,
    /// Its path as sent, without the query.
    pub path: String,
    /// The route's template.
    pub endpoint: std::sync::Arc<str>,
    /// The handler's name; one word.
    pub view: Cow<'static, str>,
    /// Status of the answer.
    pub status: u16,
    /// From the request's head until the answer was ready.
    pub duration: Duration,
    /// Size of the answer's body, if it is known.
    pub response_bytes: Option<u64>,
    /// What it cost in queries and calls.
    pub spent: Spent,
}

impl Entry {
    /// One line of JSON.
    fn access_line(&self, instance: &str) -> Vec<u8> {
        #[derive(Serialize)]
        struct Line<'a> {
            time: String,
            level: &'static str,
            instance: &'a str,
            method: &'a str,
            path: &'a str,
            endpoint: &'a str,
            view: &'a str,
            status: u16,
            duration_ms: f64,
            response_bytes: Option<u64>,
            db_queries: u64,
            db_ms: f64,
            external_calls: u64,
            external_ms: f64,
        }
        let line = Line {
            time: format!("{:.6}", self.time),
            level: level(self.status),
            instance,
            method: self.method.as_str(),
            path: start_of(&self.path, PATH_MAX_BYTES),
            endpoint: &self.endpoint,
            view: &self.view,
            status: self.status,
            duration_ms: ms(self.duration),
            response_bytes: self.response_bytes,
            db_queries: self.spent.db_queries,
            db_ms: ms(self.spent.db),
            external_calls: self.spent.external_calls,
            external_ms: ms(self.spent.external),
        };
        let mut text = serde_json::to_vec(&line).expect("strings and numbers can be written");
        text.push(b'\n');
        text
    }

    /// `[profiler] METHOD view duration_ms status`: queries split it at spaces and count on five fields.
    fn profiler_line(&self) -> Vec<u8> {
        let duration_ms = ms(self.duration);
        format!("[profiler] {} {} {duration_ms:.3} {}\n", self.method, self.view, self.status).into_bytes()
    }

    /// `TIME LEVEL METHOD path status duration`, for people and for queries that look for words.
    fn application_line(&self) -> Vec<u8> {
        let (level, path) = (level(self.status), start_of(&self.path, PATH_MAX_BYTES));
        let duration_ms = ms(self.duration);
        let (time, method, status) = (self.time, &self.method, self.status);
        format!("{time:.6} {level} {method} {path} {status} {duration_ms:.3} ms\n").into_bytes()
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

fn level(status: u16) -> &'static str {
    match status {
        500.. => "ERROR",
        400..500 => "WARN",
        _ => "INFO",
    }
}

/// The first `bytes_max` bytes of `text`, less what would cut a character.
fn start_of(text: &str, bytes_max: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or(text)
}

/// What the logs count.
#[derive(Debug, Clone, Default)]
pub struct LogMetrics {
    written: Counter,
    dropped: Counter,
    errors: Counter,
}

impl LogMetrics {
    /// Adds `access_log_entries_total`, `access_log_entries_dropped_total` and `access_log_write_errors_total`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let all = registry.sub_registry_with_prefix("access_log");
        all.register("entries", "Requests written to the access and profiler logs", metrics.written.clone());
        all.register(
            "entries_dropped",
            "Requests not logged because the queue was full",
            metrics.dropped.clone(),
        );
        all.register("write_errors", "Times a log file could not be written", metrics.errors.clone());
        metrics
    }
}

/// Where the logs are and how they rotate.
#[derive(Debug, Clone)]
pub struct LogOptions {
    /// The folder; it is made if it is not there.
    pub folder: PathBuf,
    /// The instance's name, with which its files' names begin.
    pub instance: String,
    /// When files rotate.
    pub rotation: Rotation,
    /// A third log for people; a path is taken from the folder.
    pub application: Option<PathBuf>,
}

/// The queue's entrance; cheap to clone.
#[derive(Debug, Clone)]
pub struct AccessLog {
    queue: SyncSender<Message>,
    metrics: LogMetrics,
}

/// The writer's thread, to be stopped by whoever started it.
#[derive(Debug)]
pub struct LogWriter {
    queue: SyncSender<Message>,
    /// Ends, without a message, when the writer has ended.
    ended: oneshot::Receiver<()>,
    thread: JoinHandle<()>,
}

enum Message {
    Log(Entry),
    Stop,
}

/// Opens `<instance>.access.log` and `<instance>.profiler.log` and starts their writer.
///
/// # Errors
/// When the folder or a file cannot be made, with its path, or no thread can be had.
pub fn start(options: &LogOptions, metrics: LogMetrics) -> io::Result<(AccessLog, LogWriter)> {
    std::fs::create_dir_all(&options.folder)?;
    let open = |kind: &str| {
        open_file(&options.folder.join(format!("{}.{kind}.log", options.instance)), options.rotation)
    };
    let application = options.application.as_ref().map(|path| options.folder.join(path));
    let files = Files {
        instance: options.instance.clone(),
        access: open("access")?,
        profiler: open("profiler")?,
        application: application.map(|path| open_file(&path, options.rotation)).transpose()?,
        metrics: metrics.clone(),
        failing: false,
    };
    let (queue, entries) = sync_channel(QUEUE_MAX);
    let (alive, ended) = oneshot::channel();
    let writing = move || {
        // Dropped when the thread ends, however it ends.
        let _alive: oneshot::Sender<()> = alive;
        files.write_all(&entries);
    };
    let thread = std::thread::Builder::new().name("access-log".to_owned()).spawn(writing)?;
    Ok((AccessLog { queue: queue.clone(), metrics }, LogWriter { queue, ended, thread }))
}

fn open_file(path: &Path, rotation: Rotation) -> io::Result<RotatingFile> {
    RotatingFile::open(path, rotation)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

impl AccessLog {
    /// Queues an entry; never waits.
    pub fn log(&self, entry: Entry) {
        if self.queue.try_send(Message::Log(entry)).is_err() {
            self.metrics.dropped.inc();
        }
    }
}

impl LogWriter {
    /// Writes what is queued, then ends; gives up after a while when the disk does not answer. Entries that come later
    /// are dropped and counted.
    pub async fn stop(self) {
        let stopping = async {
            while let Err(TrySendError::Full(_)) = self.queue.try_send(Message::Stop) {
                tokio::time::sleep(STOP_RETRY).await;
            }
            // The sender is never used, only dropped.
            let _ = self.ended.await;
        };
        match tokio::time::timeout(STOP_TIMEOUT, stopping).await {
            // A panic in it was reported when it happened.
            Ok(()) => drop(self.thread.join()),
            Err(_) => tracing::warn!("access log still has lines to write, they are lost"),
        }
    }
}

struct Files {
    instance: String,
    access: RotatingFile,
    profiler: RotatingFile,
    application: Option<RotatingFile>,
    metrics: LogMetrics,
    /// Whether the last write failed: said once, not for each batch.
    failing: bool,
}

impl Files {
    fn write_all(mut self, entries: &Receiver<Message>) {
        let mut stopped = false;
        while !stopped {
            // No sender is left: nothing can come any more.
            let Ok(first) = entries.recv() else { return };
            let mut count = 0;
            let batch = std::iter::once(first).chain(entries.try_iter()).take(BATCH_MAX);
            for message in batch {
                match message {
                    Message::Log(entry) => count += u64::from(self.push(&entry)),
                    Message::Stop => stopped = true,
                }
            }
            if self.flush() {
                self.metrics.written.inc_by(count);
            }
        }
    }

    fn push(&mut self, entry: &Entry) -> bool {
        let access = self.access.push(&entry.access_line(&self.instance));
        let profiler = self.profiler.push(&entry.profiler_line());
        let application = self.application.as_mut().map(|file| file.push(&entry.application_line()));
        self.noted(access.and(profiler).and(application.unwrap_or(Ok(()))))
    }

    fn flush(&mut self) -> bool {
        let access = self.access.flush();
        let profiler = self.profiler.flush();
        let application = self.application.as_mut().map(RotatingFile::flush);
        self.noted(access.and(profiler).and(application.unwrap_or(Ok(()))))
    }

    fn noted(&mut self, done: io::Result<()>) -> bool {
        let written = done.is_ok();
        if let Err(error) = done {
            self.metrics.errors.inc();
            if !self.failing {
                tracing::warn!(%error, "access log not written");
            }
        }
        self.failing = !written;
        written
    }
}

#[cfg(test)]
mod tests;
