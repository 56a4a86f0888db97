//! Measures queries over the store itself, without HTTP: 100,000 series of 50 targets, 5.5 minutes at 5 s, and the
//! recent half of the query set that `cargo xtask bench promql` puts to three servers.
//!
//! `cargo run --release -p tsdb --example queries [TARGETS] [SCRAPES] [REPEATS] [ONLY]`. Shows wall and CPU time, the
//! median of all repeats. The log lies in a folder of its own below the system's temporary one and is removed at the end.

#![allow(clippy::print_stdout, reason = "a bench speaks to whoever runs it")]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use columns::Steps;
use disk::RealDisk;
use model::{Labels, TimestampMs};
use prometheus_client::registry::Registry;
use promql::{Answer, Cancel, Engine, EngineOptions, QueryRequest, Value};
use stdx::ManualClock;
use storage::{MetricAppend, SeriesId};
use tsdb::{DamagePolicy, Db, Limits, Maintenance, Metrics, Options, SyncPolicy};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const INTERVAL_MS: i64 = 5_000;
const BEGIN_MS: i64 = 1_700_000_000_000;
const JOBS: [&str; 5] = ["shop-api", "cart", "payments", "search", "users"];
const METHODS: [&str; 4] = ["GET", "POST", "PUT", "DELETE"];
const STATUSES: [&str; 5] = ["200", "201", "404", "500", "503"];
const BOUNDS: [&str; 12] =
    ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"];

/// Name, whether it is a range query, and the query.
const QUERIES: [(&str, bool, &str); 7] = [
    (
        "histogram_quantile",
        true,
        "histogram_quantile(0.95, sum by (le, path) (rate(http_request_duration_seconds_bucket[1m])))",
    ),
    (
        "5xx ratio",
        true,
        r#"sum(rate(http_requests_total{status=~"5.."}[1m])) / sum(rate(http_requests_total[1m]))"#,
    ),
    ("rate by job", false, "sum by (job) (rate(http_requests_total[1m]))"),
    ("topk of sums", false, "topk(10, sum by (instance, path) (rate(http_requests_total[1m])))"),
    ("topk of all", false, "topk(10, rate(http_requests_total[1m]))"),
    (
        "one panel",
        true,
        r#"sum by (status) (rate(http_requests_total{job="cart",path="/api/v1/resource03"}[1m]))"#,
    ),
    ("count of all", false, r#"count({__name__=~".+"})"#),
];

fn main() {
    let number = |at, usual| std::env::args().nth(at).and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (targets, scrapes, repeats): (usize, usize, usize) = (number(1, 50), number(2, 66), number(3, 15));
    let only = std::env::args().nth(4).unwrap_or_default();
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    let db = open(dir.path());
    ingest(&db, targets, scrapes);
    // Finished chunks go to files, as they do in a monitor.
    db.maintain().expect("a full disk would spoil the bench");
    let engine = Engine::new(EngineOptions::standard());
    println!(
        "{:<20} {:>9} {:>9} {:>8} {:>9} {:>7}",
        "query", "wall ms", "CPU ms", "series", "samples", "results"
    );
    for (name, is_range, query) in QUERIES.iter().filter(|(name, ..)| name.contains(&only)) {
        measure(&db, &engine, name, *is_range, query, repeats);
    }
    db.close().expect("a full disk would spoil the bench");
}

fn open(dir: &Path) -> Arc<Db> {
    let options = Options {
        dir: dir.to_owned(),
        disk: Arc::new(RealDisk),
        clock: Arc::new(ManualClock::new(BEGIN_MS + 3_600_000)),
        sync: SyncPolicy::None,
        damage: DamagePolicy::Refuse,
        limits: Limits::standard(),
        maintenance: Maintenance::Manual,
        metrics: Arc::new(Metrics::new(&mut Registry::default())),
    };
    Db::open(options).expect("an empty folder can be opened").0
}

/// One series of a target, how fast it grows, and the value it has now.
struct Source {
    id: SeriesId,
    per_scrape: f64,
    value: f64,
}

fn ingest(db: &Db, targets: usize, scrapes: usize) {
    let begun = Instant::now();
    let mut rng = fastrand::Rng::with_seed(1);
    let mut all: Vec<Vec<Source>> = (0..targets).map(|target| define(db, target)).collect();
    for scrape in 0..scrapes {
        for (target, sources) in all.iter_mut().enumerate() {
            // Each target has its own moment in the interval; now and then a scrape is late.
            let late = if rng.u8(..10) == 0 { rng.i64(3..20) } else { 0 };
            let at_ms = BEGIN_MS + scrape as i64 * INTERVAL_MS + target as i64 * 100 + late;
            let mut appender = db.appender();
            for source in sources {
                source.step(&mut rng);
                appender.append(source.id, TimestampMs(at_ms), source.value).expect("in order");
            }
            appender.commit().expect("a full disk would spoil the bench");
        }
    }
    let series: usize = all.iter().map(Vec::len).sum();
    println!("{series} series, {} samples in {:.1} s", series * scrapes, begun.elapsed().as_secs_f64());
}

/// 500 counters, 100 histograms of 14 series, 100 gauges.
fn define(db: &Db, target: usize) -> Vec<Source> {
    let mut appender = db.appender();
    let instance = format!("127.0.0.1:{}", 19_000 + target);
    let mut sources = Vec::new();
    let mut add = |name: &str, more: &[(&str, &str)], per_scrape: f64| {
        let own = [("__name__", name), ("instance", &instance), ("job", JOBS[target % JOBS.len()])];
        let labels = Labels::from_pairs(own.iter().chain(more).copied());
        let id = appender.series(&labels).expect("below the limit");
        sources.push(Source { id, per_scrape, value: 0.0 });
    };
    for method in METHODS {
        for path in 0..25u8 {
            let rate = 100.0 / f64::from(path + 1);
            let path = format!("/api/v1/resource{path:02}");
            let own = [("method", method), ("path", path.as_str())];
            for status in STATUSES {
                add("http_requests_total", &[own[0], own[1], ("status", status)], rate / 5.0);
            }
            for (i, le) in BOUNDS.iter().enumerate() {
                let share = (i + 1) as f64 / BOUNDS.len() as f64;
                add("http_request_duration_seconds_bucket", &[own[0], own[1], ("le", le)], rate * share);
            }
            add("http_request_duration_seconds_sum", &own, rate / 10.0 + 0.37);
            add("http_request_duration_seconds_count", &own, rate);
        }
    }
    for pool in 0..100 {
        add("app_pool_usage", &[("pool", &format!("pool{pool:03}"))], -1.0);
    }
    sources
}

impl Source {
    /// Counters grow by about their rate, gauges wander.
    fn step(&mut self, rng: &mut fastrand::Rng) {
        if self.per_scrape < 0.0 {
            self.value = (f64::from(rng.u32(..100_000)) / 10.0).round() / 100.0;
        } else {
            self.value += (self.per_scrape * (0.5 + rng.f64())).round();
        }
    }
}

fn measure(db: &Db, engine: &Engine, name: &str, is_range: bool, query: &str, repeats: usize) {
    let expr = promql::parse(query).expect("the query parses");
    let (mut wall, mut cpu, mut last) = (Vec::new(), Vec::new(), None);
    for _ in 0..=repeats {
        let (begun, used) = (Instant::now(), cpu_ms());
        last = Some(eval(db, engine, &expr, is_range));
        wall.push(begun.elapsed().as_secs_f64() * 1e3);
        cpu.push(cpu_ms() - used);
    }
    // The first one warms up.
    let (wall, cpu) = (median(&mut wall[1..]), median(&mut cpu[1..]));
    let answer = last.expect("there was one");
    let results = match &answer.value {
        Value::Vector(series) => series.len(),
        _ => 0,
    };
    let stats = answer.stats;
    println!(
        "{name:<20} {wall:>9.2} {cpu:>9.2} {:>8} {:>9} {results:>7}",
        stats.series_read, stats.samples_read
    );
}

fn eval(db: &Db, engine: &Engine, expr: &promql::ast::Expr, is_range: bool) -> Answer {
    let end = storage::MetricQuery::time_span(db).map_or(TimestampMs(BEGIN_MS), |(_, newest)| newest);
    let begin = TimestampMs(BEGIN_MS + 10_000);
    let steps = if is_range { Steps::range(begin, end, INTERVAL_MS) } else { Steps::instant(end) };
    let request = QueryRequest { query: expr, steps, lookback: None, cancel: &Cancel::new() };
    engine.eval(db, &request).expect("within limits")
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// CPU time of this process so far: right even where others keep the machine busy.
fn cpu_ms() -> f64 {
    #[allow(clippy::disallowed_methods, reason = "a bench asks the system about itself, not for data")]
    let threads = std::fs::read_dir("/proc/self/task").expect("Linux tells of itself");
    let nanoseconds = |thread: std::io::Result<std::fs::DirEntry>| {
        #[allow(clippy::disallowed_methods, reason = "as above")]
        let text = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    };
    threads.filter_map(nanoseconds).sum::<f64>() / 1e6
}
