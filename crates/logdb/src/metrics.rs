//! What the store counts, under Loki's own names where it has one.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use storage::LogRefusal;

type FloatGauge = Gauge<f64, AtomicU64>;
type ByTenant = Family<[(&'static str, &'static str); 1], Counter>;
type ByReason = Family<[(&'static str, &'static str); 2], Counter>;

/// The only tenant there is, by Loki's name for it.
const TENANT: (&str, &str) = ("tenant", "fake");

/// Why lines are left out, by Loki's words: those of `limits`, and what whoever reads a push may find.
const REASONS: [&str; 14] = [
    "greater_than_max_sample_age",
    "invalid_labels",
    "label_name_too_long",
    "label_value_too_long",
    "line_too_long",
    "max_label_names_per_series",
    "missing_labels",
    "per_stream_rate_limit",
    "rate_limited",
    "stream_limit",
    "structured_metadata_too_large",
    "structured_metadata_too_many",
    "too_far_behind",
    "too_far_in_future",
];

/// Counters of one store.
#[derive(Debug)]
pub struct Metrics {
    pub(crate) wal: Arc<wal::Metrics>,
    bytes_received: Counter,
    lines_received: Counter,
    discarded_lines: ByReason,
    discarded_bytes: ByReason,
    pub(crate) repeated: Counter,
    pub(crate) lines_cut: Counter,
    pub(crate) lines_erased: Counter,
    pub(crate) pushes_failed: Counter,
    pub(crate) streams: Gauge,
    pub(crate) open_streams: Gauge,
    pub(crate) streams_created: Counter,
    pub(crate) streams_removed: Counter,
    pub(crate) chunks_waiting: Gauge,
    pub(crate) open_bytes: Gauge,
    pub(crate) waiting_bytes: Gauge,
    pub(crate) chunks_stored: Counter,
    pub(crate) files: Gauge,
    pub(crate) file_bytes: Gauge,
    pub(crate) flushes_failed: Counter,
    pub(crate) quarantined: Counter,
    pub(crate) damaged_chunks: Counter,
    pub(crate) chunks_read: Counter,
    pub(crate) chunks_skipped: Counter,
    pub(crate) checkpoints: Counter,
    pub(crate) checkpoints_failed: Counter,
    pub(crate) time_retentions: Counter,
    pub(crate) size_retentions: Counter,
    pub(crate) replay_duration: FloatGauge,
}

impl Metrics {
    /// Registers all under `loki_…`.
    pub fn new(registry: &mut Registry) -> Self {
        let registry = registry.sub_registry_with_prefix("loki");
        let (bytes, lines) = (ByTenant::default(), ByTenant::default());
        let this = Self::unregistered(registry, &bytes, &lines);
        registry.register("distributor_bytes_received", "Bytes of lines and metadata that came", bytes);
        registry.register("distributor_lines_received", "Lines that came", lines);
        let help = "Lines that were left out, by reason";
        registry.register("discarded_samples", help, this.discarded_lines.clone());
        let help = "Bytes of lines that were left out, by reason";
        registry.register("discarded_bytes", help, this.discarded_bytes.clone());
        // There from the start, so that a rate over them sees the first.
        for reason in REASONS {
            let labels = [("reason", reason), TENANT];
            drop(this.discarded_lines.get_or_create(&labels));
            drop(this.discarded_bytes.get_or_create(&labels));
        }
        this.register_counters(registry);
        this.register_gauges(registry);
        this
    }

    fn unregistered(registry: &mut Registry, bytes: &ByTenant, lines: &ByTenant) -> Self {
        Self {
            wal: Arc::new(wal::Metrics::new(registry.sub_registry_with_prefix("ingester"))),
            bytes_received: bytes.get_or_create(&[TENANT]).clone(),
            lines_received: lines.get_or_create(&[TENANT]).clone(),
            discarded_lines: ByReason::default(),
            discarded_bytes: ByReason::default(),
            repeated: Counter::default(),
            lines_cut: Counter::default(),
            lines_erased: Counter::default(),
            pushes_failed: Counter::default(),
            streams: Gauge::default(),
            open_streams: Gauge::default(),
            streams_created: Counter::default(),
            streams_removed: Counter::default(),
            chunks_waiting: Gauge::default(),
            open_bytes: Gauge::default(),
            waiting_bytes: Gauge::default(),
            chunks_stored: Counter::default(),
            files: Gauge::default(),
            file_bytes: Gauge::default(),
            flushes_failed: Counter::default(),
            quarantined: Counter::default(),
            damaged_chunks: Counter::default(),
            chunks_read: Counter::default(),
            chunks_skipped: Counter::default(),
            checkpoints: Counter::default(),
            checkpoints_failed: Counter::default(),
            time_retentions: Counter::default(),
            size_retentions: Counter::default(),
            replay_duration: FloatGauge::default(),
        }
    }

    fn register_counters(&self, registry: &mut Registry) {
        for (name, help, counter) in [
            ("ingester_repeated_lines", "Lines that were there already", &self.repeated),
            ("mutated_lines", "Lines that were cut to the longest allowed", &self.lines_cut),
            ("compactor_deleted_lines", "Deleted lines that have left their files", &self.lines_erased),
            ("ingester_pushes_failed", "Pushes that the store could not take", &self.pushes_failed),
            ("ingester_streams_created", "Streams that were made", &self.streams_created),
            ("ingester_streams_removed", "Streams that had no lines left", &self.streams_removed),
            ("ingester_chunks_stored", "Chunks that were written to files", &self.chunks_stored),
            ("ingester_flushes_failed", "Files of chunks that could not be written", &self.flushes_failed),
            ("ingester_checkpoint_creations", "Checkpoints of the log", &self.checkpoints),
            ("ingester_checkpoint_creations_failed", "Those that failed", &self.checkpoints_failed),
            ("store_files_quarantined", "Damaged files that were set aside", &self.quarantined),
            ("store_damaged_chunk_reads", "Reads that met a damaged chunk", &self.damaged_chunks),
            ("store_chunks_read", "Chunks that queries unpacked", &self.chunks_read),
            ("store_chunks_skipped", "Chunks that queries passed over by their filter", &self.chunks_skipped),
            ("store_time_retentions", "Files that left by age", &self.time_retentions),
            ("store_size_retentions", "Files that left for want of room", &self.size_retentions),
        ] {
            registry.register(name, help, counter.clone());
        }
    }

    fn register_gauges(&self, registry: &mut Registry) {
        for (name, help, gauge) in [
            ("ingester_memory_streams", "Streams with lines in memory", &self.open_streams),
            ("ingester_memory_chunks", "Finished chunks that are in no file yet", &self.chunks_waiting),
            ("ingester_open_bytes", "Bytes of lines that wait for their chunk", &self.open_bytes),
            ("ingester_waiting_chunk_bytes", "Bytes of chunks that wait for a file", &self.waiting_bytes),
            ("store_streams", "Streams that have any line", &self.streams),
            ("store_files", "Files of chunks", &self.files),
            ("store_file_bytes", "Bytes of these files", &self.file_bytes),
        ] {
            registry.register(name, help, gauge.clone());
        }
        let help = "How long the last start took to read the log, in seconds";
        registry.register("ingester_wal_replay_duration_seconds", help, self.replay_duration.clone());
    }

    pub(crate) fn received(&self, lines: usize, bytes: usize) {
        self.lines_received.inc_by(lines as u64);
        self.bytes_received.inc_by(bytes as u64);
    }

    pub(crate) fn discarded(&self, refusal: &LogRefusal) {
        let labels = [("reason", refusal.reason), TENANT];
        self.discarded_lines.get_or_create(&labels).inc_by(refusal.lines as u64);
        self.discarded_bytes.get_or_create(&labels).inc_by(refusal.bytes as u64);
    }
}
