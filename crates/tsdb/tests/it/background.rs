//! The store with its own housekeeping, on the machine's own files, and on a disk that fails, fills up or hangs for a while.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use disk::{Faults, RealDisk};
use prometheus_client::registry::Registry;
use tsdb::{Db, Maintenance, Metrics, Options, SyncPolicy};

use crate::world::{World, commit, contents, samples};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

fn options(dir: &tempfile::TempDir, registry: &mut Registry) -> Options {
    Options {
        dir: dir.path().join("metrics"),
        disk: Arc::new(RealDisk),
        sync: SyncPolicy::Interval(Duration::from_millis(1)),
        maintenance: Maintenance::Background,
        metrics: Arc::new(Metrics::new(registry)),
        ..World::new().options()
    }
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what} did not come about");
        std::thread::yield_now();
    }
}

fn syncs(registry: &Registry) -> u64 {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
    let count =
        text.lines().find_map(|line| line.strip_prefix("prometheus_tsdb_wal_fsync_duration_seconds_count "));
    count.and_then(|count| count.parse().ok()).unwrap_or_default()
}

#[test]
fn what_is_committed_is_synced_by_and_by() {
    let (dir, mut registry) = (tempfile::tempdir().unwrap(), Registry::default());
    let (db, _) = Db::open(options(&dir, &mut registry)).unwrap();
    for i in 0..3 {
        let before = syncs(&registry);
        commit(&db, &[("up", i, i as f64)]).unwrap();
        wait_until("a sync", || syncs(&registry) > before);
    }
}

/// A thread that held the store last gives the folder free when the other has ended, too.
fn open_when_free(dir: &tempfile::TempDir) -> Arc<Db> {
    let mut opened = None;
    wait_until("the folder", || {
        opened = Db::open(options(dir, &mut Registry::default())).ok();
        opened.is_some()
    });
    let (db, report) = opened.unwrap();
    assert_eq!(report.log.torn_bytes, 0);
    db
}

#[test]
fn a_store_that_is_dropped_or_closed_ends_its_thread_and_frees_its_folder() {
    let dir = tempfile::tempdir().unwrap();
    let mut weak: Weak<Db> = Weak::new();
    for i in 0..4 {
        let db = open_when_free(&dir);
        commit(&db, &[("up", i, i as f64)]).unwrap();
        assert_eq!(samples(&db, "up").len(), i as usize + 1);
        if i % 2 == 0 {
            db.close().unwrap();
        }
        weak = Arc::downgrade(&db);
        drop(db);
        // The thread may hold it for the round that it is in.
        wait_until("the end of the store", || weak.strong_count() == 0);
    }
    assert_eq!(contents(&open_when_free(&dir))[0].1.len(), 4);
    assert_eq!(weak.strong_count(), 0);
}

/// A store with its own housekeeping on a disk that can be made to fail.
fn open_faulty(sync: SyncPolicy) -> (World, Arc<Db>) {
    let world = World { sync, ..World::new() };
    let options = Options { maintenance: Maintenance::Background, ..world.options() };
    let (db, _) = Db::open(options).unwrap();
    commit(&db, &[("up", 0, 0.0)]).unwrap();
    (world, db)
}

/// The store refuses under these faults, answers queries, and takes samples again when they are over, by itself.
fn refuses_and_recovers(sync: SyncPolicy, faults: impl Fn(&World) -> Faults) {
    let (world, db) = open_faulty(sync);
    world.disk.set_faults(faults(&world));
    assert!(commit(&db, &[("up", 1, 1.0)]).is_err());
    assert!(db.unavailable().is_some());
    assert_eq!(samples(&db, "up"), [(0, 0.0)]);
    world.disk.set_faults(Faults::NONE);
    // Nobody writes meanwhile: it is the store that finds out.
    wait_until("the end of the refusal", || db.unavailable().is_none());
    commit(&db, &[("up", 2, 2.0)]).unwrap();
    drop(db);
    let (again, report) = world.kill_and_open();
    assert_eq!(samples(&again, "up"), [(0, 0.0), (2, 2.0)]);
    assert!(report.log.damage.is_empty(), "{report:?}");
}

#[test]
fn a_full_disk_is_noticed_and_its_end_too() {
    refuses_and_recovers(SyncPolicy::None, |world| Faults {
        capacity_bytes: world.disk.mem().used_bytes(),
        ..Faults::NONE
    });
}

#[test]
fn after_a_failed_sync_the_log_is_written_anew() {
    refuses_and_recovers(SyncPolicy::EveryCommit, |_| Faults { sync_fails_per_mille: 1000, ..Faults::NONE });
}

#[test]
fn after_a_failed_write_and_a_failed_cut_the_log_is_written_anew() {
    refuses_and_recovers(SyncPolicy::None, |_| Faults {
        write_fails_per_mille: 1000,
        truncate_fails_per_mille: 1000,
        ..Faults::NONE
    });
}

#[test]
fn a_disk_that_hangs_is_shown_and_holds_up_no_query() {
    let (world, db) = open_faulty(SyncPolicy::None);
    world.disk.hang(true);
    let writer = {
        let db = Arc::clone(&db);
        std::thread::spawn(move || commit(&db, &[("up", 1, 1.0)]).is_ok())
    };
    wait_until("the refusal", || db.unavailable().is_some());
    assert!(db.unavailable().is_some_and(|refusal| refusal.reason.contains("does not answer")));
    assert_eq!(samples(&db, "up"), [(0, 0.0)], "queries go on");
    assert_eq!(db.status().series, 1);
    world.disk.hang(false);
    assert!(writer.join().unwrap(), "the commit was only late");
    assert_eq!(db.unavailable(), None);
    assert_eq!(samples(&db, "up").len(), 2);
}
