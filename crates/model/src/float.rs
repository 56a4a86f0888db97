//! Sample values as text, exactly as Prometheus prints them.

use std::io::Write;

/// Below it, millionths of a value are a whole number of at most 15 digits, so that a decimal with that many digits
/// that reads back as the value is the only one, hence the shortest.
const SHORT_MAX: f64 = 1e9;
/// Whole numbers below it (2^53) are all distinct as floats: their digits are the shortest form.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// Where `zmij`, too, writes no exponent. Three times as quick as the standard library, which does the rest.
const PLAIN: std::ops::Range<f64> = 1e-3..1e12;

/// Shortest decimal that reads back as the same number, with an exponent below 1e-6 and from 1e21 on; `NaN`, `+Inf`
/// and `-Inf` by these names.
pub fn format_float(value: f64) -> String {
    text_of(|out| write_float(out, value))
}

/// Shortest form with an exponent of at least two digits: `1e+00`, `2.5e-07`.
pub fn exponent_form(value: f64) -> String {
    text_of(|out| if value.is_finite() { write_exponent_form(out, value) } else { write_float(out, value) })
}

/// Appends what [`format_float`] gives, without any memory of its own.
pub fn write_float(out: &mut Vec<u8>, value: f64) {
    let magnitude = value.abs();
    if magnitude < WHOLE_MAX {
        let whole = magnitude as u64;
        if whole as f64 == magnitude {
            write_sign(out, value);
            return write_unsigned(out, whole);
        }
        if magnitude < SHORT_MAX {
            let millionths = (magnitude * 1e6).round();
            // Division rounds to the float nearest to the decimal: what reading that decimal gives.
            if millionths / 1e6 == magnitude {
                write_sign(out, value);
                return write_millionths(out, millionths as u64);
            }
        }
    }
    match value {
        v if v.is_nan() => out.extend_from_slice(b"NaN"),
        f64::INFINITY => out.extend_from_slice(b"+Inf"),
        f64::NEG_INFINITY => out.extend_from_slice(b"-Inf"),
        v if PLAIN.contains(&magnitude) => {
            out.extend_from_slice(zmij::Buffer::new().format_finite(v).as_bytes());
        }
        v if (1e-6..1e21).contains(&magnitude) => write_display(out, format_args!("{v}")),
        v => write_exponent_form(out, v),
    }
}

/// Appends the decimal digits of `number`.
pub fn write_unsigned(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [b'0'; 20];
    let mut first = digits.len();
    while first == digits.len() || number > 0 {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    out.extend_from_slice(&digits[first..]);
}

fn write_sign(out: &mut Vec<u8>, value: f64) {
    if value.is_sign_negative() {
        out.push(b'-');
    }
}

/// A number of millionths that is no whole number, without zeros at its end.
fn write_millionths(out: &mut Vec<u8>, number: u64) {
    write_unsigned(out, number / 1_000_000);
    let mut rest = number % 1_000_000;
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let kept = digits.iter().rposition(|d| *d != b'0').map_or(0, |last| last + 1);
    out.push(b'.');
    out.extend_from_slice(&digits[..kept]);
}

/// The exponent comes as `e7` or `e-7`: it gets its sign and a second digit.
fn write_exponent_form(out: &mut Vec<u8>, value: f64) {
    let start = out.len();
    write_display(out, format_args!("{value:e}"));
    let Some(e) = out[start..].iter().position(|b| *b == b'e') else { return };
    let digits = start + e + 1;
    let digits = if out[digits] == b'-' {
        digits + 1
    } else {
        out.insert(digits, b'+');
        digits + 1
    };
    if out.len() - digits < 2 {
        out.insert(digits, b'0');
    }
}

fn write_display(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to memory cannot fail");
}

fn text_of(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::with_capacity(24);
    write(&mut out);
    String::from_utf8(out).expect("numbers are written in ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_prometheus_does() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (0.1, "0.1"),
            (1e-7, "1e-07"),
            (1e-6, "0.000001"),
            (1e21, "1e+21"),
            (123_456_789_012_345_680_000.0, "123456789012345680000"),
            (-2.5e-10, "-2.5e-10"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(format_float(value), text);
        }
    }

    /// The short ways must give what the standard library's shortest form gives.
    #[test]
    fn short_ways_agree_with_the_long_one() {
        let mut state = 42_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        for _ in 0..200_000 {
            let bits = next();
            let tidy = (bits >> 20) as f64 / 10_f64.powi((bits % 12) as i32);
            for value in [f64::from_bits(bits), tidy, -tidy, (bits >> 11) as f64, (bits % 1000) as f64 / 8.0]
            {
                if (1e-6..1e21).contains(&value.abs()) {
                    assert_eq!(format_float(value), value.to_string(), "{bits:#x}");
                }
                let back: f64 = format_float(value).parse().expect("a number");
                assert!(back.to_bits() == value.to_bits() || value.is_nan(), "{value:e}");
            }
        }
    }

    #[test]
    fn exponent_has_two_digits() {
        assert_eq!(exponent_form(1.0), "1e+00");
        assert_eq!(exponent_form(0.0), "0e+00");
        assert_eq!(exponent_form(1.5e300), "1.5e+300");
        assert_eq!(exponent_form(-2.5e-7), "-2.5e-07");
        assert_eq!(exponent_form(f64::INFINITY), "+Inf");
    }
}
