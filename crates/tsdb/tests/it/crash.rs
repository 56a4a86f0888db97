//! Simulation by seed: writes, deletions, housekeeping, a clock that jumps, a disk that fails, fills up and comes back, crashes
//! and restarts at random; and what must be there after each.
//!
//! Every transaction has a time of its own, so that its samples can be told afterwards; in many of them a second sample of
//! each series follows that is a millisecond older, which comes late. After the death of the process,
//! or of the machine under `every-commit`, all that was acknowledged is there. After power loss under the other policies,
//! the newest transactions may be missing, never one before one that is there; and none is there by half. Only when the
//! disk has torn pages of what nobody synced may any of that be missing, and then it is called damage. What was
//! not acknowledged may be there, whole. Nothing else is. What was deleted stays so. And a process that lived through the
//! faults of its disk takes samples again after one round of housekeeping, without a restart.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use columns::TimeRange;
use disk::{Crash, Disk, Faults, FaultyDisk};
use model::{DurationMs, Matcher, TimestampMs};
use tsdb::{Db, Limits, RecoveryReport, SyncPolicy};

use crate::world::{NOW_MS, World, commit, labels};
use crate::written::{Loss, There, Written, there};

/// As many as fit some seconds on a slow machine; `WATCHFIRE_SIM_SEEDS` asks for more, `WATCHFIRE_SIM_SEED` for one.
const SEEDS: u64 = 300;
const SERIES: u8 = 12;
/// How the clock may be wrong, in milliseconds: an hour behind, a day ahead, a little, not at all.
const SKEWS_MS: [i64; 5] = [-3_600_000, 86_400_000, -1_000, 30_000, 0];

struct Simulation {
    rng: fastrand::Rng,
    world: World,
    written: Written,
    next_ms: i64,
    /// Between transactions. With ten minutes, lives are long enough for blocks and their compaction.
    step_ms: i64,
    /// What the clock shows too much.
    skew_ms: i64,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let sync =
            [SyncPolicy::None, SyncPolicy::Interval(Duration::from_millis(1)), SyncPolicy::EveryCommit]
                [rng.usize(..3)];
        let log_bytes_max = if rng.bool() { rng.u64(500..6000) } else { u64::MAX };
        let disk = FaultyDisk::new(rng.u64(..), Faults::NONE);
        let limits = Limits {
            log_bytes_max,
            segment_bytes: 2000,
            retention: DurationMs::from_secs(1000 * 3600),
            spill_file_bytes: if rng.bool() { 200 } else { u64::MAX },
            ..Limits::standard()
        };
        let world = World { disk, sync, limits, ..World::new() };
        let step_ms = if rng.bool() { 2 } else { 600_000 };
        let mut written = Written::default();
        written.begin_with(There::new(), -1);
        Self { rng, world, written, next_ms: 0, step_ms, skew_ms: 0 }
    }

    fn faults(&mut self, crash_after_ops: u64) -> Faults {
        let mut sometimes = |chance: u16| if self.rng.u8(..3) == 0 { self.rng.u16(..chance) } else { 0 };
        let (writes, syncs, cuts) = (sometimes(60), sometimes(30), sometimes(300));
        let capacity_bytes = match self.rng.u8(..4) {
            0 => self.world.disk.mem().used_bytes() + self.rng.u64(..3000),
            _ => u64::MAX,
        };
        Faults {
            write_fails_per_mille: writes,
            sync_fails_per_mille: syncs,
            truncate_fails_per_mille: cuts,
            remove_fails_per_mille: 0,
            capacity_bytes,
            crash_after_ops,
        }
    }

    /// One life of the process, until it crashes or has done enough.
    fn live(&mut self, db: &Db) {
        let crash_after_ops = self.world.disk.faults().crash_after_ops;
        for _ in 0..self.rng.usize(10..60) {
            match self.rng.u8(..40) {
                0 | 1 => drop(db.maintain()),
                2 | 3 if db.sync().is_ok() => self.written.synced_to_ms = self.next_ms - 1,
                4 => self.delete(db),
                5 => drop(db.clean_tombstones()),
                6 => self.skew_ms = SKEWS_MS[self.rng.usize(..SKEWS_MS.len())],
                7 => {
                    let faults = self.faults(crash_after_ops);
                    self.world.disk.set_faults(faults);
                }
                _ => drop(self.transact(db)),
            }
        }
        if !self.world.disk.is_crashed() {
            self.recover(db);
        }
    }

    /// The disk is well again, and so is the store, without a restart.
    fn recover(&mut self, db: &Db) {
        self.world.disk.set_faults(Faults::NONE);
        self.skew_ms = 0;
        self.world.clock.set(NOW_MS + self.next_ms);
        db.maintain().expect("the disk is well");
        assert_eq!(db.unavailable(), None, "after housekeeping on a disk that is well");
        assert!(self.transact(db), "a store that is well takes samples");
    }

    /// Writes a transaction; whether it was acknowledged.
    fn transact(&mut self, db: &Db) -> bool {
        let (late_ms, at_ms) = (self.next_ms, self.next_ms + 1);
        self.next_ms += self.step_ms;
        self.world.clock.set(NOW_MS + at_ms + self.skew_ms);
        let is_late = self.rng.bool();
        let series: BTreeSet<String> = (0..self.rng.usize(1..6)).map(|_| self.some_series()).collect();
        let times: &[i64] = if is_late { &[at_ms, late_ms] } else { &[at_ms] };
        let samples: Vec<(&str, i64, f64)> =
            times.iter().flat_map(|at| series.iter().map(|s| (s.as_str(), *at, *at as f64))).collect();
        let is_acknowledged = commit(db, &samples).is_ok_and(|report| report.samples == samples.len());
        for at_ms in times {
            self.written.commit(*at_ms, series.iter().map(|s| labels(s)).collect(), is_acknowledged);
        }
        is_acknowledged
    }

    /// A bucket of one histogram, so that chunks of blocks build on one another.
    fn some_series(&mut self) -> String {
        format!("m_bucket le={}", self.rng.u8(..SERIES))
    }

    fn delete(&mut self, db: &Db) {
        // What comes later is not deleted, so the next transaction's time must not be in the range.
        let (series, from_ms) = (self.some_series(), self.rng.i64(-1..self.next_ms));
        let to_ms = self.rng.i64(from_ms..self.next_ms);
        let value = series.trim_start_matches("m_bucket le=").to_owned();
        let matchers = [Matcher::equal("__name__", "m_bucket"), Matcher::equal("le", &value)];
        let range = TimeRange { from: TimestampMs(NOW_MS + from_ms), to: TimestampMs(NOW_MS + to_ms) };
        let is_acknowledged = db.delete_series(&matchers, range).is_ok();
        self.written.delete(labels(&series), (from_ms, to_ms), self.next_ms, is_acknowledged);
    }

    /// Crashes, starts again without faults, and compares.
    fn crash_and_check(&mut self) {
        let crash = [Crash::Process, Crash::PowerLoss, Crash::TornPages][self.rng.usize(..3)];
        let loss = match crash {
            _ if self.world.sync == SyncPolicy::EveryCommit => Loss::Nothing,
            Crash::Process => Loss::Nothing,
            Crash::PowerLoss => Loss::UnsyncedEnd,
            Crash::TornPages => Loss::AnyUnsynced,
        };
        self.world.disk.restart(crash, Faults::NONE);
        let newest = self.newest_segment();
        let (db, report) = self.world.open();
        check_report(&report, loss, newest.as_deref());
        let there = there(&db);
        self.written.check(&there, loss);
        db.sync().unwrap();
        // What is there now is what the next life begins with, and on the disk for good.
        self.written.begin_with(there, self.next_ms - 1);
    }

    fn newest_segment(&self) -> Option<String> {
        let entries = self.world.disk.list(Path::new("/data/metrics/wal")).unwrap_or_default();
        let segments = entries.into_iter().map(|entry| entry.name).filter(|name| !name.starts_with("check"));
        segments.filter(|name| name.ends_with(".wal")).max()
    }
}

/// A start calls nothing damage but pages of the newest segment that were torn before anybody had synced them.
fn check_report(report: &RecoveryReport, loss: Loss, newest_segment: Option<&str>) {
    assert!(report.block_damage.is_empty(), "{:?}", report.block_damage);
    if loss == Loss::AnyUnsynced {
        let name = |damage: &tsdb::Damage| damage.file.file_name().map(|n| n.to_string_lossy().into_owned());
        let elsewhere = report.log.damage.iter().find(|damage| name(damage).as_deref() != newest_segment);
        assert_eq!(elsewhere, None, "the newest segment is {newest_segment:?}");
    } else {
        assert!(report.log.damage.is_empty(), "{loss:?}: {:?}", report.log.damage);
        assert_eq!(report.samples_without_series, 0);
    }
}

fn simulate(seed: u64) {
    let mut simulation = Simulation::new(seed);
    for _ in 0..4 {
        let crash_after_ops = if simulation.rng.u8(..4) == 0 { u64::MAX } else { simulation.rng.u64(..250) };
        let faults = simulation.faults(crash_after_ops);
        simulation.world.disk.set_faults(faults);
        if let Ok((db, _)) = Db::open(simulation.world.options()) {
            simulation.live(&db);
        }
        simulation.crash_and_check();
        // The store that checked is gone, too: its folder is free.
        simulation.world.disk.restart(Crash::Process, Faults::NONE);
    }
}

#[test]
fn crashes_lose_nothing_that_the_policy_keeps() {
    crate::world::for_each_seed(SEEDS, simulate);
}
