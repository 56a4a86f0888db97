//! Numbers, times and durations as Go prints them, and Prometheus' `humanize…` on top of that.

use jiff::Timestamp;

/// Digits that `humanize…` keeps: Go's `%.4g`.
const HUMAN_DIGITS: usize = 4;
const LARGE: [&str; 8] = ["k", "M", "G", "T", "P", "E", "Z", "Y"];
const LARGE_1024: [&str; 8] = ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];
const SMALL: [&str; 8] = ["m", "u", "n", "p", "f", "a", "z", "y"];

/// Go's `%v` of a float: shortest digits, with an exponent below 1e-4 and from 1e6 on.
pub fn go_float(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        return model::format_float(value);
    }
    let exponent = exponent_of(&format!("{value:e}"));
    if (-4..6).contains(&exponent) { value.to_string() } else { model::float::exponent_form(value) }
}

/// Go's `%.Ng`: `digits` significant digits, trailing zeros cut.
pub fn go_general(value: f64, digits: usize) -> String {
    if !value.is_finite() || value == 0.0 {
        return model::format_float(value);
    }
    let rounded = format!("{value:.*e}", digits.saturating_sub(1));
    let exponent = exponent_of(&rounded);
    let digits_i32 = i32::try_from(digits).unwrap_or(i32::MAX);
    if exponent < -4 || exponent >= digits_i32 {
        let exact: f64 = rounded.parse().unwrap_or(value);
        return model::float::exponent_form(exact);
    }
    let decimals = usize::try_from(digits_i32 - 1 - exponent).unwrap_or(0);
    trim_zeros(&format!("{value:.decimals$}")).to_owned()
}

fn exponent_of(text: &str) -> i32 {
    text.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0)
}

fn trim_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// `1234` as `1.234k`, `0.002` as `2m`.
pub fn humanize(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return go_general(value, HUMAN_DIGITS);
    }
    if value.abs() >= 1.0 { scale_down(value, 1000.0, &LARGE) } else { scale_up(value) }
}

/// `2048` as `2ki`.
pub fn humanize_1024(value: f64) -> String {
    if value.abs() <= 1.0 || !value.is_finite() {
        return go_general(value, HUMAN_DIGITS);
    }
    scale_down(value, 1024.0, &LARGE_1024)
}

fn scale_down(mut value: f64, by: f64, prefixes: &[&'static str]) -> String {
    let mut prefix = "";
    for next in prefixes {
        if value.abs() < by {
            break;
        }
        prefix = next;
        value /= by;
    }
    go_general(value, HUMAN_DIGITS) + prefix
}

fn scale_up(mut value: f64) -> String {
    let mut prefix = "";
    for next in SMALL {
        if value.abs() >= 1.0 {
            break;
        }
        prefix = next;
        value *= 1000.0;
    }
    go_general(value, HUMAN_DIGITS) + prefix
}

/// `0.051` as `5.1%`.
pub fn humanize_percentage(value: f64) -> String {
    go_general(value * 100.0, HUMAN_DIGITS) + "%"
}

/// Seconds as `1d 2h 3m 4s`, or with a prefix below one second.
pub fn humanize_duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return go_general(seconds, HUMAN_DIGITS);
    }
    if seconds == 0.0 {
        return go_general(seconds, HUMAN_DIGITS) + "s";
    }
    if seconds.abs() < 1.0 {
        return scale_up(seconds) + "s";
    }
    let sign = if seconds < 0.0 { "-" } else { "" };
    let whole = seconds.abs() as u64;
    let (s, m, h, d) = (whole % 60, whole / 60 % 60, whole / 3600 % 24, whole / 86_400);
    match (d, h, m) {
        (0, 0, 0) => format!("{sign}{}s", go_general(seconds.abs(), HUMAN_DIGITS)),
        (0, 0, _) => format!("{sign}{m}m {s}s"),
        (0, _, _) => format!("{sign}{h}h {m}m {s}s"),
        _ => format!("{sign}{d}d {h}h {m}m {s}s"),
    }
}

/// Unix seconds as Go prints a time: `2015-11-16 16:11:42.5 +0000 UTC`.
///
/// # Errors
/// A sentence, when the number is outside what a calendar holds.
pub fn go_time(unix_seconds: f64) -> Result<String, String> {
    let millis = (unix_seconds * 1000.0).floor();
    if millis.is_nan() || millis.abs() >= i64::MAX as f64 {
        return Err(format!("{} cannot be represented as a timestamp", go_float(unix_seconds)));
    }
    let time = Timestamp::from_millisecond(millis as i64)
        .map_err(|_| format!("{} cannot be represented as a timestamp", go_float(unix_seconds)))?;
    Ok(time.strftime("%Y-%m-%d %H:%M:%S%.f +0000 UTC").to_string())
}

/// Seconds as Go prints a duration: `1h2m3.5s`, `250ms`, `0s`.
pub fn go_duration(seconds: f64) -> String {
    let nanos = (seconds * 1e9) as i64;
    let (sign, magnitude) = (if nanos < 0 { "-" } else { "" }, nanos.unsigned_abs());
    if magnitude == 0 {
        return "0s".to_owned();
    }
    if magnitude < 1_000_000_000 {
        let (unit, per) = match magnitude {
            0..1_000 => ("ns", 1.0),
            1_000..1_000_000 => ("µs", 1e3),
            _ => ("ms", 1e6),
        };
        return format!("{sign}{}{unit}", magnitude as f64 / per);
    }
    let whole_minutes = magnitude / 60_000_000_000;
    let rest = (magnitude % 60_000_000_000) as f64 / 1e9;
    match (whole_minutes / 60, whole_minutes % 60) {
        (0, 0) => format!("{sign}{rest}s"),
        (0, m) => format!("{sign}{m}m{rest}s"),
        (h, m) => format!("{sign}{h}h{m}m{rest}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(function: fn(f64) -> String, cases: &[(f64, &str)]) {
        for (value, expected) in cases {
            assert_eq!(function(*value), *expected, "of {value:?}");
        }
    }

    #[test]
    fn floats_as_go_prints_them() {
        check(
            go_float,
            &[
                (0.0, "0"),
                (1.5, "1.5"),
                (-2.0, "-2"),
                (123_456.0, "123456"),
                (1_234_567.0, "1.234567e+06"),
                (0.00001, "1e-05"),
                (f64::INFINITY, "+Inf"),
                (f64::NAN, "NaN"),
            ],
        );
    }

    #[test]
    fn humanize_uses_si_prefixes_and_four_digits() {
        check(
            humanize,
            &[
                (0.0, "0"),
                (1.0, "1"),
                (1_234_567.0, "1.235M"),
                (-1_500.0, "-1.5k"),
                (0.12, "120m"),
                (0.000_001, "1u"),
                (999.99, "1000"),
                (9_999.9, "10k"),
                (1e30, "1e+06Y"),
                (f64::NAN, "NaN"),
                (f64::NEG_INFINITY, "-Inf"),
            ],
        );
        check(
            humanize_1024,
            &[(0.0, "0"), (1.0, "1"), (2048.0, "2ki"), (1_048_576.0, "1Mi"), (f64::NAN, "NaN")],
        );
        check(humanize_percentage, &[(0.051, "5.1%"), (1.0, "100%"), (0.123_456, "12.35%"), (-0.1, "-10%")]);
    }

    #[test]
    fn durations_for_people() {
        check(
            humanize_duration,
            &[
                (0.0, "0s"),
                (1.0, "1s"),
                (59.5, "59.5s"),
                (60.0, "1m 0s"),
                (3_661.0, "1h 1m 1s"),
                (86_400.0, "1d 0h 0m 0s"),
                (-61.0, "-1m 1s"),
                (0.25, "250ms"),
                (1e-6, "1us"),
                (f64::INFINITY, "+Inf"),
            ],
        );
        check(
            go_duration,
            &[(0.0, "0s"), (0.25, "250ms"), (61.5, "1m1.5s"), (3600.0, "1h0m0s"), (-2.0, "-2s")],
        );
    }

    #[test]
    fn times_as_go_prints_them() {
        assert_eq!(go_time(1_435_065_584.128), Ok("2015-06-23 13:19:44.128 +0000 UTC".to_owned()));
        assert_eq!(go_time(0.0), Ok("1970-01-01 00:00:00 +0000 UTC".to_owned()));
        assert!(go_time(f64::NAN).is_err() && go_time(1e30).is_err());
    }
}
