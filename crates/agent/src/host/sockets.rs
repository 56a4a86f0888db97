//! Sockets and protocols: counters of TCP, UDP, IP and ICMP, sockets in use, packets by CPU, connection tracking.

use std::collections::BTreeMap;

use model::MetricKind;

use crate::files::{Failure, Files};
use crate::text::{hex, number};
use crate::write::{Column, Out, Row, counter, gauge};

/// Protocol and field of each counter we take; node_exporter's default choice. `*` ends a prefix.
const WANTED: [(&str, &str); 34] = [
    ("Ip", "Forwarding"),
    ("Ip6", "InOctets"),
    ("Ip6", "OutOctets"),
    ("IpExt", "InOctets"),
    ("IpExt", "OutOctets"),
    ("Icmp", "InMsgs"),
    ("Icmp", "OutMsgs"),
    ("Icmp6", "InMsgs"),
    ("Icmp6", "OutMsgs"),
    ("TcpExt", "Listen*"),
    ("TcpExt", "Syncookies*"),
    ("TcpExt", "TCPSynRetrans"),
    ("TcpExt", "TCPTimeouts"),
    ("TcpExt", "TCPOFOQueue"),
    ("TcpExt", "TCPRcvQDrop"),
    ("Tcp", "ActiveOpens"),
    ("Tcp", "InSegs"),
    ("Tcp", "OutSegs"),
    ("Tcp", "OutRsts"),
    ("Tcp", "PassiveOpens"),
    ("Tcp", "RetransSegs"),
    ("Tcp", "CurrEstab"),
    ("Udp", "InDatagrams"),
    ("Udp", "OutDatagrams"),
    ("Udp", "NoPorts"),
    ("Udp", "RcvbufErrors"),
    ("Udp", "SndbufErrors"),
    ("Udp6", "InDatagrams"),
    ("Udp6", "OutDatagrams"),
    ("Udp6", "NoPorts"),
    ("Udp6", "RcvbufErrors"),
    ("Udp6", "SndbufErrors"),
    ("*", "InErrors"),
    ("*", "InErrs"),
];

/// Protocols of `/proc/net/snmp6`, which writes them and the field as one word. The longer names come first.
const SNMP6_PROTOCOLS: [&str; 4] = ["Icmp6", "UdpLite6", "Udp6", "Ip6"];

/// Counters of the protocols, from the three files that have them.
pub(crate) fn netstat(files: &mut Files, out: &mut Out) -> Result<(), Failure> {
    for file in ["net/netstat", "net/snmp"] {
        headed_lines(files.proc(file)?, out);
    }
    // There is none without IPv6.
    for line in files.proc("net/snmp6").unwrap_or_default().lines() {
        let mut words = line.split_ascii_whitespace();
        let (Some(name), Some(value)) = (words.next(), words.next().and_then(number)) else { continue };
        let protocol = SNMP6_PROTOCOLS.iter().find_map(|p| Some((*p, name.strip_prefix(p)?)));
        if let Some((protocol, field)) = protocol {
            protocol_value(protocol, field, value, out);
        }
    }
    Ok(())
}

/// Pairs of lines: `Tcp: A B` and `Tcp: 1 2`.
fn headed_lines(text: &str, out: &mut Out) {
    let mut lines = text.lines();
    while let (Some(names), Some(values)) = (lines.next(), lines.next()) {
        let Some((protocol, names)) = names.split_once(':') else { continue };
        let Some((of, values)) = values.split_once(':') else { continue };
        if of != protocol {
            continue;
        }
        for (field, value) in names.split_ascii_whitespace().zip(values.split_ascii_whitespace()) {
            if let Some(value) = number(value) {
                protocol_value(protocol, field, value, out);
            }
        }
    }
}

fn protocol_value(protocol: &str, field: &str, value: f64, out: &mut Out) {
    if is_wanted(protocol, field) {
        let name = format!("node_netstat_{protocol}_{field}");
        out.one(MetricKind::Unknown, &name, &format!("The counter {field} of {protocol}."), value);
    }
}

fn is_wanted(protocol: &str, field: &str) -> bool {
    WANTED.iter().any(|(p, f)| {
        let is_field = f.strip_suffix('*').map_or(*f == field, |prefix| field.starts_with(prefix));
        is_field && (*p == "*" || *p == protocol)
    })
}

/// Sockets in use: `TCP: inuse 3 orphan 0 …`.
pub(crate) fn sockstat(files: &mut Files, out: &mut Out) -> Result<(), Failure> {
    let page_bytes = rustix::param::page_size() as f64;
    sockstat_lines(files.proc("net/sockstat")?, page_bytes, out);
    sockstat_lines(files.proc("net/sockstat6").unwrap_or_default(), page_bytes, out);
    Ok(())
}

fn sockstat_lines(text: &str, page_bytes: f64, out: &mut Out) {
    for line in text.lines() {
        let Some((protocol, rest)) = line.split_once(':') else { continue };
        if !protocol.bytes().all(|b| b.is_ascii_alphanumeric()) {
            continue;
        }
        let mut words = rest.split_ascii_whitespace();
        while let (Some(field), Some(value)) = (words.next(), words.next()) {
            let (true, Some(value)) = (field.bytes().all(|b| b.is_ascii_lowercase()), number(value)) else {
                continue;
            };
            let help = format!("The field {field} of {protocol} sockets.");
            out.one(MetricKind::Gauge, &format!("node_sockstat_{protocol}_{field}"), &help, value);
            if field == "mem" {
                let name = format!("node_sockstat_{protocol}_mem_bytes");
                let help = format!("Memory of {protocol} sockets.");
                out.one(MetricKind::Gauge, &name, &help, value * page_bytes);
            }
        }
    }
}

const SOFTNET: [Column; 3] = [
    counter("node_softnet_processed_total", "Packets that a CPU worked on."),
    counter("node_softnet_dropped_total", "Packets that a CPU threw away because its queue was full."),
    counter("node_softnet_times_squeezed_total", "Times that a CPU ran out of its share of work."),
];

/// Packets by CPU; a line each, in hexadecimal.
pub(crate) fn softnet(files: &mut Files, out: &mut Out) -> Result<(), Failure> {
    let row = |(idx, line): (usize, &str)| {
        let values: Vec<Option<f64>> = line.split_ascii_whitespace().map(hex).collect();
        // The thirteenth column names the CPU, in kernels that know that some may be off.
        let cpu = values.get(12).copied().flatten().unwrap_or(idx as f64);
        Row::new("cpu", &cpu.to_string(), values)
    };
    let rows: Vec<Row> = files.proc("net/softnet_stat")?.lines().enumerate().map(row).collect();
    out.table(&SOFTNET, &rows);
    Ok(())
}

/// Neighbours by interface.
pub(crate) fn arp(files: &mut Files, out: &mut Out) -> Result<(), Failure> {
    let mut entries: BTreeMap<&str, f64> = BTreeMap::new();
    for device in files.proc("net/arp")?.lines().skip(1).filter_map(|l| l.split_ascii_whitespace().nth(5)) {
        *entries.entry(device).or_default() += 1.0;
    }
    let rows: Vec<Row> =
        entries.iter().map(|(device, n)| Row::new("device", device, vec![Some(*n)])).collect();
    out.table(&[gauge("node_arp_entries", "Neighbours known by address.")], &rows);
    Ok(())
}

/// Bytes that wait in UDP sockets.
pub(crate) fn udp_queues(files: &mut Files, out: &mut Out) -> Result<(), Failure> {
    const NAME: &str = "node_udp_queues";
    let v4 = queues(files.proc("net/udp")?);
    let v6 = files.proc("net/udp6").ok().map(queues);
    out.family(MetricKind::Gauge, NAME, "Bytes that wait in the queues of UDP sockets.");
    for (ip, queues) in [("v4", Some(v4)), ("v6", v6)] {
        let Some((tx, rx)) = queues else { continue };
        out.sample(NAME, &[("queue", "tx"), ("ip", ip)], tx);
        out.sample(NAME, &[("queue", "rx"), ("ip", ip)], rx);
    }
    Ok(())
}

fn queues(text: &str) -> (f64, f64) {
    let of_line = |line: &str| {
        let (tx, rx) = line.split_ascii_whitespace().nth(4)?.split_once(':')?;
        Some((hex(tx)?, hex(rx)?))
    };
    text.lines().skip(1).filter_map(of_line).fold((0.0, 0.0), |sum, (tx, rx)| (sum.0 + tx, sum.1 + rx))
}

const CONNTRACK: [(&str, Column); 8] = [
    ("found", gauge("node_nf_conntrack_stat_found", "Lookups that found an entry.")),
    ("invalid", gauge("node_nf_conntrack_stat_invalid", "Packets that cannot be tracked.")),
    ("ignore", gauge("node_nf_conntrack_stat_ignore", "Packets of connections tracked already.")),
    ("insert", gauge("node_nf_conntrack_stat_insert", "Entries put in.")),
    ("insert_failed", gauge("node_nf_conntrack_stat_insert_failed", "Entries that could not be put in.")),
    ("drop", gauge("node_nf_conntrack_stat_drop", "Packets thrown away because tracking failed.")),
    ("early_drop", gauge("node_nf_conntrack_stat_early_drop", "Entries thrown away to make room.")),
    ("search_restart", gauge("node_nf_conntrack_stat_search_restart", "Lookups that had to start over.")),
];

/// Tracked connections and how many there may be.
pub(crate) fn conntrack(files: &mut Files, out: &mut Out) -> Result<(), Failure> {
    let count = number(files.proc("sys/net/netfilter/nf_conntrack_count")?.trim());
    let limit = number(files.proc("sys/net/netfilter/nf_conntrack_max")?.trim());
    out.value(&gauge("node_nf_conntrack_entries", "Connections that are tracked."), count);
    out.value(&gauge("node_nf_conntrack_entries_limit", "Connections that can be tracked."), limit);
    let Ok(text) = files.proc("net/stat/nf_conntrack") else { return Ok(()) };
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap_or_default().split_ascii_whitespace().collect();
    let rows: Vec<Vec<Option<f64>>> = lines.map(|l| l.split_ascii_whitespace().map(hex).collect()).collect();
    for (name, column) in &CONNTRACK {
        let Some(idx) = names.iter().position(|n| n == name) else { continue };
        out.value(column, Some(rows.iter().filter_map(|row| row.get(idx).copied().flatten()).sum()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chosen_counters() {
        for (protocol, field) in [
            ("Tcp", "InErrs"),
            ("UdpLite6", "InErrors"),
            ("TcpExt", "ListenDrops"),
            ("TcpExt", "SyncookiesSent"),
            ("Ip", "Forwarding"),
        ] {
            assert!(is_wanted(protocol, field), "{protocol} {field}");
        }
        for (protocol, field) in
            [("Tcp", "RtoMin"), ("UdpLite", "NoPorts"), ("Ip", "InOctets"), ("TcpExt", "TW")]
        {
            assert!(!is_wanted(protocol, field), "{protocol} {field}");
        }
    }
}
