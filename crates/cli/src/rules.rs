//! `watchfire rules`: check, test and look back on rule files.

#![expect(clippy::print_stdout, reason = "the answer to the person at the terminal")]

mod backfill;
mod backtest;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use app::StoredPast;
use regex::Regex;
use rules::RulesError;
use rules::check::Checked;
use rules::unittest::{FileReport, TestFile};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Rules {
    /// Check rule files: names, expressions, templates.
    Check(Check),
    /// Run unit tests of rules, in the format of `promtool test rules`.
    Test(Test),
    /// Say when each alert would have fired in the past, for how long, and how many a week.
    Backtest(backtest::Arguments),
    /// Put into a stopped monitor's store what recording rules would have written in the past.
    Backfill(backfill::Arguments),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// Rule files as Prometheus reads them.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Fail on warnings too: rules that are there twice, templates that fail when tried without data.
    #[arg(long, alias = "lint-fatal")]
    strict: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Test {
    /// Test files; each names its rule files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Run only test groups whose name this regular expression matches; may be given more than once.
    #[arg(long, value_name = "REGEX")]
    run: Vec<String>,
}

pub(crate) async fn run(rules: Rules) -> Result<()> {
    match rules {
        Rules::Check(check) => check_all(&check),
        Rules::Test(test) => test_all(&test),
        Rules::Backtest(arguments) => backtest::run(arguments).await,
        Rules::Backfill(arguments) => backfill::run(arguments).await,
    }
}

fn check_all(arguments: &Check) -> Result<()> {
    let good = arguments.files.iter().filter(|file| check(file, arguments.strict)).count();
    match arguments.files.len() - good {
        0 => Ok(()),
        bad => bail!("{bad} of {} files cannot be used as they are", arguments.files.len()),
    }
}

/// Says what is wrong with one file; whether it may be used.
fn check(file: &Path, strict: bool) -> bool {
    let checked = match rules::files::read_one(file) {
        Ok(read) => Checked::new(read),
        Err(error) => {
            println!("{error}");
            return false;
        }
    };
    let mut warnings: Vec<String> = checked.warnings.iter().map(ToString::to_string).collect();
    warnings
        .extend(checked.duplicates.iter().map(|rule| format!("{}: duplicate rule: {rule}", file.display())));
    for warning in &warnings {
        println!("warning: {warning}");
    }
    println!("{}: {}", file.display(), counted(checked.rules, "rule"));
    warnings.is_empty() || !strict
}

fn test_all(arguments: &Test) -> Result<()> {
    let filter = (!arguments.run.is_empty()).then(|| Regex::new(&arguments.run.join("|"))).transpose();
    let filter = filter.context("--run")?;
    let good = arguments.files.iter().filter(|file| test(file, filter.as_ref())).count();
    match arguments.files.len() - good {
        0 => Ok(()),
        bad => bail!("{bad} of {} test files failed", arguments.files.len()),
    }
}

/// Runs one file and says how it went; whether all went as expected.
fn test(file: &Path, filter: Option<&Regex>) -> bool {
    let report = match run_file(file, filter) {
        Ok(report) => report,
        Err(error) => {
            println!("{error}");
            return false;
        }
    };
    print!("{report}");
    let failed = report.groups.iter().filter(|group| !group.failures.is_empty()).count();
    let passed = counted(report.groups.len() - failed, "test group");
    println!("{}: {passed} passed, {failed} failed", file.display());
    report.passed()
}

fn run_file(file: &Path, filter: Option<&Regex>) -> Result<FileReport, RulesError> {
    let tests = TestFile::parse(file, &config::read_text(file)?)?;
    for pattern in tests.rule_paths()?.1 {
        println!("warning: {}:{}: no file matches {pattern}", file.display(), pattern.at.line);
    }
    Ok(rules::unittest::run(&tests, &tests.read_rules()?, filter))
}

/// The samples of a stopped monitor.
fn open_past(data_dir: &Path, running: &str) -> Result<StoredPast> {
    let metrics = data_dir.join("metrics");
    if !metrics.is_dir() {
        bail!("{} is no data directory of a monitor: it has no folder metrics", data_dir.display());
    }
    StoredPast::open(data_dir)
        .with_context(|| format!("cannot open {}; of a running monitor: {running}", metrics.display()))
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
