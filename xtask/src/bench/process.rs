//! What the kernel says of a process.

use anyhow::{Context, Result};

/// Clock ticks a second: 100 on every Linux that Rust runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// Resident memory in MB and CPU time used so far in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) resident_mb: f64,
    /// Of it what belongs to no file.
    pub(crate) anonymous_mb: f64,
    /// Memory with shared pages divided among those who share them.
    pub(crate) proportional_mb: f64,
    pub(crate) cpu_s: f64,
}

/// The most that was resident so far, in MB.
pub(crate) fn peak_mb(pid: u64) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse::<f64>()? / 1024.0)
}

/// Reads `/proc/PID`.
pub(crate) fn usage(pid: u64) -> Result<Usage> {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let kilobytes = |name: &str| -> Result<f64> {
        let line =
            rollup.lines().find_map(|l| l.strip_prefix(name)).with_context(|| format!("{name} of {pid}"))?;
        Ok(line.trim().trim_end_matches(" kB").trim().parse()?)
    };
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat[stat.rfind(')').context("stat")? + 2..].split(' ').collect();
    let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
    Ok(Usage {
        resident_mb: kilobytes("Rss:")? / 1024.0,
        anonymous_mb: kilobytes("Anonymous:")? / 1024.0,
        proportional_mb: kilobytes("Pss:")? / 1024.0,
        cpu_s: ticks / TICKS_PER_SECOND,
    })
}
