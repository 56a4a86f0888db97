//! Sizes in bytes in a file: `15MB`, `512KB`, a bare `0`. Powers of 1024, as in Prometheus.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Visitor};

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ByteSize(pub u64);

/// Units with the power of two that each stands for.
const UNITS: [(&str, u32); 7] =
    [("B", 0), ("KB", 10), ("MB", 20), ("GB", 30), ("TB", 40), ("PB", 50), ("EB", 60)];

impl ByteSize {
    /// Reads `15MB`, `15MiB`, `1.5GB` or `0`.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "0" {
            return Some(Self(0));
        }
        let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, unit) = text.split_at(unit_at);
        let unit = unit.replacen("iB", "B", 1);
        let (_, power) = UNITS.iter().find(|(name, _)| *name == unit)?;
        let bytes = number.parse::<f64>().ok()? * 2f64.powi(i32::try_from(*power).ok()?);
        (bytes < u64::MAX as f64).then_some(Self(bytes as u64))
    }
}

/// Text that is not a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a valid size (like 512KB, 15MB, 1GB)")]
pub struct ParseSizeError(String);

impl FromStr for ByteSize {
    type Err = ParseSizeError;

    fn from_str(text: &str) -> Result<Self, ParseSizeError> {
        Self::parse(text).ok_or_else(|| ParseSizeError(text.to_owned()))
    }
}

/// As Prometheus shows sizes: `512MiB`, `1GiB512MiB`.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0B");
        }
        let mut left = self.0;
        for (unit, power) in UNITS.iter().rev() {
            let count = left >> power;
            left -= count << power;
            let unit = unit.replacen('B', if *power > 0 { "iB" } else { "B" }, 1);
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(SizeVisitor)
    }
}

struct SizeVisitor;

impl Visitor<'_> for SizeVisitor {
    type Value = ByteSize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a size like 15MB")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ByteSize, E> {
        ByteSize::parse(text).ok_or_else(|| E::custom(ParseSizeError(text.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_shown_in_whole_units() {
        for (bytes, text) in
            [(0, "0B"), (10 << 30, "10GiB"), ((1 << 30) + (512 << 20), "1GiB512MiB"), (1025, "1KiB1B")]
        {
            assert_eq!(ByteSize(bytes).to_string(), text);
        }
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        for (text, bytes) in [
            ("0", Some(0)),
            ("1B", Some(1)),
            ("15MB", Some(15 << 20)),
            ("15MiB", Some(15 << 20)),
            ("1.5KB", Some(1536)),
            ("1EB", Some(1 << 60)),
            ("15", None),
            ("MB", None),
            ("1XB", None),
            ("-1MB", None),
            ("99EB", None),
            ("", None),
        ] {
            assert_eq!(ByteSize::parse(text), bytes.map(ByteSize), "{text:?}");
        }
    }
}
