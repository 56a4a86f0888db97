//! The differential test: the same samples and the same random queries in our engine and in a real Prometheus 2.42
//! from Debian's packages. Started by `cargo xtask differential`.
//!
//! A query that is answered differently is taken apart until its smallest part that differs is found, whose own parts
//! agree; only there may a known difference between Prometheus 2 and 3 explain it.

#![expect(clippy::print_stdout, reason = "a test speaks to the person at the terminal")]

mod answer;
mod coverage;
mod data;
mod format;
mod grammar;
mod http;
mod isolate;
mod known;
mod moment;
mod ours;
mod prometheus;
mod substitute;
mod wire;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use clap::Parser;

use answer::Answer;
use coverage::Coverage;
use data::Data;
use isolate::Pair;
use moment::When;
use ours::Ours;
use prometheus::Prometheus;

/// Mismatches shown at length; the rest is counted.
const SHOWN_MAX: usize = 20;

#[derive(Parser)]
#[command(about = "Compares our PromQL with a real Prometheus on random queries")]
struct Arguments {
    /// What everything random follows from; drawn and printed when not given.
    #[arg(long)]
    seed: Option<u64>,
    /// How many queries to make.
    #[arg(long, default_value_t = 2000)]
    queries: u64,
    /// Only the query of this number: replays one.
    #[arg(long)]
    only: Option<u64>,
    /// This query instead of random ones.
    #[arg(long)]
    query: Option<String>,
    /// At this moment (milliseconds) instead of when the question says.
    #[arg(long)]
    at: Option<i64>,
    /// Show both answers in full.
    #[arg(long)]
    show: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What happened so far.
#[derive(Default)]
struct Tally {
    queries: u64,
    /// Both gave at least one value.
    with_values: u64,
    values: usize,
    /// Both failed.
    failed: u64,
    known: BTreeMap<&'static str, u64>,
    mismatches: u64,
    /// Queries that `format_query` lays out alike.
    formatted: u64,
    coverage: Coverage,
}

fn run(arguments: &Arguments) -> Result<bool> {
    if !Prometheus::is_installed() {
        println!("SKIPPED: no /usr/bin/prometheus (Debian's package prometheus): nothing was compared");
        return Ok(true);
    }
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    let started = Instant::now();
    println!("seed {seed}; peer: {}", Prometheus::version()?);
    let data = Data::new(seed);
    let mut pair = Pair { ours: Ours::new(data.store()), prometheus: Prometheus::start()? };
    pair.prometheus.store(&data.iter().collect::<Vec<_>>())?;
    println!("{} series, {} samples in both", data.series_count(), data.iter().len());
    let mut tally = Tally::default();
    for number in arguments.only.map_or(0..arguments.queries, |only| only..only + 1) {
        let mut question = grammar::question(mixed(seed, number));
        if let Some(query) = &arguments.query {
            question.query.clone_from(query);
        }
        if let Some(at) = arguments.at {
            question.when = When::Instant(at);
        }
        if arguments.show {
            let (ours, theirs) = pair.ask(&question.query, question.when)?;
            println!("{} {}\nours: {ours:?}\nprometheus: {theirs:?}", question.query, question.when);
        }
        compare(&mut pair, &mut tally, number, &question)?;
    }
    report(&tally, seed, started);
    Ok(tally.mismatches == 0)
}

/// A seed for each question, so that those of neighbouring runs have nothing in common.
fn mixed(seed: u64, number: u64) -> u64 {
    let mut rng = fastrand::Rng::with_seed(seed);
    rng.u64(..) ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn compare(pair: &mut Pair, tally: &mut Tally, number: u64, question: &grammar::Question) -> Result<()> {
    let grammar::Question { query, when } = question;
    tally.queries += 1;
    tally.coverage.count(query);
    compare_format(pair, tally, number, query)?;
    let (ours, theirs) = pair.ask(query, *when)?;
    let Some(difference) = ours.difference(&theirs, ours::order(query, *when)) else {
        match &ours {
            Answer::Error(_) => tally.failed += 1,
            _ => tally.with_values += u64::from(ours.size() > 0),
        }
        tally.values += ours.size();
        return Ok(());
    };
    let smallest = isolate::smallest(pair, query, *when)?;
    if let Some(name) = known::explain(pair, &smallest)? {
        *tally.known.entry(name).or_default() += 1;
        return Ok(());
    }
    tally.mismatches += 1;
    if tally.mismatches <= SHOWN_MAX as u64 {
        println!("\nMISMATCH, query number {number}, {when}\n  {query}\n  {difference}");
        println!("  smallest part: {}\n  {}\n  {}", smallest.query, smallest.when, smallest.difference);
    }
    Ok(())
}

/// Both lay the query out alike. What one of the two cannot read is left to the comparison of answers; what 2.42 prints
/// as another query (it forgets `ignoring ()` before a group clause) and a name that 3 has changed say nothing.
fn compare_format(pair: &mut Pair, tally: &mut Tally, number: u64, query: &str) -> Result<()> {
    if query != Pair::as_3(query) {
        return Ok(());
    }
    let (Ok(expr), Some(theirs)) = (promql::parse(query), pair.prometheus.format(query)?) else {
        return Ok(());
    };
    if promql::parse(&theirs) != Ok(expr.clone()) {
        return Ok(());
    }
    let ours = promql::pretty(&expr);
    if format::is_same(&ours, &theirs) {
        tally.formatted += 1;
        return Ok(());
    }
    tally.mismatches += 1;
    if tally.mismatches <= SHOWN_MAX as u64 {
        println!("\nMISMATCH of format_query, query number {number}\n  {query}\n{ours}\n{theirs}");
    }
    Ok(())
}

fn report(tally: &Tally, seed: u64, started: Instant) {
    println!(
        "\n{} queries in {:.0} s: {} with values on both sides ({} values), {} refused by both, {} empty on both",
        tally.queries,
        started.elapsed().as_secs_f64(),
        tally.with_values,
        tally.values,
        tally.failed,
        tally.queries
            - tally.with_values
            - tally.failed
            - tally.mismatches
            - tally.known.values().sum::<u64>(),
    );
    println!("{} laid out alike by format_query", tally.formatted);
    println!("{}", tally.coverage);
    println!("known differences between Prometheus 2.42 and 3:");
    for known in known::TABLE {
        let count = tally.known.get(known.name).copied().unwrap_or_default();
        println!("  {count:6}  {}: {}", known.name, known.reason);
    }
    println!(
        "{} mismatches (replay: cargo xtask differential --seed {seed} --only NUMBER)",
        tally.mismatches
    );
}
