//! Prometheus' own PromQL scripts (`promqltest`).

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use promql::script::{self, Outcome};

use crate::expected::{self, Case, Comparison};

/// The committed list.
pub const EXPECTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/expected/promql.txt");
/// The folder's name.
pub const FOLDER: &str = "promqltest";

/// How the scripts of a folder went.
#[derive(Debug)]
pub struct Run {
    /// All cases, in order of files and lines.
    pub cases: Vec<Case>,
    /// What is to be read of it: failures, and a line a file.
    pub text: String,
}

impl Run {
    /// How many cases went as their script wants.
    pub fn passed(&self) -> usize {
        self.cases.iter().filter(|case| case.outcome == "passed").count()
    }

    /// How many did not; those that need native histograms among them.
    pub fn failed(&self) -> usize {
        self.cases.len() - self.passed()
    }
}

/// Runs every script of a folder.
///
/// # Errors
/// When the folder or a script cannot be read.
pub fn run(folder: &Path) -> std::io::Result<Run> {
    let mut run = Run { cases: Vec::new(), text: String::new() };
    for file in scripts_in(folder)? {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let before = run.cases.len();
        let report = script::run(&std::fs::read_to_string(&file)?);
        for case in report.cases {
            let outcome = match case.outcome {
                Outcome::Passed => "passed",
                Outcome::NeedsNativeHistograms => "native",
                Outcome::Failed(why) => {
                    let _ = writeln!(run.text, "{name}:{} {}: {why}", case.line, case.query);
                    "failed"
                }
            };
            run.cases.push(Case {
                file: name.clone(),
                line: case.line,
                outcome,
                what: one_line(&case.query),
            });
        }
        if let Some(error) = report.error {
            let _ = writeln!(run.text, "{name}: {error}");
            let what = one_line(&error.message);
            run.cases.push(Case { file: name.clone(), line: error.line, outcome: "script", what });
        }
        let cases = &run.cases[before..];
        let count = |outcome: &str| cases.iter().filter(|case| case.outcome == outcome).count();
        let (passed, native) = (count("passed"), count("native"));
        let needs = if native > 0 { format!(" ({native} need native histograms)") } else { String::new() };
        let _ = writeln!(run.text, "{name}: {passed} passed, {} failed{needs}", cases.len() - passed);
    }
    Ok(run)
}

/// Compares a run with the committed list, or writes that anew when `UPDATE_EXPECT` is set.
///
/// # Errors
/// When the list cannot be read or written.
pub fn compare(run: &Run) -> std::io::Result<Comparison> {
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(EXPECTED, expected::written(&run.cases))?;
    }
    Ok(expected::compare(&run.cases, &std::fs::read_to_string(EXPECTED)?))
}

/// Whether a case that the list does not know is a reason to worry.
pub fn is_bad(case: &Case) -> bool {
    !matches!(case.outcome, "passed" | "native")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn scripts_in(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "test") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
