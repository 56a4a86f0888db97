//! Measures what ingest, restart and memory cost: 100,000 series of 50 targets, 240 scrapes of 15 s (one hour).
//!
//! `cargo run --release -p tsdb --example replay [SERIES] [SCRAPES] [DIR]`. The store lies in a folder of its own below the
//! system's temporary one and is removed at the end. With `DIR` it is kept there; when the folder is there already, only a start and a
//! stop are measured, as for a profile. Up to 480 scrapes lie in the two hours of which no block is cut.

#![allow(clippy::print_stdout, reason = "a bench speaks to whoever runs it")]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use columns::{Steps, TimeRange};
use disk::RealDisk;
use model::{Labels, Matcher, TimestampMs};
use prometheus_client::registry::Registry;
use stdx::ManualClock;
use storage::{MetricAppend, MetricQuery, Samples, Selection, SeriesId, StepValues};
use tsdb::{DamagePolicy, Db, Limits, Maintenance, Metrics, Options, RecoveryReport, SyncPolicy};

/// As in the product: a start makes some million pieces of memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TARGETS: usize = 50;
const INTERVAL_MS: i64 = 15_000;
/// So many lie in the two hours before the store's clock.
const SCRAPES_MAX: usize = 480;
const BEGIN_MS: i64 = 1_700_000_000_000;

/// One series of a target and the value it has now.
struct Source {
    id: SeriesId,
    kind: usize,
    value: f64,
}

fn main() {
    let number = |at, usual| std::env::args().nth(at).and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (series, scrapes): (usize, usize) = (number(1, 100_000), number(2, 240));
    assert!(scrapes <= SCRAPES_MAX, "at most {SCRAPES_MAX} scrapes: later ones would lie in the future");
    // As the product does (`crates/cli/src/memory.rs`).
    rustix::thread::disable_transparent_huge_pages(true).ok();
    let temporary = tempfile::tempdir().expect("a temporary folder can be made");
    match std::env::args().nth(3) {
        None => all(temporary.path(), series, scrapes),
        Some(dir) if Path::new(&dir).is_dir() => restart(Path::new(&dir)),
        Some(dir) => fill(Path::new(&dir), series, scrapes),
    }
}

fn all(dir: &Path, series: usize, scrapes: usize) {
    fill(dir, series, scrapes);
    restart(dir);
    restart(dir);
}

/// Leaves a store as a `kill -9` does.
fn fill(dir: &Path, series: usize, scrapes: usize) {
    let db = open(dir, "empty").0;
    ingest(&db, series, scrapes);
    query(&db);
    // Its threads may be at work: only when they are done is the folder free.
    let weak = Arc::downgrade(&db);
    drop(db);
    while weak.strong_count() > 0 {
        std::thread::yield_now();
    }
}

fn restart(dir: &Path) {
    let (db, report) = open(dir, "what is there");
    print_rate("  samples restored", report.samples, report.duration.as_secs_f64());
    println!("  records {}, {:.1} MB", report.log.records, report.log.record_bytes as f64 / 1e6);
    timed("a checkpoint, if one is due", || db.maintain());
    timed("close", || db.close());
    println!("log on disk                    {:>10.1} MB", db.status().wal_bytes as f64 / 1e6);
}

fn timed(what: &str, work: impl FnOnce() -> Result<(), tsdb::TsdbError>) {
    let (begun, cpu) = (Instant::now(), cpu_seconds());
    work().expect("a full disk would spoil the bench");
    let (seconds, cpu) = (begun.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    println!("{what:<30} {seconds:>10.3} s   CPU {cpu:.2} s   resident {:.0} MB", resident_mb());
}

fn open(dir: &Path, what: &str) -> (Arc<Db>, RecoveryReport) {
    let options = Options {
        dir: dir.to_owned(),
        disk: Arc::new(RealDisk),
        clock: Arc::new(ManualClock::new(BEGIN_MS + 2 * 3_600_000)),
        sync: SyncPolicy::None,
        damage: DamagePolicy::Refuse,
        limits: Limits { retention: model::DurationMs::from_secs(48 * 3600), ..Limits::standard() },
        // As in a monitor: with all cores.
        maintenance: Maintenance::Background,
        metrics: Arc::new(Metrics::new(&mut Registry::default())),
    };
    let cpu = cpu_seconds();
    let opened = Db::open(options).expect("the log is readable");
    println!(
        "open: {what:<24} {:>10.3} s   CPU {:.2} s   resident {:.0} MB",
        opened.1.duration.as_secs_f64(),
        cpu_seconds() - cpu,
        resident_mb()
    );
    opened
}

fn ingest(db: &Db, series: usize, scrapes: usize) {
    let begun = Instant::now();
    let mut targets: Vec<Vec<Source>> =
        (0..TARGETS).map(|target| define(db, target, series / TARGETS)).collect();
    print_rate("series looked up or made", series as u64, begun.elapsed().as_secs_f64());
    let mut rng = fastrand::Rng::with_seed(1);
    let (begun, cpu) = (Instant::now(), cpu_seconds());
    for scrape in 0..scrapes {
        for sources in &mut targets {
            let at_ms = BEGIN_MS + scrape as i64 * INTERVAL_MS + rng.i64(-2..=2);
            let mut appender = db.appender();
            for source in sources.iter_mut() {
                source.step(&mut rng);
                appender.append(source.id, TimestampMs(at_ms), source.value).expect("in order");
            }
            appender.commit().expect("a full disk would spoil the bench");
        }
    }
    let samples = (series / TARGETS * TARGETS * scrapes) as u64;
    print_rate("samples appended", samples, begun.elapsed().as_secs_f64());
    println!(
        "  CPU, user and system         {:>10.3} s a million",
        (cpu_seconds() - cpu) * 1e6 / samples as f64
    );
    let status = db.status();
    println!(
        "log                            {:>10.2} bytes a sample",
        status.wal_bytes as f64 / samples as f64
    );
    println!(
        "chunks                         {:>10.2} bytes a sample",
        status.chunk_bytes as f64 / samples as f64
    );
    println!("resident                       {:>10.0} MB", resident_mb());
}

fn define(db: &Db, target: usize, series: usize) -> Vec<Source> {
    let mut appender = db.appender();
    let define = |i: usize| {
        let labels = Labels::from_pairs([
            ("__name__", format!("bench_metric_{}_total", i % 100)),
            ("instance", format!("10.0.0.{target}:9100")),
            ("job", "bench".to_owned()),
            ("path", format!("/api/v1/resource/{}", i / 100)),
            ("status", ["200", "404", "500"][i % 3].to_owned()),
        ]);
        let id = appender.series(&labels).expect("below the limit");
        Source { id, kind: i % 10, value: (i % 1000) as f64 }
    };
    (0..series).map(define).collect()
}

impl Source {
    /// Six of ten are counters, three gauges with two decimals, one never changes.
    fn step(&mut self, rng: &mut fastrand::Rng) {
        match self.kind {
            0..6 => self.value += f64::from(rng.u8(..50)),
            6..9 => self.value = f64::from(rng.u32(..100_000)) / 100.0,
            _ => {}
        }
    }
}

fn query(db: &Db) {
    let end = db.time_span().map_or(BEGIN_MS, |(_, newest)| newest.0);
    let recent = TimeRange { from: TimestampMs(end - 300_000), to: TimestampMs(end) };
    let select_all = || {
        let begun = Instant::now();
        let all =
            db.select(&Selection { matchers: &[], range: recent, series_max: usize::MAX }).expect("no limit");
        println!("select {:>7} series           {:>10.1} ms", all.len(), begun.elapsed().as_secs_f64() * 1e3);
        all
    };
    drop(select_all());
    let all = select_all();
    let (begun, mut out) = (Instant::now(), StepValues::default());
    let read = |i| all.values_at(i, &Steps::instant(TimestampMs(end)), 300_000, &mut out).expect("sound");
    let _: usize = (0..all.len()).map(read).sum();
    println!("their newest values            {:>10.1} ms", begun.elapsed().as_secs_f64() * 1e3);
    let matchers = [Matcher::equal("__name__", "bench_metric_1_total")];
    let begun = Instant::now();
    let some = db
        .select(&Selection { matchers: &matchers, range: recent, series_max: usize::MAX })
        .expect("no limit");
    println!("select {:>7} series           {:>10.1} ms", some.len(), begun.elapsed().as_secs_f64() * 1e3);
    let (begun, mut samples, mut count) = (Instant::now(), Samples::default(), 0);
    for i in 0..some.len() {
        some.samples(i, TimeRange::ALL, &mut samples).expect("sound");
        count += samples.times_ms.len();
    }
    print_rate("samples decoded", count as u64, begun.elapsed().as_secs_f64());
}

fn print_rate(what: &str, count: u64, seconds: f64) {
    println!("{what:<30} {seconds:>10.3} s   {:>10.0} a second ({count})", count as f64 / seconds);
}

/// CPU time that this process has taken, for machines where others run, too; 0 where the system does not tell.
fn cpu_seconds() -> f64 {
    let stat = own_proc_file("stat");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split(' ').collect();
    let ticks: f64 = fields.iter().skip(12).take(2).filter_map(|text| text.parse::<f64>().ok()).sum();
    ticks / 100.0
}

/// Resident memory of this process; 0 where the system does not tell.
fn resident_mb() -> f64 {
    let statm = own_proc_file("statm");
    let pages: f64 = statm.split(' ').nth(1).and_then(|text| text.parse().ok()).unwrap_or_default();
    pages * 4096.0 / 1e6
}

fn own_proc_file(name: &str) -> String {
    #[allow(clippy::disallowed_methods, reason = "a bench asks the system about itself, not for data")]
    std::fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default()
}
