//! A program of others, started for a comparison.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::exposed::get;

/// The other program, ended with the test.
pub(crate) struct Peer {
    child: Child,
    /// Where it serves.
    pub at: SocketAddr,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a comparison is wanted: values move between two reads, more so on a busy machine, so that
/// `cargo xtask test --full` asks for it.
pub(crate) fn is_wanted(program: &str) -> bool {
    let is_wanted = std::env::var_os("WATCHFIRE_PEERS").is_some();
    if !is_wanted {
        eprintln!("SKIPPED: set WATCHFIRE_PEERS=1 to compare with {program}");
    }
    is_wanted
}

/// Starts `program` on a free port and waits until it answers. Skipped aloud where it is missing.
pub(crate) fn start(program: &str, arguments: &[&str], environment: &[(&str, String)]) -> Option<Peer> {
    let at = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    let mut command = Command::new(program);
    command
        .arg(format!("--web.listen-address={at}"))
        .args(arguments)
        .env("GOMAXPROCS", "1")
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let Ok(child) = command.spawn() else {
        eprintln!("SKIPPED: {program} is not installed; apt-get install {program}");
        return None;
    };
    let peer = Peer { child, at };
    let end = Instant::now() + Duration::from_secs(20);
    while get(at, "/metrics").is_none() {
        assert!(Instant::now() < end, "{program} does not answer on {at}");
        std::thread::yield_now();
    }
    Some(peer)
}
