//! The door: which data, where, and an exit code.

#![expect(clippy::print_stdout, reason = "tooling speaks to the person at the terminal")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use conformance::{PROMQL, PROMTOOL, RULEFMT, Sort, default_root, folder, is_bad};

#[derive(Parser)]
#[command(
    name = "cargo xtask conformance",
    about = "Runs other people's test data and compares with the list"
)]
struct Arguments {
    /// Which data.
    #[arg(value_enum, default_value = "promql")]
    what: What,
    /// Where it lies, instead of WATCHFIRE_CONFORMANCE or ../shared: cases that the list does not know have to pass,
    /// cases that are not there are told.
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// Data with a runner here. The tests of their crates run exposition and prometheus-config.
#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// Prometheus' scripts for PromQL.
    Promql,
    /// Rule files that load, and that do not.
    Rulefmt,
    /// Unit tests of rules.
    Promtool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let sort = match arguments.what {
        What::Promql => PROMQL,
        What::Rulefmt => RULEFMT,
        What::Promtool => PROMTOOL,
    };
    match run(sort, arguments.dir.as_deref()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Says whether all went as expected. The total is the last line.
fn run(sort: Sort, dir: Option<&Path>) -> std::io::Result<bool> {
    let root = dir.map_or_else(default_root, Path::to_owned);
    let Some(folder) = folder(&root, sort.folder).or_else(|| dir.map(Path::to_owned)) else {
        return Err(std::io::Error::other(format!("no {} in {}", sort.folder, root.display())));
    };
    let run = (sort.run)(&folder)?;
    if run.cases.is_empty() {
        return Err(std::io::Error::other(format!("no cases in {}", folder.display())));
    }
    print!("{}", run.text);
    let comparison = sort.compare(&run)?;
    let unknown: Vec<_> = comparison.unknown.iter().filter(|case| is_bad(case)).collect();
    for line in &comparison.different {
        println!("not as expected: {line}");
    }
    for case in &unknown {
        println!("not as expected: {}:{} is new and {}: {}", case.file, case.line, case.outcome, case.what);
    }
    for line in &comparison.gone {
        println!("not there: {line}");
    }
    // In another folder other cases are as good as these.
    let all_there = comparison.gone.is_empty() || dir.is_some();
    println!("{} passed, {} failed", run.passed(), run.failed());
    Ok(comparison.different.is_empty() && unknown.is_empty() && all_there)
}
