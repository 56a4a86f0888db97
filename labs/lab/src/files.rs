//! The files by which the lab's roles find each other: plain `prometheus.yml`, `alertmanager.yml`, `file_sd` targets,
//! `gateway.yml`. They work in the real programs too, as far as those run there.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::endpoints::Endpoints;
use crate::roles::Role;

/// In the data directory: who runs where.
pub(crate) const ENDPOINTS: &str = "endpoints.json";
/// In `run/`: the monitor's scrape configuration.
pub(crate) const PROMETHEUS: &str = "prometheus.yml";
/// In `run/`: the monitor's notification routes.
pub(crate) const ALERTMANAGER: &str = "alertmanager.yml";
/// In `run/`: the gateway's routes.
pub(crate) const GATEWAY: &str = "gateway.yml";

const ALERT_RULES: &str = include_str!("../../../deploy/provision/rules/alerts.yml");

/// Files that the lab writes for its children.
pub(crate) fn run_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("run")
}

/// What the children write.
pub(crate) fn log_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("log")
}

fn targets_dir(data_dir: &Path) -> PathBuf {
    run_dir(data_dir).join("targets")
}

/// Writes what does not depend on where roles run. `inbox_url` receives the alerts.
pub(crate) fn write_static(data_dir: &Path, roles: &[Role], inbox_url: &str) -> io::Result<()> {
    let run = run_dir(data_dir);
    for folder in [&run, &log_dir(data_dir), &targets_dir(data_dir), &run.join("rules")] {
        std::fs::create_dir_all(folder)?;
    }
    replace(&run.join("rules/alerts.yml"), ALERT_RULES)?;
    replace(&run.join(PROMETHEUS), &prometheus_yml(roles))?;
    replace(&run.join(ALERTMANAGER), &alertmanager_yml(inbox_url))
}

/// Writes what changes as roles become ready: scrape targets and the gateway's backends.
pub(crate) fn write_targets(data_dir: &Path, roles: &[Role], known: &Endpoints) -> io::Result<()> {
    let mut jobs: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for role in roles {
        let (job, url) = role.scrape;
        let groups = jobs.entry(job).or_default();
        if let Some(address) = known.url(role.name, url).as_deref().and_then(|u| u.strip_prefix("http://")) {
            groups.push(json!({ "targets": [address], "labels": { "instance": role.name } }));
        }
    }
    for (job, groups) in jobs {
        let text = serde_json::to_string_pretty(&groups).map_err(io::Error::other)?;
        replace(&targets_dir(data_dir).join(format!("{job}.json")), &text)?;
    }
    match gateway_yml(roles, known) {
        Some(text) => replace(&run_dir(data_dir).join(GATEWAY), &text),
        None => Ok(()),
    }
}

fn prometheus_yml(roles: &[Role]) -> String {
    let mut jobs: Vec<&str> = roles.iter().map(|r| r.scrape.0).collect();
    jobs.dedup();
    let scrapes: String = jobs
        .iter()
        .map(|job| {
            format!("  - job_name: {job}\n    file_sd_configs:\n      - files: [targets/{job}.json]\n")
        })
        .collect();
    format!(
        "# Written by `watchfire up` at each start.\n\
         global:\n  scrape_interval: 2s\n  scrape_timeout: 2s\n  evaluation_interval: 2s\n\n\
         rule_files: [rules/*.yml]\n\n\
         scrape_configs:\n{scrapes}"
    )
}

fn alertmanager_yml(inbox_url: &str) -> String {
    format!(
        "# Written by `watchfire up` at each start.\n\
         route:\n  receiver: inbox\n  group_by: [alertname]\n  group_wait: 1s\n  group_interval: 5s\n  repeat_interval: 1h\n\n\
         receivers:\n  - name: inbox\n    webhook_configs:\n      - url: {inbox_url}\n"
    )
}

/// Nothing before the first instance is known: an upstream without backends is refused, rightly.
fn gateway_yml(roles: &[Role], known: &Endpoints) -> Option<String> {
    let backends: String = roles
        .iter()
        .filter(|role| role.scrape.0 == "order-service")
        .filter_map(|role| {
            Some(format!("      - {{name: {}, url: {}}}\n", role.name, known.url(role.name, "http")?))
        })
        .collect();
    let text = format!(
        "# Written by `watchfire up` as instances become ready.\n\
         routes:\n  - {{prefix: /api/order, upstream: orders}}\n\n\
         upstreams:\n  orders:\n    backends:\n{backends}"
    );
    (!backends.is_empty()).then_some(text)
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    write_then_rename(path, text, 0o644)
}

/// Replaces a file that only its owner may read.
pub(crate) fn replace_private(path: &Path, text: &str) -> io::Result<()> {
    write_then_rename(path, text, 0o600)
}

/// Readers see the old file or the new one, never half of one.
fn write_then_rename(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let mut file =
        std::fs::OpenOptions::new().create(true).write(true).truncate(true).mode(mode).open(&new)?;
    file.write_all(text.as_bytes())?;
    std::fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoints::Endpoint;
    use crate::roles;

    #[test]
    fn targets_carry_readable_instance_names() {
        let folder = tempfile::tempdir().expect("a folder");
        write_static(folder.path(), &roles(), "http://127.0.0.1:9/inbox").expect("written");
        let mut known = Endpoints::default();
        let urls = [("http", "http://127.0.0.1:5001"), ("metrics", "http://127.0.0.1:8001")];
        let urls = urls.map(|(name, url)| (name.to_owned(), url.to_owned())).into();
        known.0.insert("orders-1".into(), Endpoint { pid: 1, urls });
        write_targets(folder.path(), &roles(), &known).expect("written");
        let read = |name: &str| std::fs::read_to_string(run_dir(folder.path()).join(name)).expect("there");
        let orders: Value = serde_json::from_str(&read("targets/order-service.json")).expect("JSON");
        assert_eq!(orders, json!([{ "targets": ["127.0.0.1:8001"], "labels": { "instance": "orders-1" } }]));
        assert_eq!(read("targets/load.json").trim(), "[]");
        assert!(read(GATEWAY).contains("{name: orders-1, url: http://127.0.0.1:5001}"));
        assert!(read(PROMETHEUS).matches("job_name").count() == 5, "{}", read(PROMETHEUS));
    }
}
