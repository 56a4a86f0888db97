//! Whatever a series set answers by skipping is what the defaults of the port make of all samples, bit by bit.

use std::path::Path;

use columns::{Edges, Steps, TimeRange, WindowOp, WindowSteps};
use disk::Disk;
use model::{DurationMs, Labels, TimestampMs};
use storage::{MetricAppend, MetricQuery, QueryError, Samples, SeriesSet, StepValues};
use tsdb::{Db, Limits};

use crate::world::{NOW_MS, World, commit, contents, selection};

const SEEDS: u64 = 40;
const OPS: [WindowOp; 6] =
    [WindowOp::Sum, WindowOp::Min, WindowOp::Max, WindowOp::Count, WindowOp::Avg, WindowOp::Last];

/// A set without overrides.
struct Defaults<'a>(&'a dyn SeriesSet);

impl SeriesSet for Defaults<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn labels(&self, i: usize) -> Labels {
        self.0.labels(i)
    }

    fn samples_with_stale(&self, i: usize, range: TimeRange, out: &mut Samples) -> Result<(), QueryError> {
        self.0.samples_with_stale(i, range, out)
    }
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// One series of a kind; what it has next.
fn next(kind: usize, i: usize, value: f64, rng: &mut fastrand::Rng) -> f64 {
    match kind {
        _ if rng.u16(..400) == 0 => model::STALE_NAN,
        0 => value.max(0.0) + f64::from(rng.u16(..500)),
        1 if rng.u8(..40) == 0 => 0.0,
        1 => value.max(0.0) + f64::from(rng.u8(..9)) / 4.0,
        2 => f64::from(rng.i32(-9999..9999)) / 100.0,
        3 => f64::from(rng.i16(-50..50)),
        4 => (i as f64 / 30.0).sin() * 1e3,
        5 => [1.0, f64::NAN, -0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY, 3.5][rng.usize(..7)],
        6 => 42.0,
        _ => rng.f64() * 1e18,
    }
}

/// Parts of a histogram, whose chunks build on one another.
const HISTOGRAM: [&str; 4] = ["h_bucket le=+Inf", "h_bucket le=0.5", "h_bucket le=2", "h_count"];

/// What the parts of a histogram count, which now and then begin anew together; and all of them, or none, have a sample.
fn count(counted: &mut [f64; 4], rng: &mut fastrand::Rng) -> Vec<(&'static str, f64)> {
    let (small, large) = (f64::from(rng.u8(..3)), f64::from(rng.u16(..700)));
    let grown = [small + large, small, if rng.bool() { small } else { small + 1.0 }, small + large];
    match rng.u16(..300) {
        0 => *counted = [0.0; 4],
        1 => return HISTOGRAM.map(|name| (name, model::STALE_NAN)).to_vec(),
        2..6 => return Vec::new(),
        _ => counted.iter_mut().zip(grown).for_each(|(all, more)| *all += more),
    }
    HISTOGRAM.into_iter().zip(*counted).collect()
}

fn store(seed: u64, rng: &mut fastrand::Rng) -> (World, std::sync::Arc<Db>, i64) {
    let world = World::with(Limits {
        retention: DurationMs::from_secs(30 * 24 * 3600),
        log_bytes_max: 100_000,
        ..Limits::standard()
    });
    let (db, _) = world.open();
    let (mut at_ms, mut values, mut counted) = (0, [0.0; 8], [0.0; 4]);
    for i in 0..600 {
        at_ms += if rng.u8(..100) == 0 {
            rng.i64(1..7_200_000)
        } else {
            60_000 + rng.i64(-3..4) * i64::from(seed.is_multiple_of(2))
        };
        world.clock.set(NOW_MS + at_ms);
        let mut row = Vec::new();
        for (kind, value) in values.iter_mut().enumerate() {
            let next = next(kind, i, if model::is_stale(*value) { 0.0 } else { *value }, rng);
            *value = next;
            if rng.u8(..50) > 0 {
                row.push((format!("m kind={kind}"), at_ms, next));
            }
        }
        row.extend(count(&mut counted, rng).into_iter().map(|(name, value)| (name.to_owned(), at_ms, value)));
        let row: Vec<(&str, i64, f64)> =
            row.iter().map(|(name, at, value)| (name.as_str(), *at, *value)).collect();
        commit(&db, &row).unwrap();
        if i % 20 == 0 {
            db.maintain().unwrap();
        }
    }
    if seed.is_multiple_of(3) {
        let from = TimestampMs(NOW_MS + rng.i64(0..at_ms));
        let to = TimestampMs(from.0 + rng.i64(0..3_600_000));
        db.delete_series(&[], TimeRange { from, to }).unwrap();
    }
    (world, db, at_ms)
}

fn check_series(set: &dyn SeriesSet, i: usize, windows: &WindowSteps, what: &str) {
    let slow = Defaults(set);
    let (mut a, mut b) = (StepValues::default(), StepValues::default());
    set.values_at(i, &windows.steps, windows.range_ms, &mut a).unwrap();
    slow.values_at(i, &windows.steps, windows.range_ms, &mut b).unwrap();
    assert_eq!(bits(&a.values), bits(&b.values), "values of {what}");
    let present = |all: &StepValues| {
        let of = all.values.iter().zip(&all.times_ms).filter(|(v, _)| !columns::is_absent(**v));
        of.map(|(_, at)| *at).collect::<Vec<_>>()
    };
    assert_eq!(present(&a), present(&b), "times of {what}");
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for op in OPS {
        set.window(i, op, windows, &mut a).unwrap();
        slow.window(i, op, windows, &mut b).unwrap();
        assert_eq!(bits(&a), bits(&b), "{op:?} of {what}");
    }
    let (mut a, mut b) = (Edges::default(), Edges::default());
    set.window_edges(i, windows, &mut a).unwrap();
    slow.window_edges(i, windows, &mut b).unwrap();
    let counts = a.spans().count.clone();
    assert_eq!(counts, b.spans().count, "counts of {what}");
    for at in (0..counts.len()).filter(|at| counts[*at] > 0) {
        let of = |e: &Edges| {
            let reset = e.resets.get(at).copied().unwrap_or(0.0);
            (e.spans().first_ms[at], e.spans().last_ms[at], bits(&[e.first[at], e.last[at], reset]))
        };
        assert_eq!(of(&a), of(&b), "edges {at} of {what}");
    }
}

fn check(seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let (_world, db, end_ms) = store(seed, &mut rng);
    assert!(db.status().blocks > 0, "{:?}", db.status());
    let set = db.select(&selection(&[])).unwrap();
    assert_eq!(set.len(), 8 + HISTOGRAM.len());
    for round in 0..25 {
        let start = rng.i64(-4_000_000..end_ms + 1_000_000);
        let steps = Steps {
            start: TimestampMs(NOW_MS + start),
            step_ms: [1, 1000, 60_000, 150_000, 3_600_000][rng.usize(..5)],
            count: rng.usize(1..60),
        };
        let range_ms = [1, 60_000, 300_000, 3_600_000, 40_000_000][rng.usize(..5)];
        let windows = WindowSteps { steps, range_ms };
        for i in 0..set.len() {
            check_series(&*set, i, &windows, &format!("{} in round {round}: {windows:?}", set.labels(i)));
        }
    }
}

#[test]
fn skipping_answers_as_decoding_does() {
    for seed in 0..SEEDS {
        let outcome = std::panic::catch_unwind(|| check(seed));
        assert!(outcome.is_ok(), "seed {seed} failed");
    }
}

/// As version 2 wrote it: two hours of twelve series.
const VERSION_2: &[u8] = include_bytes!("../fixtures/blocks/version-2.block");
const VERSION_2_END_MS: i64 = 7_200_000;

fn check_all(db: &Db, rng: &mut fastrand::Rng, end_ms: i64) {
    let set = db.select(&selection(&[])).unwrap();
    for round in 0..20 {
        let start = TimestampMs(rng.i64(0..end_ms));
        let (step_ms, count) = ([1000, 60_000, 600_000][rng.usize(..3)], rng.usize(1..60));
        let range_ms = [60_000, 300_000, 3_600_000, 40_000_000][rng.usize(..4)];
        let windows = WindowSteps { steps: Steps { start, step_ms, count }, range_ms };
        for i in 0..set.len() {
            check_series(&*set, i, &windows, &format!("{} in round {round}: {windows:?}", set.labels(i)));
        }
    }
}

#[test]
fn a_block_of_version_2_with_later_ones_then_compacted_with_them() {
    let world =
        World::with(Limits { retention: DurationMs::from_secs(30 * 24 * 3600), ..Limits::standard() });
    let (blocks, mut rng) = (Path::new("/data/metrics/blocks"), fastrand::Rng::with_seed(5));
    world.disk.create_dir_all(blocks).unwrap();
    world.disk.create(&blocks.join("00000012.block")).unwrap().append(VERSION_2).unwrap();
    world.clock.set(VERSION_2_END_MS);
    let (db, report) = world.open();
    assert_eq!((report.blocks, report.block_damage.len()), (1, 0));
    let mut expected = contents(&db);
    for at_ms in (VERSION_2_END_MS..30_000_000).step_by(60_000) {
        world.clock.set(at_ms);
        let mut appender = db.appender();
        for (labels, samples) in &mut expected {
            let value = (at_ms / 1000 + rng.i64(0..40)) as f64;
            let id = appender.series(labels).unwrap();
            appender.append(id, TimestampMs(at_ms), value).unwrap();
            samples.push((at_ms - NOW_MS, value.to_bits()));
        }
        appender.commit().unwrap();
    }
    let from_middle = TimeRange { from: TimestampMs(3_000_000), to: TimestampMs(3_600_000) };
    db.delete_series(&[model::Matcher::equal("__name__", "steady")], from_middle).unwrap();
    for (_, samples) in expected.iter_mut().filter(|(labels, _)| labels.metric_name() == "steady") {
        samples.retain(|(at_ms, _)| !(from_middle.from.0..=from_middle.to.0).contains(&(at_ms + NOW_MS)));
    }
    assert!(contents(&db) == expected);
    check_all(&db, &mut rng, 30_000_000);
    db.maintain().unwrap();
    assert!(world.disk.read(&blocks.join("00000012.block")).is_err(), "compacted");
    assert!(contents(&db) == expected);
    check_all(&db, &mut rng, 30_000_000);
}
