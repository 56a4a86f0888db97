//! Flags of a pair: monitors that watch the same and do not both tell.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use app::{PEERS_MAX, PeerOptions};
use config::SecretSource;
use model::DurationMs;

#[derive(Debug, clap::Args)]
pub(crate) struct PairFlags {
    /// Another monitor that watches the same: the address of its Alertmanager port. Both share silences and who was told, and
    /// do not both tell; give each the other's. May be given more than once.
    #[arg(long, env = "WATCHFIRE_PEER", value_name = "URL", value_delimiter = ',')]
    peer: Vec<String>,
    /// A file with a secret that both know. Without it peers must be on this machine.
    #[arg(long, env = "WATCHFIRE_PEER_TOKEN_FILE", value_name = "FILE", requires = "peer")]
    peer_token_file: Option<PathBuf>,
    /// How long the second of a pair waits for the first one to tell.
    #[arg(long, env = "WATCHFIRE_PEER_WAIT", default_value = "15s", value_name = "DURATION")]
    peer_wait: DurationMs,
    /// This monitor's name in the pair, another one for each; the first by name tells. HOST:PORT of its Alertmanager port
    /// without it.
    #[arg(long, env = "WATCHFIRE_PEER_NAME", value_name = "NAME")]
    peer_name: Option<String>,
}

impl PairFlags {
    /// What was asked for; `None` is to be alone.
    pub(crate) fn resolve(&self, listen: SocketAddr) -> Result<Option<PeerOptions>> {
        if self.peer.is_empty() {
            return Ok(None);
        }
        if self.peer.len() > PEERS_MAX {
            bail!("{} times --peer is more than the {PEERS_MAX} allowed", self.peer.len());
        }
        for url in &self.peer {
            let Some((_, rest)) =
                url.split_once("://").filter(|(scheme, _)| ["http", "https"].contains(scheme))
            else {
                bail!("--peer {url} is no address: write http://HOST:PORT");
            };
            if self.peer_token_file.is_none() && !is_here(rest) {
                bail!("--peer {url} is not on this machine: give both monitors the same --peer-token-file");
            }
        }
        let token = self.peer_token_file.as_ref().map(|file| {
            let token = SecretSource::File(file.clone()).read();
            token.with_context(|| format!("cannot read --peer-token-file {}", file.display()))
        });
        let token = token.transpose()?;
        if token.as_ref().is_some_and(|token| token.expose().trim().is_empty()) {
            bail!("the --peer-token-file is empty");
        }
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let name = self.peer_name.clone().unwrap_or_else(|| format!("{}:{}", host.trim(), listen.port()));
        Ok(Some(PeerOptions { name, urls: self.peer.clone(), token, wait: self.peer_wait.to_std() }))
    }

    /// For the page of flags.
    pub(crate) fn shown(&self) -> String {
        self.peer.join(",")
    }
}

/// Whether what stands behind `http://` is on this machine.
fn is_here(rest: &str) -> bool {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(ip) => ip.split(']').next().unwrap_or_default(),
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    };
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(peer: &str, expected: Result<(), &str>) {
        let flags = PairFlags {
            peer: vec![peer.to_owned()],
            peer_token_file: None,
            peer_wait: DurationMs(1),
            peer_name: None,
        };
        let found = flags.resolve("127.0.0.1:9093".parse().expect("an address"));
        match (found, expected) {
            (Ok(options), Ok(())) => assert!(options.is_some_and(|o| o.name.ends_with(":9093"))),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{peer}: {error}"),
            (found, _) => panic!("{peer}: {found:?}"),
        }
    }

    #[test]
    fn a_peer_elsewhere_needs_a_token() {
        for here in ["http://127.0.0.1:9093", "http://localhost:1/", "https://[::1]:9093", "http://127.8.8.8"]
        {
            check(here, Ok(()));
        }
        for there in [
            "http://10.0.0.1:9093",
            "http://localhost.example",
            "http://127.0.0.1.example:1",
            "http://[::2]:1",
        ] {
            check(there, Err("--peer-token-file"));
        }
        for wrong in ["127.0.0.1:9093", "ftp://127.0.0.1"] {
            check(wrong, Err("is no address"));
        }
    }
}
