//! What the store counts of its blocks, under Prometheus' own names where it has them.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// From a small block to a month of a busy monitor.
const DURATION_BUCKETS_S: [f64; 8] = [0.01, 0.05, 0.25, 1.0, 5.0, 20.0, 60.0, 300.0];

/// Counters of blocks.
#[derive(Debug)]
pub(crate) struct BlockMetrics {
    pub(crate) loaded: Gauge,
    pub(crate) bytes: Gauge,
    pub(crate) cuts: Counter,
    pub(crate) cuts_failed: Counter,
    pub(crate) cut_duration: Histogram,
    pub(crate) compactions: Counter,
    pub(crate) compactions_failed: Counter,
    pub(crate) compaction_duration: Histogram,
    pub(crate) removed_by_time: Counter,
    pub(crate) removed_by_size: Counter,
    pub(crate) quarantined: Counter,
    pub(crate) damaged_chunks: Counter,
    pub(crate) tombstone_cleanups: Counter,
}

impl Default for BlockMetrics {
    fn default() -> Self {
        Self {
            loaded: Gauge::default(),
            bytes: Gauge::default(),
            cuts: Counter::default(),
            cuts_failed: Counter::default(),
            cut_duration: Histogram::new(DURATION_BUCKETS_S),
            compactions: Counter::default(),
            compactions_failed: Counter::default(),
            compaction_duration: Histogram::new(DURATION_BUCKETS_S),
            removed_by_time: Counter::default(),
            removed_by_size: Counter::default(),
            quarantined: Counter::default(),
            damaged_chunks: Counter::default(),
            tombstone_cleanups: Counter::default(),
        }
    }
}

impl BlockMetrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        let mut counter =
            |name: &str, help: &str, counter: &Counter| registry.register(name, help, counter.clone());
        counter("head_truncations", "Blocks cut from the head", &self.cuts);
        counter("head_truncations_failed", "Cuts of the head given up", &self.cuts_failed);
        counter("compactions", "Compactions of blocks", &self.compactions);
        counter("compactions_failed", "Compactions given up", &self.compactions_failed);
        counter("blocks_removed_by_time", "Blocks beyond the retention's age", &self.removed_by_time);
        counter("blocks_removed_by_size", "Blocks beyond the retention's size", &self.removed_by_size);
        counter("blocks_quarantined", "Blocks that were damaged when opened", &self.quarantined);
        counter("block_damaged_chunks", "Reads that met a damaged chunk", &self.damaged_chunks);
        counter("tombstone_cleanups", "Blocks rewritten without deleted samples", &self.tombstone_cleanups);
        registry.register("blocks_loaded", "Blocks that are open", self.loaded.clone());
        registry.register_with_unit("storage_blocks", "Size of all blocks", Unit::Bytes, self.bytes.clone());
        let duration = self.cut_duration.clone();
        registry.register_with_unit("head_cut_duration", "Time of cutting a block", Unit::Seconds, duration);
        let duration = self.compaction_duration.clone();
        registry.register_with_unit("compaction_duration", "Time of a compaction", Unit::Seconds, duration);
    }
}
