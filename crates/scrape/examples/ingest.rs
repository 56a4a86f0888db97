//! Measures what a scraped sample costs from body to store: 50 targets of 2,000 series, all of which change each time.
//!
//! `cargo run --release -p scrape --example ingest [SCRAPES]`. Seconds of the processor for a million samples: reading lines that
//! are where they were; the same with the memory of the target and a store that takes nothing; all of it, with a log on
//! disk and the head in memory; the same when other programs have had the processor's caches meanwhile, as on any machine that does more than
//! scrape. Only the scraping is counted, not the making of bodies.

#![allow(clippy::print_stdout, reason = "a bench speaks to whoever runs it")]

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use disk::RealDisk;
use exposition::{Entry, Format, Reader};
use model::{DurationMs, Labels, TimestampMs};
use prometheus_client::registry::Registry;
use scrape::bench::Target;
use stdx::{Clock, ManualClock};
use storage::{AppendError, CommitReport, MetricAppend, MetricAppender, SeriesId};
use tsdb::{DamagePolicy, Db, Limits, Maintenance, Options, SyncPolicy};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TARGETS: usize = 50;
const SERIES: usize = 2000;
const INTERVAL_MS: i64 = 5000;
const BEGIN_MS: i64 = 1_700_000_000_000;
/// What other programs touch between two scrapes: as much as the processor's caches hold.
const OTHERS_BYTES: usize = 64 << 20;

fn main() {
    let scrapes = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(60);
    let mut program = Program::new();
    println!("reading alone          {:.3} s", reading(&mut program, scrapes));
    println!(
        "with the target's memory {:.3} s",
        scraping(&mut program, scrapes, &Nowhere, &ManualClock::new(0), &mut || {})
    );
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    let clock = Arc::new(ManualClock::new(BEGIN_MS));
    let options = Options {
        dir: dir.path().to_owned(),
        disk: Arc::new(RealDisk),
        clock: clock.clone(),
        sync: SyncPolicy::None,
        damage: DamagePolicy::Refuse,
        limits: Limits { retention: DurationMs::from_secs(48 * 3600), ..Limits::standard() },
        maintenance: Maintenance::Manual,
        metrics: Arc::new(tsdb::Metrics::new(&mut Registry::default())),
    };
    let (db, _) = Db::open(options).expect("an empty store opens");
    println!("all                    {:.3} s", scraping(&mut program, scrapes, &*db, &clock, &mut || {}));
    let mut others = vec![1u8; OTHERS_BYTES];
    let cold = &mut || others.iter_mut().step_by(64).for_each(|byte| *byte = byte.wrapping_add(1));
    println!("all, with cold caches  {:.3} s", scraping(&mut program, scrapes, &*db, &clock, cold));
    println!("(CPU seconds for a million samples, {scrapes} scrapes of {} series)", TARGETS * SERIES);
}

/// Programs like those that are scraped: counters, buckets and gauges.
struct Program {
    values: Vec<Vec<f64>>,
    random: fastrand::Rng,
}

impl Program {
    fn new() -> Self {
        Self { values: vec![vec![50.0; SERIES]; TARGETS], random: fastrand::Rng::with_seed(1) }
    }

    fn body(&mut self, target: usize) -> Bytes {
        let mut out = String::with_capacity(SERIES * 100);
        for (i, value) in self.values[target].iter_mut().enumerate() {
            let (path, method) = (i / 80, ["GET", "POST", "PUT", "DELETE"][i % 4]);
            let written = match i % 20 {
                0..5 => {
                    *value += f64::from(self.random.u8(1..40));
                    let status = [200, 201, 404, 500, 503][i / 4 % 5];
                    write!(
                        out,
                        "http_requests_total{{method=\"{method}\",path=\"/api/v1/resource{path:02}\",status=\"{status}\",n=\"{i}\"}} {value}"
                    )
                }
                5..17 => {
                    *value += f64::from(self.random.u8(1..5));
                    write!(
                        out,
                        "http_request_duration_seconds_bucket{{method=\"{method}\",path=\"/api/v1/resource{path:02}\",le=\"{}\"}} {value}",
                        i as f64 / 1000.0
                    )
                }
                17 => {
                    *value += self.random.f64() * 0.3;
                    write!(
                        out,
                        "http_request_duration_seconds_sum{{method=\"{method}\",path=\"/api/v1/resource{path:02}\",n=\"{i}\"}} {value}"
                    )
                }
                _ => {
                    *value = (*value + self.random.f64() - 0.5).abs();
                    write!(out, "app_pool_usage{{pool=\"pool{i:04}\",kind=\"ratio\"}} {value:.3}")
                }
            };
            written.expect("a string takes all");
            out.push('\n');
        }
        out.into()
    }
}

fn reading(program: &mut Program, scrapes: usize) -> f64 {
    let mut known: Vec<Vec<String>> = vec![Vec::new(); TARGETS];
    let (mut used, mut samples) = (0.0, 0usize);
    for _ in 0..scrapes {
        for (target, known) in known.iter_mut().enumerate() {
            let body = program.body(target);
            let begun = cpu_seconds();
            let mut reader = Reader::new(Format::Text, &body).expect("UTF-8");
            let mut at = 0;
            while let Some(entry) = reader.next_entry(known.get(at).map_or("", String::as_str)) {
                if let Ok(Entry::Sample(row)) = entry {
                    if at == known.len() {
                        known.push(row.series.as_str().to_owned());
                    }
                    std::hint::black_box(row.value);
                    at += 1;
                }
            }
            used += cpu_seconds() - begun;
            samples += at;
        }
    }
    used * 1e6 / samples as f64
}

/// The first two scrapes, in which series are made, do not count.
/// `between` happens before each scrape and isn't counted. Goes on where the clock stands.
fn scraping(
    program: &mut Program,
    scrapes: usize,
    store: &dyn MetricAppend,
    clock: &ManualClock,
    between: &mut dyn FnMut(),
) -> f64 {
    let metrics = scrape::Metrics::default();
    let mut targets: Vec<Target> =
        (0..TARGETS).map(|i| Target::new(&format!("host-{i}:9100")).expect("a valid job")).collect();
    let mut used = 0.0;
    for scrape in 0..scrapes + 2 {
        let at = TimestampMs(clock.now_ms() + INTERVAL_MS);
        clock.set(at.0);
        for (i, target) in targets.iter_mut().enumerate() {
            let body = program.body(i);
            between();
            let begun = cpu_seconds();
            target.scrape(store, &metrics, Format::Text, body, at).expect("a good scrape");
            used += if scrape < 2 { 0.0 } else { cpu_seconds() - begun };
        }
    }
    used * 1e6 / (scrapes * TARGETS * SERIES) as f64
}

fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// A store that takes everything and keeps nothing.
struct Nowhere;

impl MetricAppend for Nowhere {
    fn appender(&self) -> Box<dyn MetricAppender + '_> {
        Box::new(NowhereAppender(0))
    }
}

struct NowhereAppender(u64);

impl MetricAppender for NowhereAppender {
    fn series(&mut self, _labels: &Labels) -> Result<SeriesId, AppendError> {
        self.0 += 1;
        Ok(SeriesId(self.0))
    }

    fn append(&mut self, _series: SeriesId, _at: TimestampMs, value: f64) -> Result<(), AppendError> {
        std::hint::black_box(value);
        Ok(())
    }

    fn commit(self: Box<Self>) -> Result<CommitReport, AppendError> {
        Ok(CommitReport::default())
    }
}
