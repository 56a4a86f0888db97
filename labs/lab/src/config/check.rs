//! Whether the parts of a `lab.yml` fit together: names that meet, ports that differ, settings where they belong.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ::config::{ConfigError, Position, Spanned};

use super::{DatabaseConfig, LabConfig, ServiceConfig, ServiceKind};
use crate::roles::{AGENT, DATABASE, GATEWAY, LOAD, MONITOR, SUPERVISOR};

/// Most services: each is a process with some ten threads.
const SERVICES_MAX: usize = 100;

pub(super) fn check(lab: &LabConfig, file: &Path) -> Result<(), ConfigError> {
    let check = Check { lab, file };
    check.names()?;
    check.ports()?;
    check.database()?;
    lab.services.iter().try_for_each(|service| check.service(service))?;
    check.gateway()?;
    check.load()
}

struct Check<'a> {
    lab: &'a LabConfig,
    file: &'a Path,
}

impl Check<'_> {
    fn refuse<T>(&self, at: Position, what: String) -> Result<T, ConfigError> {
        Err(ConfigError::at(self.file, at, what))
    }

    fn names(&self) -> Result<(), ConfigError> {
        let services = &self.lab.services;
        if services.is_empty() || services.len() > SERVICES_MAX {
            let what = format!("{} services; must be 1 to {SERVICES_MAX}", services.len());
            return self.refuse(Position::default(), what);
        }
        let mut seen = BTreeSet::from([MONITOR, GATEWAY, LOAD, AGENT, DATABASE, SUPERVISOR]);
        for ServiceConfig { name, job, .. } in services {
            self.word(name)?;
            job.as_ref().map_or(Ok(()), |job| self.word(job))?;
            if !seen.insert(&name.value) {
                return self.refuse(name.at, format!("the name {} is taken", name.value));
            }
        }
        Ok(())
    }

    /// Names become file names.
    fn word(&self, word: &Spanned<String>) -> Result<(), ConfigError> {
        let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        match word.value.bytes().all(good) && word.value.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            true => Ok(()),
            false => {
                let what = format!("{:?} must consist of letters, digits, - and _", word.value);
                self.refuse(word.at, what)
            }
        }
    }

    fn ports(&self) -> Result<(), ConfigError> {
        let mut holders: BTreeMap<u16, &str> = BTreeMap::new();
        let lab = self.lab;
        let nowhere = Position::default();
        let database = lab.database.server();
        let fixed = [
            (lab.monitor.ui, MONITOR, nowhere),
            (lab.monitor.prometheus, MONITOR, nowhere),
            (lab.gateway.as_ref().map_or(0, |it| it.port), GATEWAY, nowhere),
            (lab.load.as_ref().map_or(0, |it| it.port), LOAD, nowhere),
            (lab.agent.map_or(0, |it| it.port), AGENT, nowhere),
            (database.map_or(0, |(_, port, _)| port), DATABASE, nowhere),
            (lab.agent.and(database).map_or(0, |(.., metrics_port)| metrics_port), AGENT, nowhere),
        ];
        let services = lab.services.iter().flat_map(|service| {
            let Spanned { value, at } = &service.name;
            [service.ports.http, service.ports.metrics].map(|port| (port, value.as_str(), *at))
        });
        for (port, name, at) in fixed.into_iter().chain(services).filter(|(port, ..)| *port != 0) {
            if let Some(holder) = holders.insert(port, name) {
                return self.refuse(at, format!("port {port} of {name} is that of {holder}"));
            }
        }
        Ok(())
    }

    fn database(&self) -> Result<(), ConfigError> {
        let DatabaseConfig { kind, port, metrics_port, settings } = &self.lab.database;
        let (None, at) = (kind.server(), port.as_ref().or(metrics_port.as_ref()).map(|port| port.at)) else {
            return Ok(());
        };
        match (at, settings.is_empty()) {
            (None, true) => Ok(()),
            (at, _) => {
                let what = "sqlite is a file; ports and settings are for mysql and postgres".to_owned();
                self.refuse(at.unwrap_or_default(), what)
            }
        }
    }

    /// Settings of one kind that stand at another would be silently without effect.
    fn service(&self, service: &ServiceConfig) -> Result<(), ConfigError> {
        let ServiceConfig { name, kind, payments, endpoints, .. } = service;
        match (kind, endpoints) {
            (ServiceKind::Generic, None) => {
                return self.refuse(name.at, format!("{name} is generic and has no endpoints"));
            }
            (ServiceKind::Generic, Some(_)) | (_, None) => {}
            (_, Some(endpoints)) => {
                return self.refuse(endpoints.at, "endpoints are for services of kind generic".to_owned());
            }
        }
        let Some(payments) = payments else { return Ok(()) };
        if *kind != ServiceKind::Orders {
            return self.refuse(payments.at, "payments is for services of kind orders".to_owned());
        }
        self.known(payments, |other| other.kind == ServiceKind::Payments, &[])
    }

    fn gateway(&self) -> Result<(), ConfigError> {
        let Some(gateway) = &self.lab.gateway else { return Ok(()) };
        for member in gateway.upstreams.values().flatten() {
            self.known(member, |_| true, &[])?;
        }
        for route in &gateway.routes {
            let Spanned { value, at } = &route.upstream;
            match gateway.upstreams.get(value) {
                None => {
                    let known: Vec<&str> = gateway.upstreams.keys().map(String::as_str).collect();
                    return self.refuse(*at, format!("no upstream {value}; there are {}", known.join(", ")));
                }
                Some(members) if members.is_empty() => {
                    return self.refuse(*at, format!("upstream {value} has no members"));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    fn load(&self) -> Result<(), ConfigError> {
        let Some(load) = &self.lab.load else { return Ok(()) };
        let gateway: &[&str] = if self.lab.gateway.is_some() { &[GATEWAY] } else { &[] };
        let targets = load.traffic.iter().map(|traffic| &traffic.target);
        std::iter::once(&load.target)
            .chain(targets)
            .try_for_each(|target| self.known(target, |_| true, gateway))
    }

    /// Refuses a name that no fitting service has, and says which there are.
    fn known(
        &self,
        name: &Spanned<String>,
        fits: impl Fn(&ServiceConfig) -> bool,
        besides: &[&str],
    ) -> Result<(), ConfigError> {
        let services = self.lab.services.iter().filter(|service| fits(service));
        let names: Vec<&str> =
            besides.iter().copied().chain(services.map(|service| service.name.value.as_str())).collect();
        match names.contains(&name.value.as_str()) {
            true => Ok(()),
            false => self.refuse(name.at, format!("no such service: {name}; there are {}", names.join(", "))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
services:
  - {name: payments, kind: payments, ports: {http: 5004, metrics: 8004}}
  - {name: orders-1, kind: orders, job: order-service, payments: payments}
  - name: catalog
    kind: generic
    endpoints: [{path: /api/products, median: 5ms}]
gateway:
  port: 5000
  upstreams: {orders: [orders-1]}
  routes: [{prefix: /api/order, upstream: orders}]
load:
  port: 8089
  target: gateway
  traffic: [{target: catalog, users: 2, think_min: 1s, requests: [{path: /api/products}]}]
";

    #[test]
    fn what_fits_is_taken() {
        let lab = LabConfig::parse(Path::new("lab.yml"), GOOD).expect(GOOD);
        assert_eq!((lab.services.len(), lab.monitor.ui), (3, 3000));
        assert!(LabConfig::builtin().services.len() >= 13);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_place() {
        let check = |from: &str, to: &str, expect: &str| {
            assert!(GOOD.contains(from), "{from}");
            let error = LabConfig::parse(Path::new("lab.yml"), &GOOD.replacen(from, to, 1));
            assert_eq!(error.expect_err(expect).to_string(), expect);
        };
        check("name: orders-1", "name: payments", "lab.yml:3:12: the name payments is taken");
        check("name: orders-1", "name: gateway", "lab.yml:3:12: the name gateway is taken");
        check(
            "name: orders-1",
            "name: ../x",
            "lab.yml:3:12: \"../x\" must consist of letters, digits, - and _",
        );
        check("metrics: 8004", "metrics: 5000", "lab.yml:2:12: port 5000 of payments is that of gateway");
        check(
            "payments: payments",
            "payments: catalog",
            "lab.yml:3:66: no such service: catalog; there are payments",
        );
        check(
            "job: order-service",
            "endpoints: []",
            "lab.yml:3:47: endpoints are for services of kind generic",
        );
        check(
            "    endpoints: [{path: /api/products, median: 5ms}]\n",
            "",
            "lab.yml:4:11: catalog is generic and has no endpoints",
        );
        check("upstream: orders", "upstream: order", "lab.yml:10:43: no upstream order; there are orders");
        check(
            "target: catalog",
            "target: cat",
            "lab.yml:14:22: no such service: cat; there are gateway, payments, orders-1, catalog",
        );
        check(
            "load:",
            "database: {kind: oracle}\nload:",
            "lab.yml:11:18: unknown variant `oracle`, expected one of sqlite, mysql, postgres",
        );
        check(
            "load:",
            "database: {kind: mysql, port: 5004}\nload:",
            "lab.yml:2:12: port 5004 of payments is that of db",
        );
        check(
            "load:",
            "database: {kind: sqlite, port: 5}\nload:",
            "lab.yml:11:32: sqlite is a file; ports and settings are for mysql and postgres",
        );
        check("median: 5ms", "mediun: 5ms", "lab.yml:6:39: unknown field mediun (did you mean median?)");
    }
}
