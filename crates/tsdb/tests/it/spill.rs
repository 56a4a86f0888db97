//! Finished chunks in files: whatever happens to the files, the samples are there.

use std::path::PathBuf;

use disk::{Disk, Faults};
use model::DurationMs;
use tsdb::{Db, Limits};

use crate::world::{NOW_MS, World, commit, contents};

/// The files of chunks.
fn files(world: &World) -> usize {
    world.disk.list(&PathBuf::from("/data/metrics/head")).unwrap().len()
}

/// Some series over so many seconds; keeps house now and then.
fn fill(world: &World, db: &Db, from: i64, to: i64) {
    for i in from..to {
        world.clock.set(NOW_MS + i * 1000);
        let series: Vec<String> = (0..5).map(|n| format!("m n={n}")).collect();
        let row: Vec<(&str, i64, f64)> =
            series.iter().map(|name| (name.as_str(), i * 1000, (i as f64).sin())).collect();
        commit(db, &row).unwrap();
        if i % 50 == 0 {
            db.maintain().unwrap();
        }
    }
}

/// Every series has a sample each second.
fn check(db: &Db, to: i64) {
    let all = contents(db);
    assert_eq!(all.len(), 5);
    for (labels, samples) in all {
        let expected: Vec<(i64, u64)> = (0..to).map(|i| (i * 1000, (i as f64).sin().to_bits())).collect();
        assert!(samples == expected, "{labels}: {} samples of {to}", samples.len());
    }
}

#[test]
fn chunks_go_to_files_and_are_read_from_there() {
    let world = World::new();
    let (db, _) = world.open();
    fill(&world, &db, 0, 1000);
    check(&db, 1000);
    let status = db.status();
    assert!(files(&world) > 20, "{} files", files(&world));
    assert!(status.chunks >= 5 * 25, "{status:?}");
    assert!(status.chunk_bytes < 5 * 2000, "most has left memory: {status:?}");
    let (again, _) = world.kill_and_open();
    check(&again, 1000);
    assert!(files(&world) > 20, "without a checkpoint they are made anew from the log");
    fill(&world, &again, 1000, 1500);
    check(&again, 1500);
}

#[test]
fn a_disk_that_fails_keeps_chunks_in_memory_until_it_does_not() {
    let world = World::new();
    let (db, _) = world.open();
    fill(&world, &db, 1, 500);
    let before = files(&world);
    for i in 500..900 {
        commit(&db, &[("m n=0", i * 1000, 0.0)]).unwrap();
    }
    world.disk.set_faults(Faults { write_fails_per_mille: 1000, ..Faults::NONE });
    let in_memory = db.status().chunk_bytes;
    db.maintain().unwrap();
    assert_eq!((files(&world), db.status().chunk_bytes), (before, in_memory));
    assert_eq!(contents(&db)[0].1.len(), 899);
    world.disk.set_faults(Faults::NONE);
    db.maintain().unwrap();
    assert!(files(&world) > before && db.status().chunk_bytes < in_memory, "{:?}", db.status());
    assert_eq!(contents(&db)[0].1.len(), 899);
}

#[test]
fn beyond_their_limit_no_more_files_are_made() {
    let world = World::with(Limits { spilled_bytes_max: 1000, ..Limits::standard() });
    let (db, _) = world.open();
    fill(&world, &db, 0, 600);
    assert!((1..5).contains(&files(&world)));
    check(&db, 600);
}

#[test]
fn files_leave_when_their_time_is_in_blocks() {
    let world =
        World::with(Limits { retention: DurationMs::from_secs(30 * 24 * 3600), ..Limits::standard() });
    let (db, _) = world.open();
    let mut most = 0;
    for i in 0..1200 {
        world.clock.set(NOW_MS + i * 60_000);
        commit(&db, &[("a", i * 60_000, (i as f64).sin()), ("b", i * 60_000, (i as f64).cos())]).unwrap();
        if i % 10 == 0 {
            db.maintain().unwrap();
            most = most.max(files(&world));
        }
    }
    assert!((2..20).contains(&most), "{most} files for three hours of two series");
    assert!(db.status().blocks > 0);
    assert_eq!(contents(&db)[0].1.len(), 1200);
    assert_eq!(contents(&world.kill_and_open().0), contents(&db));
}

#[test]
fn what_is_deleted_is_gone_from_files_too() {
    let world = World::new();
    let (db, _) = world.open();
    fill(&world, &db, 0, 500);
    let at = |second: i64| model::TimestampMs(NOW_MS + second * 1000);
    db.delete_series(&[], columns::TimeRange { from: at(100), to: at(199) }).unwrap();
    db.maintain().unwrap();
    for db in [&db, &world.kill_and_open().0] {
        for (labels, samples) in contents(db) {
            assert_eq!(samples.len(), 400, "{labels}");
            assert!(samples.iter().all(|(at_ms, _)| !(100_000..200_000).contains(at_ms)));
        }
    }
}
