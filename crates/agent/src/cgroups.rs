//! Control groups (version 2) under cAdvisor's `container_*`.
//!
//! The root and every group below it is a row, named by its path in `id`. A group that Docker, Podman or containerd made
//! has the start of its container's id in `name` too; the name that people gave it is known to those programs only, and
//! we do not ask them. What a group's controllers do not count is left out.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::files::{Failure, Files};
use crate::host::stall_total;
use crate::text::{assigned, keyed, number, pairs, setting};
use crate::write::{Column, Out, Row, counter, gauge};

/// Groups below the root that are read: a machine with a hundred containers has about three hundred. More are left out
/// and counted.
const GROUPS_MAX: usize = 512;

/// Levels below the root: Kubernetes nests four deep, user sessions six.
const DEPTH_MAX: usize = 8;

/// A container's id, shortened as its own tools do.
const SHORT_ID: usize = 12;
const LONG_ID: usize = 64;

const MICRO: f64 = 1e-6;

const COLUMNS: [Column; 25] = [
    counter("container_cpu_user_seconds_total", "CPU time in user mode.").times(MICRO),
    counter("container_cpu_system_seconds_total", "CPU time in the kernel.").times(MICRO),
    counter("container_cpu_cfs_periods_total", "Periods of the CPU limit that went by."),
    counter("container_cpu_cfs_throttled_periods_total", "Periods in which the CPU limit was reached."),
    counter("container_cpu_cfs_throttled_seconds_total", "Time that the CPU limit took away.").times(MICRO),
    counter("container_pressure_cpu_waiting_seconds_total", "Time that tasks waited for a CPU.").times(MICRO),
    counter("container_pressure_cpu_stalled_seconds_total", "Time that all tasks waited for a CPU.")
        .times(MICRO),
    counter("container_pressure_memory_waiting_seconds_total", "Time that tasks waited for memory.")
        .times(MICRO),
    counter("container_pressure_memory_stalled_seconds_total", "Time that all waited for memory.")
        .times(MICRO),
    counter("container_pressure_io_waiting_seconds_total", "Time that tasks waited for I/O.").times(MICRO),
    counter("container_pressure_io_stalled_seconds_total", "Time that all tasks waited for I/O.")
        .times(MICRO),
    gauge("container_memory_usage_bytes", "Memory in use, file cache included."),
    gauge("container_memory_working_set_bytes", "Memory in use without idle file cache."),
    gauge("container_memory_rss", "Memory of programs, in bytes."),
    gauge("container_memory_cache", "Memory of the file cache, in bytes."),
    gauge("container_memory_mapped_file", "Memory of files mapped, in bytes."),
    gauge("container_memory_kernel_usage", "Memory of the kernel, in bytes."),
    gauge("container_memory_swap", "Memory swapped out, in bytes."),
    gauge("container_memory_max_usage_bytes", "Most memory that was in use."),
    counter("container_memory_failcnt", "Times that the memory limit was reached."),
    counter("container_oom_events_total", "Processes killed for want of memory."),
    gauge("container_processes", "Processes."),
    gauge("container_threads", "Threads."),
    gauge("container_threads_max", "Threads that there may be; 0 without a limit."),
    gauge("container_start_time_seconds", "When the group was made, since the Unix epoch."),
];

const USAGE: Column = counter("container_cpu_usage_seconds_total", "CPU time.").times(MICRO);
const LAST_SEEN: Column = gauge("container_last_seen", "When the group was read, since the Unix epoch.");

const SPEC: [Column; 6] = [
    gauge("container_spec_memory_limit_bytes", "Memory that may be used; 0 without a limit."),
    gauge("container_spec_memory_reservation_limit_bytes", "Memory that is kept for the group."),
    gauge("container_spec_memory_swap_limit_bytes", "Swap that may be used; 0 without a limit."),
    gauge("container_spec_cpu_quota", "CPU time in a period, in microseconds; absent without a limit."),
    gauge("container_spec_cpu_period", "Period of the CPU limit, in microseconds."),
    gauge("container_spec_cpu_shares", "Share of the CPU when there is not enough, from 2 to 262144."),
];

/// Words of `io.stat` and their families.
const DISKS: [(&str, Column); 4] = [
    ("rbytes", counter("container_fs_reads_bytes_total", "Bytes read.")),
    ("wbytes", counter("container_fs_writes_bytes_total", "Bytes written.")),
    ("rios", counter("container_fs_reads_total", "Reads done.")),
    ("wios", counter("container_fs_writes_total", "Writes done.")),
];

/// A group: where its files are, and its labels.
struct Group {
    folder: PathBuf,
    labels: Vec<(&'static str, String)>,
    made: Option<f64>,
}

/// All groups of the hierarchy, wherever it is mounted; off without version 2.
pub(crate) fn collect(files: &mut Files, out: &mut Out) -> Result<(), Failure> {
    let root = hierarchy(files)?;
    let groups = groups_below(&root, files);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64()).floor();
    let row = |group: &Group, values| Row { labels: group.labels.clone(), values };
    let (mut all, mut usages, mut specs, mut disks, mut seen) = (vec![], vec![], vec![], vec![], vec![]);
    for group in &groups {
        let cpu = files.read(&group.folder.join("cpu.stat")).unwrap_or_default().to_owned();
        let mut usage = row(group, vec![keyed(&cpu, "usage_usec")]);
        usage.labels.push(("cpu", "total".to_owned()));
        usages.push(usage);
        all.push(row(group, values(group, &cpu, files)));
        specs.push(row(group, limits(group, files)));
        seen.push(row(group, vec![Some(now)]));
        disks.extend(disk_rows(group, files));
    }
    out.table(&[USAGE], &usages);
    out.table(&COLUMNS, &all);
    out.table(&SPEC, &specs);
    out.table(&DISKS.map(|(_, column)| column), &disks);
    out.table(&[LAST_SEEN], &seen);
    Ok(())
}

/// Version 2 alone, or beside version 1, where it has no controllers but still counts CPU time and pressure.
fn hierarchy(files: &Files) -> Result<PathBuf, Failure> {
    let alone = files.roots.sys.join("fs/cgroup");
    let beside = alone.join("unified");
    let is_there = |folder: &Path| folder.join("cgroup.controllers").exists();
    [alone.clone(), beside].into_iter().find(|folder| is_there(folder)).ok_or(Failure::Missing(alone))
}

/// The root and what is below it, parents first, by name.
fn groups_below(root: &Path, files: &mut Files) -> Vec<Group> {
    let mut groups =
        vec![Group { folder: root.to_owned(), labels: vec![("id", "/".to_owned())], made: None }];
    let mut level: Vec<(PathBuf, String)> = vec![(root.to_owned(), String::new())];
    for _ in 0..DEPTH_MAX {
        let parents = std::mem::take(&mut level);
        for (folder, id) in parents {
            for (name, metadata) in folders_in(&folder) {
                if groups.len() > GROUPS_MAX {
                    files.n_cut += 1;
                    return groups;
                }
                let (folder, id) = (folder.join(&name), format!("{id}/{name}"));
                groups.push(Group {
                    folder: folder.clone(),
                    labels: labels(&id, &name),
                    made: made(&metadata),
                });
                level.push((folder, id));
            }
        }
    }
    groups
}

fn folders_in(folder: &Path) -> Vec<(String, Metadata)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    // The type comes with the name: the many files of a group cost no call each.
    let folders = entries.filter(|e| e.file_type().is_ok_and(|t| t.is_dir()));
    let mut found: Vec<(String, Metadata)> =
        folders.filter_map(|e| Some((e.file_name().into_string().ok()?, e.metadata().ok()?))).collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn made(metadata: &Metadata) -> Option<f64> {
    Some(metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_secs_f64().floor())
}

fn labels(id: &str, name: &str) -> Vec<(&'static str, String)> {
    let mut labels = vec![("id", id.to_owned())];
    labels.extend(container_id(name).map(|short| ("name", short.to_owned())));
    labels
}

/// `docker-<64 hex>.scope`, `cri-containerd-<64 hex>.scope`, `libpod-<64 hex>.scope` or the bare id.
fn container_id(name: &str) -> Option<&str> {
    let bare = name.strip_suffix(".scope").unwrap_or(name);
    let id = bare.rsplit('-').next()?;
    (id.len() == LONG_ID && id.bytes().all(|b| b.is_ascii_hexdigit())).then(|| id.get(..SHORT_ID)).flatten()
}

fn values(group: &Group, cpu: &str, files: &mut Files) -> Vec<Option<f64>> {
    let mut values: Vec<Option<f64>> =
        ["user_usec", "system_usec", "nr_periods", "nr_throttled", "throttled_usec"]
            .map(|k| keyed(cpu, k))
            .to_vec();
    for file in ["cpu.pressure", "memory.pressure", "io.pressure"] {
        let text = files.read(&group.folder.join(file)).unwrap_or_default();
        values.extend([stall_total(text, "some"), stall_total(text, "full")]);
    }
    values.extend(memory(group, files));
    let processes =
        files.read(&group.folder.join("cgroup.procs")).ok().map(|text| text.lines().count() as f64);
    values.push(processes);
    values.push(one(group, "pids.current", files));
    values.push(limit(group, "pids.max", files));
    values.push(group.made);
    values
}

fn memory(group: &Group, files: &mut Files) -> [Option<f64>; 10] {
    let used = one(group, "memory.current", files);
    let (swap, peak) = (one(group, "memory.swap.current", files), one(group, "memory.peak", files));
    let events = files.read(&group.folder.join("memory.events")).unwrap_or_default();
    let (full, killed) = (keyed(events, "max"), keyed(events, "oom_kill"));
    let stat = files.read(&group.folder.join("memory.stat")).unwrap_or_default();
    let idle = keyed(stat, "inactive_file").unwrap_or(0.0);
    [
        used,
        used.map(|bytes| (bytes - idle).max(0.0)),
        keyed(stat, "anon"),
        keyed(stat, "file"),
        keyed(stat, "file_mapped"),
        keyed(stat, "kernel"),
        swap,
        peak,
        full,
        killed,
    ]
}

fn limits(group: &Group, files: &mut Files) -> Vec<Option<f64>> {
    let memory = ["memory.max", "memory.low", "memory.swap.max"].map(|file| limit(group, file, files));
    let cpu = files.read(&group.folder.join("cpu.max")).unwrap_or_default();
    let mut words = cpu.split_ascii_whitespace().map(number);
    let (quota, period) = (words.next().flatten(), words.next().flatten());
    let shares = one(group, "cpu.weight", files).map(shares);
    memory.into_iter().chain([quota, period, shares]).collect()
}

/// Version 2 weighs from 1 to 10,000 where version 1 shared from 2 to 262,144.
fn shares(weight: f64) -> f64 {
    (2.0 + (weight - 1.0) * 262_142.0 / 9999.0).floor()
}

fn one(group: &Group, file: &str, files: &mut Files) -> Option<f64> {
    number(files.read(&group.folder.join(file)).ok()?.trim())
}

/// `max` is 0, as cAdvisor has it.
fn limit(group: &Group, file: &str, files: &mut Files) -> Option<f64> {
    match files.read(&group.folder.join(file)).ok()?.trim() {
        "max" => Some(0.0),
        text => number(text),
    }
}

/// `254:0 rbytes=1 wbytes=2 …`, a line a disk.
fn disk_rows(group: &Group, files: &mut Files) -> Vec<Row> {
    let text = files.read(&group.folder.join("io.stat")).unwrap_or_default().to_owned();
    let mut rows = Vec::new();
    for line in text.lines() {
        let Some((numbers, rest)) = line.split_once(' ') else { continue };
        let uevent = files.sys(&format!("dev/block/{numbers}/uevent")).unwrap_or_default();
        let device =
            setting(uevent, "DEVNAME").map_or_else(|| numbers.to_owned(), |name| format!("/dev/{name}"));
        let mut labels = group.labels.clone();
        labels.push(("device", device));
        let values = DISKS.iter().map(|(word, _)| number(assigned(rest, word)?)).collect();
        rows.push(Row { labels, values });
    }
    rows
}

const MACHINE: [Column; 3] = [
    gauge("machine_cpu_cores", "CPUs of this machine."),
    gauge("machine_memory_bytes", "Memory of this machine."),
    gauge("machine_swap_bytes", "Swap of this machine."),
];

/// What groups share.
pub(crate) fn machine(files: &mut Files, out: &mut Out) -> Result<(), Failure> {
    let cpu_line =
        |line: &&str| line.strip_prefix("cpu").is_some_and(|n| n.starts_with(|c: char| c.is_ascii_digit()));
    let cores = files.proc("stat")?.lines().filter(cpu_line).count() as f64;
    let kilobytes: Vec<(String, f64)> =
        pairs(files.proc("meminfo")?).take(64).map(|(key, value)| (key.to_owned(), value)).collect();
    let bytes = |key: &str| kilobytes.iter().find(|(k, _)| k == key).map(|(_, value)| value * 1024.0);
    let text = |files: &mut Files, name: &str| files.root(name).unwrap_or_default().trim().to_owned();
    let labels = vec![
        ("boot_id", files.proc("sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()),
        ("machine_id", text(files, "etc/machine-id")),
        ("system_uuid", files.sys_line("class/dmi/id/product_uuid").unwrap_or_default().to_owned()),
    ];
    let values = vec![Some(cores), bytes("MemTotal:"), bytes("SwapTotal:")];
    out.table(&MACHINE, &[Row { labels, values }]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_known_by_their_ids() {
        let id = "0123456789abcdef".repeat(4);
        for name in [format!("docker-{id}.scope"), id.clone(), format!("cri-containerd-{id}.scope")] {
            assert_eq!(container_id(&name), Some("0123456789ab"), "{name}");
        }
        for name in ["cron.service", "docker-123.scope", "", "user-0.slice"] {
            assert_eq!(container_id(name), None, "{name}");
        }
    }

    #[test]
    fn the_default_weight_is_the_default_share() {
        assert_eq!(shares(100.0), 2597.0);
        assert_eq!((shares(1.0), shares(10_000.0)), (2.0, 262_144.0));
    }
}
