//! What is wrong with a configuration, in one line.

use std::fmt;
use std::path::{Path, PathBuf};

use serde_saphyr::{Error as YamlError, MessageFormatter, UserMessageFormatter};

use crate::Position;

/// A file that cannot be used. Shown as `FILE:LINE:COL: message`, or `FILE: message` where no place is known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// The line, counted from 1.
    pub line: Option<u32>,
    /// The column in characters, counted from 1.
    pub column: Option<u32>,
    /// What is wrong, one line.
    pub message: String,
}

impl ConfigError {
    /// An error at a known place.
    pub fn at(file: &Path, at: Position, message: impl Into<String>) -> Self {
        let known = (at != Position::default()).then_some(at);
        Self {
            file: file.to_owned(),
            line: known.map(|p| p.line),
            column: known.map(|p| p.column),
            message: message.into(),
        }
    }

    /// An error of the file as a whole.
    pub fn of_file(file: &Path, message: impl Into<String>) -> Self {
        Self::at(file, Position::default(), message)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, "{line}:{column}:")?;
        }
        write!(f, " {}", self.message)
    }
}

pub(crate) fn from_yaml(file: &Path, error: &YamlError) -> ConfigError {
    let mut inner = error;
    while let YamlError::AliasError { error, .. } | YamlError::WithSnippet { error, .. } = inner {
        inner = error;
    }
    let place = inner.location().or_else(|| error.location()).map(Position::of).unwrap_or_default();
    ConfigError::at(file, place, message(inner))
}

fn message(error: &YamlError) -> String {
    match error {
        YamlError::SerdeUnknownField { field, expected, .. } => unknown_field(field, expected),
        YamlError::SerdeMissingField { field, .. } => format!("field {field} is missing"),
        YamlError::DuplicateMappingKey { key: Some(key), .. } => format!("{key} is given twice"),
        other => one_line(&UserMessageFormatter.format_message(other)),
    }
}

/// A list of sixty fields helps nobody: the nearest one does, or a short list.
fn unknown_field(field: &str, expected: &[&str]) -> String {
    const LIST_MAX: usize = 12;
    let near = expected.iter().map(|name| (distance(field, name), name)).min();
    match near {
        Some((d, name)) if d <= 1 + field.len() / 5 => {
            format!("unknown field {field} (did you mean {name}?)")
        }
        _ if expected.len() <= LIST_MAX => {
            format!("unknown field {field} (known here: {})", expected.join(", "))
        }
        _ => format!("unknown field {field}"),
    }
}

/// How many letters must change, come or go to make one word of the other.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.chars().enumerate() {
            let changed = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits() {
        for (a, b, edits) in
            [("", "abc", 3), ("abc", "abc", 0), ("kitten", "sitting", 3), ("nome", "name", 1)]
        {
            assert_eq!(distance(a, b), edits, "{a} {b}");
        }
    }

    #[test]
    fn shown_with_what_is_known_of_the_place() {
        let file = Path::new("x.yml");
        assert_eq!(ConfigError::at(file, Position { line: 3, column: 7 }, "m").to_string(), "x.yml:3:7: m");
        assert_eq!(ConfigError::of_file(file, "m").to_string(), "x.yml: m");
    }
}
