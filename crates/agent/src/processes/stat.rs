//! What one process uses, from `/proc/PID`.

use std::path::Path;

use crate::files::{Failure, Files};
use crate::text::{keyed, number};

/// Limits that are too high to matter are written as a word.
const UNLIMITED: &str = "unlimited";

/// A reading.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Usage {
    /// `R`, `S`, `D`, `Z`, `T` …
    pub state: char,
    pub cpu_user_s: f64,
    pub cpu_system_s: f64,
    pub minor_faults: f64,
    pub major_faults: f64,
    pub threads: f64,
    /// In ticks since the machine started: with the pid it names a process for good.
    pub start_ticks: f64,
    pub start_time_s: f64,
    pub virtual_bytes: f64,
    pub resident_bytes: f64,
    pub swapped_bytes: Option<f64>,
    pub voluntary_switches: Option<f64>,
    pub forced_switches: Option<f64>,
    /// The next ones need the same user, or root.
    pub open_fds: Option<f64>,
    pub max_fds: Option<f64>,
    pub read_bytes: Option<f64>,
    pub written_bytes: Option<f64>,
}

/// Reads `pid` below `proc`. What another user's process hides is left out.
pub(crate) fn read(files: &mut Files, proc: &Path, pid: &str) -> Result<Usage, Failure> {
    let folder = proc.join(pid);
    let stat = files.read(&folder.join("stat"))?;
    let mut usage = parse_stat(stat).ok_or(Failure::Odd { file: "/proc/PID/stat", wanted: "24 fields" })?;
    if let Ok(status) = files.read(&folder.join("status")) {
        parse_status(status, &mut usage);
    }
    if let Ok(limits) = files.read(&folder.join("limits")) {
        usage.max_fds = open_files_limit(limits);
    }
    if let Ok(io) = files.read(&folder.join("io")) {
        usage.read_bytes = keyed(io, "read_bytes:");
        usage.written_bytes = keyed(io, "write_bytes:");
    }
    usage.open_fds = open_fds(&folder);
    usage.start_time_s = files.boot_time_s(proc) + usage.start_ticks / ticks_per_second();
    Ok(usage)
}

fn ticks_per_second() -> f64 {
    rustix::param::clock_ticks_per_second() as f64
}

/// The program's name stands in parentheses and may hold anything: fields are counted behind its end.
fn parse_stat(stat: &str) -> Option<Usage> {
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    // Field numbers of proc_pid_stat(5); the third is the first behind the name.
    let field = |n: usize| fields.get(n - 3).copied().and_then(number);
    Some(Usage {
        state: fields.first()?.chars().next()?,
        minor_faults: field(10)?,
        major_faults: field(12)?,
        cpu_user_s: field(14)? / ticks_per_second(),
        cpu_system_s: field(15)? / ticks_per_second(),
        threads: field(20)?,
        start_ticks: field(22)?,
        virtual_bytes: field(23)?,
        resident_bytes: field(24)? * rustix::param::page_size() as f64,
        ..Usage::default()
    })
}

fn parse_status(status: &str, usage: &mut Usage) {
    usage.swapped_bytes = keyed(status, "VmSwap:").map(|kilobytes| kilobytes * 1024.0);
    usage.voluntary_switches = keyed(status, "voluntary_ctxt_switches:");
    usage.forced_switches = keyed(status, "nonvoluntary_ctxt_switches:");
}

fn open_files_limit(limits: &str) -> Option<f64> {
    let rest = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let soft = rest.split_ascii_whitespace().next()?;
    if soft == UNLIMITED { None } else { number(soft) }
}

/// Since Linux 6.2 the folder's size is the number of its entries; before, it is 0 and they are counted.
fn open_fds(process: &Path) -> Option<f64> {
    let folder = process.join("fd");
    match std::fs::metadata(&folder).ok()?.len() {
        0 => Some(std::fs::read_dir(&folder).ok()?.count() as f64),
        count => Some(count as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Roots;

    #[test]
    fn a_name_may_hold_anything() {
        let line = "42 (a) b (c)) S 1 42 42 0 -1 4194560 7 8 9 10 150 50 0 0 20 0 3 0 1000 4096 2 18446744073709551615";
        let usage = parse_stat(line).expect("24 fields");
        assert_eq!((usage.state, usage.minor_faults, usage.major_faults), ('S', 7.0, 9.0));
        assert_eq!((usage.cpu_user_s, usage.cpu_system_s, usage.threads), (1.5, 0.5, 3.0));
        assert_eq!((usage.start_ticks, usage.virtual_bytes), (1000.0, 4096.0));
        assert_eq!(parse_stat("42 (x) S 1"), None);
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    fn limits_and_status() {
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files  1024  524288  files\n";
        assert_eq!(open_files_limit(limits), Some(1024.0));
        assert_eq!(open_files_limit("Max open files unlimited unlimited files"), None);
        let mut usage = Usage::default();
        parse_status(
            "VmSwap:\t 4 kB\nvoluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t6\n",
            &mut usage,
        );
        assert_eq!(usage.swapped_bytes, Some(4096.0));
        assert_eq!((usage.voluntary_switches, usage.forced_switches), (Some(5.0), Some(6.0)));
    }

    #[test]
    fn this_test_can_be_read() {
        let mut files = Files::new(Roots::host());
        let usage = read(&mut files, Path::new("/proc"), "self").expect("we run");
        assert!(usage.resident_bytes > 100_000.0 && usage.threads >= 1.0);
        assert!(usage.open_fds.is_some_and(|n| n >= 3.0) && usage.max_fds.is_some_and(|n| n > 3.0));
        assert!(usage.start_time_s > 1_735_689_600.0);
    }
}
