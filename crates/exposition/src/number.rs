//! Numbers as the formats write them.

use model::TimestampMs;

/// Numbers of at most this many digits are whole in a float (10^15 < 2^53).
const EXACT_DIGITS_MAX: usize = 15;

/// A sample's value by the rules of Go's `ParseFloat` as Prometheus restricts it: decimal only, `NaN` without a sign,
/// `Inf` and `Infinity` in any case, no underscores; a number too large for a float is refused. Every NaN comes out as
/// the same quiet NaN, so that no body can write a stale marker.
pub fn parse_value(text: &str) -> Option<f64> {
    let bytes = text.as_bytes();
    if bytes.len() <= EXACT_DIGITS_MAX && !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit) {
        let whole = bytes.iter().fold(0u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        return Some(whole as f64);
    }
    let value: f64 = text.parse().ok()?;
    if value.is_nan() {
        return (bytes.len() == 3).then_some(f64::NAN);
    }
    let says_infinity = || bytes.iter().any(|b| b.eq_ignore_ascii_case(&b'i'));
    (value.is_finite() || says_infinity()).then_some(value)
}

/// Times nearer to a whole millisecond than this are meant to be it: in seconds a millisecond of our century is known to
/// a quarter of a microsecond.
const MS_PRECISION: f64 = 1e-3;

/// OpenMetrics' timestamps are seconds, not whole; parts of a millisecond are dropped, as Prometheus does, but for those that come
/// from the float alone. Times beyond what milliseconds can hold become the largest.
pub fn seconds_to_ms(seconds: f64) -> TimestampMs {
    let ms = seconds * 1000.0;
    let whole = ms.round();
    TimestampMs(if (ms - whole).abs() < MS_PRECISION { whole } else { ms.trunc() } as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_prometheus_reads() {
        for (text, value) in [
            ("0", 0.0),
            ("0000000000000000000000000001", 1.0),
            ("123456789012345", 123_456_789_012_345.0),
            ("9223372036854775808", 9_223_372_036_854_775_808.0),
            ("-1.5e-7", -1.5e-7),
            ("+2", 2.0),
            ("1.", 1.0),
            (".5", 0.5),
            ("Inf", f64::INFINITY),
            ("+inf", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("1e-999", 0.0),
        ] {
            assert_eq!(parse_value(text), Some(value), "{text}");
        }
        assert_eq!(parse_value("nAn").map(f64::to_bits), Some(f64::NAN.to_bits()));
    }

    #[test]
    fn refuses_the_rest() {
        for text in [
            "", "a", "1_2", "0x1", "0x1p-3", "0b1", "0o1", "1e999", "-1e999", "+NaN", "-nan", "1 ", "--1",
            ".", "1\r", "in",
        ] {
            assert_eq!(parse_value(text), None, "{text:?}");
        }
    }

    #[test]
    fn seconds_become_milliseconds() {
        for (seconds, ms) in [
            (0.0, 0),
            (1.5, 1500),
            (1520879607.789, 1520879607789),
            (-1.5, -1500),
            (1e30, i64::MAX),
            (1.0019, 1001),
        ] {
            assert_eq!(seconds_to_ms(seconds), TimestampMs(ms));
        }
        for ms in 1_700_000_000_000..1_700_000_001_000 {
            assert_eq!(seconds_to_ms(ms as f64 / 1000.0), TimestampMs(ms), "written and read again");
        }
    }
}
