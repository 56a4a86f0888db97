//! Everything that was committed is there after a restart, under the same ids.

use columns::TimeRange;
use disk::Disk;
use model::{DurationMs, Matcher, TimestampMs};
use storage::{MetricAppend, MetricQuery};
use tsdb::{DamagePolicy, Db, Limits, Maintenance, Options};

use crate::world::{NOW_MS, World, commit, contents, labels, selection};

fn id_of(db: &Db, series: &str) -> u64 {
    db.appender().series(&labels(series)).unwrap().0
}

/// Enough for several chunks, segments and, where the limit is low, checkpoints.
fn fill(db: &Db) {
    for i in 0..400 {
        let own = format!("m{} i={i}", i % 7);
        commit(db, &[("up job=a", i * 1000, i as f64), ("up job=b", i * 1000, 1.5), (&own, i * 1000, 0.1)])
            .unwrap();
    }
}

#[test]
fn kill_and_start_keeps_samples_and_ids() {
    for log_bytes_max in [u64::MAX, 4000] {
        let world = World::with_log_bytes_max(log_bytes_max);
        let (db, _) = world.open();
        fill(&db);
        db.maintain().unwrap();
        commit(&db, &[("up job=a", 400_000, 7.0)]).unwrap();
        let (before, ids) = (contents(&db), [id_of(&db, "up job=b"), id_of(&db, "m3 i=3")]);
        let (again, report) = world.kill_and_open();
        assert_eq!(contents(&again), before);
        assert_eq!([id_of(&again, "up job=b"), id_of(&again, "m3 i=3")], ids);
        assert_eq!(report.log.checkpoint.is_some(), log_bytes_max == 4000);
        assert_eq!((report.series, report.samples), (402, 1201));
        assert_eq!(
            (report.samples_without_series, report.log.damage.len(), report.log.torn_bytes),
            (0, 0, 0)
        );
        let (was, is) = (db.status(), again.status());
        assert_eq!(
            (is.chunks, is.min_time, is.max_time, is.wal_bytes),
            (was.chunks, was.min_time, was.max_time, was.wal_bytes)
        );
    }
}

#[test]
fn open_chunks_go_on_after_a_checkpoint() {
    let world = World::with_log_bytes_max(0);
    let (mut db, _) = world.open();
    for i in 0..300 {
        commit(&db, &[("m", i * 1000, i as f64)]).unwrap();
        if i % 37 == 0 {
            db.maintain().unwrap();
            db = world.kill_and_open().0;
        }
    }
    assert_eq!(contents(&db)[0].1.len(), 300);
    let (never_stopped, _) = World::new().open();
    for i in 0..300 {
        commit(&never_stopped, &[("m", i * 1000, i as f64)]).unwrap();
    }
    assert_eq!(db.status().chunks, never_stopped.status().chunks, "no chunk was cut short by a restart");
}

/// A log with everything that a replay must keep in order: series that leave and whose slots others get, samples that came late,
/// deletions, files of chunks, with a checkpoint in it or without.
fn eventful(log_bytes_max: u64) -> World {
    let limits = Limits { log_bytes_max, retention: DurationMs::from_secs(900), ..Limits::standard() };
    let world = World::with(limits);
    let (db, _) = world.open();
    for i in 0..2000 {
        let at_ms = i * 1000;
        world.clock.set(NOW_MS + at_ms);
        let short_lived = format!("short n={}", i / 100);
        commit(&db, &[("a", at_ms, i as f64), ("b", at_ms, 1.5), (&short_lived, at_ms, 0.1)]).unwrap();
        if i % 10 == 9 {
            commit(&db, &[("b", at_ms - 500, 0.5)]).unwrap();
        }
        if i % 300 == 299 {
            let range =
                TimeRange { from: TimestampMs(NOW_MS + at_ms - 20_000), to: TimestampMs(NOW_MS + at_ms) };
            db.delete_series(&[Matcher::equal("__name__", "a")], range).unwrap();
        }
        if i % 50 == 0 {
            db.maintain().unwrap();
        }
    }
    world.disk.restart(disk::Crash::Process, disk::Faults::NONE);
    world
}

#[test]
fn several_threads_make_of_a_log_what_one_makes() {
    for log_bytes_max in [u64::MAX, 8000] {
        let by_one = eventful(log_bytes_max);
        let (db, report) = by_one.open();
        let by_several = eventful(log_bytes_max);
        let options = Options { maintenance: Maintenance::Background, ..by_several.options() };
        let (other, other_report) = Db::open(options).unwrap();
        assert_eq!(contents(&other), contents(&db));
        assert_eq!((other_report.samples, &other_report.log), (report.samples, &report.log));
        assert_eq!(report.samples_without_series + other_report.samples_without_series, 0);
        let value = |n: u8| Matcher::equal("n", n.to_string());
        let found = |db: &Db, n| db.select(&selection(&[value(n)])).unwrap().len();
        let there: Vec<usize> = (0..20).map(|n| found(&db, n)).collect();
        assert_eq!((0..20).map(|n| found(&other, n)).collect::<Vec<_>>(), there);
        assert!(there.contains(&0) && there.contains(&1), "some have left: {there:?}");
        assert_eq!(other.status().label_pairs, db.status().label_pairs);
    }
}

#[test]
fn series_made_after_a_restart_get_ids_of_their_own() {
    let world = World::new();
    let (db, _) = world.open();
    fill(&db);
    let (again, _) = world.kill_and_open();
    commit(&again, &[("brand new", 0, 1.0)].map(|(_, t, v)| ("brand_new", t, v))).unwrap();
    let before = contents(&again);
    assert_eq!(contents(&world.kill_and_open().0), before);
}

#[test]
fn damage_costs_what_was_damaged_and_is_healed() {
    let world = World::new();
    let (db, _) = world.open();
    fill(&db);
    let total: usize = contents(&db).iter().map(|(_, samples)| samples.len()).sum();
    let path = std::path::Path::new("/data/metrics/wal/00000002.wal");
    world.disk.mem().tamper(path, |bytes| bytes[100] ^= 1).unwrap();
    let strict = Options { damage: DamagePolicy::Refuse, ..world.options() };
    world.disk.restart(disk::Crash::Process, disk::Faults::NONE);
    let refused = Db::open(strict).err().map(|e| e.to_string()).unwrap_or_default();
    assert!(refused.starts_with("/data/metrics/wal/00000002.wal is damaged at offset"), "{refused}");
    let (again, report) = world.kill_and_open();
    assert_eq!(report.log.damage.len(), 1);
    let copy = report.log.damage[0].quarantined_to.clone().unwrap();
    assert!(copy.starts_with("/data/metrics/quarantine") && world.disk.read(&copy).is_ok());
    let left: usize = contents(&again).iter().map(|(_, samples)| samples.len()).sum();
    assert_eq!(left, total - 3, "one commit of three samples");
    assert_eq!(world.kill_and_open().1.log.damage, [], "a checkpoint has made the log whole");
}

#[test]
fn one_store_a_folder() {
    let world = World::new();
    let (db, _) = world.open();
    let error = Db::open(world.options()).err().map(|e| e.to_string()).unwrap_or_default();
    assert!(error.starts_with("/data/metrics is in use by another watchfire"), "{error}");
    drop(db);
    world.open();
}
