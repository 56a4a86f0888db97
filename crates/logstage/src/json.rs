//! JSON read where it lies: fields by their flattened names, or the values at given paths. Nothing is kept of what
//! nobody asked for.

use std::borrow::Cow;
use std::ops::ControlFlow;

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

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

type Flow = Result<ControlFlow<()>, JsonError>;

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn error(&self, message: &'static str) -> JsonError {
        JsonError { message, at: self.at }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// What is between the quotes; the reader stands on the first of them.
    fn string(&mut self) -> Result<Raw<'a>, JsonError> {
        let from = self.at + 1;
        let (bytes, mut at, mut escaped) = (self.text.as_bytes(), from, false);
        loop {
            match memchr::memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
                None => return Err(self.error("a text without an end")),
                Some(found) if bytes[at + found] == b'"' => {
                    let to = at + found;
                    self.at = to + 1;
                    return Ok(Raw::Text(&self.text[from..to], escaped));
                }
                Some(found) => {
                    escaped = true;
                    at += found + 2;
                }
            }
        }
    }

    /// Reads `{ "key": …, }`, calling `field` where each value begins.
    fn object(&mut self, depth: usize, mut field: impl FnMut(&mut Self, Raw<'a>, usize) -> Flow) -> Flow {
        if depth >= DEPTH_MAX {
            return Err(self.error("nested too deep"));
        }
        self.at += 1;
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(ControlFlow::Continue(()));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.error("a field needs a name"));
            }
            let key = self.string()?;
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.error("a colon is missing"));
            }
            self.at += 1;
            self.space();
            if field(self, key, depth + 1)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(ControlFlow::Continue(()));
                }
                _ => return Err(self.error("a comma or a closing brace is missing")),
            }
        }
    }

    fn flat_object(&mut self, prefix: &mut String, fields: &mut impl Fields<'a>, depth: usize) -> Flow {
        self.object(depth, |reader, key, depth| {
            let length = prefix.len();
            let is_top = length == 0;
            let key = key.value();
            // At the top most names can be used as they stand.
            let name: Cow<'a, str> = match (is_top, key) {
                (true, Cow::Borrowed(key)) => sanitized(key),
                (true, Cow::Owned(key)) => Cow::Owned(sanitized(&key).into_owned()),
                (false, key) => {
                    prefix.push('_');
                    push_sanitized(prefix, &key);
                    Cow::Borrowed("")
                }
            };
            let flow = match (is_top, reader.peek()) {
                (true, Some(b'{')) => {
                    prefix.push_str(&name);
                    reader.inner(prefix, fields, depth)
                }
                (true, _) => reader.leaf(name, fields, depth),
                (false, Some(b'{')) => reader.inner(prefix, fields, depth),
                (false, _) => reader.nested_leaf(prefix, fields, depth),
            };
            prefix.truncate(length);
            flow
        })
    }

    /// An object behind a name: gone into if anybody wants of it.
    fn inner(&mut self, prefix: &mut String, fields: &mut impl Fields<'a>, depth: usize) -> Flow {
        if fields.wants(prefix) {
            return self.flat_object(prefix, fields, depth);
        }
        self.value(depth)?;
        Ok(ControlFlow::Continue(()))
    }

    fn leaf(&mut self, name: Cow<'a, str>, fields: &mut impl Fields<'a>, depth: usize) -> Flow {
        match self.value(depth)? {
            Raw::Array(_) => Ok(ControlFlow::Continue(())),
            value => Ok(fields.field(name, value)),
        }
    }

    fn nested_leaf(&mut self, name: &str, fields: &mut impl Fields<'a>, depth: usize) -> Flow {
        let value = self.value(depth)?;
        if matches!(value, Raw::Array(_)) || !fields.wants(name) {
            return Ok(ControlFlow::Continue(()));
        }
        Ok(fields.field(Cow::Owned(name.to_owned()), value))
    }

    /// Reads one value, whatever it is.
    fn value(&mut self, depth: usize) -> Result<Raw<'a>, JsonError> {
        let from = self.at;
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'{') => {
                let skip =
                    |reader: &mut Self, _, depth| reader.value(depth).map(|_| ControlFlow::Continue(()));
                let _: ControlFlow<()> = self.object(depth, skip)?;
                Ok(Raw::Object(&self.text[from..self.at]))
            }
            Some(b'[') => {
                let _: ControlFlow<()> = self.array(depth, |reader, _, depth| {
                    reader.value(depth).map(|_| ControlFlow::Continue(()))
                })?;
                Ok(Raw::Array(&self.text[from..self.at]))
            }
            Some(_) => self.plain(),
            None => Err(self.error("a value is missing")),
        }
    }

    /// Reads `[…, …]`, calling `element` where each begins.
    fn array(&mut self, depth: usize, mut element: impl FnMut(&mut Self, usize, usize) -> Flow) -> Flow {
        if depth >= DEPTH_MAX {
            return Err(self.error("nested too deep"));
        }
        self.at += 1;
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(ControlFlow::Continue(()));
        }
        for index in 0.. {
            self.space();
            if element(self, index, depth + 1)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(self.error("a comma or a closing bracket is missing")),
            }
        }
        self.at += 1;
        Ok(ControlFlow::Continue(()))
    }

    /// A number, `true`, `false` or `null`.
    fn plain(&mut self) -> Result<Raw<'a>, JsonError> {
        let rest = &self.text[self.at..];
        let bytes = rest.as_bytes();
        let is_of_number = |b: &u8| matches!(b, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E');
        let length = match bytes.first() {
            Some(b'0'..=b'9' | b'-') => bytes.iter().position(|b| !is_of_number(b)).unwrap_or(bytes.len()),
            Some(b't' | b'n') => 4,
            Some(b'f') => 5,
            _ => 0,
        };
        let is_cut = bytes.get(length).is_some_and(|b| b.is_ascii_alphanumeric() || is_of_number(b));
        let value = match rest.get(..length).filter(|_| !is_cut) {
            Some(word @ ("true" | "false")) => Raw::Plain(word),
            Some("null") => Raw::Null,
            Some(number) if number.ends_with(|c: char| c.is_ascii_digit()) => Raw::Plain(number),
            _ => return Err(self.error("not a value")),
        };
        self.at += length;
        Ok(value)
    }

    /// Looks for all paths while going through the object once. Of keys that are there twice the first counts.
    fn in_object(
        &mut self,
        paths: &[Vec<PathStep>],
        mut found: impl FnMut(usize, Raw<'a>) -> ControlFlow<()>,
    ) -> Result<(), JsonError> {
        let mut missing = paths.iter().enumerate().fold(0u64, |missing, (i, _)| missing | 1 << i);
        let _: ControlFlow<()> = self.object(0, |reader, key, depth| {
            let (from, value) = (reader.at, reader.value(depth)?);
            let to = reader.at;
            for (i, path) in paths.iter().enumerate() {
                let Some((PathStep::Key(wanted), rest)) = path.split_first() else { continue };
                if missing & 1 << i == 0 || !key.is(wanted) {
                    continue;
                }
                missing &= !(1 << i);
                let inner = if rest.is_empty() {
                    Some(value)
                } else {
                    reader.at = from;
                    reader.follow(rest, depth)?
                };
                reader.at = to;
                if inner.is_some_and(|inner| found(i, inner).is_break()) {
                    missing = 0;
                }
            }
            Ok(if missing == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        Ok(())
    }

    fn follow(&mut self, path: &[PathStep], depth: usize) -> Result<Option<Raw<'a>>, JsonError> {
        let Some((step, rest)) = path.split_first() else { return self.value(depth).map(Some) };
        let mut found = None;
        match (step, self.peek()) {
            (PathStep::Key(wanted), Some(b'{')) => {
                let _: ControlFlow<()> = self.object(depth, |reader, key, depth| {
                    if key.is(wanted) {
                        found = reader.follow(rest, depth)?;
                        return Ok(ControlFlow::Break(()));
                    }
                    reader.value(depth).map(|_| ControlFlow::Continue(()))
                })?;
            }
            (PathStep::Index(wanted), Some(b'[')) => {
                let _: ControlFlow<()> = self.array(depth, |reader, index, depth| {
                    if index == *wanted {
                        found = reader.follow(rest, depth)?;
                        return Ok(ControlFlow::Break(()));
                    }
                    reader.value(depth).map(|_| ControlFlow::Continue(()))
                })?;
            }
            _ => {
                self.value(depth)?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_no_further_than_needed_and_the_first_of_equal_keys_counts() {
        let paths: Vec<_> = ["b", "a"].iter().map(|path| parse_path(path).expect(path)).collect();
        let at = |text: &str| {
            let mut found = Vec::new();
            let read = at_paths(text, &paths, Order::Text, |i, raw| {
                found.push((i, raw.value().into_owned()));
                ControlFlow::Continue(())
            });
            (found, read.map_err(|error| error.at))
        };
        let both = vec![(1, "1".to_owned()), (0, "2".to_owned())];
        assert_eq!(at(r#"{"a":1,"a":3,"b":2,oh"#), (both, Ok(())));
        assert_eq!(at(r#"{"a":1,"c":2"#), (vec![(1, "1".to_owned())], Err(12)));
        assert_eq!(at(r#"{"c":{"a":1}}"#), (vec![], Ok(())));
        assert_eq!(at("[1]"), (vec![], Ok(())));
        assert_eq!(at("no"), (vec![], Err(0)));
    }

    struct All(Vec<(String, String)>);

    impl<'a> Fields<'a> for All {
        fn wants(&mut self, _: &str) -> bool {
            true
        }

        fn field(&mut self, name: Cow<'a, str>, value: Raw<'a>) -> ControlFlow<()> {
            self.0.push((name.into_owned(), value.value().into_owned()));
            ControlFlow::Continue(())
        }
    }

    fn flat(text: &str) -> Result<String, JsonError> {
        let mut all = All(Vec::new());
        flatten(text, &mut all)?;
        Ok(all.0.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn fields_are_flattened_and_arrays_passed_over() {
        let text = r#" {"a":{"b":1.50,"c d":{"e":"x"}},"9z":true,"arr":[1,{"q":2}],"n":null,"t":"a\"\u00e9\ud83d\ude00\n"} "#;
        assert_eq!(flat(text).as_deref(), Ok("a_b=1.50 a_c_d_e=x _9z=true n= t=a\"é😀\n"));
        assert_eq!(flat("{}").as_deref(), Ok(""));
    }

    #[test]
    fn what_is_no_object_is_refused_with_its_place() {
        for (text, at) in [
            ("", 0),
            ("[1]", 0),
            ("plain", 0),
            (r#"{"a":1"#, 6),
            (r#"{"a" 1}"#, 5),
            (r#"{"a":}"#, 5),
            (r#"{"a":"x}"#, 5),
            (r#"{"a":1} x"#, 8),
            (r#"{a:1}"#, 1),
            (r#"{"a":01x}"#, 5),
            (r#"{"a":1,}"#, 7),
        ] {
            assert_eq!(flat(text).map_err(|e| e.at), Err(at), "{text}");
        }
        let deep = "{\"a\":".repeat(70) + "1" + &"}".repeat(70);
        assert!(flat(&deep).is_err());
    }

    #[test]
    fn paths_lead_into_objects_and_arrays() {
        let text = r#"{"a":{"b":[{"c":"x"},2]},"k k":{"z":[]}}"#;
        let at = |path: &str| {
            at_path(text, &parse_path(path).expect(path)).expect("JSON").map(|raw| raw.value().into_owned())
        };
        assert_eq!(at("a.b[0].c").as_deref(), Some("x"));
        assert_eq!(at("a.b[1]").as_deref(), Some("2"));
        assert_eq!(at("a.b[2]"), None);
        assert_eq!(at(r#"["k k"].z"#).as_deref(), Some("[]"));
        assert_eq!(at(r#"a["b"]"#).as_deref(), Some(r#"[{"c":"x"},2]"#));
        assert_eq!(at("a.x.y"), None);
        let texts = [r#"["k k"].z"#, "a.b[0].c", "a.b[2]", "x", "a.b[1]", "[0]"];
        let paths: Vec<_> = texts.iter().map(|path| parse_path(path).expect(path)).collect();
        let mut found = Vec::new();
        let mut note = |i: usize, raw: Raw<'_>| {
            found.push((texts[i], raw.value().into_owned()));
            ControlFlow::Continue(())
        };
        at_paths(text, &paths, Order::Text, &mut note).expect("JSON");
        assert_eq!(found, [("a.b[0].c", "x".into()), ("a.b[1]", "2".into()), (r#"["k k"].z"#, "[]".into())]);
        for wrong in ["", "a..b", ".a", "a[", "a[x]", "a b", "a]"] {
            assert!(parse_path(wrong).is_err(), "{wrong}");
        }
    }
}
