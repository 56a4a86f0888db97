//! Memory: what `/proc/meminfo` and `/proc/vmstat` list, each line a family.

use model::MetricKind;

use crate::files::{Failure, Files};
use crate::text::{number, pairs};
use crate::write::Out;

/// Lines that we take, a few more than any kernel has.
const LINES_MAX: usize = 256;

/// `/proc/meminfo`: `MemTotal:  3 kB` is `node_memory_MemTotal_bytes 3072`; without `kB` it is a count.
pub(crate) fn meminfo(files: &mut Files, out: &mut Out) -> Result<(), Failure> {
    let text = files.proc("meminfo")?;
    for (key, value) in text.lines().take(LINES_MAX).filter_map(meminfo_line) {
        let name = format!("node_memory_{key}");
        out.one(MetricKind::Gauge, &name, &format!("The field {key} of /proc/meminfo."), value);
    }
    Ok(())
}

fn meminfo_line(line: &str) -> Option<(String, f64)> {
    let (key, rest) = line.split_once(':')?;
    let mut words = rest.split_ascii_whitespace();
    let value = number(words.next()?)?;
    let name: String = key.chars().filter(|c| *c != ')').map(|c| if c == '(' { '_' } else { c }).collect();
    if !is_plain(&name) {
        return None;
    }
    match words.next() {
        Some("kB") => Some((format!("{name}_bytes"), value * 1024.0)),
        _ => Some((name, value)),
    }
}

/// Nothing that the kernel names so far, but a name must not break the body.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// `/proc/vmstat`: the few lines out of some 180 that say how memory moves.
pub(crate) fn vmstat(files: &mut Files, out: &mut Out) -> Result<(), Failure> {
    let text = files.proc("vmstat")?;
    for (key, value) in pairs(text).filter(|(key, _)| is_wanted(key) && is_plain(key)).take(LINES_MAX) {
        let name = format!("node_vmstat_{key}");
        out.one(MetricKind::Unknown, &name, &format!("The field {key} of /proc/vmstat."), value);
    }
    Ok(())
}

/// node_exporter's `^(oom_kill|pgpg|pswp|pg.*fault).*`.
fn is_wanted(key: &str) -> bool {
    let starts = ["oom_kill", "pgpg", "pswp"].iter().any(|prefix| key.starts_with(prefix));
    starts || key.strip_prefix("pg").is_some_and(|rest| rest.contains("fault"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_meminfo() {
        for (line, wanted) in [
            ("MemTotal:       12 kB", Some(("MemTotal_bytes", 12288.0))),
            ("Active(anon):    1 kB", Some(("Active_anon_bytes", 1024.0))),
            ("HugePages_Total:   7", Some(("HugePages_Total", 7.0))),
            ("Odd", None),
            ("Odd:", None),
            ("Odd: kB", None),
            ("no name: 1 kB", None),
            (": 1 kB", None),
        ] {
            assert_eq!(meminfo_line(line), wanted.map(|(n, v)| (n.to_owned(), v)), "{line}");
        }
    }

    #[test]
    fn fields_of_vmstat() {
        for key in ["oom_kill", "pgpgin", "pswpout", "pgfault", "pgmajfault"] {
            assert!(is_wanted(key), "{key}");
        }
        for key in ["nr_free_pages", "pgalloc_dma", "fault_pg", "unevictable_pgs"] {
            assert!(!is_wanted(key), "{key}");
        }
    }
}
