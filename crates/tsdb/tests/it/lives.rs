//! Lives by seed on a disk that is well: samples in order and late, deletions, retention that lets files go under series and
//! checkpoints, limits that are reached, snapshots, kills. Whatever comes between, each sample that was acknowledged is there once until it
//! is deleted or too old, and nothing else is.

use std::collections::BTreeMap;
use std::path::PathBuf;

use columns::TimeRange;
use model::{DurationMs, Labels, Matcher, TimestampMs};
use tsdb::{Db, Limits, Maintenance, Options, SnapshotHead};

use crate::world::{NOW_MS, World, commit, contents, for_each_seed, labels};

const SEEDS: u64 = 20;
const SERIES: i64 = 4;

struct Lives {
    rng: fastrand::Rng,
    world: World,
    step_ms: i64,
    at_ms: i64,
    /// What was acknowledged and not deleted: bits by time.
    written: BTreeMap<Labels, BTreeMap<i64, u64>>,
    snapshots: u32,
}

impl Lives {
    fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let step_ms = [1000, 60_000][rng.usize(..2)];
        let limits = Limits {
            log_bytes_max: [0, 3000, u64::MAX][rng.usize(..3)],
            retention: DurationMs(step_ms * [50, 200, 100_000][rng.usize(..3)]),
            out_of_order_time_window: DurationMs(step_ms * [5, 100][rng.usize(..2)]),
            spilled_bytes_max: [3000, u64::MAX][rng.usize(..2)],
            ..Limits::standard()
        };
        Self { rng, world: World::with(limits), step_ms, at_ms: 0, written: BTreeMap::new(), snapshots: 0 }
    }

    /// Some are short-lived, and come again.
    fn some_series(&mut self) -> String {
        let short = self.at_ms / (self.step_ms * 300) % 2 == 0;
        format!("m n={}", self.rng.i64(..if short { SERIES + 2 } else { SERIES }))
    }

    fn sample(&mut self, db: &Db) {
        let is_late = self.rng.u8(..5) == 0;
        if !is_late {
            self.at_ms += self.rng.i64(1..self.step_ms);
            self.world.clock.set(NOW_MS + self.at_ms);
        }
        let late_ms = if is_late { self.rng.i64(1..self.step_ms * 60) } else { 0 };
        let (series, at_ms) = (self.some_series(), self.at_ms - late_ms);
        let value = if self.rng.u8(..30) == 0 { model::STALE_NAN } else { self.rng.i32(..) as f64 };
        if commit(db, &[(&series, at_ms, value)]).is_ok_and(|report| report.samples == 1) {
            let before = self.written.entry(labels(&series)).or_default().insert(at_ms, value.to_bits());
            assert_eq!(before, None, "{series} has two samples at {at_ms}");
        }
    }

    fn delete(&mut self, db: &Db) {
        let n = self.rng.i64(..SERIES).to_string();
        let from_ms = self.at_ms - self.rng.i64(0..self.step_ms * 100);
        let to_ms = from_ms + self.rng.i64(0..self.step_ms * 60);
        let range = TimeRange { from: TimestampMs(NOW_MS + from_ms), to: TimestampMs(NOW_MS + to_ms) };
        db.delete_series(&[Matcher::equal("n", &n)], range).unwrap();
        if let Some(samples) = self.written.get_mut(&labels(&format!("m n={n}"))) {
            samples.retain(|at_ms, _| !(from_ms..=to_ms).contains(at_ms));
        }
    }

    fn check(&self, db: &Db, what: &str) {
        let newest_ms = self.written.values().filter_map(|all| all.keys().next_back()).max().copied();
        let cutoff_ms = newest_ms.unwrap_or(0).min(self.at_ms) - self.world.limits.retention.0;
        let nothing = BTreeMap::new();
        let mut there: BTreeMap<Labels, Vec<(i64, u64)>> = contents(db).into_iter().collect();
        for labels in self.written.keys() {
            there.entry(labels.clone()).or_default();
        }
        for (labels, samples) in there {
            let written = self.written.get(&labels).unwrap_or(&nothing);
            assert!(samples.is_sorted_by(|a, b| a.0 < b.0), "{what}: {labels} is not in order");
            let strange = samples.iter().find(|(at_ms, bits)| written.get(at_ms) != Some(bits));
            assert_eq!(strange, None, "{what}: {labels}");
            let found: BTreeMap<i64, u64> = samples.into_iter().collect();
            let missing = written.range(cutoff_ms..).find(|(at_ms, _)| !found.contains_key(at_ms));
            assert_eq!(missing, None, "{what}: {labels} of {}, cutoff {cutoff_ms}", self.at_ms);
        }
    }

    fn snapshot(&mut self, db: &Db) {
        self.snapshots += 1;
        let dir = PathBuf::from(format!("/data/snapshots/{}", self.snapshots));
        db.snapshot(&dir, SnapshotHead::With).unwrap();
        let (copy, _) = Db::open(Options { dir, ..self.world.options() }).unwrap();
        self.check(&copy, "a snapshot");
    }

    fn live(&mut self) {
        // With threads of its own a store replays by several, too.
        let maintenance = [Maintenance::Manual, Maintenance::Background][self.rng.usize(..2)];
        let (db, report) = Db::open(Options { maintenance, ..self.world.options() }).unwrap();
        assert_eq!((report.log.damage.len(), report.samples_without_series), (0, 0), "{report:?}");
        self.check(&db, "after a start");
        for _ in 0..self.rng.usize(50..600) {
            match self.rng.u8(..100) {
                0..3 => db.maintain().unwrap(),
                3 => self.delete(&db),
                4 if self.rng.u8(..5) == 0 => self.check(&db, "at work"),
                5 if self.rng.u8(..10) == 0 => self.snapshot(&db),
                6 if self.rng.u8(..10) == 0 => self.at_ms += self.step_ms * self.rng.i64(1..100),
                _ => self.sample(&db),
            }
        }
        self.check(&db, "before the end");
        if self.rng.bool() {
            db.close().unwrap();
        }
    }
}

fn check(seed: u64) {
    let mut lives = Lives::new(seed);
    for _ in 0..5 {
        lives.live();
        lives.world.disk.restart(disk::Crash::Process, disk::Faults::NONE);
    }
}

#[test]
fn lives_lose_and_double_nothing() {
    for_each_seed(SEEDS, check);
}
