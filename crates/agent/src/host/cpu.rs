//! Time by CPU and mode, frequencies, throttling, the scheduler's waiting time.

use std::collections::BTreeMap;

use model::MetricKind;

use crate::files::{Failure, Files};
use crate::text::number;
use crate::write::{Column, Out, Row, counter, gauge};

/// The columns of a `cpuN` line of `/proc/stat`; the last two are parts of `user` and `nice`.
const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];
const GUEST_MODES: [&str; 2] = ["user", "nice"];
const TIMES: usize = MODES.len() + GUEST_MODES.len();
const IDLE: usize = 3;

/// Idle time may go back a little because the kernel estimates it; by more than this the CPU was off and starts over.
const IDLE_JUMP_MAX_S: f64 = 3.0;

const SECONDS: &str = "node_cpu_seconds_total";
const GUEST_SECONDS: &str = "node_cpu_guest_seconds_total";

/// Remembers times so that they never go back.
#[derive(Debug, Default)]
pub(crate) struct Cpu {
    seen: BTreeMap<u32, [f64; TIMES]>,
}

impl Cpu {
    pub(crate) fn collect(&mut self, files: &mut Files, out: &mut Out) -> Result<(), Failure> {
        let ticks_per_second = rustix::param::clock_ticks_per_second() as f64;
        let now: BTreeMap<u32, [f64; TIMES]> = files.proc("stat")?.lines().filter_map(cpu_line).collect();
        self.seen.retain(|cpu, _| now.contains_key(cpu));
        for (cpu, ticks) in now {
            let times = ticks.map(|t| t / ticks_per_second);
            advance(self.seen.entry(cpu).or_insert(times), &times);
        }
        let families = [
            (SECONDS, "CPU time by mode, in seconds.", &MODES[..], 0),
            (
                GUEST_SECONDS,
                "CPU time of guests, in seconds; a part of user and nice.",
                &GUEST_MODES[..],
                MODES.len(),
            ),
        ];
        for (name, help, modes, first) in families {
            out.family(MetricKind::Counter, name, help);
            for (cpu, times) in &self.seen {
                let cpu = cpu.to_string();
                for (mode, time) in modes.iter().zip(times.iter().skip(first)) {
                    out.sample(name, &[("cpu", &cpu), ("mode", mode)], *time);
                }
            }
        }
        topology(files, out, &self.seen.keys().copied().collect::<Vec<_>>());
        Ok(())
    }
}

fn cpu_line(line: &str) -> Option<(u32, [f64; TIMES])> {
    let mut words = line.strip_prefix("cpu")?.split_ascii_whitespace();
    // The first line sums all CPUs and has no number.
    let cpu = words.next().filter(|_| !line.starts_with("cpu "))?.parse().ok()?;
    let mut times = [0.0; TIMES];
    for (time, word) in times.iter_mut().zip(words) {
        *time = number(word)?;
    }
    Some((cpu, times))
}

/// Takes over what grew. A CPU that was switched off and on starts over with all its times.
fn advance(seen: &mut [f64; TIMES], now: &[f64; TIMES]) {
    let idle = |times: &[f64; TIMES]| times.get(IDLE).copied().unwrap_or(0.0);
    if idle(seen) - idle(now) >= IDLE_JUMP_MAX_S {
        *seen = *now;
    }
    for (old, new) in seen.iter_mut().zip(now) {
        *old = old.max(*new);
    }
}

const CORE_THROTTLES: Column = counter("node_cpu_core_throttles_total", "Times that a core was throttled.");
const PACKAGE_THROTTLES: Column =
    counter("node_cpu_package_throttles_total", "Times that a package was throttled.");
const ISOLATED: &str = "node_cpu_isolated";
const ONLINE: Column = gauge("node_cpu_online", "Whether a CPU is switched on.");

/// What `/sys` says about the CPUs; each part may be missing, in a virtual machine mostly.
fn topology(files: &mut Files, out: &mut Out, cpus: &[u32]) {
    let (mut cores, mut packages, mut online) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    for cpu in cpus {
        let folder = format!("devices/system/cpu/cpu{cpu}");
        if let Some(value) = files.sys_number(&format!("{folder}/online")) {
            online.push(Row::new("cpu", &cpu.to_string(), vec![Some(value)]));
        }
        let Some(core_count) = files.sys_number(&format!("{folder}/thermal_throttle/core_throttle_count"))
        else {
            continue;
        };
        let id = |files: &mut Files, name: &str| {
            files.sys_line(&format!("{folder}/topology/{name}")).unwrap_or_default().to_owned()
        };
        let (core, package) = (id(files, "core_id"), id(files, "physical_package_id"));
        let package_count = files.sys_number(&format!("{folder}/thermal_throttle/package_throttle_count"));
        cores.insert((package.clone(), core), core_count);
        packages.insert(package, package_count);
    }
    let core_rows: Vec<Row> = cores
        .into_iter()
        .map(|((package, core), count)| Row {
            labels: vec![("core", core), ("package", package)],
            values: vec![Some(count)],
        })
        .collect();
    let package_rows: Vec<Row> =
        packages.into_iter().map(|(package, count)| Row::new("package", &package, vec![count])).collect();
    out.table(&[CORE_THROTTLES], &core_rows);
    out.table(&[PACKAGE_THROTTLES], &package_rows);
    out.table(&[ONLINE], &online);
    isolated(files, out);
}

/// A list like `2-3,6`: CPUs that the scheduler leaves alone.
fn isolated(files: &mut Files, out: &mut Out) {
    let Some(list) = files.sys_line("devices/system/cpu/isolated") else { return };
    let rows: Vec<Row> =
        range_list(list).into_iter().map(|cpu| Row::new("cpu", &cpu.to_string(), vec![Some(1.0)])).collect();
    out.table(&[gauge(ISOLATED, "Whether a CPU is left alone by the scheduler.")], &rows);
}

/// The numbers of a kernel list; at most as many as a machine has CPUs.
pub(super) fn range_list(list: &str) -> Vec<u32> {
    const CPUS_MAX: usize = 8192;
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.trim().parse::<u32>().ok()?..=last.trim().parse::<u32>().ok()?)
    };
    list.split(',').filter_map(range).flatten().take(CPUS_MAX).collect()
}

/// Files of kilohertz and the families that they give.
const FREQUENCIES: [(&str, Column); 6] = [
    ("cpuinfo_cur_freq", gauge("node_cpu_frequency_hertz", "Frequency now, as the hardware has it.")),
    ("cpuinfo_min_freq", gauge("node_cpu_frequency_min_hertz", "Lowest frequency of the hardware.")),
    ("cpuinfo_max_freq", gauge("node_cpu_frequency_max_hertz", "Highest frequency of the hardware.")),
    (
        "scaling_cur_freq",
        gauge("node_cpu_scaling_frequency_hertz", "Frequency now, as the kernel asked for."),
    ),
    (
        "scaling_min_freq",
        gauge("node_cpu_scaling_frequency_min_hertz", "Lowest frequency that the kernel asks for."),
    ),
    (
        "scaling_max_freq",
        gauge("node_cpu_scaling_frequency_max_hertz", "Highest frequency that the kernel asks for."),
    ),
];

/// Frequencies by CPU.
pub(crate) fn frequency(files: &mut Files, out: &mut Out) -> Result<(), Failure> {
    const KILOHERTZ: f64 = 1000.0;
    let columns = FREQUENCIES.map(|(_, column)| column.times(KILOHERTZ));
    let mut rows = Vec::new();
    for name in files.sys_names("devices/system/cpu")? {
        let Some(cpu) = name.strip_prefix("cpu").filter(|n| n.parse::<u32>().is_ok()) else { continue };
        let folder = format!("devices/system/cpu/{name}/cpufreq");
        if !files.roots.sys.join(&folder).is_dir() {
            continue;
        }
        let values =
            FREQUENCIES.iter().map(|(file, _)| files.sys_number(&format!("{folder}/{file}"))).collect();
        rows.push(Row::new("cpu", cpu, values));
    }
    out.table(&columns, &rows);
    Ok(())
}

/// Running and waiting time by CPU, from a kernel that counts them.
pub(crate) fn schedstat(files: &mut Files, out: &mut Out) -> Result<(), Failure> {
    const NANOSECOND: f64 = 1e-9;
    let columns = [
        counter("node_schedstat_running_seconds_total", "Time that a CPU ran tasks.").times(NANOSECOND),
        counter("node_schedstat_waiting_seconds_total", "Time that tasks waited for a CPU.")
            .times(NANOSECOND),
        counter("node_schedstat_timeslices_total", "Time slices that a CPU executed."),
    ];
    let row = |line: &str| {
        let mut words = line.strip_prefix("cpu")?.split_ascii_whitespace();
        let cpu = words.next()?;
        // Six counters of another kind come first.
        Some(Row::new("cpu", cpu, words.skip(6).take(3).map(number).collect()))
    };
    let rows: Vec<Row> = files.proc("schedstat")?.lines().filter_map(row).collect();
    out.table(&columns, &rows);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_never_go_back_unless_the_cpu_was_off() {
        let mut seen = [10.0; TIMES];
        let mut now = [11.0; TIMES];
        now[4] = 9.0;
        advance(&mut seen, &now);
        assert_eq!((seen[0], seen[4]), (11.0, 10.0));
        advance(&mut seen, &[0.5; TIMES]);
        assert_eq!(seen, [0.5; TIMES]);
    }

    #[test]
    fn lists_of_the_kernel() {
        assert_eq!(range_list("0,2-4"), [0, 2, 3, 4]);
        assert_eq!(range_list(""), [0; 0]);
        assert_eq!(range_list("4-2,x,1"), [1]);
        assert_eq!(range_list("0-4294967295").len(), 8192);
    }
}
