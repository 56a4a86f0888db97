//! Which port each role gets: the lab's own, another by choice, or any free one.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use crate::roles::{Role, RolePort};

/// How ports are chosen.
#[derive(Debug, Clone)]
pub struct PortPlan {
    /// The address that all roles listen on.
    pub ip: IpAddr,
    /// Any free port for every role, instead of the lab's own.
    pub auto: bool,
    /// Ports chosen one by one: `role.url` → port.
    pub chosen: BTreeMap<String, u16>,
}

/// A plan that cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub enum PortsError {
    /// A choice for a port that no role has.
    #[error("--port {key}: no such port; there are {known}")]
    Unknown {
        /// What was given.
        key: String,
        /// What there is.
        known: String,
    },
    /// Somebody has the port.
    #[error(
        "{role} needs port {port} for {url}: {reason}\n  free it, choose another with --port {role}.{url}=PORT, \
         or give every role a free one with --ports auto"
    )]
    Taken {
        /// Who wants it.
        role: String,
        /// For what.
        url: &'static str,
        /// Which.
        port: u16,
        /// Who has it.
        reason: net::BindError,
    },
    /// Two roles would share a port.
    #[error("port {port} is to be {first}'s and {second}'s: choose another with --port {second}=PORT")]
    Twice {
        /// Which.
        port: u16,
        /// Who comes first, as `role.url`.
        first: String,
        /// Who wants it too.
        second: String,
    },
    /// This machine has no such address.
    #[error("{reason}\n  this machine must have the address that --listen-ip names")]
    Address {
        /// What was tried.
        reason: net::BindError,
    },
}

impl PortPlan {
    /// Where `role` listens for `port` at its first start.
    pub fn address(&self, role: &Role, port: &RolePort) -> SocketAddr {
        let chosen = self.chosen.get(&key(role, port)).copied();
        SocketAddr::new(self.ip, chosen.unwrap_or(if self.auto { 0 } else { port.default }))
    }

    /// Finds out before anything starts whether all ports can be had.
    ///
    /// # Errors
    /// The first port that cannot.
    pub async fn check(&self, roles: &[Role]) -> Result<(), PortsError> {
        let known: Vec<String> = roles.iter().flat_map(|r| r.ports.iter().map(|p| key(r, p))).collect();
        if let Some(key) = self.chosen.keys().find(|k| !known.contains(k)) {
            return Err(PortsError::Unknown { key: key.clone(), known: known.join(", ") });
        }
        let mut owners: BTreeMap<u16, String> = BTreeMap::new();
        for role in roles {
            for port in &role.ports {
                let address = self.address(role, port);
                let number = address.port();
                let taken = (number != 0).then(|| owners.insert(number, key(role, port))).flatten();
                if let Some(first) = taken {
                    return Err(PortsError::Twice { port: number, first, second: key(role, port) });
                }
                // Port 0 is free by definition; the listener is dropped again at once.
                net::bind(address).await.map_err(|reason| refused(role, port, reason))?;
            }
        }
        Ok(())
    }
}

fn refused(role: &Role, port: &RolePort, reason: net::BindError) -> PortsError {
    if !reason.another_port_may_do() {
        return PortsError::Address { reason };
    }
    PortsError::Taken { role: role.name.clone(), url: port.url, port: reason.addr.port(), reason }
}

fn key(role: &Role, port: &RolePort) -> String {
    format!("{}.{}", role.name, port.url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roles;

    fn plan(auto: bool, chosen: &[(&str, u16)]) -> PortPlan {
        let chosen = chosen.iter().map(|(k, p)| ((*k).to_owned(), *p)).collect();
        PortPlan { ip: [127, 0, 0, 1].into(), auto, chosen }
    }

    #[test]
    fn a_choice_goes_before_auto_and_auto_before_the_default() {
        let monitor = roles().remove(0);
        let port = |plan: PortPlan| plan.address(&monitor, &monitor.ports[0]).port();
        assert_eq!(port(plan(false, &[])), 3000);
        assert_eq!(port(plan(true, &[])), 0);
        assert_eq!(port(plan(true, &[("monitor.ui", 3001)])), 3001);
    }

    #[tokio::test]
    async fn a_taken_port_names_port_role_and_flag() {
        let holder = net::bind("127.0.0.1:0".parse().expect("an address")).await.expect("a port");
        let taken = holder.local_addr().expect("bound").port();
        let error = plan(true, &[("gateway.http", taken)])
            .check(&roles())
            .await
            .expect_err("it is taken")
            .to_string();
        for word in [
            "gateway",
            &taken.to_string(),
            "--port gateway.http=PORT",
            "--ports auto",
            &std::process::id().to_string(),
        ] {
            assert!(error.contains(word), "{word} is missing in: {error}");
        }
    }

    #[tokio::test]
    async fn an_address_of_another_machine_is_not_called_a_taken_port() {
        let elsewhere = PortPlan { ip: [192, 0, 2, 1].into(), ..plan(true, &[]) };
        let error = elsewhere.check(&roles()).await.expect_err("not our address").to_string();
        assert!(error.contains("--listen-ip") && !error.contains("--ports"), "{error}");
    }

    #[tokio::test]
    async fn two_roles_cannot_share_a_port() {
        let twice = plan(true, &[("gateway.http", 5777), ("load.http", 5777)]);
        let error = twice.check(&roles()).await.expect_err("one port for two").to_string();
        assert!(
            error.contains("5777") && error.contains("gateway.http") && error.contains("--port load.http")
        );
    }

    #[tokio::test]
    async fn an_unknown_choice_lists_the_known_ones() {
        let error =
            plan(true, &[("monitor.web", 1)]).check(&roles()).await.expect_err("no such port").to_string();
        assert!(error.contains("monitor.web") && error.contains("monitor.ui"), "{error}");
    }
}
