//! How the cases of one folder went, and what is to be read of it.

use std::fmt::Write as _;

use crate::expected::Case;

/// How a run went.
#[derive(Debug, Default)]
pub struct Run {
    /// All cases, in order of files and lines.
    pub cases: Vec<Case>,
    /// What is to be read of it: failures, and a line a file or a folder.
    pub text: String,
}

impl Run {
    /// How many cases went as they should.
    pub fn passed(&self) -> usize {
        self.cases.iter().filter(|case| case.outcome == "passed").count()
    }

    /// How many did not; those that need what we do not have yet among them.
    pub fn failed(&self) -> usize {
        self.cases.len() - self.passed()
    }

    /// Ends a file or folder, whose cases are those from `first` on: one line with their count. `excused` is an outcome
    /// that is told apart, with the words for it.
    pub(crate) fn tally(&mut self, name: &str, first: usize, excused: (&str, &str)) {
        let cases = self.cases.get(first..).unwrap_or_default();
        let count = |outcome: &str| cases.iter().filter(|case| case.outcome == outcome).count();
        let (passed, other) = (count("passed"), count(excused.0));
        let needs = if other > 0 { format!(" ({other} {})", excused.1) } else { String::new() };
        let failed = cases.len() - passed;
        let _ = writeln!(self.text, "{name}: {passed} passed, {failed} failed{needs}");
    }
}
