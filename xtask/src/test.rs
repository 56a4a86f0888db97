//! `cargo xtask test`: everything that proves the program, in the order in which it fails fastest.

use std::time::Instant;

use anyhow::Result;

use crate::tools::{command, fetch, root, step};
use crate::{clients, packages, peers, tidy};

/// Runs it all, against peers too when `full`; stops at the first failure.
pub(crate) fn run(full: bool) -> Result<()> {
    let started = Instant::now();
    packages::ensure()?;
    if full {
        // Before the tests: those that ask `promtool` or clients of Loki skip themselves without them.
        packages::ensure_peers()?;
        clients::ensure();
    }
    tidy::run()?;
    step("formatting", &mut command("cargo", &["fmt", "--all", "--check"]))?;
    web()?;
    step(
        "lints",
        &mut command("cargo", &["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]),
    )?;
    // The end-to-end tests start this binary.
    step("binary", &mut command("cargo", &["build", "--package", "cli", "--quiet"]))?;
    step("tests", &mut command("cargo", &["test", "--workspace", "--quiet"]))?;
    if full {
        peers::all()?;
    }
    println!("all of it passed in {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}

/// Types and pure functions of the web modules.
fn web() -> Result<()> {
    let web = root().join("web");
    fetch(
        "web: packages",
        command("npm", &["install", "--no-audit", "--no-fund", "--silent"]).current_dir(&web),
    )?;
    step("web: types", command("npm", &["run", "--silent", "check"]).current_dir(&web))?;
    step("web: tests", command("npm", &["run", "--silent", "test"]).current_dir(&web))
}
