//! What windows over one series cost: `cargo bench -p columns`. Elements are windows.

use std::hint::black_box;

use columns::{Edges, Steps, WindowOp, WindowSteps, window};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use model::TimestampMs;

const SAMPLES: i64 = 240;
const INTERVAL_MS: i64 = 5_000;
const RANGES_MS: [i64; 2] = [60_000, 600_000];

struct Series {
    times: Vec<i64>,
    /// A counter.
    counter: Vec<f64>,
    /// The same with a reset in the middle.
    falling: Vec<f64>,
}

impl Series {
    fn new() -> Self {
        let times = (0..SAMPLES).map(|i| 1_700_000_000_000 + i * INTERVAL_MS).collect();
        let counter: Vec<f64> = (0..SAMPLES).map(|i| (i * 7 + i % 5) as f64).collect();
        let mut falling = counter.clone();
        falling[100..].iter_mut().for_each(|value| *value -= 700.0);
        Self { times, counter, falling }
    }

    fn windows(&self, range_ms: i64) -> WindowSteps {
        let last = self.times[self.times.len() - 1];
        let steps = Steps::range(TimestampMs(self.times[0]), TimestampMs(last), INTERVAL_MS);
        WindowSteps { steps, range_ms }
    }
}

/// What `rate` and its kin stand on.
fn edges(c: &mut Criterion) {
    let series = Series::new();
    let mut group = c.benchmark_group("edges");
    for range_ms in RANGES_MS {
        let windows = series.windows(range_ms);
        let seconds = range_ms / 1000;
        group.throughput(Throughput::Elements(windows.steps.count as u64));
        let mut known = Edges::default();
        for (name, values) in [("times known", &series.counter), ("with a reset", &series.falling)] {
            group.bench_function(BenchmarkId::new(name, seconds), |b| {
                b.iter(|| known.fill(&series.times, black_box(values), &windows));
            });
        }
        group.bench_function(BenchmarkId::new("new times", seconds), |b| {
            b.iter(|| Edges::default().fill(&series.times, black_box(&series.counter), &windows));
        });
    }
}

/// Functions over time.
fn windows(c: &mut Criterion) {
    let series = Series::new();
    let mut group = c.benchmark_group("window");
    let mut out = Vec::new();
    for range_ms in RANGES_MS {
        let windows = series.windows(range_ms);
        group.throughput(Throughput::Elements(windows.steps.count as u64));
        for op in
            [WindowOp::Sum, WindowOp::Avg, WindowOp::Min, WindowOp::Max, WindowOp::Count, WindowOp::Last]
        {
            group.bench_function(BenchmarkId::new(format!("{op:?}"), range_ms / 1000), |b| {
                b.iter(|| window::window(op, &series.times, black_box(&series.counter), &windows, &mut out));
            });
        }
    }
}

criterion_group!(kernels, edges, windows);
criterion_main!(kernels);
