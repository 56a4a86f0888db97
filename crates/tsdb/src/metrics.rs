//! What the store counts, under Prometheus' own names.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::block_metrics::BlockMetrics;
use crate::exemplars::ExemplarMetrics;

type FloatGauge = Gauge<f64, AtomicU64>;

/// From a head of a few series to one of a million.
const DURATION_BUCKETS_S: [f64; 8] = [0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 30.0];

/// Counters of one store.
#[derive(Debug)]
pub struct Metrics {
    pub(crate) wal: Arc<wal::Metrics>,
    pub(crate) blocks: BlockMetrics,
    pub(crate) exemplars: ExemplarMetrics,
    pub(crate) series: Gauge,
    pub(crate) series_created: Counter,
    pub(crate) series_removed: Counter,
    pub(crate) series_refused: Counter,
    pub(crate) chunks: Gauge,
    pub(crate) chunk_bytes: Gauge,
    pub(crate) spilled_bytes: Gauge,
    pub(crate) spills_failed: Counter,
    pub(crate) spills_refused: Counter,
    pub(crate) samples_appended: Counter,
    pub(crate) late_samples: Counter,
    pub(crate) active_appenders: Gauge,
    pub(crate) min_time: Gauge,
    pub(crate) max_time: Gauge,
    pub(crate) out_of_order: Counter,
    pub(crate) out_of_bound: Counter,
    pub(crate) duplicate: Counter,
    pub(crate) refused_at_commit: Counter,
    pub(crate) commits_failed: Counter,
    pub(crate) time_retentions: Counter,
    pub(crate) size_retentions: Counter,
    pub(crate) gc_duration: Histogram,
    pub(crate) checkpoint_duration: Histogram,
    pub(crate) checkpoints: Counter,
    pub(crate) checkpoints_failed: Counter,
    pub(crate) replay_duration: FloatGauge,
    pub(crate) retention_limit_seconds: FloatGauge,
    pub(crate) retention_limit_bytes: Gauge,
}

impl Metrics {
    /// Registers all under `prometheus_tsdb_…`.
    pub fn new(registry: &mut Registry) -> Self {
        let registry = registry.sub_registry_with_prefix("prometheus_tsdb");
        let samples = Family::<[(&'static str, &'static str); 1], Counter>::default();
        let this = Self::unregistered(
            wal::Metrics::new(registry),
            samples.get_or_create(&[("type", "float")]).clone(),
        );
        registry.register("head_samples_appended", "Samples taken", samples);
        this.blocks.register(registry);
        this.exemplars.register(registry);
        this.register_head(registry);
        this.register_refusals(registry);
        this.register_housekeeping(registry);
        this
    }

    fn unregistered(wal: wal::Metrics, samples_appended: Counter) -> Self {
        Self {
            wal: Arc::new(wal),
            blocks: BlockMetrics::default(),
            exemplars: ExemplarMetrics::default(),
            series: Gauge::default(),
            series_created: Counter::default(),
            series_removed: Counter::default(),
            series_refused: Counter::default(),
            chunks: Gauge::default(),
            chunk_bytes: Gauge::default(),
            spilled_bytes: Gauge::default(),
            spills_failed: Counter::default(),
            spills_refused: Counter::default(),
            samples_appended,
            late_samples: Counter::default(),
            active_appenders: Gauge::default(),
            min_time: Gauge::default(),
            max_time: Gauge::default(),
            out_of_order: Counter::default(),
            out_of_bound: Counter::default(),
            duplicate: Counter::default(),
            refused_at_commit: Counter::default(),
            commits_failed: Counter::default(),
            time_retentions: Counter::default(),
            size_retentions: Counter::default(),
            gc_duration: Histogram::new(DURATION_BUCKETS_S),
            checkpoint_duration: Histogram::new(DURATION_BUCKETS_S),
            checkpoints: Counter::default(),
            checkpoints_failed: Counter::default(),
            replay_duration: FloatGauge::default(),
            retention_limit_seconds: FloatGauge::default(),
            retention_limit_bytes: Gauge::default(),
        }
    }

    fn register_head(&self, registry: &mut Registry) {
        let head = registry.sub_registry_with_prefix("head");
        head.register("series", "Series in memory", self.series.clone());
        head.register("series_created", "Series that were made", self.series_created.clone());
        head.register("series_removed", "Series that had no samples left", self.series_removed.clone());
        head.register("series_refused", "Series refused by a limit", self.series_refused.clone());
        head.register("chunks", "Chunks, those in files included", self.chunks.clone());
        head.register("spilled_bytes", "Bytes of finished chunks in files", self.spilled_bytes.clone());
        let help = "Attempts to write finished chunks to a file that failed; they stay in memory";
        head.register("spills_failed", help, self.spills_failed.clone());
        let help = "Times that finished chunks stayed in memory because their files were at their limit";
        head.register("spills_refused", help, self.spills_refused.clone());
        head.register("chunk_bytes", "Bytes of compressed samples in memory", self.chunk_bytes.clone());
        let help = "Samples taken though they were older than their series, within the window";
        head.register("out_of_order_samples_appended", help, self.late_samples.clone());
        head.register("active_appenders", "Open transactions", self.active_appenders.clone());
        head.register("min_time", "Time of the oldest sample in milliseconds", self.min_time.clone());
        head.register("max_time", "Time of the newest sample in milliseconds", self.max_time.clone());
        head.register_with_unit(
            "gc_duration",
            "Time of dropping old chunks",
            Unit::Seconds,
            self.gc_duration.clone(),
        );
    }

    fn register_refusals(&self, registry: &mut Registry) {
        registry.register(
            "out_of_order_samples",
            "Samples older than their series",
            self.out_of_order.clone(),
        );
        registry.register(
            "out_of_bound_samples",
            "Samples too far in past or future",
            self.out_of_bound.clone(),
        );
        registry.register(
            "duplicate_samples",
            "Samples with another value at a taken time",
            self.duplicate.clone(),
        );
        let help = "Samples taken by a transaction and refused at its commit, because another was first";
        registry.register("commit_refused_samples", help, self.refused_at_commit.clone());
        registry.register("commits_failed", "Commits that the log did not take", self.commits_failed.clone());
    }

    fn register_housekeeping(&self, registry: &mut Registry) {
        registry.register(
            "time_retentions",
            "Times that old chunks were dropped by age",
            self.time_retentions.clone(),
        );
        registry.register(
            "size_retentions",
            "Times that old chunks were dropped by size",
            self.size_retentions.clone(),
        );
        registry.register("checkpoint_creations", "Checkpoints written", self.checkpoints.clone());
        registry.register(
            "checkpoint_creations_failed",
            "Checkpoints given up",
            self.checkpoints_failed.clone(),
        );
        let duration = self.checkpoint_duration.clone();
        registry.register_with_unit(
            "checkpoint_duration",
            "Time of writing a checkpoint",
            Unit::Seconds,
            duration,
        );
        let replay = self.replay_duration.clone();
        registry.register_with_unit(
            "data_replay_duration",
            "Time of reading the log at start",
            Unit::Seconds,
            replay,
        );
        let limit = self.retention_limit_seconds.clone();
        registry.register_with_unit("retention_limit", "Age at which samples leave", Unit::Seconds, limit);
        let limit = self.retention_limit_bytes.clone();
        registry.register_with_unit(
            "retention_limit",
            "Bytes of blocks and log beyond which the oldest blocks leave",
            Unit::Bytes,
            limit,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_dashboards_ask_for() {
        let mut registry = Registry::default();
        let metrics = Metrics::new(&mut registry);
        metrics.samples_appended.inc_by(3);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            "prometheus_tsdb_head_samples_appended_total{type=\"float\"} 3",
            "prometheus_tsdb_head_series 0",
            "prometheus_tsdb_head_chunks 0",
            "prometheus_tsdb_head_series_created_total 0",
            "prometheus_tsdb_head_gc_duration_seconds_count 0",
            "prometheus_tsdb_wal_fsync_duration_seconds_count 0",
            "prometheus_tsdb_wal_storage_size_bytes 0",
            "prometheus_tsdb_wal_corruptions_total 0",
            "prometheus_tsdb_out_of_order_samples_total 0",
            "prometheus_tsdb_out_of_bound_samples_total 0",
            "prometheus_tsdb_retention_limit_seconds 0.0",
            "prometheus_tsdb_retention_limit_bytes 0",
            "prometheus_tsdb_data_replay_duration_seconds 0.0",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
    }
}
