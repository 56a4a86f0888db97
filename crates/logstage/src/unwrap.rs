//! `| unwrap`: the number of a line.

use crate::label_filter::NumberKind;
use crate::{LabelFilter, Row};

/// Marks lines whose label is no number.
const SAMPLE_ERROR: &str = "SampleExtractionErr";

/// How the label's value becomes a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Conversion {
    /// It is one.
    None,
    /// `bytes(…)`: an amount of bytes.
    Bytes,
    /// `duration(…)`: a length of time, in seconds.
    Duration,
    /// `duration_seconds(…)`, which is the same.
    DurationSeconds,
}

/// Takes a number out of a label, which is then no label any more.
#[derive(Debug, Clone)]
pub struct Unwrap {
    /// The label.
    pub label: String,
    /// How.
    pub conversion: Conversion,
    /// Conditions behind it; they may ask whether it failed.
    pub filters: Vec<LabelFilter>,
}

impl Unwrap {
    /// The number, when nothing has to be done to the row for it: the label is a number, and no condition asks for the label or may mark
    /// the line. `None` when that is not so; the inner `None` when the line does not pass. Who asks must not look at the label then.
    pub fn peek(&self, row: &Row<'_>) -> Option<Option<f64>> {
        let holds = |filter: &LabelFilter| match filter {
            LabelFilter::Text(matcher) if matcher.name != self.label => {
                Some(matcher.matches(row.get(&matcher.name).unwrap_or("")))
            }
            _ => None,
        };
        let Some(text) = row.get(&self.label).filter(|text| !text.is_empty()) else { return Some(None) };
        let number = self.kind().read(text)?;
        let mut passes = true;
        for filter in &self.filters {
            passes &= holds(filter)?;
        }
        Some(passes.then_some(number))
    }

    fn kind(&self) -> NumberKind {
        match self.conversion {
            Conversion::None => NumberKind::Plain,
            Conversion::Bytes => NumberKind::Bytes,
            Conversion::Duration | Conversion::DurationSeconds => NumberKind::Duration,
        }
    }

    /// The number; `None` when the line has no such label or does not pass.
    pub fn number(&self, row: &mut Row<'_>) -> Option<f64> {
        let text = row.get(&self.label).filter(|text| !text.is_empty())?;
        let number = self.kind().read(text);
        match number {
            Some(_) => row.remove(&self.label),
            None => {
                let details = format!("label {} is no number: {text:?}", self.label);
                row.fail(SAMPLE_ERROR, || details);
            }
        }
        self.filters.iter().all(|filter| filter.apply(row)).then(|| number.unwrap_or(0.0))
    }

    /// Names of the labels that are asked for.
    pub(crate) fn names(&self, visit: &mut dyn FnMut(&str)) {
        visit(&self.label);
        self.filters.iter().for_each(|filter| filter.names(visit));
    }
}
