//! Durations as Promtail's files write them: Go's form (`1m30s`, `1.5s`, `100us`), and Prometheus' (`7d`).

use std::fmt;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Visitor};

/// A duration of a file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct GoDuration(pub Duration);

/// Seconds of a duration in words, which may be negative; `None` when it is none.
pub(crate) fn seconds(text: &str) -> Option<f64> {
    logstage::units::duration_nanos(text).map(|nanos| nanos / 1e9)
}

impl<'de> Deserialize<'de> for GoDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(DurationVisitor)
    }
}

struct DurationVisitor;

impl Visitor<'_> for DurationVisitor {
    type Value = GoDuration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration like 10s")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<GoDuration, E> {
        let parsed = seconds(text).and_then(|s| Duration::try_from_secs_f64(s).ok());
        let wrong = || E::custom(format_args!("{text:?} is not a valid duration (like 10s, 1m30s, 250ms)"));
        parsed.map(GoDuration).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_go_and_of_prometheus() {
        for (text, expected) in [
            ("10s", Some(10.0)),
            ("1m30s", Some(90.0)),
            ("1.5h", Some(5400.0)),
            ("250ms", Some(0.25)),
            ("100us", Some(1e-4)),
            ("7d", Some(604_800.0)),
            ("0", Some(0.0)),
            ("-2s", Some(-2.0)),
            ("", None),
            ("5", None),
            ("s", None),
            ("1 s", None),
            ("1.2.3s", None),
            ("5cats", None),
        ] {
            assert_eq!(seconds(text), expected, "{text:?}");
        }
    }
}
