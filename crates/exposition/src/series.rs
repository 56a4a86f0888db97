//! The part of a line that names a series: `name{label="value",…}`, or `{"quoted name",…}`.

use std::borrow::Cow;

use memchr::memchr2;
use model::{Labels, METRIC_NAME};

use crate::cursor::{Cursor, is_blank};
use crate::error::{LineError, quoted};

/// The text of a series as it stood in the body, already checked. Two equal texts are the same series; two different
/// ones may be too (order of labels, blanks).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Series<'a>(&'a str);

/// A label's name and value with escapes resolved.
pub type Label<'a> = (Cow<'a, str>, Cow<'a, str>);

/// A series whose text is well formed but which cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SeriesError {
    /// A name twice.
    #[error("label name {0:?} is not unique")]
    DuplicateLabel(String),
    /// Nothing says how the metric is called.
    #[error("missing metric name (__name__ label)")]
    MissingName,
}

impl<'a> Series<'a> {
    /// For the reader, which has checked the text.
    pub(crate) fn checked(text: &'a str) -> Self {
        Self(text)
    }

    /// The text as it stands in the body.
    pub fn as_str(&self) -> &'a str {
        self.0
    }

    /// The labels with the metric name as `__name__`, sorted by name, replacing what `out` held. Empty values are
    /// kept: with `honor_labels` they mean something.
    ///
    /// # Errors
    /// When a name is there twice or the metric name is missing.
    pub fn labels_into(&self, out: &mut Vec<Label<'a>>) -> Result<(), SeriesError> {
        out.clear();
        let mut cursor = Cursor::new(self.0);
        // The text was checked with its own format's rule for blanks; allowing them again changes nothing.
        let scanned = scan(&mut cursor, Blanks::Allowed, |part| {
            let (name, value) = match part {
                Part::Metric(name) => (Cow::Borrowed(METRIC_NAME), name.resolve()),
                Part::Label(name, value) => (name.resolve(), value.resolve()),
            };
            out.push((name, value));
        });
        debug_assert!(scanned.is_ok(), "checked text {:?} does not scan", self.0);
        out.sort_by(|a, b| a.0.cmp(&b.0));
        if let Some(name) = first_duplicate(out) {
            return Err(SeriesError::DuplicateLabel(name.to_owned()));
        }
        let named = out.iter().any(|(name, value)| name == METRIC_NAME && !value.is_empty());
        named.then_some(()).ok_or(SeriesError::MissingName)
    }

    /// The labels as a set of their own, without those of empty value.
    ///
    /// # Errors
    /// As [`Series::labels_into`].
    pub fn labels(&self) -> Result<Labels, SeriesError> {
        let mut parts = Vec::new();
        self.labels_into(&mut parts)?;
        let kept = parts.iter().filter(|(_, value)| !value.is_empty());
        Ok(Labels::from_sorted(kept.map(|(n, v)| (n.as_ref(), v.as_ref()))))
    }
}

fn first_duplicate<'b>(sorted: &'b [Label<'_>]) -> Option<&'b str> {
    sorted.iter().zip(sorted.iter().skip(1)).find(|(a, b)| a.0 == b.0).map(|(a, _)| a.0.as_ref())
}

/// Whether blanks may stand between tokens: text allows them, OpenMetrics does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blanks {
    Allowed,
    Forbidden,
}

/// A name or a value as it stands in the body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Raw<'a> {
    text: &'a str,
    has_escapes: bool,
}

impl<'a> Raw<'a> {
    fn plain(text: &'a str) -> Self {
        Self { text, has_escapes: false }
    }

    pub(crate) fn resolve(self) -> Cow<'a, str> {
        if self.has_escapes { Cow::Owned(unescape(self.text)) } else { Cow::Borrowed(self.text) }
    }
}

/// What a scan meets.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part<'a> {
    Metric(Raw<'a>),
    Label(Raw<'a>, Raw<'a>),
}

/// Reads a series from where `cursor` is and leaves it behind the last character.
pub(crate) fn scan<'a>(
    cursor: &mut Cursor<'a>,
    blanks: Blanks,
    mut met: impl FnMut(Part<'a>),
) -> Result<(), LineError> {
    let from = cursor.at();
    let name = cursor.take_while(is_metric_char);
    if name.starts_with(|c: char| c.is_ascii_digit()) || (name.is_empty() && cursor.peek() != Some(b'{')) {
        let found = if name.is_empty() { cursor.word() } else { name };
        return Err(LineError::new(from, format!("expected a metric name, found {}", quoted(found))));
    }
    let is_named = !name.is_empty();
    if is_named {
        met(Part::Metric(Raw::plain(name)));
        let mut ahead = *cursor;
        if blanks == Blanks::Allowed {
            ahead.skip_blanks();
        }
        if ahead.peek() != Some(b'{') {
            return Ok(());
        }
        *cursor = ahead;
    }
    scan_braces(cursor, blanks, !is_named, met)
}

/// Reads `{…}`. Only where no name stood before may the first element be a quoted metric name.
pub(crate) fn scan_braces<'a>(
    cursor: &mut Cursor<'a>,
    blanks: Blanks,
    name_inside: bool,
    mut met: impl FnMut(Part<'a>),
) -> Result<(), LineError> {
    let skip = |cursor: &mut Cursor<'a>| {
        if blanks == Blanks::Allowed {
            cursor.skip_blanks();
        }
    };
    if !cursor.eat(b'{') {
        return Err(LineError::new(cursor.at(), format!("expected '{{', found {}", cursor.found())));
    }
    let mut name_inside = name_inside;
    loop {
        skip(cursor);
        if cursor.eat(b'}') {
            return Ok(());
        }
        let from = cursor.at();
        let is_quoted = cursor.peek() == Some(b'"');
        let name = if is_quoted { scan_quoted(cursor)? } else { scan_label_name(cursor)? };
        skip(cursor);
        if cursor.eat(b'=') {
            skip(cursor);
            met(Part::Label(name, scan_quoted(cursor)?));
        } else if is_quoted && std::mem::take(&mut name_inside) {
            met(Part::Metric(name));
        } else if is_quoted {
            return Err(LineError::new(from, format!("expected '=' behind {}", quoted(name.text))));
        } else {
            return Err(LineError::new(cursor.at(), format!("expected '=', found {}", cursor.found())));
        }
        skip(cursor);
        if !cursor.eat(b',') && cursor.peek() != Some(b'}') {
            return Err(LineError::new(
                cursor.at(),
                format!("expected ',' or '}}', found {}", cursor.found()),
            ));
        }
    }
}

fn scan_label_name<'a>(cursor: &mut Cursor<'a>) -> Result<Raw<'a>, LineError> {
    let from = cursor.at();
    let name = cursor.take_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        let found = if name.is_empty() { cursor.found() } else { quoted(name) };
        return Err(LineError::new(from, format!("expected a label name, found {found}")));
    }
    Ok(Raw::plain(name))
}

/// Reads `"…"` in which a backslash takes the next character's meaning away.
pub(crate) fn scan_quoted<'a>(cursor: &mut Cursor<'a>) -> Result<Raw<'a>, LineError> {
    let start = cursor.at();
    if !cursor.eat(b'"') {
        return Err(LineError::new(start, format!("expected a quoted text, found {}", cursor.found())));
    }
    let from = cursor.at();
    let mut has_escapes = false;
    loop {
        let Some(offset) = memchr2(b'"', b'\\', cursor.rest().as_bytes()) else {
            return Err(LineError::new(start, "the quote is not closed on this line"));
        };
        cursor.skip(offset);
        if cursor.peek() == Some(b'"') {
            let text = cursor.since(from);
            cursor.skip(1);
            return Ok(Raw { text, has_escapes });
        }
        has_escapes = true;
        cursor.skip(1);
        // The character behind a backslash may be of several bytes.
        cursor.skip(cursor.rest().chars().next().map_or(0, char::len_utf8));
    }
}

/// Resolves `\\`, `\"` and `\n`; any other backslash stays, as in Prometheus.
pub(crate) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some(c @ ('\\' | '"')) => out.push(c),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    out
}

/// Whether a text may stand as a metric name without quotes.
pub fn is_metric_name(text: &str) -> bool {
    !text.is_empty() && !text.starts_with(|c: char| c.is_ascii_digit()) && text.bytes().all(is_metric_char)
}

/// Whether a text may stand as a label name without quotes.
pub fn is_label_name(text: &str) -> bool {
    is_metric_name(text) && !text.contains(':')
}

fn is_metric_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':'
}

/// The series that somebody thinks comes next: its text, or what it can be recognised by.
pub trait Expected {
    /// How long its text is, in bytes; 0 where nothing is expected.
    fn text_bytes(&self) -> usize;

    /// Whether `text`, which is as long, is its text.
    fn is(&self, text: &str) -> bool;
}

impl Expected for &str {
    fn text_bytes(&self) -> usize {
        self.len()
    }

    fn is(&self, text: &str) -> bool {
        *self == text
    }
}

/// Whether `line` begins with the series that is expected, and that is really the whole series of the line.
pub(crate) fn is_whole_series(line: &str, expected: &impl Expected) -> bool {
    let Some((text, rest)) = line.split_at_checked(expected.text_bytes()) else { return false };
    let after_blanks = rest.trim_start_matches(|c: char| c.is_ascii() && is_blank(c as u8));
    // Behind a bare name blanks may be followed by braces, which belong to the series.
    after_blanks.len() < rest.len()
        && (text.ends_with('}') || !after_blanks.starts_with('{'))
        && !text.is_empty()
        && expected.is(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str) -> Result<Labels, SeriesError> {
        Series::checked(text).labels()
    }

    #[test]
    fn takes_series_apart() {
        for (text, expected) in [
            ("up", vec![("__name__", "up")]),
            ("up{}", vec![("__name__", "up")]),
            (r#"a{b="1",c="2",}"#, vec![("__name__", "a"), ("b", "1"), ("c", "2")]),
            ("a { b = \"1\" ,\tc=\"2\" }", vec![("__name__", "a"), ("b", "1"), ("c", "2")]),
            (
                r#"{"my.metric","label.x"="v",job="a"}"#,
                vec![("__name__", "my.metric"), ("label.x", "v"), ("job", "a")],
            ),
            (r#"{__name__="a",b=""}"#, vec![("__name__", "a")]),
            (r#"a{b="\\ \" \n \z ü"}"#, vec![("__name__", "a"), ("b", "\\ \" \n \\z ü")]),
            (r#"a{b="}{,="}"#, vec![("__name__", "a"), ("b", "}{,=")]),
        ] {
            assert_eq!(labels(text), Ok(Labels::from_pairs(expected)), "{text}");
        }
    }

    #[test]
    fn refuses_what_cannot_be() {
        assert_eq!(labels(r#"a{b="1",b="2"}"#), Err(SeriesError::DuplicateLabel("b".to_owned())));
        assert_eq!(labels(r#"a{__name__="b"}"#), Err(SeriesError::DuplicateLabel("__name__".to_owned())));
        assert_eq!(labels(r#"{b="1"}"#), Err(SeriesError::MissingName));
    }

    #[test]
    fn a_known_series_must_end_where_the_text_ends() {
        for (line, known, whole) in [
            ("a 1", "a", true),
            ("ab 1", "a", false),
            ("a {b=\"1\"} 1", "a", false),
            ("a{b=\"1\"} 1", "a{b=\"1\"}", true),
            ("a{b=\"1\"}1", "a{b=\"1\"}", false),
            ("a", "a", false),
        ] {
            assert_eq!(is_whole_series(line, &known), whole, "{line}");
        }
    }
}
