//! `cargo xtask bench`: figures, measured on the release build, written where people look for them.

mod build;
mod lab;
mod page;
mod process;

use anyhow::Result;

/// What can be measured.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum What {
    /// The lab: time to ready and to the first panel, memory of each process, idle CPU, size of the binary.
    Lab,
    /// A clean release build: how long it takes.
    Build,
}

/// Measures, and replaces that section of the page.
pub(crate) fn run(what: What) -> Result<()> {
    match what {
        What::Lab => lab::run(),
        What::Build => build::run(),
    }
}
