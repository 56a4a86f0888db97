//! What the tests need from Debian's packages: installed when we may, named when we may not.

use std::process::Stdio;

use anyhow::{Result, bail};

use crate::tools::{command, has, step};

/// A program and the package that brings it.
const NEEDED: [(&str, &str); 4] =
    [("chromium", "chromium"), ("chromedriver", "chromium-driver"), ("node", "nodejs"), ("npm", "npm")];

/// Programs of others with which ours are compared. Without them that part is skipped, aloud.
const PEERS: [(&str, &str); 3] = [
    ("prometheus", "prometheus"),
    ("promtool", "prometheus"),
    ("prometheus-node-exporter", "prometheus-node-exporter"),
];

/// Makes sure that all programs are there.
pub(crate) fn ensure() -> Result<()> {
    let packages = missing(&NEEDED);
    if packages.is_empty() {
        return Ok(());
    }
    if !may_install() {
        bail!("missing programs; install Debian's packages: {}", packages.join(" "));
    }
    install(&packages)
}

/// Installs what we are compared with, if we may.
pub(crate) fn ensure_peers() -> Result<()> {
    let packages = missing(&PEERS);
    if packages.is_empty() {
        return Ok(());
    }
    if !may_install() {
        println!("not installed, and we may not: Debian's packages {}", packages.join(" "));
        return Ok(());
    }
    install(&packages)
}

fn missing(needed: &[(&str, &'static str)]) -> Vec<&'static str> {
    let mut packages: Vec<_> =
        needed.iter().filter(|(program, _)| !has(program)).map(|(_, package)| *package).collect();
    packages.dedup();
    packages
}

fn install(packages: &[&str]) -> Result<()> {
    let mut arguments = vec!["install", "-y", "-qq", "--no-install-recommends", "fonts-dejavu-core"];
    arguments.extend(packages);
    step("package lists", command("apt-get", &["update", "-qq"]).stdout(Stdio::null()))?;
    let mut install = command("apt-get", &arguments);
    step("packages", install.env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null()))
}

fn may_install() -> bool {
    let root = crate::tools::output(&mut command("id", &["-u"])).is_ok_and(|id| id.trim() == "0");
    root && has("apt-get")
}
