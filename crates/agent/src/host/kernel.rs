//! What the kernel counts as a whole: load, interrupts, processes, files, entropy, pressure.

use model::MetricKind;

use crate::files::{Failure, Files};
use crate::text::{assigned, keyed, number, numbers};
use crate::write::{Column, Out, counter, gauge};

const LOADS: [Column; 3] = [
    gauge("node_load1", "Tasks that ran or waited, averaged over a minute."),
    gauge("node_load5", "Tasks that ran or waited, averaged over 5 minutes."),
    gauge("node_load15", "Tasks that ran or waited, averaged over 15 minutes."),
];

/// `/proc/loadavg`.
pub(crate) fn loadavg(files: &mut Files, out: &mut Out) -> Result<(), Failure> {
    let values = numbers(files.proc("loadavg")?);
    LOADS.iter().zip(values).for_each(|(column, value)| out.value(column, value));
    Ok(())
}

const STAT: [(&str, Column); 6] = [
    ("intr", counter("node_intr_total", "Interrupts served.")),
    ("ctxt", counter("node_context_switches_total", "Context switches.")),
    ("processes", counter("node_forks_total", "Processes and threads started.")),
    ("btime", gauge("node_boot_time_seconds", "Start of this machine since the Unix epoch.")),
    ("procs_running", gauge("node_procs_running", "Tasks that run or could.")),
    ("procs_blocked", gauge("node_procs_blocked", "Tasks that wait for I/O.")),
];

/// The totals of `/proc/stat`.
pub(crate) fn stat(files: &mut Files, out: &mut Out) -> Result<(), Failure> {
    let text = files.proc("stat")?;
    STAT.iter().for_each(|(key, column)| out.value(column, keyed(text, key)));
    Ok(())
}

/// `/proc/sys/fs/file-nr`: allocated, free (always 0), maximum.
pub(crate) fn filefd(files: &mut Files, out: &mut Out) -> Result<(), Failure> {
    let values = numbers(files.proc("sys/fs/file-nr")?);
    out.value(&gauge("node_filefd_allocated", "File handles in use."), values.first().copied().flatten());
    out.value(
        &gauge("node_filefd_maximum", "File handles that there may be."),
        values.get(2).copied().flatten(),
    );
    Ok(())
}

/// The pool of randomness.
pub(crate) fn entropy(files: &mut Files, out: &mut Out) -> Result<(), Failure> {
    let available = number(files.proc("sys/kernel/random/entropy_avail")?.trim());
    out.value(&gauge("node_entropy_available_bits", "Bits of entropy at hand."), available);
    let size = number(files.proc("sys/kernel/random/poolsize")?.trim());
    out.value(&gauge("node_entropy_pool_size_bits", "Bits of entropy that the pool can hold."), size);
    Ok(())
}

const MICROSECOND: f64 = 1e-6;

/// File, line and family of each pressure.
const PRESSURES: [(&str, &str, Column); 6] = [
    ("cpu", "some", counter("node_pressure_cpu_waiting_seconds_total", "Time that tasks waited for a CPU.")),
    ("io", "some", counter("node_pressure_io_waiting_seconds_total", "Time that tasks waited for I/O.")),
    ("io", "full", counter("node_pressure_io_stalled_seconds_total", "Time that all tasks waited for I/O.")),
    (
        "memory",
        "some",
        counter("node_pressure_memory_waiting_seconds_total", "Time that tasks waited for memory."),
    ),
    (
        "memory",
        "full",
        counter("node_pressure_memory_stalled_seconds_total", "Time that all waited for memory."),
    ),
    (
        "irq",
        "full",
        counter("node_pressure_irq_stalled_seconds_total", "Time that interrupts kept all tasks waiting."),
    ),
];

/// Pressure stall information. `irq` came later than the others and may be missing.
pub(crate) fn pressure(files: &mut Files, out: &mut Out) -> Result<(), Failure> {
    files.proc("pressure/cpu")?;
    for (file, line, column) in &PRESSURES {
        if let Ok(text) = files.proc(&format!("pressure/{file}")) {
            out.value(&column.times(MICROSECOND), stall_total(text, line));
        }
    }
    Ok(())
}

/// The total of the `some` or `full` line, in microseconds.
pub(crate) fn stall_total(text: &str, line: &str) -> Option<f64> {
    let line = text.lines().find_map(|l| l.strip_prefix(line)?.strip_prefix(' '))?;
    number(assigned(line, "total")?)
}

/// Whether SELinux is on, and how strict.
pub(crate) fn selinux(files: &mut Files, out: &mut Out) -> Result<(), Failure> {
    let enforce = files.sys_number("fs/selinux/enforce");
    let enabled = f64::from(u8::from(enforce.is_some()));
    out.one(MetricKind::Gauge, "node_selinux_enabled", "Whether SELinux is on.", enabled);
    out.value(
        &gauge("node_selinux_current_mode", "1 when SELinux enforces, 0 when it only reports."),
        enforce,
    );
    Ok(())
}
