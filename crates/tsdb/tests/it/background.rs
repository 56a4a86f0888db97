//! The store with its own housekeeping, on the machine's own files.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use disk::RealDisk;
use prometheus_client::registry::Registry;
use tsdb::{Db, Maintenance, Metrics, Options, SyncPolicy};

use crate::world::{World, commit, contents, samples};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

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
