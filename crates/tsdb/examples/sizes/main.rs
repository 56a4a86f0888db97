//! Where the bytes of a block go: the series of `cargo xtask bench storage`, scraped for a while, written into a block as a
//! snapshot does it, and taken apart.
//!
//! `cargo run --release -p tsdb --example sizes [SCRAPES] [TARGETS]`: 432 scrapes (36 minutes at 5 s) of 50 targets unless it
//! is told otherwise; 72 are the six minutes of the bench.

#![allow(clippy::print_stdout, reason = "a bench speaks to whoever runs it")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use disk::{Disk, RealDisk};
use exposition::{Entry, Format, Reader};
use model::{Labels, TimestampMs};
use prometheus_client::registry::Registry;
use stdx::ManualClock;
use storage::{MetricAppend, SeriesId};
use tsdb::bench::{Anatomy, ChunkBytes, anatomy};
use tsdb::{DamagePolicy, Db, Limits, Maintenance, Metrics, Options, SnapshotHead, SyncPolicy};

#[path = "../../../../xtask/src/bench/promql/moving.rs"]
mod moving;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const INTERVAL_S: u64 = 5;
const BEGIN_S: u64 = 1_700_000_000;
const JOBS: [&str; 5] = ["shop-api", "cart", "payments", "search", "users"];

fn main() {
    let number =
        |at, usual: u64| std::env::args().nth(at).and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (scrapes, targets) = (number(1, 432), number(2, 50) as usize);
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    let clock = Arc::new(ManualClock::new(BEGIN_S as i64 * 1000));
    let db = open(dir.path(), &clock);
    let samples = ingest(&db, &clock, scrapes, targets);
    let snapshot = dir.path().join("snapshot");
    let (begun, begun_cpu) = (Instant::now(), cpu_s());
    let report = db.snapshot(&snapshot, SnapshotHead::With).expect("there is room");
    println!(
        "{} samples of {} series; the snapshot took {:.1} s, CPU {:.4} s a million",
        report.head_samples,
        targets * moving::SERIES,
        begun.elapsed().as_secs_f64(),
        (cpu_s() - begun_cpu) * 1e6 / samples as f64
    );
    db.close().expect("a full disk would spoil the bench");
    let blocks = snapshot.join("blocks");
    for block in RealDisk.list(&blocks).expect("it was made") {
        print(&anatomy(&blocks.join(block.name)).expect("it was just written"));
    }
}

fn open(dir: &Path, clock: &Arc<ManualClock>) -> Arc<Db> {
    let options = Options {
        dir: dir.to_owned(),
        disk: Arc::new(RealDisk),
        clock: Arc::clone(clock) as _,
        sync: SyncPolicy::None,
        damage: DamagePolicy::Refuse,
        limits: Limits::standard(),
        maintenance: Maintenance::Manual,
        metrics: Arc::new(Metrics::new(&mut Registry::default())),
    };
    Db::open(options).expect("an empty folder can be opened").0
}

/// Scrapes all targets so often, each at its own moment of the interval and up to three milliseconds late.
fn ingest(db: &Db, clock: &ManualClock, scrapes: u64, targets: usize) -> u64 {
    let mut all: Vec<_> = (0..targets).map(|number| moving::Target::new(number as u64, BEGIN_S)).collect();
    let ids: Vec<Vec<SeriesId>> = all.iter().enumerate().map(|(n, target)| define(db, n, target)).collect();
    let (mut rng, mut samples) = (fastrand::Rng::with_seed(1), 0);
    for scrape in 0..scrapes {
        let due_s = BEGIN_S + (scrape + 1) * INTERVAL_S;
        clock.set(due_s as i64 * 1000);
        for (n, (target, ids)) in all.iter_mut().zip(&ids).enumerate() {
            target.advance(due_s);
            let at_ms = due_s as i64 * 1000 + n as i64 * 97 + rng.i64(0..4);
            let body = target.body();
            let mut appender = db.appender();
            let lines = body.lines().filter(|line| !line.starts_with('#'));
            for (id, line) in ids.iter().zip(lines) {
                let value = line.rsplit(' ').next().and_then(|text| text.parse().ok()).expect("a value");
                appender.append(*id, TimestampMs(at_ms), value).expect("in order");
            }
            samples += appender.commit().expect("there is room").samples as u64;
        }
        if scrape % 60 == 59 {
            db.maintain().expect("there is room");
        }
    }
    samples
}

/// The series of a target in order of its lines.
fn define(db: &Db, number: usize, target: &moving::Target) -> Vec<SeriesId> {
    let body = target.body();
    let mut reader = Reader::new(Format::Text, body.as_bytes()).expect("a body of text");
    let mut appender = db.appender();
    let mut ids = Vec::new();
    while let Some(entry) = reader.next_entry("") {
        let Ok(Entry::Sample(row)) = entry else { continue };
        let own = row.series.labels().expect("labels of ours");
        let instance = format!("127.0.0.1:{}", 19_000 + number);
        let added = [("instance", instance.as_str()), ("job", JOBS[number % JOBS.len()])];
        let labels = Labels::from_pairs(own.iter().chain(added));
        ids.push(appender.series(&labels).expect("below the limit"));
    }
    assert_eq!(ids.len(), moving::SERIES);
    appender.commit().expect("there is room");
    ids
}

fn print(block: &Anatomy) {
    let samples = block.chunks.iter().map(|(_, _, count)| count).sum::<u64>() as f64;
    println!(
        "{:<44}{:>9} bytes {:>8.3} a sample",
        "the block",
        block.len_bytes,
        block.len_bytes as f64 / samples
    );
    let mut kinds: BTreeMap<String, (u64, u64, ChunkBytes)> = BTreeMap::new();
    for (labels, bytes, count) in &block.chunks {
        let name = labels.get("__name__").unwrap_or_default();
        let detail = ["status", "le", "kind"].iter().find_map(|l| labels.get(l)).unwrap_or_default();
        for key in [String::new(), name.to_owned(), format!("{name} {detail}")] {
            let kind = kinds.entry(key).or_default();
            *kind = (kind.0 + 1, kind.1 + count, kind.2 + *bytes);
        }
    }
    println!(
        "{:<44}{:>8}{:>9}{:>8}{:>8}{:>8}{:>8}{:>9}",
        "chunks, bytes a series", "series", "a sample", "all", "head", "times", "minis", "values"
    );
    for (name, (series, samples, bytes)) in kinds {
        let each = |bytes: u64| bytes as f64 / series as f64;
        println!(
            "{name:<44}{series:>8}{:>9.3}{:>8.1}{:>8.1}{:>8.1}{:>8.1}{:>9.1}",
            bytes.all() as f64 / samples as f64,
            each(bytes.all()),
            each(bytes.head),
            each(bytes.times),
            each(bytes.minis),
            each(bytes.values)
        );
    }
    let series = block.series as f64;
    for (part, bytes) in &block.index {
        println!(
            "index: {part:<37}{bytes:>9} bytes {:>8.3} a sample, {:>6.2} a series",
            *bytes as f64 / samples,
            *bytes as f64 / series
        );
    }
}

fn cpu_s() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}
