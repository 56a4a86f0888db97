//! `${NAME}` and `${NAME:-default}` in a configuration, as with `-config.expand-env=true`.

/// Puts variables in place of their names. What has no value and no default becomes nothing; `$$` is a dollar sign. A
/// value may not break a line, so that places in the text stay on their lines.
pub(crate) fn expand_env(text: &str, lookup: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let (value, tail) = reference(after, &lookup);
        match value {
            Some(value) => out.push_str(&value.replace(['\n', '\r'], " ")),
            None => out.push('$'),
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// What stands behind a dollar sign: its value, and what follows it. No value when it is no reference.
fn reference<'t>(after: &'t str, lookup: &impl Fn(&str) -> Option<String>) -> (Option<String>, &'t str) {
    if let Some(rest) = after.strip_prefix('$') {
        return (Some("$".to_owned()), rest);
    }
    let Some((inner, tail)) = after.strip_prefix('{').and_then(|inner| inner.split_once('}')) else {
        return (None, after);
    };
    let (name, default) = inner.split_once(":-").unwrap_or((inner, ""));
    // `${1}` belongs to a regular expression's replacement.
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_name {
        return (None, after);
    }
    let value = lookup(name).filter(|value| !value.is_empty());
    (Some(value.unwrap_or_else(|| default.to_owned())), tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_become_values() {
        let lookup = |name: &str| match name {
            "HOST" => Some("loki".to_owned()),
            "LINES" => Some("a\nb".to_owned()),
            _ => None,
        };
        for (text, expected) in [
            ("http://${HOST}:3100", "http://loki:3100"),
            ("${PORT:-3100}", "3100"),
            ("${HOST:-x}", "loki"),
            ("a${NONE}b", "ab"),
            ("$$1 $1 ${1} ${A-B} ${", "$1 $1 ${1} ${A-B} ${"),
            ("${LINES}", "a b"),
        ] {
            assert_eq!(expand_env(text, lookup), expected, "{text}");
        }
    }
}
