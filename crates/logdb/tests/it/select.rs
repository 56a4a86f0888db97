//! Finding streams and parts, skipping, deleting, letting go.

use logdb::{Db, DeleteRequest, LineTest, Storage, StreamRetention};
use model::{DurationMs, MatchOp, Matcher};
use storage::{LineBatch, LogQuery, LogSelection, Needles, NsRange, QueryError};

use crate::world::{ALL, World, at, contents, contents_of, labels, push, small, texts};

fn selection(matchers: &[Matcher]) -> LogSelection<'_> {
    LogSelection { matchers, range: ALL, streams_max: 100 }
}

fn needles(groups: &[&[&str]]) -> Needles {
    let group = |group: &&[&str]| group.iter().map(|text| (*text).to_owned()).collect();
    Needles { groups: groups.iter().map(group).collect() }
}

#[test]
fn streams_are_found_by_labels_and_span() {
    let (db, _) = World::new().open();
    push(&db, "job=b host=1", &[(10, "x")]).unwrap();
    push(&db, "job=a host=1", &[(20, "y")]).unwrap();
    push(&db, "job=a host=2", &[(30, "z")]).unwrap();
    let a = [Matcher::equal("job", "a")];
    let found: Vec<_> =
        contents_of(&db, &a, ALL, &Needles::default()).into_iter().map(|(labels, _)| labels).collect();
    assert_eq!(found, [labels("host=1 job=a"), labels("host=2 job=a")]);
    let early = LogSelection { range: NsRange { from: at(0), until: at(30) }, ..selection(&a) };
    assert_eq!(db.label_values("host", &early).unwrap(), ["1"]);
    assert_eq!(db.label_values("host", &selection(&a)).unwrap(), ["1", "2"]);
    assert_eq!(db.label_names(&selection(&[])).unwrap(), ["host", "job"]);
    let few = LogSelection { streams_max: 1, ..selection(&a) };
    assert_eq!(db.select(&few).err(), Some(QueryError::TooManySeries { limit: 1 }));
    assert_eq!(db.label_names(&few), Err(QueryError::TooManySeries { limit: 1 }));
}

#[test]
fn only_lines_of_the_span_are_given_wherever_they_are() {
    let (db, _) = World::new().open();
    for round in 0..3 {
        for i in 0..60 {
            push(&db, "job=a", &[(i, &format!("line {i:03} {round}"))]).unwrap();
        }
        for (from, until, expected) in [(10, 50, 40), (0, 60, 60), (59, 100, 1), (60, 70, 0), (7, 8, 1)] {
            let range = NsRange { from: at(from), until: at(until) };
            let there = contents_of(&db, &[], range, &Needles::default());
            let count: usize = there.iter().map(|(_, lines)| lines.len()).sum();
            assert_eq!(count, expected * (round + 1), "{from} to {until}, round {round}");
        }
        db.flush_all().unwrap();
    }
}

#[test]
fn chunks_without_a_needle_are_skipped_and_none_with_one() {
    let (db, _) = World::new().open();
    for i in 0..200 {
        let text = if i == 77 { "needle-7f3a9c here".to_owned() } else { format!("line {i} as usual") };
        push(&db, "job=a", &[(i, &text)]).unwrap();
    }
    db.flush_all().unwrap();
    let set = db.select(&selection(&[])).unwrap();
    let mut out = LineBatch::default();
    let mut read = |needles: &Needles| {
        let parts = 0..set.parts(0).len();
        let bytes: Vec<usize> = parts.map(|part| set.read(0, part, needles, &mut out).unwrap()).collect();
        bytes.iter().filter(|bytes| **bytes > 0).count()
    };
    let all = read(&Needles::default());
    assert!(all > 10, "{all} parts");
    assert_eq!(read(&needles(&[&["edle-7f3a"]])), 1);
    assert_eq!(read(&needles(&[&["nowhere to be found", "edle-7f"]])), 1);
    assert_eq!(read(&needles(&[&["edle-7f"], &["nowhere to be found"]])), 0);
    assert_eq!(read(&needles(&[&["line"], &["usual"]])), all);
    let there = contents_of(&db, &[], ALL, &needles(&[&["needle-7f3a9c here"]]));
    assert!(there[0].1.iter().any(|(ms, text)| *ms == 77 && text == "needle-7f3a9c here"));
}

#[test]
fn what_was_selected_stays_as_it_was() {
    let world =
        World { storage: Storage { retention: DurationMs::from_secs(3600), ..small() }, ..World::new() };
    let (db, _) = world.open();
    push(&db, "job=a", &[(1, "in a file")]).unwrap();
    db.flush_all().unwrap();
    push(&db, "job=a", &[(2, "in memory")]).unwrap();
    let set = db.select(&selection(&[])).unwrap();
    push(&db, "job=a", &[(3, "later")]).unwrap();
    world.clock.advance(2 * 3_600_000);
    push(&db, "job=b", &[(2 * 3_600_000, "much later")]).unwrap();
    db.maintain().unwrap();
    assert_eq!(texts(&db, "job=a"), [""; 0], "too old to be seen");
    let mut out = LineBatch::default();
    let mut there = Vec::new();
    for part in 0..set.parts(0).len() {
        set.read(0, part, &Needles::default(), &mut out).unwrap();
        there.extend((0..out.len()).map(|i| out.line(i).to_owned()));
    }
    assert_eq!(there, ["in a file", "in memory"]);
}

fn delete(query: &str, job: &str, tests: &[(MatchOp, &str)], from: i64, until: i64) -> DeleteRequest {
    DeleteRequest {
        query: query.to_owned(),
        matchers: vec![Matcher::equal("job", job)],
        tests: tests.iter().map(|(op, text)| LineTest::new(*op, *text).unwrap()).collect(),
        range: NsRange { from: at(from), until: at(until) },
    }
}

#[test]
fn deleted_lines_are_gone_also_after_a_restart_until_the_request_is_taken_back() {
    let world = World::new();
    let (db, _) = world.open();
    for stream in ["job=a", "job=b"] {
        push(&db, stream, &[(1, "secret one"), (2, "plain"), (3, "secret two"), (9, "secret late")]).unwrap();
    }
    let id = db
        .delete(delete("x", "a", &[(MatchOp::Equal, "secret"), (MatchOp::NotRegex, "tw[o]")], 0, 5))
        .unwrap();
    assert_eq!(texts(&db, "job=a"), ["plain", "secret two", "secret late"]);
    assert_eq!(texts(&db, "job=b").len(), 4);
    db.flush_all().unwrap();
    drop(db);
    let (db, _) = world.kill_and_open();
    push(&db, "job=a", &[(4, "secret after"), (5, "secret at the end")]).unwrap();
    assert_eq!(texts(&db, "job=a"), ["plain", "secret two", "secret at the end", "secret late"]);
    assert_eq!(db.delete_requests().iter().map(|held| held.status.id).collect::<Vec<_>>(), [id]);
    db.cancel_delete(id).unwrap();
    assert_eq!(texts(&db, "job=a").len(), 6);
    assert!(db.cancel_delete(id).is_err());
}

#[test]
fn old_files_leave_by_age_and_by_size() {
    let day = 24 * 3_600_000;
    for (retention, bytes, left) in [(3 * day, u64::MAX, 4), (1000 * day, 4000, 3), (0, 0, 10)] {
        let storage = Storage {
            retention: DurationMs(retention),
            retention_bytes: bytes,
            log_bytes_max: 100,
            ..small()
        };
        let world = World { storage, ..World::new() };
        let (db, _) = world.open();
        for i in 0..10 {
            world.clock.set(crate::world::NOW_MS + i * day);
            let mut rng = fastrand::Rng::with_seed(i as u64);
            let text: String = std::iter::repeat_with(|| rng.alphanumeric()).take(1000).collect();
            push(&db, &format!("job={i}"), &[(i * day, &text)]).unwrap();
            db.flush_all().unwrap();
        }
        db.maintain().unwrap();
        world.clock.advance(3_600_000);
        db.maintain().unwrap();
        assert_eq!(contents(&db).len(), left, "{retention} {bytes}");
        assert_eq!((db.status().streams, db.status().files), (left, left));
        drop(db);
        assert_eq!(contents(&world.kill_and_open().0).len(), left);
    }
}

#[test]
fn streams_are_kept_for_times_of_their_own() {
    let day = 24 * 3_600_000;
    let rule = |job: &str, priority, days: i64| StreamRetention {
        matchers: vec![Matcher::new("job", MatchOp::Regex, job).unwrap()],
        priority,
        period: DurationMs(days * day),
    };
    let retention_streams =
        vec![rule("audit", 1, 0), rule("audit|b", 1, 9), rule("a", 1, 4), rule("a", 2, 1)];
    let storage = Storage { retention: DurationMs(3 * day), log_bytes_max: 100, ..small() };
    let world = World { storage, retention_streams, ..World::new() };
    let (db, _) = world.open();
    for i in 0..10 {
        world.clock.set(crate::world::NOW_MS + i * day);
        for job in ["a", "audit", "b", "c"] {
            push(&db, &format!("job={job}"), &[(i * day, &format!("day {i}"))]).unwrap();
        }
        db.flush_all().unwrap();
    }
    db.maintain().unwrap();
    let days = |db: &Db| ["a", "audit", "b", "c"].map(|job| texts(db, &format!("job={job}")).len());
    // Of rules of one priority the shortest holds: nine days for what two of them match.
    assert_eq!(days(&db), [2, 10, 10, 4]);
    assert_eq!(db.status().files, 10, "each has something that is kept");
    world.clock.set(crate::world::NOW_MS + 13 * day);
    push(&db, "job=c", &[(13 * day, "day 13")]).unwrap();
    db.flush_all().unwrap();
    db.maintain().unwrap();
    assert_eq!((days(&db), db.status().files), ([0, 6, 6, 1], 7));
    drop(db);
    assert_eq!(days(&world.kill_and_open().0), [0, 6, 6, 1]);
}
