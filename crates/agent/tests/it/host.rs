//! The agent beside Debian's `prometheus-node-exporter`, both asked in one breath: same families, types, labels, values.
//!
//! Skipped aloud where that program is missing. What differs is in `RULES`, by name and with the reason.

use agent::{Options, Roots};

use crate::compare::{Rules, compare};
use crate::peer;

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

const RULES: Rules = Rules {
    missing: &DIFFERENCES,
    untyped: &[],
    labels: &NEWER_LABELS,
    own_values: &OWN_VALUES,
    moving: &MOVING,
    finer: &[],
    is_missing: |_, _, _| false,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn same_as_node_exporter() {
    if !peer::is_wanted(PROGRAM) {
        return;
    }
    let Some(peer) = peer::start(PROGRAM, &PROJECT_DEFAULTS, &[]) else { return };
    let listen = "127.0.0.1:0".parse().expect("an address");
    let options =
        Options { listen, roots: Roots::host(), processes: None, databases: Vec::new(), beside: Vec::new() };
    let running = agent::start(options).await.expect("a port");
    let ours_at = running.urls()["http"].trim_start_matches("http://").parse().expect("an address");
    let theirs_at = peer.at;
    let compared = tokio::task::spawn_blocking(move || compare(ours_at, theirs_at, &RULES)).await;
    running.stop().await;
    let (n_series, n_families) = compared.expect("they agree");
    eprintln!("compared {n_series} series of {n_families} families");
}
