//! Durations as Prometheus writes them: `1h30m`, `15s`, `250ms`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A length of time in milliseconds, never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct DurationMs(pub i64);

/// Text that is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a valid duration (like 15s, 1h30m, 250ms)")]
pub struct ParseDurationError {
    text: String,
}

/// Units in the order in which they must stand, largest first, with their milliseconds.
const UNITS: [(&str, i64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

impl DurationMs {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// `seconds` whole seconds.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds * 1000)
    }

    /// In seconds, as most metrics want it.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// For timers.
    pub fn to_std(self) -> Duration {
        Duration::from_millis(u64::try_from(self.0).unwrap_or(0))
    }
}

impl FromStr for DurationMs {
    type Err = ParseDurationError;

    /// Whole numbers with units `y w d h m s ms`, in that order, each at most once; or a bare `0`.
    fn from_str(text: &str) -> Result<Self, ParseDurationError> {
        parse(text).map(Self).ok_or_else(|| ParseDurationError { text: text.to_owned() })
    }
}

fn parse(text: &str) -> Option<i64> {
    if text == "0" {
        return Some(0);
    }
    let (mut rest, mut total, mut units) = (text, 0i64, UNITS.as_slice());
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: i64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let at = units.iter().position(|(unit, _)| *unit == &rest[..letters])?;
        total = total.checked_add(number.checked_mul(units[at].1)?)?;
        units = &units[at + 1..];
        rest = &rest[letters..];
    }
    (!text.is_empty()).then_some(total)
}

/// Shortest form in Prometheus' units: weeks, days and years only when they divide the whole evenly.
impl fmt::Display for DurationMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        for (unit, ms) in UNITS {
            let must_divide = matches!(unit, "y" | "w" | "d");
            if rest >= ms && (!must_divide || rest % ms == 0) {
                write!(f, "{}{unit}", rest / ms)?;
                rest %= ms;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_what_prometheus_parses() {
        for (text, ms) in [
            ("15s", 15_000),
            ("1h30m", 5_400_000),
            ("250ms", 250),
            ("1y2w3d", 365 * 86_400_000 + 17 * 86_400_000),
            ("0", 0),
            ("1m0s", 60_000),
        ] {
            assert_eq!(text.parse(), Ok(DurationMs(ms)), "{text}");
        }
    }

    #[test]
    fn refuses_the_rest() {
        for text in ["", "5", "s", "1s1m", "1s1s", "-1s", "1.5h", "1 s", "9999999999999y", "1µs"] {
            assert!(text.parse::<DurationMs>().is_err(), "{text}");
        }
    }

    #[test]
    fn shown_shortest() {
        for (ms, text) in [
            (0, "0s"),
            (15_000, "15s"),
            (5_400_000, "1h30m"),
            (86_400_000, "1d"),
            (90_000_000, "25h"),
            (604_800_000, "1w"),
            (61_001, "1m1s1ms"),
        ] {
            assert_eq!(DurationMs(ms).to_string(), text);
        }
    }
}
