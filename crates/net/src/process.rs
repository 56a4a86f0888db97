//! What a process knows of itself from the kernel, under the names that every Prometheus client uses.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

/// Reads `/proc/self` at each scrape.
#[derive(Debug)]
pub struct ProcessMetrics {
    ticks_per_second: f64,
    page_bytes: f64,
    boot_time_s: f64,
}

impl ProcessMetrics {
    /// Adds `process_cpu_seconds_total`, `process_resident_memory_bytes`, `process_virtual_memory_bytes`,
    /// `process_threads`, `process_open_fds`, `process_max_fds` and `process_start_time_seconds` to `registry`.
    pub fn register(registry: &mut Registry) {
        registry.register_collector(Box::new(Self {
            ticks_per_second: rustix::param::clock_ticks_per_second() as f64,
            page_bytes: rustix::param::page_size() as f64,
            boot_time_s: boot_time_s().unwrap_or(0.0),
        }));
    }

    fn read(&self) -> Option<Reading> {
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        // The program's name stands in parentheses and may hold blanks: count fields behind it.
        let fields: Vec<&str> = stat.get(stat.rfind(')')? + 2..)?.split(' ').collect();
        // Field numbers of proc_pid_stat(5), less the three before the name's end.
        let field = |number: usize| fields.get(number - 3).and_then(|f| f.parse::<f64>().ok());
        Some(Reading {
            cpu_s: (field(14)? + field(15)?) / self.ticks_per_second,
            threads: field(20)?,
            start_s: self.boot_time_s + field(22)? / self.ticks_per_second,
            virtual_bytes: field(23)?,
            resident_bytes: field(24)? * self.page_bytes,
        })
    }
}

struct Reading {
    cpu_s: f64,
    threads: f64,
    start_s: f64,
    virtual_bytes: f64,
    resident_bytes: f64,
}

impl Collector for ProcessMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(reading) = self.read() else { return Ok(()) };
        let cpu = ConstCounter::new(reading.cpu_s);
        let help = "User and system CPU time spent in seconds";
        cpu.encode(encoder.encode_descriptor("process_cpu_seconds", help, None, cpu.metric_type())?)?;
        let gauges = [
            ("process_resident_memory_bytes", "Resident memory size in bytes", Some(reading.resident_bytes)),
            ("process_virtual_memory_bytes", "Virtual memory size in bytes", Some(reading.virtual_bytes)),
            ("process_threads", "Number of threads", Some(reading.threads)),
            (
                "process_start_time_seconds",
                "Start time of the process since the Unix epoch",
                Some(reading.start_s),
            ),
            ("process_open_fds", "Number of open file descriptors", open_fds()),
            ("process_max_fds", "Maximum number of open file descriptors", max_fds()),
        ];
        for (name, help, value) in gauges {
            if let Some(value) = value {
                let gauge = ConstGauge::new(value);
                gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
            }
        }
        Ok(())
    }
}

fn open_fds() -> Option<f64> {
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count() as f64)
}

fn max_fds() -> Option<f64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current.map(|limit| limit as f64)
}

fn boot_time_s() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn a_process_sees_its_own_size_and_age() {
        let mut registry = Registry::default();
        ProcessMetrics::register(&mut registry);
        let mut text = String::new();
        encode(&mut text, &registry).expect("writes to a string");
        let value = |name: &str| -> f64 {
            let line = text
                .lines()
                .find(|l| l.starts_with(&format!("{name} ")))
                .unwrap_or_else(|| panic!("{name} in {text}"));
            line[name.len() + 1..].parse().expect("a number")
        };
        assert!(value("process_resident_memory_bytes") > 100_000.0);
        assert!(value("process_cpu_seconds_total") >= 0.0);
        assert!(value("process_start_time_seconds") > 1_735_689_600.0);
        assert!(value("process_open_fds") >= 3.0 && value("process_max_fds") > 3.0);
    }
}
