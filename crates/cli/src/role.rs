//! What every long-running role does alike: say that it is ready, wait until it is told to stop.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use net::Ready;
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};

/// How a role was started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mode {
    /// By `up`, not by a person.
    pub supervised: bool,
}

/// Says that `role` answers at `urls`: one line of JSON to a supervisor, words to a person.
pub(crate) fn announce(role: &str, urls: &BTreeMap<String, String>, mode: Mode) {
    announce_process(role, std::process::id(), urls, mode);
}

/// The same for a role whose work is done by another process, `pid`.
#[expect(clippy::print_stdout, reason = "the line that a supervisor or a person waits for")]
pub(crate) fn announce_process(role: &str, pid: u32, urls: &BTreeMap<String, String>, mode: Mode) {
    if mode.supervised {
        println!("{}", Ready { role: role.to_owned(), pid, urls: urls.clone() }.to_line());
        return;
    }
    println!("{role} is ready; stop it with Ctrl-C");
    for (name, url) in urls {
        println!("  {name:<12} {url}");
    }
}

/// Waits for Ctrl-C, `SIGTERM`, or the end of standard input when supervised.
pub(crate) async fn until_told_to_stop(mode: Mode) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        // Also how a supervisor that lives says it: nothing to be alarmed about.
        () = end_of_input(), if mode.supervised => tracing::info!("told to stop by the end of standard input"),
    }
    Ok(())
}

/// Returns when whoever holds the other end of standard input is gone.
async fn end_of_input() {
    let mut nothing = [0u8; 64];
    let mut input = tokio::io::stdin();
    while matches!(input.read(&mut nothing).await, Ok(read) if read > 0) {}
}

/// Adds the flag to a port that could not be had. A supervised role's own flags are not for people: its supervisor has one.
pub(crate) fn name_flag(error: net::BindError, flags: &[(&str, SocketAddr)], mode: Mode) -> anyhow::Error {
    if mode.supervised {
        return anyhow::anyhow!("{error}\n  free it, or choose another with --port ROLE.URL=PORT of `up`");
    }
    let flag = flags.iter().find(|(_, addr)| *addr == error.addr).map_or("--listen", |(flag, _)| flag);
    anyhow::anyhow!("{error}\n  free it or choose another with {flag} ADDRESS:PORT")
}
