//! The small words of JSON as Prometheus writes them: labels, moments, points, lists.

use model::Labels;
use model::float::{write_float, write_unsigned};

/// A label set as a JSON object.
pub(crate) fn labels(out: &mut Vec<u8>, labels: &Labels) {
    out.push(b'{');
    for (i, (name, value)) in labels.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        string(out, name);
        out.push(b':');
        string(out, value);
    }
    out.push(b'}');
}

/// A text as a JSON string.
pub(crate) fn string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("a string into memory always encodes");
}

/// Writes `[…]` with commas between what `each` writes.
pub(crate) fn list<T>(
    out: &mut Vec<u8>,
    items: impl Iterator<Item = T>,
    mut each: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (i, item) in items.enumerate() {
        if i > 0 {
            out.push(b',');
        }
        each(out, item);
    }
    out.push(b']');
}

/// `[moment,"value"]`.
pub(crate) fn point(out: &mut Vec<u8>, at_ms: i64, value: f64) {
    point_head(out, at_ms);
    point_tail(out, value);
}

/// A point up to its value: what points of all series at one step share.
pub(crate) fn point_head(out: &mut Vec<u8>, at_ms: i64) {
    out.push(b'[');
    timestamp(out, at_ms);
    out.extend_from_slice(b",\"");
}

/// The rest of a point.
pub(crate) fn point_tail(out: &mut Vec<u8>, value: f64) {
    write_float(out, value);
    out.extend_from_slice(b"\"]");
}

/// Seconds; a fraction of three digits when there is one.
pub(crate) fn timestamp(out: &mut Vec<u8>, at_ms: i64) {
    let (seconds, ms) = (at_ms.unsigned_abs() / 1000, at_ms.unsigned_abs() % 1000);
    if at_ms < 0 {
        out.push(b'-');
    }
    write_unsigned(out, seconds);
    if ms > 0 {
        out.push(b'.');
        out.extend([ms / 100, ms / 10 % 10, ms % 10].map(|digit| b'0' + digit as u8));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_have_no_digit_too_many() {
        for (ms, text) in [(0, "0"), (12_050, "12.050"), (-1, "-0.001"), (1000, "1"), (999, "0.999")] {
            let mut out = Vec::new();
            timestamp(&mut out, ms);
            assert_eq!(out, text.as_bytes());
        }
    }
}
