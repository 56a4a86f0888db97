//! What a series costs in memory: a budget, counted by the allocator.
//!
//! The goal for a monitor of 100,000 series is 130 MB; two thirds of that are for what is counted here.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
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

#[test]
fn a_series_costs_no_more_than_its_budget() {
    let limits = Limits { spill_file_bytes: 1 << 16, segment_bytes: 64 << 20, ..World::new().limits };
    let world = World { limits, ..World::new() };
    let folder = tempfile::tempdir().unwrap();
    // The disk of a world is in memory.
    let options = Options {
        dir: folder.path().to_owned(),
        disk: Arc::new(disk::RealDisk),
        sync: SyncPolicy::None,
        ..world.options()
    };
    let (db, _) = Db::open(options).unwrap();
    let begun = held_bytes();
    let per_series = || (held_bytes() - begun) as f64 / SERIES as f64;
    let all = create(&db);
    let made = per_series();
    let mut most: f64 = 0.0;
    for number in 1..=120 {
        scrape(&world, &db, &all, number);
        if number % 6 == 0 {
            db.maintain().unwrap();
            most = most.max(per_series());
        }
    }
    drop(db.select(&selection(&[])).unwrap());
    let end = per_series();
    println!("bytes a series: {made:.0} made, {most:.0} at most in ten minutes, {end:.0} then");
    assert!(made < 650.0 && most < 800.0, "{made} made, {most} at most");
}
