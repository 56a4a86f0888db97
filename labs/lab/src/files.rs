//! The files by which the lab's roles find each other: plain `prometheus.yml`, `alertmanager.yml`, `file_sd` targets,
//! `gateway.yml`, `traffic.yml`. They work in the real programs too, as far as those run there.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ::config::Spanned;
use serde_json::{Value, json};

use crate::config::{GatewayConfig, LabConfig, LoadConfig, ServerKind, TrafficConfig};
use crate::endpoints::{Endpoint, Endpoints};
use crate::roles::Role;

/// In the data directory: who runs where.
pub(crate) const ENDPOINTS: &str = "endpoints.json";
/// In `run/`: the monitor's scrape configuration.
pub(crate) const PROMETHEUS: &str = "prometheus.yml";
/// In `run/`: the monitor's notification routes.
pub(crate) const ALERTMANAGER: &str = "alertmanager.yml";
/// In `run/`: the gateway's routes.
pub(crate) const GATEWAY: &str = "gateway.yml";
/// In `run/`: what the load generator sends beside its stage.
pub(crate) const TRAFFIC: &str = "traffic.yml";

/// In a database server's folder, as `watchfire database` writes them: passwords of the application's user and the exporter's.
pub(crate) const APP_PASSWORD: &str = "app_user.password";
pub(crate) const EXPORTER_PASSWORD: &str = "exporter.password";

/// The rules that ship with the program, by file.
const RULES: [(&str, &str); 4] = [
    ("alerts.yml", include_str!("../../../deploy/provision/rules/alerts.yml")),
    ("recording-rules.yml", include_str!("../../../deploy/provision/rules/recording-rules.yml")),
    ("slo-rules.yml", include_str!("../../../deploy/provision/rules/slo-rules.yml")),
    ("watchdog.yml", include_str!("../../../deploy/provision/rules/watchdog.yml")),
];

/// Files that the lab writes for its children.
pub(crate) fn run_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("run")
}

/// What the children write.
pub(crate) fn log_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("log")
}

/// Where a database server keeps its data and the passwords of its users.
pub(crate) fn database_dir(data_dir: &Path, kind: ServerKind) -> PathBuf {
    data_dir.join(kind.name)
}

fn targets_dir(data_dir: &Path) -> PathBuf {
    run_dir(data_dir).join("targets")
}

/// The endpoints of the generic service `name`.
pub(crate) fn service_config(data_dir: &Path, name: &str) -> PathBuf {
    run_dir(data_dir).join("services").join(format!("{name}.yml"))
}

/// What the lab's children are told by files of their own, so that each child's own check can be run before any starts.
#[derive(Debug)]
pub struct ChildFiles {
    /// A generic service's name, and its endpoints.
    pub services: Vec<(String, String)>,
    /// The load generator's groups.
    pub traffic: Option<String>,
}

impl ChildFiles {
    /// Those of `lab`, as they will be but for the addresses.
    ///
    /// # Errors
    /// Never for a lab that was read from a file.
    pub fn of(lab: &LabConfig) -> io::Result<Self> {
        let roles = crate::roles::roles_of(lab);
        let urls: BTreeMap<String, String> = [("http".to_owned(), "http://127.0.0.1:1".to_owned())].into();
        let anywhere = |role: &Role| (role.name.clone(), Endpoint { pid: None, urls: urls.clone() });
        let known = Endpoints(roles.iter().map(anywhere).collect());
        let services = roles.iter().filter_map(|role| Some((role.name.clone(), yaml(&role.service_file()?))));
        let traffic = lab.load.as_ref().and_then(|load| traffic_yml(load, &known));
        Ok(Self {
            services: services.map(|(name, text)| Ok((name, text?))).collect::<io::Result<_>>()?,
            traffic: traffic.as_ref().map(yaml).transpose()?,
        })
    }
}

/// Who is told of alerts in the lab: the inbox that stands for all of them.
#[derive(Debug, Default)]
pub(crate) struct Receivers {
    /// Its URL.
    pub(crate) inbox: String,
    /// Its mailbox: `smtp://HOST:PORT`.
    pub(crate) mail: String,
}

/// Writes what does not depend on where roles run.
pub(crate) fn write_static(
    data_dir: &Path,
    lab: &LabConfig,
    roles: &[Role],
    receivers: &Receivers,
) -> io::Result<()> {
    let run = run_dir(data_dir);
    let folders = [log_dir(data_dir), targets_dir(data_dir), run.join("rules"), run.join("services")];
    folders.iter().try_for_each(std::fs::create_dir_all)?;
    for (role, file) in roles.iter().filter_map(|role| Some((role, role.service_file()?))) {
        replace(&service_config(data_dir, &role.name), &yaml(&file)?)?;
    }
    for (name, text) in RULES {
        replace(&run.join("rules").join(name), text)?;
    }
    replace(&run.join(PROMETHEUS), &prometheus_yml(lab, roles))?;
    replace(&run.join(ALERTMANAGER), &alertmanager_yml(receivers))
}

/// Writes what changes as roles become ready: scrape targets, the gateway's backends, the targets of traffic.
pub(crate) fn write_targets(
    data_dir: &Path,
    lab: &LabConfig,
    roles: &[Role],
    known: &Endpoints,
) -> io::Result<()> {
    let mut jobs: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (role, scrape) in roles.iter().flat_map(|role| role.scrapes.iter().map(move |it| (role, it))) {
        let groups = jobs.entry(&scrape.job).or_default();
        if let Some(address) = known.address(&role.name, scrape.url) {
            let mut labels = scrape.labels.clone();
            labels.insert("instance".to_owned(), scrape.instance.clone());
            groups.push(json!({ "targets": [address], "labels": labels }));
        }
    }
    for (job, groups) in jobs {
        let text = serde_json::to_string_pretty(&groups).map_err(io::Error::other)?;
        replace(&targets_dir(data_dir).join(format!("{job}.json")), &text)?;
    }
    if let Some(file) = lab.gateway.as_ref().and_then(|gateway| gateway_yml(gateway, known)) {
        replace(&run_dir(data_dir).join(GATEWAY), &yaml(&file)?)?;
    }
    match lab.load.as_ref().and_then(|load| traffic_yml(load, known)) {
        Some(file) => replace(&run_dir(data_dir).join(TRAFFIC), &yaml(&file)?),
        None => Ok(()),
    }
}

/// JSON is YAML; what a program writes for another needs no more.
fn yaml(file: &Value) -> io::Result<String> {
    let text = serde_json::to_string_pretty(file).map_err(io::Error::other)?;
    Ok(format!("# Written by `watchfire up` at each start.\n{text}\n"))
}

fn prometheus_yml(lab: &LabConfig, roles: &[Role]) -> String {
    let mut seen = BTreeSet::new();
    let jobs =
        roles.iter().flat_map(|role| &role.scrapes).map(|it| it.job.as_str()).filter(|job| seen.insert(*job));
    let scrapes: String = jobs
        .map(|job| {
            format!("  - job_name: {job}\n    file_sd_configs:\n      - files: [targets/{job}.json]\n")
        })
        .collect();
    let interval = lab.scrape.interval;
    format!(
        "# Written by `watchfire up` at each start.\n\
         global:\n  scrape_interval: {interval}\n  scrape_timeout: {interval}\n  evaluation_interval: {interval}\n\n\
         rule_files: [rules/*.yml]\n\n\
         scrape_configs:\n{scrapes}"
    )
}

/// Everything as a webhook, and as it would be sent in earnest: what is critical to PagerDuty and by mail, warnings to Slack.
fn alertmanager_yml(receivers: &Receivers) -> String {
    let (inbox, mail) = (&receivers.inbox, receivers.mail.trim_start_matches("smtp://"));
    format!(
        r##"# Written by `watchfire up` at each start. The receivers are the lab's own inbox, which answers as they would.
global:
  pagerduty_url: {inbox}/pagerduty
  slack_api_url: {inbox}/slack
  smtp_smarthost: {mail}
  smtp_from: watchfire@lab.example
  smtp_require_tls: false

route:
  receiver: inbox
  group_by: [alertname]
  group_wait: 1s
  group_interval: 5s
  repeat_interval: 1h
  routes:
    # Always fires; whoever gets it complains when it stops.
    - matchers: [alertname="Watchdog"]
      receiver: watchdog
      group_wait: 0s
      repeat_interval: 10s
    - receiver: inbox
      continue: true
    - matchers: [severity="critical"]
      receiver: pager
    - matchers: [severity="warning"]
      receiver: team

receivers:
  - name: inbox
    webhook_configs:
      - url: {inbox}
  - name: pager
    pagerduty_configs:
      - routing_key: lab
    email_configs:
      - to: on-call@lab.example
        send_resolved: true
  - name: team
    slack_configs:
      - channel: '#alerts-warning'
        send_resolved: true
  - name: watchdog
    webhook_configs:
      - url: {inbox}/watchdog
"##
    )
}

/// Nothing before the first instance is known: an upstream without backends is refused, rightly.
fn gateway_yml(gateway: &GatewayConfig, known: &Endpoints) -> Option<Value> {
    let backends = |members: &[Spanned<String>]| -> Vec<Value> {
        let named = members.iter().map(|member| (&member.value, known.url(&member.value, "http")));
        named.filter_map(|(name, url)| Some(json!({ "name": name, "url": url? }))).collect()
    };
    let upstreams: BTreeMap<&str, Value> = gateway
        .upstreams
        .iter()
        .map(|(name, members)| (name.as_str(), backends(members)))
        .filter(|(_, backends)| !backends.is_empty())
        .map(|(name, backends)| (name, json!({ "backends": backends })))
        .collect();
    let routes: Vec<Value> = gateway
        .routes
        .iter()
        .filter(|route| upstreams.contains_key(route.upstream.value.as_str()))
        .map(|route| json!({ "prefix": route.prefix, "upstream": route.upstream.value }))
        .collect();
    (!routes.is_empty()).then(|| json!({ "routes": routes, "upstreams": upstreams }))
}

/// Nothing before all targets are known: the generator starts after them.
fn traffic_yml(load: &LoadConfig, known: &Endpoints) -> Option<Value> {
    let group = |traffic: &TrafficConfig| {
        let target = &traffic.target.value;
        let mut group = json!({
            "target": traffic.name.as_ref().unwrap_or(target),
            "url": known.url(target, "http")?,
            "users": traffic.users,
            "requests": traffic.requests,
        });
        let optional = [
            ("ramp_per_second", traffic.ramp_per_second.map(Value::from)),
            ("think_min", traffic.think_min.map(|it| it.to_string().into())),
            ("think_max", traffic.think_max.map(|it| it.to_string().into())),
        ];
        optional.into_iter().for_each(|(key, value)| _ = value.map(|value| group[key] = value));
        Some(group)
    };
    let groups: Vec<Value> = load.traffic.iter().map(group).collect::<Option<_>>()?;
    (!groups.is_empty()).then(|| json!({ "groups": groups }))
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
    use crate::roles;

    fn endpoint(port: u16) -> Endpoint {
        let urls = [("http", port), ("metrics", port + 3000)];
        let urls = urls.map(|(name, port)| (name.to_owned(), format!("http://127.0.0.1:{port}")));
        Endpoint { pid: Some(1), urls: urls.into() }
    }

    #[test]
    fn targets_carry_readable_instance_names() {
        let folder = tempfile::tempdir().expect("a folder");
        let (lab, all) = (LabConfig::builtin(), roles());
        let receivers =
            Receivers { inbox: "http://127.0.0.1:9/inbox".to_owned(), mail: "smtp://127.0.0.1:8".to_owned() };
        write_static(folder.path(), &lab, &all, &receivers).expect("written");
        let mut known = Endpoints::default();
        known.0.insert("orders-1".into(), endpoint(5001));
        write_targets(folder.path(), &lab, &all, &known).expect("written");
        let read = |name: &str| std::fs::read_to_string(run_dir(folder.path()).join(name)).expect("there");
        let orders: Value = serde_json::from_str(&read("targets/order-service.json")).expect("JSON");
        let labels = json!({ "instance": "orders-1", "tier": "service" });
        assert_eq!(orders, json!([{ "targets": ["127.0.0.1:8001"], "labels": labels }]));
        assert_eq!(read("targets/load.json").trim(), "[]");
        // Twelve services, the gateway, the generator, the agent and the monitor itself.
        assert_eq!(read(PROMETHEUS).matches("job_name").count(), 16, "{}", read(PROMETHEUS));
        assert!(read("services/catalog.yml").contains("/api/products/{id}"));
        assert!(!run_dir(folder.path()).join(TRAFFIC).exists(), "its targets are not known yet");

        all.iter()
            .enumerate()
            .for_each(|(n, role)| _ = known.0.insert(role.name.clone(), endpoint(n as u16)));
        write_targets(folder.path(), &lab, &all, &known).expect("written");
        assert!(read(TRAFFIC).contains("\"think_max\": \"300ms\""), "{}", read(TRAFFIC));
        assert!(read(GATEWAY).contains("\"prefix\": \"/api/order\""), "{}", read(GATEWAY));
    }
}
