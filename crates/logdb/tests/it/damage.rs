//! Damage by seed: whatever happens to one file of any kind, the store starts, keeps what was not hit, and says what was;
//! strict recovery refuses, and names the file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use disk::{Crash, Disk, Faults};
use logdb::{DamagePolicy, Db, DeleteRequest, LineTest, Options, Storage};
use model::{MatchOp, Matcher};
use storage::{LineBatch, LogQuery, LogSelection, Needles};

use crate::world::{ALL, World, for_each_seed, push, small};

const SEEDS: u64 = 200;
const DIR: &str = "/data/logs";
/// What one damaged place may reach over.
const SPAN_BYTES: usize = 64;
/// What the deleted lines contain.
const DELETED: &str = "secret";

/// A store with files, segments, mostly a checkpoint, and a deletion; killed.
fn world(rng: &mut fastrand::Rng) -> World {
    let log_bytes_max = if rng.bool() { u64::MAX } else { 3000 };
    let world = World { storage: Storage { log_bytes_max, ..small() }, ..World::new() };
    let (db, _) = world.open();
    for i in 0..rng.i64(40..200) {
        let word = if rng.u8(..10) == 0 { DELETED } else { "plain" };
        push(&db, &format!("job={}", rng.u8(..4)), &[(i, &format!("{word} line {i}"))]).unwrap();
        if i % 30 == 20 {
            db.maintain().unwrap();
        }
    }
    let request = DeleteRequest {
        query: String::new(),
        matchers: vec![Matcher::new("job", MatchOp::Regex, ".+").unwrap()],
        tests: vec![LineTest::new(MatchOp::Equal, DELETED).unwrap()],
        range: ALL,
    };
    db.delete(request).unwrap();
    world.disk.restart(Crash::Process, Faults::NONE);
    world
}

fn some_file(world: &World, rng: &mut fastrand::Rng) -> PathBuf {
    // Each kind as often as the other, however many files it has.
    let kinds = [
        ("wal", "0", ".wal"),
        ("wal", "checkpoint", ".wal"),
        ("wal", "", ".done"),
        ("chunks", "", ".logs"),
        ("", "deletes", ""),
    ];
    loop {
        let (dir, begin, end) = kinds[rng.usize(..kinds.len())];
        let dir = Path::new(DIR).join(dir);
        let names = world.disk.list(&dir).unwrap().into_iter().filter(|e| !e.is_dir).map(|e| e.name);
        let names: Vec<String> =
            names.filter(|name| name.starts_with(begin) && name.ends_with(end)).collect();
        if !names.is_empty() {
            return dir.join(&names[rng.usize(..names.len())]);
        }
    }
}

/// Spoils one place of a file; whether it was cut short.
fn spoil(bytes: &mut Vec<u8>, rng: &mut fastrand::Rng) -> bool {
    let at = rng.usize(..bytes.len());
    let end = (at + rng.usize(1..SPAN_BYTES)).min(bytes.len());
    match rng.u8(..6) {
        0 => bytes[at..end].fill(0),
        1 => bytes[at..end].iter_mut().for_each(|b| *b = rng.u8(..)),
        2 => bytes.truncate(at),
        3 => bytes.extend((0..rng.usize(1..SPAN_BYTES)).map(|_| rng.u8(..))),
        _ => bytes[at] ^= rng.u8(1..),
    }
    end > bytes.len()
}

/// All lines, and how many parts could not be read. A read that meets damage says in which file.
fn readable(db: &Db, file: &Path) -> (BTreeSet<String>, usize) {
    let set = db.select(&LogSelection { matchers: &[], range: ALL, streams_max: usize::MAX }).unwrap();
    let (mut all, mut out, mut refused) = (BTreeSet::new(), LineBatch::default(), 0);
    for i in 0..set.len() {
        for part in 0..set.parts(i).len() {
            match set.read(i, part, &Needles::default(), &mut out) {
                Ok(_) => all.extend((0..out.len()).map(|l| format!("{} {}", set.labels(i), out.line(l)))),
                Err(error) => {
                    refused += 1;
                    let (text, name) = (error.to_string(), file.display().to_string());
                    assert!(text.contains(&name), "{text} does not name {name}");
                }
            }
        }
    }
    (all, refused)
}

fn check(seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let world = world(&mut rng);
    let (db, _) = world.open();
    let (before, _) = readable(&db, Path::new(""));
    drop(db);
    let file = some_file(&world, &mut rng);
    let was = world.disk.read(&file).unwrap();
    let mut is_cut = false;
    world.disk.mem().tamper(&file, |bytes| is_cut = spoil(bytes, &mut rng)).unwrap();
    let is_changed = world.disk.read(&file).unwrap() != was;

    let strict = Db::open(Options { damage: DamagePolicy::Refuse, ..world.options() });
    // A torn end is cut under either policy.
    let torn_bytes = strict.as_ref().map_or(0, |(_, report)| report.log.torn_bytes);
    let strict = strict.err().map(|error| error.to_string());
    let (db, report) = world.open();
    let damage: Vec<_> = report.log.damage.iter().chain(&report.file_damage).collect();
    assert_eq!(strict.is_some(), !damage.is_empty(), "{strict:?}, {report:?}");
    assert!(strict.is_none_or(|text| text.contains(&file.display().to_string())), "the error names the file");
    assert!(damage.iter().all(|one| one.file == file), "{damage:?}");

    // What was deleted is back when the list of deletions is damaged.
    let (after, refused) = readable(&db, &file);
    let is_known =
        |line: &String| before.contains(line) || line.contains(DELETED) && file.ends_with("deletes");
    assert!(after.iter().all(is_known), "lines that nobody pushed: {after:?}");
    // Whoever does not get everything is told so, at start or when it is read; a torn end is counted. A log cut just between
    // two records looks like a shorter log.
    let is_told = !damage.is_empty() || refused > 0 || torn_bytes + report.log.torn_bytes > 0;
    let is_shorter_log = is_cut && file.extension().is_some_and(|end| end == "wal");
    assert!(
        is_told || after.is_superset(&before) || !is_changed || is_shorter_log,
        "silently lost: {}",
        file.display()
    );

    push(&db, "job=after", &[(1000, "after")]).unwrap();
    let (healed, _) = readable(&db, &file);
    let (again, report) = world.kill_and_open();
    assert_eq!(readable(&again, &file).0, healed);
    assert!(
        report.log.damage.is_empty() && report.file_damage.is_empty(),
        "the second start finds no damage"
    );
}

#[test]
fn one_damaged_place_costs_no_more_than_it_hits() {
    for_each_seed(SEEDS, check);
}
