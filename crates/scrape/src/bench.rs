//! What the bench of ingest needs, which nobody outside sees otherwise.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use exposition::Format;
use model::{Labels, TimestampMs};
use storage::MetricAppend;

use crate::config::{GlobalConfig, Job, ScrapeConfig, resolve};
use crate::fetch::Fetched;
use crate::ingest::{self, Scrape, TargetState};
use crate::metrics::Metrics;

/// A target whose bodies come from the caller instead of the network.
#[derive(Debug)]
pub struct Target {
    state: TargetState,
    job: Arc<Job>,
    labels: Labels,
}

impl Target {
    /// A target of a job without rules.
    ///
    /// # Errors
    /// Never but for a mistake in here.
    pub fn new(instance: &str) -> Result<Self, String> {
        let file = Path::new("bench.yml");
        let text = "{job_name: bench, static_configs: [{targets: ['a:1']}]}";
        let config: ScrapeConfig = config::from_str(file, text).map_err(|e| e.to_string())?;
        let jobs = resolve(&GlobalConfig::default(), &[config], file).map_err(|e| e.to_string())?;
        let job = jobs.into_iter().next().ok_or("no job")?;
        let labels = Labels::from_pairs([("job", "bench"), ("instance", instance)]);
        Ok(Self { state: TargetState::default(), job: Arc::new(job), labels })
    }

    /// One scrape that brought `body`.
    ///
    /// # Errors
    /// Why the scrape counts as failed.
    pub fn scrape(
        &mut self,
        store: &dyn MetricAppend,
        metrics: &Metrics,
        format: Format,
        body: Bytes,
        at: TimestampMs,
    ) -> Result<(), String> {
        let scrape = Scrape {
            job: Arc::clone(&self.job),
            labels: self.labels.clone(),
            at,
            took: Duration::from_millis(5),
            timeout: Duration::from_secs(10),
        };
        ingest::write(store, metrics, &mut self.state, &scrape, Ok(Fetched { format, body }))
    }
}
