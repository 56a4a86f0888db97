//! Each limit refuses what is beyond it, in Loki's words, and takes the rest.

use logdb::Limits;
use model::{Labels, LogEntry};
use storage::{LogAppend, LogAppendError, StreamPush};

use crate::world::{World, entry, labels, push, texts};

/// Pushes with these limits; reasons and messages of what was refused, and how many lines were stored.
fn check(limits: Limits, streams: &[StreamPush], stored: usize, expected: &[(&str, &str)]) {
    let (db, _) = World { limits, ..World::new() }.open();
    let report = db.push(streams).unwrap();
    let refused: Vec<(&str, &str)> = report.refused.iter().map(|r| (r.reason, r.message.as_str())).collect();
    assert_eq!((report.stored, refused.as_slice()), (stored, expected));
}

fn stream(text: &str, entries: Vec<LogEntry>) -> StreamPush {
    StreamPush { labels: labels(text), entries }
}

#[test]
fn lines_and_labels_are_refused_in_lokis_words() {
    let usual = Limits::standard();
    check(
        Limits { line_bytes_max: 3, ..usual },
        &[stream("job=a", vec![entry(0, "long"), entry(0, "ok")])],
        1,
        &[(
            "line_too_long",
            "max entry size '3' bytes exceeded for stream '{job=\"a\"}' while adding an entry with length '4' bytes",
        )],
    );
    check(
        Limits { label_names_max: 1, ..usual },
        &[stream("a=1 b=2", vec![entry(0, "x")]), stream("a=1 service_name=s", vec![entry(0, "x")])],
        1,
        &[("max_label_names_per_series", "entry for stream '{a=\"1\", b=\"2\"}' has 2 label names; limit 1")],
    );
    check(
        Limits { label_name_bytes_max: 2, ..usual },
        &[stream("abc=1", vec![entry(0, "x")])],
        0,
        &[("label_name_too_long", "stream '{abc=\"1\"}' has label name too long: 'abc'")],
    );
    check(
        Limits { label_value_bytes_max: 2, ..usual },
        &[stream("a=123", vec![entry(0, "x")])],
        0,
        &[("label_value_too_long", "stream '{a=\"123\"}' has label value too long: '123'")],
    );
    let none = StreamPush { labels: Labels::empty(), entries: vec![entry(0, "x")] };
    check(usual, &[none], 0, &[("missing_labels", "error at least one label pair is required per stream")]);
}

#[test]
fn metadata_has_limits_too() {
    let with = |pairs: &[(&str, &str)]| {
        let metadata = Labels::from_pairs(pairs.iter().copied());
        vec![stream("job=a", vec![LogEntry { metadata, ..entry(0, "x") }])]
    };
    let reason = |limits, streams: &[StreamPush]| {
        let (db, _) = World { limits, ..World::new() }.open();
        db.push(streams).unwrap().refused[0].reason
    };
    let usual = Limits::standard();
    let large = reason(Limits { metadata_bytes_max: 2, ..usual }, &with(&[("a", "12")]));
    let many = reason(Limits { metadata_entries_max: 1, ..usual }, &with(&[("a", "1"), ("b", "2")]));
    assert_eq!((large, many), ("structured_metadata_too_large", "structured_metadata_too_many"));
}

#[test]
fn times_out_of_bounds_are_refused() {
    let (hour, week) = (3_600_000, 7 * 24 * 3_600_000);
    check(
        Limits::standard(),
        &[
            stream("job=a", vec![entry(-week - 1, "x"), entry(600_001, "x")]),
            stream("job=b", vec![entry(0, "x"), entry(-hour, "x"), entry(-hour - 1, "x")]),
        ],
        2,
        &[
            (
                "greater_than_max_sample_age",
                "entry for stream '{job=\"a\"}' has timestamp too old: 2023-11-07T22:13:19Z, oldest acceptable timestamp is: 2023-11-07T22:13:20Z",
            ),
            (
                "too_far_in_future",
                "entry for stream '{job=\"a\"}' has timestamp too new: 2023-11-14T22:23:20Z",
            ),
            (
                "too_far_behind",
                "entry too far behind, entry timestamp is: 2023-11-14T21:13:19Z, oldest acceptable timestamp is: 2023-11-14T21:13:20Z",
            ),
        ],
    );
    check(
        Limits { old_max: None, ..Limits::standard() },
        &[stream("job=a", vec![entry(-2 * week, "x")])],
        1,
        &[],
    );
}

#[test]
fn long_lines_are_cut_where_that_is_wanted() {
    let limits = Limits { line_bytes_max: 4, cuts_long_lines: true, ..Limits::standard() };
    let (db, _) = World { limits, ..World::new() }.open();
    push(&db, "job=a", &[(1, "abcdef"), (2, "abcé"), (3, "ok")]).unwrap();
    assert_eq!(texts(&db, "job=a"), ["abcd", "abc", "ok"]);
}

#[test]
fn rates_are_kept_to() {
    let limits = Limits {
        ingestion_rate_bytes: 10,
        ingestion_burst_bytes: 100,
        per_stream_rate_bytes: 5,
        per_stream_burst_bytes: 50,
        ..Limits::standard()
    };
    let world = World { limits, ..World::new() };
    let (db, _) = world.open();
    let error = push(&db, "job=a", &[(1, &"x".repeat(101))]).unwrap_err();
    let LogAppendError::RateLimited(refusal) = error else { panic!("{error}") };
    assert_eq!((refusal.reason, refusal.lines, refusal.bytes), ("rate_limited", 1, 101));
    assert!(refusal.message.starts_with(
        "ingestion rate limit exceeded for user fake (limit: 10 bytes/sec) while attempting to ingest '1' lines totaling '101' bytes"
    ));
    let refused = push(&db, "job=a", &[(1, &"x".repeat(60))]).unwrap().refused;
    assert_eq!(refused[0].reason, "per_stream_rate_limit");
    assert!(refused[0].message.starts_with(
        "Per stream rate limit exceeded (limit: 5B/sec) while attempting to ingest for stream '{job=\"a\"}' totaling 60B"
    ));
    assert!(push(&db, "job=a", &[(1, &"x".repeat(41))]).is_err(), "the refused line counted");
    world.clock.advance(10_000);
    assert_eq!(push(&db, "job=a", &[(1, &"x".repeat(50))]).unwrap().stored, 1);
}

#[test]
fn streams_beyond_the_limit_are_refused_until_others_are_quiet() {
    let limits = Limits { streams_max: 2, ..Limits::standard() };
    let world = World { limits, ..World::new() };
    let (db, _) = world.open();
    let three = ["job=a", "job=b", "job=c"].map(|text| stream(text, vec![entry(0, "x")]));
    let report = db.push(&three).unwrap();
    assert_eq!((report.stored, report.refused[0].reason), (2, "stream_limit"));
    assert!(report.refused[0].message.starts_with(
        "maximum active stream limit exceeded when trying to create stream {job=\"c\"}, reduce the number of active streams"
    ));
    assert_eq!(push(&db, "job=a", &[(1, "more")]).unwrap().stored, 1);
    world.clock.advance(2 * 3_600_000);
    db.maintain().unwrap();
    assert_eq!(push(&db, "job=c", &[(1, "x")]).unwrap().stored, 1);
}
