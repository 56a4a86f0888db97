//! How long a newcomer waits for the first `cargo run --release`.

use std::time::Instant;

use anyhow::Result;

use crate::tools::{command, root, step};

/// Builds the binary into an empty folder.
pub(crate) fn run() -> Result<()> {
    let folder = root().join("target/bench-build");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let started = Instant::now();
    let mut build = command("cargo", &["build", "--release", "--package", "cli", "--quiet"]);
    step("clean release build", build.env("CARGO_TARGET_DIR", &folder))?;
    let seconds = started.elapsed().as_secs_f64();
    let size_mb = std::fs::metadata(folder.join("release/watchfire"))?.len() as f64 / 1e6;
    std::fs::remove_dir_all(&folder)?;
    super::page::write(
        "build",
        &format!(
            "| what | figure |\n|---|---|\n| clean release build, crates downloaded already | {seconds:.0} s |\n| binary | {size_mb:.1} MB |\n"
        ),
    )
}
