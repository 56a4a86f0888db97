//! Durations as Promtail's files write them: Go's form (`1m30s`, `1.5s`, `100us`), and Prometheus' (`7d`).

use std::fmt;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Visitor};

/// Longer words are no durations; Go's longest are some 30 characters.
const TEXT_MAX_BYTES: usize = 64;

/// Units and their nanoseconds, longer names before those that they begin with.
const UNITS: [(&str, f64); 11] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("µs", 1e3),
    ("μs", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 60e9),
    ("h", 3600e9),
    ("d", 86_400e9),
    ("w", 604_800e9),
    ("y", 31_536_000e9),
];

/// A duration of a file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct GoDuration(pub Duration);

/// Seconds of a duration in words, which may be negative; `None` when it is none.
pub(crate) fn seconds(text: &str) -> Option<f64> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0.0);
    }
    if rest.is_empty() || rest.len() > TEXT_MAX_BYTES {
        return None;
    }
    let mut sum = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, unit) = rest.split_at(end);
        let number: f64 = number.parse().ok()?;
        let (name, nanoseconds) = UNITS.iter().find(|(name, _)| unit.starts_with(name))?;
        sum += number * nanoseconds;
        rest = unit.strip_prefix(name)?;
    }
    Some(sign * sum / 1e9)
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
