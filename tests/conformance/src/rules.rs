//! Rule files and unit tests of rules (`rulefmt`, `promtool`): what the original accepts and what it refuses.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use ::rules::RulesError;
use ::rules::unittest::{FileReport, TestFile};
use regex::Regex;
use serde::Deserialize;

use crate::expected::Case;
use crate::{Run, one_line};

/// In each folder: the verdict on each file.
const VERDICTS: &str = "expectations.json";

#[derive(Deserialize)]
struct Verdicts<T> {
    files: BTreeMap<String, T>,
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

/// Reads every rule file of a folder.
///
/// # Errors
/// When the folder cannot be read.
pub fn run_rulefmt(folder: &Path) -> std::io::Result<Run> {
    let mut run = Run::default();
    for (file, verdict) in verdicts::<String>(folder)? {
        // We follow the names of today; the older, narrower ones are a setting that we do not have.
        let (wanted, setting) = verdict.split_once(' ').unwrap_or((&verdict, ""));
        let read = ::rules::files::read_one(&folder.join(&file));
        let got = if read.is_ok() { "accept" } else { "reject" };
        let outcome = outcome(wanted == got, setting.contains("legacy"));
        if outcome == "failed" {
            let _ = writeln!(run.text, "{file}: should be {wanted}ed: {}", one_line(&said(&read)));
        }
        run.cases.push(Case { file, line: 1, outcome, what: one_line(&verdict) });
    }
    Ok(run)
}

/// Runs every test file of a folder.
///
/// # Errors
/// When the folder cannot be read.
pub fn run_promtool(folder: &Path) -> std::io::Result<Run> {
    let mut run = Run::default();
    for (file, verdicts) in verdicts::<Vec<TestVerdict>>(folder)? {
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

fn said<T: std::fmt::Debug>(result: &Result<T, RulesError>) -> String {
    match result {
        Ok(read) => format!("{read:?}"),
        Err(error) => error.to_string(),
    }
}

fn verdicts<T: for<'de> Deserialize<'de>>(folder: &Path) -> std::io::Result<BTreeMap<String, T>> {
    let text = std::fs::read_to_string(folder.join(VERDICTS))?;
    let read: Verdicts<T> = serde_json::from_str(&text).map_err(std::io::Error::other)?;
    Ok(read.files)
}
