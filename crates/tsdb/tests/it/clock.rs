//! A clock that is set back or ahead: what is taken, what is refused, and that it is told.

use model::DurationMs;
use tsdb::{Db, Limits};

use crate::world::{NOW_MS, World, commit, samples};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

fn world() -> World {
    World::with(Limits { retention: DurationMs::from_secs(30 * 24 * 3600), ..Limits::standard() })
}

/// A scrape at the time that the clock shows; whether its sample was taken.
fn scrape(world: &World, db: &Db, clock_ms: i64) -> bool {
    world.clock.set(NOW_MS + clock_ms);
    commit(db, &[("up", clock_ms, 1.0)]).is_ok_and(|report| report.samples == 1)
}

/// Minutes of scrapes up to this moment.
fn fill(world: &World, db: &Db, from_ms: i64, to_ms: i64) {
    for at_ms in (from_ms..=to_ms).step_by(MINUTE_MS as usize) {
        assert!(scrape(world, db, at_ms), "{at_ms}");
    }
    db.maintain().unwrap();
}

#[test]
fn an_hour_back_is_refused_and_told_until_it_has_passed() {
    let world = world();
    let (db, _) = world.open();
    fill(&world, &db, 0, 2 * HOUR_MS);
    let before = samples(&db, "up").len();
    for at_ms in [HOUR_MS, HOUR_MS + MINUTE_MS, HOUR_MS + 49 * MINUTE_MS] {
        assert!(!scrape(&world, &db, at_ms));
        let told = db.unavailable().expect("it is told").reason;
        assert!(told.contains("behind the newest sample"), "{told}");
        db.maintain().unwrap();
    }
    assert_eq!(samples(&db, "up").len(), before, "nothing is lost, and queries go on");
    // A series that has no newer samples is taken all along.
    commit(&db, &[("fresh", HOUR_MS + 50 * MINUTE_MS, 1.0)]).unwrap();
    assert!(scrape(&world, &db, 2 * HOUR_MS + MINUTE_MS));
    assert_eq!(db.unavailable(), None);
    let (again, report) = world.kill_and_open();
    assert_eq!((samples(&again, "up").len(), report.log.damage.len()), (before + 1, 0));
}

#[test]
fn a_day_ahead_loses_nothing_and_the_way_back_is_told() {
    let world = world();
    let (db, _) = world.open();
    fill(&world, &db, 0, 2 * HOUR_MS);
    fill(&world, &db, DAY_MS, DAY_MS + 10 * MINUTE_MS);
    assert_eq!(samples(&db, "up").len(), 121 + 11, "what was before the jump is there");
    assert_eq!(db.unavailable(), None, "who is ahead of nobody is not behind");
    // The clock is put right.
    assert!(!scrape(&world, &db, 2 * HOUR_MS + 11 * MINUTE_MS));
    assert!(db.unavailable().is_some_and(|refusal| refusal.reason.contains("behind the newest sample")));
    db.maintain().unwrap();
    assert_eq!(samples(&db, "up").len(), 121 + 11);
    let (again, _) = world.kill_and_open();
    assert_eq!(samples(&again, "up").len(), 121 + 11);
    assert!(scrape(&world, &again, DAY_MS + 11 * MINUTE_MS), "when the time has come again");
    assert_eq!(again.unavailable(), None);
}

#[test]
fn a_clock_far_ahead_lets_nothing_go_by_age() {
    let world = world();
    let (db, _) = world.open();
    fill(&world, &db, 0, 5 * HOUR_MS);
    let before = samples(&db, "up");
    world.clock.set(NOW_MS + 10_000 * DAY_MS);
    db.maintain().unwrap();
    assert_eq!(samples(&db, "up"), before);
}
