//! The programs that a lab runs, made of its configuration: on which ports, in which order, with which flags, and what
//! the monitor scrapes of them.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::config::{
    AgentConfig, DatabaseConfig, GatewayConfig, LabConfig, LoadConfig, MonitorConfig, ServerKind,
    ServiceConfig, ServiceKind,
};
use crate::endpoints::Endpoints;
use crate::files;

/// Names of the roles that every lab may have.
pub(crate) const MONITOR: &str = "monitor";
pub(crate) const GATEWAY: &str = "gateway";
pub(crate) const LOAD: &str = "load";
pub(crate) const AGENT: &str = "agent";
pub(crate) const DATABASE: &str = "db";
/// The monitor's port for logs, by name.
pub(crate) const LOKI: &str = "loki";
/// The supervisor itself, in `endpoints.json`.
pub(crate) const SUPERVISOR: &str = "up";

/// Time to get ready; a service whose database comes up slowly takes 10 s by its own retries, and twenty that start at once on a slow
/// machine several times what one takes.
const READY_TIMEOUT: Duration = Duration::from_secs(90);
/// A database server's first start fills its folder, on a slow disk file by file.
const DATABASE_READY_TIMEOUT: Duration = Duration::from_secs(120);

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
    /// Keeps what services are given.
    Databases,
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
    /// What is watched: the role itself, or another that it tells of.
    pub instance: String,
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
    pub scrapes: Vec<ScrapeTarget>,
    /// How long it may take to get ready.
    pub(crate) ready_timeout: Duration,
    program: Program,
}

/// What its command line is made of.
#[derive(Debug, Clone, PartialEq)]
enum Program {
    Monitor,
    Database(ServerKind, Vec<String>),
    /// With the database server, where order services need one.
    Service(Box<ServiceConfig>, Option<ServerKind>),
    Gateway,
    Load(Box<LoadConfig>),
    /// With the database server that it tells of.
    Agent(Option<ServerKind>),
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
    let services =
        waited_for.into_iter().chain(others).chain(later).map(|it| service_role(it, &lab.database));
    let first = std::iter::once(monitor_role(lab.monitor)).chain(database_role(&lab.database));
    let mut roles: Vec<Role> = first.chain(services).collect();
    roles.extend(lab.gateway.as_ref().map(gateway_role));
    roles.extend(lab.load.as_ref().map(load_role));
    roles.extend(lab.agent.as_ref().map(|it| agent_role(it, &lab.database)));
    roles
}

fn monitor_role(ports: MonitorConfig) -> Role {
    Role {
        name: MONITOR.to_owned(),
        about: "metrics, logs, rules, alerts, dashboards".to_owned(),
        group: Group::Monitoring,
        ports: vec![
            RolePort { flag: "--ui-listen", url: "ui", default: ports.ui },
            RolePort { flag: "--prometheus-listen", url: "prometheus", default: ports.prometheus },
            RolePort { flag: "--alertmanager-listen", url: "alertmanager", default: ports.alertmanager },
            RolePort { flag: "--loki-listen", url: LOKI, default: ports.loki },
        ],
        after: vec![],
        scrapes: scrape("watchfire", MONITOR, "prometheus"),
        ready_timeout: READY_TIMEOUT,
        program: Program::Monitor,
    }
}

/// It has no metrics of its own: the agent asks it.
fn database_role(database: &DatabaseConfig) -> Option<Role> {
    let (kind, port, _) = database.server()?;
    Some(Role {
        name: DATABASE.to_owned(),
        about: format!("{}, from the installed packages", kind.title),
        group: Group::Databases,
        ports: vec![RolePort { flag: "--listen", url: kind.name, default: port }],
        after: vec![],
        scrapes: vec![],
        ready_timeout: DATABASE_READY_TIMEOUT,
        program: Program::Database(kind, database.settings.clone()),
    })
}

fn service_role(service: &ServiceConfig, database: &DatabaseConfig) -> Role {
    let name = service.name.value.clone();
    let job = service.job.as_ref().map_or_else(|| name.clone(), |job| job.value.clone());
    let server = database.kind.server().filter(|_| service.kind == ServiceKind::Orders);
    let payments = service.payments.iter().map(|payments| payments.value.clone());
    let after = payments.chain(server.map(|_| DATABASE.to_owned())).collect();
    Role {
        about: service.about.clone(),
        group: Group::Services,
        ports: vec![
            RolePort { flag: "--listen", url: "http", default: service.ports.http },
            RolePort { flag: "--metrics-listen", url: "metrics", default: service.ports.metrics },
        ],
        after,
        scrapes: vec![ScrapeTarget {
            job,
            instance: name.clone(),
            url: "metrics",
            labels: service.labels.clone(),
        }],
        ready_timeout: READY_TIMEOUT,
        program: Program::Service(Box::new(service.clone()), server),
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
        scrapes: scrape(GATEWAY, GATEWAY, "http"),
        ready_timeout: READY_TIMEOUT,
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
        scrapes: scrape(LOAD, LOAD, "http"),
        ready_timeout: READY_TIMEOUT,
        program: Program::Load(Box::new(load.clone())),
    }
}

fn agent_role(agent: &AgentConfig, database: &DatabaseConfig) -> Role {
    let mut role = Role {
        name: AGENT.to_owned(),
        about: "metrics of this host and of the lab's processes, ships the logs".to_owned(),
        group: Group::Monitoring,
        ports: vec![RolePort { flag: "--listen", url: "http", default: agent.port }],
        // It pushes logs there.
        after: vec![MONITOR.to_owned()],
        scrapes: scrape("node", AGENT, "http"),
        ready_timeout: READY_TIMEOUT,
        program: Program::Agent(database.kind.server()),
    };
    if let Some((kind, _, metrics_port)) = database.server() {
        role.about.push_str(", and of the database");
        role.ports.push(RolePort { flag: kind.agent_flags[2], url: kind.name, default: metrics_port });
        role.after.push(DATABASE.to_owned());
        role.scrapes.extend(scrape(kind.name, DATABASE, kind.name));
    }
    role
}

fn scrape(job: &str, instance: &str, url: &'static str) -> Vec<ScrapeTarget> {
    let (job, instance) = (job.to_owned(), instance.to_owned());
    vec![ScrapeTarget { job, instance, url, labels: BTreeMap::new() }]
}

impl Role {
    /// The subcommand and flags of this role, without its ports. `known` says who is ready already, and where.
    pub(crate) fn arguments(&self, data_dir: &Path, known: &Endpoints) -> Vec<String> {
        match &self.program {
            Program::Monitor => monitor(data_dir, known),
            Program::Database(kind, settings) => database(*kind, settings, data_dir),
            Program::Service(service, server) => self.service(service, *server, data_dir, known),
            Program::Gateway => words(&["gateway"])
                .chain(path_flag("--config", &files::run_dir(data_dir).join(files::GATEWAY)))
                .collect(),
            Program::Load(load) => generator(load, data_dir, known),
            Program::Agent(server) => agent(*server, data_dir, known),
        }
    }

    fn service(
        &self,
        service: &ServiceConfig,
        server: Option<ServerKind>,
        data_dir: &Path,
        known: &Endpoints,
    ) -> Vec<String> {
        let mut all: Vec<String> = words(&["service", service.kind.name(), "--name", &self.name]).collect();
        all.extend(path_flag("--log-dir", &files::log_dir(data_dir)));
        if service.kind == ServiceKind::Orders {
            all.extend(orders_database(server, data_dir, known));
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
        let Program::Service(service, _) = &self.program else { return None };
        service.endpoints.as_ref().map(|it| serde_json::json!({ "endpoints": it.value }))
    }
}

/// Where orders are kept. A server's password stays in its file.
fn orders_database(server: Option<ServerKind>, data_dir: &Path, known: &Endpoints) -> Vec<String> {
    match server {
        None => {
            let file = format!("sqlite://{}", data_dir.join("orders.db").display());
            words(&["--database", &file]).collect()
        }
        Some(kind) => {
            let url = known.url(DATABASE, kind.name).unwrap_or_default();
            let password = files::database_dir(data_dir, kind).join(files::APP_PASSWORD);
            words(&["--database", &url]).chain(path_flag("--database-password-file", &password)).collect()
        }
    }
}

fn database(kind: ServerKind, settings: &[String], data_dir: &Path) -> Vec<String> {
    let settings = settings.iter().flat_map(|setting| ["--setting".to_owned(), setting.clone()]);
    words(&["database", kind.name])
        .chain(path_flag("--data-dir", &files::database_dir(data_dir, kind)))
        .chain(settings)
        .collect()
}

fn agent(server: Option<ServerKind>, data_dir: &Path, known: &Endpoints) -> Vec<String> {
    let mut all: Vec<String> =
        words(&["agent"]).chain(path_flag("--processes", &data_dir.join(files::ENDPOINTS))).collect();
    if known.url(MONITOR, LOKI).is_some() {
        all.extend(path_flag("--promtail-config", &files::run_dir(data_dir).join(files::PROMTAIL)));
    }
    if let Some(kind) = server {
        let url = known.url(DATABASE, "exporter").unwrap_or_default();
        let password = files::database_dir(data_dir, kind).join(files::EXPORTER_PASSWORD);
        all.extend(words(&[kind.agent_flags[0], &url]));
        all.extend(path_flag(kind.agent_flags[1], &password));
    }
    all
}

fn monitor(data_dir: &Path, known: &Endpoints) -> Vec<String> {
    let run = files::run_dir(data_dir);
    let inbox = known.url(SUPERVISOR, "inbox");
    let inbox = inbox.map(|url| ["--inbox-url".to_owned(), url]);
    words(&["monitor"])
        .chain(path_flag("--config", &run.join(files::PROMETHEUS)))
        .chain(path_flag("--alertmanager-config", &run.join(files::ALERTMANAGER)))
        .chain(path_flag("--data-dir", data_dir))
        .chain(inbox.into_iter().flatten())
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
    use crate::config::DatabaseKind;

    #[test]
    fn the_default_lab_can_start_and_has_twelve_services() {
        let (mut names, mut ports) = (BTreeSet::new(), BTreeSet::new());
        let all = roles();
        for role in &all {
            assert!(role.after.iter().all(|a| names.contains(a)), "{} comes before what it needs", role.name);
            assert!(names.insert(role.name.clone()), "{} twice", role.name);
            assert!(role.ports.iter().all(|p| ports.insert(p.default)), "{} shares a port", role.name);
            assert!(role.scrapes.iter().all(|s| role.ports.iter().any(|p| p.url == s.url)), "{}", role.name);
        }
        let services = all.iter().filter(|role| role.group == Group::Services);
        let jobs: BTreeSet<&str> =
            services.flat_map(|role| &role.scrapes).map(|it| it.job.as_str()).collect();
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
        known.0.insert("payments".into(), crate::Endpoint { pid: Some(1), urls: urls.into() });
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

    #[test]
    fn a_database_server_is_started_first_and_its_passwords_stay_in_files() {
        for (kind, port, metrics_port) in
            [(DatabaseKind::Mysql, 3306, 9104), (DatabaseKind::Postgres, 5432, 9187)]
        {
            let name = kind.server().expect("a server").name;
            let all = roles_of(&LabConfig::builtin().on(kind));
            let place = |name: &str| all.iter().position(|role| role.name == name).expect(name);
            assert!(
                place("db") < place("orders-1") && all[place("orders-2")].after.contains(&"db".to_owned())
            );
            assert_eq!(all[place("db")].ports[0].default, port);
            let agent = &all[place("agent")];
            assert_eq!((agent.ports[1].default, agent.scrapes[1].instance.as_str()), (metrics_port, "db"));
            let mut known = Endpoints::default();
            let urls = [(name, "app_user"), ("exporter", "exporter")]
                .map(|(url, user)| (url.to_owned(), format!("{name}://{user}@127.0.0.1:1/orders_db")));
            known.0.insert("db".into(), crate::Endpoint { pid: Some(1), urls: urls.into() });
            let flags = |name: &str| all[place(name)].arguments(Path::new("/data"), &known).join(" ");
            assert_eq!(flags("db"), format!("database {name} --data-dir /data/{name}"));
            let orders = format!(
                "--database {name}://app_user@127.0.0.1:1/orders_db --database-password-file /data/{name}/app_user.password"
            );
            assert!(flags("orders-1").contains(&orders), "{}", flags("orders-1"));
            let asks = format!(
                "--{name}-url {name}://exporter@127.0.0.1:1/orders_db --{name}-password-file /data/{name}/exporter.password"
            );
            assert!(flags("agent").ends_with(&asks), "{}", flags("agent"));
            assert!(!flags("web").contains("--database"), "{}", flags("web"));
        }
        assert!(
            roles_of(&LabConfig::builtin().on(DatabaseKind::Sqlite)).iter().all(|role| role.name != "db")
        );
    }
}
