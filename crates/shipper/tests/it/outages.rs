//! Receivers that are down, slow or unwilling, and a buffer that is full.

use crate::receiver::{Answer, Receiver, Site, append, assert_all, expected, numbered, until};

#[tokio::test]
async fn an_outage_delays_lines_and_loses_none() {
    for (name, answer) in
        [("down", None), ("500", Some(Answer::Status(500))), ("429", Some(Answer::Status(429)))]
    {
        let (mut receiver, site) = (Receiver::start().await, Site::new());
        let ship = site.start(&receiver);
        append(&site.log("a.log"), &numbered(0, 10));
        // Cut off between the lines and the answer, the agent would rightly send them again.
        until("it works", || ship.metric("promtail_sent_entries_total") == 10.0).await;
        match answer {
            None => receiver.down().await,
            Some(answer) => receiver.answer(answer),
        }
        append(&site.log("a.log"), &numbered(10, 20));
        until("it was tried again", || ship.metric("promtail_batch_retries_total") >= 3.0).await;
        append(&site.log("a.log"), &numbered(20, 30));
        until("two batches wait", || ship.metric("watchfire_logs_buffer_batches") >= 2.0).await;
        match answer {
            None => receiver.up().await,
            Some(_) => receiver.answer(Answer::Take),
        }
        until("all are there", || receiver.lines().len() >= 30).await;
        assert_eq!(receiver.lines(), expected(30), "{name}: once, and in order");
        until("the buffer is empty", || ship.metric("watchfire_logs_buffer_bytes") == 0.0).await;
        assert_eq!(ship.metric("promtail_dropped_entries_total"), 0.0);
        ship.stop().await;
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_makes_repeats_and_no_more() {
    let (receiver, mut site) = (Receiver::start().await, Site::new());
    site.timeout = "500ms";
    receiver.answer(Answer::Hang);
    let ship = site.start(&receiver);
    append(&site.log("a.log"), &numbered(0, 5));
    until("it was sent twice", || receiver.lines().len() >= 10).await;
    receiver.answer(Answer::Take);
    until("it was acknowledged", || ship.metric("promtail_sent_entries_total") == 5.0).await;
    ship.stop().await;
    assert_eq!(receiver.stored(), expected(5), "a repeat has the times of the first");
}

#[tokio::test]
async fn a_refusal_is_final_and_counted() {
    for (status, client) in [(400, ""), (429, "  drop_rate_limited_batches: true\n")] {
        let (receiver, mut site) = (Receiver::start().await, Site::new());
        site.client = client.to_owned();
        receiver.answer(Answer::Status(status));
        let ship = site.start(&receiver);
        append(&site.log("a.log"), &numbered(0, 3));
        until("the refusal is counted", || ship.metric("promtail_dropped_entries_total") == 3.0).await;
        receiver.answer(Answer::Take);
        append(&site.log("a.log"), "line 0\n");
        until("the next is taken", || receiver.lines().len() == 1).await;
        assert_eq!(ship.metric("promtail_batch_retries_total"), 0.0, "{status}");
        ship.stop().await;
    }
}

#[tokio::test]
async fn an_outage_over_a_restart() {
    let (mut receiver, site) = (Receiver::start().await, Site::new());
    receiver.down().await;
    append(&site.log("a.log"), &numbered(0, 100));
    let ship = site.start(&receiver);
    until("it waits", || ship.metric("watchfire_logs_buffer_batches") >= 1.0).await;
    ship.stop().await;
    // Read and kept: not read again, though the file could be.
    std::fs::remove_file(site.log("a.log")).expect("removed");
    receiver.up().await;
    let ship = site.start(&receiver);
    assert_eq!(ship.metric("watchfire_logs_batches_recovered_total"), 1.0);
    until("all are there", || receiver.lines().len() >= 100).await;
    ship.stop().await;
    assert_eq!(receiver.lines(), expected(100));
}

#[tokio::test]
async fn a_full_buffer_stops_reading_and_nothing_is_lost() {
    let (mut receiver, mut site) = (Receiver::start().await, Site::new());
    site.buffer_bytes = 4000;
    receiver.down().await;
    let ship = site.start(&receiver);
    append(&site.log("a.log"), &numbered(0, 10_000));
    until("it is full", || ship.metric("watchfire_logs_reading_stopped") == 1.0).await;
    let read = ship.metric("promtail_read_lines_total");
    assert!(read < 10_000.0, "{read} lines read");
    assert_eq!(ship.metric("watchfire_logs_buffer_full_total"), 1.0);
    // Rotated twice while nobody reads.
    for n in [2, 1] {
        let (from, to) = (site.log("a.log"), site.folder.path().join(format!("log/a.log.{n}")));
        std::fs::rename(from, to).expect("renamed");
        let first = 10_000 + (2 - n) * 100;
        append(&site.log("a.log"), &numbered(first, first + 100));
    }
    receiver.up().await;
    until("all are there", || receiver.stored().len() >= 10_200).await;
    ship.stop().await;
    assert_all(&receiver.lines(), 10_200);
}
