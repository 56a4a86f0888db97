//! Simulation by seed: writes, failures, crashes and restarts at random, and what must be there after each.
//!
//! Every transaction has a time of its own, so that its samples can be told afterwards. After the death of the process,
//! or of the machine under `every-commit`, all that was acknowledged is there. After power loss under the other policies,
//! the newest transactions may be missing, never one before one that is there; and none is there by half. What was
//! not acknowledged may be there, whole. Nothing else is, and none of it is ever called damage.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use disk::{Crash, Faults, FaultyDisk};
use model::{DurationMs, Labels};
use tsdb::{Db, Limits, SyncPolicy};

use crate::world::{World, commit, contents};

/// As many as fit some seconds on a slow machine; `WATCHFIRE_SIM_SEEDS` asks for more, `WATCHFIRE_SIM_SEED` for one.
const SEEDS: u64 = 300;

/// What was written: for each time, which series, and whether it was acknowledged.
#[derive(Debug, Default)]
struct Written {
    transactions: BTreeMap<i64, (BTreeSet<Labels>, bool)>,
    /// Up to here all that was acknowledged was also synced.
    synced_to_ms: i64,
}

struct Simulation {
    rng: fastrand::Rng,
    world: World,
    written: Written,
    next_ms: i64,
    /// Between transactions. With ten minutes, lives are long enough for blocks and their compaction.
    step_ms: i64,
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
            ..Limits::standard()
        };
        let world = World { disk, sync, limits, ..World::new() };
        let step_ms = if rng.bool() { 1 } else { 600_000 };
        let written = Written { synced_to_ms: -1, ..Written::default() };
        Self { rng, world, written, next_ms: 0, step_ms }
    }

    fn faults(&mut self) -> Faults {
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
            capacity_bytes,
            crash_after_ops: self.rng.u64(..250),
        }
    }

    /// One life of the process, until it crashes or has done enough.
    fn live(&mut self, db: &Db) {
        for _ in 0..self.rng.usize(10..60) {
            match self.rng.u8(..20) {
                0 => drop(db.maintain()),
                1 if db.sync().is_ok() => self.written.synced_to_ms = self.next_ms - 1,
                _ => self.transact(db),
            }
        }
    }

    fn transact(&mut self, db: &Db) {
        let at_ms = self.next_ms;
        self.next_ms += self.step_ms;
        self.world.clock.set(crate::world::NOW_MS + at_ms);
        let series: BTreeSet<String> =
            (0..self.rng.usize(1..6)).map(|_| format!("m i={}", self.rng.u8(..12))).collect();
        let samples: Vec<(&str, i64, f64)> =
            series.iter().map(|s| (s.as_str(), at_ms, at_ms as f64)).collect();
        let is_acknowledged = commit(db, &samples).is_ok_and(|report| report.samples == samples.len());
        let labels = series.iter().map(|s| crate::world::labels(s)).collect();
        self.written.transactions.insert(at_ms, (labels, is_acknowledged));
    }

    /// Crashes, starts again without faults, and compares.
    fn crash_and_check(&mut self) {
        let crash = if self.rng.bool() { Crash::Process } else { Crash::PowerLoss };
        self.world.disk.restart(crash, Faults::NONE);
        let (db, report) = self.world.open();
        assert!(report.log.damage.is_empty(), "{crash:?}: {:?}", report.log.damage);
        assert!(report.block_damage.is_empty(), "{crash:?}: {:?}", report.block_damage);
        assert_eq!(report.samples_without_series, 0);
        let there = transactions_in(&db);
        let is_sure = crash == Crash::Process || self.world.sync == SyncPolicy::EveryCommit;
        let sure_to_ms = if is_sure { i64::MAX } else { self.written.synced_to_ms };
        self.check(&there, sure_to_ms);
        // What is there now is what the next life begins with, and on the disk for good.
        self.written.transactions =
            there.into_iter().map(|(at_ms, series)| (at_ms, (series, true))).collect();
        db.sync().unwrap();
        self.written.synced_to_ms = self.next_ms - 1;
    }

    fn check(&self, there: &BTreeMap<i64, BTreeSet<Labels>>, sure_to_ms: i64) {
        let newest_ms = there.keys().next_back().copied().unwrap_or(i64::MIN);
        for (at_ms, (series, is_acknowledged)) in &self.written.transactions {
            match there.get(at_ms) {
                Some(found) => assert_eq!(found, series, "the transaction at {at_ms} is there by half"),
                None => assert!(
                    !is_acknowledged || (*at_ms > sure_to_ms && *at_ms > newest_ms),
                    "the transaction at {at_ms} is lost (newest there {newest_ms}, sure to {sure_to_ms})"
                ),
            }
        }
        let invented = there.keys().find(|at_ms| !self.written.transactions.contains_key(at_ms));
        assert_eq!(invented, None, "never written");
    }
}

fn transactions_in(db: &Db) -> BTreeMap<i64, BTreeSet<Labels>> {
    let mut all: BTreeMap<i64, BTreeSet<Labels>> = BTreeMap::new();
    for (labels, samples) in contents(db) {
        for (at_ms, bits) in samples {
            assert_eq!(f64::from_bits(bits), at_ms as f64, "{labels}");
            all.entry(at_ms).or_default().insert(labels.clone());
        }
    }
    all
}

fn simulate(seed: u64) {
    let mut simulation = Simulation::new(seed);
    for _ in 0..4 {
        let faults = simulation.faults();
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
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("WATCHFIRE_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("WATCHFIRE_SIM_SEEDS").unwrap_or(SEEDS),
    };
    for seed in seeds {
        let outcome = std::panic::catch_unwind(|| simulate(seed));
        assert!(outcome.is_ok(), "seed {seed} failed; repeat it with WATCHFIRE_SIM_SEED={seed}");
    }
}
