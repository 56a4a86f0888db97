//! One door for tooling: `cargo xtask tidy | test | bench`.

#![expect(clippy::print_stdout, reason = "tooling speaks to the person at the terminal")]

mod bench;
mod packages;
mod test;
mod tidy;
mod tools;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Watchfire's own tooling")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check the house: layers, sizes, the map, licences, imports of the web modules.
    Tidy,
    /// Run everything that proves the program: formatting, lints, unit, script, end-to-end and browser tests.
    Test,
    /// Measure, and write the figures to docs/benchmarks.md.
    Bench {
        /// What to measure.
        #[arg(value_enum)]
        what: bench::What,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Tidy => tidy::run(),
        Command::Test => test::run(),
        Command::Bench { what } => bench::run(what),
    }
}
