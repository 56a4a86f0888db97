//! A store that nobody runs: all of it checked, samples of any age put in.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use disk::Disk;
use storage::{MetricBackfill, Samples};
use tsdb::Db;
use tsdb::offline::{ImportReport, ImportSeries, Verified, verify};

use crate::blocks::{MINUTE_MS, files, fill, world};
use crate::world::{NOW_MS, World, commit, contents, labels, samples};

fn verified(world: &World) -> Verified {
    let disk: Arc<dyn Disk> = Arc::new(world.disk.clone());
    let (mut last, mut calls) = ((0, 0), 0);
    let found = verify(&disk, Path::new("/data/metrics"), &mut |done, all| {
        assert!(done <= all && last.0 <= done);
        (last, calls) = ((done, all), calls + 1);
    });
    assert!(last.0 == last.1 && calls > 0);
    found.unwrap()
}

/// A store with blocks, tombstones, head and log, closed.
fn closed() -> World {
    let world = world();
    let (db, _) = world.open();
    fill(&world, &db, 0..10);
    let some = columns::TimeRange { to: model::TimestampMs(NOW_MS + 3_600_000), ..columns::TimeRange::ALL };
    db.delete_series(&[model::Matcher::equal("__name__", "count")], some).unwrap();
    db.close().unwrap();
    drop(db);
    world
}

#[test]
fn a_sound_store_has_no_damage() {
    let world = closed();
    let found = verified(&world);
    assert!(found.blocks > 0 && found.samples > 0 && found.records > 0, "{found:?}");
    assert_eq!((found.damage.as_slice(), found.torn_bytes), ([].as_slice(), 0));
}

#[test]
fn damage_is_found_where_it_is_and_left_alone() {
    let world = closed();
    let all: Vec<_> = files(&world).into_iter().filter(|file| !file.ends_with("lock")).collect();
    let wal = Path::new("/data/metrics/wal");
    let logs: Vec<_> = world.disk.list(wal).unwrap().into_iter().map(|entry| wal.join(entry.name)).collect();
    let mut checked = 0;
    for file in all.iter().chain(logs.iter().filter(|file| world.disk.read(file).unwrap().len() > 60)) {
        let before = world.disk.read(file).unwrap();
        for at in [before.len() / 3, before.len() / 2] {
            world.disk.mem().tamper(file, |bytes| bytes[at] ^= 0x10).unwrap();
            let found = verified(&world);
            // In the newest segment of the log the same bytes may be a torn end.
            assert!(found.torn_bytes > 0 || found.damage.len() == 1, "{}: {found:?}", file.display());
            assert!(found.damage.iter().all(|damage| damage.file == *file), "{found:?}");
            world.disk.mem().tamper(file, |bytes| bytes[at] ^= 0x10).unwrap();
            checked += 1;
        }
        assert!(world.disk.read(file).unwrap() == before, "nothing was changed");
    }
    assert!(checked > 6);
    assert_eq!(verified(&world).damage, []);
}

/// Whoever takes the times of a damaged chunk cannot be read either, and it is said which chunk that is.
#[test]
fn a_damaged_chunk_is_named_by_all_that_have_its_times() {
    /// The first chunk stands behind the header of its block.
    const FIRST_AT: u64 = 16;
    let world = closed();
    let block = files(&world).into_iter().find(|file| file.extension().is_some_and(|kind| kind == "block"));
    let block = block.expect("a block");
    world.disk.mem().tamper(&block, |bytes| bytes[FIRST_AT as usize + 25] ^= 0x10).unwrap();
    let damage = verified(&world).damage;
    assert!(damage.iter().all(|one| one.file == block && one.offset_bytes == FIRST_AT), "{damage:?}");
    let (own, borrowed): (Vec<_>, Vec<_>) =
        damage.iter().partition(|one| one.reason.ends_with("its checksum is wrong"));
    assert_eq!(own.len(), 1, "{damage:?}");
    assert!(
        !borrowed.is_empty() && borrowed.iter().all(|one| one.reason.contains("has its times")),
        "{damage:?}"
    );
}

#[test]
fn a_store_in_use_is_not_touched() {
    let world = world();
    let (_db, _) = world.open();
    let disk: Arc<dyn Disk> = Arc::new(world.disk.clone());
    let error = verify(&disk, Path::new("/data/metrics"), &mut |_, _| {}).unwrap_err().to_string();
    assert!(error.contains("in use by another watchfire"), "{error}");
}

/// A series of one sample a minute.
fn series(name: &str, minutes: std::ops::Range<i64>, value: f64) -> ImportSeries {
    let mut samples = Samples::default();
    minutes.for_each(|minute| samples.push(NOW_MS + minute * MINUTE_MS, value));
    (labels(name), samples)
}

type Told = BTreeMap<(String, i64), u64>;

fn told(db: &Db) -> Told {
    let each = |(labels, samples): (model::Labels, Vec<(i64, u64)>)| {
        samples.into_iter().map(move |(at_ms, bits)| ((labels.to_string(), at_ms), bits))
    };
    contents(db).into_iter().flat_map(each).collect()
}

#[test]
fn samples_of_any_age_come_in_beside_what_is_there() {
    let world = world();
    let (db, _) = world.open();
    fill(&world, &db, 0..10);
    let before = told(&db);
    let imports = [
        // Before all there is, over a gap; into blocks and head, some of it known; a new series; behind all there is.
        series("count", -500..-200, 1.0),
        series("count", 300..610, 2.0),
        series("new a=1", 100..605, 3.0),
        series("gauge", 595..600, 4.0),
    ];
    let mut expected = before.clone();
    for (labels, samples) in &imports {
        for (at_ms, value) in samples.times_ms.iter().zip(&samples.values) {
            expected.entry((labels.to_string(), at_ms - NOW_MS)).or_insert(value.to_bits());
        }
    }
    let mut all = imports.to_vec();
    let report = db.import(&mut all).unwrap();
    assert_eq!(report.samples as usize, expected.len() - before.len());
    assert_eq!((report.samples + report.known, report.out_of_bounds), (300 + 310 + 505 + 5, 0));
    assert!(told(&db) == expected, "something else is there");
    // The same once more changes nothing.
    let again = db.import(&mut imports.to_vec()).unwrap();
    assert_eq!(again, ImportReport { known: 300 + 310 + 505 + 5, ..ImportReport::default() });
    db.maintain().unwrap();
    assert!(told(&db) == expected, "the housekeeping has changed something");
    // The monitor goes on where samples end.
    world.clock.set(NOW_MS + 610 * MINUTE_MS);
    commit(&db, &[("count", 610 * MINUTE_MS, 9.0)]).unwrap();
    db.close().unwrap();
    drop(db);
    let (db, _) = world.kill_and_open();
    assert_eq!(samples(&db, "count").last(), Some(&(610 * MINUTE_MS, 9.0)));
    expected.insert(("count".to_owned(), 610 * MINUTE_MS), 9f64.to_bits());
    assert!(told(&db) == expected, "a restart has changed something");
    db.close().unwrap();
    drop(db);
    assert_eq!(verified(&world).damage, []);
}

#[test]
fn an_empty_store_takes_them_too_and_what_is_out_of_bounds_stays_out() {
    let world = world();
    let (db, _) = world.open();
    assert_eq!(db.import(&mut Vec::new()).unwrap(), ImportReport::default());
    let mut twice = series("m", 0..3, 1.0);
    twice.1.push(NOW_MS + MINUTE_MS, 5.0);
    twice.1.push(NOW_MS - 31 * 24 * 60 * MINUTE_MS, 6.0);
    twice.1.push(NOW_MS + 11 * MINUTE_MS, 7.0);
    let report = db.import(&mut vec![series("m", 4..6, 2.0), twice]).unwrap();
    assert_eq!((report.samples, report.known, report.out_of_bounds), (5, 1, 2));
    let minutes: Vec<i64> = samples(&db, "m").iter().map(|(at_ms, _)| at_ms / MINUTE_MS).collect();
    assert_eq!(minutes, [0, 1, 2, 4, 5]);
}

#[test]
fn new_series_get_their_past_while_the_store_is_at_work() {
    let world = world();
    let (db, _) = world.open();
    fill(&world, &db, 0..10);
    let before = told(&db);
    let (oldest, minutes) = (-120, -120..599);
    let (labels, past) = series("rule a=1", minutes.clone(), 3.0);
    let report = db.backfill(vec![(labels.clone(), past.clone())]).unwrap();
    assert_eq!((report.samples, report.known, report.refused), (719, 0, 0));
    let mut expected = before;
    for minute in minutes {
        expected.insert((labels.to_string(), minute * MINUTE_MS), 3f64.to_bits());
    }
    assert!(told(&db) == expected, "something else is there");
    // Scrapes and the rule go on as if nothing had been.
    commit(&db, &[("count", 600 * MINUTE_MS, 9.0), ("rule a=1", 600 * MINUTE_MS, 4.0)]).unwrap();
    expected.insert(("count".to_owned(), 600 * MINUTE_MS), 9f64.to_bits());
    expected.insert((labels.to_string(), 600 * MINUTE_MS), 4f64.to_bits());
    assert!(told(&db) == expected, "something else is there after the next scrape");
    let again = db.backfill(vec![(labels, past)]).unwrap();
    assert_eq!(again.samples, 0, "{again:?}");
    let (db, _) = world.kill_and_open();
    assert!(told(&db) == expected, "a kill has changed something");
    db.maintain().unwrap();
    assert!(told(&db) == expected, "the housekeeping has changed something");
    assert_eq!(samples(&db, "rule a=1").first(), Some(&(oldest * MINUTE_MS, 3.0)));
}
