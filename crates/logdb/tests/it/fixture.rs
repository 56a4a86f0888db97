//! A store as version 1 of the formats wrote it, which every later version reads.
//!
//! `tests/fixtures/v1` was written by the store of this file under `WATCHFIRE_WRITE_FIXTURE=1`, once; a later version of
//! the formats gets a folder of its own.

use std::path::{Path, PathBuf};

use disk::{Disk, MemDisk};
use logdb::{DeleteRequest, LineTest};
use model::{Labels, LogEntry, MatchOp, Matcher};
use storage::{LineBatch, LogAppend, LogQuery, LogSelection, Needles, StreamPush};

use crate::world::{ALL, World, entry, labels, texts};

const DIR: &str = "/data/logs";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1")
}

/// What version 1 wrote: lines in a file, in a checkpoint and in a segment, some with metadata, and a deletion.
fn write(world: &World) {
    let (db, _) = world.open();
    let push = |from: i64, to: i64| {
        let line = |i: i64| LogEntry {
            metadata: if i % 3 == 0 { labels("trace_id=7 level=info") } else { Labels::empty() },
            ..entry(i * 10, &format!("GET /api/order/{i} 200 é\n"))
        };
        let entries = (from..to).map(line).collect();
        db.push(&[StreamPush { labels: labels("job=a host=h"), entries }]).unwrap();
    };
    push(0, 30);
    db.flush_all().unwrap();
    push(30, 40);
    let request = DeleteRequest {
        query: r#"{job="a"} |= "order/5 ""#.to_owned(),
        matchers: vec![Matcher::equal("job", "a")],
        tests: vec![LineTest::new(MatchOp::Equal, "order/5 ").unwrap()],
        range: ALL,
    };
    db.delete(request).unwrap();
}

fn copy(from: &dyn Disk, from_dir: &Path, to: &Path) {
    for entry in from.list(from_dir).unwrap() {
        let (source, target) = (from_dir.join(&entry.name), to.join(&entry.name));
        if entry.is_dir {
            copy(from, &source, &target);
        } else if entry.name != disk::LOCK_FILE {
            std::fs::create_dir_all(to).unwrap();
            std::fs::write(target, from.read(&source).unwrap()).unwrap();
        }
    }
}

fn load(from: &Path, to: &MemDisk, to_dir: &Path) {
    to.create_dir_all(to_dir).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to_dir.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            load(&entry.path(), to, &target);
        } else {
            to.create(&target).unwrap().append(&std::fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}

#[test]
fn version_1_is_read() {
    if std::env::var_os("WATCHFIRE_WRITE_FIXTURE").is_some() {
        let world = World::new();
        write(&world);
        copy(world.disk.mem(), Path::new(DIR), &folder());
    }
    let world = World::new();
    load(&folder(), world.disk.mem(), Path::new(DIR));
    let (db, report) = world.open();
    assert_eq!((report.file_lines, report.log_lines, report.files), (30, 10, 1));
    assert!(report.file_damage.is_empty() && report.log.damage.is_empty());
    let expected: Vec<String> =
        (0..40).filter(|i| *i != 5).map(|i| format!("GET /api/order/{i} 200 é\n")).collect();
    assert_eq!(texts(&db, "job=a host=h"), expected);
    let set = db.select(&LogSelection { matchers: &[], range: ALL, streams_max: 10 }).unwrap();
    let mut out = LineBatch::default();
    set.read(0, 0, &Needles::default(), &mut out).unwrap();
    assert_eq!(out.metadata(3), Some(&labels("trace_id=7 level=info")));
    assert_eq!(out.metadata(4), None);
    // The filter is read as it was meant.
    let nowhere = Needles { groups: vec![vec!["POST /api".to_owned()]] };
    assert_eq!(set.read(0, 0, &nowhere, &mut out).unwrap(), 0);
}
