//! The agent beside Debian's `prometheus-node-exporter`, both asked in one breath: same families, types, labels, values.
//!
//! Skipped aloud where that program is missing. What differs is in `DIFFERENCES`, by name and with the reason.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use agent::{Options, Roots};
use exposition::{Entry, Format, Meta, Reader};
use model::MetricKind;

const PROGRAM: &str = "prometheus-node-exporter";

/// Debian's build leaves out the loopback and all of `/run`, `/mnt` and `/media`; these are the project's own defaults.
const PROJECT_DEFAULTS: [&str; 2] = [
    "--collector.netdev.device-exclude=^$",
    "--collector.filesystem.mount-points-exclude=^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)",
];

/// Families of theirs that we do not have (a name or the start of one), and why.
const DIFFERENCES: [(&str, &str); 5] = [
    ("go_", "the state of a Go runtime"),
    ("promhttp_", "a Go library's counters of scrapes; ours are http_server_*"),
    ("process_virtual_memory_max_bytes", "always without a limit"),
    (
        "node_scrape_collector_",
        "one series a collector: theirs has collectors for hardware that we do not read",
    ),
    ("node_textfile_scrape_error", "we read no files of other programs"),
];

/// Labels of ours that release 1.5 does not have yet, by family.
const NEWER_LABELS: [(&str, &str); 2] =
    [("node_network_info", "adminstate"), ("node_disk_info", "rotational")];

/// Families that say something else by intent.
const OWN_VALUES: [&str; 3] = ["node_exporter_build_info", "process_", "node_time_seconds"];

/// Gauges that move between two reads, and by how much at most, as a share; anything else must be equal or lie between.
const MOVING: [(&str, f64); 12] = [
    ("node_memory_", 0.25),
    ("node_load", 1.0),
    ("node_procs_", 100.0),
    ("node_filefd_allocated", 0.5),
    ("node_filesystem_", 0.05),
    ("node_sockstat_", 1.0),
    ("node_netstat_Tcp_CurrEstab", 1.0),
    ("node_disk_io_now", 100.0),
    ("node_entropy_", 1.0),
    ("node_udp_queues", 100.0),
    ("node_timex_", 0.1),
    ("node_nf_conntrack_entries", 1.0),
];

/// What a body says, labels sorted and empty ones left out, as Prometheus would keep it.
#[derive(Default)]
struct Exposed {
    kinds: BTreeMap<String, MetricKind>,
    series: BTreeMap<String, BTreeMap<Vec<(String, String)>, f64>>,
}

impl Exposed {
    fn parse(body: &str) -> Self {
        let mut exposed = Self::default();
        for entry in Reader::new(Format::Text, body.as_bytes()).expect("UTF-8") {
            match entry.expect("a well-formed body") {
                Entry::Meta(Meta::Type { name, kind }) => {
                    exposed.kinds.insert(name.into_owned(), kind);
                }
                Entry::Meta(_) => {}
                Entry::Sample(row) => {
                    let labels = row.series.labels().expect("labels");
                    let name = labels.metric_name().to_owned();
                    let others = labels.iter().filter(|(n, v)| {
                        let is_newer = NEWER_LABELS.iter().any(|(f, l)| *f == name && l == n);
                        *n != "__name__" && !v.is_empty() && !is_newer
                    });
                    let key = others.map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
                    exposed.series.entry(name).or_default().insert(key, row.value);
                }
            }
        }
        exposed
    }

    fn value(&self, name: &str, labels: &[(String, String)]) -> Option<f64> {
        self.series.get(name)?.get(labels).copied()
    }
}

fn get(addr: SocketAddr) -> Option<String> {
    let mut stream = TcpStream::connect(addr).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: x\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.contains(" 200 ").then(|| body.to_owned())
}

/// The other program, ended with the test.
struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start_peer() -> Option<(Peer, SocketAddr)> {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    let listen = format!("--web.listen-address={free}");
    let mut command = Command::new(PROGRAM);
    command
        .arg(listen)
        .args(PROJECT_DEFAULTS)
        .env("GOMAXPROCS", "1")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let peer = Peer(command.spawn().ok()?);
    let end = Instant::now() + Duration::from_secs(20);
    while get(free).is_none() {
        assert!(Instant::now() < end, "{PROGRAM} does not answer on {free}");
        std::thread::yield_now();
    }
    Some((peer, free))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn same_as_node_exporter() {
    // Values move between two reads, more so on a busy machine: `cargo xtask test --full` asks for the comparison.
    if std::env::var_os("WATCHFIRE_PEERS").is_none() {
        eprintln!("SKIPPED: set WATCHFIRE_PEERS=1 to compare with {PROGRAM}");
        return;
    }
    let Some((_peer, theirs_at)) = start_peer() else {
        eprintln!("SKIPPED: {PROGRAM} is not installed; apt-get install {PROGRAM}");
        return;
    };
    let listen = "127.0.0.1:0".parse().expect("an address");
    let running =
        agent::start(Options { listen, roots: Roots::host(), processes: None, databases: Vec::new() })
            .await
            .expect("a port");
    let ours_at = running.urls()["http"].trim_start_matches("http://").parse().expect("an address");
    let read = move || {
        let ask = |addr| Exposed::parse(&get(addr).expect("an answer"));
        let _warm = (ask(ours_at), ask(theirs_at));
        (ask(ours_at), ask(theirs_at), ask(ours_at))
    };
    let (before, theirs, after) = tokio::task::spawn_blocking(read).await.expect("three reads");
    running.stop().await;

    let mut problems = Vec::new();
    let (mut n_series, mut n_families) = (0, 0);
    for (name, series) in &theirs.series {
        if DIFFERENCES.iter().any(|(prefix, _)| name.starts_with(prefix)) {
            continue;
        }
        if theirs.kinds.get(name) != before.kinds.get(name) {
            problems.push(format!("{name}: {:?}, not {:?}", before.kinds.get(name), theirs.kinds.get(name)));
            continue;
        }
        n_families += 1;
        for (labels, theirs) in series {
            n_series += 1;
            let ours = (before.value(name, labels), after.value(name, labels));
            let own = OWN_VALUES.iter().any(|prefix| name.starts_with(prefix));
            match ours {
                _ if own => {}
                (Some(before), Some(after)) if agrees(name, before, *theirs, after) => {}
                ours => problems.push(format!("{name}{labels:?}: {ours:?}, not {theirs}")),
            }
        }
    }
    eprintln!("compared {n_series} series of {n_families} families");
    assert!(problems.is_empty(), "{} differ:\n{}", problems.len(), problems.join("\n"));
}

/// Between our two reads, or as near as something that moves can be.
fn agrees(name: &str, before: f64, theirs: f64, after: f64) -> bool {
    let rounding = theirs.abs() * 1e-9;
    let (low, high) = (before.min(after) - rounding, before.max(after) + rounding);
    let share = MOVING.iter().find(|(prefix, _)| name.starts_with(prefix)).map_or(0.0, |(_, share)| *share);
    let slack = share * theirs.abs().max(1.0);
    (low - slack..=high + slack).contains(&theirs)
}
