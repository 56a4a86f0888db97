//! A week of a healthy lab, by seed, through the backtest: traffic that follows the day, a few failures and slow answers all the
//! time, a restart of each instance a day, memory that breathes, a host that is busy at night. What people are called for in such
//! a week is noise.

use fastrand::Rng;
use model::TimestampMs;

use super::*;
use crate::backfill;
use crate::backtest;
use crate::past::{Span, Stored};

/// Twice within the shortest window of the rules.
const SCRAPE_S: i64 = 30;
const WEEK_S: i64 = 7 * 86_400;
/// More than that a week, and people stop reading them.
const FIRED_MAX: usize = 4;

/// One instance of one service: what it answers.
struct Instance {
    job: &'static str,
    name: &'static str,
    endpoint: &'static str,
    /// By day; a third of it at night.
    requests_per_second: f64,
    /// Share of failures, and of answers between one and two seconds.
    errors: f64,
    slow: f64,
    counts: [f64; 3],
}

fn instances() -> [Instance; 4] {
    let one = |job, name, endpoint, requests_per_second, errors, slow| Instance {
        job,
        name,
        endpoint,
        requests_per_second,
        errors,
        slow,
        counts: [0.0; 3],
    };
    [
        one("order-service", "orders-1", "/api/order", 10.0, 0.002, 0.01),
        one("order-service", "orders-2", "/api/order", 10.0, 0.002, 0.01),
        // Within what they have promised: half of their budgets.
        one("payment-processor", "payments", "/api/payments", 200.0, 0.0005, 0.005),
        one("merchant-api", "merchant", "/api/merchants", 80.0, 0.0025, 0.005),
    ]
}

impl Instance {
    /// Its series, `up` first; in the order of [`Instance::values`].
    fn series(&self) -> Vec<Labels> {
        let labels = |name: &str, more: &[(&str, &str)]| {
            let fixed = [("__name__", name), ("job", self.job), ("instance", self.name)];
            Labels::from_pairs(fixed.iter().chain(more).copied())
        };
        let with = |name: &str, status: &str, le: Option<&str>| {
            let path = [("endpoint", self.endpoint), ("method", "GET"), ("status", status)];
            labels(name, &path.into_iter().chain(le.map(|le| ("le", le))).collect::<Vec<_>>())
        };
        let mut all = vec![
            labels("up", &[]),
            with("http_requests_total", "200", None),
            with("http_requests_total", "503", None),
            with("http_request_duration_seconds_count", "200", None),
            labels("cpu_usage_percent", &[]),
            labels("process_resident_memory_bytes", &[]),
            labels("service_memory_limit_bytes", &[]),
        ];
        all.extend(BUCKETS.map(|(le, _)| with("http_request_duration_seconds_bucket", "200", Some(le))));
        all
    }

    /// One scrape; nothing but `up` while it restarts.
    fn values(&mut self, second: i64, rng: &mut Rng, more_errors: f64) -> Vec<f64> {
        // One scrape in a day falls into a restart, and counters begin anew.
        if second % 86_400 == 3_600 {
            self.counts = [0.0; 3];
            return vec![0.0];
        }
        let day = 0.67 - 0.33 * (second as f64 / 86_400.0 * std::f64::consts::TAU).cos();
        let requests = self.requests_per_second * day * SCRAPE_S as f64 * (0.9 + 0.2 * rng.f64());
        let noisy = |share: f64, rng: &mut Rng| share * (0.5 + rng.f64());
        let failed = requests * noisy(self.errors, rng).max(more_errors);
        let slow = requests * noisy(self.slow, rng);
        self.counts[0] += requests - failed;
        self.counts[1] += failed;
        self.counts[2] += slow;
        let [ok, failed, slow] = self.counts;
        let resident = 30e6 * (1.0 + 0.3 * rng.f64());
        let cpu = 5.0 + 20.0 * day * rng.f64();
        let mut values = vec![1.0, ok.floor(), failed.floor(), (ok + failed).floor(), cpu, resident, 100e6];
        let fast = ok + failed - slow;
        values.extend(BUCKETS.map(|(_, share)| {
            let count = if share > 1.0 { fast + slow } else { fast * share };
            count.floor()
        }));
        values
    }
}

/// The host: nightly work takes all of its CPU for four minutes, its disk fills and is cleared.
fn scrape_host(memory: &Memory, second: i64, busy: &mut (f64, f64)) {
    let labels = |name: &str, more: &[(&str, &str)]| {
        let fixed = [("__name__", name), ("job", "node"), ("instance", "host")];
        Labels::from_pairs(fixed.iter().chain(more).copied())
    };
    let at = START_MS + second * 1000;
    let is_nightly = second % 86_400 < 240;
    let share = if is_nightly { 0.97 } else { 0.3 };
    busy.0 += SCRAPE_S as f64 * share;
    busy.1 += SCRAPE_S as f64 * (1.0 - share);
    let day = (second % 86_400) as f64 / 86_400.0;
    let disk = [("mountpoint", "/"), ("fstype", "ext4"), ("device", "/dev/vda1")];
    for (labels, value) in [
        (labels("up", &[]), 1.0),
        (labels("node_cpu_seconds_total", &[("cpu", "0"), ("mode", "user")]), busy.0),
        (labels("node_cpu_seconds_total", &[("cpu", "0"), ("mode", "idle")]), busy.1),
        (labels("node_memory_MemTotal_bytes", &[]), 8e9),
        (labels("node_memory_MemAvailable_bytes", &[]), 8e9 * (0.5 - 0.2 * day)),
        (labels("node_filesystem_size_bytes", &disk), 2e10),
        (labels("node_filesystem_avail_bytes", &disk), 2e10 * (0.4 - 0.2 * day)),
    ] {
        assert!(memory.add(&labels, at, value));
    }
}

/// A week; `outage` says which share of payments fails at a second besides.
fn week(seed: u64, outage: impl Fn(i64) -> f64) -> Memory {
    let (memory, mut rng) = (Memory::default(), Rng::with_seed(seed));
    let (mut all, mut busy) = (instances(), (0.0, 0.0));
    let series: Vec<Vec<Labels>> = all.iter().map(Instance::series).collect();
    for second in (0..WEEK_S).step_by(usize::try_from(SCRAPE_S).expect("small")) {
        for (instance, series) in all.iter_mut().zip(&series) {
            let more_errors = if instance.job == "payment-processor" { outage(second) } else { 0.0 };
            for (labels, value) in series.iter().zip(instance.values(second, &mut rng, more_errors)) {
                assert!(memory.add(labels, START_MS + second * 1000, value));
            }
        }
        scrape_host(&memory, second, &mut busy);
    }
    memory
}

/// What `rules backtest` says of all shipped alerts over that week, once the objectives' series have their past.
fn looked_back(memory: &Memory) -> backtest::Report {
    let groups = Groups::new(files_in("deploy/provision/rules").iter().map(|path| read(path)));
    let engine = Engine::new(EngineOptions { threads: 1, ..EngineOptions::standard() });
    let past = Stored { engine: &engine, store: memory };
    let span = Span {
        from: TimestampMs(START_MS),
        to: TimestampMs(START_MS + WEEK_S * 1000),
        interval: DurationMs::from_secs(2 * SCRAPE_S),
    };
    let objectives = groups.iter().filter(|group| backfill::is_of_objective(group));
    let coarse = Span { interval: backfill::STEP, ..span };
    let filled = backfill::fill(objectives, &past, memory, coarse, &|| true).expect("memory takes all");
    assert!(filled.failed.is_empty() && filled.store.samples > 0, "{filled:?}");
    let report = backtest::run(&groups, &past, span).expect("memory answers");
    assert!(report.alerts.iter().all(|alert| alert.error.is_none()), "{report:?}");
    report
}

fn fired(report: &backtest::Report) -> Vec<(&str, usize)> {
    let fired = report.alerts.iter().filter(|alert| !alert.fired.is_empty());
    fired.map(|alert| (alert.name.as_str(), alert.fired.len())).collect()
}

#[test]
fn a_healthy_week_calls_nobody_more_than_four_times() {
    let report = looked_back(&week(1, |_| 0.0));
    assert!(report.covered.0 > WEEK_S * 990, "{:?}", report.covered);
    assert!(report.fired() <= FIRED_MAX, "{:?}", fired(&report));
}

#[test]
fn the_same_week_with_an_hour_of_failing_payments_calls() {
    let hour = |second: i64| if (300_000..303_600).contains(&second) { 0.05 } else { 0.0 };
    let report = looked_back(&week(1, hour));
    let names: Vec<&str> = fired(&report).iter().map(|(name, _)| *name).collect();
    assert!(names.contains(&"PaymentsErrorBudgetBurn"), "{names:?}");
}
