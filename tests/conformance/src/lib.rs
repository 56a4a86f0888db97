//! Other people's test data, run in place, and the committed lists of how each case goes: nothing passes one day and
//! fails the next unseen. Started by `cargo xtask conformance`, and by the tests of the crates concerned.

pub mod expected;
pub mod promql;
pub mod rules;

use std::path::{Path, PathBuf};

use crate::expected::{Case, Comparison};

/// A sort of data: how it is run, and the committed list of how that goes.
#[derive(Debug, Clone, Copy)]
pub struct Sort {
    /// The name of its folder.
    pub folder: &'static str,
    /// The committed list.
    pub expected: &'static str,
    /// Runs all of a folder.
    pub run: fn(&Path) -> std::io::Result<Run>,
}

/// Prometheus' own PromQL scripts.
pub const PROMQL: Sort = Sort {
    folder: "promqltest",
    expected: concat!(env!("CARGO_MANIFEST_DIR"), "/expected/promql.txt"),
    run: promql::run,
};

/// Rule files.
pub const RULEFMT: Sort = Sort {
    folder: "rulefmt",
    expected: concat!(env!("CARGO_MANIFEST_DIR"), "/expected/rulefmt.txt"),
    run: rules::run_rulefmt,
};

/// Unit tests of rules.
pub const PROMTOOL: Sort = Sort {
    folder: "promtool",
    expected: concat!(env!("CARGO_MANIFEST_DIR"), "/expected/promtool.txt"),
    run: rules::run_promtool,
};

/// How the cases of a folder went.
#[derive(Debug, Default)]
pub struct Run {
    /// All cases, in order of files and lines.
    pub cases: Vec<Case>,
    /// What is to be read of it.
    pub text: String,
}

impl Run {
    /// How many cases went as they should.
    pub fn passed(&self) -> usize {
        self.cases.iter().filter(|case| case.outcome == "passed").count()
    }

    /// How many did not; those that need native histograms or a setting that we do not have among them.
    pub fn failed(&self) -> usize {
        self.cases.len() - self.passed()
    }
}

impl Sort {
    /// Compares a run with the committed list, or writes that anew when `UPDATE_EXPECT` is set.
    ///
    /// # Errors
    /// When the list cannot be read or written.
    pub fn compare(&self, run: &Run) -> std::io::Result<Comparison> {
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(self.expected, expected::written(&run.cases))?;
        }
        Ok(expected::compare(&run.cases, &std::fs::read_to_string(self.expected)?))
    }
}

/// Whether a case that the list does not know is a reason to worry.
pub fn is_bad(case: &Case) -> bool {
    !matches!(case.outcome, "passed" | "native" | "setting")
}

pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Where conformance data lies when nobody says otherwise: `WATCHFIRE_CONFORMANCE`, or `../shared` beside the workspace.
pub fn default_root() -> PathBuf {
    match std::env::var_os("WATCHFIRE_CONFORMANCE") {
        Some(root) => PathBuf::from(root),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
    }
}

/// The folder of one sort of data: `root` may be it, or the folder above, or the one above that.
pub fn folder(root: &Path, name: &str) -> Option<PathBuf> {
    if root.file_name().is_some_and(|own| own == name) && root.is_dir() {
        return Some(root.to_owned());
    }
    [root.join(name), root.join("conformance").join(name)].into_iter().find(|folder| folder.is_dir())
}
