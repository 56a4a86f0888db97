//! Clients of Loki that others wrote, from PyPI and npm, for the end-to-end tests that use them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::tools::{command, root, step};

/// What says which clients, in which versions.
const SOURCES: [&str; 2] = ["requirements.txt", "package.json"];

/// Installs them into `target/clients`, unless these versions are there. Without a network the tests that need them skip
/// themselves, aloud; so does this.
pub(crate) fn ensure() {
    if let Err(error) = install() {
        println!("   clients from PyPI and npm are not there: {error:#}");
    }
}

fn install() -> Result<()> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let (folder, source) = (target.join("clients"), root().join("tests/e2e/clients"));
    let wanted = wanted(&source)?;
    let installed = folder.join("installed");
    if std::fs::read_to_string(&installed).ok().as_ref() == Some(&wanted) {
        return Ok(());
    }
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("venv");
    let path = path.to_str().context("the folder's name")?;
    step("clients: venv", &mut command("python3", &["-m", "venv", "--clear", path]))?;
    let mut pip = Command::new(folder.join("venv/bin/pip"));
    pip.args(["install", "--quiet", "--requirement"]).arg(source.join("requirements.txt"));
    step("clients: PyPI", &mut pip)?;
    std::fs::copy(source.join("package.json"), folder.join("package.json"))?;
    let mut npm = command("npm", &["install", "--no-audit", "--no-fund", "--silent"]);
    step("clients: npm", npm.current_dir(&folder))?;
    Ok(std::fs::write(installed, wanted)?)
}

fn wanted(source: &Path) -> Result<String> {
    SOURCES.iter().map(|name| Ok(std::fs::read_to_string(source.join(name))?)).collect()
}
