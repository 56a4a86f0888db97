//! What the tests need from Debian's packages: installed when we may, named when we may not.

use std::process::Stdio;

use anyhow::{Result, bail};

use crate::tools::{command, has, step};

/// A program and the package that brings it.
const NEEDED: [(&str, &str); 4] =
    [("chromium", "chromium"), ("chromedriver", "chromium-driver"), ("node", "nodejs"), ("npm", "npm")];

/// Makes sure that all programs are there.
pub(crate) fn ensure() -> Result<()> {
    let missing: Vec<(&str, &str)> = NEEDED.into_iter().filter(|(program, _)| !has(program)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|(_, package)| *package).collect();
    if !may_install() {
        bail!("missing programs; install Debian's packages: {}", packages.join(" "));
    }
    let mut arguments = vec!["install", "-y", "-qq", "--no-install-recommends", "fonts-dejavu-core"];
    arguments.extend(&packages);
    step("package lists", command("apt-get", &["update", "-qq"]).stdout(Stdio::null()))?;
    let mut install = command("apt-get", &arguments);
    step("packages", install.env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null()))
}

fn may_install() -> bool {
    let root = crate::tools::output(&mut command("id", &["-u"])).is_ok_and(|id| id.trim() == "0");
    root && has("apt-get")
}
