//! Two logs with a line per request: a structured one, and the profiler's with exactly five fields.
//!
//! A request only puts an entry into a bounded queue. One thread formats and writes, many entries with one write. When
//! the queue is full, because the disk is slow or gone, the entry is dropped and counted: a log never holds up a request.

mod rotate;

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
    /// When it was answered, in milliseconds since the epoch.
    pub time_ms: i64,
    /// Its method.
    pub method: Method,
    /// Its path as sent, without the query.
    pub path: String,
    /// The route's template.
    pub endpoint: std::sync::Arc<str>,
    /// The handler's name; one word.
    pub view: &'static str,
    /// Status of the answer.
    pub status: u16,
    /// From the request's head until the answer was ready.
    pub duration: Duration,
    /// Size of the answer's body, if it is known.
    pub response_bytes: Option<u64>,
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
        }
        let time = jiff::Timestamp::from_millisecond(self.time_ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let line = Line {
            time: format!("{time:.3}"),
            level: level(self.status),
            instance,
            method: self.method.as_str(),
            path: start_of(&self.path, PATH_MAX_BYTES),
            endpoint: &self.endpoint,
            view: self.view,
            status: self.status,
            duration_ms: self.duration.as_micros() as f64 / 1000.0,
            response_bytes: self.response_bytes,
        };
        let mut text = serde_json::to_vec(&line).expect("strings and numbers can be written");
        text.push(b'\n');
        text
    }

    /// `[profiler] METHOD view duration_ms status`: queries split it at spaces and count on five fields.
    fn profiler_line(&self) -> Vec<u8> {
        let duration_ms = self.duration.as_micros() as f64 / 1000.0;
        format!("[profiler] {} {} {duration_ms:.3} {}\n", self.method, self.view, self.status).into_bytes()
    }
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
        open_named(&options.folder, &format!("{}.{kind}.log", options.instance), options.rotation)
    };
    let files = Files {
        instance: options.instance.clone(),
        access: open("access")?,
        profiler: open("profiler")?,
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

fn open_named(folder: &Path, name: &str, rotation: Rotation) -> io::Result<RotatingFile> {
    let path = folder.join(name);
    RotatingFile::open(&path, rotation)
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
        self.noted(access.and(profiler))
    }

    fn flush(&mut self) -> bool {
        let access = self.access.flush();
        let profiler = self.profiler.flush();
        self.noted(access.and(profiler))
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
mod tests {
    use super::*;

    fn entry(status: u16) -> Entry {
        Entry {
            time_ms: 1_767_225_600_120,
            method: Method::GET,
            path: "/api/order/\"5\"".to_owned(),
            endpoint: "/api/order/{id}".into(),
            view: "get_order",
            status,
            duration: Duration::from_micros(1234),
            response_bytes: Some(17),
        }
    }

    #[test]
    fn lines_look_as_promised() {
        let access = "{\"time\":\"2026-01-01T00:00:00.120Z\",\"level\":\"INFO\",\"instance\":\"orders-1\",\
            \"method\":\"GET\",\"path\":\"/api/order/\\\"5\\\"\",\"endpoint\":\"/api/order/{id}\",\
            \"view\":\"get_order\",\"status\":200,\"duration_ms\":1.234,\"response_bytes\":17}\n";
        assert_eq!(String::from_utf8(entry(200).access_line("orders-1")).expect("text"), access);
        assert_eq!(entry(200).profiler_line(), b"[profiler] GET get_order 1.234 200\n");
    }

    #[test]
    fn levels_follow_the_status() {
        assert_eq!([200, 404, 499, 500, 503].map(level), ["INFO", "WARN", "WARN", "ERROR", "ERROR"]);
    }

    #[test]
    fn long_paths_are_cut_between_characters() {
        assert_eq!(start_of("abc", 5), "abc");
        assert_eq!(start_of("aüb", 2), "a");
    }

    #[tokio::test]
    async fn what_was_queued_is_written_before_stop_returns() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = LogOptions {
            folder: folder.path().join("log"),
            instance: "orders-1".to_owned(),
            rotation: Rotation::standard(),
        };
        let metrics = LogMetrics::default();
        let (log, writer) = start(&options, metrics.clone()).expect("starts");
        for _ in 0..2000 {
            log.log(entry(200));
        }
        writer.stop().await;
        log.log(entry(200));
        let lines = |kind: &str| {
            let path = options.folder.join(format!("orders-1.{kind}.log"));
            std::fs::read_to_string(path).expect("text").lines().count()
        };
        assert_eq!([lines("access"), lines("profiler")], [2000, 2000]);
        assert_eq!([metrics.written.get(), metrics.dropped.get(), metrics.errors.get()], [2000, 1, 0]);
    }

    #[test]
    fn a_full_queue_drops_and_counts() {
        let (queue, _kept_but_never_read) = sync_channel(3);
        let log = AccessLog { queue, metrics: LogMetrics::default() };
        for _ in 0..5 {
            log.log(entry(200));
        }
        assert_eq!(log.metrics.dropped.get(), 2);
    }
}
