//! Patterns of literal text and captures: `<ip> - [<_>] "<method> <path>"`. The parser takes fields out of a line, the
//! filter asks whether a line looks like that.

use std::ops::Range;

use memchr::memmem;

/// A pattern that makes no sense; the text says why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PatternError(pub String);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Literal(String),
    /// A capture; `None` is `<_>`.
    Capture(Option<String>),
}

/// Cuts a pattern into pieces. What looks like no capture is literal text.
pub(crate) fn pieces(pattern: &str) -> Result<Vec<Piece>, PatternError> {
    let mut out = Vec::new();
    let mut literal = String::new();
    let mut rest = pattern;
    while let Some(at) = rest.find('<') {
        let inside = &rest[at + 1..];
        let length = inside.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        let name = &inside[..length];
        let is_name = !name.is_empty() && !name.as_bytes()[0].is_ascii_digit();
        if !is_name || inside.as_bytes().get(length) != Some(&b'>') {
            literal.push_str(&rest[..=at]);
            rest = inside;
            continue;
        }
        literal.push_str(&rest[..at]);
        if !literal.is_empty() {
            out.push(Piece::Literal(std::mem::take(&mut literal)));
        }
        if matches!(out.last(), Some(Piece::Capture(_))) {
            return Err(PatternError(format!("invalid pattern {pattern:?}: found consecutive capture")));
        }
        out.push(Piece::Capture((name != "_").then(|| name.to_owned())));
        rest = &inside[length + 1..];
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        out.push(Piece::Literal(literal));
    }
    Ok(out)
}

/// A pattern of literal text with `<_>` for anything.
#[derive(Debug, Clone)]
pub struct LinePattern {
    literals: Vec<memmem::Finder<'static>>,
    starts_open: bool,
    ends_open: bool,
}

impl LinePattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When it has a capture with a name, two in a row, or nothing in it.
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        let pieces = pieces(pattern)?;
        if pieces.iter().any(|piece| matches!(piece, Piece::Capture(Some(_)))) {
            return Err(PatternError(format!("invalid pattern {pattern:?}: named captures are not allowed")));
        }
        let is_open = |piece: Option<&Piece>| matches!(piece, Some(Piece::Capture(_)));
        let (starts_open, ends_open) = (is_open(pieces.first()), is_open(pieces.last()));
        let literals = pieces.iter().filter_map(|piece| match piece {
            Piece::Literal(text) => Some(memmem::Finder::new(text).into_owned()),
            Piece::Capture(_) => None,
        });
        Ok(Self { literals: literals.collect(), starts_open, ends_open })
    }

    /// Whether `line` looks like this, from its start to its end.
    pub fn matches(&self, line: &str) -> bool {
        let bytes = line.as_bytes();
        let Some((last, first)) = self.literals.split_last() else {
            return self.starts_open || line.is_empty();
        };
        let mut at = 0;
        for (i, literal) in first.iter().enumerate() {
            let is_fixed = i == 0 && !self.starts_open;
            match find(literal, bytes, at, is_fixed) {
                Some(end) => at = end,
                None => return false,
            }
        }
        let is_fixed = first.is_empty() && !self.starts_open;
        if self.ends_open {
            return find(last, bytes, at, is_fixed).is_some();
        }
        // The last literal ends the line; what is before it may be anything.
        let start = bytes.len().checked_sub(last.needle().len());
        start.is_some_and(|start| start >= at && bytes.ends_with(last.needle()) && (!is_fixed || start == at))
    }

    /// Texts that a line which looks like this must contain.
    pub(crate) fn literals(&self) -> impl Iterator<Item = &str> {
        self.literals.iter().filter_map(|literal| std::str::from_utf8(literal.needle()).ok())
    }
}

/// Where the literal ends that begins at `at`, or anywhere behind it when not `is_fixed`.
fn find(literal: &memmem::Finder<'_>, bytes: &[u8], at: usize, is_fixed: bool) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let start = if is_fixed { rest.starts_with(literal.needle()).then_some(0) } else { literal.find(rest) };
    start.map(|start| at + start + literal.needle().len())
}

/// Takes fields out of a line: each named piece with its place.
pub(crate) fn capture<'p>(pieces: &'p [Piece], line: &str, mut found: impl FnMut(&'p str, Range<usize>)) {
    let mut at = 0;
    let mut rest = pieces;
    if let Some((Piece::Literal(text), behind)) = rest.split_first() {
        if !line.starts_with(text.as_str()) {
            return;
        }
        at = text.len();
        rest = behind;
    }
    while let [Piece::Capture(name), behind @ ..] = rest {
        let literal = match behind.first() {
            Some(Piece::Literal(text)) => {
                memmem::find(&line.as_bytes()[at..], text.as_bytes()).map(|n| (n, text.len()))
            }
            _ => None,
        };
        // A piece whose end is missing takes the rest, and nothing follows.
        let end = literal.map_or(line.len(), |(n, _)| at + n);
        if let Some(name) = name {
            found(name, at..end);
        }
        let Some((_, length)) = literal else { return };
        at = end + length;
        rest = &behind[1..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, line: &str, expected: bool) {
        assert_eq!(
            LinePattern::new(pattern).expect("a pattern").matches(line),
            expected,
            "{pattern} on {line:?}"
        );
    }

    #[test]
    fn a_line_pattern_is_fixed_where_it_is_not_open() {
        check("<_> level=debug <_>", "x level=debug y", true);
        check("<_> level=debug <_>", "x level=info y", false);
        check("level=debug <_>", "x level=debug y", false);
        check("<_>debug", "x debug", true);
        check("<_>debug", "x debug!", false);
        check("a<_>a", "a", false);
        check("a<_>a", "aa", true);
        check("abc", "abc", true);
        check("abc", "abcd", false);
        check("<_>", "", true);
        check("", "", true);
        check("", "x", false);
        check("a<_>b<_>c", "a1b2c", true);
        check("a<_>b<_>c", "a1c2b", false);
        assert!(LinePattern::new("<name> x").is_err());
        assert!(LinePattern::new("<_><_>").is_err());
    }

    fn fields(pattern: &str, line: &str) -> String {
        let pieces = pieces(pattern).expect("a pattern");
        let mut out = Vec::new();
        capture(&pieces, line, |name, place| out.push(format!("{name}:{}", &line[place])));
        out.join("|")
    }

    #[test]
    fn fields_run_to_the_next_literal() {
        let line = r#"1.2.3.4 - [10:00] "GET /a" 200"#;
        assert_eq!(
            fields(r#"<ip> - [<_>] "<method> <path>" <status>"#, line),
            "ip:1.2.3.4|method:GET|path:/a|status:200"
        );
        assert_eq!(fields("x<a>", "yx1"), "");
        assert_eq!(fields("<a>;<b>;<c>", "1;2"), "a:1|b:2");
        assert_eq!(fields("<<a>>", "<x>"), "a:x");
        assert_eq!(fields("a < b <c>", "a < b 1"), "c:1");
    }
}
