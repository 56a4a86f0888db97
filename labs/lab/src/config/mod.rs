//! `lab.yml`: the fleet, what its gateway routes, what load it is under, what is scraped of it.
//!
//! Read once at start. What does not fit together is told with file, line and column, before anything runs.

mod check;

use std::collections::BTreeMap;
use std::path::Path;

use ::config::{ByteSize, ConfigError, Duration, Spanned};
use model::DurationMs;
use serde::Deserialize;

/// The lab that runs unless another is given.
const BUILTIN: &str = include_str!("../../../../deploy/lab.yml");
/// Where it stands, for messages.
const BUILTIN_FILE: &str = "deploy/lab.yml";

/// The whole file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabConfig {
    /// The programs under observation.
    pub services: Vec<ServiceConfig>,
    /// Who balances over them.
    #[serde(default)]
    pub gateway: Option<GatewayConfig>,
    /// Who sends requests.
    #[serde(default)]
    pub load: Option<LoadConfig>,
    /// Who tells of the host and the processes.
    #[serde(default)]
    pub agent: Option<AgentConfig>,
    /// Where the order services keep their orders.
    #[serde(default)]
    pub database: DatabaseConfig,
    /// Who watches.
    #[serde(default)]
    pub monitor: MonitorConfig,
    /// How it watches.
    #[serde(default)]
    pub scrape: ScrapeConfig,
}

/// The agent on this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentConfig {
    /// Where it is scraped; any free one without it.
    #[serde(default)]
    pub port: u16,
}

/// The database of all order services.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    /// Which; a server is started from the installed packages.
    pub kind: DatabaseKind,
    /// Where the server listens; its usual port without it, 0 for any free one.
    #[serde(default)]
    pub port: Option<Spanned<u16>>,
    /// Where the agent serves the server's metrics; the exporter's usual port without it, 0 for any free one.
    #[serde(default)]
    pub metrics_port: Option<Spanned<u16>>,
    /// Settings of the server's own, as in `watchfire database --setting`.
    #[serde(default)]
    pub settings: Vec<String>,
}

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DatabaseKind {
    /// One file, embedded in the services.
    #[default]
    Sqlite,
    /// MariaDB.
    Mysql,
    /// PostgreSQL.
    Postgres,
}

/// What the lab knows of a database server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ServerKind {
    /// The word for it: subcommand, name of its URL, job, folder.
    pub(crate) name: &'static str,
    /// For people.
    pub(crate) title: &'static str,
    /// Its usual port.
    pub(crate) port: u16,
    /// The usual port of its exporter.
    pub(crate) metrics_port: u16,
    /// The agent's flags for it: the server's URL, its password's file, where its metrics are served.
    pub(crate) agent_flags: [&'static str; 3],
}

impl DatabaseKind {
    /// What there is to know of it, if it is a server.
    pub(crate) fn server(self) -> Option<ServerKind> {
        match self {
            Self::Sqlite => None,
            Self::Mysql => Some(ServerKind {
                name: "mysql",
                title: "MariaDB",
                port: 3306,
                metrics_port: 9104,
                agent_flags: ["--mysql-url", "--mysql-password-file", "--mysql-listen"],
            }),
            Self::Postgres => Some(ServerKind {
                name: "postgres",
                title: "PostgreSQL",
                port: 5432,
                metrics_port: 9187,
                agent_flags: ["--postgres-url", "--postgres-password-file", "--postgres-listen"],
            }),
        }
    }
}

impl DatabaseConfig {
    /// The server and the two ports, if it is a server.
    pub(crate) fn server(&self) -> Option<(ServerKind, u16, u16)> {
        let kind = self.kind.server()?;
        let or_usual = |port: &Option<Spanned<u16>>, usual| port.as_ref().map_or(usual, |port| port.value);
        Some((kind, or_usual(&self.port, kind.port), or_usual(&self.metrics_port, kind.metrics_port)))
    }
}

/// One process of the fleet.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceConfig {
    /// Unique in the lab; the `instance` label.
    pub name: Spanned<String>,
    /// Which program.
    pub kind: ServiceKind,
    /// What it is, for people.
    #[serde(default)]
    pub about: String,
    /// The scrape job, which several instances share; the name without it.
    #[serde(default)]
    pub job: Option<Spanned<String>>,
    /// More labels for all that is scraped of it.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Where it listens; free ports without it.
    #[serde(default)]
    pub ports: ServicePorts,
    /// Whether faults can be switched on while it runs.
    #[serde(default)]
    pub faults: bool,
    /// Memory that it may take, for alerts and the memory fault.
    #[serde(default)]
    pub memory_limit: Option<ByteSize>,
    /// Of orders: the payment processor that new orders are paid at.
    #[serde(default)]
    pub payments: Option<Spanned<String>>,
    /// Of a generic service: what it answers.
    #[serde(default)]
    pub endpoints: Option<Spanned<Vec<EndpointConfig>>>,
    /// Further flags of `watchfire service KIND`.
    #[serde(default)]
    pub flags: Vec<String>,
}

/// Which program a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceKind {
    /// Orders over an SQL database.
    Orders,
    /// Sample web pages.
    Web,
    /// Payment processor.
    Payments,
    /// Merchant API.
    Merchant,
    /// Endpoints by configuration.
    Generic,
}

impl ServiceKind {
    /// The subcommand of `watchfire service`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Web => "web",
            Self::Payments => "payments",
            Self::Merchant => "merchant",
            Self::Generic => "generic",
        }
    }
}

/// Ports of a service; 0 for any free one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServicePorts {
    /// Requests.
    #[serde(default)]
    pub http: u16,
    /// Metrics.
    #[serde(default)]
    pub metrics: u16,
}

/// One route of a generic service; the service knows the defaults.
#[derive(Debug, Clone, PartialEq, Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointConfig {
    path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    view: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    median: Option<Duration>,
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    p99: Option<Duration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    errors: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    response_bytes: Option<u32>,
}

/// The gateway in front of services.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayConfig {
    /// Where clients come in.
    #[serde(default)]
    pub port: u16,
    /// Groups of equal services, by name.
    pub upstreams: BTreeMap<String, Vec<Spanned<String>>>,
    /// Which path goes to which group.
    pub routes: Vec<RouteConfig>,
}

/// One path prefix of the gateway.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteConfig {
    /// As in `gateway.yml`.
    pub prefix: String,
    /// Name of a group.
    pub upstream: Spanned<String>,
}

/// The load generator.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadConfig {
    /// Where its figures answer.
    #[serde(default)]
    pub port: u16,
    /// Who gets the stage's orders: the gateway or a service.
    pub target: Spanned<String>,
    /// Which stage.
    #[serde(default = "normal")]
    pub stage: String,
    /// Further flags of `watchfire load`.
    #[serde(default)]
    pub flags: Vec<String>,
    /// Groups of users who keep other services busy.
    #[serde(default)]
    pub traffic: Vec<TrafficConfig>,
}

/// Users of one target; the generator knows the defaults.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrafficConfig {
    /// The label `target` of the figures; the target's name without it.
    #[serde(default)]
    pub name: Option<String>,
    /// The gateway or a service.
    pub target: Spanned<String>,
    /// How many.
    pub users: u32,
    /// New users a second.
    #[serde(default)]
    pub ramp_per_second: Option<f64>,
    /// Shortest thought.
    #[serde(default)]
    pub think_min: Option<Duration>,
    /// Longest thought.
    #[serde(default)]
    pub think_max: Option<Duration>,
    /// What they send.
    pub requests: Vec<RequestConfig>,
}

/// One kind of request.
#[derive(Debug, Clone, PartialEq, Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct RequestConfig {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    weight: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

/// Where the monitor listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MonitorConfig {
    /// Pages and every API.
    pub ui: u16,
    /// Prometheus' API.
    pub prometheus: u16,
    /// Alertmanager's API.
    pub alertmanager: u16,
    /// Loki's API.
    pub loki: u16,
}

impl Default for MonitorConfig {
    fn default() -> Self {
        Self { ui: 3000, prometheus: 9090, alertmanager: 9093, loki: 3100 }
    }
}

/// How the monitor scrapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScrapeConfig {
    /// Between two looks at a target, and between two looks at the rules.
    pub interval: Duration,
}

impl Default for ScrapeConfig {
    /// Short, because a person in front of a lab does not want to wait.
    fn default() -> Self {
        Self { interval: Duration(DurationMs(2000)) }
    }
}

fn normal() -> String {
    "normal".to_owned()
}

fn as_text<S: serde::Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => serializer.collect_str(duration),
        None => serializer.serialize_none(),
    }
}

impl LabConfig {
    /// The lab that comes with the program.
    ///
    /// # Panics
    /// Never: a test reads it.
    pub fn builtin() -> Self {
        Self::parse(Path::new(BUILTIN_FILE), BUILTIN).expect("the embedded lab.yml is under test")
    }

    /// The same lab on another database; ports and settings that the file gives are for the kind that it names.
    #[must_use]
    pub fn on(mut self, kind: DatabaseKind) -> Self {
        if kind != self.database.kind {
            self.database = DatabaseConfig { kind, ..DatabaseConfig::default() };
        }
        self
    }

    /// Reads and checks `file`.
    ///
    /// # Errors
    /// What is wrong, with its place.
    pub fn read(file: &Path) -> Result<Self, ConfigError> {
        let lab: Self = ::config::read(file)?;
        check::check(&lab, file)?;
        Ok(lab)
    }

    /// Reads and checks the text of `file`.
    ///
    /// # Errors
    /// What is wrong, with its place.
    pub fn parse(file: &Path, text: &str) -> Result<Self, ConfigError> {
        let lab: Self = ::config::from_str(file, text)?;
        check::check(&lab, file)?;
        Ok(lab)
    }
}
