//! What is there after a start, and what the start says.

use disk::Disk;
use logdb::{Db, LogdbError, Storage};
use storage::LogAppendError;

use crate::world::{World, contents, push, small, texts};

#[test]
fn all_is_there_after_a_kill_with_log_checkpoints_and_files() {
    let storage = Storage { log_bytes_max: 3000, ..small() };
    let world = World { storage, ..World::new() };
    let mut expected = Vec::new();
    for life in 0..4 {
        let (db, report) = world.open();
        assert_eq!(report.file_lines + report.log_lines, expected.len() as u64, "life {life}");
        for i in 0..100 {
            let ms = life * 100 + i;
            expected.push(format!("line {ms}"));
            push(&db, "job=a", &[(ms, &expected[ms as usize])]).unwrap();
            if i % 30 == 7 {
                db.maintain().unwrap();
            }
        }
        assert_eq!(texts(&db, "job=a"), expected);
        drop(db);
        world.disk.restart(disk::Crash::Process, disk::Faults::NONE);
    }
    let (db, _) = world.open();
    assert_eq!(texts(&db, "job=a"), expected);
    assert!(db.status().files > 1 && db.status().wal_bytes < 10_000, "{:?}", db.status());
    db.close().unwrap();
    assert!(matches!(push(&db, "job=a", &[(1000, "x")]), Err(LogAppendError::Unavailable(_))));
    assert!(db.unavailable().is_some());
    drop(db);
    assert_eq!(texts(&world.open().0, "job=a"), expected);
}

#[test]
fn a_folder_has_one_holder() {
    let world = World::new();
    let (db, _) = world.open();
    assert!(matches!(Db::open(world.options()), Err(LogdbError::Disk(_))));
    db.close().unwrap();
    assert!(Db::open(world.options()).is_ok());
}

#[test]
fn a_full_disk_refuses_and_takes_lines_again_once_there_is_room() {
    let world = World::new();
    let (db, _) = world.open();
    push(&db, "job=a", &[(1, "before")]).unwrap();
    let capacity_bytes = world.disk.mem().used_bytes() + 10;
    world.disk.set_faults(disk::Faults { capacity_bytes, ..disk::Faults::NONE });
    let refused = push(&db, "job=a", &[(2, "does not fit")]);
    assert!(matches!(refused, Err(LogAppendError::Unavailable(_))), "{refused:?}");
    assert!(db.unavailable().is_some() && db.maintain().is_ok());
    world.disk.set_faults(disk::Faults::NONE);
    db.maintain().unwrap();
    assert_eq!(db.unavailable(), None);
    push(&db, "job=a", &[(3, "fits")]).unwrap();
    assert_eq!(texts(&db, "job=a"), ["before", "fits"]);
}

#[test]
fn after_a_failed_sync_the_log_is_written_anew() {
    let world = World::new();
    let (db, _) = world.open();
    push(&db, "job=a", &[(1, &"packed ".repeat(40))]).unwrap();
    push(&db, "job=a", &[(2, "open")]).unwrap();
    world.disk.set_faults(disk::Faults { sync_fails_per_mille: 1000, ..disk::Faults::NONE });
    assert!(push(&db, "job=a", &[(3, "in doubt")]).is_err());
    world.disk.set_faults(disk::Faults::NONE);
    assert!(push(&db, "job=a", &[(4, "poisoned")]).is_err());
    db.maintain().unwrap();
    push(&db, "job=a", &[(5, "well")]).unwrap();
    let expected = texts(&db, "job=a");
    assert_eq!(expected.len(), 3);
    drop(db);
    world.disk.restart(disk::Crash::PowerLoss, disk::Faults::NONE);
    assert_eq!(texts(&world.open().0, "job=a"), expected);
}

#[test]
fn names_that_are_not_ours_are_left_alone() {
    let world = World::new();
    drop(world.open());
    let path = std::path::Path::new("/data/logs/chunks/notes.txt");
    world.disk.create(path).unwrap();
    let (db, _) = world.kill_and_open();
    assert_eq!(contents(&db), []);
    assert!(world.disk.read(path).is_ok());
}
