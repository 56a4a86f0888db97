//! Go templates over a line and its labels: `line_format` and `label_format`.
//!
//! Most templates only put labels between texts; those are filled in directly. The others go through the library of
//! templates, which costs some microseconds a line.

use std::borrow::Cow;

use gotmpl::Value;
use templates::values::text;
use templates::{Parsed, Prepared};

use crate::functions;
use crate::pipeline::Name;
use crate::row::Origin;
use crate::{Row, StageError};

/// The longest text that a template may make of one line; longer ones mark the line as failed. Four times the longest
/// line that is stored.
pub const FORMAT_MAX_BYTES: usize = 1 << 20;

/// Marks lines on which a template failed.
const FORMAT_ERROR: &str = "TemplateFormatErr";

/// A template over a line.
#[derive(Debug, Clone)]
pub struct Template {
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    /// Labels between texts.
    Parts(Vec<Part>),
    Full(Box<Prepared>),
}

#[derive(Debug, Clone)]
enum Part {
    Text(String),
    Label(String),
    Line,
}

impl Template {
    /// Reads a template and checks that all functions in it exist.
    ///
    /// # Errors
    /// What is wrong, with its place where known.
    pub fn new(template: &str) -> Result<Self, StageError> {
        if let Some(parts) = parts(template) {
            return Ok(Self { kind: Kind::Parts(parts) });
        }
        let parsed = Parsed::parse("", template, &functions::is_known).map_err(|error| {
            let place = error.place.map_or(String::new(), |(line, column)| format!("{line}:{column}: "));
            StageError(format!("template: {place}{error}"))
        })?;
        Ok(Self { kind: Kind::Full(Box::new(parsed.prepare(functions::map()))) })
    }

    /// Names of the labels it uses; `None` when there is no telling.
    pub(crate) fn names(&self) -> Option<Vec<Name>> {
        let Kind::Parts(parts) = &self.kind else { return None };
        let names = parts.iter().filter_map(|part| match part {
            Part::Label(name) => Some(Cow::Owned(name.clone())),
            Part::Text(_) | Part::Line => None,
        });
        Some(names.collect())
    }

    fn fill(&self, row: &Row<'_>) -> Result<String, String> {
        let parts = match &self.kind {
            Kind::Parts(parts) => parts,
            Kind::Full(template) => {
                return functions::with_line(row.line(), row.at_ns(), || {
                    template.expand(&data(row), FORMAT_MAX_BYTES)
                });
            }
        };
        let mut out = String::new();
        for part in parts {
            out.push_str(match part {
                Part::Text(text) => text,
                Part::Label(name) => row.get(name).unwrap_or(""),
                Part::Line => row.line(),
            });
            if out.len() > FORMAT_MAX_BYTES {
                return Err(format!("result is longer than {FORMAT_MAX_BYTES} bytes"));
            }
        }
        Ok(out)
    }

    /// Makes this the text of the line.
    pub(crate) fn format_line(&self, row: &mut Row<'_>) {
        match self.fill(row) {
            Ok(line) => row.set_line(line),
            Err(error) => row.fail(FORMAT_ERROR, || error),
        }
    }
}

/// All labels as a template sees them: a map of texts, in which a label that is missing is "".
fn data(row: &Row<'_>) -> Value {
    let mut map = std::collections::BTreeMap::new();
    row.for_each(|name, value, _: Origin| {
        map.insert(name.into(), text(value));
    });
    Value::Map(map.into())
}

/// Cuts a template that has nothing but texts, labels and the line; `None` for any other.
fn parts(template: &str) -> Option<Vec<Part>> {
    let (mut out, mut rest) = (Vec::new(), template);
    while let Some(at) = rest.find("{{") {
        if at > 0 {
            out.push(Part::Text(rest[..at].to_owned()));
        }
        let inside = &rest[at + 2..];
        let end = inside.find("}}")?;
        let action = inside[..end].trim();
        let is_name = |name: &str| {
            name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        out.push(match action.strip_prefix('.') {
            Some(name) if is_name(name) => Part::Label(name.to_owned()),
            None if action == "__line__" => Part::Line,
            _ => return None,
        });
        rest = &inside[end + 2..];
    }
    if !rest.is_empty() {
        out.push(Part::Text(rest.to_owned()));
    }
    Some(out)
}

/// One label that `label_format` sets.
#[derive(Debug, Clone)]
pub struct LabelFormat {
    name: String,
    value: LabelValue,
}

#[derive(Debug, Clone)]
enum LabelValue {
    Rename(String),
    Template(Template),
}

impl LabelFormat {
    /// `name` gets the value of the label `source`, which is then no more.
    pub fn rename(name: &str, source: &str) -> Self {
        Self { name: name.to_owned(), value: LabelValue::Rename(source.to_owned()) }
    }

    /// `name` gets what the template gives.
    ///
    /// # Errors
    /// As [`Template::new`].
    pub fn template(name: &str, template: &str) -> Result<Self, StageError> {
        Ok(Self { name: name.to_owned(), value: LabelValue::Template(Template::new(template)?) })
    }

    pub(crate) fn names(&self) -> Option<Vec<Name>> {
        match &self.value {
            LabelValue::Rename(source) => Some(vec![Cow::Owned(source.clone())]),
            LabelValue::Template(template) => template.names(),
        }
    }

    pub(crate) fn apply(&self, row: &mut Row<'_>) {
        let value = match &self.value {
            LabelValue::Rename(source) => {
                let Some(value) = row.get(source).map(str::to_owned) else { return };
                row.remove(source);
                value
            }
            LabelValue::Template(template) => match template.fill(row) {
                Ok(value) => value,
                Err(error) => return row.fail(FORMAT_ERROR, || error),
            },
        };
        if value.is_empty() {
            row.remove(&self.name);
        } else {
            row.set(Cow::Owned(self.name.clone()), Cow::Owned(value));
        }
    }
}
