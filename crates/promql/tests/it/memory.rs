//! What large results take: 10,000 series over 1,000 steps, 80 MB a vector, measured in a process of its own for each
//! query, so that nothing else counts.

use std::process::Command;
use std::sync::Arc;

use columns::{Steps, TimeRange};
use model::{Labels, METRIC_NAME, TimestampMs};
use promql::{Cancel, Engine, EngineOptions, QueryRequest, Value, parse};
use storage::{MetricQuery, QueryError, Samples, Selection, SeriesSet};

const SERIES: usize = 10_000;
const STEPS: usize = 1_000;
const STEP_MS: i64 = 15_000;
/// One vector's values.
const VECTOR_MB: f64 = (SERIES * STEPS * 8) as f64 / (1 << 20) as f64;
/// Label sets, groups, threads and what an allocator keeps for later.
const BESIDES_MB: f64 = 40.0;
/// In the environment of the process that measures: its query.
const QUERY: &str = "WATCHFIRE_MEMORY_QUERY";

/// Queries, and how many vectors may lie in memory at once.
const CASES: [(&str, f64); 12] = [
    // An aggregation takes its series one by one.
    ("sum by (job) (x)", 0.0),
    ("max(rate(x[1m]))", 0.0),
    ("stddev without (i) (x)", 0.0),
    ("count(x) / sum(y)", 0.0),
    // Where each series is a group of its own, a group is three values a step: how many, how much, and what was lost.
    ("avg by (i) (x)", 4.0),
    ("topk(5, x)", 1.0),
    ("quantile(0.9, x)", 1.0),
    ("count_values(\"v\", x)", 1.0),
    // The result takes the place of one side.
    ("x + on (i) y", 2.0),
    ("sum(x * on (i) y)", 2.0),
    ("x >= on (i) group_left () y", 3.0),
    ("x and on (i) y", 2.0),
];

/// Two metrics whose samples are computed when they are asked for.
struct Computed;

struct Found(Arc<Vec<Labels>>);

fn labels(name: &str, i: usize) -> Labels {
    let (number, job) = (format!("{i:05}"), format!("j{}", i % 7));
    Labels::from_pairs([("__name__", name), ("i", &number), ("job", &job)])
}

impl MetricQuery for Computed {
    fn select(&self, selection: &Selection<'_>) -> Result<Box<dyn SeriesSet>, QueryError> {
        let is_found = |name: &str| {
            selection.matchers.iter().all(|matcher| matcher.name != METRIC_NAME || matcher.matches(name))
        };
        let found = ["x", "y"].into_iter().filter(|name| is_found(name));
        Ok(Box::new(Found(Arc::new(
            found.flat_map(|name| (0..SERIES).map(move |i| labels(name, i))).collect(),
        ))))
    }

    fn label_names(&self, _: &Selection<'_>) -> Result<Vec<String>, QueryError> {
        Ok(Vec::new())
    }

    fn label_values(&self, _: &str, _: &Selection<'_>) -> Result<Vec<String>, QueryError> {
        Ok(Vec::new())
    }

    fn time_span(&self) -> Option<(TimestampMs, TimestampMs)> {
        None
    }
}

impl SeriesSet for Found {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn labels(&self, i: usize) -> Labels {
        self.0[i].clone()
    }

    fn samples_with_stale(&self, i: usize, range: TimeRange, out: &mut Samples) -> Result<(), QueryError> {
        out.clear();
        let mut at_ms = range.from.0.div_euclid(STEP_MS) * STEP_MS + 1;
        while at_ms <= range.to.0 {
            out.push(at_ms, (i % 10) as f64);
            at_ms += STEP_MS;
        }
        Ok(())
    }
}

/// Resident memory of this process in MB: now, or the most so far.
fn resident_mb(which: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells of it");
    let line = status.lines().find_map(|line| line.strip_prefix(which)).expect("it is there");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1024.0
}

/// Does nothing but in the process that [`large_results_take_bounded_memory`] starts.
#[test]
fn of_one_query() {
    let Ok(query) = std::env::var(QUERY) else { return };
    let engine = Engine::new(EngineOptions { threads: 2, ..EngineOptions::standard() });
    let expr = parse(&query).expect("it parses");
    let steps = Steps { start: TimestampMs(1_000_000), step_ms: STEP_MS, count: STEPS };
    let cancel = Cancel::new();
    let request = QueryRequest { query: &expr, steps, lookback: None, cancel: &cancel };
    let before_mb = resident_mb("VmRSS:");
    let answer = engine.eval(&Computed, &request).expect("within limits");
    let peak_mb = resident_mb("VmHWM:") - before_mb;
    let Value::Vector(series) = answer.value else { panic!("{query} is a vector") };
    let counted_mb = answer.stats.samples_peak as f64 * 8.0 / (1 << 20) as f64;
    println!("\nMEASURED {peak_mb} {counted_mb} {}", series.len());
}

#[test]
fn large_results_take_bounded_memory() {
    let own = std::env::current_exe().expect("a test has a path");
    for (query, vectors) in CASES {
        let mut child = Command::new(&own);
        child.args(["--exact", "memory::of_one_query", "--nocapture"]).env(QUERY, query);
        let output = child.output().expect("it starts");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = text.lines().find_map(|line| line.strip_prefix("MEASURED "));
        let line = line.unwrap_or_else(|| panic!("{query}: {text}"));
        let mut numbers = line.split(' ').map(|number| number.parse::<f64>().expect("a number"));
        let (peak_mb, counted_mb) = (numbers.next().expect("measured"), numbers.next().expect("counted"));
        assert!(numbers.next().expect("counted") >= 1.0, "{query} gives nothing");
        let allowed_mb = vectors * VECTOR_MB + BESIDES_MB;
        println!("{query:<32} {peak_mb:>6.0} MB, {counted_mb:>6.0} counted, {allowed_mb:>6.0} allowed");
        assert!(peak_mb <= allowed_mb, "{query} took {peak_mb:.0} MB, allowed are {allowed_mb:.0}");
        // What the limit of values looks at is most of what there is.
        assert!(counted_mb + VECTOR_MB * 2.0 + BESIDES_MB >= peak_mb, "{query}: {counted_mb:.0} MB counted");
    }
}
