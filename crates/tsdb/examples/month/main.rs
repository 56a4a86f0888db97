//! Writes days of samples through the store itself and measures what dashboards ask of them: 1,000 series every 15 s.
//!
//! `cargo run --release -p tsdb --example month` then
//! - `measure [DAYS]` fills a temporary folder and asks, without HTTP: for a profile;
//! - `fill DIR DAYS END` fills a folder with the days up to END (Unix seconds): what `watchfire monitor` then opens;
//! - `openmetrics FROM TO` and `json FROM TO` print the same samples for others.
//!
//! `cargo xtask bench month` uses the last three. Times are the best of five, over two threads.

#![allow(clippy::print_stdout, reason = "a bench speaks to whoever runs it")]

mod ask;
mod data;

use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use disk::RealDisk;
use model::{Labels, TimestampMs};
use prometheus_client::registry::Registry;
use stdx::ManualClock;
use storage::{MetricAppend, SeriesId};
use tsdb::{DamagePolicy, Db, Limits, Maintenance, Metrics, Options, SyncPolicy};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const DAY_S: i64 = 86_400;
/// Where a measured span ends; any multiple of two hours will do.
const END_S: i64 = 1_702_598_400;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| arguments.get(at).and_then(|text| text.parse::<i64>().ok());
    match (arguments.first().map(String::as_str), arguments.get(1), number(1), number(2), number(3)) {
        (Some("fill"), Some(dir), _, Some(days), Some(end_s)) => fill(Path::new(dir), days, end_s),
        (Some("openmetrics"), _, Some(from_s), Some(to_s), _) => {
            let mut out = BufWriter::new(std::io::stdout().lock());
            data::write_openmetrics(from_s, to_s, &mut out).expect("somebody reads");
        }
        (Some("json"), _, Some(from_s), Some(to_s), _) => {
            let mut out = BufWriter::new(std::io::stdout().lock());
            data::write_json(from_s, to_s, &mut out).expect("somebody reads");
        }
        (None | Some("measure"), _, days, ..) => measure(days.unwrap_or(30)),
        _ => println!("measure [DAYS] | fill DIR DAYS END | openmetrics FROM TO | json FROM TO"),
    }
}

fn measure(days: i64) {
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    fill(dir.path(), days, END_S);
    let clock = Arc::new(ManualClock::new(END_S * 1000));
    let begun = Instant::now();
    let db = open(dir.path(), &clock);
    println!("{:<58}{:>9.1} ms", "open", begun.elapsed().as_secs_f64() * 1e3);
    ask::ask(&db, (END_S - days * DAY_S) * 1000, END_S * 1000);
}

fn open(dir: &Path, clock: &Arc<ManualClock>) -> Arc<Db> {
    let options = Options {
        dir: dir.to_owned(),
        disk: Arc::new(RealDisk),
        clock: Arc::clone(clock) as _,
        sync: SyncPolicy::None,
        damage: DamagePolicy::Refuse,
        limits: Limits { retention: model::DurationMs::from_secs(60 * DAY_S), ..Limits::standard() },
        maintenance: Maintenance::Manual,
        metrics: Arc::new(Metrics::new(&mut Registry::default())),
    };
    Db::open(options).expect("a new folder can be opened").0
}

fn ids(db: &Db) -> Vec<SeriesId> {
    let mut appender = db.appender();
    let id = |i: usize| {
        let (name, instance, label, own) = data::labels(i);
        let labels = Labels::from_pairs([("__name__", name), ("instance", &instance), (label, &own)]);
        appender.series(&labels).expect("below the limit")
    };
    (0..data::SERIES).map(id).collect()
}

/// Fills a folder as a monitor would have done in those days: a commit each interval, blocks cut and compacted each hour.
fn fill(dir: &Path, days: i64, end_s: i64) {
    let begin_s = end_s - days * DAY_S;
    let clock = Arc::new(ManualClock::new(begin_s * 1000));
    let db = open(dir, &clock);
    let ids = ids(&db);
    let (begun, begun_cpu) = (Instant::now(), ask::cpu_ms());
    let (mut house_s, mut samples) = (0.0, 0u64);
    for at_s in data::times(begin_s, end_s) {
        clock.set(at_s * 1000);
        let mut appender = db.appender();
        for (i, id) in ids.iter().enumerate() {
            appender.append(*id, TimestampMs(at_s * 1000), data::value(i, at_s)).expect("in order");
        }
        samples += appender.commit().expect("there is room").samples as u64;
        if at_s % 3600 < data::INTERVAL_S {
            let begun = ask::cpu_ms();
            db.maintain().expect("there is room");
            house_s += (ask::cpu_ms() - begun) / 1e3;
        }
    }
    let cpu_s = (ask::cpu_ms() - begun_cpu) / 1e3;
    let (total_s, status) = (begun.elapsed().as_secs_f64(), db.status());
    println!(
        "{samples} samples in {total_s:.1} s, CPU {cpu_s:.1} s, {house_s:.1} s of it cutting and compacting"
    );
    let bytes_a_sample = status.block_bytes as f64 / samples as f64;
    println!("{} blocks, {bytes_a_sample:.3} bytes a sample, index included", status.blocks);
    db.close().expect("a full disk would spoil the bench");
}
