//! Sample values as text, exactly as Prometheus prints them.

/// Shortest decimal that reads back as the same number, with an exponent below 1e-6 and from 1e21 on; `NaN`, `+Inf`
/// and `-Inf` by these names.
pub fn format_float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        exponent_form(value)
    } else {
        value.to_string()
    }
}

/// Shortest form with an exponent of at least two digits: `1e+00`, `2.5e-07`.
pub fn exponent_form(value: f64) -> String {
    if !value.is_finite() {
        return format_float(value);
    }
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{digits:0>2}")
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

    #[test]
    fn exponent_has_two_digits() {
        assert_eq!(exponent_form(1.0), "1e+00");
        assert_eq!(exponent_form(0.0), "0e+00");
        assert_eq!(exponent_form(1.5e300), "1.5e+300");
    }
}
