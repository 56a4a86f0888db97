//! What a log counts. Names are Prometheus' own once the registry carries a prefix like `prometheus_tsdb`.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// From a fast local disk (0.1 ms) to one in trouble.
const FSYNC_BUCKETS_S: [f64; 12] =
    [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0];

/// Counters of one log.
#[derive(Debug)]
pub struct Metrics {
    pub(crate) fsync_duration: Histogram,
    pub(crate) writes_failed: Counter,
    pub(crate) corruptions: Counter,
    pub(crate) torn_bytes: Counter,
    pub(crate) truncations: Counter,
    pub(crate) storage_bytes: Gauge,
    pub(crate) segment_current: Gauge,
    pub(crate) poisoned: Gauge,
    pub(crate) repairs: Counter,
    pub(crate) writable: Gauge,
}

impl Metrics {
    /// Counts damaged places, also of files that a checkpoint only names.
    pub fn count_damage(&self, places: u64) {
        self.corruptions.inc_by(places);
    }

    /// Registers all under `wal_…`, behind whatever prefix the registry has.
    pub fn new(registry: &mut Registry) -> Self {
        let this = Self {
            fsync_duration: Histogram::new(FSYNC_BUCKETS_S),
            writes_failed: Counter::default(),
            corruptions: Counter::default(),
            torn_bytes: Counter::default(),
            truncations: Counter::default(),
            storage_bytes: Gauge::default(),
            segment_current: Gauge::default(),
            poisoned: Gauge::default(),
            repairs: Counter::default(),
            writable: Gauge::default(),
        };
        let registry = registry.sub_registry_with_prefix("wal");
        registry.register_with_unit(
            "fsync_duration",
            "Time of a sync of the log",
            Unit::Seconds,
            this.fsync_duration.clone(),
        );
        registry.register("writes_failed", "Writes to the log that failed", this.writes_failed.clone());
        registry.register("corruptions", "Damaged places found before valid data", this.corruptions.clone());
        registry.register_with_unit("torn", "Bytes cut off a torn end", Unit::Bytes, this.torn_bytes.clone());
        registry.register("truncations", "Checkpoints that let older segments go", this.truncations.clone());
        registry.register_with_unit(
            "storage_size",
            "Size of the log, checkpoint included",
            Unit::Bytes,
            this.storage_bytes.clone(),
        );
        registry.register(
            "segment_current",
            "Number of the segment that is written to",
            this.segment_current.clone(),
        );
        registry.register(
            "poisoned",
            "1 while a failed sync or cut keeps the log from being written, until it is written anew",
            this.poisoned.clone(),
        );
        registry.register(
            "repairs",
            "Times that a poisoned log was written anew from memory",
            this.repairs.clone(),
        );
        registry.register(
            "writable",
            "1 while appends are taken, 0 while they are refused",
            this.writable.clone(),
        );
        this
    }
}
