//! Whether two layouts of a query are the same.

/// The same text, but for how numbers are written (2.42 prints them with an exponent, 3 without) and for the indentation
/// of a subquery that stays on one line, which Prometheus forgets.
pub(crate) fn is_same(ours: &str, theirs: &str) -> bool {
    let (ours, theirs): (Vec<&str>, Vec<&str>) = (ours.lines().collect(), theirs.lines().collect());
    // A number with more digits may make a line too long.
    let has_long_numbers = theirs.iter().any(|line| words(line).any(|word| word.contains("e+")));
    if ours.len() != theirs.len() && has_long_numbers {
        return all_words(&ours) == all_words(&theirs);
    }
    ours.len() == theirs.len() && ours.iter().zip(&theirs).all(|(a, b)| is_same_line(a, b))
}

fn is_same_line(ours: &str, theirs: &str) -> bool {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let is_indented = indent(ours) == indent(theirs) || (indent(theirs) == 0 && theirs.contains(':'));
    is_indented && words(ours).map(number).eq(words(theirs).map(number))
}

fn all_words(lines: &[&str]) -> Vec<String> {
    lines.iter().flat_map(|line| words(line)).map(number).collect()
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    let is_apart = |c: char| c.is_whitespace() || "()[]{},".contains(c);
    line.split(is_apart).filter(|word| !word.is_empty())
}

/// A number in one way of writing, anything else as it is.
fn number(word: &str) -> String {
    let digits = word.trim_start_matches(['+', '-']);
    match word.parse::<f64>() {
        Ok(value) if digits.starts_with(|c: char| c.is_ascii_digit()) => value.to_string(),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same() {
        for (ours, theirs, expected) in [
            ("a + 1000000", "a + 1e+06", true),
            ("a\n+\n  1000000", "a + 1e+06", true),
            ("a + 1", "a + 2", false),
            ("a\n  + 1", "a\n + 1", false),
            ("f(\n  a[1h:1m]\n)", "f(\na[1h:1m]\n)", true),
            ("f(\n  a[1h]\n)", "f(\na[1h]\n)", false),
            ("a + b", "a\n+ b", false),
        ] {
            assert_eq!(is_same(ours, theirs), expected, "{ours} {theirs}");
        }
    }
}
