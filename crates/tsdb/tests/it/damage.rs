//! Damage by seed: whatever happens to one file of any kind, the store starts, keeps what was not hit, and says what was;
//! strict recovery refuses, and names the file.

use std::path::{Path, PathBuf};

use columns::TimeRange;
use disk::{Crash, Disk, Faults};
use model::{DurationMs, Labels, Matcher, TimestampMs};
use storage::{MetricQuery, Samples};
use tsdb::{DamagePolicy, Db, Limits, Options};

use crate::world::{NOW_MS, World, commit, for_each_seed, selection};

const SEEDS: u64 = 200;
const WAL: &str = "/data/metrics/wal";
const HEAD: &str = "/data/metrics/head";
const BLOCKS: &str = "/data/metrics/blocks";
const QUARANTINE: &str = "/data/metrics/quarantine";
/// What one damaged place may reach over.
const SPAN_BYTES: usize = 64;
/// The series of which a part is deleted; all are buckets of one histogram, so that chunks of blocks build on one another.
const DELETED: &str = "3";
const STEP_MS: i64 = 300_000;

/// A store with blocks, some of them compacted, tombstones, segments and mostly a checkpoint; killed.
fn world(rng: &mut fastrand::Rng) -> World {
    let log_bytes_max = if rng.bool() { u64::MAX } else { 3000 };
    let retention = DurationMs::from_secs(1000 * 3600);
    let limits =
        Limits { log_bytes_max, segment_bytes: 2000, spill_file_bytes: 200, retention, ..Limits::standard() };
    let world = World { limits, ..World::new() };
    let (db, _) = world.open();
    let steps = rng.i64(20..200);
    for i in 0..steps {
        let at_ms = i * STEP_MS;
        world.clock.set(NOW_MS + at_ms);
        for _ in 0..rng.usize(1..4) {
            commit(&db, &[(&format!("m_bucket le={}", rng.u8(..20)), at_ms, i as f64)]).unwrap();
        }
        if i % 40 == 30 {
            db.maintain().unwrap();
        }
    }
    let to = TimestampMs(NOW_MS + rng.i64(0..steps) * STEP_MS);
    let range = TimeRange { from: TimestampMs(NOW_MS), to };
    db.delete_series(&[Matcher::equal("le", DELETED)], range).unwrap();
    world.disk.restart(Crash::Process, Faults::NONE);
    world
}

fn some_file(world: &World, rng: &mut fastrand::Rng) -> PathBuf {
    // Each kind as often as the other, however many files it has: segments, parts and marks of checkpoints, files of chunks,
    // blocks, tombstones.
    let kinds = [
        (WAL, "0", ".wal"),
        (WAL, "checkpoint", ".wal"),
        (WAL, "", ".done"),
        (HEAD, "", ".chunks"),
        (BLOCKS, "", ".block"),
        (BLOCKS, "", ".tombs"),
    ];
    loop {
        let (dir, begin, end) = kinds[rng.usize(..kinds.len())];
        let names = world.disk.list(Path::new(dir)).unwrap().into_iter().map(|e| e.name);
        let names: Vec<String> =
            names.filter(|name| name.starts_with(begin) && name.ends_with(end)).collect();
        if !names.is_empty() {
            return Path::new(dir).join(&names[rng.usize(..names.len())]);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spoilt {
    OneByte,
    CutShort,
    Otherwise,
}

/// Spoils one place of a file.
fn spoil(bytes: &mut Vec<u8>, rng: &mut fastrand::Rng) -> Spoilt {
    let at = rng.usize(..bytes.len());
    let end = (at + rng.usize(1..SPAN_BYTES)).min(bytes.len());
    match rng.u8(..6) {
        0 => bytes[at..end].fill(0),
        1 => bytes[at..end].iter_mut().for_each(|b| *b = rng.u8(..)),
        2 => {
            bytes.truncate(at);
            return Spoilt::CutShort;
        }
        3 => bytes.extend((0..rng.usize(1..SPAN_BYTES)).map(|_| rng.u8(..))),
        _ => {
            bytes[at] ^= rng.u8(1..);
            return Spoilt::OneByte;
        }
    }
    Spoilt::Otherwise
}

/// All samples, and how many series could not be read. A read that meets damage says in which file.
fn readable(db: &Db, file: &Path) -> (Vec<(Labels, i64, u64)>, usize) {
    let set = db.select(&selection(&[])).unwrap();
    let (mut all, mut out, mut refused) = (Vec::new(), Samples::default(), 0);
    for i in 0..set.len() {
        match set.samples_with_stale(i, TimeRange::ALL, &mut out) {
            Ok(()) => {
                let samples = out.times_ms.iter().zip(&out.values);
                all.extend(samples.map(|(at, value)| (set.labels(i), at - NOW_MS, value.to_bits())));
            }
            Err(error) => {
                refused += 1;
                let text = error.to_string();
                assert!(
                    text.contains(&file.display().to_string()),
                    "{text} does not name {}",
                    file.display()
                );
            }
        }
    }
    (all, refused)
}

fn check(seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let world = world(&mut rng);
    let (db, whole) = world.open();
    let (before, _) = readable(&db, Path::new(""));
    drop(db);
    let file = some_file(&world, &mut rng);
    let was = world.disk.read(&file).unwrap();
    let mut spoilt = Spoilt::Otherwise;
    world.disk.mem().tamper(&file, |bytes| spoilt = spoil(bytes, &mut rng)).unwrap();
    let is_changed = world.disk.read(&file).unwrap() != was;

    let strict = Db::open(Options { damage: DamagePolicy::Refuse, ..world.options() });
    // A torn end is cut under either policy.
    let torn_bytes = strict.as_ref().map_or(0, |(_, report)| report.log.torn_bytes);
    let strict = strict.err().map(|error| error.to_string());
    let (db, report) = world.open();
    let damage: Vec<_> = report.log.damage.iter().chain(&report.block_damage).collect();
    assert_eq!(strict.is_some(), !damage.is_empty(), "{strict:?}, {report:?}");
    // A checkpoint that was cut before its list of files says nothing of it: then those files are named.
    let is_named = |text: &str| {
        text.contains(&file.display().to_string()) || (spoilt == Spoilt::CutShort && text.contains(HEAD))
    };
    assert!(strict.as_deref().is_none_or(is_named), "the error names the file: {strict:?}");
    for one in &damage {
        assert!(is_named(&one.file.display().to_string()), "{one:?}");
        let copy = one.quarantined_to.as_ref().filter(|_| one.len_bytes > 0);
        assert!(copy.is_none_or(|copy| copy.starts_with(QUARANTINE) && world.disk.read(copy).is_ok()));
    }
    if spoilt == Spoilt::OneByte && file.starts_with(WAL) {
        assert!(report.log.records + 1 >= whole.log.records, "{:?}", report.log);
        assert!(damage.len() <= 1, "{damage:?}");
    }
    // What was deleted may be back when the record or the tombstones that said so are damaged.
    let (after, refused) = readable(&db, &file);
    let is_known = |sample: &(Labels, i64, u64)| {
        let (labels, at_ms, bits) = sample;
        let was_deleted = *labels == crate::world::labels(&format!("m_bucket le={DELETED}"));
        before.contains(sample) || was_deleted && f64::from_bits(*bits) == (*at_ms / STEP_MS) as f64
    };
    assert!(after.iter().all(is_known), "samples that nobody wrote");
    // Whoever does not get everything is told so, at start or when it is read; a torn end is counted.
    let is_told = !damage.is_empty() || refused > 0 || torn_bytes + report.log.torn_bytes > 0;
    // A log cut just between two records looks like a shorter log.
    let is_shorter_log = spoilt == Spoilt::CutShort && file.starts_with(WAL);
    assert!(
        is_told || after.len() >= before.len() || !is_changed || is_shorter_log,
        "silently lost: {}",
        file.display()
    );

    world.clock.advance(1000);
    let at_ms = stdx::Clock::now_ms(&*world.clock) - NOW_MS;
    commit(&db, &[("after", at_ms, 1.0)]).unwrap();
    let (healed, _) = readable(&db, &file);
    let (again, report) = world.kill_and_open();
    assert_eq!(readable(&again, &file).0, healed);
    assert_eq!(
        (report.log.damage.len(), report.block_damage.len()),
        (0, 0),
        "the second start finds no damage"
    );
}

#[test]
fn one_damaged_place_costs_no_more_than_it_hits() {
    for_each_seed(SEEDS, check);
}
