//! What the targets page and the API show.

use model::{DurationMs, Labels, Metadata, TimestampMs};

/// How a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Health {
    /// Not scraped yet.
    #[default]
    Unknown,
    /// The last scrape was good.
    Up,
    /// The last scrape failed.
    Down,
}

impl Health {
    /// The name in Prometheus' API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// One target that is scraped.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetStatus {
    /// All labels before relabelling.
    pub discovered_labels: Labels,
    /// Labels that its series get.
    pub labels: Labels,
    /// The job.
    pub scrape_pool: String,
    /// Where it is asked.
    pub scrape_url: String,
    /// Why the last scrape failed, or "".
    pub last_error: String,
    /// When it was last scraped.
    pub last_scrape: Option<TimestampMs>,
    /// How long that took, seconds.
    pub last_duration_s: f64,
    /// How it is.
    pub health: Health,
    /// Between two scrapes.
    pub interval: DurationMs,
    /// For one scrape.
    pub timeout: DurationMs,
}

/// One target that relabelling dropped.
#[derive(Debug, Clone, PartialEq)]
pub struct DroppedTarget {
    /// All labels before relabelling.
    pub discovered_labels: Labels,
    /// The job.
    pub scrape_pool: String,
}

/// All targets.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TargetsStatus {
    /// Those that are scraped, by pool and then by address.
    pub active: Vec<TargetStatus>,
    /// Those that relabelling dropped, as many as the job keeps.
    pub dropped: Vec<DroppedTarget>,
    /// How many were dropped in each pool, those not kept included; by pool.
    pub dropped_counts: Vec<(String, usize)>,
}

/// What a target said about a metric family: the target's labels, the family's name, the words.
pub type TargetMetadata = (Labels, String, Metadata);
