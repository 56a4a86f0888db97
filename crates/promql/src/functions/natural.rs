//! Order of texts as people see it: numbers within them count as numbers.

use std::cmp::Ordering;

/// Compares digit runs by value and everything else by bytes; texts that differ only in leading zeros by bytes.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    while !left.is_empty() && !right.is_empty() {
        let (left_chunk, left_rest) = chunk(left);
        let (right_chunk, right_rest) = chunk(right);
        let order = match (number(left_chunk), number(right_chunk)) {
            (Some(left), Some(right)) => left.len().cmp(&right.len()).then_with(|| left.cmp(right)),
            _ => left_chunk.cmp(right_chunk),
        };
        if order != Ordering::Equal {
            return order;
        }
        (left, right) = (left_rest, right_rest);
    }
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

/// The digits at the start, or the rest up to the next digit.
fn chunk(text: &str) -> (&str, &str) {
    let digits = text.starts_with(|c: char| c.is_ascii_digit());
    text.split_at(text.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(text.len()))
}

/// The digits without leading zeros, if it is a number.
fn number(chunk: &str) -> Option<&str> {
    chunk.starts_with(|c: char| c.is_ascii_digit()).then(|| chunk.trim_start_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_as_numbers() {
        for (a, b) in [
            ("2", "10"),
            ("4m5", "4m600"),
            ("1.2.3", "1.11.3"),
            ("a", "b"),
            ("a", "a1"),
            ("", "0"),
            ("a01", "a1"),
            ("a9z", "a10"),
        ] {
            assert_eq!(compare(a, b), Ordering::Less, "{a} {b}");
            assert_eq!(compare(b, a), Ordering::Greater, "{b} {a}");
        }
        assert_eq!(compare("x12", "x12"), Ordering::Equal);
    }
}
