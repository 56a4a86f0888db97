//! JSON read where it lies: fields by their flattened names, or the values at given paths. Nothing is kept of what
//! nobody asked for.

mod reader;

use std::borrow::Cow;
use std::ops::ControlFlow;

use self::reader::Reader;
use crate::name::same;

/// How deep objects and arrays may nest; a line beyond it does not parse.
pub const DEPTH_MAX: usize = 64;

/// What is wrong with a document, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at byte {at}")]
pub struct JsonError {
    /// What.
    pub message: &'static str,
    /// Where, in bytes.
    pub at: usize,
}

/// A value as it stands in the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Raw<'a> {
    /// A text: what is between the quotes, and whether there are escapes in it.
    Text(&'a str, bool),
    /// A number, `true` or `false`.
    Plain(&'a str),
    /// `null`.
    Null,
    /// An object, from brace to brace.
    Object(&'a str),
    /// An array, from bracket to bracket.
    Array(&'a str),
}

impl<'a> Raw<'a> {
    /// As a label's value: text without escapes, numbers as written, "" for null, objects and arrays as JSON.
    pub fn value(self) -> Cow<'a, str> {
        match self {
            Self::Text(text, true) => Cow::Owned(unescape(text)),
            Self::Text(text, false) | Self::Plain(text) | Self::Object(text) | Self::Array(text) => {
                Cow::Borrowed(text)
            }
            Self::Null => Cow::Borrowed(""),
        }
    }

    /// Whether this is its value.
    fn is(self, value: &str) -> bool {
        match self {
            Self::Text(text, false) => same(text, value),
            other => other.value() == value,
        }
    }
}

/// What a visitor of fields wants to see.
pub trait Fields<'a> {
    /// Whether a field of this flattened name is wanted, or any whose name begins with it and `_`.
    fn wants(&mut self, name: &str) -> bool;

    /// Shows a field. `Break` ends the reading.
    fn field(&mut self, name: Cow<'a, str>, value: Raw<'a>) -> ControlFlow<()>;
}

/// Goes through the object `text` and shows all fields that are no object or array, under flattened names: `a_b` for
/// `{"a":{"b":1}}`. Arrays are passed over.
///
/// # Errors
/// Where the text is no JSON object; fields before that place were shown.
pub fn flatten<'a>(text: &'a str, fields: &mut impl Fields<'a>) -> Result<(), JsonError> {
    let mut reader = Reader::new(text);
    reader.space();
    if reader.peek() != Some(b'{') {
        return Err(reader.error("not a JSON object"));
    }
    let mut prefix = String::new();
    if reader.flat_object(&mut prefix, fields, 0)?.is_break() {
        return Ok(());
    }
    reader.space();
    if reader.at < text.len() { Err(reader.error("more text behind the object")) } else { Ok(()) }
}

/// Shows each key of the object `text` with its value, without looking into objects.
///
/// # Errors
/// Where the text is no JSON object.
pub fn entries<'a>(
    text: &'a str,
    mut visit: impl FnMut(Cow<'a, str>, Raw<'a>) -> Result<(), JsonError>,
) -> Result<(), JsonError> {
    let mut reader = Reader::new(text);
    reader.space();
    if reader.peek() != Some(b'{') {
        return Err(reader.error("not a JSON object"));
    }
    let mut result = Ok(());
    let _: ControlFlow<()> = reader.object(0, |reader, key, depth| {
        let value = reader.value(depth)?;
        result = visit(key.value(), value);
        if result.is_err() { Ok(ControlFlow::Break(())) } else { Ok(ControlFlow::Continue(())) }
    })?;
    result?;
    reader.space();
    if reader.at < text.len() { Err(reader.error("more text behind the object")) } else { Ok(()) }
}

/// Shows each element of the array `text`.
///
/// # Errors
/// Where the text is no JSON array.
pub fn elements<'a>(text: &'a str, mut visit: impl FnMut(Raw<'a>)) -> Result<(), JsonError> {
    let mut reader = Reader::new(text);
    reader.space();
    if reader.peek() != Some(b'[') {
        return Err(reader.error("not a JSON array"));
    }
    let _: ControlFlow<()> = reader.array(0, |reader, _, depth| {
        visit(reader.value(depth)?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(())
}

/// A name that a label may have: other characters become `_`, a digit in front gets one.
pub fn sanitized(name: &str) -> Cow<'_, str> {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.bytes().all(is_fine) && !name.as_bytes().first().is_some_and(u8::is_ascii_digit) {
        return Cow::Borrowed(name);
    }
    let mut out = String::with_capacity(name.len() + 1);
    push_sanitized(&mut out, name);
    Cow::Owned(out)
}

fn push_sanitized(out: &mut String, name: &str) {
    if out.is_empty() && name.as_bytes().first().is_some_and(u8::is_ascii_digit) {
        out.push('_');
    }
    out.extend(name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }));
}

/// One step into a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathStep {
    /// Into a field of an object.
    Key(String),
    /// To an element of an array.
    Index(usize),
}

/// Reads a path: `a.b[0]["k"]`.
///
/// # Errors
/// What is wrong, in words.
pub fn parse_path(text: &str) -> Result<Vec<PathStep>, String> {
    let (mut steps, mut rest) = (Vec::new(), text);
    let wrong = |rest: &str| format!("invalid JSON expression {text:?} near {rest:?}");
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix("[\"") {
            let end = inside.find("\"]").ok_or_else(|| wrong(rest))?;
            steps.push(PathStep::Key(inside[..end].to_owned()));
            rest = &inside[end + 2..];
            continue;
        }
        if let Some(inside) = rest.strip_prefix('[') {
            let end = inside.find(']').ok_or_else(|| wrong(rest))?;
            steps.push(PathStep::Index(inside[..end].parse().map_err(|_| wrong(rest))?));
            rest = &inside[end + 1..];
            continue;
        }
        let inside = match rest.strip_prefix('.') {
            Some(inside) if !steps.is_empty() => inside,
            Some(_) => return Err(wrong(rest)),
            None if steps.is_empty() => rest,
            None => return Err(wrong(rest)),
        };
        let end = inside.find(['.', '[']).unwrap_or(inside.len());
        let key = &inside[..end];
        if key.is_empty() || key.contains(|c: char| c.is_whitespace() || c == '"' || c == ']') {
            return Err(wrong(rest));
        }
        steps.push(PathStep::Key(key.to_owned()));
        rest = &inside[end..];
    }
    if steps.is_empty() { Err(format!("invalid JSON expression {text:?}")) } else { Ok(steps) }
}

/// The value at `path` of the document `text`; `None` when there is none.
///
/// # Errors
/// Where the text is no JSON, as far as it had to be read.
pub fn at_path<'a>(text: &'a str, path: &[PathStep]) -> Result<Option<Raw<'a>>, JsonError> {
    let mut reader = Reader::new(text);
    reader.space();
    reader.follow(path, 0)
}

/// Paths that are looked for in one reading; more of them take one each.
pub const PATHS_AT_ONCE_MAX: usize = 64;

/// In which order values at paths are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// In that of the text, which is faster.
    #[default]
    Text,
    /// In that of the paths.
    Paths,
}

/// Shows the values at `paths` of the document `text`, each with the number of its path, and reads no further than the last of them. A path
/// at which nothing is is not shown.
///
/// # Errors
/// Where the text is no JSON, as far as it had to be read; what stands before that place was shown.
pub fn at_paths<'a>(
    text: &'a str,
    paths: &[Vec<PathStep>],
    order: Order,
    mut found: impl FnMut(usize, Raw<'a>) -> ControlFlow<()>,
) -> Result<(), JsonError> {
    if paths.is_empty() {
        return Ok(());
    }
    let mut reader = Reader::new(text);
    reader.space();
    if order == Order::Text && reader.peek() == Some(b'{') && paths.len() <= PATHS_AT_ONCE_MAX {
        return reader.in_object(paths, found);
    }
    for (i, path) in paths.iter().enumerate() {
        if at_path(text, path)?.is_some_and(|value| found(i, value).is_break()) {
            break;
        }
    }
    Ok(())
}

/// The text of a JSON string that has escapes in it. What is no escape stays as it is.
pub fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(next) = rest.chars().next() else { break };
        rest = &rest[next.len_utf8()..];
        match next {
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'u' => rest = unicode(rest, &mut out),
            other => out.push(other),
        }
    }
    out.push_str(rest);
    out
}

/// Reads the digits behind `\u`, two such for what lies beyond 16 bits; returns what follows.
fn unicode<'a>(rest: &'a str, out: &mut String) -> &'a str {
    let hex = |text: &str| text.get(..4).and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let Some(first) = hex(rest) else {
        out.push(char::REPLACEMENT_CHARACTER);
        return rest;
    };
    let rest = &rest[4..];
    if let (0xd800..0xdc00, Some(low)) = (first, rest.strip_prefix("\\u").and_then(hex))
        && (0xdc00..0xe000).contains(&low)
    {
        let code = 0x10000 + ((first - 0xd800) << 10) + (low - 0xdc00);
        out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        return &rest[6..];
    }
    out.push(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
    rest
}

#[cfg(test)]
mod tests;
