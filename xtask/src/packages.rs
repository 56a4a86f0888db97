//! What the tests need from Debian's packages: installed when we may, named when we may not.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::tools::{command, fetch, has};

/// A program and the package that brings it.
const NEEDED: [(&str, &str); 6] = [
    ("chromium", "chromium"),
    ("chromedriver", "chromium-driver"),
    ("node", "nodejs"),
    ("npm", "npm"),
    ("mariadb-install-db", "mariadb-server"),
    ("pg_ctlcluster", "postgresql"),
];

/// A script that Debian's packages ask before they start a service of the system.
const SERVICE_POLICY: &str = "/usr/sbin/policy-rc.d";
/// Its answer "no": the tests start servers of their own, and nobody asked for others to run.
const START_NOTHING: &str = "#!/bin/sh\nexit 101\n";

/// Programs of others with which ours are compared. Without them that part is skipped, aloud.
const PEERS: [(&str, &str); 6] = [
    ("prometheus", "prometheus"),
    ("promtool", "prometheus"),
    ("amtool", "prometheus-alertmanager"),
    ("prometheus-node-exporter", "prometheus-node-exporter"),
    ("prometheus-mysqld-exporter", "prometheus-mysqld-exporter"),
    ("prometheus-postgres-exporter", "prometheus-postgres-exporter"),
];

/// What an application is loaded with, and what the one that it is compared with stands on.
const LOAD: [(&str, &str); 3] =
    [("wrk", "wrk"), ("python3", "python3-venv"), ("mariadb-install-db", "mariadb-server")];

/// What searches files of lines, to which our searches are compared. Without them that part is left out, aloud.
const SEARCH: [(&str, &str); 2] = [("rg", "ripgrep"), ("zstd", "zstd")];

/// Makes sure that all programs for the tests are there.
pub(crate) fn ensure() -> Result<()> {
    ensure_all(&NEEDED)
}

/// Makes sure that all programs for a bench under load are there.
pub(crate) fn ensure_load() -> Result<()> {
    ensure_all(&LOAD)
}

fn ensure_all(needed: &[(&str, &'static str)]) -> Result<()> {
    let packages = missing(needed);
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
    install_if_we_may(&PEERS)
}

/// Installs what searches files, if we may.
pub(crate) fn ensure_search() -> Result<()> {
    install_if_we_may(&SEARCH)
}

fn install_if_we_may(wanted: &[(&str, &'static str)]) -> Result<()> {
    let packages = missing(wanted);
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
    let mut lists = apt_get(&["update", "-qq"]);
    // Those that are there may do: then the packages come all the same.
    fetch("package lists", &mut lists).unwrap_or_else(|error| println!("   {error:#}"));
    let _policy = ServicePolicy::set()?;
    let mut install = apt_get(&["install", "-y", "-qq", "--no-install-recommends", "fonts-dejavu-core"]);
    fetch("packages", install.args(packages))
}

/// `apt-get`, which waits for others who install something, and asks servers more than once.
fn apt_get(arguments: &[&str]) -> Command {
    let mut apt = command("apt-get", &["-o", "Acquire::Retries=5", "-o", "DPkg::Lock::Timeout=300"]);
    apt.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
    apt
}

fn may_install() -> bool {
    let root = crate::tools::output(&mut command("id", &["-u"])).is_ok_and(|id| id.trim() == "0");
    root && has("apt-get")
}

/// While it lives, packages that are installed start no service. A policy that is there already is left alone.
struct ServicePolicy {
    is_ours: bool,
}

impl ServicePolicy {
    fn set() -> Result<Self> {
        let path = Path::new(SERVICE_POLICY);
        let is_ours = !path.exists();
        if is_ours {
            std::fs::write(path, START_NOTHING).context(SERVICE_POLICY)?;
            std::fs::set_permissions(path, Permissions::from_mode(0o755)).context(SERVICE_POLICY)?;
        }
        Ok(Self { is_ours })
    }
}

impl Drop for ServicePolicy {
    fn drop(&mut self) {
        if self.is_ours {
            // One that stays keeps services from starting: worth a word, no reason to fail.
            let removed = std::fs::remove_file(SERVICE_POLICY);
            removed.unwrap_or_else(|error| println!("remove {SERVICE_POLICY} yourself: {error}"));
        }
    }
}
