//! Numbers and durations as PromQL writes them: `1e3`, `0x1f`, `1_000`, `.5`, `1h30m`.

use model::DurationMs;

use crate::parser::token::TokenKind;

/// How many bytes of `text` belong to the number or duration it starts with, well formed or not.
pub(crate) fn length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let hex = matches!(bytes, [b'0', b'x' | b'X', ..]);
    let mut end = 0;
    while let Some(&byte) = bytes.get(end) {
        let previous = end.checked_sub(1).and_then(|i| bytes.get(i)).map_or(0, u8::to_ascii_lowercase);
        // The sign of an exponent belongs to the number.
        let exponent = if hex { b'p' } else { b'e' };
        let sign = matches!(byte, b'+' | b'-') && previous == exponent;
        if !(byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'_' || sign) {
            break;
        }
        end += 1;
    }
    end
}

/// The number or duration that `text` is.
pub(crate) fn parse(text: &str) -> Option<TokenKind> {
    if let Some(value) = parse_float(text) {
        return Some(TokenKind::Number(value));
    }
    // "0" alone is a number; everything else with a unit is a duration.
    text.parse::<DurationMs>().ok().map(|duration| TokenKind::Duration(duration.0))
}

/// A number by Go's rules for literals: hex, octal and binary prefixes, underscores between digits.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let plain = without_underscores(text)?;
    let lower = plain.to_ascii_lowercase();
    if let Some(hex) = lower.strip_prefix("0x") {
        return parse_hex(hex);
    }
    if let Some(binary) = lower.strip_prefix("0b") {
        return u64::from_str_radix(binary, 2).ok().map(|n| n as f64);
    }
    if let Some(octal) = lower.strip_prefix("0o") {
        return u64::from_str_radix(octal, 8).ok().map(|n| n as f64);
    }
    let octal =
        lower.len() > 1 && lower.starts_with('0') && lower.bytes().all(|b| (b'0'..=b'7').contains(&b));
    if octal && let Ok(number) = u64::from_str_radix(&lower, 8) {
        return Some(number as f64);
    }
    let numeric = lower.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'+' | b'-'));
    if numeric { lower.parse().ok() } else { None }
}

/// `1f`, `1.8p3`: the value of hexadecimal digits with an optional binary exponent.
fn parse_hex(digits: &str) -> Option<f64> {
    let (mantissa, exponent) = match digits.split_once('p') {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (digits, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0.0f64;
    for digit in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let shift = exponent.checked_sub(4 * i32::try_from(fraction.len()).ok()?)?;
    Some(value * 2f64.powi(shift))
}

/// The text without underscores, each of which must stand between two digits (or behind a prefix like `0x`).
fn without_underscores(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    for (i, _) in text.match_indices('_') {
        let before = i.checked_sub(1).and_then(|i| bytes.get(i))?;
        let after = bytes.get(i + 1)?;
        if !before.is_ascii_alphanumeric() || !after.is_ascii_alphanumeric() || matches!(before, b'e' | b'E')
        {
            return None;
        }
    }
    Some(text.replace('_', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (text, value) in [
            ("1", 1.0),
            (".5", 0.5),
            ("2.", 2.0),
            ("1e3", 1000.0),
            ("1.5e-3", 0.0015),
            ("0x1F", 31.0),
            ("0x1p4", 16.0),
            ("1_000", 1000.0),
            ("017", 15.0),
            ("08", 8.0),
            ("0b101", 5.0),
        ] {
            assert_eq!(length(text), text.len(), "{text}");
            assert_eq!(parse(text), Some(TokenKind::Number(value)), "{text}");
        }
    }

    #[test]
    fn durations() {
        for (text, ms) in [("5m", 300_000), ("1h30m", 5_400_000), ("10ms", 10), ("0s", 0)] {
            assert_eq!(parse(text), Some(TokenKind::Duration(ms)), "{text}");
        }
    }

    #[test]
    fn neither() {
        for text in ["1__0", "1_", "1e", "5mm", "1.5h", "0x", "1.2.3", "1e5e", "5q"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_sign_belongs_to_an_exponent_only() {
        for (text, expected) in
            [("1+1", 1), ("1e+3+1", 4), ("5m-1", 2), ("1e3-1", 3), ("0x1e+1", 4), ("0x1p-3", 6)]
        {
            assert_eq!(length(text), expected, "{text}");
        }
    }
}
