//! File systems that hold data: size, free space, files, by mount point.

use std::collections::BTreeSet;

use super::statfs::Sizes;
use crate::files::{Failure, Files};
use crate::write::{Column, Out, Row, gauge};

/// Kinds that hold no data of their own; node_exporter's list.
const KINDS_LEFT_OUT: [&str; 25] = [
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "erofs",
    "fusectl",
    "hugetlbfs",
    "iso9660",
    "mqueue",
    "nsfs",
    "overlay",
    "proc",
    "procfs",
    "pstore",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "squashfs",
    "sysfs",
    "tracefs",
];

/// Mount points that are left out with all below them; node_exporter's list.
const POINTS_LEFT_OUT: [&str; 3] = ["/dev", "/proc", "/sys"];
/// Mount points below these belong to containers and units.
const BELOW_LEFT_OUT: [&str; 3] = ["/run/credentials/", "/var/lib/docker/", "/var/lib/containers/storage/"];

const COLUMNS: [Column; 7] = [
    gauge("node_filesystem_size_bytes", "Size."),
    gauge("node_filesystem_free_bytes", "Free space."),
    gauge("node_filesystem_avail_bytes", "Free space for those who are not root."),
    gauge("node_filesystem_files", "Files that there may be."),
    gauge("node_filesystem_files_free", "Files that there may be more."),
    gauge("node_filesystem_readonly", "Whether nothing can be written."),
    gauge("node_filesystem_device_error", "Whether asking failed or took too long."),
];
const MOUNT_INFO: Column = gauge("node_filesystem_mount_info", "What is mounted where; always 1.");

/// Asks for sizes, and remembers whose answer is still out.
#[derive(Debug, Default)]
pub(crate) struct Filesystems {
    sizes: Sizes,
}

/// A line of `mountinfo`.
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    major: String,
    minor: String,
    point: String,
    kind: String,
    device: String,
    is_read_only: bool,
}

impl Filesystems {
    pub(crate) fn collect(&mut self, files: &mut Files, out: &mut Out) -> Result<(), Failure> {
        // The first process sees the host's mounts even if we run in a name space of our own.
        let is_open = files.can_open(&files.roots.proc, "1/mountinfo");
        let text = files.proc(if is_open { "1/mountinfo" } else { "self/mountinfo" })?;
        let mut seen = BTreeSet::new();
        let mounts: Vec<Mount> = text
            .lines()
            .filter_map(mount)
            .filter(|m| is_wanted(m) && seen.insert((m.device.clone(), m.point.clone())))
            .collect();
        let rows: Vec<Row> = mounts.iter().map(|m| self.row(m, files)).collect();
        out.table(&COLUMNS, &rows);
        let infos: Vec<Row> = mounts.iter().map(info).collect();
        out.table(&[MOUNT_INFO], &infos);
        Ok(())
    }

    fn row(&mut self, mount: &Mount, files: &Files) -> Row {
        let below = mount.point.trim_start_matches('/');
        let path = files.roots.root.join(below);
        let read_only = Some(f64::from(u8::from(mount.is_read_only)));
        let values = match self.sizes.ask(&path) {
            Ok(s) => vec![
                Some(s.size_bytes),
                Some(s.free_bytes),
                Some(s.avail_bytes),
                Some(s.files),
                Some(s.files_free),
                read_only,
                Some(0.0),
            ],
            Err(_) => vec![None, None, None, None, None, read_only, Some(1.0)],
        };
        Row {
            labels: vec![
                ("device", mount.device.clone()),
                ("fstype", mount.kind.clone()),
                ("mountpoint", mount.point.clone()),
            ],
            values,
        }
    }
}

fn info(mount: &Mount) -> Row {
    Row {
        labels: vec![
            ("device", mount.device.clone()),
            ("major", mount.major.clone()),
            ("minor", mount.minor.clone()),
            ("mountpoint", mount.point.clone()),
        ],
        values: vec![Some(1.0)],
    }
}

fn is_wanted(mount: &Mount) -> bool {
    let is_at_or_below = |folder: &&str| {
        mount.point.strip_prefix(*folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    !KINDS_LEFT_OUT.contains(&mount.kind.as_str())
        && !POINTS_LEFT_OUT.iter().any(is_at_or_below)
        && !BELOW_LEFT_OUT.iter().any(|folder| mount.point.starts_with(folder))
}

/// `27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard`.
fn mount(line: &str) -> Option<Mount> {
    let (left, right) = line.split_once(" - ")?;
    let mut left = left.split(' ').skip(2);
    let (major, minor) = left.next()?.split_once(':')?;
    let (point, options) = (left.nth(1)?, left.next()?);
    let mut right = right.split(' ');
    let (kind, device, super_options) = (right.next()?, right.next()?, right.next().unwrap_or_default());
    let is_read_only = [options, super_options].iter().any(|list| list.split(',').any(|o| o == "ro"));
    Some(Mount {
        major: major.to_owned(),
        minor: minor.to_owned(),
        point: unescape(point),
        kind: kind.to_owned(),
        device: unescape(device),
        is_read_only,
    })
}

/// Blanks and backslashes stand as three octal digits.
fn unescape(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (code, plain)| text.replace(code, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_mountinfo() {
        let line = r"36 35 98:0 /mnt1 /mnt/my\040disk rw,noatime master:1 shared:2 - ext3 /dev/root ro,errors=continue";
        let wanted = Mount {
            major: "98".into(),
            minor: "0".into(),
            point: "/mnt/my disk".into(),
            kind: "ext3".into(),
            device: "/dev/root".into(),
            is_read_only: true,
        };
        assert_eq!(mount(line), Some(wanted));
        for odd in ["", "1 2 3", "1 2 3:4 / - ext4", "1 2 34 / / rw - ext4 /dev/x rw"] {
            assert_eq!(mount(odd), None, "{odd}");
        }
    }

    #[test]
    fn only_file_systems_with_data() {
        let at = |point: &str, kind: &str| {
            let line = format!("1 2 8:1 / {point} rw - {kind} /dev/x rw");
            is_wanted(&mount(&line).expect("a mount"))
        };
        assert!(at("/", "ext4") && at("/development", "xfs") && at("/run", "tmpfs"));
        assert!(!at("/dev/shm", "tmpfs") && !at("/sys", "ext4") && !at("/x", "overlay"));
        assert!(!at("/run/credentials/a.service", "tmpfs") && !at("/var/lib/docker/x", "ext4"));
    }
}
