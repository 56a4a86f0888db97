//! What is compared with others: their test data, and a real Prometheus beside ours. Each is a program of its own that
//! cargo builds when asked, so that the tooling itself stays quick to build.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::packages;
use crate::tools::{command, root, step};

/// What `cargo xtask test --full` asks: always the same, so that it fails for a reason of ours. Other seeds are for those
/// who look for trouble.
const FULL: [&str; 4] = ["--seed", "1", "--queries", "5000"];

/// What `cargo xtask conformance` takes.
#[derive(Args)]
pub(crate) struct Conformance {
    /// Which data: promql, exposition, prometheus-config, rulefmt, promtool, alertmanager-config, alertmanager-routing, dashboards; all of them when none is named.
    what: Option<String>,
    /// Where the data lies, instead of WATCHFIRE_CONFORMANCE or ../shared.
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// What `cargo xtask differential` takes.
#[derive(Args)]
pub(crate) struct Differential {
    /// Goes to the test as it is: --seed N, --queries N, --only NUMBER, --query TEXT, --show.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Runs the scripts. Their total is to be the last line, so nothing is said after it: the exit code is theirs.
pub(crate) fn conformance(arguments: &Conformance) -> Result<()> {
    let what: Vec<&str> = arguments.what.as_deref().into_iter().collect();
    let mut program = tool("conformance", &what);
    if let Some(dir) = &arguments.dir {
        // The program starts in the root of the workspace, the person may be elsewhere.
        program.arg("--dir").arg(std::path::absolute(dir)?);
    }
    finish(&mut program)
}

/// Compares with Prometheus.
pub(crate) fn differential(arguments: &Differential) -> Result<()> {
    packages::ensure_peers()?;
    let arguments: Vec<&str> = arguments.arguments.iter().map(String::as_str).collect();
    finish(&mut tool("differential", &arguments))
}

/// All of it, as the last part of `cargo xtask test --full`. The agent by itself: its values and those of its peers are read
/// one after the other, and whatever else runs moves them apart.
pub(crate) fn all() -> Result<()> {
    packages::ensure_peers()?;
    step("conformance", &mut tool("conformance", &[]))?;
    promtool("check", "deploy/provision/rules")?;
    promtool("test", "tests/scripts/rules")?;
    let mut rules = command("cargo", &["test", "--package", "rules", "--quiet", "peer"]);
    step("rules and promtool, random series", rules.env("WATCHFIRE_PEERS", "1"))?;
    step("differential: promql and Prometheus", &mut tool("differential", &FULL))?;
    step("exporters: the agent beside them", exporters().env("WATCHFIRE_PEERS", "1"))
}

/// The agent and Debian's exporters ask the same host and the same databases.
fn exporters() -> Command {
    command(
        "cargo",
        &["test", "--quiet", "--package", "agent", "--test", "it", "same_as", "--", "--nocapture"],
    )
}

/// The rules that we ship, and their unit tests, mean the same to Debian's promtool.
fn promtool(what: &str, folder: &str) -> Result<()> {
    let mut files: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(root().join(folder))? {
        files.push(format!("{folder}/{}", entry?.file_name().to_string_lossy()));
    }
    files.retain(|name| name.ends_with(".yml"));
    files.sort();
    let mut program = command("promtool", &[what, "rules"]);
    step(&format!("promtool {what} rules: {folder}"), program.args(&files))
}

fn tool(package: &str, arguments: &[&str]) -> Command {
    let mut cargo = command("cargo", &["run", "--quiet", "--package", package, "--"]);
    cargo.args(arguments);
    cargo
}

fn finish(program: &mut Command) -> Result<()> {
    let status = program.status()?;
    if !status.success() {
        std::process::exit(status.code().unwrap_or(1));
    }
    Ok(())
}
