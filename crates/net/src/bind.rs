//! Listening on a port, with an error that says who has it.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use tokio::net::TcpListener;

/// A port that could not be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {addr}: {}", self.reason())]
pub struct BindError {
    /// What was asked for.
    pub addr: SocketAddr,
    /// The program that listens there already, when it can be found out.
    pub holder: Option<Holder>,
    #[source]
    source: io::Error,
}

/// A program that holds a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// Its name, as the kernel has it.
    pub name: String,
}

impl BindError {
    /// Whether another port would do; if not, the address itself is what cannot be had.
    pub fn another_port_may_do(&self) -> bool {
        self.source.kind() != io::ErrorKind::AddrNotAvailable
    }

    fn reason(&self) -> String {
        match (&self.holder, self.source.kind()) {
            (Some(holder), _) => {
                format!("port {} is taken by {} (pid {})", self.addr.port(), holder.name, holder.pid)
            }
            (None, io::ErrorKind::AddrInUse) => format!("port {} is taken", self.addr.port()),
            _ => self.source.to_string(),
        }
    }
}

/// Listens on `addr`; port 0 means any free one. The address may be taken again right after a crash.
///
/// # Errors
/// When the port is taken or not allowed.
pub async fn bind(addr: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(addr).await.map_err(|source| {
        let holder = (source.kind() == io::ErrorKind::AddrInUse).then(|| holder_of(addr.port())).flatten();
        BindError { addr, holder, source }
    })
}

/// Who listens on `port`, as far as this user may look: the socket's inode from the kernel's table, then the process
/// that has it open.
fn holder_of(port: u16) -> Option<Holder> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"].iter().find_map(|table| listening_inode(table, port))?;
    let wanted = format!("socket:[{inode}]");
    let processes = std::fs::read_dir("/proc").ok()?;
    processes.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        has_open(&entry.path(), &wanted).then(|| Holder { pid, name: name_of(&entry.path()) })
    })
}

fn listening_inode(table: &str, port: u16) -> Option<String> {
    const LISTEN: &str = "0A";
    let text = std::fs::read_to_string(table).ok()?;
    text.lines().skip(1).find_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let (local, _remote, state) = (fields.next()?, fields.next()?, fields.next()?);
        let local_port = u16::from_str_radix(local.rsplit(':').next()?, 16).ok()?;
        (local_port == port && state == LISTEN).then(|| fields.nth(5).map(str::to_owned)).flatten()
    })
}

fn has_open(process: &Path, wanted: &str) -> bool {
    std::fs::read_dir(process.join("fd")).is_ok_and(|fds| {
        fds.flatten().any(|fd| std::fs::read_link(fd.path()).is_ok_and(|to| to.as_os_str() == wanted))
    })
}

fn name_of(process: &Path) -> String {
    std::fs::read_to_string(process.join("comm"))
        .map_or_else(|_| "unknown".to_owned(), |name| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_names_its_holder() {
        let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
        let first = bind(any).await.expect("a free port");
        let taken = first.local_addr().expect("bound");
        let error = bind(taken).await.expect_err("the port is taken");
        assert_eq!(error.holder.as_ref().map(|h| h.pid), Some(std::process::id()));
        assert!(error.to_string().contains(&format!("port {} is taken by", taken.port())), "{error}");
    }
}
