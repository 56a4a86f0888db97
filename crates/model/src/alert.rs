//! An alert as rules hand it to whoever tells people.

use crate::{Labels, TimestampMs};

/// Where an alert is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlertState {
    /// True, but not yet for long enough.
    Pending,
    /// True for long enough: people are told.
    Firing,
    /// No longer true.
    Resolved,
}

impl AlertState {
    /// The name in rules' APIs and in `ALERTS`; a resolved alert is "inactive" there.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Resolved => "inactive",
        }
    }
}

/// One firing or resolved alert. Its identity is its label set, `alertname` included.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Identity.
    pub labels: Labels,
    /// Words for people, rendered.
    pub annotations: Labels,
    /// When it began to fire.
    pub starts_at: TimestampMs,
    /// When it resolved; or, while it fires, until when to believe it if no more is heard.
    pub ends_at: TimestampMs,
    /// Firing or resolved.
    pub state: AlertState,
    /// Where the expression can be looked at.
    pub generator_url: String,
}
