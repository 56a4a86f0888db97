//! Damage by seed: whatever happens to the files of the log, the store starts, and keeps what was not hit.

use std::path::{Path, PathBuf};

use disk::{Crash, Disk, Faults};
use tsdb::{DamagePolicy, Db, Options};

use crate::world::{World, commit, contents};

const SEEDS: u64 = 150;
const WAL: &str = "/data/metrics/wal";
/// What one damaged place may reach over.
const SPAN_BYTES: usize = 64;

/// A store with several segments, every other time with a checkpoint before them; killed.
fn world(rng: &mut fastrand::Rng) -> World {
    let world = World::with_log_bytes_max(if rng.bool() { u64::MAX } else { 3000 });
    let (db, _) = world.open();
    for i in 0..120 {
        let series: Vec<String> = (0..rng.usize(1..5)).map(|_| format!("m i={}", rng.u8(..20))).collect();
        for one in series {
            commit(&db, &[(&one, i, i as f64)]).unwrap();
        }
        if i == 60 {
            db.maintain().unwrap();
        }
    }
    world.disk.restart(Crash::Process, Faults::NONE);
    world
}

fn some_file(world: &World, rng: &mut fastrand::Rng) -> PathBuf {
    let names: Vec<String> = world.disk.list(Path::new(WAL)).unwrap().into_iter().map(|e| e.name).collect();
    Path::new(WAL).join(&names[rng.usize(..names.len())])
}

/// Spoils one place of a file; true when it is a single byte.
fn spoil(bytes: &mut Vec<u8>, rng: &mut fastrand::Rng) -> bool {
    let at = rng.usize(..bytes.len());
    let end = (at + rng.usize(1..SPAN_BYTES)).min(bytes.len());
    match rng.u8(..5) {
        0 => bytes[at..end].fill(0),
        1 => bytes[at..end].iter_mut().for_each(|b| *b = rng.u8(..)),
        2 => bytes.truncate(at),
        3 => bytes.extend((0..rng.usize(1..SPAN_BYTES)).map(|_| rng.u8(..))),
        _ => {
            bytes[at] ^= rng.u8(1..);
            return true;
        }
    }
    false
}

fn check(seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let world = world(&mut rng);
    let (db, whole) = world.open();
    let before = contents(&db);
    drop(db);
    let file = some_file(&world, &mut rng);
    let mut is_one_byte = false;
    world.disk.mem().tamper(&file, |bytes| is_one_byte = spoil(bytes, &mut rng)).unwrap();

    let strict =
        Db::open(Options { damage: DamagePolicy::Refuse, ..world.options() }).err().map(|e| e.to_string());
    let (db, report) = world.open();
    assert_eq!(strict.is_some(), !report.log.damage.is_empty(), "{strict:?}, {:?}", report.log);
    assert!(strict.is_none_or(|text| text.contains(&file.display().to_string())), "the error names the file");
    if is_one_byte {
        assert!(report.log.records + 1 >= whole.log.records, "{:?}", report.log);
        assert!(report.log.damage.len() <= 1, "{:?}", report.log.damage);
    }
    for (labels, samples) in contents(&db) {
        let all =
            before.iter().find(|(of, _)| *of == labels).map(|(_, all)| all.as_slice()).unwrap_or_default();
        assert!(samples.iter().all(|sample| all.contains(sample)), "{labels} has samples that nobody wrote");
    }
    commit(&db, &[("after", 1000, 1.0)]).unwrap();
    let healed = contents(&db);
    let (again, report) = world.kill_and_open();
    assert_eq!((contents(&again), report.log.damage.len()), (healed, 0), "the second start finds no damage");
}

#[test]
fn one_damaged_place_costs_no_more_than_it_hits() {
    for seed in 0..SEEDS {
        let outcome = std::panic::catch_unwind(|| check(seed));
        assert!(outcome.is_ok(), "seed {seed} failed");
    }
}
