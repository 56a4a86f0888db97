//! `cargo xtask bench`: figures, measured on the release build, written where people look for them.

mod agent;
mod alerting;
mod build;
mod lab;
mod logs;
mod month;
mod page;
mod process;
mod promql;
mod rules;
mod service;
mod storage;

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::tools::{command, step};

/// What can be measured.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum What {
    /// The agent beside node_exporter, mysqld_exporter and postgres_exporter: CPU of a scrape, memory.
    Agent,
    /// 10,000 active alerts and 1,000 silences beside Debian's Alertmanager: the API, a flush, memory.
    Alerting,
    /// The lab: time to ready and to the first panel, memory of each process, idle CPU, size of the binary.
    Lab,
    /// A clean release build: how long it takes.
    Build,
    /// A gigabyte of log lines: taken, kept, searched, shipped; beside ripgrep over the same lines in files.
    Logs,
    /// Queries over 100,000 fresh series, beside Prometheus and VictoriaMetrics where they are installed.
    Promql,
    /// Reads of the order service beside a Flask application, both over the same MariaDB.
    Service,
    /// Ingest, memory, bytes on disk and restarts at 100,000 series, beside Prometheus and VictoriaMetrics where they are
    /// installed.
    Storage,
    /// Queries over a month on disk, beside Prometheus and VictoriaMetrics where they are installed.
    Month,
    /// 5,000 rules every 15 s, beside Prometheus: CPU, the slowest group, evaluations missed.
    Rules,
}

/// What `cargo xtask bench` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// What to measure.
    #[arg(value_enum)]
    what: What,
    /// agent, alerting, logs, rules, service, storage: this build of watchfire instead of a new release build.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    #[command(flatten)]
    logs: logs::LogsOptions,
    #[command(flatten)]
    promql: promql::Options,
    #[command(flatten)]
    rules: rules::RulesOptions,
    #[command(flatten)]
    storage: storage::StorageOptions,
    #[command(flatten)]
    month: month::MonthOptions,
}

/// Measures, and replaces that section of the page.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let binary = arguments.binary.as_deref();
    match arguments.what {
        What::Agent => agent::run(binary),
        What::Alerting => alerting::run(binary),
        What::Lab => lab::run(),
        What::Build => build::run(),
        What::Logs => logs::run(&arguments.logs, binary),
        What::Promql => promql::run(&arguments.promql),
        What::Storage => storage::run(&arguments.storage, binary, arguments.promql.targets),
        What::Service => service::run(binary),
        What::Month => month::run(&arguments.month, binary),
        What::Rules => rules::run(&arguments.rules, binary),
    }
}

/// The binary that was given, or a release build made now.
fn binary_or_build(given: Option<&Path>) -> Result<PathBuf> {
    if let Some(binary) = given {
        return Ok(std::path::absolute(binary)?);
    }
    step("release build", &mut command("cargo", &["build", "--release", "--package", "cli", "--quiet"]))?;
    Ok(promql::binary())
}
