//! The one binary: subcommands, flags, exit codes. What they do lives in the crates below and in the labs.

mod agent;
mod alert;
mod database;
mod deadman;
mod gateway;
mod load;
mod memory;
mod monitor;
mod pair_flags;
mod query_flags;
mod role;
mod rules;
mod service;
mod slo;
mod tsdb;
mod up;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// What a command leaves behind has this long to end. Whatever matters has been waited for before.
const LEFTOVERS_TIMEOUT: Duration = Duration::from_secs(1);

/// Observability that proves it works: metrics, dashboards, rules and alerts, with a real system under load.
#[derive(Debug, Parser)]
#[command(name = "watchfire", version, propagate_version = true)]
struct Arguments {
    /// What to log: error, warn, info, debug, trace, or per crate like `scrape=debug,info`. Without it `up` logs from
    /// warn on, `tsdb` and `alert` nothing, and every other command from info on.
    #[arg(long, global = true, env = "WATCHFIRE_LOG", value_name = "LEVEL")]
    log: Option<String>,
    /// Run as a child of `up`: say when ready in one line of JSON, and stop when standard input ends.
    #[arg(long, global = true, hide = true)]
    supervised: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the whole lab on this machine: services, gateway, load, monitor.
    Up(up::Arguments),
    /// Run the monitor: scrape, store, query, rules, alerts, dashboards.
    Monitor(monitor::Arguments),
    /// Run the agent: metrics of this host, its control groups, chosen processes and database servers.
    Agent(agent::Arguments),
    /// Look into a folder of data that no monitor uses: analyze, verify, dump, import.
    Tsdb(tsdb::Arguments),
    /// Run one of the services to be observed.
    #[command(subcommand)]
    Service(service::Service),
    /// Run a database server from the installed packages, in a folder of its own.
    Database(database::Arguments),
    /// Run the gateway: balance requests over healthy backends.
    Gateway(gateway::Arguments),
    /// Run the load generator.
    Load(load::Arguments),
    /// Check, test and look back on rule files.
    #[command(subcommand)]
    Rules(rules::Rules),
    /// Ask a running monitor why people were, or were not, told of an alert; test its receivers; import silences.
    #[command(subcommand)]
    Alert(alert::Alert),
    /// Complain when the alert that always fires stops coming by: the monitor is down, or its messages do not arrive.
    Deadman(deadman::Arguments),
    /// Service level objectives: their arithmetic, and the rules that watch them.
    #[command(subcommand)]
    Slo(slo::Slo),
}

/// What a shell shows of a program that wrote to a pipe which nobody reads any more.
const ENDED_BY_PIPE: i32 = 141;

fn main() -> ExitCode {
    net::tls::install();
    let arguments = Arguments::parse();
    if let Err(error) = start_logging(&arguments) {
        return fail(&error);
    }
    memory::keep_small();
    if matches!(arguments.command, Command::Alert(_) | Command::Rules(_) | Command::Slo(_) | Command::Tsdb(_))
    {
        end_when_nobody_reads();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ended = runtime.map_err(anyhow::Error::from).and_then(|runtime| {
        let ended = runtime.block_on(run(arguments));
        // A read of standard input cannot be given up: a supervised role that fails would wait for its supervisor to go.
        runtime.shutdown_timeout(LEFTOVERS_TIMEOUT);
        ended
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// `watchfire alert why Down | head`: whoever reads has seen enough, and printing panics. That is no fault to speak of.
fn end_when_nobody_reads() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload_as_str().unwrap_or_default();
        if said.starts_with("failed printing to stdout") && said.contains("Broken pipe") {
            std::process::exit(ENDED_BY_PIPE);
        }
        usual(panic);
    }));
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mode = role::Mode { supervised: arguments.supervised };
    match arguments.command {
        Command::Up(up) => up::run(up).await,
        Command::Monitor(monitor) => monitor::run(monitor, mode).await,
        Command::Agent(agent) => agent::run(agent, mode).await,
        Command::Tsdb(work) => tokio::task::spawn_blocking(move || tsdb::run(work)).await?,
        Command::Service(service) => service::run(service, mode).await,
        Command::Database(database) => database::run(database, mode).await,
        Command::Gateway(gateway) => gateway::run(gateway, mode).await,
        Command::Load(load) => load::run(load, mode).await,
        Command::Rules(rules) => rules::run(rules).await,
        Command::Alert(alert) => alert::run(alert).await,
        Command::Deadman(deadman) => deadman::run(deadman, mode).await,
        Command::Slo(slo) => slo::run(&slo),
    }
}

/// Logs go to standard error; `up` says what matters on standard output and logs only what is wrong, `tsdb` says all of it in its
/// answer.
fn start_logging(arguments: &Arguments) -> anyhow::Result<()> {
    let usual = match arguments.command {
        Command::Up(_) => "warn",
        Command::Tsdb(_) | Command::Alert(_) => "off",
        // It logs each certificate that is not believed, which whoever asked says too.
        _ => "info,rustls_platform_verifier=off",
    };
    let level = arguments.log.as_deref().unwrap_or(usual);
    let filter = EnvFilter::try_new(level).map_err(|e| anyhow::anyhow!("--log {level}: {e}"))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        // It would complain to standard error that standard error cannot be written, and panic over that: on a full disk
        // requests would fail because of their log lines.
        .log_internal_errors(false)
        .init();
    Ok(())
}

#[expect(clippy::print_stderr, reason = "the last word of a command that failed")]
fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {}", whole_text(error));
    ExitCode::FAILURE
}

/// An error with its causes, each said once: many errors quote their cause in their own sentence already.
fn whole_text(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |said, cause| match said {
        said if said.is_empty() => cause,
        said if said.contains(&cause) => said,
        said => format!("{said}: {cause}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let cause = || std::io::Error::other("disk full");
        let quoting = anyhow::Error::new(cause()).context("cannot open: disk full");
        assert_eq!(whole_text(&quoting), "cannot open: disk full");
        let silent = anyhow::Error::new(cause()).context("cannot open");
        assert_eq!(whole_text(&silent), "cannot open: disk full");
    }
}
