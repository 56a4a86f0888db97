//! What the store alone makes of JSON access lines in 12 streams: ingest from the text of pushes on, bytes on disk, memory,
//! and searches. `cargo run --release -p logdb --example figures -- [MEGABYTES]`.
//!
//! Lines and needles are those of the rig that took the peers' figures; neither HTTP nor a language is part of it.

#![allow(clippy::print_stdout, reason = "an example says what it found")]
#![allow(clippy::disallowed_methods, reason = "measured on the machine's own files")]

use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use disk::RealDisk;
use logdb::{DamagePolicy, Db, Limits, Maintenance, Metrics, Options, Storage, SyncPolicy};
use model::TimestampNs;
use prometheus_client::registry::Registry;
use stdx::{Clock, SystemClock};
use storage::{LineBatch, LogAppend, LogQuery, LogSelection, Needles, NsRange};

const LINES_PER_PUSH: usize = 4000;
const STREAMS: usize = 12;
const NEEDLE: &str = "needle-7f3a9c";

fn line(rng: &mut fastrand::Rng, ms: i64, message: &str) -> String {
    let level = if rng.u8(..100) == 0 { "ERROR" } else { "INFO" };
    let view = ["orders:detail", "orders:create", "data", "random", "error", "charge", "merchant:list"];
    format!(
        r#"{{"ts":{ms},"level":"{level}","method":"{}","view":"{}","status":{},"duration_ms":{:.2},"bytes":{},"db_queries":{},"trace":"{:032x}","msg":"{message}"}}"#,
        if rng.u8(..4) == 0 { "POST" } else { "GET" },
        view[rng.usize(..view.len())],
        [200, 201, 500, 404][if rng.u8(..20) == 0 { rng.usize(..4) } else { 0 }],
        -20.0 * (1.0 - rng.f64()).ln(),
        rng.u32(100..20_000),
        rng.u8(..6),
        rng.u128(..),
    )
}

/// The body of one push, and how many bytes its lines have.
fn body(rng: &mut fastrand::Rng, at_ns: &mut i64, has_needle: bool) -> (String, usize) {
    let mut streams = vec![String::new(); STREAMS];
    let mut bytes = 0;
    for i in 0..LINES_PER_PUSH {
        *at_ns += 700_000;
        let message = if has_needle && i == 7 { NEEDLE } else { "request done" };
        let line = line(rng, *at_ns / 1_000_000, message);
        bytes += line.len();
        let quoted = line.replace('"', "\\\"");
        let values = &mut streams[rng.usize(..STREAMS)];
        let comma = if values.is_empty() { "" } else { "," };
        write!(values, r#"{comma}["{at_ns}","{quoted}"]"#).expect("a string takes everything");
    }
    let streams = streams.iter().enumerate().map(|(i, values)| {
        format!(r#"{{"stream":{{"job":"lab","service":"svc-{i}"}},"values":[{values}]}}"#)
    });
    (format!(r#"{{"streams":[{}]}}"#, streams.collect::<Vec<_>>().join(",")), bytes)
}

fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = stat.split(' ').skip(13).take(2).filter_map(|field| field.parse::<u64>().ok());
    Duration::from_millis(ticks.sum::<u64>() * 10)
}

fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field =
        status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok());
    field.unwrap_or(0) / 1024
}

fn open(dir: &std::path::Path) -> Arc<Db> {
    let unlimited = u64::MAX / 2000;
    let limits = Limits {
        ingestion_rate_bytes: unlimited,
        ingestion_burst_bytes: unlimited,
        per_stream_rate_bytes: unlimited,
        per_stream_burst_bytes: unlimited,
        ..Limits::standard()
    };
    let options = Options {
        dir: dir.to_owned(),
        disk: Arc::new(RealDisk),
        clock: Arc::new(SystemClock),
        sync: SyncPolicy::Interval(Duration::from_secs(1)),
        damage: DamagePolicy::Quarantine,
        limits,
        storage: Storage::standard(),
        maintenance: Maintenance::Background,
        metrics: Arc::new(Metrics::new(&mut Registry::default())),
    };
    Db::open(options).expect("an empty folder").0
}

/// Lines that contain the text, parts read, and how long it took on one thread.
fn search(db: &Db, text: &str) -> (usize, usize, Duration) {
    let range = NsRange { from: TimestampNs(i64::MIN), until: TimestampNs(i64::MAX) };
    let needles = Needles { groups: vec![vec![text.to_owned()]] };
    let finder = memchr::memmem::Finder::new(text);
    let begun = Instant::now();
    let set = db.select(&LogSelection { matchers: &[], range, streams_max: 1000 }).expect("few streams");
    let (mut out, mut lines, mut read) = (LineBatch::default(), 0, 0);
    for i in 0..set.len() {
        for part in 0..set.parts(i).len() {
            read += usize::from(set.read(i, part, &needles, &mut out).expect("a sound store") > 0);
            lines += finder.find_iter(out.text.as_bytes()).count();
        }
    }
    (lines, read, begun.elapsed())
}

fn main() {
    let megabytes: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(500);
    let dir = tempfile::tempdir().expect("a folder");
    let db = open(dir.path());
    let mut rng = fastrand::Rng::with_seed(7);
    let mut at_ns = (SystemClock.now_ms() - 1_800_000) * 1_000_000;
    let (mut raw, mut pushes, mut spent, mut waited) = (0, 0, Duration::ZERO, Duration::ZERO);
    while raw < megabytes * 1_000_000 {
        pushes += 1;
        let (body, bytes) = body(&mut rng, &mut at_ns, pushes == 20);
        let (cpu_before, begun) = (cpu(), Instant::now());
        let decoded = logwire::read_json(body.as_bytes()).expect("valid");
        let report = db.push(&decoded.streams).expect("below all limits");
        assert_eq!(report.stored, LINES_PER_PUSH);
        drop(decoded);
        spent += cpu().saturating_sub(cpu_before);
        waited += begun.elapsed();
        raw += bytes;
    }
    let mb = raw as f64 / 1e6;
    println!("{mb:.0} MB of lines in {pushes} pushes, {} B a line", raw / pushes / LINES_PER_PUSH);
    println!(
        "ingest: {:.0} MB/s of one core, {:.0} MB/s by the clock",
        mb / spent.as_secs_f64(),
        mb / waited.as_secs_f64()
    );
    println!("memory: anonymous {} MB, at most resident {} MB", memory("RssAnon:"), memory("VmHWM:"));
    db.flush_all().expect("room on the disk");
    let status = db.status();
    println!("on disk: {:.3} bytes a byte, {} files", status.file_bytes as f64 / raw as f64, status.files);
    for text in [NEEDLE, "edle-7f3a", "no such text", "ERROR", "a3f9c1d2"] {
        let best = (0..3).map(|_| search(&db, text)).min_by_key(|(_, _, took)| *took).expect("three");
        println!(
            "search {text:?}: {} lines, {} parts read, {:.1} ms on one thread",
            best.0,
            best.1,
            best.2.as_secs_f64() * 1e3
        );
    }
    db.close().expect("room on the disk");
}
