//! Lines that go together in one request for each client and tenant.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use bytes::Bytes;
use model::{Labels, LogEntry, TimestampNs};
use storage::StreamPush;

use crate::buffer::Part;
use crate::config::{ClientSettings, with_external};
use crate::entry::{Entry, TENANT};
use crate::metrics::{Family, Metrics};

/// Streams that one client may open where the configuration sets no limit: a label with a value for each line, the usual
/// mistake, would otherwise take all memory. Loki's own limit is 5000.
const STREAMS_MAX: usize = 100_000;

/// Lines under collection.
pub(crate) struct Batcher {
    clients: Vec<Client>,
    /// Bytes of lines in it, and when the first came.
    bytes: usize,
    begun: Option<Instant>,
    bytes_max: usize,
    wait: Duration,
    streams_max: usize,
}

struct Client {
    settings: ClientSettings,
    /// By tenant, by stream.
    tenants: BTreeMap<Option<String>, HashMap<Labels, Vec<LogEntry>>>,
    /// Streams it has ever sent.
    streams: HashSet<Labels>,
}

impl Batcher {
    /// For these clients. The smallest `batchsize` and `batchwait` of all of them hold.
    pub(crate) fn new(clients: &[ClientSettings], streams_max: usize) -> Self {
        let bytes_max = clients.iter().map(|client| client.batch_bytes).min().unwrap_or(1);
        let wait = clients.iter().map(|client| client.batch_wait).min().unwrap_or_default();
        let client = |settings: &ClientSettings| Client {
            settings: settings.clone(),
            tenants: BTreeMap::new(),
            streams: HashSet::new(),
        };
        let clients = clients.iter().map(client).collect();
        let streams_max = if streams_max == 0 { STREAMS_MAX } else { streams_max.min(STREAMS_MAX) };
        Self { clients, bytes: 0, begun: None, bytes_max, wait, streams_max }
    }

    /// Adds a line.
    pub(crate) fn add(&mut self, entry: Entry, now: Instant, metrics: &Metrics) {
        self.bytes += entry.line.len();
        self.begun.get_or_insert(now);
        let tenant = entry.labels.get(TENANT).map(str::to_owned);
        let labels =
            if tenant.is_some() { entry.labels.without(|name| name == TENANT) } else { entry.labels };
        let metadata = match entry.metadata.is_empty() {
            true => Labels::empty(),
            false => Labels::from_pairs(entry.metadata),
        };
        let log = LogEntry { at: TimestampNs(entry.at_ns), line: entry.line, metadata };
        for client in &mut self.clients {
            client.add(tenant.as_ref(), &labels, log.clone(), self.streams_max, metrics);
        }
    }

    /// Whether nothing has been added since the last time it went.
    pub(crate) fn is_empty(&self) -> bool {
        self.begun.is_none()
    }

    /// Whether it is large enough to go.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes >= self.bytes_max
    }

    /// Whether it has waited long enough to go.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.begun.is_some_and(|begun| now.saturating_duration_since(begun) >= self.wait)
    }

    /// What goes now; it is empty afterwards.
    pub(crate) fn take(&mut self) -> Vec<Part> {
        self.bytes = 0;
        self.begun = None;
        self.clients.iter_mut().flat_map(Client::take).collect()
    }
}

impl Client {
    fn add(
        &mut self,
        tenant: Option<&String>,
        labels: &Labels,
        entry: LogEntry,
        streams_max: usize,
        metrics: &Metrics,
    ) {
        let tenant = tenant.or(self.settings.tenant.as_ref()).cloned();
        let labels = with_external(labels, &self.settings.external_labels);
        let reason = match () {
            // Nobody takes a stream without a name.
            () if labels.is_empty() => Some("no_labels"),
            () if self.streams.contains(&labels) => None,
            () if self.streams.len() >= streams_max => Some("stream_limited"),
            () => None,
        };
        if let Some(reason) = reason {
            let labels = [("host", self.settings.host.as_str()), ("reason", reason)];
            metrics.add(Family::DroppedEntries, &labels, 1.0);
            metrics.add(Family::DroppedBytes, &labels, entry.line.len() as f64);
            return;
        }
        if !self.streams.contains(&labels) {
            self.streams.insert(labels.clone());
        }
        self.tenants.entry(tenant).or_default().entry(labels).or_default().push(entry);
    }

    fn take(&mut self) -> Vec<Part> {
        let tenants = std::mem::take(&mut self.tenants);
        let part = |(tenant, streams): (Option<String>, HashMap<Labels, Vec<LogEntry>>)| {
            let streams = streams.into_iter().map(|(labels, entries)| StreamPush { labels, entries });
            let mut streams: Vec<StreamPush> = streams.collect();
            streams.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
            let entries = || streams.iter().flat_map(|stream| &stream.entries);
            Part {
                client: self.settings.name.clone(),
                tenant,
                entries: entries().count() as u64,
                bytes: entries().map(|entry| entry.line.len() as u64).sum(),
                payload: Bytes::from(logwire::encode(&streams)),
            }
        };
        tenants.into_iter().map(part).collect()
    }
}
