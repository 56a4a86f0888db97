//! The two choices of whoever runs a log: when to sync, and what to do about damage.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The longest interval that [`SyncPolicy::Interval`] takes: beyond a minute one should say `none` and mean it.
pub const SYNC_INTERVAL_MAX: Duration = Duration::from_secs(60);

/// When what was appended is made to survive power loss. The death of the process alone (`kill -9`) never loses what
/// was appended: it is in the kernel's page cache by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncPolicy {
    /// When a segment is full and at a clean stop. Power loss may take what the kernel had not yet written by
    /// itself, usually half a minute.
    None,
    /// At least this often. Power loss may take what was appended in the last interval.
    Interval(Duration),
    /// Before each append returns. Power loss takes nothing that was acknowledged.
    EveryCommit,
}

/// Text that is no sync policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a sync policy: write none, interval(MILLISECONDS) from 1 to 60000, or every-commit")]
pub struct ParseSyncPolicyError {
    text: String,
}

impl FromStr for SyncPolicy {
    type Err = ParseSyncPolicyError;

    fn from_str(text: &str) -> Result<Self, ParseSyncPolicyError> {
        let interval = || {
            let inner = text.strip_prefix("interval(")?.strip_suffix(')')?;
            let interval = Duration::from_millis(inner.strip_suffix("ms").unwrap_or(inner).parse().ok()?);
            (!interval.is_zero() && interval <= SYNC_INTERVAL_MAX).then_some(Self::Interval(interval))
        };
        match text {
            "none" => Some(Self::None),
            "every-commit" => Some(Self::EveryCommit),
            _ => interval(),
        }
        .ok_or_else(|| ParseSyncPolicyError { text: text.to_owned() })
    }
}

impl fmt::Display for SyncPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Interval(interval) => write!(f, "interval({})", interval.as_millis()),
            Self::EveryCommit => f.write_str("every-commit"),
        }
    }
}

/// What to do about damage that lies before valid data. A torn tail is no damage: it is cut and counted either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DamagePolicy {
    /// Copy the damaged bytes to the quarantine folder, count them, go on behind them.
    Quarantine,
    /// Refuse to open, naming file and offset (`--strict-recovery`).
    Refuse,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_read_back_as_written() {
        for text in ["none", "interval(250)", "every-commit"] {
            assert_eq!(text.parse::<SyncPolicy>().map(|p| p.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("interval(5ms)".parse(), Ok(SyncPolicy::Interval(Duration::from_millis(5))));
    }

    #[test]
    fn the_rest_is_refused_with_the_choices() {
        for text in ["", "always", "interval", "interval(0)", "interval(-1)", "interval(60001)", "None"] {
            let error = text.parse::<SyncPolicy>().unwrap_err().to_string();
            assert!(error.contains("every-commit"), "{error}");
        }
    }
}
