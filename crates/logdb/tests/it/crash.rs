//! Simulation by seed: pushes, repeats, deletions, housekeeping, a clock that jumps, a disk that fails, fills up and comes back,
//! crashes and restarts at random; and what must be there after each.
//!
//! Every line has a text of its own. After the death of the process, or of the machine under `every-commit`, all that was
//! acknowledged is there, once. After power loss under the other policies what was not synced may be missing. What was
//! not acknowledged may be there. Nothing else is. What was deleted stays so. A sender that was refused sends again
//! sooner or later, and its lines are there once all the same. And a process that lived through the faults of its disk
//! takes lines again after one round of housekeeping, without a restart.

use std::collections::BTreeMap;
use std::time::Duration;

use disk::{Crash, Faults, FaultyDisk};
use logdb::{Db, DeleteRequest, Limits, LineTest, Storage, SyncPolicy};
use model::{DurationMs, LogEntry, MatchOp, Matcher};
use storage::{LogAppend, NsRange, StreamPush};

use crate::world::{ALL, NOW_MS, World, contents, entry, for_each_seed, labels, small};

/// As many as fit some seconds on a slow machine; `WATCHFIRE_SIM_SEEDS` asks for more, `WATCHFIRE_SIM_SEED` for one.
const SEEDS: u64 = 200;
const STREAMS: u64 = 5;
/// How the clock may be wrong, in milliseconds.
const SKEWS_MS: [i64; 5] = [-3_600_000, 86_400_000, -1_000, 30_000, 0];
const FAR: DurationMs = DurationMs::from_secs(1_000_000);

/// What is known of a line.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    is_acknowledged: bool,
    /// It was there when a sync succeeded, or after a start.
    is_durable: bool,
    /// A deletion was asked for, and was acknowledged.
    deletion: Option<bool>,
}

/// What may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    Nothing,
    Unsynced,
}

struct Simulation {
    rng: fastrand::Rng,
    world: World,
    known: BTreeMap<String, Known>,
    /// Pushes that were refused, to be sent again.
    again: Vec<Vec<StreamPush>>,
    next_ms: i64,
    skew_ms: i64,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let sync =
            [SyncPolicy::None, SyncPolicy::Interval(Duration::from_millis(1)), SyncPolicy::EveryCommit]
                [rng.usize(..3)];
        let storage = Storage {
            log_bytes_max: if rng.bool() { rng.u64(500..6000) } else { u64::MAX },
            chunk_text_bytes: rng.usize(60..600),
            file_bytes: if rng.bool() { rng.u64(1..3000) } else { u64::MAX },
            chunk_age_max: DurationMs(rng.i64(1..2000)),
            head_bytes_max: if rng.bool() { 500 } else { 1 << 20 },
            waiting_bytes_max: u64::MAX,
            retention: FAR,
            delete_delay: [DurationMs::ZERO, DurationMs(20), FAR][rng.usize(..3)],
            ..small()
        };
        let limits = Limits {
            old_max: None,
            future_max: FAR,
            behind_max: FAR,
            ingestion_burst_bytes: u64::MAX / 2000,
            per_stream_burst_bytes: u64::MAX / 2000,
            ..Limits::standard()
        };
        let world =
            World { disk: FaultyDisk::new(rng.u64(..), Faults::NONE), sync, storage, limits, ..World::new() };
        Self { rng, world, known: BTreeMap::new(), again: Vec::new(), next_ms: 0, skew_ms: 0 }
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
            remove_fails_per_mille: cuts,
            capacity_bytes,
            crash_after_ops,
        }
    }

    /// One life of the process, until it crashes or has done enough.
    fn live(&mut self, db: &Db) {
        let crash_after_ops = self.world.disk.faults().crash_after_ops;
        for _ in 0..self.rng.usize(10..80) {
            match self.rng.u8(..40) {
                0..=2 => drop(db.maintain()),
                3 => drop(db.flush_all()),
                4 | 5 if db.sync().is_ok() => {
                    self.known.values_mut().for_each(|known| known.is_durable |= known.is_acknowledged);
                }
                6 => self.delete(db),
                7 => self.skew_ms = SKEWS_MS[self.rng.usize(..SKEWS_MS.len())],
                8 => {
                    let faults = self.faults(crash_after_ops);
                    self.world.disk.set_faults(faults);
                }
                9..=12 => self.send_again(db),
                _ => drop(self.push_new(db)),
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
        assert!(self.push_new(db), "a store that is well takes lines");
    }

    fn push_new(&mut self, db: &Db) -> bool {
        let streams: Vec<StreamPush> = (0..self.rng.usize(1..4)).map(|_| self.some_lines()).collect();
        self.send(db, streams)
    }

    fn some_lines(&mut self) -> StreamPush {
        let stream = self.rng.u64(..STREAMS);
        let entries: Vec<LogEntry> = (0..self.rng.usize(1..6))
            .map(|_| {
                self.next_ms += self.rng.i64(0..3);
                let late_ms = if self.rng.u8(..4) == 0 { self.rng.i64(0..500) } else { 0 };
                let text = format!("line {} of {stream}", self.known.len());
                self.known.insert(text.clone(), Known::default());
                let metadata = labels(&format!("id={}", self.rng.u8(..3)));
                LogEntry { metadata, ..entry(self.next_ms - late_ms, &text) }
            })
            .collect();
        StreamPush { labels: labels(&format!("job={stream}")), entries }
    }

    fn send(&mut self, db: &Db, streams: Vec<StreamPush>) -> bool {
        self.world.clock.set(NOW_MS + self.next_ms + self.skew_ms);
        let Ok(report) = db.push(&streams) else {
            self.again.push(streams);
            return false;
        };
        let lines: usize = streams.iter().map(|stream| stream.entries.len()).sum();
        assert_eq!((report.stored + report.repeated, report.refused.len()), (lines, 0));
        let is_durable = self.world.sync == SyncPolicy::EveryCommit;
        for entry in streams.iter().flat_map(|stream| &stream.entries) {
            let known = self.known.get_mut(&entry.line).expect("a line of ours");
            known.is_acknowledged = true;
            known.is_durable |= is_durable;
        }
        true
    }

    fn send_again(&mut self, db: &Db) {
        if !self.again.is_empty() {
            let streams = self.again.swap_remove(self.rng.usize(..self.again.len()));
            self.send(db, streams);
        }
    }

    /// Deletes one line by its text.
    fn delete(&mut self, db: &Db) {
        if self.known.is_empty() {
            return;
        }
        let place = self.rng.usize(..self.known.len());
        let (text, known) = self.known.iter_mut().nth(place).expect("there are as many");
        let request = DeleteRequest {
            query: "one line".to_owned(),
            matchers: vec![Matcher::new("job", MatchOp::Regex, ".+").unwrap()],
            tests: vec![LineTest::new(MatchOp::Regex, format!("^{text}$")).unwrap()],
            range: NsRange { from: ALL.from, until: ALL.until },
        };
        let is_done = db.delete(request).is_ok();
        known.deletion = Some(is_done || known.deletion == Some(true));
    }

    /// Crashes, starts again without faults, and compares.
    fn crash_and_check(&mut self) {
        let crash = [Crash::Process, Crash::PowerLoss, Crash::TornPages][self.rng.usize(..3)];
        let loss = match crash {
            Crash::Process => Loss::Nothing,
            Crash::PowerLoss | Crash::TornPages => Loss::Unsynced,
        };
        self.world.disk.restart(crash, Faults::NONE);
        let (db, report) = self.world.open();
        assert!(report.file_damage.is_empty(), "{report:?}");
        let may_tear = crash == Crash::TornPages && self.world.sync != SyncPolicy::EveryCommit;
        assert!(may_tear || report.log.damage.is_empty(), "{report:?}");
        self.compare(&db, loss);
        db.sync().unwrap();
    }

    fn compare(&mut self, db: &Db, loss: Loss) {
        let mut there: BTreeMap<String, usize> = BTreeMap::new();
        for (stream, lines) in contents(db) {
            let of = stream.get("job").expect("a stream of ours").to_owned();
            for (_, text) in lines {
                assert!(text.ends_with(&format!(" of {of}")), "{text:?} in stream {of}");
                *there.entry(text).or_default() += 1;
            }
        }
        for (text, count) in &there {
            assert!(self.known.contains_key(text), "{text:?} was never sent");
            assert_eq!(*count, 1, "{text:?} is there {count} times");
        }
        for (text, known) in &mut self.known {
            let is_there = there.contains_key(text);
            let must = known.is_durable || (known.is_acknowledged && loss == Loss::Nothing);
            match known.deletion {
                Some(true) => assert!(!is_there, "{text:?} was deleted"),
                Some(false) => {}
                None => assert!(is_there || !must, "{text:?} is missing: {known:?}, {loss:?}"),
            }
            // What is there is synced by now. What has been lost may be sent again.
            known.is_acknowledged = is_there || known.deletion.is_some();
            known.is_durable = is_there;
        }
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
    for_each_seed(SEEDS, simulate);
}
