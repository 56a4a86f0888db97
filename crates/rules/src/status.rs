//! What there is to tell of groups, rules and alerts: all that `/api/v1/rules` and `/api/v1/alerts` show.

use std::path::PathBuf;

use model::{AlertState, DurationMs, Labels, TimestampMs};

/// A group and its last evaluation.
#[derive(Debug, Clone)]
pub struct GroupStatus {
    /// Its name.
    pub name: String,
    /// The file it stands in.
    pub file: PathBuf,
    /// How often it is evaluated.
    pub interval: DurationMs,
    /// The most alerts or series a rule may give; 0 is no limit.
    pub limit: usize,
    /// When it was last evaluated.
    pub last_evaluation: Option<TimestampMs>,
    /// How long that took, in seconds.
    pub evaluation_seconds: f64,
    /// Its rules in order.
    pub rules: Vec<RuleStatus>,
}

/// A rule and its last evaluation.
#[derive(Debug, Clone)]
pub struct RuleStatus {
    /// The series recorded, or the alert's name.
    pub name: String,
    /// The expression in canonical form.
    pub query: String,
    /// Labels as written, templates unexpanded.
    pub labels: Labels,
    /// Whether the last evaluation went well.
    pub health: Health,
    /// What was wrong with the last evaluation.
    pub last_error: Option<String>,
    /// When it was last evaluated.
    pub last_evaluation: Option<TimestampMs>,
    /// How long that took, in seconds.
    pub evaluation_seconds: f64,
    /// What only alerting rules have; `None` for a recording rule.
    pub alerting: Option<AlertingStatus>,
}

/// What only alerting rules have.
#[derive(Debug, Clone)]
pub struct AlertingStatus {
    /// The highest state of its alerts; [`AlertState::Resolved`] ("inactive") when there is none.
    pub state: AlertState,
    /// `for`.
    pub hold: DurationMs,
    /// `keep_firing_for`.
    pub keep_firing_for: DurationMs,
    /// Annotations as written, templates unexpanded.
    pub annotations: Labels,
    /// Pending and firing alerts.
    pub alerts: Vec<AlertStatus>,
}

/// A pending or firing alert.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertStatus {
    /// All labels, `alertname` included.
    pub labels: Labels,
    /// Annotations, expanded.
    pub annotations: Labels,
    /// Pending or firing.
    pub state: AlertState,
    /// Since when its element has been there.
    pub active_at: TimestampMs,
    /// Since when it fires without its element.
    pub keep_firing_since: Option<TimestampMs>,
    /// The element's value.
    pub value: f64,
}

/// Whether the last evaluation of a rule went well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Health {
    /// Not evaluated yet.
    #[default]
    Unknown,
    /// It did.
    Ok,
    /// It did not.
    Err,
}

impl Health {
    /// The name in Prometheus' API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Ok => "ok",
            Self::Err => "err",
        }
    }
}
