//! Finished chunks in files: whatever happens to the files, the samples are there.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use disk::{Crash, Disk, Faults};
use model::DurationMs;
use prometheus_client::registry::Registry;
use tsdb::{DamagePolicy, Db, Limits, Metrics, Options, offline};

use crate::world::{NOW_MS, World, commit, contents};

const HEAD: &str = "/data/metrics/head";

/// The files of chunks.
fn files(world: &World) -> usize {
    names(world).len()
}

fn names(world: &World) -> BTreeSet<String> {
    world.disk.list(Path::new(HEAD)).unwrap().into_iter().map(|entry| entry.name).collect()
}

/// A store whose checkpoint lists files, killed, and these files.
fn with_checkpoint() -> (World, BTreeSet<String>) {
    let world = World::with_log_bytes_max(0);
    let (db, _) = world.open();
    fill(&world, &db, 0, 501);
    let listed = names(&world);
    assert!(listed.len() > 10, "{listed:?}");
    fill(&world, &db, 501, 550);
    world.disk.restart(Crash::Process, Faults::NONE);
    (world, listed)
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
    again.maintain().unwrap();
    assert!(files(&world) > 4, "without a checkpoint they are made anew from the log");
    assert!(again.status().chunk_bytes < 5 * 2000, "{:?}", again.status());
    fill(&world, &again, 1000, 1500);
    check(&again, 1500);
}

#[test]
fn files_that_a_checkpoint_lists_are_kept_over_a_start() {
    let (world, listed) = with_checkpoint();
    let before: Vec<Vec<u8>> =
        listed.iter().map(|name| world.disk.read(&Path::new(HEAD).join(name)).unwrap()).collect();
    for _ in 0..3 {
        let (db, report) = world.kill_and_open();
        check(&db, 550);
        assert_eq!(report.samples, 5 * 550);
        assert_eq!((report.log.damage.len(), names(&world)), (0, listed.clone()));
    }
    let after: Vec<Vec<u8>> =
        listed.iter().map(|name| world.disk.read(&Path::new(HEAD).join(name)).unwrap()).collect();
    assert!(before == after, "nobody has written them anew");
    // Life goes on in files behind them.
    let (db, _) = world.kill_and_open();
    fill(&world, &db, 550, 1001);
    check(&db, 1001);
    assert!(names(&world).is_superset(&listed) && files(&world) > listed.len());
    check(&world.kill_and_open().0, 1001);
}

#[test]
fn a_checkpoint_says_where_chunks_are_and_not_what() {
    let (world, _) = with_checkpoint();
    let (db, _) = world.open();
    fill(&world, &db, 550, 3001);
    let wal_bytes = db.status().wal_bytes;
    assert!(wal_bytes < 8000, "{wal_bytes} bytes of log for five series and 15,000 samples");
}

#[test]
fn what_the_checkpoint_does_not_list_is_thrown_away() {
    let (world, listed) = with_checkpoint();
    for name in ["99999999.chunks", "what is this"] {
        world.disk.create(&Path::new(HEAD).join(name)).unwrap().append(b"noise").unwrap();
    }
    check(&world.kill_and_open().0, 550);
    assert_eq!(names(&world), listed);
}

#[test]
fn a_file_that_is_missing_costs_its_chunks_and_is_told_once() {
    let (world, listed) = with_checkpoint();
    let gone = Path::new(HEAD).join(listed.iter().nth(5).unwrap());
    world.disk.remove_file(&gone).unwrap();
    let strict = Db::open(Options { damage: DamagePolicy::Refuse, ..world.options() });
    let refused = strict.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(refused.starts_with(&gone.display().to_string()) && refused.contains("missing"), "{refused}");

    let (db, report) = world.kill_and_open();
    let damage = report.log.damage.first().unwrap();
    assert_eq!((report.log.damage.len(), damage.file.as_path()), (1, gone.as_path()));
    assert_eq!(damage.quarantined_to, None);
    let left = contents(&db);
    let newest = |(_, samples): &(_, Vec<(i64, u64)>)| samples.last().map(|(at_ms, _)| *at_ms);
    assert!(left.iter().all(|one| newest(one) == Some(549_000)), "the newest are there");
    let count: usize = left.iter().map(|(_, samples)| samples.len()).sum();
    assert!((4 * 550..5 * 550).contains(&count), "{count} samples");
    let chunks = count as u64 / 40;
    assert!((chunks..chunks + 15).contains(&db.status().chunks), "{:?}", db.status());
    let (db, report) = world.kill_and_open();
    assert_eq!((report.log.damage.len(), contents(&db)), (0, left));
}

#[test]
fn strict_recovery_leaves_a_damaged_file_where_it_is() {
    let (world, listed) = with_checkpoint();
    let spoilt = Path::new(HEAD).join(listed.iter().nth(3).unwrap());
    world.disk.mem().tamper(&spoilt, |bytes| bytes[40] ^= 1).unwrap();
    let strict = Db::open(Options { damage: DamagePolicy::Refuse, ..world.options() });
    let refused = strict.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(refused.starts_with(&format!("{} is damaged at offset 0", spoilt.display())), "{refused}");
    assert!(world.disk.read(&spoilt).is_ok());
    let (_, report) = world.kill_and_open();
    let to = report.log.damage[0].quarantined_to.clone().unwrap();
    assert!(world.disk.read(&to).is_ok() && world.disk.read(&spoilt).is_err());
}

#[test]
fn a_check_reads_the_files_that_the_checkpoint_lists() {
    let (world, listed) = with_checkpoint();
    let spoilt = Path::new(HEAD).join(listed.iter().nth(3).unwrap());
    let verified = || {
        let disk: Arc<dyn Disk> = Arc::new(world.disk.clone());
        offline::verify(&disk, Path::new("/data/metrics"), &mut |_, _| {}).unwrap().damage
    };
    assert_eq!(verified(), []);
    world.disk.mem().tamper(&spoilt, |bytes| bytes[40] ^= 1).unwrap();
    let damage = verified();
    assert_eq!(damage.len(), 1);
    assert_eq!((&damage[0].file, damage[0].reason.as_str()), (&spoilt, "its checksum is wrong"));
    world.disk.remove_file(&spoilt).unwrap();
    assert_eq!(verified()[0].reason, "the file is missing");
}

#[test]
fn a_file_stays_until_no_checkpoint_lists_it() {
    let (world, listed) = with_checkpoint();
    let world = World {
        limits: Limits { log_bytes_max: u64::MAX, retention: DurationMs::from_secs(60), ..world.limits },
        ..world
    };
    let (db, _) = world.open();
    fill(&world, &db, 550, 801);
    let left = contents(&db);
    assert!(left.iter().all(|(_, samples)| samples.len() < 200), "most is too old");
    assert!(names(&world).is_superset(&listed), "a start would miss them");
    let (db, report) = world.kill_and_open();
    assert_eq!(report.log.damage, []);
    db.maintain().unwrap();
    assert_eq!(contents(&db), left);
    let world = World { limits: Limits { log_bytes_max: 0, ..world.limits }, ..world };
    db.close().unwrap();
    drop(db);
    let (db, _) = world.open();
    fill(&world, &db, 801, 951);
    assert!(names(&world).is_disjoint(&listed), "the checkpoint was their last");
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
    let mut registry = Registry::default();
    let metrics = Arc::new(Metrics::new(&mut registry));
    let (db, _) = Db::open(Options { metrics, ..world.options() }).unwrap();
    fill(&world, &db, 0, 600);
    assert!((1..5).contains(&files(&world)));
    check(&db, 600);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    let refused = text
        .lines()
        .find_map(|line| line.strip_prefix("prometheus_tsdb_head_spills_refused_total "))
        .unwrap();
    assert!(refused.parse::<u64>().unwrap() > 5, "{refused} of 12 rounds");
    // The files that are kept count over a start.
    db.close().unwrap();
    let (again, _) = world.kill_and_open();
    fill(&world, &again, 600, 700);
    assert!((1..10).contains(&files(&world)));
    check(&again, 700);
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
