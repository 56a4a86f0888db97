//! Blocks: cut, compacted, let go, damaged; and nobody who asks notices more than that.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use columns::TimeRange;
use disk::Disk;
use model::DurationMs;
use storage::{MetricQuery, Samples};
use tsdb::{DamagePolicy, Db, Limits, Options};

use crate::world::{NOW_MS, World, commit, contents, samples, selection};

pub(crate) const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const BLOCKS: &str = "/data/metrics/blocks";

/// A world that keeps for long, so that blocks are compacted up to 54 hours.
pub(crate) fn world() -> World {
    World::with(Limits { retention: DurationMs::from_secs(30 * 24 * 3600), ..Limits::standard() })
}

/// Samples of three series a minute, housekeeping every hour.
pub(crate) fn fill(world: &World, db: &Db, hours: std::ops::Range<i64>) {
    for minute in hours.start * 60..hours.end * 60 {
        let at_ms = minute * MINUTE_MS;
        world.clock.set(NOW_MS + at_ms);
        let gauge = (minute as f64 / 50.0).sin();
        commit(
            db,
            &[("up job=a", at_ms, 1.0), ("count", at_ms, minute as f64 * 7.0), ("gauge", at_ms, gauge)],
        )
        .unwrap();
        if minute % 60 == 59 {
            db.maintain().unwrap();
        }
    }
}

pub(crate) fn files(world: &World) -> Vec<PathBuf> {
    let all = world.disk.list(Path::new(BLOCKS)).unwrap();
    all.into_iter().map(|entry| Path::new(BLOCKS).join(entry.name)).collect()
}

#[test]
fn cut_and_compacted_it_reads_as_before() {
    let world = world();
    let (mut db, _) = world.open();
    for day in 0..3 {
        fill(&world, &db, day * 24..day * 24 + 24);
        let before = contents(&db);
        assert_eq!(
            before.iter().map(|(_, all)| all.len()).collect::<Vec<_>>(),
            [(day as usize + 1) * 24 * 60; 3]
        );
        let (again, report) = world.kill_and_open();
        assert_eq!(contents(&again), before);
        assert_eq!((report.blocks, report.block_damage.len()), (db.status().blocks, 0));
        db = again;
    }
    let status = db.status();
    assert!((2..=8).contains(&status.blocks), "{status:?}");
    assert!(status.max_time.unwrap().0 - status.min_time.unwrap().0 < 3 * HOUR_MS + MINUTE_MS, "{status:?}");
    assert!(status.wal_bytes < 60_000, "{status:?}");
    assert_eq!(files(&world).len(), status.blocks, "sources and half-made files are gone");
    assert_eq!(db.time_span().unwrap().1.0, NOW_MS + (72 * 60 - 1) * MINUTE_MS);
}

#[test]
fn blocks_leave_by_age_and_by_size() {
    let mut world = world();
    world.limits.retention = DurationMs(10 * HOUR_MS);
    let (db, _) = world.open();
    fill(&world, &db, 0..40);
    let oldest_ms = samples(&db, "count")[0].0;
    assert!((26..=30).contains(&(oldest_ms / HOUR_MS)), "{oldest_ms}");
    drop(db);
    world.disk.restart(disk::Crash::Process, disk::Faults::NONE);
    world.limits.retention_bytes = 0;
    let (db, _) = world.open();
    db.maintain().unwrap();
    assert_eq!((db.status().blocks, db.status().block_bytes, files(&world).len()), (0, 0, 0));
}

#[test]
fn a_head_that_is_too_large_is_cut_early() {
    let mut world = world();
    world.limits.chunk_bytes_max = 5000;
    // No chunk may leave memory for a file.
    world.limits.spilled_bytes_max = 0;
    let (db, _) = world.open();
    for i in 0..4000 {
        world.clock.set(NOW_MS + i * 1000);
        commit(&db, &[("m", i * 1000, (i as f64).sqrt())]).unwrap();
        if i % 50 == 0 {
            db.maintain().unwrap();
        }
    }
    assert!(db.status().blocks > 0);
    assert_eq!(samples(&db, "m").len(), 4000, "nothing is lost");
    assert_eq!(contents(&world.kill_and_open().0), contents(&db));
}

#[test]
fn what_a_query_has_found_stays_while_blocks_come_and_go() {
    let world = world();
    let (db, _) = world.open();
    fill(&world, &db, 0..2);
    let set = db.select(&selection(&[])).unwrap();
    let read = |set: &dyn storage::SeriesSet| {
        let mut out = Samples::default();
        set.samples_with_stale(0, TimeRange::ALL, &mut out).unwrap();
        out.times_ms.len()
    };
    fill(&world, &db, 2..9);
    let later = db.select(&selection(&[])).unwrap();
    assert_eq!((read(&*set), read(&*later)), (120, 9 * 60), "the head keeps what the first still needs");
    fill(&world, &db, 9..30);
    assert_eq!(read(&*later), 9 * 60);
    drop((set, later));
    db.maintain().unwrap();
    assert_eq!(samples(&db, "count").len(), 30 * 60);
    let status = db.status();
    assert!(status.max_time.unwrap().0 - status.min_time.unwrap().0 < 4 * HOUR_MS, "{status:?}");
}

/// Every sample that is shown was written; what is missing is reported.
fn check_damaged(world: &World, file: &Path, before: &[(model::Labels, Vec<(i64, u64)>)]) -> bool {
    let (db, report) = world.kill_and_open();
    if let Some(damage) = report.block_damage.first() {
        assert_eq!((report.block_damage.len(), damage.file.as_path()), (1, file));
        assert!(world.disk.read(damage.quarantined_to.as_ref().unwrap()).is_ok());
    }
    let set = db.select(&selection(&[])).unwrap();
    let mut is_found = !report.block_damage.is_empty();
    let mut out = Samples::default();
    for i in 0..set.len() {
        match set.samples_with_stale(i, TimeRange::ALL, &mut out) {
            Ok(()) => {
                let (_, written) = before.iter().find(|(labels, _)| *labels == set.labels(i)).unwrap();
                let there: Vec<(i64, u64)> =
                    out.times_ms.iter().zip(&out.values).map(|(at, v)| (at - NOW_MS, v.to_bits())).collect();
                assert!(is_found || there == *written, "{}", set.labels(i));
                assert!(there.iter().all(|sample| written.contains(sample)));
            }
            Err(error) => {
                assert!(error.to_string().contains(&file.display().to_string()), "{error}");
                is_found = true;
            }
        }
    }
    is_found
}

#[test]
fn a_changed_byte_is_found_and_a_strict_start_refuses() {
    let world = world();
    let (db, _) = world.open();
    fill(&world, &db, 0..7);
    let before = contents(&db);
    drop(db);
    let file = files(&world)[0].clone();
    let whole = world.disk.read(&file).unwrap();
    let mut rng = fastrand::Rng::with_seed(5);
    for round in 0..120 {
        let at = if round < 44 { whole.len() - 1 - round } else { rng.usize(..whole.len()) };
        world.disk.mem().tamper(&file, |bytes| bytes[at] ^= 1 << rng.u8(..8)).unwrap();
        assert!(check_damaged(&world, &file, &before), "byte {at} of {}", whole.len());
        world.disk.restart(disk::Crash::Process, disk::Faults::NONE);
        let quarantined = Path::new("/data/metrics/quarantine").join(file.file_name().unwrap());
        if world.disk.read(&quarantined).is_ok() {
            world.disk.rename(&quarantined, &file).unwrap();
        }
        world.disk.mem().tamper(&file, |bytes| bytes.clone_from(&whole)).unwrap();
    }
    world.disk.mem().tamper(&file, |bytes| bytes.truncate(100)).unwrap();
    let strict = Db::open(Options { damage: DamagePolicy::Refuse, ..world.options() });
    let refused = strict.err().map(|e| e.to_string()).unwrap_or_default();
    assert_eq!(refused, format!("{} is damaged at offset 56: the footer does not add up", file.display()));
}

#[test]
fn a_block_with_a_damaged_chunk_is_not_compacted_away() {
    let world = world();
    let (db, _) = world.open();
    fill(&world, &db, 0..7);
    drop(db);
    let file = files(&world)[0].clone();
    world.disk.mem().tamper(&file, |bytes| bytes[40] ^= 1).unwrap();
    let (db, _) = world.kill_and_open();
    for minute in 7 * 60..20 * 60 {
        let at_ms = minute * MINUTE_MS;
        world.clock.set(NOW_MS + at_ms);
        commit(&db, &[("count", at_ms, 1.0)]).unwrap();
        if minute % 60 == 0 {
            drop(db.maintain());
        }
    }
    assert!(files(&world).contains(&file));
    assert_eq!(db.status().unavailable, None);
}

#[test]
fn a_full_disk_delays_blocks_and_loses_nothing() {
    let world = world();
    let (db, _) = world.open();
    fill(&world, &db, 0..3);
    for minute in 3 * 60..6 * 60 {
        world.clock.set(NOW_MS + minute * MINUTE_MS);
        commit(&db, &[("count", minute * MINUTE_MS, minute as f64 * 7.0)]).unwrap();
    }
    let used_bytes = world.disk.mem().used_bytes();
    world.disk.set_faults(disk::Faults { capacity_bytes: used_bytes + 100, ..disk::Faults::NONE });
    let blocks = db.status().blocks;
    assert!(db.maintain().is_err());
    assert_eq!((db.status().blocks, samples(&db, "count").len()), (blocks, 6 * 60));
    world.disk.set_faults(disk::Faults::NONE);
    db.maintain().unwrap();
    assert!(db.status().blocks > blocks);
    assert_eq!(samples(&db, "count").len(), 6 * 60);
    let after: Arc<Db> = world.kill_and_open().0;
    assert_eq!(contents(&after), contents(&db));
}
