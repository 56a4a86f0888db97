//! The text form of matchers in routes: `severity="critical"`, `{team=~"a|b", "utf-8 name"!=x}`.
//!
//! Two syntaxes are in use. The classic one allows little in names and much in values, the newer UTF-8 one the other way
//! round. As Alertmanager does by default, a text that the classic syntax understands is read that way, any other by the
//! newer one.

use model::{MatchOp, Matcher};

/// Operators, longer ones before those that they begin with.
const OPERATORS: [(&str, MatchOp); 4] =
    [("=~", MatchOp::Regex), ("!=", MatchOp::NotEqual), ("!~", MatchOp::NotRegex), ("=", MatchOp::Equal)];

/// Reads one or more matchers, with or without braces.
///
/// # Errors
/// A sentence about what the newer syntax does not understand.
pub fn parse(text: &str) -> Result<Vec<Matcher>, String> {
    match classic(text) {
        Some(parts) => build(parts),
        None => build(Utf8 { text, rest: text }.all()?),
    }
}

type Parts = Vec<(String, MatchOp, String)>;

fn build(parts: Parts) -> Result<Vec<Matcher>, String> {
    let matchers = parts.into_iter().map(|(name, op, value)| Matcher::new(name, op, value));
    matchers.collect::<Result<_, _>>().map_err(|e| e.to_string())
}

fn classic(text: &str) -> Option<Parts> {
    let inner = text.strip_prefix('{').unwrap_or(text);
    let inner = inner.strip_suffix('}').unwrap_or(inner);
    let parts: Option<Parts> = split(inner).into_iter().map(classic_one).collect();
    parts.filter(|parts| !parts.is_empty())
}

/// Cuts at commas that stand outside quotes.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            ',' if !quoted => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            '"' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = c == '\\' && !escaped;
    }
    if !text[start..].is_empty() {
        parts.push(&text[start..]);
    }
    parts
}

fn classic_one(text: &str) -> Option<(String, MatchOp, String)> {
    let text = text.trim();
    let name_len =
        text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':')).unwrap_or(text.len());
    let (name, rest) = text.split_at(name_len);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let (op, value) = operator(rest.trim_start())?;
    Some((name.to_owned(), op, classic_value(value.trim())?))
}

fn operator(text: &str) -> Option<(MatchOp, &str)> {
    OPERATORS.iter().find_map(|(sign, op)| Some((*op, text.strip_prefix(sign)?)))
}

/// A value with or without quotes; `\"`, `\n` and `\\` are escapes, any other backslash is itself.
fn classic_value(text: &str) -> Option<String> {
    let (mut rest, mut open) = match text.strip_prefix('"') {
        Some(inner) => (inner.chars(), true),
        None => (text.chars(), false),
    };
    let mut value = String::new();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some('n') => value.push('\n'),
                Some(same @ ('"' | '\\')) => value.push(same),
                Some(other) => value.extend(['\\', other]),
                None => value.push('\\'),
            },
            '"' if open && rest.as_str().is_empty() => open = false,
            '"' => return None,
            other => value.push(other),
        }
    }
    (!open).then_some(value)
}

/// Reader of the newer syntax.
struct Utf8<'a> {
    text: &'a str,
    rest: &'a str,
}

impl Utf8<'_> {
    fn all(&mut self) -> Result<Parts, String> {
        self.blanks();
        let braces = self.take("{");
        let mut parts = Vec::new();
        loop {
            self.blanks();
            if braces && !parts.is_empty() && self.rest.starts_with('}') {
                break;
            }
            parts.push(self.one()?);
            self.blanks();
            if !self.take(",") {
                break;
            }
            self.blanks();
            if !braces && self.rest.is_empty() {
                break;
            }
        }
        if braces && !self.take("}") {
            return Err(self.error("expected close brace"));
        }
        self.blanks();
        if self.rest.is_empty() { Ok(parts) } else { Err(self.error("expected end of input or a comma")) }
    }

    fn one(&mut self) -> Result<(String, MatchOp, String), String> {
        let name = self.word("label name")?;
        self.blanks();
        let Some((op, rest)) = operator(self.rest) else {
            return Err(self.error("expected an operator such as '=', '!=', '=~' or '!~'"));
        };
        self.rest = rest;
        self.blanks();
        Ok((name, op, self.word("label value")?))
    }

    fn word(&mut self, what: &str) -> Result<String, String> {
        if let Some(inner) = self.rest.strip_prefix('"') {
            return self.quoted(inner);
        }
        let reserved = |c: char| c.is_whitespace() || "{}!=~,\\\"'`".contains(c);
        let end = self.rest.find(reserved).unwrap_or(self.rest.len());
        if end == 0 {
            return Err(self.error(&format!("expected {what}")));
        }
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok(word.to_owned())
    }

    fn quoted(&mut self, inner: &str) -> Result<String, String> {
        let (mut value, mut chars) = (String::new(), inner.char_indices());
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    let taken = self.rest.len() - inner.len() + at + 1;
                    self.rest = &self.rest[taken..];
                    return Ok(value);
                }
                '\\' => match chars.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, 't')) => value.push('\t'),
                    Some((_, same @ ('"' | '\\'))) => value.push(same),
                    _ => return Err(self.error("unknown escape")),
                },
                other => value.push(other),
            }
        }
        Err(self.error("missing end \""))
    }

    fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, sign: &str) -> bool {
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn error(&self, what: &str) -> String {
        let column = self.text.chars().count() - self.rest.chars().count() + 1;
        match self.rest.chars().next() {
            Some(c) => format!("bad matcher format: {}: column {column}: unexpected {c}: {what}", self.text),
            None => format!("bad matcher format: {}: unexpected end of input: {what}", self.text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let found = parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), expected, "of {text}");
    }

    #[test]
    fn classic_matchers() {
        check("foo=bar", &[r#"foo="bar""#]);
        check(r#" foo != "bar baz" "#, &[r#"foo!="bar baz""#]);
        check(r#"{foo=~"a|b", x!~"c,d",}"#, &[r#"foo=~"a|b""#, r#"x!~"c,d""#]);
        check("foo=", &[r#"foo="""#]);
        check(r#"foo="a\"b\\c\d""#, &[r#"foo="a\"b\\c\\d""#]);
        check("foo=~[a-z]+ x", &[r#"foo=~"[a-z]+ x""#]);
    }

    #[test]
    fn utf8_matchers() {
        check(r#""utf-8 name"=x"#, &[r#"utf-8 name="x""#]);
        check("fü=bär", &[r#"fü="bär""#]);
        check(r#"{"a b"="1", c=2,}"#, &[r#"a b="1""#, r#"c="2""#]);
    }

    #[test]
    fn what_is_no_matcher() {
        for text in ["", "foo", "{", "=x", r#"foo="a"b""#, "foo=~(", "ü=", "{ü=a", "ü=a b", r#"ü="a"#] {
            assert!(parse(text).is_err(), "{text}: {:?}", parse(text));
        }
        assert_eq!(
            parse("foo").expect_err("no operator"),
            "bad matcher format: foo: unexpected end of input: expected an operator such as '=', '!=', '=~' or '!~'"
        );
    }
}
