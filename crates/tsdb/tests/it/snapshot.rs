//! A snapshot is what the store was at one moment, and a store opens from it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use columns::TimeRange;
use disk::Disk;
use model::Matcher;
use prometheus_client::registry::Registry;
use tsdb::{Db, Metrics, Options, SnapshotHead, SnapshotReport};

use crate::blocks::{fill, world};
use crate::world::{NOW_MS, World, commit, contents};

const SNAPSHOT: &str = "/data/snapshots/one";

/// The store that a snapshot is.
fn open(world: &World) -> Arc<Db> {
    let metrics = Arc::new(Metrics::new(&mut Registry::default()));
    Db::open(Options { dir: PathBuf::from(SNAPSHOT), metrics, ..world.options() }).unwrap().0
}

#[test]
fn it_holds_blocks_tombstones_and_head_and_nothing_later() {
    let world = world();
    let (db, _) = world.open();
    fill(&world, &db, 0..10);
    let some = TimeRange { to: model::TimestampMs(NOW_MS + 3_600_000), ..TimeRange::ALL };
    db.delete_series(&[Matcher::equal("__name__", "count")], some).unwrap();
    let before = contents(&db);
    let report = db.snapshot(Path::new(SNAPSHOT), SnapshotHead::With).unwrap();
    assert!(report.linked_blocks > 0 && report.head_samples > 0, "{report:?}");
    // What happens to the store later is nothing to the snapshot.
    let newest_ms = before.iter().flat_map(|(_, samples)| samples.iter().map(|s| s.0)).max().unwrap();
    commit(&db, &[("later", newest_ms + 1000, 1.0)]).unwrap();
    db.delete_series(&[], TimeRange::ALL).unwrap();
    db.clean_tombstones().unwrap();
    let copy = open(&world);
    assert!(contents(&copy) == before, "the snapshot has something else");
    commit(&copy, &[("more", newest_ms + 1000, 1.0)]).unwrap();
    copy.maintain().unwrap();
    copy.close().unwrap();
    assert_eq!(contents(&open(&world)).len(), before.len() + 1);
}

#[test]
fn without_the_head_it_is_blocks_alone() {
    let world = world();
    let (db, _) = world.open();
    let empty = db.snapshot(Path::new("/data/snapshots/empty"), SnapshotHead::With).unwrap();
    assert_eq!(empty, SnapshotReport::default());
    fill(&world, &db, 0..10);
    let report = db.snapshot(Path::new(SNAPSHOT), SnapshotHead::Without).unwrap();
    assert_eq!(report.head_samples, 0);
    let head_from_ms = db.block_statuses().iter().map(|block| block.end.0).max().unwrap() - NOW_MS;
    let of_blocks: Vec<_> = contents(&db)
        .into_iter()
        .map(|(series, samples)| {
            (series, samples.into_iter().filter(|s| s.0 < head_from_ms).collect::<Vec<_>>())
        })
        .collect();
    assert!(contents(&open(&world)) == of_blocks, "the snapshot has something else");
}

#[test]
fn a_disk_that_fails_is_told() {
    let world = world();
    let (db, _) = world.open();
    fill(&world, &db, 0..10);
    let before = contents(&db);
    world.disk.mem().remove_file(&crate::blocks::files(&world)[0]).unwrap();
    assert!(db.snapshot(Path::new(SNAPSHOT), SnapshotHead::With).is_err());
    assert!(contents(&db) == before, "the store itself goes on");
}
