//! Unit tests of rules: which pass in the original, and which fail.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use ::rules::RulesError;
use ::rules::unittest::{FileReport, TestFile};
use regex::Regex;
use serde::Deserialize;

use crate::expected::{Case, one_line};
use crate::run::Run;
use crate::verdicts::EXPECTATIONS;

/// The folder of the data.
pub const FOLDER: &str = "promtool";
/// What the outcomes are called that wait for something.
pub const WAITING: &[&str] = &["native", "setting"];

#[derive(Deserialize)]
struct Verdicts {
    files: BTreeMap<String, Vec<TestVerdict>>,
}

/// How the tests of one file go under one filter.
#[derive(Deserialize)]
struct TestVerdict {
    expect: String,
    /// Names of test groups, as regular expressions.
    #[serde(default)]
    run: Vec<String>,
    /// A setting of the original's under which this holds.
    #[serde(default)]
    with: String,
}

/// Runs every test file of a folder.
///
/// # Errors
/// When the folder cannot be read.
pub fn run(folder: &Path) -> std::io::Result<Run> {
    let mut run = Run::default();
    for (file, verdicts) in verdicts(folder)? {
        for verdict in verdicts {
            let filter = (!verdict.run.is_empty()).then(|| Regex::new(&verdict.run.join("|")));
            let filter = filter.transpose().map_err(std::io::Error::other)?;
            let report = run_tests(&folder.join(&file), filter.as_ref());
            let passed = report.as_ref().is_ok_and(FileReport::passed);
            let native = report.as_ref().is_ok_and(FileReport::needs_only_histograms);
            let as_wanted = passed == (verdict.expect == "pass");
            let outcome = if native && !as_wanted {
                "native"
            } else {
                outcome(as_wanted, verdict.with.ends_with("disabled"))
            };
            if outcome == "failed" {
                let _ = writeln!(run.text, "{file}: should {}: {}", verdict.expect, said(&report));
            }
            let what = format!("{} {} {}", verdict.expect, verdict.run.join("|"), verdict.with);
            run.cases.push(Case { file: file.clone(), line: 1, outcome, what: one_line(&what) });
        }
    }
    run.tally(FOLDER, 0, ("native", "need native histograms"));
    Ok(run)
}

/// `setting`: the verdict holds under a setting that we do not have.
fn outcome(as_wanted: bool, other_setting: bool) -> &'static str {
    match (as_wanted, other_setting) {
        (true, _) => "passed",
        (false, true) => "setting",
        (false, false) => "failed",
    }
}

fn run_tests(path: &Path, filter: Option<&Regex>) -> Result<FileReport, RulesError> {
    let tests = TestFile::parse(path, &config::read_text(path)?)?;
    Ok(::rules::unittest::run(&tests, &tests.read_rules()?, filter))
}

fn said(result: &Result<FileReport, RulesError>) -> String {
    match result {
        Ok(report) => format!("{report:?}"),
        Err(error) => error.to_string(),
    }
}

fn verdicts(folder: &Path) -> std::io::Result<BTreeMap<String, Vec<TestVerdict>>> {
    let text = std::fs::read_to_string(folder.join(EXPECTATIONS))?;
    let read: Verdicts = serde_json::from_str(&text).map_err(std::io::Error::other)?;
    Ok(read.files)
}
