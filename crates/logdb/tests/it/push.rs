//! What is taken, in which order, and what is taken once.

use std::sync::{Arc, Mutex};

use model::{Labels, LogEntry, Matcher};
use storage::{LogAppend, LogFollow, LogQuery, StreamPush};

use crate::world::{World, at, entry, labels, lines, push, texts};

#[test]
fn lines_of_one_moment_stay_in_order_of_arrival() {
    let (db, _) = World::new().open();
    push(&db, "job=a", &[(1, "a"), (1, "b"), (3, "d"), (2, "c")]).unwrap();
    push(&db, "job=a", &[(3, "e"), (1, "x")]).unwrap();
    let expected = [(1, "a"), (1, "b"), (1, "x"), (2, "c"), (3, "d"), (3, "e")];
    assert_eq!(lines(&db, "job=a"), expected.map(|(ms, text)| (ms, text.to_owned())));
}

#[test]
fn an_exact_repeat_is_taken_once_wherever_the_first_one_is() {
    let world = World::new();
    let (db, _) = world.open();
    let many: Vec<String> = (0..40).map(|i| format!("line {i} of many lines")).collect();
    let all: Vec<(i64, &str)> = many.iter().enumerate().map(|(i, line)| (i as i64, line.as_str())).collect();
    let report = push(&db, "job=a", &all).unwrap();
    assert_eq!((report.stored, report.repeated), (40, 0));
    for round in ["in memory", "in files", "after a restart"] {
        let report = push(&db, "job=a", &all).unwrap();
        assert_eq!((report.stored, report.repeated), (0, 40), "{round}");
        db.flush_all().unwrap();
    }
    drop(db);
    let (db, report) = world.kill_and_open();
    assert_eq!((report.file_lines, report.log_lines), (40, 0));
    assert_eq!(push(&db, "job=a", &all).unwrap().repeated, 40);
    assert_eq!(texts(&db, "job=a"), many);
}

#[test]
fn what_differs_in_text_or_metadata_is_no_repeat() {
    let (db, _) = World::new().open();
    let with = |id: &str| LogEntry { metadata: Labels::from_pairs([("id", id)]), ..entry(5, "x") };
    let entries = vec![entry(5, "x"), with("1"), with("2"), entry(5, "y"), with("1"), entry(5, "x")];
    let report = db.push(&[StreamPush { labels: labels("job=a"), entries }]).unwrap();
    assert_eq!((report.stored, report.repeated), (4, 2));
    // Of a moment with many lines too.
    let many: Vec<LogEntry> = (0..100).map(|i| entry(6, &format!("same {i}"))).collect();
    for expected in [(100, 0), (0, 100)] {
        let report = db.push(&[StreamPush { labels: labels("job=a"), entries: many.clone() }]).unwrap();
        assert_eq!((report.stored, report.repeated), expected);
    }
}

#[test]
fn one_stream_given_twice_in_a_push_is_one_stream() {
    let (db, _) = World::new().open();
    let part = |ms, text| StreamPush { labels: labels("job=a"), entries: vec![entry(ms, text)] };
    let report = db.push(&[part(2, "b"), part(1, "a"), part(2, "b")]).unwrap();
    assert_eq!((report.stored, report.repeated), (2, 1));
    assert_eq!(texts(&db, "job=a"), ["a", "b"]);
}

#[test]
fn senders_that_lag_are_all_there_and_in_order() {
    let world = World::new();
    let (db, _) = world.open();
    let mut expected = Vec::new();
    for i in 0..300 {
        for (lag, name) in [(0, "ahead"), (60_000, "behind"), (600_000, "far")] {
            let (ms, text) = (i * 100 - lag, format!("{name} {i}"));
            assert_eq!(push(&db, "job=a", &[(ms, &text)]).unwrap().stored, 1);
            expected.push((ms, text));
        }
        if i % 50 == 0 {
            db.maintain().unwrap();
        }
    }
    expected.sort_by_key(|(ms, _)| *ms);
    assert_eq!(lines(&db, "job=a"), expected);
    drop(db);
    let (db, _) = world.kill_and_open();
    let mut there = lines(&db, "job=a");
    there.sort();
    expected.sort();
    assert_eq!(there, expected);
}

#[derive(Default)]
struct Heard(Mutex<Vec<(Labels, String)>>);

impl LogFollow for Heard {
    fn stored(&self, stream: &Labels, entries: &[LogEntry]) {
        let heard = entries.iter().map(|entry| (stream.clone(), entry.line.clone()));
        self.0.lock().unwrap().extend(heard);
    }
}

#[test]
fn followers_hear_of_what_is_stored_and_of_nothing_else() {
    let (db, _) = World::new().open();
    let heard = Arc::new(Heard::default());
    let follower: Arc<dyn LogFollow> = heard.clone();
    db.follow(&[Matcher::equal("job", "a")], &follower);
    push(&db, "job=a", &[(1, "x"), (1, "x"), (2, "y")]).unwrap();
    push(&db, "job=b", &[(1, "z")]).unwrap();
    push(&db, "job=a", &[(1, "x")]).unwrap();
    let texts: Vec<String> = heard.0.lock().unwrap().iter().map(|(_, text)| text.clone()).collect();
    assert_eq!(texts, ["x", "y"]);
    drop(follower);
    drop(heard);
    push(&db, "job=a", &[(3, "nobody hears this")]).unwrap();
    assert_eq!(db.time_span(), Some((at(1), at(3))));
}
