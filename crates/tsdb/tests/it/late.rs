//! Samples that come late, against a plain model: which are taken, and that they are there in their order, whatever happens
//! between: housekeeping, blocks, the death of the process.

use std::collections::BTreeMap;

use columns::TimeRange;
use disk::{Crash, Faults};
use model::{DurationMs, TimestampMs};
use storage::{AppendError, MetricAppend, MetricQuery, Samples};
use tsdb::{Db, Limits};

use crate::world::{NOW_MS, World, contents, labels, selection};

/// As many as take a few seconds; `WATCHFIRE_LATE_SEED` repeats one.
const SEEDS: u64 = 40;
const WINDOW_MS: i64 = 300_000;
const SERIES: usize = 4;

type Model = BTreeMap<String, BTreeMap<i64, u64>>;

struct Run {
    rng: fastrand::Rng,
    world: World,
    model: Model,
    now_ms: i64,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let limits = Limits {
            retention: DurationMs::from_secs(30 * 24 * 3600),
            out_of_order_time_window: DurationMs(WINDOW_MS),
            log_bytes_max: if rng.bool() { 3000 } else { u64::MAX },
            ..Limits::standard()
        };
        Self { rng, world: World::with(limits), model: Model::new(), now_ms: 0 }
    }

    /// A sample of a random age, and what the store must say to it.
    fn sample(&mut self) -> (String, i64, f64, Result<(), AppendError>) {
        let series = format!("m i={}", self.rng.usize(..SERIES));
        let age_ms = match self.rng.u8(..10) {
            0..4 => 0,
            4 => self.rng.i64(0..WINDOW_MS * 2),
            5 => WINDOW_MS + self.rng.i64(-2..3),
            _ => self.rng.i64(0..WINDOW_MS / 4),
        };
        let (mut at_ms, mut value) = (self.now_ms - age_ms, f64::from(self.rng.u16(..)));
        let known = self.model.entry(series.clone()).or_default();
        // Now and then one that is there.
        if self.rng.u8(..8) == 0
            && let Some((there_ms, bits)) = known.range(..=at_ms).next_back()
        {
            at_ms = *there_ms;
            value = if self.rng.bool() { f64::from_bits(*bits) } else { value + 70_000.0 };
        }
        let newest_ms = known.last_key_value().map(|(at_ms, _)| *at_ms);
        let expected = match known.get(&at_ms) {
            _ if newest_ms.is_some_and(|newest_ms| at_ms < newest_ms - WINDOW_MS) => {
                Err(AppendError::OutOfOrder)
            }
            Some(bits) if *bits != value.to_bits() => Err(AppendError::Duplicate),
            _ => Ok(()),
        };
        if expected.is_ok() {
            known.insert(at_ms, value.to_bits());
        }
        (series, at_ms, value, expected)
    }

    fn transact(&mut self, db: &Db) {
        self.now_ms += self.rng.i64(1..120_000);
        self.world.clock.set(NOW_MS + self.now_ms);
        let mut appender = db.appender();
        for _ in 0..self.rng.usize(1..12) {
            // Each in a transaction of its own: within one, samples are judged when it is committed.
            let (series, at_ms, value, expected) = self.sample();
            let id = appender.series(&labels(&series)).unwrap();
            let said = appender.append(id, TimestampMs(NOW_MS + at_ms), value);
            assert_eq!(said, expected, "{series} at {at_ms}, now {}", self.now_ms);
            appender.commit().unwrap();
            appender = db.appender();
        }
    }

    fn check(&mut self, db: &Db) {
        let there: Model = contents(db)
            .into_iter()
            .map(|(of, samples)| (format!("m i={}", of.get("i").unwrap()), samples.into_iter().collect()))
            .collect();
        assert!(there == self.model, "the store has\n{there:?}\nand should have\n{:?}", self.model);
        self.check_range(db);
    }

    /// A part of the time, from a set that was selected for it.
    fn check_range(&mut self, db: &Db) {
        let from_ms = self.rng.i64(0..=self.now_ms);
        let to_ms = from_ms + self.rng.i64(0..WINDOW_MS * 4);
        let range = TimeRange { from: TimestampMs(NOW_MS + from_ms), to: TimestampMs(NOW_MS + to_ms) };
        let set = db.select(&storage::Selection { range, ..selection(&[]) }).unwrap();
        let mut out = Samples::default();
        let mut read = 0;
        for i in 0..set.len() {
            set.samples_with_stale(i, range, &mut out).unwrap();
            let of = format!("m i={}", set.labels(i).get("i").unwrap());
            let expected: Vec<i64> =
                self.model[&of].range(from_ms..=to_ms).map(|(at_ms, _)| NOW_MS + at_ms).collect();
            assert_eq!(out.times_ms, expected, "{of} from {from_ms} to {to_ms}");
            read += expected.len();
        }
        let all: usize = self.model.values().map(|of| of.range(from_ms..=to_ms).count()).sum();
        assert_eq!(read, all, "no series is left out");
    }
}

fn run(seed: u64) {
    let mut run = Run::new(seed);
    let (mut db, _) = run.world.open();
    for round in 0..400 {
        run.transact(&db);
        match run.rng.u8(..40) {
            0 => {
                run.world.disk.restart(Crash::Process, Faults::NONE);
                db = run.world.open().0;
                run.check(&db);
            }
            1..8 => db.maintain().unwrap(),
            8 | 9 => run.check(&db),
            _ => {}
        }
        if round == 399 {
            run.check(&db);
        }
    }
    assert!(db.status().blocks > 0);
}

#[test]
fn late_samples_are_kept_as_a_plain_model_keeps_them() {
    let only = std::env::var("WATCHFIRE_LATE_SEED").ok().and_then(|text| text.parse::<u64>().ok());
    for seed in only.map_or(0..SEEDS, |seed| seed..seed + 1) {
        let outcome = std::panic::catch_unwind(|| run(seed));
        assert!(outcome.is_ok(), "seed {seed} failed; repeat it with WATCHFIRE_LATE_SEED={seed}");
    }
}

#[test]
fn of_two_late_samples_at_one_time_in_one_transaction_the_first_counts() {
    let world = World::new();
    let (db, _) = world.open();
    let mut appender = db.appender();
    let id = appender.series(&labels("m")).unwrap();
    for (at_ms, value) in [(1000, 1.0), (500, 2.0), (500, 2.0), (500, 3.0)] {
        appender.append(id, TimestampMs(NOW_MS + at_ms), value).unwrap();
    }
    assert_eq!(appender.commit().unwrap().samples, 2);
    assert_eq!(crate::world::samples(&db, "m"), [(500, 2.0), (1000, 1.0)]);
}

#[test]
fn without_a_window_nothing_is_late() {
    let world = World::with(Limits { out_of_order_time_window: DurationMs::ZERO, ..Limits::standard() });
    let (db, _) = world.open();
    crate::world::commit(&db, &[("m", 1000, 1.0)]).unwrap();
    let refused = crate::world::commit(&db, &[("m", 999, 1.0)]);
    assert_eq!(refused, Err(AppendError::OutOfOrder));
}
