//! Lengths of time and amounts of bytes as people write them in queries and programs in lines.

/// Units of time, longest name first where one is the beginning of another, in nanoseconds.
const GO_UNITS: [(&str, f64); 8] =
    [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("μs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9)];
const LONG_UNITS: [(&str, f64); 3] = [("d", 86_400e9), ("w", 604_800e9), ("y", 31_536_000e9)];

/// A length of time as Go writes it (`1h2m3.5s`, `-250ms`), in seconds.
pub fn go_duration_seconds(text: &str) -> Option<f64> {
    nanos(text, false).map(|nanos| nanos / 1e9)
}

/// As [`go_duration_seconds`], with days, weeks and years as Prometheus has them; in nanoseconds.
pub fn duration_nanos(text: &str) -> Option<f64> {
    nanos(text, true)
}

fn nanos(text: &str, is_long: bool) -> Option<f64> {
    let (sign, mut rest) = match text.as_bytes().first()? {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    if rest == "0" {
        return Some(0.0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').filter(|end| *end > 0)?;
        let number: f64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let unit_end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let unit = &rest[..unit_end];
        let known = GO_UNITS.iter().chain(LONG_UNITS.iter().filter(|_| is_long));
        let (_, nanos) = known.into_iter().find(|(name, _)| *name == unit)?;
        total += number * nanos;
        rest = &rest[unit_end..];
    }
    // What Go's durations can hold.
    (total < 9.3e18).then_some(sign * total)
}

/// An amount of bytes: `10KB`, `1.5MiB`, `3k`, `42`. Units with an `i` count in 1024, the others in 1000.
pub fn bytes(text: &str) -> Option<f64> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',').unwrap_or(text.len());
    let number: f64 = text[..end].replace(',', "").parse().ok()?;
    Some(number * byte_unit(text[end..].trim())?)
}

/// What a unit of bytes is worth.
pub fn byte_unit(unit: &str) -> Option<f64> {
    let unit = unit.to_ascii_lowercase();
    let (prefix, base): (&str, f64) = match unit.strip_suffix("ib").or_else(|| unit.strip_suffix('i')) {
        Some(prefix) if !prefix.is_empty() => (prefix, 1024.0),
        _ => (unit.strip_suffix('b').unwrap_or(&unit), 1000.0),
    };
    let power = match prefix {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        "e" => 6,
        _ => return None,
    };
    Some(base.powi(power))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, seconds) in [
            ("1h2m3.5s", Some(3723.5)),
            ("-250ms", Some(-0.25)),
            ("100us", Some(1e-4)),
            ("2µs", Some(2e-6)),
            ("0", Some(0.0)),
            ("1.5h", Some(5400.0)),
            ("5d", None),
            ("5", None),
            ("", None),
            ("-", None),
            ("s", None),
            ("1s ", None),
            ("9999999999h", None),
        ] {
            assert_eq!(go_duration_seconds(text), seconds, "{text:?}");
        }
        assert_eq!(duration_nanos("1d"), Some(86_400e9));
    }

    #[test]
    fn amounts_of_bytes() {
        for (text, expected) in [
            ("42", Some(42.0)),
            ("10KB", Some(10_000.0)),
            ("1.5MiB", Some(1_572_864.0)),
            ("3k", Some(3000.0)),
            ("2 GiB", Some(2_147_483_648.0)),
            ("1,024", Some(1024.0)),
            ("5B", Some(5.0)),
            ("5 parsecs", None),
            ("", None),
            ("KB", None),
        ] {
            assert_eq!(bytes(text), expected, "{text:?}");
        }
    }
}
