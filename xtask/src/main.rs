//! One door for tooling: `cargo xtask tidy | test | conformance | differential | bench`.

#![expect(clippy::print_stdout, reason = "tooling speaks to the person at the terminal")]

mod bench;
mod clients;
mod packages;
mod peers;
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
    Test {
        /// Then also against the programs of others: conformance data and a real Prometheus.
        #[arg(long)]
        full: bool,
    },
    /// Run other people's test data in place and compare with the committed list.
    Conformance(peers::Conformance),
    /// Ask our PromQL and a real Prometheus the same random questions.
    Differential(peers::Differential),
    /// Measure, and write the figures to docs/benchmarks.md.
    Bench(bench::Arguments),
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
        Command::Test { full } => test::run(full),
        Command::Conformance(arguments) => peers::conformance(&arguments),
        Command::Differential(arguments) => peers::differential(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
    }
}
