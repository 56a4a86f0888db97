//! Writes thirty days of samples through the store itself and measures what dashboards ask of them.
//!
//! `cargo run --release -p tsdb --example month [SERIES] [DAYS]`: 1,000 series every 15 s unless told otherwise, with
//! the values of the rig that took the peers' figures (design section 9): counters, and gauges with two decimals. Times are
//! the best of five, over two threads.

#![allow(clippy::print_stdout, reason = "a bench speaks to whoever runs it")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use columns::{Edges, Steps, TimeRange, WindowOp, WindowSteps};
use disk::RealDisk;
use model::{Labels, MatchOp, Matcher, TimestampMs};
use prometheus_client::registry::Registry;
use stdx::ManualClock;
use storage::{MetricAppend, MetricQuery, Selection, SeriesId, SeriesSet, StepValues};
use tsdb::{DamagePolicy, Db, Limits, Maintenance, Metrics, Options, SyncPolicy};

const INTERVAL_MS: i64 = 15_000;
const HOUR_MS: i64 = 3_600_000;
const BEGIN_MS: i64 = 1_700_006_400_000;
const THREADS: usize = 2;
const ROUNDS: usize = 5;

fn main() {
    let number = |at, usual| std::env::args().nth(at).and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (series, days) = (number(1, 1000), number(2, 30) as i64);
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    let clock = Arc::new(ManualClock::new(BEGIN_MS));
    let db = open(dir.path(), &clock);
    write(&db, &clock, series, days);
    db.close().expect("a full disk would spoil the bench");
    drop(db);
    let begun = Instant::now();
    let db = open(dir.path(), &clock);
    println!("{:<46}{:>9.1} ms", "open", begun.elapsed().as_secs_f64() * 1e3);
    ask(&db, days);
}

fn open(dir: &Path, clock: &Arc<ManualClock>) -> Arc<Db> {
    let options = Options {
        dir: dir.to_owned(),
        disk: Arc::new(RealDisk),
        clock: Arc::clone(clock) as _,
        sync: SyncPolicy::None,
        damage: DamagePolicy::Refuse,
        limits: Limits { retention: model::DurationMs::from_secs(40 * 24 * 3600), ..Limits::standard() },
        maintenance: Maintenance::Manual,
        metrics: Arc::new(Metrics::new(&mut Registry::default())),
    };
    Db::open(options).expect("a new folder can be opened").0
}

/// Every other series is a counter, the rest are gauges with two decimals.
fn is_counter(i: usize) -> bool {
    i.is_multiple_of(2)
}

fn ids(db: &Db, series: usize) -> Vec<SeriesId> {
    let mut appender = db.appender();
    let id = |i: usize| {
        let (name, label) =
            if is_counter(i) { ("requests_total", "path") } else { ("queue_seconds", "pool") };
        let (instance, value) = (format!("i{:02}", i / 2 % 10), format!("p{:03}", i / 20));
        let labels = Labels::from_pairs([("__name__", name), ("instance", &instance), (label, &value)]);
        appender.series(&labels).expect("below the limit")
    };
    (0..series).map(id).collect()
}

fn write(db: &Db, clock: &ManualClock, series: usize, days: i64) {
    let ids = ids(db, series);
    let mut rng = fastrand::Rng::with_seed(1);
    let (begun, begun_cpu) = (Instant::now(), cpu_ms());
    let (mut house_s, mut samples) = (0.0, 0u64);
    for at_ms in (BEGIN_MS..BEGIN_MS + days * 24 * HOUR_MS).step_by(INTERVAL_MS as usize) {
        clock.set(at_ms);
        let mut appender = db.appender();
        for (i, id) in ids.iter().enumerate() {
            let second = at_ms / 1000;
            let value = if is_counter(i) {
                let rate = 1 + i as i64 / 2 % 17;
                ((second - 1_700_000_000) * rate + rng.i64(0..=5 * rate)) as f64
            } else {
                let day = second as f64 / 86_400.0 * std::f64::consts::TAU + (i / 2) as f64;
                ((50.0 + 30.0 * day.sin()) * 100.0 + f64::from(rng.u16(..1000))).round() / 100.0
            };
            appender.append(*id, TimestampMs(at_ms), value).expect("in order");
        }
        samples += appender.commit().expect("there is room").samples as u64;
        if at_ms % HOUR_MS == 0 {
            let begun = cpu_ms();
            db.maintain().expect("there is room");
            house_s += (cpu_ms() - begun) / 1e3;
        }
    }
    let (total_s, status) = (begun.elapsed().as_secs_f64(), db.status());
    let disk_bytes = status.block_bytes + status.wal_bytes;
    println!("{:<46}{samples:>9} samples", "written");
    let cpu_s = (cpu_ms() - begun_cpu) / 1e3;
    println!("{:<46}{total_s:>9.1} s, cpu {cpu_s:.1} s, {house_s:.1} s of it cutting and compacting", "");
    println!(
        "{:<46}{:>9.3} bytes a sample",
        format!("{} blocks, index included", status.blocks),
        status.block_bytes as f64 / samples as f64
    );
    println!(
        "{:<46}{:>9.3} bytes a sample",
        "with the log of the last hours",
        disk_bytes as f64 / samples as f64
    );
}

/// Calls `each` with every series of the set, over threads.
fn over(set: &dyn SeriesSet, each: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    if i >= set.len() {
                        return;
                    }
                    each(i);
                }
            });
        }
    });
}

fn time(what: &str, goal_ms: f64, mut act: impl FnMut() -> usize) {
    let (mut best, mut best_cpu) = (f64::MAX, f64::MAX);
    let mut first = None;
    let mut series = 0;
    for _ in 0..ROUNDS {
        let (begun, begun_cpu) = (Instant::now(), cpu_ms());
        series = act();
        let ms = begun.elapsed().as_secs_f64() * 1e3;
        first.get_or_insert(ms);
        (best, best_cpu) = (best.min(ms), best_cpu.min(cpu_ms() - begun_cpu));
    }
    let first = first.unwrap_or(0.0);
    println!(
        "{what:<34}{best:>9.2} ms, cpu {best_cpu:>8.2} ms (first {first:.1}, goal {goal_ms}, {series} series)"
    );
}

/// What all threads of the process have used: others may be at work on the machine.
fn cpu_ms() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    now.tv_sec as f64 * 1e3 + now.tv_nsec as f64 / 1e6
}

fn ask(db: &Db, days: i64) {
    let end = TimestampMs(BEGIN_MS + days * 24 * HOUR_MS);
    let steps = Steps::range(TimestampMs(BEGIN_MS + HOUR_MS), end, HOUR_MS);
    let windows = WindowSteps { steps, range_ms: HOUR_MS };
    let range = TimeRange { from: TimestampMs(BEGIN_MS), to: end };
    let select = |matchers: &[Matcher]| {
        db.select(&Selection { matchers, range, series_max: usize::MAX }).expect("blocks are whole")
    };
    let name = |name: &str| [Matcher::equal("__name__", name)];
    let edges = |set: &dyn SeriesSet| {
        over(set, |i| assert!(set.window_edges(i, &windows, &mut Edges::default()).expect("whole") > 0))
    };
    let window = |set: &dyn SeriesSet, op| {
        over(set, |i| assert!(set.window(i, op, &windows, &mut Vec::new()).expect("whole") > 0))
    };
    let at = |set: &dyn SeriesSet| {
        over(set, |i| {
            assert!(set.values_at(i, &steps, 300_000, &mut StepValues::default()).expect("whole") > 0)
        })
    };
    let all = [Matcher::new("instance", MatchOp::Regex, ".+").expect("a regular expression")];
    time("select all", 0.0, || select(&all).len());
    time("edges of rate[1h], all counters", 100.0, || {
        let set = select(&name("requests_total"));
        edges(&*set);
        set.len()
    });
    for (op, what) in [(WindowOp::Avg, "avg_over_time[1h]"), (WindowOp::Max, "max_over_time[1h]")] {
        time(&format!("{what}, all series"), 200.0, || {
            let set = select(&all);
            window(&*set, op);
            set.len()
        });
        time(&format!("{what}, gauges"), 200.0, || {
            let set = select(&name("queue_seconds"));
            window(&*set, op);
            set.len()
        });
    }
    time("values at 1 h, all gauges", 50.0, || {
        let set = select(&name("queue_seconds"));
        at(&*set);
        set.len()
    });
    let one = [Matcher::equal("instance", "i07"), Matcher::equal("pool", "p003")];
    time("values at 1 h, one series", 1.0, || {
        let set = select(&one);
        at(&*set);
        set.len()
    });
}
