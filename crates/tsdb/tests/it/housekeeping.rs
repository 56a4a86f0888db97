//! What leaves, when, and that the log shrinks with it.

use model::DurationMs;
use storage::{AppendError, MetricAppend, MetricQuery};
use tsdb::Limits;

use crate::world::{NOW_MS, World, commit, contents, labels, samples};

const HOUR_MS: i64 = 3_600_000;

fn hours(count: i64) -> Limits {
    Limits { retention: DurationMs(count * HOUR_MS), ..Limits::standard() }
}

#[test]
fn old_samples_leave_and_then_their_series_and_their_log() {
    let world = World::with(Limits { log_bytes_max: 2000, ..hours(6) });
    let (db, _) = world.open();
    let mut longest = 0;
    for hour in 0..48 {
        for tenth in 0..6 {
            let short_lived = format!("short hour={hour}");
            let at_ms = hour * HOUR_MS + tenth * 600_000;
            world.clock.set(NOW_MS + at_ms);
            commit(&db, &[("up", at_ms, 1.0), (&short_lived, at_ms, 1.0)]).unwrap();
        }
        db.maintain().unwrap();
        longest = longest.max(db.status().wal_bytes);
    }
    let status = db.status();
    assert!(status.series <= 10, "{status:?}");
    let oldest = samples(&db, "up")[0].0;
    assert!((40 - 2..=42).contains(&(oldest / HOUR_MS)), "at most a chunk of two hours beyond: {oldest}");
    assert_eq!(
        db.time_span().map(|(from, _)| from.0 - NOW_MS).map(|from| from.max(oldest)),
        Some(oldest.min(contents(&db).iter().map(|(_, s)| s[0].0).min().unwrap()))
    );
    assert!(longest < 20_000, "the log has come to {longest} bytes");
    assert_eq!(contents(&world.kill_and_open().0), contents(&db));
}

#[test]
fn a_series_that_comes_back_has_a_new_id() {
    let world = World::with(hours(1));
    let (db, _) = world.open();
    commit(&db, &[("m", 0, 1.0)]).unwrap();
    let mut stale = db.appender();
    let former = stale.series(&labels("m")).unwrap();
    world.clock.advance(10 * HOUR_MS);
    commit(&db, &[("other", 10 * HOUR_MS, 1.0)]).unwrap();
    db.maintain().unwrap();
    let at = model::TimestampMs(NOW_MS + 600_000);
    assert_eq!(db.appender().append(former, at, 1.0), Err(AppendError::OutOfBounds));
    let at = model::TimestampMs(NOW_MS + 10 * HOUR_MS);
    assert_eq!(db.appender().append(former, at, 1.0), Err(AppendError::UnknownSeries(former)));
    commit(&db, &[("m", 10 * HOUR_MS, 2.0)]).unwrap();
    assert_ne!(db.appender().series(&labels("m")).unwrap(), former);
    assert_eq!(samples(&db, "m"), [(10 * HOUR_MS, 2.0)]);
    let (again, report) = world.kill_and_open();
    assert_eq!(contents(&again), contents(&db));
    assert_eq!(report.samples_without_series, 0);
}

#[test]
fn beyond_the_size_the_oldest_leave() {
    let limits = Limits { retention_bytes: 30_000, log_bytes_max: 2000, ..hours(1000) };
    let world = World::with(limits);
    let (db, _) = world.open();
    for i in 0..3000 {
        world.clock.set(NOW_MS + i * 60_000);
        commit(&db, &[("a", i * 60_000, (i as f64).sin()), ("b", i * 60_000, (i as f64).cos())]).unwrap();
        if i % 100 == 0 {
            db.maintain().unwrap();
            let status = db.status();
            assert!(status.block_bytes + status.wal_bytes <= 30_000 || status.blocks == 0, "{status:?}");
        }
    }
    for series in ["a", "b"] {
        let kept = samples(&db, series);
        assert!((500..2900).contains(&kept.len()), "{}", kept.len());
        assert_eq!(kept.last().unwrap().0, 2999 * 60_000);
    }
}

#[test]
fn a_clock_that_jumps_ahead_drops_nothing_by_itself() {
    let world = World::with(hours(1));
    let (db, _) = world.open();
    commit(&db, &[("up", 0, 1.0)]).unwrap();
    world.clock.advance(1000 * HOUR_MS);
    db.maintain().unwrap();
    world.clock.set(NOW_MS + 1000);
    commit(&db, &[("up", 1000, 2.0)]).unwrap();
    assert_eq!(samples(&db, "up"), [(0, 1.0), (1000, 2.0)]);
}

#[test]
fn a_failed_checkpoint_loses_nothing() {
    let world = World::with_log_bytes_max(0);
    let (db, _) = world.open();
    for i in 0..50 {
        commit(&db, &[("m", i, i as f64)]).unwrap();
    }
    let used_bytes = world.disk.mem().used_bytes();
    world.disk.set_faults(disk::Faults { capacity_bytes: used_bytes + 30, ..disk::Faults::NONE });
    assert!(db.maintain().is_err());
    world.disk.set_faults(disk::Faults::NONE);
    commit(&db, &[("m", 50, 50.0)]).unwrap();
    assert_eq!(contents(&world.kill_and_open().0), contents(&db));
    assert_eq!(contents(&db)[0].1.len(), 51);
}
