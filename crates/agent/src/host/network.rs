//! Network interfaces: traffic from `/proc/net/dev`, properties from `/sys/class/net`.

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
const INFO_FILES: [(&str, &str); 5] = [
    ("address", "address"),
    ("broadcast", "broadcast"),
    ("duplex", "duplex"),
    ("ifalias", "ifalias"),
    ("operstate", "operstate"),
];

/// The interface is switched on, says its flags.
const FLAG_UP: u64 = 1;

/// Properties by interface. One that is down refuses some of them.
pub(crate) fn netclass(files: &mut Files, out: &mut Out) -> Result<(), Failure> {
    let columns = PROPERTIES.map(|(_, column)| column);
    let (mut rows, mut ups, mut infos) = (Vec::new(), Vec::new(), Vec::new());
    for device in files.sys_names("class/net")? {
        // Bonding puts a plain file beside the interfaces.
        if !files.roots.sys.join("class/net").join(&device).is_dir() {
            continue;
        }
        let read = |(file, _): &(&str, Column)| files.sys_number(&format!("class/net/{device}/{file}"));
        let values: Vec<Option<f64>> = PROPERTIES.iter().map(read).collect();
        let flags = PROPERTIES.iter().position(|(file, _)| *file == "flags");
        let flags = flags.and_then(|idx| values.get(idx).copied().flatten()).unwrap_or(0.0) as u64;
        rows.push(Row::new("device", &device, values));
        let info = info(files, &device, flags & FLAG_UP != 0);
        let is_up = info.labels.contains(&("operstate", "up".to_owned()));
        ups.push(Row::new("device", &device, vec![Some(f64::from(u8::from(is_up)))]));
        infos.push(info);
    }
    out.table(&columns, &rows);
    out.table(&[UP], &ups);
    out.table(&[INFO], &infos);
    Ok(())
}

fn info(files: &mut Files, device: &str, is_on: bool) -> Row {
    let mut labels = vec![("device", device.to_owned())];
    for (label, file) in INFO_FILES {
        let value = files.sys_line(&format!("class/net/{device}/{file}")).unwrap_or_default();
        labels.push((label, value.to_owned()));
    }
    labels.push(("adminstate", if is_on { "up" } else { "down" }.to_owned()));
    Row { labels, values: vec![Some(1.0)] }
}

#[cfg(test)]
mod tests {
    use super::*;

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
