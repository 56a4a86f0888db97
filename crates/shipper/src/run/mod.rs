//! The shipper as a whole: opened, started, stopped.

pub(crate) mod intake;
mod reader;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use axum::Router;
use net::ClientError;
use tokio::task::JoinHandle as Task;

use crate::buffer::Buffer;
use crate::config::Settings;
use crate::metrics::{Family, Metrics};
use crate::pages::{self, Status};
use crate::positions;
use crate::send::Sender;
use crate::stages::metrics::CustomMetrics;
use reader::Reader;

/// How long a stop waits for the last batch to be acknowledged; what is not by then is sent after the next start.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// Where batches wait, and how many bytes of them.
#[derive(Debug, Clone)]
pub struct BufferOptions {
    /// The folder; beside the positions file without one.
    pub folder: Option<PathBuf>,
    /// Reading stops when so many bytes wait.
    pub bytes_max: u64,
}

impl BufferOptions {
    /// 256 MB beside the positions file: an hour of a megabyte a second, which packs to a quarter.
    pub fn standard() -> Self {
        Self { folder: None, bytes_max: 256 << 20 }
    }
}

/// Why shipping could not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The positions file is there and cannot be understood; `ignore_invalid_yaml` would begin anew.
    #[error("positions: {0}")]
    Positions(String),
    /// The buffer's folder cannot be used.
    #[error("buffer of logs: {0}")]
    Buffer(io::Error),
    /// No HTTP client.
    #[error("{0}")]
    Client(#[from] ClientError),
    /// No thread.
    #[error("the reader of logs cannot be started: {0}")]
    Thread(io::Error),
}

/// A shipper whose files are open and that does nothing yet.
pub struct Shipper {
    reader: Reader,
    senders: Vec<Sender>,
    shared: Arc<Shared>,
}

/// A shipper at work. Dropping it without [`Running::stop`] leaves the last lines to the next start.
#[derive(Debug)]
pub struct Running {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    senders: Vec<Task<()>>,
}

/// What pages, metrics, the reader and its stopper share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub metrics: Arc<Metrics>,
    pub custom: Vec<Arc<CustomMetrics>>,
    pub buffer: Arc<Buffer>,
    pub status: Mutex<Status>,
    stop: AtomicBool,
    wake: (Mutex<()>, Condvar),
}

impl Shared {
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
        self.wake.1.notify_all();
    }

    /// Waits, unless it is told to stop.
    pub(crate) fn pause(&self, for_at_most: Duration) {
        let guard = self.wake.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_stopped() {
            drop(self.wake.1.wait_timeout(guard, for_at_most));
        }
    }

    /// All metrics as text.
    fn metrics_text(&self) -> String {
        let (batches, bytes) = self.buffer.held();
        self.metrics.set(Family::BufferBatches, &[], batches as f64);
        self.metrics.set(Family::BufferBytes, &[], bytes as f64);
        let mut out = self.metrics.write();
        self.custom.iter().for_each(|custom| custom.write(Instant::now(), &mut out));
        out.finish()
    }
}

impl Shipper {
    /// Reads the positions and opens the buffer.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn open(settings: Settings, options: &BufferOptions) -> Result<Self, StartError> {
        let metrics = Arc::new(Metrics::default());
        let mut known = match positions::read(&settings.positions) {
            Ok(known) => known,
            Err(cause) if settings.ignore_invalid_positions => {
                tracing::warn!(cause, "positions are not readable and begin anew");
                positions::Positions::default()
            }
            Err(cause) => return Err(StartError::Positions(cause)),
        };
        let folder = options.folder.clone().unwrap_or_else(|| beside(&settings.positions));
        let (buffer, found) =
            Buffer::open(&folder, options.bytes_max, known.batch).map_err(StartError::Buffer)?;
        let buffer = Arc::new(buffer);
        known.marks.extend(found.marks);
        for damaged in &found.damaged {
            tracing::error!("{damaged}");
            metrics.add(Family::BufferDamaged, &[], 1.0);
        }
        metrics.add(Family::Resent, &[], found.n_batches as f64);
        metrics.set(Family::BufferLimit, &[], options.bytes_max as f64);
        let names: Vec<&str> = settings.clients.iter().map(|client| client.name.as_str()).collect();
        let n_dropped = buffer.forget_others(&names);
        if n_dropped > 0 {
            tracing::warn!(
                lines = n_dropped,
                "batches of clients that are no longer configured were dropped"
            );
            metrics.add(Family::DroppedEntries, &[("reason", "no_client")], n_dropped as f64);
        }
        let sender = |client: &crate::config::ClientSettings| {
            for family in [Family::EncodedBytes, Family::SentBytes, Family::SentEntries] {
                metrics.add(family, &[("host", &client.host)], 0.0);
            }
            Sender::new(client.clone(), buffer.clone(), metrics.clone())
        };
        let senders = settings.clients.iter().map(sender).collect::<Result<_, _>>()?;
        let shared = Arc::new(Shared {
            metrics,
            custom: settings.jobs.iter().flat_map(|job| job.pipeline.metrics()).collect(),
            buffer,
            status: Mutex::default(),
            stop: AtomicBool::new(false),
            wake: (Mutex::default(), Condvar::new()),
        });
        let reader = Reader::new(settings, known, shared.clone());
        Ok(Self { reader, senders, shared })
    }

    /// Writes all metrics, for the port of whoever runs this.
    pub fn metrics(&self) -> Arc<dyn Fn() -> String + Send + Sync> {
        let shared = self.shared.clone();
        Arc::new(move || shared.metrics_text())
    }

    /// Promtail's pages: `/ready`, `/targets`, `/service-discovery`.
    pub fn routes(&self) -> Router {
        pages::routes(self.shared.clone())
    }

    /// Begins to read and to send. Needs a Tokio runtime.
    ///
    /// # Errors
    /// [`StartError::Thread`].
    pub fn start(self) -> Result<Running, StartError> {
        let Self { reader, senders, shared } = self;
        let reading = std::thread::Builder::new().name("log-reader".to_owned()).spawn(move || reader.run());
        let thread = Some(reading.map_err(StartError::Thread)?);
        let senders = senders.into_iter().map(|sender| tokio::spawn(sender.run())).collect();
        Ok(Running { shared, thread, senders })
    }
}

fn beside(positions: &std::path::Path) -> PathBuf {
    let mut folder = positions.as_os_str().to_owned();
    folder.push(".buffer");
    folder.into()
}

impl Running {
    /// Reads no more, keeps what was read, and gives the last batch a moment to be acknowledged.
    pub async fn stop(mut self) {
        self.shared.stop();
        if let Some(thread) = self.thread.take() {
            // A panic in it was reported where it happened.
            drop(tokio::task::spawn_blocking(move || thread.join()).await);
        }
        let emptied = async {
            while self.shared.buffer.held().0 > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(STOP_TIMEOUT, emptied).await.is_err() {
            tracing::warn!("logs that were read wait in the buffer for the next start");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.stop();
        self.senders.iter().for_each(Task::abort);
    }
}
