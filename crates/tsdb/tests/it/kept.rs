//! Starts on files of chunks with which something is wrong, before a log so long that the replay writes files itself: no file that is
//! listed is written over, and no series gets a chunk that is not its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use columns::TimeRange;
use disk::{Crash, Disk, Faults, RealDisk};
use model::Matcher;
use tsdb::{DamagePolicy, Db, Limits, Options};

use crate::world::{NOW_MS, World, commit, contents, labels};

const HEAD: &str = "/data/metrics/head";
const WAL: &str = "/data/metrics/wal";
const SERIES: i64 = 5;
/// At this second the last checkpoint was written.
const LISTED_TO: i64 = 500;
/// The log behind it: more than the replay keeps in memory.
const END: i64 = 3000;
const MIDDLE: i64 = 2000;

/// What series `n` has at a second.
fn value(n: i64, second: i64) -> f64 {
    (second * SERIES + n) as f64
}

fn fill(db: &Db, world: &World, from: i64, to: i64) {
    for second in from..to {
        world.clock.set(NOW_MS + second * 1000);
        let names: Vec<String> = (0..SERIES).map(|n| format!("m n={n}")).collect();
        let row: Vec<(&str, i64, f64)> =
            (0..SERIES).map(|n| (names[n as usize].as_str(), second * 1000, value(n, second))).collect();
        commit(db, &row).unwrap();
    }
}

/// A store with a checkpoint that lists files, and a long log behind it; without a process.
fn with_long_log(options: impl Fn(&World) -> Options) -> World {
    let world = World::with_log_bytes_max(0);
    let (db, _) = Db::open(options(&world)).unwrap();
    fill(&db, &world, 0, LISTED_TO);
    db.maintain().unwrap();
    drop(db);
    let world = World { limits: Limits { log_bytes_max: u64::MAX, ..world.limits }, ..world };
    world.disk.restart(Crash::Process, Faults::NONE);
    let (db, _) = Db::open(options(&world)).unwrap();
    for (from, to) in [(LISTED_TO, MIDDLE), (MIDDLE, END - 10), (END - 10, END)] {
        fill(&db, &world, from, to);
        // Before a deletion a replay gives all samples that it has read to their series; else it would wait for more than this log has.
        commit(&db, &[("gone", to * 1000, 0.0)]).unwrap();
        db.delete_series(&[Matcher::equal("__name__", "gone")], TimeRange::ALL).unwrap();
    }
    drop(db);
    world.disk.restart(Crash::Process, Faults::NONE);
    world
}

/// The files in a folder.
fn files(disk: &dyn Disk, dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let names = disk.list(dir).unwrap_or_default().into_iter().filter(|entry| !entry.is_dir);
    names.map(|entry| dir.join(entry.name)).map(|path| (path.clone(), disk.read(&path).unwrap())).collect()
}

/// Each series has samples of its own only, none twice, and all of the log behind the checkpoint. Gives how many there are.
fn check(db: &Db) -> usize {
    let all = contents(db);
    for n in 0..SERIES {
        let name = labels(&format!("m n={n}"));
        let (_, samples) = all.iter().find(|(of, _)| *of == name).unwrap();
        assert!(samples.is_sorted_by(|a, b| a.0 < b.0), "{name}");
        for (at_ms, bits) in samples {
            assert_eq!(f64::from_bits(*bits), value(n, at_ms / 1000), "{name} at {at_ms}");
        }
        let behind = samples.iter().filter(|(at_ms, _)| *at_ms >= LISTED_TO * 1000).count();
        assert_eq!(behind as i64, END - LISTED_TO, "{name}");
    }
    all.iter().map(|(_, samples)| samples.len()).sum()
}

#[test]
fn the_number_of_a_damaged_file_is_not_given_to_another() {
    let world = with_long_log(World::options);
    let listed = files(&world.disk, Path::new(HEAD));
    let last = listed.keys().next_back().unwrap().clone();
    world.disk.mem().tamper(&last, |bytes| bytes[40] ^= 1).unwrap();
    let spoilt = files(&world.disk, Path::new(HEAD));
    let strict = Db::open(Options { damage: DamagePolicy::Refuse, ..world.options() });
    assert!(strict.err().is_some_and(|error| error.to_string().starts_with(&last.display().to_string())));
    let after = files(&world.disk, Path::new(HEAD));
    assert!(
        spoilt.iter().all(|(path, bytes)| after.get(path) == Some(bytes)),
        "a refused start changes no file"
    );

    world.disk.restart(Crash::Process, Faults::NONE);
    let (db, report) = world.open();
    assert_eq!(report.log.damage.len(), 1);
    assert!(!world.disk.list(Path::new(HEAD)).unwrap().iter().any(|entry| last.ends_with(&entry.name)));
    let count = check(&db);
    assert!(count < (SERIES * END) as usize);
    let (again, report) = world.kill_and_open();
    assert_eq!((check(&again), report.log.damage.len()), (count, 0));
}

#[test]
fn files_are_set_aside_when_the_list_of_them_is_damaged() {
    let world = with_long_log(World::options);
    let listed = files(&world.disk, Path::new(HEAD));
    let mut log = files(&world.disk, Path::new(WAL)).into_keys().map(|path| path.display().to_string());
    let part = log.rfind(|path| path.contains("checkpoint-") && path.ends_with(".wal"));
    // The list is the last record.
    world.disk.mem().tamper(Path::new(&part.unwrap()), |bytes| *bytes.last_mut().unwrap() ^= 1).unwrap();
    let (db, report) = world.open();
    assert_eq!(report.log.damage.len(), 1);
    check(&db);
    let aside = files(&world.disk, Path::new("/data/metrics/quarantine"));
    for (path, bytes) in &listed {
        assert!(aside.values().any(|kept| kept == bytes), "{} is kept", path.display());
    }
    let (again, report) = world.kill_and_open();
    assert_eq!((check(&again), report.log.damage.len()), (check(&db), 0));
}

#[test]
fn a_file_that_cannot_be_read_now_is_no_reason_to_write_over_others() {
    let folder = tempfile::tempdir().unwrap();
    let options = |world: &World| Options {
        dir: folder.path().to_owned(),
        disk: std::sync::Arc::new(RealDisk),
        sync: tsdb::SyncPolicy::None,
        ..world.options()
    };
    let world = with_long_log(options);
    let head = folder.path().join("head");
    let mut listed = files(&RealDisk, &head);
    // A folder has the file's name: it is there, and no bytes come.
    let (path, bytes) = listed.pop_last().unwrap();
    RealDisk.remove_file(&path).unwrap();
    RealDisk.create_dir_all(&path).unwrap();
    assert!(Db::open(options(&world)).is_err());
    let left = files(&RealDisk, &head);
    assert!(listed.iter().all(|(path, bytes)| left.get(path) == Some(bytes)), "all others are as they were");
    RealDisk.rename(&path, &folder.path().join("away")).unwrap();
    RealDisk.create(&path).unwrap().append(&bytes).unwrap();
    let (db, report) = Db::open(options(&world)).unwrap();
    assert_eq!((check(&db) as i64, report.log.damage.len()), (SERIES * END, 0));
}

#[test]
fn a_start_on_a_full_disk_asks_for_room_once() {
    let world = with_long_log(World::options);
    world.disk.set_faults(Faults { capacity_bytes: world.disk.mem().used_bytes(), ..Faults::NONE });
    let before = world.disk.ops();
    let (db, report) = world.open();
    let ops = world.disk.ops() - before;
    assert!(ops < 100, "{ops} calls for a log of {} records", report.log.records);
    assert_eq!(check(&db) as i64, SERIES * END);
    world.disk.set_faults(Faults::NONE);
    db.maintain().unwrap();
    assert!(db.status().chunk_bytes < 10_000, "{:?}", db.status());
    assert_eq!(check(&world.kill_and_open().0) as i64, SERIES * END);
}

#[test]
fn a_checkpoint_that_ends_before_its_list_is_damage() {
    let world = with_long_log(World::options);
    let listed = files(&world.disk, Path::new(HEAD));
    let mut log = files(&world.disk, Path::new(WAL)).into_keys().map(|path| path.display().to_string());
    let part = log.rfind(|path| path.contains("checkpoint-") && path.ends_with(".wal")).unwrap();
    // Byte by byte, until it ends between two records.
    let cut = (0..300).find(|_| {
        world.disk.mem().tamper(Path::new(&part), |bytes| bytes.truncate(bytes.len() - 1)).unwrap();
        world.disk.restart(Crash::Process, Faults::NONE);
        let strict = Db::open(Options { damage: DamagePolicy::Refuse, ..world.options() });
        let refused = strict.err().unwrap().to_string();
        refused.starts_with(HEAD) && refused.contains("names places in these files, but not the files")
    });
    assert!(cut.is_some());
    assert!(files(&world.disk, Path::new(HEAD)) == listed, "strict recovery touches nothing");
    let disk: std::sync::Arc<dyn Disk> = std::sync::Arc::new(world.disk.clone());
    let verified = tsdb::offline::verify(&disk, Path::new("/data/metrics"), &mut |_, _| {}).unwrap();
    assert_eq!((verified.damage.len(), verified.damage[0].file.as_path()), (1, Path::new(HEAD)));
    let (db, report) = world.open();
    assert_eq!(report.log.damage, verified.damage);
    check(&db);
    assert_eq!(files(&world.disk, Path::new("/data/metrics/quarantine")).len(), listed.len());
    let (again, report) = world.kill_and_open();
    assert_eq!((check(&again), report.log.damage.len()), (check(&db), 0));
}

/// Spoils one byte of the last file, or of the list of files.
fn spoil(world: &World, is_list: bool) {
    let (dir, end) = if is_list { (WAL, ".wal") } else { (HEAD, ".chunks") };
    let mut paths = files(&world.disk, Path::new(dir)).into_keys().map(|path| path.display().to_string());
    let path = paths.rfind(|path| path.ends_with(end) && (!is_list || path.contains("checkpoint-"))).unwrap();
    world.disk.mem().tamper(Path::new(&path), |bytes| *bytes.last_mut().unwrap() ^= 1).unwrap();
}

#[test]
fn a_start_that_crashes_at_any_step_leaves_the_next_one_no_less() {
    for is_list in [false, true] {
        let mut expected = None;
        for ops in [u64::MAX].into_iter().chain((0..120).step_by(7)) {
            let world = with_long_log(World::options);
            spoil(&world, is_list);
            let crash = if ops % 2 == 0 { Crash::Process } else { Crash::PowerLoss };
            // Twice, the second time some steps further.
            for after in [ops, ops.saturating_add(5)] {
                world.disk.restart(crash, Faults { crash_after_ops: after, ..Faults::NONE });
                drop(Db::open(world.options()));
            }
            world.disk.restart(crash, Faults::NONE);
            let count = check(&world.open().0);
            assert_eq!(count, *expected.get_or_insert(count), "after {ops} steps");
            let (again, report) = world.kill_and_open();
            assert_eq!((check(&again), report.log.damage.len()), (count, 0), "after {ops} steps");
        }
    }
}
