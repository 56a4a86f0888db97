//! Lines as promised, and a queue that never waits.

use super::*;

fn entry(status: u16) -> Entry {
    Entry {
        time: jiff::Timestamp::from_microsecond(1_767_225_600_120_003).expect("a time"),
        method: Method::GET,
        path: "/api/order/\"5\"".to_owned(),
        endpoint: "/api/order/{id}".into(),
        view: "get_order".into(),
        status,
        duration: Duration::from_micros(1234),
        response_bytes: Some(17),
        spent: Spent { db_queries: 2, db: Duration::from_micros(250), ..Spent::default() },
    }
}

#[test]
fn lines_look_as_promised() {
    let access = "{\"time\":\"2026-01-01T00:00:00.120003Z\",\"level\":\"INFO\",\"instance\":\"orders-1\",\
        \"method\":\"GET\",\"path\":\"/api/order/\\\"5\\\"\",\"endpoint\":\"/api/order/{id}\",\
        \"view\":\"get_order\",\"status\":200,\"duration_ms\":1.234,\"response_bytes\":17,\
        \"db_queries\":2,\"db_ms\":0.25,\"external_calls\":0,\"external_ms\":0.0}\n";
    assert_eq!(String::from_utf8(entry(200).access_line("orders-1")).expect("text"), access);
    assert_eq!(entry(200).profiler_line(), b"[profiler] GET get_order 1.234 200\n");
    let application = b"2026-01-01T00:00:00.120003Z ERROR GET /api/order/\"5\" 500 1.234 ms\n";
    assert_eq!(entry(500).application_line(), application);
}

#[test]
fn levels_follow_the_status() {
    assert_eq!([200, 404, 499, 500, 503].map(level), ["INFO", "WARN", "WARN", "ERROR", "ERROR"]);
}

#[test]
fn long_paths_are_cut_between_characters() {
    assert_eq!(start_of("abc", 5), "abc");
    assert_eq!(start_of("aüb", 2), "a");
}

#[tokio::test]
async fn what_was_queued_is_written_before_stop_returns() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = LogOptions {
        folder: folder.path().join("log"),
        instance: "orders-1".to_owned(),
        rotation: Rotation::standard(),
        application: Some("app.log".into()),
    };
    let metrics = LogMetrics::default();
    let (log, writer) = start(&options, metrics.clone()).expect("starts");
    for _ in 0..2000 {
        log.log(entry(200));
    }
    writer.stop().await;
    log.log(entry(200));
    let lines = |kind: &str| {
        let path = options.folder.join(format!("orders-1.{kind}.log"));
        std::fs::read_to_string(path).expect("text").lines().count()
    };
    assert_eq!([lines("access"), lines("profiler")], [2000, 2000]);
    let application = std::fs::read_to_string(options.folder.join("app.log")).expect("text");
    assert_eq!(application.lines().count(), 2000);
    assert_eq!([metrics.written.get(), metrics.dropped.get(), metrics.errors.get()], [2000, 1, 0]);
}

#[test]
fn a_full_queue_drops_and_counts() {
    let (queue, _kept_but_never_read) = sync_channel(3);
    let log = AccessLog { queue, metrics: LogMetrics::default() };
    for _ in 0..5 {
        log.log(entry(200));
    }
    assert_eq!(log.metrics.dropped.get(), 2);
}
