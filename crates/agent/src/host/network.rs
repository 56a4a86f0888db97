//! Network interfaces: traffic from `/proc/net/dev`, properties from `/sys/class/net`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::files::{Failure, Files};
use crate::text::number;
use crate::write::{Column, Out, Row, counter, gauge};

/// The columns of `/proc/net/dev` behind the interface's name, and one from `/sys` at the end.
const TRAFFIC: [Column; 17] = [
    counter("node_network_receive_bytes_total", "Bytes received."),
    counter("node_network_receive_packets_total", "Packets received."),
    counter("node_network_receive_errs_total", "Packets received with an error."),
    counter("node_network_receive_drop_total", "Packets received and thrown away."),
    counter("node_network_receive_fifo_total", "Packets lost because a buffer was full."),
    counter("node_network_receive_frame_total", "Frames received with a wrong shape."),
    counter("node_network_receive_compressed_total", "Compressed packets received."),
    counter("node_network_receive_multicast_total", "Multicast packets received."),
    counter("node_network_transmit_bytes_total", "Bytes sent."),
    counter("node_network_transmit_packets_total", "Packets sent."),
    counter("node_network_transmit_errs_total", "Packets not sent because of an error."),
    counter("node_network_transmit_drop_total", "Packets thrown away before they were sent."),
    counter("node_network_transmit_fifo_total", "Packets lost because a buffer was full."),
    counter("node_network_transmit_colls_total", "Collisions."),
    counter("node_network_transmit_carrier_total", "Times that the carrier was lost while sending."),
    counter("node_network_transmit_compressed_total", "Compressed packets sent."),
    counter("node_network_receive_nohandler_total", "Packets received that nobody wanted."),
];

/// Traffic by interface, the loopback included.
pub(crate) fn netdev(files: &mut Files, out: &mut Out) -> Result<(), Failure> {
    // Two lines of headings come first.
    let mut rows: Vec<Row> = files.proc("net/dev")?.lines().skip(2).filter_map(traffic).collect();
    for row in &mut rows {
        let Some((_, device)) = row.labels.first() else { continue };
        let unwanted = files.sys_number(&format!("class/net/{device}/statistics/rx_nohandler"));
        row.values.push(unwanted);
    }
    out.table(&TRAFFIC, &rows);
    Ok(())
}

/// An alias like `eth0:1` keeps its colon; the last one ends the name.
fn traffic(line: &str) -> Option<Row> {
    let (device, rest) = line.rsplit_once(':')?;
    let mut values: Vec<Option<f64>> = rest.split_ascii_whitespace().map(number).collect();
    values.resize(TRAFFIC.len() - 1, None);
    Some(Row::new("device", device.trim(), values))
}

/// Mbit/s to bytes/s.
const MEGABIT_BYTES: f64 = 1e6 / 8.0;

/// Files of `/sys/class/net/DEVICE` that hold one number.
const PROPERTIES: [(&str, Column); 17] = [
    ("addr_assign_type", gauge("node_network_address_assign_type", "How the address was given.")),
    ("carrier", gauge("node_network_carrier", "Whether there is a carrier.")),
    (
        "carrier_changes",
        counter("node_network_carrier_changes_total", "Times that the carrier came or went."),
    ),
    ("carrier_up_count", counter("node_network_carrier_up_changes_total", "Times that the carrier came.")),
    (
        "carrier_down_count",
        counter("node_network_carrier_down_changes_total", "Times that the carrier went."),
    ),
    ("dev_id", gauge("node_network_device_id", "Which of several devices with one address.")),
    ("dormant", gauge("node_network_dormant", "Whether the interface waits for something else.")),
    ("flags", gauge("node_network_flags", "The interface's flags as a number.")),
    ("ifindex", gauge("node_network_iface_id", "The interface's number.")),
    ("iflink", gauge("node_network_iface_link", "The number of the interface below.")),
    ("link_mode", gauge("node_network_iface_link_mode", "The link's mode.")),
    ("mtu", gauge("node_network_mtu_bytes", "Largest packet, in bytes.")),
    ("name_assign_type", gauge("node_network_name_assign_type", "How the name was given.")),
    ("netdev_group", gauge("node_network_net_dev_group", "The interface's group.")),
    (
        "speed",
        gauge("node_network_speed_bytes", "Speed in bytes a second; negative when unknown.")
            .times(MEGABIT_BYTES),
    ),
    ("tx_queue_len", gauge("node_network_transmit_queue_length", "Length of the queue for sending.")),
    ("type", gauge("node_network_protocol_type", "The protocol's number.")),
];

const UP: Column = gauge("node_network_up", "Whether the interface works.");
const INFO: Column = gauge("node_network_info", "What an interface is; always 1.");
const INFO_LABELS: [&str; 5] = ["address", "broadcast", "duplex", "ifalias", "operstate"];

/// The interface is switched on, say its flags.
const FLAG_UP: u32 = 1;

/// The files that change by themselves. As long as they stay, the others are believed for `BELIEVED`.
const SIGNS: [&str; 3] = ["carrier_changes", "flags", "operstate"];

/// How long the rest of an interface's twenty files is believed: they change when an administrator changes them. Reading
/// them takes longer than all other collectors together.
const BELIEVED: Duration = Duration::from_secs(30);

/// What an interface said, and when.
#[derive(Debug)]
struct Interface {
    signs: [String; SIGNS.len()],
    read_at: Instant,
    values: Row,
    up: Row,
    info: Row,
}

/// Properties by interface.
#[derive(Debug, Default)]
pub(crate) struct Interfaces {
    known: BTreeMap<String, Interface>,
}

impl Interfaces {
    pub(crate) fn collect(&mut self, files: &mut Files, out: &mut Out) -> Result<(), Failure> {
        let devices = files.sys_names("class/net")?;
        self.known.retain(|device, _| devices.binary_search(device).is_ok());
        for device in devices {
            let signs = SIGNS.map(|file| property(files, &device, file));
            let is_fresh = |i: &Interface| i.signs == signs && i.read_at.elapsed() < BELIEVED;
            if self.known.get(&device).is_some_and(is_fresh) {
                continue;
            }
            match read(files, &device, signs) {
                Some(interface) => self.known.insert(device, interface),
                None => self.known.remove(&device),
            };
        }
        let rows = |row: fn(&Interface) -> &Row| self.known.values().map(row).cloned().collect::<Vec<_>>();
        out.table(&PROPERTIES.map(|(_, column)| column), &rows(|i| &i.values));
        out.table(&[UP], &rows(|i| &i.up));
        out.table(&[INFO], &rows(|i| &i.info));
        Ok(())
    }
}

fn property(files: &mut Files, device: &str, file: &str) -> String {
    files.sys_line(&format!("class/net/{device}/{file}")).unwrap_or_default().to_owned()
}

/// All of an interface's files. One that is down refuses some; bonding puts a plain file beside the interfaces.
fn read(files: &mut Files, device: &str, signs: [String; SIGNS.len()]) -> Option<Interface> {
    if !files.roots.sys.join("class/net").join(device).is_dir() {
        return None;
    }
    let number = |(file, _): &(&str, Column)| files.sys_number(&format!("class/net/{device}/{file}"));
    let values: Vec<Option<f64>> = PROPERTIES.iter().map(number).collect();
    let [_, flags, state] = &signs;
    let flags = flags.strip_prefix("0x").and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(0);
    let is_up = f64::from(u8::from(state == "up"));
    let mut labels = vec![("device", device.to_owned())];
    labels.extend(INFO_LABELS.map(|label| (label, property(files, device, label))));
    labels.push(("adminstate", if flags & FLAG_UP != 0 { "up" } else { "down" }.to_owned()));
    Some(Interface {
        signs,
        read_at: Instant::now(),
        values: Row::new("device", device, values),
        up: Row::new("device", device, vec![Some(is_up)]),
        info: Row { labels, values: vec![Some(1.0)] },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_carrier_makes_an_interface_be_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let device = folder.path().join("class/net/eth0");
        std::fs::create_dir_all(&device).expect("made");
        let write = |file: &str, text: &str| std::fs::write(device.join(file), text).expect("written");
        let mut files =
            Files::new(crate::files::Roots { sys: folder.path().to_owned(), ..crate::files::Roots::host() });
        let mut interfaces = Interfaces::default();
        let mut has = |line: &str| {
            let mut out = Out::new(0);
            interfaces.collect(&mut files, &mut out).expect("there");
            out.finish().lines().any(|l| l == line)
        };
        write("carrier_changes", "1\n");
        write("speed", "1000\n");
        assert!(has("node_network_speed_bytes{device=\"eth0\"} 125000000"));
        write("speed", "100\n");
        assert!(has("node_network_speed_bytes{device=\"eth0\"} 125000000"));
        write("carrier_changes", "3\n");
        assert!(has("node_network_speed_bytes{device=\"eth0\"} 12500000"));
        std::fs::remove_dir_all(&device).expect("removed");
        assert!(!has("node_network_speed_bytes{device=\"eth0\"} 12500000"));
    }

    #[test]
    fn lines_of_net_dev() {
        let row =
            traffic("  eth0:462919169   20956    1 2 3 4 5 6 1539705 15865 7 8 9 10 11 12").expect("a row");
        assert_eq!(row.labels, [("device", "eth0".to_owned())]);
        assert_eq!(row.values.len(), 16);
        assert_eq!((row.values.first(), row.values.last()), (Some(&Some(462919169.0)), Some(&Some(12.0))));
        assert_eq!(traffic("eth0:1: 5").expect("an alias").labels, [("device", "eth0:1".to_owned())]);
        assert!(traffic("nothing").is_none());
    }
}
