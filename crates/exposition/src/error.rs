//! Where a body stops making sense.

/// A body that does not follow its format. The whole body is then worth nothing: half a scrape would look like
/// vanished series.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct ReadError {
    /// The line, counted from 1.
    pub line: u32,
    /// The column in bytes, counted from 1.
    pub column: u32,
    /// What was found and what was wanted.
    pub message: String,
}

/// An error within one line: the byte it is at, counted from 0, and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LineError {
    pub(crate) at: usize,
    pub(crate) message: String,
}

impl LineError {
    pub(crate) fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }

    pub(crate) fn on_line(self, line: u32) -> ReadError {
        let column = u32::try_from(self.at).unwrap_or(u32::MAX).saturating_add(1);
        ReadError { line, column, message: self.message }
    }
}

/// A piece of the body for a message: not too long, control characters escaped.
pub(crate) fn quoted(text: &str) -> String {
    /// Enough to recognise a value or a name; a body may have a line of megabytes.
    const SHOWN_MAX_CHARS: usize = 64;
    let mut shown: String = text.chars().take(SHOWN_MAX_CHARS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}
