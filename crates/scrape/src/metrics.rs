//! What scraping counts about itself, under Prometheus' names.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The job whose pool is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct JobLabel {
    pub(crate) scrape_job: String,
}

/// The job whose discovery is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct DiscoveryLabel {
    pub(crate) config: String,
    pub(crate) name: String,
}

/// How the series of a line was found.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct WayLabel {
    pub(crate) way: &'static str,
}

/// Counters and gauges of scraping.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    pub(crate) pools: Counter,
    pub(crate) pool_targets: Family<JobLabel, Gauge>,
    pub(crate) discovered: Family<DiscoveryLabel, Gauge>,
    pub(crate) metadata_entries: Family<JobLabel, Gauge>,
    pub(crate) sync_failed: Family<JobLabel, Counter>,
    pub(crate) metadata_left_out: Counter,
    pub(crate) over_sample_limit: Counter,
    pub(crate) over_body_limit: Counter,
    pub(crate) over_target_limit: Counter,
    pub(crate) out_of_order: Counter,
    pub(crate) duplicate: Counter,
    pub(crate) out_of_bounds: Counter,
    pub(crate) exemplars_out_of_order: Counter,
    pub(crate) exemplars_refused: Counter,
    pub(crate) commit_errors: Counter,
    pub(crate) file_errors: Counter,
    pub(crate) http_errors: Counter,
    pub(crate) rows: Family<WayLabel, Counter>,
}

impl Metrics {
    /// Adds all metrics to `registry`.
    pub fn new(registry: &mut Registry) -> Self {
        let m = Self::default();
        let target = registry.sub_registry_with_prefix("prometheus_target");
        m.register_limits(target);
        m.register_refused(target);
        target.register("scrape_pools", "Scrape pools that were created", m.pools.clone());
        target.register("scrape_pool_targets", "Targets in this scrape pool", m.pool_targets.clone());
        target.register(
            "metadata_cache_entries",
            "Metric families whose metadata is known",
            m.metadata_entries.clone(),
        );
        target.register(
            "metadata_left_out",
            "Lines of metadata for which a target had no room",
            m.metadata_left_out.clone(),
        );
        target.register("sync_failed", "Targets that relabelling left without use", m.sync_failed.clone());
        target.register(
            "scrapes_commit_failed",
            "Scrapes that the store did not take",
            m.commit_errors.clone(),
        );
        target.register(
            "scrape_rows",
            "Sample lines read, by how their series was recognised",
            m.rows.clone(),
        );
        let discovery = registry.sub_registry_with_prefix("prometheus_sd");
        discovery.register("discovered_targets", "Targets found, before relabelling", m.discovered.clone());
        discovery.register(
            "file_read_errors",
            "Discovery files that could not be read",
            m.file_errors.clone(),
        );
        discovery.register("http_failures", "Discovery requests that failed", m.http_errors.clone());
        m
    }

    fn register_limits(&self, target: &mut Registry) {
        let over = "Scrapes that failed because of a";
        target.register(
            "scrapes_exceeded_sample_limit",
            format!("{over} sample limit"),
            self.over_sample_limit.clone(),
        );
        target.register(
            "scrapes_exceeded_body_size_limit",
            format!("{over} body size limit"),
            self.over_body_limit.clone(),
        );
        target.register(
            "scrape_pool_exceeded_target_limit",
            "Times a pool had more targets than allowed",
            self.over_target_limit.clone(),
        );
    }

    fn register_refused(&self, target: &mut Registry) {
        let refused = "Samples refused because of";
        target.register(
            "scrapes_sample_out_of_order",
            format!("{refused} their order"),
            self.out_of_order.clone(),
        );
        target.register(
            "scrapes_sample_duplicate_timestamp",
            format!("{refused} another value at their time"),
            self.duplicate.clone(),
        );
        target.register(
            "scrapes_sample_out_of_bounds",
            format!("{refused} their time"),
            self.out_of_bounds.clone(),
        );
        target.register(
            "scrapes_exemplar_out_of_order",
            "Exemplars refused because of their order",
            self.exemplars_out_of_order.clone(),
        );
        target.register(
            "scrapes_exemplar_refused",
            "Exemplars refused because of their labels",
            self.exemplars_refused.clone(),
        );
    }
}
