//! The selector of `match`: labels of the line, and what its text must and must not contain, in LogQL.

use logql::ast::StageKind;
use logstage::LineFilter;
use model::Matcher;
use regex::{Regex, RegexBuilder};

use crate::entry::Entry;

/// Matchers and line filters; a line must satisfy all of them.
#[derive(Debug)]
pub(crate) struct Selector {
    matchers: Vec<Matcher>,
    filters: Vec<LineFilter>,
}

impl Selector {
    /// Reads `{name="value", …} |= "text" …`.
    ///
    /// # Errors
    /// A sentence on the first thing that cannot be read, or that is no line filter.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let log = logql::parse_filter(text).map_err(|error| format!("invalid selector: {error}"))?;
        let filter = |stage: &logql::ast::StageExpr| match &stage.kind {
            StageKind::Line { op, operands } => {
                LineFilter::new(*op, operands).map_err(|error| format!("invalid selector: {error}"))
            }
            _ => Err("invalid selector: only line filters may follow its matchers".to_owned()),
        };
        let filters = log.stages.iter().map(filter).collect::<Result<_, _>>()?;
        Ok(Self { matchers: log.matchers, filters })
    }

    /// Whether a line is selected.
    pub(super) fn matches(&self, entry: &Entry) -> bool {
        self.matchers.iter().all(|matcher| matcher.matches_labels(&entry.labels))
            && self.filters.iter().all(|filter| filter.passes(&entry.line))
    }
}

/// A regular expression with the limit that all of ours have.
pub(super) fn regex(pattern: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(pattern).size_limit(model::matcher::REGEX_SIZE_MAX_BYTES).build();
    built.map_err(|error| {
        let cause = error.to_string();
        let cause = cause.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        format!("invalid regular expression {pattern:?}: {cause}")
    })
}
