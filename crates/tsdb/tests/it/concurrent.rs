//! Many writers and readers at once: nothing is lost, torn or out of order, and the log says the same as memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};

use columns::TimeRange;
use model::{Matcher, TimestampMs};
use storage::{MetricAppend, MetricQuery, Samples};
use tsdb::{Db, SyncPolicy};

use crate::world::{NOW_MS, World, contents, labels, selection};

const WRITERS: usize = 4;
const COMMITS: i64 = 150;

/// One writer: series of its own, and one that all fight for. Returns how many samples were acknowledged.
fn write(db: &Db, writer: usize, clock: &AtomicI64) -> usize {
    let mut acknowledged = 0;
    for commit in 0..COMMITS {
        let mut appender = db.appender();
        for i in 0..5 {
            let own = appender.series(&labels(&format!("own writer={writer} i={i}"))).unwrap();
            appender.append(own, TimestampMs(NOW_MS + commit), (NOW_MS + commit) as f64).unwrap();
        }
        let shared = appender.series(&labels("shared")).unwrap();
        let at_ms = NOW_MS + clock.fetch_add(1, Ordering::SeqCst) % 600_000;
        // Another may have been faster: refused here or at the commit.
        appender.append(shared, TimestampMs(at_ms), at_ms as f64).ok();
        acknowledged += appender.commit().unwrap().samples;
    }
    acknowledged
}

/// One reader: whatever it sees is in order, every value is the one that belongs to its time, and of each commit it sees
/// all or nothing.
fn read(db: &Db, done: &AtomicBool) -> usize {
    let mut out = Samples::default();
    let mut reads = 0;
    while !done.load(Ordering::SeqCst) || reads == 0 {
        let set = db.select(&selection(&[Matcher::equal("i", "")])).unwrap();
        let own = db.select(&selection(&[Matcher::equal("__name__", "own")])).unwrap();
        for set in [set, own] {
            let mut newest_ms: BTreeMap<String, i64> = BTreeMap::new();
            for i in 0..set.len() {
                set.samples_with_stale(i, TimeRange::ALL, &mut out).unwrap();
                let last_ms = *out.times_ms.last().unwrap();
                let writer = set.labels(i).get("writer").unwrap_or_default().to_owned();
                assert_eq!(*newest_ms.entry(writer).or_insert(last_ms), last_ms, "a commit is seen by half");
                assert!(out.times_ms.is_sorted_by(|a, b| a < b), "{:?}", out.times_ms);
                assert!(out.times_ms.iter().zip(&out.values).all(|(at, value)| *at as f64 == *value));
                reads += 1;
            }
        }
    }
    reads
}

#[test]
fn writers_and_readers_at_once() {
    for sync in [SyncPolicy::None, SyncPolicy::EveryCommit] {
        let world = World { sync, ..World::with_log_bytes_max(10_000) };
        let (db, _) = world.open();
        let (clock, done, acknowledged) = (AtomicI64::new(0), AtomicBool::new(false), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            let readers: Vec<_> = (0..2).map(|_| scope.spawn(|| read(&db, &done))).collect();
            let housekeeper = scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    db.maintain().unwrap();
                    db.sync().unwrap();
                }
            });
            let writers: Vec<_> = (0..WRITERS)
                .map(|w| {
                    scope.spawn({
                        let (db, clock) = (&db, &clock);
                        move || write(db, w, clock)
                    })
                })
                .collect();
            for writer in writers {
                acknowledged.fetch_add(writer.join().unwrap(), Ordering::SeqCst);
            }
            done.store(true, Ordering::SeqCst);
            housekeeper.join().unwrap();
            assert!(readers.into_iter().all(|reader| reader.join().unwrap() > 0));
        });
        let all = contents(&db);
        let there: usize = all.iter().map(|(_, samples)| samples.len()).sum();
        assert_eq!(there, acknowledged.into_inner());
        assert!(there > WRITERS * COMMITS as usize * 5);
        assert_eq!(db.status().samples_appended, there as u64);
        assert_eq!(contents(&world.kill_and_open().0), all);
    }
}
