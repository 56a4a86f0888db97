//! What is deleted is gone: from the head, from blocks, after restarts, and nothing else is.

use columns::TimeRange;
use model::{Matcher, TimestampMs};

use crate::blocks::{MINUTE_MS, files, fill, world};
use crate::world::{NOW_MS, commit, contents, samples};

fn minutes(from: i64, to: i64) -> TimeRange {
    TimeRange { from: TimestampMs(NOW_MS + from * MINUTE_MS), to: TimestampMs(NOW_MS + to * MINUTE_MS) }
}

fn minutes_of(db: &tsdb::Db, series: &str) -> Vec<i64> {
    samples(db, series).into_iter().map(|(at_ms, _)| at_ms / MINUTE_MS).collect()
}

#[test]
fn deleted_samples_are_gone_for_good() {
    let world = world();
    let (db, _) = world.open();
    fill(&world, &db, 0..10);
    let matchers = [Matcher::equal("__name__", "count")];
    // Over two blocks and, with the second, over the last block and the head.
    for (from, to) in [(100, 300), (400, 580)] {
        db.delete_series(&matchers, minutes(from, to)).unwrap();
    }
    let expected: Vec<i64> = (0..100).chain(301..400).chain(581..600).collect();
    let check = |db: &tsdb::Db| {
        assert_eq!(minutes_of(db, "count"), expected);
        assert_eq!(minutes_of(db, "gauge").len(), 600);
    };
    check(&db);
    let (db, _) = world.kill_and_open();
    check(&db);
    assert!(files(&world).iter().any(|file| file.extension().is_some_and(|e| e == "tombs")));
    db.clean_tombstones().unwrap();
    check(&db);
    assert!(!files(&world).iter().any(|file| file.extension().is_some_and(|e| e == "tombs")));
    check(&world.kill_and_open().0);
}

#[test]
fn a_series_goes_on_after_all_of_it_was_deleted() {
    let world = world();
    let (db, _) = world.open();
    commit(&db, &[("m", 0, 1.0), ("n", 0, 1.0)]).unwrap();
    commit(&db, &[("m", 1000, 2.0), ("n", 500, 2.0)]).unwrap();
    db.delete_series(&[], TimeRange::ALL).unwrap();
    assert!(contents(&db).is_empty());
    commit(&db, &[("m", 2000, 3.0)]).unwrap();
    // Later than what this series had, earlier than what the other had.
    commit(&db, &[("n", 700, 3.0)]).unwrap();
    assert_eq!((samples(&db, "m"), samples(&db, "n")), (vec![(2000, 3.0)], vec![(700, 3.0)]));
    let (again, _) = world.kill_and_open();
    assert_eq!(contents(&again), contents(&db));
    let back = commit(&again, &[("m", 900, 9.0)]);
    assert!(back.is_err(), "a replay would delete it again");
}

/// Deletes, cuts and cleans, and says whether the deletion was acknowledged.
fn last_stage(db: &tsdb::Db) -> bool {
    let is_deleted = db.delete_series(&[Matcher::equal("__name__", "count")], minutes(50, 450)).is_ok();
    drop(db.maintain());
    drop(db.clean_tombstones());
    is_deleted
}

/// The last stage breaks off after so many calls to the disk. True when it came to its end.
fn crash_after(ops: u64, crash: disk::Crash) -> bool {
    let world = world();
    let (db, _) = world.open();
    fill(&world, &db, 0..7);
    for minute in 7 * 60..9 * 60 {
        world.clock.set(NOW_MS + minute * MINUTE_MS);
        commit(&db, &[("count", minute * MINUTE_MS, 1.0), ("gauge", minute * MINUTE_MS, 0.5)]).unwrap();
    }
    let begun = world.disk.ops();
    world.disk.set_faults(disk::Faults { crash_after_ops: begun + ops, ..disk::Faults::NONE });
    let is_deleted = last_stage(&db);
    let is_over = !world.disk.is_crashed();
    world.disk.restart(crash, disk::Faults::NONE);
    let (db, report) = world.open();
    assert!(report.log.damage.is_empty() && report.block_damage.is_empty(), "{report:?}");
    assert_eq!(minutes_of(&db, "gauge"), (0..540).collect::<Vec<_>>());
    let (inside, outside): (Vec<i64>, Vec<i64>) =
        minutes_of(&db, "count").into_iter().partition(|minute| (50..=450).contains(minute));
    assert_eq!(outside, (0..50).chain(451..540).collect::<Vec<_>>());
    assert!(!is_deleted || inside.is_empty(), "{inside:?}");
    is_over
}

#[test]
fn a_crash_at_any_call_leaves_the_old_or_the_new() {
    for crash in [disk::Crash::Process, disk::Crash::PowerLoss] {
        let over = (0..1000).find(|ops| crash_after(*ops, crash));
        assert!(over.is_some_and(|ops| ops > 60), "{over:?}");
    }
}

#[test]
fn a_block_of_which_all_was_deleted_leaves() {
    let world = world();
    let (db, _) = world.open();
    fill(&world, &db, 0..8);
    db.delete_series(&[], minutes(-100, 400)).unwrap();
    db.clean_tombstones().unwrap();
    assert_eq!(minutes_of(&db, "count"), (401..480).collect::<Vec<_>>());
    assert_eq!(contents(&world.kill_and_open().0), contents(&db));
}
