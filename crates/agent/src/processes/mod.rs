//! Chosen processes by name, under process-exporter's `namedprocess_namegroup_*`.
//!
//! Which ones stands in a file of names with pids, as the lab's `endpoints.json`: it is read again when it has changed.
//! A name stays when its process is gone, with 0 processes, so that an alert can say so. A pid that the kernel gave to
//! somebody else is told by its start time.

pub(crate) mod stat;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

use serde::Deserialize;

use crate::files::{Failure, Files};
use crate::write::{Column, Out, Row, counter, gauge};
use stat::Usage;

/// Names that the file may give; a lab has a dozen. More are left out and counted.
const NAMES_MAX: usize = 256;

/// What we need of an entry; it has more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
struct Listed {
    pid: u32,
}

/// One name: which process has it now.
#[derive(Debug, Default)]
struct Group {
    pid: u32,
    /// Start time of the process that was first seen under this pid.
    start_ticks: Option<f64>,
    /// Times that another pid took the name.
    restarts: u32,
}

/// All names.
#[derive(Debug)]
pub(crate) struct Groups {
    list: PathBuf,
    read_at: Option<(SystemTime, u64)>,
    groups: BTreeMap<String, Group>,
}

const NAME: &str = "groupname";

type Value = fn(&Usage) -> Option<f64>;

/// Families without a label but the name.
const PLAIN: [(Column, Value); 8] = [
    (gauge("namedprocess_namegroup_num_threads", "Threads."), |u| Some(u.threads)),
    (gauge("namedprocess_namegroup_open_filedesc", "File descriptors open."), |u| u.open_fds),
    (gauge("namedprocess_namegroup_worst_fd_ratio", "File descriptors open, by those allowed."), |u| {
        Some(u.open_fds? / u.max_fds?)
    }),
    (gauge("namedprocess_namegroup_oldest_start_time_seconds", "Start since the Unix epoch."), |u| {
        Some(u.start_time_s)
    }),
    (
        counter("namedprocess_namegroup_major_page_faults_total", "Pages that had to be read from a disk."),
        |u| Some(u.major_faults),
    ),
    (
        counter("namedprocess_namegroup_minor_page_faults_total", "Pages that were made without a disk."),
        |u| Some(u.minor_faults),
    ),
    (counter("namedprocess_namegroup_read_bytes_total", "Bytes read from disks."), |u| u.read_bytes),
    (counter("namedprocess_namegroup_write_bytes_total", "Bytes written to disks."), |u| u.written_bytes),
];

/// Families with one more label: family, label, and a value for each of its values.
const CPU: Column = counter("namedprocess_namegroup_cpu_seconds_total", "CPU time in seconds.");
const CPU_MODES: [(&str, Value); 2] =
    [("user", |u| Some(u.cpu_user_s)), ("system", |u| Some(u.cpu_system_s))];
const MEMORY: Column = gauge("namedprocess_namegroup_memory_bytes", "Memory by kind.");
const MEMORY_KINDS: [(&str, Value); 3] = [
    ("resident", |u| Some(u.resident_bytes)),
    ("virtual", |u| Some(u.virtual_bytes)),
    ("swapped", |u| u.swapped_bytes),
];
const SWITCHES: Column =
    counter("namedprocess_namegroup_context_switches_total", "Context switches of the main thread.");
const SWITCH_KINDS: [(&str, Value); 2] =
    [("voluntary", |u| u.voluntary_switches), ("nonvoluntary", |u| u.forced_switches)];
const STATES: Column = gauge("namedprocess_namegroup_states", "Processes by state.");
const STATE_KINDS: [(&str, Value); 5] = [
    ("Running", |u| state(u, "R")),
    ("Sleeping", |u| state(u, "SI")),
    ("Waiting", |u| state(u, "D")),
    ("Zombie", |u| state(u, "Z")),
    ("Other", |u| Some(1.0 - state(u, "RSIDZ")?)),
];
const COUNT: Column =
    gauge("namedprocess_namegroup_num_procs", "Processes with this name: 1, or 0 when it is gone.");
const RESTARTS: Column = counter(
    "watchfire_process_restarts_total",
    "Times that another process took the name since this agent started.",
);

fn state(usage: &Usage, letters: &str) -> Option<f64> {
    Some(f64::from(u8::from(letters.contains(usage.state))))
}

impl Groups {
    /// Of the names in the file `list`, which need not be there yet.
    pub(crate) fn new(list: PathBuf) -> Self {
        Self { list, read_at: None, groups: BTreeMap::new() }
    }

    pub(crate) fn collect(&mut self, files: &mut Files, out: &mut Out) -> Result<(), Failure> {
        self.read_list(files)?;
        let proc = files.roots.proc.clone();
        let mut usages: Vec<(&str, Usage)> = Vec::with_capacity(self.groups.len());
        let mut counts = Vec::with_capacity(self.groups.len());
        for (name, group) in &mut self.groups {
            let usage = stat::read(files, &proc, &group.pid.to_string()).ok().filter(|u| group.is_same(u));
            let count = f64::from(u8::from(usage.is_some()));
            counts.push(Row::new(NAME, name, vec![Some(count), Some(f64::from(group.restarts))]));
            usages.extend(usage.map(|usage| (name.as_str(), usage)));
        }
        out.table(&[COUNT, RESTARTS], &counts);
        let plain: Vec<Row> = usages
            .iter()
            .map(|(name, usage)| Row::new(NAME, name, PLAIN.iter().map(|(_, value)| value(usage)).collect()))
            .collect();
        out.table(&PLAIN.map(|(column, _)| column), &plain);
        by_label(CPU, "mode", &CPU_MODES, &usages, out);
        by_label(MEMORY, "memtype", &MEMORY_KINDS, &usages, out);
        by_label(SWITCHES, "ctxswitchtype", &SWITCH_KINDS, &usages, out);
        by_label(STATES, "state", &STATE_KINDS, &usages, out);
        Ok(())
    }

    /// Reads the file when its time or size is another than last time.
    fn read_list(&mut self, files: &mut Files) -> Result<(), Failure> {
        let unreadable = |source| Failure::Unreadable { path: self.list.clone(), source };
        let seen =
            std::fs::metadata(&self.list).and_then(|m| Ok((m.modified()?, m.len()))).map_err(unreadable)?;
        if self.read_at == Some(seen) {
            return Ok(());
        }
        let text = files.read(&self.list)?;
        let listed: BTreeMap<String, Listed> =
            serde_json::from_str(text).map_err(std::io::Error::other).map_err(unreadable)?;
        files.n_cut += u64::from(listed.len() > NAMES_MAX);
        self.groups.retain(|name, _| listed.contains_key(name));
        for (name, Listed { pid }) in listed.into_iter().take(NAMES_MAX) {
            self.groups.entry(name).or_default().take_pid(pid);
        }
        self.read_at = Some(seen);
        Ok(())
    }
}

impl Group {
    fn take_pid(&mut self, pid: u32) {
        if self.pid == pid {
            return;
        }
        self.restarts += u32::from(self.pid != 0);
        self.pid = pid;
        self.start_ticks = None;
    }

    /// Whether `usage` is of the process that had the pid when we saw it first.
    fn is_same(&mut self, usage: &Usage) -> bool {
        *self.start_ticks.get_or_insert(usage.start_ticks) == usage.start_ticks
    }
}

fn by_label(
    column: Column,
    label: &'static str,
    kinds: &[(&'static str, Value)],
    usages: &[(&str, Usage)],
    out: &mut Out,
) {
    let row = |name: &str, kind: &str, value| Row {
        labels: vec![(NAME, name.to_owned()), (label, kind.to_owned())],
        values: vec![value],
    };
    let rows: Vec<Row> = usages
        .iter()
        .flat_map(|(name, usage)| kinds.iter().map(move |(kind, value)| row(name, kind, value(usage))))
        .collect();
    out.table(&[column], &rows);
}

#[cfg(test)]
mod tests;
