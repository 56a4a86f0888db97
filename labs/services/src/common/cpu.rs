//! `cpu_usage_percent`: how much of the machine this process uses, as a person reads it from `top`.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

/// The shortest span the share is taken over: the kernel counts CPU in ticks of 10 ms, so over a second it is 1 % exact.
/// Two scrapers within it read the same value.
const SPAN_MIN: Duration = Duration::from_secs(1);

/// CPU time of this process since the last look, over all cores: 100 is every core of the machine.
#[derive(Debug)]
pub(crate) struct CpuUsage {
    ticks_per_second: f64,
    cores: f64,
    last: Mutex<Look>,
}

#[derive(Debug, Clone, Copy)]
struct Look {
    at: Instant,
    cpu_s: f64,
    percent: f64,
}

impl CpuUsage {
    /// Adds `cpu_usage_percent`.
    pub(crate) fn register(registry: &mut Registry) {
        let ticks_per_second = rustix::param::clock_ticks_per_second() as f64;
        let cores = std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64);
        let cpu_s = cpu_seconds(ticks_per_second).unwrap_or(0.0);
        let last = Mutex::new(Look { at: Instant::now(), cpu_s, percent: 0.0 });
        registry.register_collector(Box::new(Self { ticks_per_second, cores, last }));
    }

    fn percent(&self) -> f64 {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let span = last.at.elapsed();
        if span >= SPAN_MIN
            && let Some(cpu_s) = cpu_seconds(self.ticks_per_second)
        {
            let percent = (cpu_s - last.cpu_s) / (span.as_secs_f64() * self.cores) * 100.0;
            *last = Look { at: Instant::now(), cpu_s, percent: percent.clamp(0.0, 100.0) };
        }
        last.percent
    }
}

impl Collector for CpuUsage {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let gauge = ConstGauge::new(self.percent());
        let help = "CPU used by this process since the last scrape, in percent of all cores";
        gauge.encode(encoder.encode_descriptor("cpu_usage_percent", help, None, gauge.metric_type())?)
    }
}

fn cpu_seconds(ticks_per_second: f64) -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // Behind the program's name, which may hold blanks; fields 14 and 15 of proc_pid_stat(5).
    let mut fields = stat.get(stat.rfind(')')? + 2..)?.split(' ').skip(14 - 3);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / ticks_per_second)
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::EncodeMetric as _;

    use super::*;

    #[test]
    fn a_busy_process_is_seen_and_the_share_stays_within_bounds() {
        let ticks_per_second = rustix::param::clock_ticks_per_second() as f64;
        let began = Instant::now().checked_sub(Duration::from_secs(2)).expect("the machine is up longer");
        let last = Mutex::new(Look { at: began, cpu_s: -1.0, percent: 0.0 });
        let usage = CpuUsage { ticks_per_second, cores: 1.0, last };
        let first = usage.percent();
        assert!((40.0..=100.0).contains(&first), "{first}");
        assert_eq!(usage.percent(), first, "within a second it says the same");
        assert_eq!(ConstGauge::new(first).metric_type().as_str(), "gauge");
    }
}
