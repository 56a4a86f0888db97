//! Small readers of what the kernel writes: words, numbers, `key value` lines, `Key: value` lines.

/// A decimal number, whole or not. Only what the kernel writes: no infinities, no words.
pub(crate) fn number(word: &str) -> Option<f64> {
    let first = word.trim_start_matches('-').bytes().next()?;
    if !first.is_ascii_digit() {
        return None;
    }
    word.parse::<f64>().ok().filter(|value| value.is_finite())
}

/// A hexadecimal number without a prefix.
pub(crate) fn hex(word: &str) -> Option<f64> {
    u64::from_str_radix(word, 16).ok().map(|value| value as f64)
}

/// A decimal number, or a hexadecimal one behind `0x`.
pub(crate) fn number_or_hex(word: &str) -> Option<f64> {
    match word.strip_prefix("0x") {
        Some(digits) => hex(digits),
        None => number(word),
    }
}

/// All words of a line that are numbers, in their places.
pub(crate) fn numbers(line: &str) -> Vec<Option<f64>> {
    line.split_ascii_whitespace().map(number).collect()
}

/// The number behind the first word `key` of a `key number` file.
pub(crate) fn keyed(text: &str, key: &str) -> Option<f64> {
    pairs(text).find(|(k, _)| *k == key).map(|(_, value)| value)
}

/// The lines of a `key number` file.
pub(crate) fn pairs(text: &str) -> impl Iterator<Item = (&str, f64)> {
    text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        Some((words.next()?, number(words.next()?)?))
    })
}

/// The value of `key=` in a line of `key=value` words.
pub(crate) fn assigned<'t>(line: &'t str, key: &str) -> Option<&'t str> {
    line.split_ascii_whitespace().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
}

/// A shell-like file (`os-release`, `uevent`): the value of `key`, without its quotes.
pub(crate) fn setting<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?.trim();
    let bare = ['"', '\''].iter().find_map(|q| value.strip_prefix(*q)?.strip_suffix(*q));
    Some(bare.unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_what_the_kernel_writes() {
        for (word, value) in
            [("0", Some(0.0)), ("-1", Some(-1.0)), ("12.5", Some(12.5)), ("1e3", Some(1000.0))]
        {
            assert_eq!(number(word), value, "{word}");
        }
        for word in ["", "-", "inf", "NaN", "max", "0x1", "1e999", "1 2"] {
            assert_eq!(number(word), None, "{word:?}");
        }
        assert_eq!(number_or_hex("0x1003"), Some(4099.0));
        assert_eq!(number_or_hex("0xzz"), None);
    }

    #[test]
    fn keys_and_settings() {
        assert_eq!(keyed("a 1\nab 2\nb\n", "ab"), Some(2.0));
        assert_eq!(assigned("some avg10=0.00 total=17", "total"), Some("17"));
        let os = "NAME=\"Debian GNU/Linux\"\nID=debian\nVERSION='12 (x)'\nODD=\"a\n";
        for (key, value) in [
            ("NAME", Some("Debian GNU/Linux")),
            ("ID", Some("debian")),
            ("VERSION", Some("12 (x)")),
            ("ODD", Some("\"a")),
            ("I", None),
        ] {
            assert_eq!(setting(os, key), value, "{key}");
        }
    }
}
