//! Which fields lines have, and what their values look like.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use logstage::{Json, Logfmt, Needed, Origin, Pipeline, Row, Stage, units};
use model::Labels;

use crate::engine::Entry;

/// Different values of a field that are counted; a field with more has at least so many.
const VALUES_MAX: usize = 1000;

/// What the values of a field look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum FieldKind {
    Int,
    Float,
    Boolean,
    Duration,
    Bytes,
    Text,
}

impl FieldKind {
    /// The name in Loki's API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Float => "float",
            Self::Boolean => "boolean",
            Self::Duration => "duration",
            Self::Bytes => "bytes",
            Self::Text => "string",
        }
    }

    fn of(value: &str) -> Self {
        if value.parse::<i64>().is_ok() {
            Self::Int
        } else if value.parse::<f64>().is_ok() {
            Self::Float
        } else if matches!(value, "true" | "false") {
            Self::Boolean
        } else if units::go_duration_seconds(value).is_some() {
            Self::Duration
        } else if value.as_bytes().first().is_some_and(u8::is_ascii_digit) && units::bytes(value).is_some() {
            Self::Bytes
        } else {
            Self::Text
        }
    }
}

/// A field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// What it is called behind the parser.
    pub name: String,
    /// What most of its values look like.
    pub kind: FieldKind,
    /// Its values, as far as they are counted.
    pub values: BTreeSet<String>,
    /// The parsers that find it; none for structured metadata and what a query's own stages found.
    pub parsers: Vec<&'static str>,
}

#[derive(Default)]
struct Seen {
    kinds: BTreeMap<FieldKind, usize>,
    values: HashSet<String>,
    parsers: BTreeSet<&'static str>,
}

/// The fields of lines, sorted by name.
pub fn fields(entries: &[Entry]) -> Vec<Field> {
    let parser = |stage| Pipeline::new(vec![stage], None, Needed::All);
    let (json, logfmt) = (parser(Stage::Json(Json::default())), parser(Stage::Logfmt(Logfmt::default())));
    let mut seen: BTreeMap<String, Seen> = BTreeMap::new();
    let mut add = |name: &str, value: &str, parser: Option<&'static str>| {
        let field = seen.entry(name.to_owned()).or_default();
        *field.kinds.entry(FieldKind::of(value)).or_default() += 1;
        field.parsers.extend(parser);
        if field.values.len() < VALUES_MAX {
            field.values.insert(value.to_owned());
        }
    };
    let none = Labels::empty();
    for entry in entries {
        let known = entry.metadata.iter().chain(&entry.parsed).filter(|(name, _)| !name.starts_with("__"));
        known.for_each(|(name, value)| add(name, value, None));
        // What begins like an object is one; of any other line only pairs can be taken.
        let is_json = entry.line.trim_start().starts_with('{');
        let (pipeline, parser) = if is_json { (&json, "json") } else { (&logfmt, "logfmt") };
        let mut row = Row::new(entry.at.0, &entry.line, &none, None);
        pipeline.run(&mut row);
        if row.error().is_none() {
            row.for_each(|name, value, _: Origin| add(name, value, Some(parser)));
        }
    }
    seen.into_iter().map(|(name, seen)| field(name, seen)).collect()
}

fn field(name: String, seen: Seen) -> Field {
    let most = seen.kinds.iter().max_by_key(|(_, count)| **count);
    let kind = most.map_or(FieldKind::Text, |(kind, _)| *kind);
    Field {
        name,
        kind,
        values: seen.values.into_iter().collect(),
        parsers: seen.parsers.into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use model::TimestampNs;

    use super::*;

    #[test]
    fn fields_are_found_with_their_kind_and_parser() {
        let entry = |line: &str, metadata: &[(&str, &str)]| Entry {
            at: TimestampNs(0),
            line: line.to_owned(),
            metadata: Labels::from_pairs(metadata.iter().copied()),
            parsed: Labels::empty(),
        };
        let lines = [
            entry(r#"{"status":200,"took":"1.5s","ok":true,"a":{"b":1.5}}"#, &[("trace", "x7")]),
            entry(r#"{"status":404,"took":"2s","size":"3KB"}"#, &[]),
            entry("level=info status=500", &[]),
            entry("plain text", &[]),
            entry("{broken", &[]),
        ];
        let shown: Vec<String> = fields(&lines)
            .iter()
            .map(|f| format!("{} {} {} {}", f.name, f.kind.as_str(), f.values.len(), f.parsers.join("+")))
            .collect();
        assert_eq!(
            shown,
            [
                "a_b float 1 json",
                "level string 1 logfmt",
                "ok boolean 1 json",
                "size bytes 1 json",
                "status int 3 json+logfmt",
                "took duration 2 json",
                "trace string 1 ",
            ]
        );
    }
}
