//! The door: which data, where, and an exit code.

#![expect(clippy::print_stdout, reason = "tooling speaks to the person at the terminal")]

use std::io::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use clap::builder::PossibleValuesParser;
use conformance::default_root;
use conformance::doors::{self, Door};

#[derive(Parser)]
#[command(
    name = "cargo xtask conformance",
    about = "Runs other people's test data and compares with the lists"
)]
struct Arguments {
    /// Which data; all there is when nothing is named.
    #[arg(value_parser = PossibleValuesParser::new(doors::ALL.map(|door| door.name)))]
    what: Option<String>,
    /// Where it lies, instead of WATCHFIRE_CONFORMANCE or ../shared: cases that the list does not know have to pass,
    /// cases that are not there are told.
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// How it all went.
#[derive(Debug, Default)]
struct Total {
    passed: usize,
    failed: usize,
    is_as_expected: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Says whether all went as expected. The total is the last line.
fn run(arguments: &Arguments) -> std::io::Result<bool> {
    let dir = arguments.dir.as_deref();
    let root = dir.map_or_else(default_root, Path::to_owned);
    let mut total = Total { is_as_expected: true, ..Total::default() };
    for (door, folder) in wanted(arguments.what.as_deref(), &root, dir.is_some())? {
        run_door(&door, &folder, dir.is_some(), &mut total)?;
    }
    println!("{} passed, {} failed", total.passed, total.failed);
    Ok(total.is_as_expected)
}

/// What is to be run, and where it lies. A folder that somebody names may have any name of its own.
fn wanted(what: Option<&str>, root: &Path, is_named: bool) -> std::io::Result<Vec<(Door, PathBuf)>> {
    let doors = doors::ALL.into_iter().filter(|door| what.is_none_or(|what| what == door.name));
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for door in doors {
        match door.folder_in(root) {
            Some(folder) => found.push((door, folder)),
            None if what.is_some() && is_named => found.push((door, root.to_owned())),
            None => missing.push(door.folder),
        }
    }
    if found.is_empty() || (!missing.is_empty() && !is_named) {
        return Err(Error::other(format!("no {} in {}", missing.join(", no "), root.display())));
    }
    Ok(found)
}

fn run_door(door: &Door, folder: &Path, is_named: bool, total: &mut Total) -> std::io::Result<()> {
    let run = (door.run)(folder)?;
    if run.cases.is_empty() {
        return Err(Error::other(format!("no cases for {} in {}", door.name, folder.display())));
    }
    print!("{}", run.text);
    let comparison = door.compare(&run)?;
    let unknown: Vec<_> = comparison.unknown.iter().filter(|case| door.is_bad(case)).collect();
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
    let all_there = comparison.gone.is_empty() || is_named;
    total.is_as_expected &= comparison.different.is_empty() && unknown.is_empty() && all_there;
    total.passed += run.passed();
    total.failed += run.failed();
    Ok(())
}
