//! A line of a log and its moment.

use crate::{Labels, TimestampMs};

/// Nanoseconds since the Unix epoch: what logs are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TimestampNs(pub i64);

impl TimestampNs {
    /// The millisecond that this moment lies in.
    pub fn to_ms(self) -> TimestampMs {
        TimestampMs(self.0.div_euclid(1_000_000))
    }
}

impl From<TimestampMs> for TimestampNs {
    /// Saturates at the ends of what nanoseconds can tell (the years 1677 and 2262).
    fn from(at: TimestampMs) -> Self {
        Self(at.0.saturating_mul(1_000_000))
    }
}

/// One line of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// When.
    pub at: TimestampNs,
    /// The text, without the line break at its end; breaks within belong to it.
    pub line: String,
    /// Structured metadata: what is known of this line alone and is no label of its stream.
    pub metadata: Labels,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_before_the_epoch_lies_in_the_millisecond_before() {
        assert_eq!(TimestampNs(-1).to_ms(), TimestampMs(-1));
        assert_eq!(TimestampNs(1_999_999).to_ms(), TimestampMs(1));
    }

    #[test]
    fn milliseconds_beyond_what_nanoseconds_can_tell_saturate() {
        assert_eq!(TimestampNs::from(TimestampMs(i64::MAX)), TimestampNs(i64::MAX));
    }
}
