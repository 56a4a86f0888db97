//! What is wrong with a stage as it was written.

/// A stage that cannot be made of what was written; the text says why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StageError(pub String);

impl StageError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// A regular expression with the limits that label matchers have; what is wrong is told in one line.
pub(crate) fn regex(pattern: &str) -> Result<regex::Regex, StageError> {
    let limit = model::matcher::REGEX_SIZE_MAX_BYTES;
    regex::RegexBuilder::new(pattern).size_limit(limit).dfa_size_limit(limit).build().map_err(|error| {
        let text = error.to_string();
        let last = text.lines().last().unwrap_or_default().trim();
        let cause = last.strip_prefix("error: ").unwrap_or(last);
        StageError(format!("error parsing regexp: {cause}: `{pattern}`"))
    })
}
