//! Disks: `/proc/diskstats`, and what udev knows about each.

use crate::files::{Failure, Files};
use crate::text::{number, setting};
use crate::write::{Column, Out, Row, counter, gauge};

/// The kernel's unit whatever the disk's.
const SECTOR_BYTES: f64 = 512.0;
const MILLISECOND: f64 = 0.001;

/// The numbers behind a device's name in `/proc/diskstats`, in their order; older kernels have only the first.
const COLUMNS: [Column; 17] = [
    counter("node_disk_reads_completed_total", "Reads done."),
    counter("node_disk_reads_merged_total", "Reads merged with a neighbour."),
    counter("node_disk_read_bytes_total", "Bytes read.").times(SECTOR_BYTES),
    counter("node_disk_read_time_seconds_total", "Time spent by all reads.").times(MILLISECOND),
    counter("node_disk_writes_completed_total", "Writes done."),
    counter("node_disk_writes_merged_total", "Writes merged with a neighbour."),
    counter("node_disk_written_bytes_total", "Bytes written.").times(SECTOR_BYTES),
    counter("node_disk_write_time_seconds_total", "Time spent by all writes.").times(MILLISECOND),
    gauge("node_disk_io_now", "Requests under way."),
    counter("node_disk_io_time_seconds_total", "Time with any request under way.").times(MILLISECOND),
    counter("node_disk_io_time_weighted_seconds_total", "Time of all requests, waiting included.")
        .times(MILLISECOND),
    counter("node_disk_discards_completed_total", "Discards done."),
    counter("node_disk_discards_merged_total", "Discards merged with a neighbour."),
    counter("node_disk_discarded_sectors_total", "Sectors discarded."),
    counter("node_disk_discard_time_seconds_total", "Time spent by all discards.").times(MILLISECOND),
    counter("node_disk_flush_requests_total", "Flushes done."),
    counter("node_disk_flush_requests_time_seconds_total", "Time spent by all flushes.").times(MILLISECOND),
];

struct Device {
    name: String,
    major: String,
    minor: String,
    values: Vec<Option<f64>>,
}

/// Whole disks; partitions and memory disks are left out.
pub(crate) fn collect(files: &mut Files, out: &mut Out) -> Result<(), Failure> {
    let devices: Vec<Device> = files.proc("diskstats")?.lines().filter_map(device).collect();
    let rows: Vec<Row> = devices.iter().map(|d| Row::new("device", &d.name, d.values.clone())).collect();
    out.table(&COLUMNS, &rows);
    describe(&devices, files, out);
    Ok(())
}

fn device(line: &str) -> Option<Device> {
    let mut words = line.split_ascii_whitespace();
    let (major, minor, name) = (words.next()?, words.next()?, words.next()?);
    if is_left_out(name) || number(major).is_none() || number(minor).is_none() {
        return None;
    }
    let values = words.take(COLUMNS.len()).map(number).collect();
    Some(Device { name: name.to_owned(), major: major.to_owned(), minor: minor.to_owned(), values })
}

/// node_exporter's `^(ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$`.
fn is_left_out(name: &str) -> bool {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    if stem.len() == name.len() {
        return false;
    }
    let is_disk_letter = |rest: &str| rest.len() == 1 && rest.bytes().all(|b| b.is_ascii_lowercase());
    let is_partition =
        ["hd", "sd", "vd", "xvd"].iter().any(|d| stem.strip_prefix(d).is_some_and(is_disk_letter));
    matches!(stem, "ram" | "loop" | "fd") || is_partition || is_nvme_partition(stem)
}

fn is_nvme_partition(stem: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let between = stem.strip_prefix("nvme").and_then(|rest| rest.strip_suffix('p'));
    between.and_then(|rest| rest.split_once('n')).is_some_and(|(disk, space)| digits(disk) && digits(space))
}

const INFO: Column = gauge("node_disk_info", "What a disk is; always 1.");
const FILESYSTEM_INFO: Column = gauge("node_disk_filesystem_info", "The file system on a disk; always 1.");
const MAPPER_INFO: Column =
    gauge("node_disk_device_mapper_info", "What a mapped device stands for; always 1.");

/// Labels and the keys of udev's database that they come from.
const INFO_KEYS: [(&str, &str); 5] = [
    ("path", "ID_PATH"),
    ("wwn", "ID_WWN"),
    ("model", "ID_MODEL"),
    ("serial", "ID_SERIAL_SHORT"),
    ("revision", "ID_REVISION"),
];
const FILESYSTEM_KEYS: [(&str, &str); 4] =
    [("type", "ID_FS_TYPE"), ("usage", "ID_FS_USAGE"), ("uuid", "ID_FS_UUID"), ("version", "ID_FS_VERSION")];
const MAPPER_KEYS: [(&str, &str); 5] = [
    ("name", "DM_NAME"),
    ("uuid", "DM_UUID"),
    ("vg_name", "DM_VG_NAME"),
    ("lv_name", "DM_LV_NAME"),
    ("lv_layer", "DM_LV_LAYER"),
];

fn describe(devices: &[Device], files: &mut Files, out: &mut Out) {
    let (mut infos, mut filesystems, mut mapped) = (Vec::new(), Vec::new(), Vec::new());
    for device in devices {
        let udev =
            files.root(&format!("run/udev/data/b{}:{}", device.major, device.minor)).unwrap_or_default();
        let mut info = labelled(device, udev, &INFO_KEYS);
        info.labels.extend([("major", device.major.clone()), ("minor", device.minor.clone())]);
        if property(udev, "ID_FS_TYPE").is_some() {
            filesystems.push(labelled(device, udev, &FILESYSTEM_KEYS));
        }
        if property(udev, "DM_NAME").is_some() {
            mapped.push(labelled(device, udev, &MAPPER_KEYS));
        }
        let rotational = files.sys_line(&format!("block/{}/queue/rotational", device.name));
        info.labels.push(("rotational", rotational.unwrap_or_default().to_owned()));
        infos.push(info);
    }
    out.table(&[INFO], &infos);
    out.table(&[FILESYSTEM_INFO], &filesystems);
    out.table(&[MAPPER_INFO], &mapped);
}

fn labelled(device: &Device, udev: &str, keys: &[(&'static str, &str)]) -> Row {
    let mut labels = vec![("device", device.name.clone())];
    labels
        .extend(keys.iter().map(|(label, key)| (*label, property(udev, key).unwrap_or_default().to_owned())));
    Row { labels, values: vec![Some(1.0)] }
}

/// A property of udev's database: a line `E:KEY=VALUE`.
fn property<'t>(udev: &'t str, key: &str) -> Option<&'t str> {
    setting(udev, &format!("E:{key}")).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_disks_stay() {
        for name in
            ["sda", "vda", "xvdf", "nvme0n1", "dm-0", "md127", "zram0", "sr0", "mmcblk0", "sdaa1", "ram"]
        {
            assert!(!is_left_out(name), "{name}");
        }
        for name in ["sda1", "hdb12", "vda15", "xvdf3", "nvme0n1p2", "loop7", "ram0", "fd0"] {
            assert!(is_left_out(name), "{name}");
        }
    }
}
