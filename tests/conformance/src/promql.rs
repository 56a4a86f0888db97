//! Prometheus' own PromQL scripts (`promqltest`).

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use promql::script::{self, Outcome};

use crate::expected::{Case, one_line};
use crate::run::Run;

/// The folder's name.
pub const FOLDER: &str = "promqltest";

/// Runs every script of a folder.
///
/// # Errors
/// When the folder or a script cannot be read.
pub fn run(folder: &Path) -> std::io::Result<Run> {
    let mut run = Run::default();
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
        run.tally(&name, before, ("native", "need native histograms"));
    }
    Ok(run)
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
