//! What a window costs: `cargo bench -p columns`. Nanoseconds a window of one series, the best of many runs, since all
//! that disturbs only adds.

#![allow(clippy::print_stdout, reason = "a bench speaks to whoever runs it")]

use std::hint::black_box;
use std::time::Instant;

use columns::{Edges, Steps, WindowOp, WindowSteps, window};
use model::TimestampMs;

const SAMPLES: i64 = 240;
const INTERVAL_MS: i64 = 5_000;
const RUNS: usize = 2_000;

fn main() {
    let times: Vec<i64> = (0..SAMPLES).map(|i| 1_700_000_000_000 + i * INTERVAL_MS).collect();
    let counter: Vec<f64> = (0..SAMPLES).map(|i| (i * 7 + i % 5) as f64).collect();
    let mut falling = counter.clone();
    falling[100..].iter_mut().for_each(|value| *value -= 700.0);
    let last = TimestampMs(times[times.len() - 1]);
    for range_ms in [60_000, 600_000] {
        let windows = WindowSteps { steps: Steps::range(TimestampMs(times[0]), last, INTERVAL_MS), range_ms };
        let mut edges = Edges::default();
        show("edges, times known", range_ms, &windows, || edges.fill(&times, black_box(&counter), &windows));
        let mut fresh = Edges::default();
        show("edges, new times", range_ms, &windows, || {
            fresh = Edges::default();
            fresh.fill(&times, black_box(&counter), &windows);
        });
        show("edges with a reset", range_ms, &windows, || edges.fill(&times, black_box(&falling), &windows));
        let mut out = Vec::new();
        for op in
            [WindowOp::Sum, WindowOp::Avg, WindowOp::Min, WindowOp::Max, WindowOp::Count, WindowOp::Last]
        {
            show(&format!("{op:?}"), range_ms, &windows, || {
                window::window(op, &times, black_box(&counter), &windows, &mut out);
            });
        }
    }
}

fn show(name: &str, range_ms: i64, windows: &WindowSteps, mut run: impl FnMut()) {
    let mut best = f64::INFINITY;
    for _ in 0..RUNS {
        let begun = Instant::now();
        run();
        best = best.min(begun.elapsed().as_nanos() as f64);
    }
    println!("{name:<20} {:>4} s {:>8.2} ns a window", range_ms / 1000, best / windows.steps.count as f64);
}
