//! Which programs the default lab runs, on which ports, in which order, and what the monitor scrapes of them.

use std::path::Path;

use crate::endpoints::Endpoints;
use crate::files;

/// One port of a role: the flag that sets it, the name of the URL it gives, and its port in the default lab.
#[derive(Debug, Clone, Copy)]
pub struct RolePort {
    /// The role's own flag, as in `watchfire ROLE --help`.
    pub flag: &'static str,
    /// The URL's name in `endpoints.json`.
    pub url: &'static str,
    /// Where it is found unless told otherwise.
    pub default: u16,
}

/// One program of the lab.
#[derive(Debug, Clone)]
pub struct Role {
    /// Its name, unique in the lab.
    pub name: &'static str,
    /// What it is, for people.
    pub about: &'static str,
    /// Its ports.
    pub ports: &'static [RolePort],
    /// Roles that must be ready before this one starts.
    pub after: &'static [&'static str],
    /// The scrape job it belongs to, and the URL that is scraped.
    pub scrape: (&'static str, &'static str),
    arguments: fn(&Place<'_>) -> Vec<String>,
}

/// Where a role starts: what its command line may depend on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The role's own name.
    pub name: &'a str,
    /// The lab's data directory.
    pub data_dir: &'a Path,
    /// Who is ready already, and where.
    pub known: &'a Endpoints,
}

impl Role {
    /// The subcommand and flags of this role, without its ports.
    pub(crate) fn arguments(&self, data_dir: &Path, known: &Endpoints) -> Vec<String> {
        (self.arguments)(&Place { name: self.name, data_dir, known })
    }
}

/// The default lab, in the order in which roles are listed; they stop in reverse.
pub fn roles() -> Vec<Role> {
    vec![
        Role {
            name: "monitor",
            about: "metrics, rules, alerts, dashboards",
            ports: &[
                RolePort { flag: "--ui-listen", url: "ui", default: 3000 },
                RolePort { flag: "--prometheus-listen", url: "prometheus", default: 9090 },
            ],
            after: &[],
            scrape: ("watchfire", "prometheus"),
            arguments: monitor,
        },
        Role {
            name: "orders-1",
            about: "order service, first instance",
            ports: &ORDERS_1,
            after: &[],
            scrape: ("order-service", "metrics"),
            arguments: orders,
        },
        Role {
            name: "orders-2",
            about: "order service, second instance",
            ports: &ORDERS_2,
            after: &[],
            scrape: ("order-service", "metrics"),
            arguments: orders,
        },
        Role {
            name: "gateway",
            about: "balances over the instances",
            ports: &[RolePort { flag: "--listen", url: "http", default: 5000 }],
            after: &["orders-1", "orders-2"],
            scrape: ("gateway", "http"),
            arguments: gateway,
        },
        Role {
            name: "load",
            about: "load generator, stage normal: 10 users",
            ports: &[RolePort { flag: "--listen", url: "http", default: 8089 }],
            after: &["gateway"],
            scrape: ("load", "http"),
            arguments: load,
        },
        Role {
            name: "agent",
            about: "metrics of this host and of the lab's processes",
            ports: &[RolePort { flag: "--listen", url: "http", default: 9100 }],
            after: &[],
            scrape: ("node", "http"),
            arguments: agent,
        },
    ]
}

const ORDERS_1: [RolePort; 2] = [
    RolePort { flag: "--listen", url: "http", default: 5001 },
    RolePort { flag: "--metrics-listen", url: "metrics", default: 8001 },
];

const ORDERS_2: [RolePort; 2] = [
    RolePort { flag: "--listen", url: "http", default: 5002 },
    RolePort { flag: "--metrics-listen", url: "metrics", default: 8002 },
];

fn monitor(place: &Place<'_>) -> Vec<String> {
    let run = files::run_dir(place.data_dir);
    strings(&["monitor"])
        .chain(path_flag("--config", &run.join(files::PROMETHEUS)))
        .chain(path_flag("--alertmanager-config", &run.join(files::ALERTMANAGER)))
        .chain(path_flag("--data-dir", place.data_dir))
        .collect()
}

fn orders(place: &Place<'_>) -> Vec<String> {
    let database = format!("sqlite://{}", place.data_dir.join("orders.db").display());
    strings(&["service", "orders", "--name", place.name, "--database", &database])
        .chain(path_flag("--log-dir", &files::log_dir(place.data_dir)))
        .collect()
}

fn gateway(place: &Place<'_>) -> Vec<String> {
    strings(&["gateway"])
        .chain(path_flag("--config", &files::run_dir(place.data_dir).join(files::GATEWAY)))
        .collect()
}

fn load(place: &Place<'_>) -> Vec<String> {
    let target = place.known.url("gateway", "http").unwrap_or_default();
    strings(&["load", "--host", &target, "--stage", "normal"]).collect()
}

fn agent(place: &Place<'_>) -> Vec<String> {
    strings(&["agent"]).chain(path_flag("--processes", &place.data_dir.join(files::ENDPOINTS))).collect()
}

fn strings(words: &[&str]) -> impl Iterator<Item = String> {
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
    fn names_and_ports_are_unique_and_order_is_possible() {
        let (mut names, mut ports) = (BTreeSet::new(), BTreeSet::new());
        for role in roles() {
            assert!(role.after.iter().all(|a| names.contains(a)), "{} comes before what it needs", role.name);
            assert!(names.insert(role.name), "{} twice", role.name);
            assert!(role.ports.iter().all(|p| ports.insert(p.default)), "{} shares a port", role.name);
            assert!(role.ports.iter().any(|p| p.url == role.scrape.1), "{} has no scrape URL", role.name);
        }
    }
}
