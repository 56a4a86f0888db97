//! What a transaction takes and refuses.

use disk::Faults;
use model::{DurationMs, STALE_NAN, TimestampMs};
use storage::{AppendError, MetricAppend, SeriesId};
use tsdb::Limits;

use crate::world::{NOW_MS, World, commit, contents, labels, samples};

#[test]
fn samples_are_visible_after_the_commit_only() {
    let (db, _) = World::new().open();
    let mut appender = db.appender();
    let id = appender.series(&labels("up")).unwrap();
    appender.append(id, TimestampMs(NOW_MS), 1.0).unwrap();
    assert!(contents(&db).is_empty());
    let report = appender.commit().unwrap();
    assert_eq!((report.samples, report.series_created), (1, 1));
    assert_eq!(samples(&db, "up"), [(0, 1.0)]);
    assert_eq!(commit(&db, &[("up", 1, 2.0)]).unwrap().series_created, 0);
}

#[test]
fn a_dropped_transaction_leaves_nothing() {
    let world = World::new();
    let (db, _) = world.open();
    let mut appender = db.appender();
    let id = appender.series(&labels("up")).unwrap();
    appender.append(id, TimestampMs(NOW_MS + 5), 1.0).unwrap();
    drop(appender);
    assert!(contents(&db).is_empty());
    commit(&db, &[("up", 1, 2.0)]).unwrap();
    assert_eq!(samples(&db, "up"), [(1, 2.0)]);
    let (db, _) = world.kill_and_open();
    assert_eq!(samples(&db, "up"), [(1, 2.0)]);
}

/// Where nothing may be late.
fn without_window() -> World {
    World::with(Limits { out_of_order_time_window: DurationMs::ZERO, ..World::new().limits })
}

#[test]
fn refused_samples_say_why_and_leave_the_transaction_alone() {
    let (db, _) = without_window().open();
    commit(&db, &[("up", 100, 1.0)]).unwrap();
    let mut appender = db.appender();
    let id = appender.series(&labels("up")).unwrap();
    let ten_minutes_ms = 600_000;
    for (at_ms, value, expect) in [
        (100, 1.0, Ok(())),
        (100, 2.0, Err(AppendError::Duplicate)),
        (99, 1.0, Err(AppendError::OutOfOrder)),
        (101, 1.0, Ok(())),
        (101, 1.0, Ok(())),
        (101, 9.0, Err(AppendError::Duplicate)),
        (ten_minutes_ms + 1, 1.0, Err(AppendError::OutOfBounds)),
        (-24 * 3_600_000 - 1, 1.0, Err(AppendError::OutOfBounds)),
        (ten_minutes_ms, 1.0, Ok(())),
    ] {
        assert_eq!(appender.append(id, TimestampMs(NOW_MS + at_ms), value), expect, "{value} at {at_ms}");
    }
    let unknown = SeriesId(77);
    assert_eq!(appender.append(unknown, TimestampMs(NOW_MS), 1.0), Err(AppendError::UnknownSeries(unknown)));
    assert_eq!(appender.commit().unwrap().samples, 2);
    assert_eq!(samples(&db, "up"), [(100, 1.0), (101, 1.0), (ten_minutes_ms, 1.0)]);
}

#[test]
fn of_two_transactions_on_one_series_the_commit_decides() {
    let world = without_window();
    let (db, _) = world.open();
    let mut both = [db.appender(), db.appender()];
    for (of, at_ms, value) in [(0, 10, 1.0), (1, 5, 2.0), (1, 10, 3.0), (1, 20, 4.0)] {
        let id = both[of].series(&labels("up")).unwrap();
        both[of].append(id, TimestampMs(NOW_MS + at_ms), value).unwrap();
    }
    let [first, second] = both;
    assert_eq!(first.commit().unwrap().samples, 1);
    assert_eq!(second.commit().unwrap().samples, 1, "older and duplicate are refused now");
    assert_eq!(samples(&db, "up"), [(10, 1.0), (20, 4.0)]);
    assert_eq!(contents(&world.kill_and_open().0), contents(&db));
}

#[test]
fn every_value_survives_as_its_bits() {
    let world = World::new();
    let (db, _) = world.open();
    let values = [
        0.0,
        -0.0,
        f64::NAN,
        STALE_NAN,
        f64::INFINITY,
        f64::MIN_POSITIVE,
        f64::from_bits(0xfff8_dead_beef_0001),
    ];
    for (i, value) in values.iter().enumerate() {
        commit(&db, &[("m", i as i64, *value)]).unwrap();
    }
    let bits: Vec<u64> = values.iter().map(|v| v.to_bits()).collect();
    for db in [db, world.kill_and_open().0] {
        assert_eq!(contents(&db)[0].1.iter().map(|(_, bits)| *bits).collect::<Vec<_>>(), bits);
    }
}

#[test]
fn limits_refuse_new_series_and_keep_the_old() {
    let limits =
        Limits { series_max: 2, labels_per_series_max: 3, label_bytes_max: 10, ..Limits::standard() };
    let (db, _) = World::with(limits).open();
    let refused = |series: &str| match commit(&db, &[(series, 0, 1.0)]) {
        Err(AppendError::Limit(text)) => text,
        other => panic!("{series}: {other:?}"),
    };
    assert_eq!(refused("m a=1 b=2 c=3"), "a series has 4 labels, the limit is 3");
    assert_eq!(refused("m a=12345678901"), "a label has 11 bytes, the limit is 10");
    commit(&db, &[("a", 0, 1.0), ("b", 0, 1.0)]).unwrap();
    assert_eq!(refused("c"), "the limit of 2 series is reached");
    commit(&db, &[("a", 1, 1.0)]).unwrap();
    assert_eq!(db.status().series, 2);
}

#[test]
fn a_full_disk_refuses_and_queries_go_on() {
    let world = World::new();
    let (db, _) = world.open();
    commit(&db, &[("up", 0, 1.0)]).unwrap();
    world.disk.set_faults(Faults { capacity_bytes: world.disk.mem().used_bytes(), ..Faults::NONE });
    let error = commit(&db, &[("new", 1, 1.0), ("up", 1, 1.0)]).unwrap_err();
    assert!(matches!(&error, AppendError::Unavailable(text) if text.contains("cannot write")), "{error}");
    assert_eq!(samples(&db, "up"), [(0, 1.0)]);
    assert!(db.status().unavailable.is_some());
    let full = Faults { capacity_bytes: world.disk.mem().used_bytes(), ..Faults::NONE };
    world.disk.restart(disk::Crash::Process, full);
    let (db, _) = world.open();
    assert_eq!(samples(&db, "up"), [(0, 1.0)], "a full disk does not keep the store from starting");
    assert!(commit(&db, &[("up", 1, 1.0)]).is_err());
    world.disk.set_faults(Faults::NONE);
    commit(&db, &[("new", 1, 1.0), ("up", 1, 1.0)]).unwrap();
    assert_eq!(db.status().unavailable, None);
    let (again, report) = world.kill_and_open();
    assert_eq!(contents(&again), contents(&db));
    assert_eq!((report.samples_without_series, report.log.torn_bytes), (0, 0));
}

#[test]
fn a_closed_store_refuses_and_still_answers() {
    let world = World::new();
    let (db, _) = world.open();
    commit(&db, &[("up", 0, 1.0)]).unwrap();
    db.close().unwrap();
    db.close().unwrap();
    assert_eq!(
        commit(&db, &[("up", 1, 1.0)]),
        Err(AppendError::Unavailable("the store is closed".to_owned()))
    );
    assert_eq!(samples(&db, "up"), [(0, 1.0)]);
    world.open();
}
