//! All that works on files at once: commits, deletions, files written and let go, checkpoints, snapshots, queries, until the disk ends it
//! all at some operation. By seed, though threads are never quite the same twice.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use columns::TimeRange;
use disk::{Crash, Faults, FaultyDisk};
use model::{DurationMs, Labels, Matcher, TimestampMs};
use prometheus_client::registry::Registry;
use stdx::ManualClock;
use storage::{MetricAppend, MetricQuery, Samples, Selection};
use wal::{DamagePolicy, SyncPolicy};

use crate::checkpoint::Occasion;
use crate::{Db, Limits, Maintenance, Metrics, Options, SnapshotHead};

const NOW_MS: i64 = 1_700_000_000_000;
const STEP_MS: i64 = 1000;
const SERIES: i64 = 4;
const COMMITS: i64 = 1500;
const KEPT: i64 = 300;
/// One in so many commits has a late sample of each series behind it.
const LATE_EVERY: i64 = 7;

struct Machine {
    disk: FaultyDisk,
    clock: Arc<ManualClock>,
    /// Number of the newest commit that was acknowledged, and of the newest that was begun.
    acknowledged: AtomicI64,
    begun: AtomicI64,
    is_over: AtomicBool,
}

impl Machine {
    fn open(&self, dir: &Path) -> Arc<Db> {
        let limits = Limits {
            segment_bytes: 2000,
            spill_file_bytes: 300,
            log_bytes_max: 3000,
            retention: DurationMs(KEPT * STEP_MS),
            ..Limits::standard()
        };
        let (db, report) = Db::open(Options {
            dir: dir.to_owned(),
            disk: Arc::new(self.disk.clone()),
            clock: Arc::clone(&self.clock) as _,
            sync: SyncPolicy::EveryCommit,
            damage: DamagePolicy::Quarantine,
            limits,
            maintenance: Maintenance::Manual,
            metrics: Arc::new(Metrics::new(&mut Registry::default())),
        })
        .expect("the disk is well");
        assert_eq!((report.log.damage.len(), report.samples_without_series), (0, 0), "{report:?}");
        db
    }

    fn write(&self, db: &Db, rng: &mut fastrand::Rng) {
        for number in self.acknowledged.load(Ordering::SeqCst) + 1..COMMITS {
            self.clock.set(NOW_MS + number * STEP_MS);
            self.begun.store(number, Ordering::SeqCst);
            let mut appender = db.appender();
            for n in 0..SERIES {
                let id = appender.series(&labels(n)).expect("a series");
                let mut append = |at_ms: i64| appender.append(id, TimestampMs(at_ms), at_ms as f64);
                append(NOW_MS + number * STEP_MS).expect("a newer sample");
                if number % LATE_EVERY == 0 {
                    append(NOW_MS + number * STEP_MS - 100 * STEP_MS - 1).ok();
                }
            }
            if appender.commit().is_err() {
                break;
            }
            self.acknowledged.store(number, Ordering::SeqCst);
            if rng.u8(..60) == 0 {
                // Nobody checks this series' samples but for their order and values; all others are rewritten in no range.
                let range = TimeRange {
                    from: TimestampMs(NOW_MS + (number - 50) * STEP_MS),
                    to: TimestampMs(i64::MAX),
                };
                let last = (SERIES - 1).to_string();
                drop(db.delete_series(&[Matcher::equal("n", &last)], range));
                // What lies between two samples of the others: nothing goes, all is written anew.
                let between = TimestampMs(NOW_MS + (number - 20) * STEP_MS + 500);
                drop(db.delete_series(&[], TimeRange { from: between, to: between }));
            }
        }
        self.is_over.store(true, Ordering::SeqCst);
    }

    /// What every series has is in order, its own, and without a gap over the time that is kept.
    fn check(&self, db: &Db, what: &str) {
        let acknowledged = self.acknowledged.load(Ordering::SeqCst);
        let selection = Selection { matchers: &[], range: TimeRange::ALL, series_max: usize::MAX };
        let set = db.select(&selection).expect("an answer");
        let mut out = Samples::default();
        for i in 0..set.len() {
            set.samples_with_stale(i, TimeRange::ALL, &mut out).expect("samples");
            let name = set.labels(i);
            assert!(out.times_ms.is_sorted_by(|a, b| a < b), "{what}: {name}: {:?}", out.times_ms);
            assert!(
                out.times_ms.iter().zip(&out.values).all(|(at, value)| *at as f64 == *value),
                "{what}: {name}"
            );
            if name.get("n") == Some((SERIES - 1).to_string().as_str()) {
                continue;
            }
            // Retention goes on meanwhile.
            let from = (self.begun.load(Ordering::SeqCst) - KEPT + 1).max(0);
            let has = |number: i64| out.times_ms.binary_search(&(NOW_MS + number * STEP_MS)).is_ok();
            let missing: Vec<i64> = (from..=acknowledged).filter(|number| !has(*number)).collect();
            assert!(missing.is_empty(), "{what}: {name}: {missing:?} of {from} to {acknowledged}");
        }
        assert!(acknowledged < 0 || set.len() as i64 >= SERIES - 1, "{what}: {} series", set.len());
    }

    fn until_over(&self, mut act: impl FnMut()) {
        while !self.is_over.load(Ordering::SeqCst) {
            act();
        }
    }
}

fn labels(n: i64) -> Labels {
    Labels::from_pairs([("__name__", "m".to_owned()), ("n", n.to_string())])
}

fn live(machine: &Machine, db: &Db, rng: &mut fastrand::Rng) {
    let mut writers = rng.fork();
    machine.is_over.store(false, Ordering::SeqCst);
    let snapshots = rng.u32(..);
    std::thread::scope(|scope| {
        scope.spawn(|| machine.until_over(|| db.spill_if_due()));
        scope.spawn(|| machine.until_over(|| drop(db.checkpoint_if_due(Occasion::Damage))));
        scope.spawn(|| machine.until_over(|| drop(db.maintain())));
        scope.spawn(|| machine.until_over(|| machine.check(db, "a query")));
        scope.spawn(|| {
            let mut number = snapshots;
            machine.until_over(|| {
                number = number.wrapping_add(1);
                let dir = PathBuf::from(format!("/data/snapshots/{number}"));
                drop(db.snapshot(&dir, SnapshotHead::With));
            });
        });
        machine.write(db, &mut writers);
    });
}

fn check(seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let machine = Machine {
        disk: FaultyDisk::new(seed, Faults::NONE),
        clock: Arc::new(ManualClock::new(NOW_MS)),
        acknowledged: AtomicI64::new(-1),
        begun: AtomicI64::new(-1),
        is_over: AtomicBool::new(false),
    };
    let dir = Path::new("/data/metrics");
    while machine.acknowledged.load(Ordering::SeqCst) < COMMITS - 1 {
        let db = machine.open(dir);
        machine.check(&db, "a start");
        machine
            .disk
            .set_faults(Faults { crash_after_ops: machine.disk.ops() + rng.u64(..8000), ..Faults::NONE });
        live(&machine, &db, &mut rng);
        drop(db);
        machine
            .disk
            .restart([Crash::Process, Crash::PowerLoss, Crash::TornPages][rng.usize(..3)], Faults::NONE);
    }
    machine.check(&machine.open(dir), "the last start");
}

#[test]
fn files_are_written_listed_read_and_let_go_at_once() {
    let seed = std::env::var("WATCHFIRE_SIM_SEED").ok().and_then(|text| text.parse::<u64>().ok());
    for seed in seed.map_or(0..2, |seed| seed..seed + 1) {
        let outcome = std::panic::catch_unwind(|| check(seed));
        assert!(outcome.is_ok(), "seed {seed} failed");
    }
}
