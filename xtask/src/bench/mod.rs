//! `cargo xtask bench`: figures, measured on the release build, written where people look for them.

mod agent;
mod build;
mod lab;
mod month;
mod page;
mod process;
mod promql;
mod rules;
mod service;
mod storage;

use anyhow::Result;

/// What can be measured.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum What {
    /// The agent beside node_exporter, mysqld_exporter and postgres_exporter: CPU of a scrape, memory.
    Agent,
    /// The lab: time to ready and to the first panel, memory of each process, idle CPU, size of the binary.
    Lab,
    /// A clean release build: how long it takes.
    Build,
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
    #[command(flatten)]
    agent: agent::AgentOptions,
    #[command(flatten)]
    promql: promql::Options,
    #[command(flatten)]
    rules: rules::RulesOptions,
    #[command(flatten)]
    service: service::ServiceOptions,
    #[command(flatten)]
    storage: storage::StorageOptions,
    #[command(flatten)]
    month: month::MonthOptions,
}

/// Measures, and replaces that section of the page.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    match arguments.what {
        What::Agent => agent::run(&arguments.agent),
        What::Lab => lab::run(),
        What::Build => build::run(),
        What::Promql => promql::run(&arguments.promql),
        What::Storage => storage::run(&arguments.storage, arguments.promql.targets),
        What::Service => service::run(&arguments.service),
        What::Month => month::run(&arguments.month),
        What::Rules => rules::run(&arguments.rules),
    }
}
