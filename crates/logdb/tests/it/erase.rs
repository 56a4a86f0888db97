//! Bytes of deleted lines leave the disk once their deletion can no longer be taken back; nothing else does.

use std::path::Path;

use disk::{Disk, Faults};
use logdb::{Db, DeleteError, DeleteRequest, LineTest, Storage};
use model::{DurationMs, MatchOp, Matcher};
use storage::NsRange;

use crate::world::{NOW_MS, World, at, contents, lines, push, small, texts};

const DELETES: &str = "/data/logs/deletes";

fn world() -> World {
    let storage = Storage { delete_delay: DurationMs::from_secs(60), ..small() };
    World { storage, ..World::new() }
}

/// Deletes lines of `job` with this text, of all times.
fn delete(db: &Db, job: &str, text: &str) -> u64 {
    let request = DeleteRequest {
        query: text.to_owned(),
        matchers: vec![Matcher::equal("job", job)],
        tests: vec![LineTest::new(MatchOp::Equal, text).unwrap()],
        range: NsRange { from: at(0), until: at(1_000_000) },
    };
    db.delete(request).unwrap()
}

fn fill(db: &Db) {
    for round in 0..6 {
        for job in ["job=a", "job=b"] {
            let lines: Vec<(i64, String)> = (0..20)
                .map(|i| {
                    let kind = if i % 5 == 0 { "secret" } else { "plain" };
                    (round * 100 + i, format!("{kind} line {i} of round {round}"))
                })
                .collect();
            let lines: Vec<(i64, &str)> = lines.iter().map(|(ms, text)| (*ms, text.as_str())).collect();
            push(db, job, &lines).unwrap();
        }
        db.flush_all().unwrap();
    }
}

/// What is there when nobody knows any more that anything was deleted.
fn without_requests(world: &World) -> std::sync::Arc<Db> {
    world.disk.restart(disk::Crash::Process, Faults::NONE);
    world.disk.remove_file(Path::new(DELETES)).unwrap();
    let (db, report) = world.open();
    assert!(report.file_damage.is_empty() && report.log.damage.is_empty(), "{report:?}");
    db
}

#[test]
fn deleted_lines_leave_the_disk_when_they_can_no_longer_be_had_back() {
    let world = world();
    let (db, _) = world.open();
    fill(&db);
    let before = contents(&db);
    let bytes = db.status().file_bytes;
    let id = delete(&db, "a", "secret");
    db.maintain().unwrap();
    assert_eq!(db.status().file_bytes, bytes, "it can still be taken back");
    world.clock.set(NOW_MS + 60_000);
    db.maintain().unwrap();
    assert!(db.status().file_bytes < bytes, "{} of {bytes} bytes", db.status().file_bytes);
    assert!(db.delete_requests()[0].is_final);
    assert!(matches!(db.cancel_delete(id), Err(DeleteError::TooLate)));
    let expected: Vec<_> = lines_but(&before, "job=a", "secret");
    assert_eq!((lines(&db, "job=a"), lines(&db, "job=b")), (expected.clone(), of(&before, "job=b")));
    drop(db);
    let db = without_requests(&world);
    assert_eq!((lines(&db, "job=a"), lines(&db, "job=b")), (expected, of(&before, "job=b")));
}

#[test]
fn a_file_of_which_nothing_is_left_leaves() {
    let world = world();
    let (db, _) = world.open();
    push(&db, "job=a", &[(1, "secret 1"), (2, "secret 2")]).unwrap();
    db.flush_all().unwrap();
    push(&db, "job=a", &[(3, "plain 3")]).unwrap();
    db.flush_all().unwrap();
    assert_eq!(db.status().files, 2);
    delete(&db, "a", "secret");
    world.clock.set(NOW_MS + 60_000);
    db.maintain().unwrap();
    assert_eq!((db.status().files, texts(&db, "job=a")), (1, vec!["plain 3".to_owned()]));
    drop(db);
    assert_eq!(texts(&without_requests(&world), "job=a"), ["plain 3"]);
}

#[test]
fn a_file_that_could_not_be_removed_leaves_later() {
    let world = world();
    let (db, _) = world.open();
    push(&db, "job=a", &[(1, "secret 1"), (2, "secret 2")]).unwrap();
    db.flush_all().unwrap();
    delete(&db, "a", "secret");
    world.clock.set(NOW_MS + 60_000);
    world.disk.set_faults(Faults { remove_fails_per_mille: 1000, ..Faults::NONE });
    drop(db.maintain());
    assert_eq!((db.status().files, files_there(&world).len()), (0, 1), "it stays, and nobody knows it");
    world.disk.set_faults(Faults::NONE);
    db.maintain().unwrap();
    assert!(files_there(&world).is_empty());
}

/// Bytes of the files of chunks on the disk.
fn files_there(world: &World) -> Vec<Vec<u8>> {
    let dir = Path::new("/data/logs/chunks");
    world
        .disk
        .list(dir)
        .unwrap()
        .iter()
        .map(|entry| world.disk.read(&dir.join(&entry.name)).unwrap())
        .collect()
}

#[test]
fn a_round_goes_through_so_many_files_and_the_next_goes_on() {
    const FILES: usize = 70;
    const A_ROUND: usize = 64;
    let world = world();
    let (db, _) = world.open();
    for i in 0..FILES as i64 {
        push(&db, "job=a", &[(2 * i, "secret"), (2 * i + 1, "plain")]).unwrap();
        db.flush_all().unwrap();
    }
    delete(&db, "a", "secret");
    drop(db);
    let (db, _) = world.kill_and_open();
    world.clock.set(NOW_MS + 60_000);
    let before = files_there(&world);
    for freed in [A_ROUND, FILES, FILES] {
        db.maintain().unwrap();
        let now = files_there(&world);
        assert_eq!(now.iter().zip(&before).filter(|(now, before)| now != before).count(), freed);
    }
    assert_eq!(lines(&db, "job=a").len(), FILES);
}

#[test]
fn what_was_final_once_stays_final_when_the_clock_goes_back() {
    let world = world();
    let (db, _) = world.open();
    fill(&db);
    let id = delete(&db, "a", "secret");
    world.clock.set(NOW_MS + 60_000);
    db.maintain().unwrap();
    world.clock.set(NOW_MS + 59_999);
    assert!(matches!(db.cancel_delete(id), Err(DeleteError::TooLate)));
    assert!(db.delete_requests()[0].is_final);
}

#[test]
fn a_request_that_was_taken_back_in_time_takes_nothing() {
    let world = world();
    let (db, _) = world.open();
    fill(&db);
    let before = contents(&db);
    let id = delete(&db, "a", "secret");
    world.clock.set(NOW_MS + 59_999);
    db.maintain().unwrap();
    db.cancel_delete(id).unwrap();
    world.clock.set(NOW_MS + 60_000);
    db.maintain().unwrap();
    assert_eq!(contents(&db), before);
}

/// The time runs out while the taking back is being written: it was in time.
#[test]
fn a_request_that_is_being_taken_back_takes_nothing() {
    let world = world();
    let (db, _) = world.open();
    fill(&db);
    let before = contents(&db);
    let id = delete(&db, "a", "secret");
    world.clock.set(NOW_MS + 59_999);
    db.maintain().unwrap();
    let ops = world.disk.ops();
    world.disk.hang(true);
    std::thread::scope(|scope| {
        let cancelling = scope.spawn(|| db.cancel_delete(id));
        while world.disk.ops() == ops {
            std::thread::yield_now();
        }
        world.clock.set(NOW_MS + 60_000);
        let ops = world.disk.ops();
        let maintaining = scope.spawn(|| db.maintain());
        // Time enough to go wrong.
        for _ in (0..10_000).take_while(|_| world.disk.ops() == ops) {
            std::thread::yield_now();
        }
        world.disk.hang(false);
        cancelling.join().unwrap().unwrap();
        maintaining.join().unwrap().unwrap();
    });
    assert!(db.delete_requests().is_empty());
    assert_eq!(contents(&db), before);
}

#[test]
fn lines_that_come_to_a_file_later_leave_too() {
    let world = world();
    let (db, _) = world.open();
    delete(&db, "a", "secret");
    world.clock.set(NOW_MS + 60_000);
    db.maintain().unwrap();
    push(&db, "job=a", &[(1, "secret 1"), (2, "plain 2")]).unwrap();
    db.maintain().unwrap();
    db.flush_all().unwrap();
    db.maintain().unwrap();
    assert_eq!(texts(&db, "job=a"), ["plain 2"]);
    drop(db);
    assert_eq!(texts(&without_requests(&world), "job=a"), ["plain 2"]);
}

#[test]
fn a_disk_that_fails_meanwhile_costs_nothing() {
    let world = world();
    let (db, _) = world.open();
    fill(&db);
    let before = contents(&db);
    delete(&db, "a", "secret");
    world.clock.set(NOW_MS + 60_000);
    for seed in 0..20 {
        world.disk.set_faults(Faults { write_fails_per_mille: 200 + seed, ..Faults::NONE });
        drop(db.maintain());
    }
    world.disk.set_faults(Faults::NONE);
    db.maintain().unwrap();
    db.maintain().unwrap();
    let expected: Vec<_> = lines_but(&before, "job=a", "secret");
    assert_eq!((lines(&db, "job=a"), lines(&db, "job=b")), (expected.clone(), of(&before, "job=b")));
    drop(db);
    assert_eq!(lines(&without_requests(&world), "job=a"), expected);
}

fn of(contents: &crate::world::Contents, stream: &str) -> Vec<(i64, String)> {
    let found = contents.iter().find(|(labels, _)| *labels == crate::world::labels(stream));
    found.map(|(_, lines)| lines.clone()).unwrap_or_default()
}

fn lines_but(contents: &crate::world::Contents, stream: &str, text: &str) -> Vec<(i64, String)> {
    of(contents, stream).into_iter().filter(|(_, line)| !line.contains(text)).collect()
}
