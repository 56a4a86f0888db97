//! The document, byte by byte.

use std::borrow::Cow;
use std::ops::ControlFlow;

use super::{DEPTH_MAX, Fields, JsonError, PathStep, Raw, push_sanitized, sanitized};

/// A document, read as far as `at`.
pub(super) struct Reader<'a> {
    text: &'a str,
    pub(super) at: usize,
}

/// A break when the asker has all that it wants.
pub(super) type Flow = Result<ControlFlow<()>, JsonError>;

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn error(&self, message: &'static str) -> JsonError {
        JsonError { message, at: self.at }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn space(&mut self) {
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
    pub(super) fn object(
        &mut self,
        depth: usize,
        mut field: impl FnMut(&mut Self, Raw<'a>, usize) -> Flow,
    ) -> Flow {
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

    pub(super) fn flat_object(
        &mut self,
        prefix: &mut String,
        fields: &mut impl Fields<'a>,
        depth: usize,
    ) -> Flow {
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
    pub(super) fn value(&mut self, depth: usize) -> Result<Raw<'a>, JsonError> {
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
    pub(super) fn array(
        &mut self,
        depth: usize,
        mut element: impl FnMut(&mut Self, usize, usize) -> Flow,
    ) -> Flow {
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
    pub(super) fn in_object(
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

    pub(super) fn follow(&mut self, path: &[PathStep], depth: usize) -> Result<Option<Raw<'a>>, JsonError> {
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
