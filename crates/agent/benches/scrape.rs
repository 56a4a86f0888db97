//! CPU time of one scrape over HTTP: the agent beside Debian's node_exporter, in turns, when that is installed.
//!
//! `cargo bench -p agent`; without a release build:
//! `cargo bench -p agent --profile dev --config 'profile.dev.package.agent.opt-level=3' --config 'profile.dev.package.exposition.opt-level=3'
//! --config 'profile.dev.package.model.opt-level=3'`.

#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use agent::{Options, Roots};

const ROUNDS: usize = 5;
const SCRAPES: u32 = 200;
const PEER: &str = "prometheus-node-exporter";

fn scrape(addr: SocketAddr) -> usize {
    let mut stream = TcpStream::connect(addr).expect("it listens");
    stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: x\r\n\r\n").expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("received")
}

/// User and system time of a process so far, in ticks of 10 ms.
fn ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("a name").split_whitespace().collect();
    [11, 12].iter().map(|idx| fields[*idx].parse::<u64>().expect("a number")).sum()
}

fn resident_kilobytes(pid: u32) -> String {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    status
        .lines()
        .filter(|l| l.starts_with("VmRSS") || l.starts_with("RssAnon"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// The agent as a process of its own: this program again, which prints its address.
fn serve() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listen = "127.0.0.1:0".parse().expect("an address");
        let options = Options {
            listen,
            roots: Roots::host(),
            processes: None,
            databases: Vec::new(),
            beside: Vec::new(),
        };
        let running = agent::start(options).await.expect("a port");
        println!("{}", running.urls()["http"].trim_start_matches("http://"));
        tokio::time::sleep(Duration::from_secs(600)).await;
    });
}

fn start_agent() -> (Child, SocketAddr) {
    let program = std::env::current_exe().expect("this program");
    let mut child = Command::new(program).arg("serve").stdout(Stdio::piped()).spawn().expect("it starts");
    let mut said = Vec::new();
    let mut stdout = child.stdout.take().expect("piped");
    while said.last() != Some(&b'\n') {
        let mut byte = [0];
        stdout.read_exact(&mut byte).expect("an address");
        said.push(byte[0]);
    }
    let addr = String::from_utf8(said).expect("text").trim().parse().expect("an address");
    (child, addr)
}

fn start_peer() -> Option<(Child, SocketAddr)> {
    let addr = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    let listen = format!("--web.listen-address={addr}");
    let child = Command::new(PEER).arg(listen).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
    while TcpStream::connect(addr).is_err() {
        std::thread::sleep(Duration::from_millis(50));
    }
    Some((child, addr))
}

fn main() {
    if std::env::args().any(|a| a == "serve") {
        return serve();
    }
    let mut programs = vec![("agent", start_agent())];
    programs.extend(start_peer().map(|peer| (PEER, peer)));
    for round in 1..=ROUNDS {
        for (name, (child, addr)) in &programs {
            let bytes = scrape(*addr);
            let before = ticks(child.id());
            for _ in 0..SCRAPES {
                scrape(*addr);
            }
            let cpu_ms = (ticks(child.id()) - before) as f64 * 10.0 / f64::from(SCRAPES);
            println!(
                "round {round}: {name:<26} {cpu_ms:6.2} ms CPU a scrape, {bytes} bytes, {}",
                resident_kilobytes(child.id())
            );
        }
    }
    for (_, (mut child, _)) in programs {
        child.kill().expect("it ran");
        child.wait().expect("it ended");
    }
}
