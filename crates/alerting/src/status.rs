//! What there is to tell of alerts, groups and notifications, for the API and the UI.

use model::{Labels, TimestampMs};

/// All of it at one moment.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// Groups with alerts that have not ended, by labels and receiver.
    pub groups: Vec<GroupStatus>,
    /// Alerts that have not ended, by labels.
    pub alerts: Vec<AlertStatus>,
    /// Names of all receivers.
    pub receivers: Vec<String>,
    /// The last notifications, newest first.
    pub notifications: Vec<NotificationRecord>,
}

/// Alerts that are told together.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupStatus {
    /// What they have in common by configuration.
    pub labels: Labels,
    /// Who is told.
    pub receiver: String,
    /// Words about the route.
    pub route_labels: Labels,
    /// What the group is called in notifications.
    pub group_key: String,
    /// Milliseconds until it is looked at next.
    pub next_flush_in_ms: u64,
    /// Its alerts.
    pub alerts: Vec<AlertStatus>,
}

/// An alert that has not ended.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertStatus {
    /// Its identity.
    pub labels: Labels,
    /// Words for people.
    pub annotations: Labels,
    /// Since when it fires.
    pub starts_at: TimestampMs,
    /// Until when to believe that it does.
    pub ends_at: TimestampMs,
    /// When it was last heard of.
    pub updated_at: TimestampMs,
    /// Where its expression can be looked at.
    pub generator_url: String,
    /// Its short name: 16 hexadecimal digits.
    pub fingerprint: String,
    /// Who is told.
    pub receivers: Vec<String>,
    /// Ids of the silences that keep it from being told.
    pub silenced_by: Vec<String>,
    /// Short names of alerts that keep it from being told.
    pub inhibited_by: Vec<String>,
    /// In a group: names of the time intervals that keep it from being told there.
    pub muted_by: Vec<String>,
    /// Who has it in hand.
    pub ack: Option<Ack>,
}

/// Somebody has an alert in hand: it is not repeated until it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// Who.
    pub by: String,
    /// What he said.
    pub comment: String,
    /// Since when.
    pub at: TimestampMs,
}

/// A notification that was tried, whatever came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct NotificationRecord {
    /// When it was taken or given up.
    pub at: TimestampMs,
    /// Who was told.
    pub receiver: String,
    /// How: "webhook".
    pub integration: String,
    /// About which group.
    pub group_key: String,
    /// "firing" or "resolved".
    pub status: &'static str,
    /// Alerts in it that fired.
    pub firing: usize,
    /// Alerts in it that had ended.
    pub resolved: usize,
    /// How often it was tried.
    pub attempts: u32,
    /// The HTTP status, where there was an answer.
    pub http_status: Option<u16>,
    /// Why it was given up; `None` when it was taken.
    pub error: Option<String>,
    /// How long all attempts took, in milliseconds.
    pub took_ms: u64,
}
