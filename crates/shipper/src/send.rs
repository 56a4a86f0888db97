//! Delivers the buffer's batches to one client, in order, one request at a time.
//!
//! A request that failed is made again without end, with growing pauses: the batch waits on disk, and the limit is the
//! buffer's. Failed means no answer, 5xx, or 429; any other refusal is final, since the same bytes would be refused again.

use std::sync::Arc;
use std::time::Duration;

use net::{Client, ClientError, ClientOptions};
use tokio::time::Instant;

use crate::buffer::{Buffer, Part};
use crate::config::ClientSettings;
use crate::metrics::{Family, Metrics};

/// What is read of an answer: the reason of a refusal.
const ANSWER_MAX_BYTES: usize = 64 << 10;
/// What is logged of it.
const REASON_MAX_CHARS: usize = 1024;

/// The pause before a batch's file is renamed once more.
const RENAME_PAUSE: Duration = Duration::from_secs(1);

/// One client's task.
pub(crate) struct Sender {
    pub settings: ClientSettings,
    pub client: Client,
    pub buffer: Arc<Buffer>,
    pub metrics: Arc<Metrics>,
}

/// What became of a request.
enum Outcome {
    Taken,
    /// Not now.
    Later(String),
    /// Never.
    Refused {
        status: u16,
        reason: String,
    },
}

impl Sender {
    /// A client's task, not running yet.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub(crate) fn new(
        settings: ClientSettings,
        buffer: Arc<Buffer>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, ClientError> {
        let options = ClientOptions::named(concat!("watchfire/", env!("CARGO_PKG_VERSION")));
        Ok(Self { client: Client::new(options)?, settings, buffer, metrics })
    }

    /// Sends until it is aborted.
    pub(crate) async fn run(self) {
        let mut added = self.buffer.follow();
        loop {
            self.deliver_all().await;
            if added.changed().await.is_err() {
                return;
            }
        }
    }

    /// Sends until nothing waits.
    pub(crate) async fn deliver_all(&self) {
        let name = self.settings.name.as_str();
        while let Some((number, parts)) = self.buffer.oldest(name, |what| self.damaged(&what)) {
            for part in &parts {
                self.deliver(part).await;
            }
            while let Err(error) = self.buffer.acknowledge(number, name) {
                tracing::warn!(%error, "an acknowledged batch could not be marked");
                self.metrics.add(Family::BufferErrors, &[], 1.0);
                tokio::time::sleep(RENAME_PAUSE).await;
            }
        }
    }

    fn damaged(&self, what: &str) {
        tracing::error!("{what}");
        self.metrics.add(Family::BufferDamaged, &[], 1.0);
    }

    /// Returns when the part was taken or refused for good.
    async fn deliver(&self, part: &Part) {
        let host = self.settings.host.as_str();
        let mut backoff = stdx::Backoff::new(self.settings.backoff_min, self.settings.backoff_max);
        let mut has_failed = false;
        self.metrics.add(Family::EncodedBytes, &[("host", host)], part.payload.len() as f64);
        loop {
            match self.request(part).await {
                Outcome::Taken => {
                    self.metrics.add(Family::SentBytes, &[("host", host)], part.payload.len() as f64);
                    self.metrics.add(Family::SentEntries, &[("host", host)], part.entries as f64);
                    break;
                }
                Outcome::Refused { status, reason } => {
                    self.drop_part(part, status, &reason);
                    break;
                }
                Outcome::Later(reason) => {
                    if !has_failed {
                        tracing::warn!(host, reason, "logs are not taken; they wait in the buffer");
                    }
                    self.keep_safe();
                    has_failed = true;
                    self.metrics.add(Family::Retries, &[("host", host)], 1.0);
                    let wait = backoff.next_wait();
                    tokio::time::sleep(wait.mul_f64(0.75 + fastrand::f64() / 2.0)).await;
                }
            }
        }
        if has_failed {
            tracing::info!(host, "logs are taken again");
        }
        self.buffer.relax();
    }

    fn keep_safe(&self) {
        if let Err(error) = self.buffer.keep_safe() {
            tracing::warn!(%error, "the buffer could not be synced");
            self.metrics.add(Family::BufferErrors, &[], 1.0);
        }
    }

    fn drop_part(&self, part: &Part, status: u16, reason: &str) {
        let host = self.settings.host.as_str();
        tracing::error!(host, status, reason, lines = part.entries, "logs were refused");
        let word = if status == 429 { "rate_limited" } else { "ingester_error" };
        let labels = [("host", host), ("reason", word)];
        self.metrics.add(Family::DroppedEntries, &labels, part.entries as f64);
        self.metrics.add(Family::DroppedBytes, &labels, part.bytes as f64);
    }

    async fn request(&self, part: &Part) -> Outcome {
        let settings = &self.settings;
        let auth = match settings.auth.as_ref().map(scrape::config::Auth::header).transpose() {
            Ok(auth) => auth,
            Err(error) => return Outcome::Later(error.to_string()),
        };
        let mut headers = vec![("content-type", "application/x-protobuf")];
        headers.extend(settings.headers.iter().map(|(name, value)| (name.as_str(), value.expose())));
        headers.extend(auth.as_ref().map(|auth| ("authorization", auth.expose())));
        headers.extend(part.tenant.as_deref().map(|tenant| ("x-scope-orgid", tenant)));
        let begun = Instant::now();
        let body = part.payload.clone();
        let answer =
            self.client.post_bytes(&settings.url, body, &headers, settings.timeout, ANSWER_MAX_BYTES).await;
        let status = answer.as_ref().map_or(-1, |answer| i32::from(answer.status));
        self.metrics.request(&settings.host, status, begun.elapsed());
        match answer {
            Err(error) => Outcome::Later(error.to_string()),
            Ok(answer) => {
                let text = String::from_utf8_lossy(&answer.body);
                let reason: String = text.trim().chars().take(REASON_MAX_CHARS).collect();
                outcome(answer.status, reason, settings.drop_rate_limited)
            }
        }
    }
}

fn outcome(status: u16, reason: String, drop_rate_limited: bool) -> Outcome {
    match status {
        200..300 => Outcome::Taken,
        429 if !drop_rate_limited => Outcome::Later(format!("status 429: {reason}")),
        500.. => Outcome::Later(format!("status {status}: {reason}")),
        _ => Outcome::Refused { status, reason },
    }
}
