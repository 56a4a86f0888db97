//! `label_replace` and `label_join`: new labels from old ones.

use model::{Labels, METRIC_NAME, matcher::REGEX_SIZE_MAX_BYTES};
use regex::{Regex, RegexBuilder};

use crate::ast::Text;
use crate::eval::column::Column;

/// A label name from an argument, if it is one: not empty, UTF-8.
pub(crate) fn label_name(text: &Text) -> Option<&str> {
    text.as_str().filter(|name| !name.is_empty())
}

/// What `label_replace` does to each series.
pub(crate) struct Replace<'a> {
    pub(crate) target: &'a str,
    pub(crate) replacement: &'a str,
    pub(crate) source: &'a str,
    pub(crate) pattern: Regex,
}

/// A pattern that has to match a whole value.
pub(crate) fn anchored(pattern: &str) -> Option<Regex> {
    let build = |pattern: &str| {
        RegexBuilder::new(pattern)
            .size_limit(REGEX_SIZE_MAX_BYTES)
            .dfa_size_limit(REGEX_SIZE_MAX_BYTES)
            .build()
            .ok()
    };
    build(pattern)?;
    build(&format!("^(?s:{pattern})$"))
}

/// A label value that would be longer than [`LABEL_VALUE_BYTES_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("label value longer than {LABEL_VALUE_BYTES_MAX} bytes")]
pub(crate) struct TooLong;

/// The longest label value that a query may make. No scrape brings longer ones; without a bound, calls within calls
/// that each double a value would fill any memory.
pub(crate) const LABEL_VALUE_BYTES_MAX: usize = 64 << 10;

impl Replace<'_> {
    /// Changes one series; leaves it alone when its value does not match.
    pub(crate) fn apply(&self, column: &mut Column) -> Result<(), TooLong> {
        let value = column.labels.get(self.source).unwrap_or("");
        let Some(found) = self.pattern.captures(value) else { return Ok(()) };
        // Each reference brings at most the whole value.
        let references = self.replacement.matches('$').count();
        if references.saturating_mul(value.len()).saturating_add(self.replacement.len())
            > LABEL_VALUE_BYTES_MAX
        {
            return Err(TooLong);
        }
        let mut result = String::new();
        found.expand(self.replacement, &mut result);
        set(column, self.target, &result);
        Ok(())
    }
}

/// Sets `target` to the values of `sources` with `separator` between them.
pub(crate) fn join(
    column: &mut Column,
    target: &str,
    separator: &str,
    sources: &[&str],
) -> Result<(), TooLong> {
    let values: Vec<&str> = sources.iter().map(|source| column.labels.get(source).unwrap_or("")).collect();
    let bytes: usize = values.iter().map(|value| value.len() + separator.len()).sum();
    if bytes > LABEL_VALUE_BYTES_MAX {
        return Err(TooLong);
    }
    set(column, target, &values.join(separator));
    Ok(())
}

fn set(column: &mut Column, target: &str, value: &str) {
    column.labels = with(&column.labels, target, value);
    if target == METRIC_NAME {
        // A name given on purpose stays.
        column.drop_name = false;
    }
}

/// The set with `name` set to `value`.
pub(crate) fn with(labels: &Labels, name: &str, value: &str) -> Labels {
    let mut builder = labels.to_builder();
    builder.set(name, value);
    builder.build()
}
