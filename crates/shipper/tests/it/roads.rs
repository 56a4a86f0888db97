//! Lines arrive as configured, once, and go on where they were left.

use std::io::Write;

use crate::receiver::{Receiver, Site, append, expected, numbered, until};

#[tokio::test]
async fn lines_arrive_with_their_labels_and_new_files_are_found() {
    let (receiver, mut site) = (Receiver::start().await, Site::new());
    site.client =
        "  tenant_id: team\n  external_labels: {host: h, job: none}\n  bearer_token: t\n".to_owned();
    site.job = "  pipeline_stages:\n  - regex: {expression: '^(?P<word>\\w+) (?P<n>\\d+)'}\n  \
        - structured_metadata: {n: }\n  - match: {selector: '{job=\"test\"} |= \"line 1\"', stages: [{tenant: {value: other}}]}\n"
        .to_owned();
    append(&site.log("a.log"), &numbered(0, 2));
    append(&site.log("no.log"), "excluded\n");
    let ship = site.start(&receiver);
    until("both lines are there", || receiver.lines().len() == 2).await;
    append(&site.log("b.log"), "new file\nunfinished");
    until("the new file is there", || receiver.lines().len() == 3).await;
    {
        let seen = receiver.seen();
        let labels = |name: &str| {
            let path = site.log(name);
            format!("{{filename=\"{}\", host=\"h\", job=\"test\"}}", path.display())
        };
        let mut got = seen.got.clone();
        got.sort_by_key(|got| got.at_ns);
        let shown: Vec<_> =
            got.iter().map(|got| (&*got.labels, &*got.line, &*got.metadata, &*got.tenant)).collect();
        let (a, b) = (labels("a.log"), labels("b.log"));
        assert_eq!(
            shown,
            [
                (&*a, "line 0", "{n=\"0\"}", "team"),
                (&*a, "line 1", "{n=\"1\"}", "other"),
                (&*b, "new file", "{}", "team"),
            ]
        );
        assert_eq!(seen.authorization.as_deref(), Some("Bearer t"));
    }
    append(&site.log("b.log"), " no more\n");
    until("the rest is there", || receiver.lines().len() == 4).await;
    assert_eq!(receiver.lines()[3], "unfinished no more");
    until("all are acknowledged", || ship.metric("promtail_sent_entries_total") == 4.0).await;
    assert_eq!(ship.metric("promtail_read_lines_total"), 4.0);
    assert_eq!(ship.metric("promtail_files_active_total"), 2.0);
    ship.stop().await;
}

#[tokio::test]
async fn a_restart_goes_on_at_the_position() {
    let (receiver, site) = (Receiver::start().await, Site::new());
    append(&site.log("a.log"), &numbered(0, 5));
    let ship = site.start(&receiver);
    until("five lines are there", || receiver.lines().len() == 5).await;
    ship.stop().await;
    let text = std::fs::read_to_string(site.positions()).expect("positions");
    assert!(text.contains(&format!("{}: \"35\"", site.log("a.log").display())), "{text}");
    append(&site.log("a.log"), &numbered(5, 8));
    let ship = site.start(&receiver);
    until("the others are there", || receiver.lines().len() >= 8).await;
    let folder = site.folder.path().join("positions.yaml.buffer");
    let count = || std::fs::read_dir(&folder).expect("there").count();
    until("what was acknowledged is removed", || count() == 0).await;
    ship.stop().await;
    assert_eq!(receiver.lines(), expected(8));
}

#[tokio::test]
async fn compressed_files_are_read_once() {
    let (receiver, mut site) = (Receiver::start().await, Site::new());
    site.job = "  decompression: {enabled: true, format: gz}\n".to_owned();
    let packed = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).expect("packed");
        encoder.finish().expect("packed")
    };
    std::fs::write(site.log("a.log"), packed(&numbered(0, 3000))).expect("written");
    let ship = site.start(&receiver);
    until("all lines are there", || receiver.lines().len() == 3000).await;
    ship.stop().await;
    let ship = site.start(&receiver);
    std::fs::write(site.log("a.log"), packed(&numbered(0, 3001))).expect("written");
    until("the new line is there", || receiver.lines().len() > 3000).await;
    ship.stop().await;
    assert_eq!(receiver.lines(), expected(3001));
}

#[tokio::test]
async fn a_held_block_is_not_lost_by_a_stop_and_not_sent_twice() {
    let (receiver, mut site) = (Receiver::start().await, Site::new());
    site.job = "  pipeline_stages:\n  - multiline: {firstline: '^\\d', max_wait_time: 1h}\n".to_owned();
    append(&site.log("a.log"), "1 first\n more\n2 second\n");
    let ship = site.start(&receiver);
    until("the first block is there", || receiver.lines().len() == 1).await;
    ship.stop().await;
    assert_eq!(receiver.lines(), ["1 first\n more", "2 second"]);
    let ship = site.start(&receiver);
    append(&site.log("a.log"), "3 third\n");
    until("the third is read", || ship.metric("promtail_read_lines_total") == 1.0).await;
    ship.stop().await;
    assert_eq!(receiver.lines(), ["1 first\n more", "2 second", "3 third"]);
}

#[tokio::test]
async fn equal_lines_of_one_moment_are_told_apart() {
    let (receiver, site) = (Receiver::start().await, Site::new());
    append(&site.log("a.log"), &"same\n".repeat(5000));
    let ship = site.start(&receiver);
    until("all are there", || receiver.lines().len() == 5000).await;
    ship.stop().await;
    assert_eq!(receiver.stored().len(), 5000);
}

#[tokio::test]
async fn limits_drop_cut_and_slow_down() {
    let (receiver, mut site) = (Receiver::start().await, Site::new());
    site.job = "limits_config: {max_line_size: 10B, max_streams: 1, readline_rate_enabled: true, readline_rate: 100, \
        readline_burst: 5, readline_rate_drop: false}\n"
        .to_owned();
    append(&site.log("a.log"), &format!("much too long\n{}", numbered(0, 30)));
    let begun = std::time::Instant::now();
    let ship = site.start(&receiver);
    until("all but the long one are there", || receiver.lines().len() == 30).await;
    assert!(begun.elapsed().as_millis() >= 250, "100 a second after a burst of 5");
    append(&site.log("b.log"), "too many\n");
    until("both drops are counted", || ship.metric("promtail_dropped_entries_total") == 2.0).await;
    ship.stop().await;
    assert_eq!(receiver.lines(), expected(30));
}
