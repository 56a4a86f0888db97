//! What dashboards ask of a month, by the engine and by the port below it, with wall and CPU time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use columns::{Edges, Steps, TimeRange, WindowOp, WindowSteps};
use model::{Matcher, TimestampMs};
use promql::{Cancel, Engine, EngineOptions, QueryRequest};
use storage::{MetricQuery, Selection, SeriesSet, StepValues};
use tsdb::Db;

const HOUR_MS: i64 = 3_600_000;
const THREADS: usize = 2;
const ROUNDS: usize = 5;

/// The queries of `cargo xtask bench month`, and what they may take in milliseconds.
const QUERIES: [(&str, f64); 4] = [
    ("sum by (path) (rate(hist_requests_total[1h]))", 100.0),
    ("avg by (instance) (avg_over_time(hist_gauge[1h]))", 200.0),
    ("sum(hist_gauge)", 50.0),
    (r#"rate(hist_requests_total{instance="i00",path="p000"}[1h])"#, 1.0),
];

/// Asks for the span that ends at `end_ms`, at a step of an hour.
pub(crate) fn ask(db: &Db, begin_ms: i64, end_ms: i64) {
    let steps = Steps::range(TimestampMs(begin_ms + HOUR_MS), TimestampMs(end_ms), HOUR_MS);
    let engine = Engine::new(EngineOptions { threads: THREADS, ..EngineOptions::standard() });
    for (query, goal_ms) in QUERIES {
        let expr = promql::parse(query).expect("the query parses");
        time(query, goal_ms, || {
            let request = QueryRequest { query: &expr, steps, lookback: None, cancel: &Cancel::new() };
            engine.eval(db, &request).expect("within limits").stats.series_read
        });
    }
    ask_port(db, steps, TimeRange { from: TimestampMs(begin_ms), to: TimestampMs(end_ms) });
}

/// The same below the engine: what the store's part is.
fn ask_port(db: &Db, steps: Steps, range: TimeRange) {
    let windows = WindowSteps { steps, range_ms: HOUR_MS };
    let select = |name: &str| {
        let matchers = [Matcher::equal("__name__", name)];
        db.select(&Selection { matchers: &matchers, range, series_max: usize::MAX })
            .expect("blocks are whole")
    };
    let (counters, gauges) = ("hist_requests_total", "hist_gauge");
    time("edges of [1h], counters", 0.0, || {
        over(&*select(counters), |set, i| {
            assert!(set.window_edges(i, &windows, &mut Edges::default()).expect("whole") > 0);
        })
    });
    for op in [WindowOp::Avg, WindowOp::Max] {
        for name in [counters, gauges] {
            time(&format!("{op:?} of [1h], {name}"), 0.0, || {
                over(&*select(name), |set, i| {
                    assert!(set.window(i, op, &windows, &mut Vec::new()).expect("whole") > 0);
                })
            });
        }
    }
    time("values, gauges", 0.0, || {
        over(&*select(gauges), |set, i| {
            assert!(set.values_at(i, &steps, 300_000, &mut StepValues::default()).expect("whole") > 0);
        })
    });
}

/// Calls `each` with every series of the set, over threads.
fn over(set: &dyn SeriesSet, each: impl Fn(&dyn SeriesSet, usize) + Sync) -> usize {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    if i >= set.len() {
                        return;
                    }
                    each(set, i);
                }
            });
        }
    });
    set.len()
}

fn time(what: &str, goal_ms: f64, mut act: impl FnMut() -> usize) {
    let (mut best, mut best_cpu, mut first) = (f64::MAX, f64::MAX, None);
    let mut series = 0;
    for _ in 0..ROUNDS {
        let (begun, begun_cpu) = (Instant::now(), cpu_ms());
        series = act();
        let ms = begun.elapsed().as_secs_f64() * 1e3;
        first.get_or_insert(ms);
        (best, best_cpu) = (best.min(ms), best_cpu.min(cpu_ms() - begun_cpu));
    }
    let goal = if goal_ms > 0.0 { format!(", goal {goal_ms}") } else { String::new() };
    let first = first.unwrap_or(0.0);
    println!("{what:<58}{best:>9.2} ms, CPU {best_cpu:>8.2} ms (first {first:.1}, {series} series{goal})");
}

/// What all threads of the process have used: others may be at work on the machine.
pub(crate) fn cpu_ms() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    now.tv_sec as f64 * 1e3 + now.tv_nsec as f64 / 1e6
}
