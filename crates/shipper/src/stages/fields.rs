//! Stages that find fields in a line: `regex`, `json`, `logfmt`.

use std::ops::ControlFlow;

use regex::Regex;
use serde_json::Value;

use super::{Change, Context};
use crate::entry::Entry;

/// `regex`: named groups become fields.
#[derive(Debug)]
pub(super) struct RegexFields {
    pub regex: Regex,
    pub source: Option<String>,
}

impl Change for RegexFields {
    fn change(&self, entry: &mut Entry, _: &mut Context<'_>) -> bool {
        let Some(input) = entry.input(self.source.as_deref()) else { return true };
        let Some(groups) = self.regex.captures(input) else { return true };
        // A group that took no part counts as empty, as in Go.
        let named = self.regex.capture_names().flatten();
        let found: Vec<(String, String)> = named
            .map(|name| (name.to_owned(), groups.name(name).map_or("", |group| group.as_str()).to_owned()))
            .collect();
        found.into_iter().for_each(|(name, text)| entry.set(&name, text));
        true
    }
}

/// A way into a JSON value: `a.b[0]."c d"`, the part of JMESPath that names one place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct JsonPath(Vec<Segment>);

#[derive(Debug, Clone, PartialEq)]
enum Segment {
    Key(String),
    /// From the end when negative.
    Index(i64),
}

impl JsonPath {
    /// Reads a path.
    ///
    /// # Errors
    /// A sentence on what cannot be read; filters, wildcards, functions and pipes of JMESPath among it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let refuse = |rest: &str| {
            Err(format!(
                "{text:?} cannot be read at {rest:?}: a path like a.b[0].\"c d\" is, the rest of JMESPath is not supported"
            ))
        };
        let (mut segments, mut rest) = (Vec::new(), text.trim());
        loop {
            let begin = rest;
            if let Some(inner) = rest.strip_prefix('[') {
                let Some((index, tail)) = inner.split_once(']') else { return refuse(begin) };
                let Ok(index) = index.trim().parse() else { return refuse(begin) };
                segments.push(Segment::Index(index));
                rest = tail;
            } else if let Some(inner) = rest.strip_prefix('"') {
                let Some((key, tail)) = inner.split_once('"') else { return refuse(begin) };
                segments.push(Segment::Key(key.to_owned()));
                rest = tail;
            } else {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                let (key, tail) = rest.split_at(end);
                if key.is_empty() || key.starts_with(|c: char| c.is_ascii_digit()) {
                    return refuse(begin);
                }
                segments.push(Segment::Key(key.to_owned()));
                rest = tail;
            }
            match rest.strip_prefix('.') {
                Some(tail) => rest = tail,
                None if rest.is_empty() => return Ok(Self(segments)),
                None if rest.starts_with('[') => {}
                None => return refuse(rest),
            }
        }
    }

    fn find<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(value, |value, segment| match segment {
            Segment::Key(key) => value.as_object()?.get(key),
            Segment::Index(index) => {
                let items = value.as_array()?;
                let length = i64::try_from(items.len()).ok()?;
                let at = if *index < 0 { length + index } else { *index };
                items.get(usize::try_from(at).ok()?)
            }
        })
    }
}

/// `json`: places of a JSON object become fields.
#[derive(Debug)]
pub(super) struct JsonFields {
    pub fields: Vec<(String, JsonPath)>,
    pub source: Option<String>,
    pub drop_malformed: bool,
}

impl Change for JsonFields {
    fn change(&self, entry: &mut Entry, context: &mut Context<'_>) -> bool {
        let Some(input) = entry.input(self.source.as_deref()) else { return true };
        let Some(value) = serde_json::from_str::<Value>(input).ok().filter(Value::is_object) else {
            if self.drop_malformed {
                context.metrics.line_dropped("malformed_json");
            }
            return !self.drop_malformed;
        };
        for (name, path) in &self.fields {
            match path.find(&value) {
                Some(Value::String(text)) => entry.set(name, text.as_str()),
                // A path that leads nowhere is null in JMESPath.
                None | Some(Value::Null) => entry.set_null(name),
                Some(other) => entry.set(name, other.to_string()),
            }
        }
        true
    }
}

/// `logfmt`: values of keys become fields.
#[derive(Debug)]
pub(super) struct LogfmtFields {
    /// Key in the line, name of the field.
    pub mapping: Vec<(String, String)>,
    pub source: Option<String>,
}

impl Change for LogfmtFields {
    fn change(&self, entry: &mut Entry, _: &mut Context<'_>) -> bool {
        let Some(input) = entry.input(self.source.as_deref()) else { return true };
        let mut found = Vec::new();
        // What is no pair is passed over, so that this reading cannot fail.
        let _ = logstage::logfmt::pairs(input, false, |key, value| {
            let wanted = self.mapping.iter().filter(|(wanted, _)| *wanted == key);
            found.extend(wanted.map(|(_, name)| (name, value.clone().into_owned())));
            ControlFlow::Continue(())
        });
        found.into_iter().for_each(|(name, value)| entry.set(name, value));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_name_one_place() {
        let value: Value =
            serde_json::from_str(r#"{"a":{"b":[1,{"c d":"x"}]},"n":null,"f":1.5}"#).expect("JSON");
        for (path, expected) in [
            ("a.b[0]", Some("1")),
            ("a.b[1].\"c d\"", Some("\"x\"")),
            ("a.b[-2]", Some("1")),
            ("a.b[5]", None),
            ("a.x", None),
            ("n", Some("null")),
            ("f", Some("1.5")),
            ("a.b", Some("[1,{\"c d\":\"x\"}]")),
        ] {
            let found = JsonPath::parse(path).expect(path).find(&value).map(Value::to_string);
            assert_eq!(found.as_deref(), expected, "{path}");
        }
        for path in ["", "a.", "a[*]", "a[?b]", "length(a)", "a | b", "a[", "\"a", "a b", "1a", "{a: b}"] {
            assert!(JsonPath::parse(path).is_err(), "{path:?}");
        }
    }
}
