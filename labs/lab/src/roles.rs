//! The programs that a lab runs, made of its configuration: on which ports, in which order, with which flags, and what
//! the monitor scrapes of them.

use std::collections::BTreeMap;
use std::path::Path;

use crate::config::{
    AgentConfig, GatewayConfig, LabConfig, LoadConfig, MonitorConfig, ServiceConfig, ServiceKind,
};
use crate::endpoints::Endpoints;
use crate::files;

/// Names of the roles that every lab may have.
pub(crate) const MONITOR: &str = "monitor";
pub(crate) const GATEWAY: &str = "gateway";
pub(crate) const LOAD: &str = "load";
pub(crate) const AGENT: &str = "agent";
/// The supervisor itself, in `endpoints.json`.
pub(crate) const SUPERVISOR: &str = "up";

/// One port of a role: the flag that sets it, the name of the URL it gives, and its port in the lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RolePort {
    /// The role's own flag, as in `watchfire ROLE --help`.
    pub flag: &'static str,
    /// The URL's name in `endpoints.json`.
    pub url: &'static str,
    /// Where it is found unless told otherwise; 0 for any free one.
    pub default: u16,
}

/// What a role is to the lab, for whoever lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Watches.
    Monitoring,
    /// Is watched.
    Services,
    /// Brings requests.
    Traffic,
}

/// What the monitor scrapes of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScrapeTarget {
    /// The job, which several roles may share.
    pub job: String,
    /// The URL's name.
    pub url: &'static str,
    /// Labels besides `instance`.
    pub labels: BTreeMap<String, String>,
}

/// One program of the lab.
#[derive(Debug, Clone, PartialEq)]
pub struct Role {
    /// Its name, unique in the lab.
    pub name: String,
    /// What it is, for people.
    pub about: String,
    /// What it is to the lab.
    pub group: Group,
    /// Its ports.
    pub ports: Vec<RolePort>,
    /// Roles that must be ready before this one starts.
    pub after: Vec<String>,
    /// What is scraped of it.
    pub scrape: ScrapeTarget,
    program: Program,
}

/// What its command line is made of.
#[derive(Debug, Clone, PartialEq)]
enum Program {
    Monitor,
    Service(Box<ServiceConfig>),
    Gateway,
    Load(Box<LoadConfig>),
    Agent,
}

/// The roles of the default lab.
pub fn roles() -> Vec<Role> {
    roles_of(&LabConfig::builtin())
}

/// The roles of `lab`, whoever is needed before whoever needs it; they stop in reverse.
pub fn roles_of(lab: &LabConfig) -> Vec<Role> {
    let (first, later): (Vec<_>, Vec<_>) = lab.services.iter().partition(|it| it.payments.is_none());
    let needed: Vec<&str> =
        later.iter().filter_map(|it| Some(it.payments.as_ref()?.value.as_str())).collect();
    // Whoever others wait for is started first of all.
    let (waited_for, others): (Vec<_>, Vec<_>) =
        first.into_iter().partition(|it| needed.contains(&it.name.value.as_str()));
    let services = waited_for.into_iter().chain(others).chain(later).map(service_role);
    let mut roles: Vec<Role> = std::iter::once(monitor_role(lab.monitor)).chain(services).collect();
    roles.extend(lab.gateway.as_ref().map(gateway_role));
    roles.extend(lab.load.as_ref().map(load_role));
    roles.extend(lab.agent.as_ref().map(agent_role));
    roles
}

fn monitor_role(ports: MonitorConfig) -> Role {
    Role {
        name: MONITOR.to_owned(),
        about: "metrics, rules, alerts, dashboards".to_owned(),
        group: Group::Monitoring,
        ports: vec![
            RolePort { flag: "--ui-listen", url: "ui", default: ports.ui },
            RolePort { flag: "--prometheus-listen", url: "prometheus", default: ports.prometheus },
            RolePort { flag: "--alertmanager-listen", url: "alertmanager", default: ports.alertmanager },
        ],
        after: vec![],
        scrape: scrape("watchfire", "prometheus"),
        program: Program::Monitor,
    }
}

fn service_role(service: &ServiceConfig) -> Role {
    let name = service.name.value.clone();
    let job = service.job.as_ref().map_or_else(|| name.clone(), |job| job.value.clone());
    Role {
        about: service.about.clone(),
        group: Group::Services,
        ports: vec![
            RolePort { flag: "--listen", url: "http", default: service.ports.http },
            RolePort { flag: "--metrics-listen", url: "metrics", default: service.ports.metrics },
        ],
        after: service.payments.iter().map(|payments| payments.value.clone()).collect(),
        scrape: ScrapeTarget { job, url: "metrics", labels: service.labels.clone() },
        program: Program::Service(Box::new(service.clone())),
        name,
    }
}

fn gateway_role(gateway: &GatewayConfig) -> Role {
    let mut after: Vec<String> = gateway.upstreams.values().flatten().map(|it| it.value.clone()).collect();
    after.sort_unstable();
    after.dedup();
    Role {
        name: GATEWAY.to_owned(),
        about: "balances over the instances".to_owned(),
        group: Group::Traffic,
        ports: vec![RolePort { flag: "--listen", url: "http", default: gateway.port }],
        after,
        scrape: scrape(GATEWAY, "http"),
        program: Program::Gateway,
    }
}

fn load_role(load: &LoadConfig) -> Role {
    let targets = load.traffic.iter().map(|traffic| &traffic.target);
    let mut after: Vec<String> =
        std::iter::once(&load.target).chain(targets).map(|target| target.value.clone()).collect();
    after.sort_unstable();
    after.dedup();
    Role {
        name: LOAD.to_owned(),
        about: format!("load generator, stage {}, traffic for {} targets", load.stage, after.len()),
        group: Group::Traffic,
        ports: vec![RolePort { flag: "--listen", url: "http", default: load.port }],
        after,
        scrape: scrape(LOAD, "http"),
        program: Program::Load(Box::new(load.clone())),
    }
}

fn agent_role(agent: &AgentConfig) -> Role {
    Role {
        name: AGENT.to_owned(),
        about: "metrics of this host and of the lab's processes".to_owned(),
        group: Group::Monitoring,
        ports: vec![RolePort { flag: "--listen", url: "http", default: agent.port }],
        after: vec![],
        scrape: scrape("node", "http"),
        program: Program::Agent,
    }
}

fn scrape(job: &str, url: &'static str) -> ScrapeTarget {
    ScrapeTarget { job: job.to_owned(), url, labels: BTreeMap::new() }
}

impl Role {
    /// The subcommand and flags of this role, without its ports. `known` says who is ready already, and where.
    pub(crate) fn arguments(&self, data_dir: &Path, known: &Endpoints) -> Vec<String> {
        match &self.program {
            Program::Monitor => monitor(data_dir),
            Program::Service(service) => self.service(service, data_dir, known),
            Program::Gateway => words(&["gateway"])
                .chain(path_flag("--config", &files::run_dir(data_dir).join(files::GATEWAY)))
                .collect(),
            Program::Load(load) => generator(load, data_dir, known),
            Program::Agent => {
                words(&["agent"]).chain(path_flag("--processes", &data_dir.join(files::ENDPOINTS))).collect()
            }
        }
    }

    fn service(&self, service: &ServiceConfig, data_dir: &Path, known: &Endpoints) -> Vec<String> {
        let mut all: Vec<String> = words(&["service", service.kind.name(), "--name", &self.name]).collect();
        all.extend(path_flag("--log-dir", &files::log_dir(data_dir)));
        if service.kind == ServiceKind::Orders {
            let database = format!("sqlite://{}", data_dir.join("orders.db").display());
            all.extend(words(&["--database", &database]));
        }
        if service.kind == ServiceKind::Generic {
            all.extend(path_flag("--config", &files::service_config(data_dir, &self.name)));
        }
        if let Some(url) = service.payments.as_ref().and_then(|it| known.url(&it.value, "http")) {
            all.extend(words(&["--payments", &url]));
        }
        if service.faults {
            all.push("--faults".to_owned());
        }
        if let Some(limit) = service.memory_limit {
            all.extend(words(&["--memory-limit", &format!("{}B", limit.0)]));
        }
        all.extend_from_slice(&service.flags);
        all
    }

    /// The file of a generic service, if it is one.
    pub(crate) fn service_file(&self) -> Option<serde_json::Value> {
        let Program::Service(service) = &self.program else { return None };
        service.endpoints.as_ref().map(|it| serde_json::json!({ "endpoints": it.value }))
    }
}

fn monitor(data_dir: &Path) -> Vec<String> {
    let run = files::run_dir(data_dir);
    words(&["monitor"])
        .chain(path_flag("--config", &run.join(files::PROMETHEUS)))
        .chain(path_flag("--alertmanager-config", &run.join(files::ALERTMANAGER)))
        .chain(path_flag("--data-dir", data_dir))
        .collect()
}

fn generator(load: &LoadConfig, data_dir: &Path, known: &Endpoints) -> Vec<String> {
    let target = known.url(&load.target.value, "http").unwrap_or_default();
    let mut all: Vec<String> = words(&["load", "--host", &target, "--stage", &load.stage]).collect();
    if !load.traffic.is_empty() {
        all.extend(path_flag("--traffic", &files::run_dir(data_dir).join(files::TRAFFIC)));
    }
    all.extend_from_slice(&load.flags);
    all
}

fn words(words: &[&str]) -> impl Iterator<Item = String> {
    words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>().into_iter()
}

fn path_flag(flag: &str, path: &Path) -> impl Iterator<Item = String> {
    [flag.to_owned(), path.display().to_string()].into_iter()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_default_lab_can_start_and_has_twelve_services() {
        let (mut names, mut ports) = (BTreeSet::new(), BTreeSet::new());
        let all = roles();
        for role in &all {
            assert!(role.after.iter().all(|a| names.contains(a)), "{} comes before what it needs", role.name);
            assert!(names.insert(role.name.clone()), "{} twice", role.name);
            assert!(role.ports.iter().all(|p| ports.insert(p.default)), "{} shares a port", role.name);
            assert!(role.ports.iter().any(|p| p.url == role.scrape.url), "{} has no scrape URL", role.name);
        }
        let services = all.iter().filter(|role| role.group == Group::Services);
        let jobs: BTreeSet<&str> = services.map(|role| role.scrape.job.as_str()).collect();
        assert_eq!(jobs.len(), 12, "{jobs:?}");
        for job in ["order-service", "flask-app", "payment-processor", "merchant-api"] {
            assert!(jobs.contains(job), "{job}");
        }
        let ports_of = |name: &str| {
            let role = all.iter().find(|role| role.name == name).expect(name);
            role.ports.iter().map(|port| port.default).collect::<Vec<_>>()
        };
        assert_eq!((ports_of("orders-2"), ports_of("payments")), (vec![5002, 8002], vec![5004, 8004]));
    }

    #[test]
    fn flags_follow_the_configuration() {
        let mut known = Endpoints::default();
        let urls = [("http".to_owned(), "http://127.0.0.1:5004".to_owned())];
        known.0.insert("payments".into(), crate::Endpoint { pid: 1, urls: urls.into() });
        let flags = |name: &str| {
            let role = roles().into_iter().find(|role| role.name == name).expect(name);
            role.arguments(Path::new("/data"), &known).join(" ")
        };
        let orders = flags("orders-1");
        assert!(orders.starts_with("service orders --name orders-1 --log-dir /data/log"), "{orders}");
        assert!(orders.contains("--payments http://127.0.0.1:5004"), "{orders}");
        assert!(flags("catalog").contains("--config /data/run/services/catalog.yml"));
        assert!(flags("load").contains("--traffic /data/run/traffic.yml"));
    }
}
