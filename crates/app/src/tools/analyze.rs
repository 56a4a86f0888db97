//! What a store consists of, and what makes it large.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use columns::TimeRange;
use model::Labels;
use storage::{MetricQuery, Selection};
use tsdb::{BlockStatus, HeadStatus};

use super::{ToolError, open, store_dir};

/// Name and count, largest first.
type Ranking = Vec<(String, u64)>;

/// What a store consists of.
#[derive(Debug)]
pub struct Analysis {
    /// Blocks, in order of time.
    pub blocks: Vec<BlockStatus>,
    /// What is not in blocks yet.
    pub head: HeadStatus,
    /// Samples that the log holds.
    pub log_samples: u64,
    /// Series, counted once.
    pub series: usize,
    /// How many series each metric has.
    pub series_by_metric: Ranking,
    /// How many values each label has.
    pub values_by_label: Ranking,
    /// How many series each `name="value"` has.
    pub series_by_pair: Ranking,
}

/// Looks through all of the store; `limit` entries a list.
///
/// # Errors
/// See [`ToolError`].
pub fn analyze(data_dir: &Path, limit: usize) -> Result<Analysis, ToolError> {
    let (db, report) = open(store_dir(data_dir)?)?;
    let all = db.select(&Selection { matchers: &[], range: TimeRange::ALL, series_max: usize::MAX })?;
    let mut counts = Counts::default();
    for i in 0..all.len() {
        all.with_labels(i, &mut |labels| counts.add(labels));
    }
    let series = all.len();
    drop(all);
    let values = counts.values.into_iter().map(|(name, values)| (name, values.len() as u64));
    let analysis = Analysis {
        blocks: db.block_statuses(),
        head: db.status(),
        log_samples: report.samples,
        series,
        series_by_metric: largest(counts.metrics, limit),
        values_by_label: largest(values, limit),
        series_by_pair: largest(counts.pairs, limit),
    };
    db.close()?;
    Ok(analysis)
}

#[derive(Default)]
struct Counts {
    metrics: HashMap<String, u64>,
    values: HashMap<String, HashSet<String>>,
    pairs: HashMap<String, u64>,
}

impl Counts {
    fn add(&mut self, labels: &Labels) {
        *self.metrics.entry(labels.metric_name().to_owned()).or_default() += 1;
        for (name, value) in labels {
            *self.pairs.entry(format!("{name}={value:?}")).or_default() += 1;
            let values = self.values.entry(name.to_owned()).or_default();
            if !values.contains(value) {
                values.insert(value.to_owned());
            }
        }
    }
}

fn largest(all: impl IntoIterator<Item = (String, u64)>, limit: usize) -> Ranking {
    let mut all: Ranking = all.into_iter().collect();
    all.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
    all.truncate(limit);
    all
}
