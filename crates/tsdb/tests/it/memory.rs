//! What a series costs in memory: a budget, counted by the allocator.
//!
//! The goal for a monitor of 100,000 series is 130 MB; two thirds of that are for what is counted here.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;

use model::{Labels, TimestampMs};
use storage::{MetricAppend, MetricQuery, SeriesId};
use tsdb::{Db, Limits, Options, SyncPolicy};

use crate::world::{NOW_MS, World, selection};

/// The system's allocator, and how much each thread has of it.
#[derive(Debug)]
pub(crate) struct Counting;

thread_local! {
    static HELD_BYTES: Cell<i64> = const { Cell::new(0) };
}

fn count(bytes: i64) {
    // A thread that ends frees what it no longer counts.
    let _ = HELD_BYTES.try_with(|held| held.set(held.get() + bytes));
}

/// What an allocation takes: allocators have sizes of 16 bytes first, and then four or eight a doubling.
fn rounded(size: usize) -> i64 {
    let step = if size <= 128 { 16 } else { size.next_power_of_two() / 16 };
    size.next_multiple_of(step) as i64
}

#[allow(unsafe_code, reason = "an allocator cannot be made without; it hands on what it is given")]
// SAFETY: every call is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(rounded(layout.size()));
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-rounded(layout.size()));
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }
}

const SERIES: usize = 10_000;
const PER_COMMIT: usize = 2_000;

fn held_bytes() -> i64 {
    HELD_BYTES.with(Cell::get)
}

/// Labels as a service's histogram has them.
fn labels(i: usize) -> Labels {
    let (target, route, bound) = (i / 2000, i / 20 % 100, i % 20);
    Labels::from_pairs([
        ("__name__", "http_request_duration_seconds_bucket".to_owned()),
        ("instance", format!("10.0.17.{target}:9100")),
        ("job", "shop-api".to_owned()),
        ("le", format!("{}", bound as f64 * 0.25)),
        ("method", ["GET", "POST", "PUT", "DELETE"][route % 4].to_owned()),
        ("path", format!("/api/v1/resource{route:02}")),
        ("region", "eu-central-1".to_owned()),
        ("team", "checkout".to_owned()),
    ])
}

fn create(db: &Db) -> Vec<SeriesId> {
    let mut all = Vec::with_capacity(SERIES);
    for from in (0..SERIES).step_by(PER_COMMIT) {
        let mut appender = db.appender();
        for i in from..from + PER_COMMIT {
            let id = appender.series(&labels(i)).unwrap();
            appender.append(id, TimestampMs(NOW_MS), 0.0).unwrap();
            all.push(id);
        }
        appender.commit().unwrap();
    }
    all
}

fn scrape(world: &World, db: &Db, all: &[SeriesId], number: i64) {
    let at_ms = NOW_MS + number * 5000;
    world.clock.set(at_ms);
    for (of, some) in all.chunks(PER_COMMIT).enumerate() {
        let mut appender = db.appender();
        for (i, id) in some.iter().enumerate() {
            let rate = 1.0 + ((i * 31 + of) % 17) as f64;
            let value = (number as f64 * rate + (number * i as i64 % 7) as f64).floor();
            appender.append(*id, TimestampMs(at_ms + number % 3), value).unwrap();
        }
        appender.commit().unwrap();
    }
}

/// On the machine's own disk: that of a world is in memory.
fn open(world: &World, folder: &Path) -> Arc<Db> {
    let options = Options {
        dir: folder.to_owned(),
        disk: Arc::new(disk::RealDisk),
        sync: SyncPolicy::None,
        ..world.options()
    };
    Db::open(options).unwrap().0
}

#[test]
fn a_series_costs_no_more_than_its_budget() {
    let limits = Limits { spill_file_bytes: 1 << 16, segment_bytes: 64 << 20, ..World::new().limits };
    let world = World { limits, ..World::new() };
    let folder = tempfile::tempdir().unwrap();
    let db = open(&world, folder.path());
    let begun = held_bytes();
    let per_series = || (held_bytes() - begun) as f64 / SERIES as f64;
    let all = create(&db);
    let made = per_series();
    let mut most: f64 = 0.0;
    for number in 1..=72 {
        scrape(&world, &db, &all, number);
        if number % 6 == 0 {
            db.maintain().unwrap();
            most = most.max(per_series());
        }
    }
    drop(db.select(&selection(&[])).unwrap());
    let end = per_series();
    println!("bytes a series: {made:.0} made, {most:.0} at most in six minutes, {end:.0} then");
    assert!(made < 650.0 && most < 800.0, "{made} made, {most} at most");
}

/// Every ten minutes other series, as deployments make them: none is ever removed by anybody.
#[test]
fn series_that_have_ended_give_their_memory_back() {
    const PER_ROUND: usize = 100;
    let limits = Limits { spill_file_bytes: 1 << 14, segment_bytes: 1 << 20, ..World::new().limits };
    let world = World { limits, ..World::new() };
    let folder = tempfile::tempdir().unwrap();
    let db = open(&world, folder.path());
    let (mut early, mut late, mut most_series) = (0, 0, 0);
    for round in 0..120 {
        for minute in 0..10 {
            let at_ms = NOW_MS + (round * 10 + minute) * 60_000;
            world.clock.set(at_ms);
            let mut appender = db.appender();
            for i in 0..PER_ROUND {
                let name = format!("m pod=pod-{round}-{i} job=a");
                let id = appender.series(&crate::world::labels(&name)).unwrap();
                appender.append(id, TimestampMs(at_ms), i as f64).unwrap();
            }
            appender.commit().unwrap();
        }
        db.maintain().unwrap();
        // Who asks makes us remember the order of all series.
        drop(db.select(&selection(&[])).unwrap());
        most_series = most_series.max(db.status().series);
        // From six to thirteen hours, and from there to the end.
        let most = if round < 36 {
            continue;
        } else if round < 78 {
            &mut early
        } else {
            &mut late
        };
        *most = held_bytes().max(*most);
    }
    assert!(most_series <= 20 * PER_ROUND, "{most_series} series at once, of three hours and a bit");
    let per_series = (late - early) as f64 / (42 * PER_ROUND) as f64;
    assert!(per_series < 40.0, "{per_series} bytes a series that has ended: {early} at most, later {late}");
}
