//! What evaluation costs without a store that decodes: `cargo bench -p promql`. Queries over 10,000 series, as a range and as an
//! instant.

use columns::Steps;
use criterion::{Criterion, criterion_group, criterion_main};
use model::{Labels, TimestampMs};
use promql::script::MemoryStore;
use promql::{Cancel, Engine, EngineOptions, QueryRequest, parse};

const SERIES: usize = 10_000;
const SAMPLES: i64 = 60;
const INTERVAL_MS: i64 = 5_000;

const QUERIES: [&str; 10] = [
    "sum(x)",
    "sum by (a) (rate(x[1m]))",
    "avg without (b) (rate(x[1m]))",
    "topk(10, rate(x[1m]))",
    "rate(x[1m])",
    "x / on (a, b) x",
    "quantile by (a) (0.9, x)",
    "histogram_quantile(0.9, sum by (a, le) (rate(x[1m])))",
    "max_over_time(x[1m])",
    "count_values by (a) (\"v\", x)",
];

fn queries(c: &mut Criterion) {
    let store = store();
    let engine = Engine::new(EngineOptions::standard());
    let end = TimestampMs((SAMPLES - 1) * INTERVAL_MS);
    let range = Steps::range(TimestampMs(60_000), end, INTERVAL_MS);
    for (name, steps) in [("range", range), ("instant", Steps::instant(end))] {
        let mut group = c.benchmark_group(name);
        group.sample_size(10);
        for text in QUERIES {
            let query = parse(text).expect("the queries parse");
            group.bench_function(text, |b| {
                b.iter(|| {
                    let request =
                        QueryRequest { query: &query, steps, lookback: None, cancel: &Cancel::new() };
                    engine.eval(&store, &request).expect("within limits")
                });
            });
        }
    }
}

/// Counters in a hundred groups, with the labels of a histogram.
fn store() -> MemoryStore {
    let mut store = MemoryStore::new();
    for i in 0..SERIES {
        let (a, b, le) = ((i % 100).to_string(), (i / 100).to_string(), ["1", "2", "5", "+Inf"][i / 100 % 4]);
        let labels = Labels::from_pairs([("__name__", "x"), ("a", &a), ("b", &b), ("le", le)]);
        for sample in 0..SAMPLES {
            assert!(store.push(&labels, sample * INTERVAL_MS, (sample * (i as i64 % 7 + 1)) as f64));
        }
    }
    store
}

criterion_group!(evaluation, queries);
criterion_main!(evaluation);
