//! Life of a target: first scrape, vanishing series, failures, removal, reload, discovery.

use std::time::{Duration, Instant};

use model::{Labels, MetricKind};
use scrape::Health;

use crate::site::{Rig, Site, job_for, jobs, wait};

const UP: &str = r#"up{instance="i", job="j"}"#;
const A: &str = r#"a{instance="i", job="j"}"#;
const B: &str = r#"b{instance="i", job="j", l="1"}"#;

fn report(name: &str) -> String {
    format!(r#"{name}{{instance="i", job="j"}}"#)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_scrape_is_soon_and_complete() {
    let site = Site::start("# TYPE a counter\n# HELP a words\na 1\nb{l=\"1\"} 2.5\n").await;
    let start = Instant::now();
    let address = &site.address;
    let rig = Rig::start(jobs(&format!(
        "[{{job_name: j, scrape_interval: 1h, static_configs: [{{targets: ['{address}'], labels: {{instance: i}}}}]}}]"
    )));
    wait("the first scrape", || rig.store.last(UP).is_some()).await;
    // Long before the interval of an hour is over.
    assert!(start.elapsed() < Duration::from_secs(120), "first scrape after {:?}", start.elapsed());
    let last = |name: &str| rig.store.last(name).flatten();
    assert_eq!((last(UP), last(A), last(B)), (Some(1.0), Some(1.0), Some(2.5)));
    assert_eq!(last(&report("scrape_samples_scraped")), Some(2.0));
    assert_eq!(last(&report("scrape_samples_post_metric_relabeling")), Some(2.0));
    assert_eq!(last(&report("scrape_series_added")), Some(2.0));
    assert!(last(&report("scrape_duration_seconds")).is_some_and(|s| s > 0.0 && s < 10.0));
    wait("the target is up", || rig.manager.targets().active[0].health == Health::Up).await;
    let targets = rig.manager.targets();
    let [target] = targets.active.as_slice() else { panic!("{targets:?}") };
    assert_eq!(target.last_error, "");
    assert!(target.last_scrape.is_some() && target.last_duration_s > 0.0);
    assert_eq!(target.scrape_url, format!("http://{address}/metrics"));
    let metadata = rig.manager.metadata();
    let [(_, name, words)] = metadata.as_slice() else { panic!("{metadata:?}") };
    assert_eq!((name.as_str(), words.kind, words.help.as_str()), ("a", MetricKind::Counter, "words"));
    let request = site.requests().remove(0).to_ascii_lowercase();
    assert!(request.starts_with("get /metrics http/1.1\r\n"), "{request}");
    assert!(
        request.contains("accept: application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"),
        "{request}"
    );
    assert!(request.contains("x-prometheus-scrape-timeout-seconds: 10\r\n"), "{request}");
    rig.manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vanished_series_gets_one_marker() {
    let site = Site::start("a 1\nb{l=\"1\"} 2\n").await;
    let rig = Rig::start(job_for(&site, ""));
    rig.scrapes(2).await;
    site.say("a 1\n");
    wait("a marker", || rig.store.last(B) == Some(None)).await;
    rig.scrapes(3).await;
    assert!(rig.store.markers_while_up(B, UP) <= 1);
    assert_eq!(rig.store.markers_while_up(A, UP), 0);
    site.say("a 1\nb{l=\"1\"} 3\n");
    wait("it comes back", || rig.store.last(B) == Some(Some(3.0))).await;
    wait("lines are recognised by their place", || {
        let rows = rig.own("prometheus_target_scrape_rows_total{way=\"expected\"}");
        rows.and_then(|n| n.parse::<u64>().ok()).is_some_and(|n| n >= 4)
    })
    .await;
    rig.manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_scrape_marks_all_and_says_why() {
    let site = Site::start("a 1\n").await;
    let rig = Rig::start(job_for(&site, ""));
    rig.scrapes(2).await;
    let address = site.address.clone();
    for (status, content_type, body, error) in [
        (404, "text/plain", "a 1\n", "server returned HTTP status 404 Not Found"),
        (
            200,
            "text/html",
            "a 1\n",
            "received unsupported Content-Type \"text/html\" and no fallback_scrape_protocol specified for target",
        ),
        (200, "text/plain", "a 1\nb x\n", "line 2, column 3: expected a value, found \"x\""),
        (200, "text/plain", "a 1\nb{l=\"1\",l=\"2\"} 1\n", "line 2: label name \"l\" is not unique"),
        (200, "application/openmetrics-text", "a 1\n", "line 2, column 1: data does not end with # EOF"),
    ] {
        site.say(body);
        site.answer(status, content_type);
        wait(error, || rig.manager.targets().active[0].last_error == error).await;
        wait("a marker", || rig.store.last(A) == Some(None) && rig.store.last(UP) == Some(Some(0.0))).await;
        assert_eq!(rig.manager.targets().active[0].health, Health::Down);
        site.say("a 1\n");
        site.answer(200, "text/plain");
        wait("it recovers", || rig.store.last(A) == Some(Some(1.0)) && rig.store.last(UP) == Some(Some(1.0)))
            .await;
    }
    drop(site);
    let refused = format!("Get \"http://{address}/metrics\": Connection refused");
    wait("nobody there", || rig.manager.targets().active[0].last_error == refused).await;
    rig.manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_refuse_the_whole_scrape() {
    for (limit, error) in [
        ("sample_limit: 1,", "sample limit exceeded"),
        ("label_limit: 3,", "line 2: label_limit exceeded (metric: b, number of labels: 4, limit: 3)"),
        ("body_size_limit: 5B,", "body size limit exceeded"),
    ] {
        let site = Site::start("a 1\nb{l=\"1\"} 2\n").await;
        let rig = Rig::start(job_for(&site, limit));
        wait(error, || rig.manager.targets().active.first().is_some_and(|t| t.last_error == error)).await;
        assert_eq!((rig.store.last(UP), rig.store.last(A)), (Some(Some(0.0)), None), "{limit}");
        rig.manager.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_are_merged_and_metrics_relabelled() {
    let site = Site::start("a{job=\"own\"} 1\nb 2\nc{x=\"y\"} 3 1000\n").await;
    let rules = "metric_relabel_configs: [{source_labels: [__name__], regex: b, action: drop}], honor_timestamps: false,";
    let rig = Rig::start(job_for(&site, rules));
    let a = r#"a{exported_job="own", instance="i", job="j"}"#;
    wait("a scrape", || rig.store.values(a).contains(&Some(1.0))).await;
    assert_eq!(rig.store.last(&report("b")), None);
    assert!(rig.store.values(&report("scrape_samples_scraped")).contains(&Some(3.0)));
    assert!(rig.store.values(&report("scrape_samples_post_metric_relabeling")).contains(&Some(2.0)));
    assert!(rig.store.samples(r#"c{instance="i", job="j", x="y"}"#).iter().all(|(at, _)| *at > 1000));
    rig.manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exemplars_come_with_their_series_and_spoil_nothing() {
    let site = Site::start(
        "# TYPE a counter\na_total{x=\"1\"} 5 # {t=\"z\"} 0.5 1.5\na_total{x=\"2\"} 6 9 # {t=\"y\"} 2\n\
         a_total{x=\"3\"} 7 # {t=\"1\",t=\"2\"} 1\na_total{x=\"4\"} 8 # {t=\"w\"} 1 -5\n# EOF\n",
    )
    .await;
    site.answer(200, "application/openmetrics-text; version=1.0.0");
    let rig = Rig::start(job_for(&site, ""));
    // Not so many scrapes: on a busy machine they may time out.
    wait("two exemplars", || rig.store.exemplars().len() >= 2).await;
    let shown = |(series, e): &(Labels, storage::Exemplar)| {
        format!("{} {} {} {}", series.get("x").unwrap_or_default(), e.labels, e.value, e.has_own_time)
    };
    let all = rig.store.exemplars();
    assert_eq!(
        all.iter().take(2).map(shown).collect::<Vec<_>>(),
        ["1 {t=\"z\"} 0.5 true", "2 {t=\"y\"} 2 false"]
    );
    assert_eq!((all[0].1.at.0, all[1].1.at.0), (1500, 9000));
    // Labels given twice, and a time that the store does not take: the samples stay.
    for x in ["3", "4"] {
        let series = format!(r#"a_total{{instance="i", job="j", x="{x}"}}"#);
        assert!(rig.store.values(&series).iter().any(Option::is_some), "{series}");
    }
    rig.manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn explicit_timestamps_are_kept_without_markers() {
    let site = Site::start("a 1 1000\n").await;
    let rig = Rig::start(job_for(&site, "honor_labels: true,"));
    wait("the sample", || !rig.store.samples(A).is_empty()).await;
    site.say("");
    rig.scrapes(2).await;
    assert_eq!(rig.store.samples(A), [(1000, Some(1.0))]);
    rig.manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_target_is_marked_and_a_stop_is_not() {
    let (site, other) = (Site::start("a 1\n").await, Site::start("b{l=\"1\"} 1\n").await);
    let both = |s: &Site, name: &str, instance: &str| {
        let address = &s.address;
        format!(
            "{{job_name: {name}, scrape_interval: 50ms, scrape_timeout: 50ms, static_configs: [{{targets: ['{address}'], labels: {{instance: {instance}}}}}]}}"
        )
    };
    let (j, k) = (both(&site, "j", "i"), both(&other, "k", "i"));
    let rig = Rig::start(jobs(&format!("[{j}, {k}]")));
    let of_k = r#"b{instance="i", job="k", l="1"}"#;
    wait("both are scraped", || rig.store.last(A).is_some() && rig.store.last(of_k).is_some()).await;
    rig.manager.reload(jobs(&format!("[{k}]")));
    wait("markers", || {
        [A, UP, &report("scrape_duration_seconds")].iter().all(|s| rig.store.last(s) == Some(None))
    })
    .await;
    assert_eq!(rig.manager.targets().active.len(), 1);
    assert_eq!(rig.manager.pools(), ["k"]);
    let Rig { store, manager, .. } = rig;
    manager.stop().await;
    let up_of_k = r#"up{instance="i", job="k"}"#;
    assert_eq!(store.markers_while_up(of_k, up_of_k), 0);
    assert!(store.values(up_of_k).iter().all(Option::is_some));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_keeps_what_stays_and_applies_what_changes() {
    let site = Site::start("a 1\nb{l=\"1\"} 2\n").await;
    let rig = Rig::start(job_for(&site, ""));
    rig.scrapes(2).await;
    rig.manager.reload(job_for(&site, ""));
    rig.scrapes(2).await;
    rig.manager.reload(job_for(
        &site,
        "metric_relabel_configs: [{source_labels: [__name__], regex: b, action: drop}],",
    ));
    wait("a marker for what is dropped now", || rig.store.last(B) == Some(None)).await;
    rig.scrapes(2).await;
    // The loop was never restarted: nothing of what stayed was marked.
    assert_eq!(rig.store.markers_while_up(A, UP), 0);
    assert!(rig.store.values(UP).iter().all(Option::is_some));
    assert_eq!(rig.manager.targets().active.len(), 1);
    rig.manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_bring_and_take_targets() {
    let site = Site::start("a 1\n").await;
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("t.json");
    let pattern = dir.path().join("*.json").display().to_string();
    let rig = Rig::start(jobs(&format!(
        "[{{job_name: j, scrape_interval: 50ms, scrape_timeout: 50ms, file_sd_configs: [{{files: ['{pattern}']}}],
           relabel_configs: [{{source_labels: [drop], regex: me, action: drop}}]}}]"
    )));
    let groups = format!(
        r#"[{{"targets": ["{}"], "labels": {{"instance": "i"}}}}, {{"targets": ["x:1"], "labels": {{"drop": "me"}}}}]"#,
        site.address
    );
    std::fs::write(&file, groups).expect("written");
    wait("the target is found", || rig.store.last(A).is_some()).await;
    let targets = rig.manager.targets();
    assert_eq!((targets.active.len(), targets.dropped.len()), (1, 1));
    assert_eq!(
        targets.active[0].discovered_labels.get("__meta_filepath"),
        Some(file.display().to_string().as_str())
    );
    std::fs::write(&file, "[{").expect("written");
    wait("the error is counted", || {
        rig.own("prometheus_sd_file_read_errors_total").is_some_and(|n| n != "0")
    })
    .await;
    assert_eq!(rig.manager.targets().active.len(), 1);
    std::fs::write(&file, "[]").expect("written");
    wait("the target is gone", || rig.manager.targets().active.is_empty() && rig.store.last(A) == Some(None))
        .await;
    rig.manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http_discovery_and_secrets() {
    let site = Site::start("a 1\n").await;
    let list =
        Site::start(&format!(r#"[{{"targets": ["{}"], "labels": {{"instance": "i"}}}}]"#, site.address))
            .await;
    list.answer(200, "application/json");
    let rig = Rig::start(jobs(&format!(
        "[{{job_name: j, scrape_interval: 50ms, scrape_timeout: 50ms, basic_auth: {{username: Aladdin, password: open sesame}},
           http_headers: {{X-Extra: {{values: [v], secrets: [s]}}}}, params: {{q: ['1 2']}},
           http_sd_configs: [{{url: 'http://{}/list', authorization: {{credentials: t}}}}]}}]",
        list.address
    )));
    wait("the target is found", || rig.store.last(A).is_some()).await;
    let asked = list.requests().remove(0).to_ascii_lowercase();
    assert!(asked.starts_with("get /list ") && asked.contains("\r\nauthorization: bearer t\r\n"), "{asked}");
    assert!(asked.contains("\r\nx-prometheus-refresh-interval-seconds: 60\r\n"), "{asked}");
    let scraped = site.requests().remove(0);
    assert!(scraped.starts_with("GET /metrics?q=1+2 "), "{scraped}");
    let scraped = scraped.to_ascii_lowercase();
    assert!(scraped.contains("\r\nauthorization: basic qwxhzgrpbjpvcgvuihnlc2ftzq==\r\n"), "{scraped}");
    assert!(scraped.contains("\r\nx-extra: v\r\n") && scraped.contains("\r\nx-extra: s\r\n"), "{scraped}");
    assert!(!format!("{:?}", rig.manager.targets()).contains("sesame"));
    rig.manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_refuses_or_forgets_is_survived() {
    let site = Site::start("a 1\nb{l=\"1\"} 2\n").await;
    let rig = Rig::start(job_for(&site, ""));
    rig.scrapes(2).await;
    rig.store.refuse_commits(true);
    let error = "the store did not take the scrape: the disk is full";
    wait(error, || rig.manager.targets().active[0].last_error == error).await;
    rig.store.refuse_commits(false);
    rig.scrapes(2).await;
    rig.store.forget_ids();
    let before = rig.store.values(A).len();
    wait("samples of new ids", || rig.store.values(A).len() >= before + 3).await;
    wait("the target is up", || rig.manager.targets().active[0].health == Health::Up).await;
    assert_eq!(rig.store.markers_while_up(A, UP), 0);
    rig.manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_targets_refuse_all() {
    let site = Site::start("a 1\n").await;
    let address = &site.address;
    let rig = Rig::start(jobs(&format!(
        "[{{job_name: j, scrape_interval: 50ms, scrape_timeout: 50ms, target_limit: 1,
           static_configs: [{{targets: ['{address}'], labels: {{instance: i}}}}, {{targets: ['{address}'], labels: {{instance: k}}}}]}}]"
    )));
    let error = "target_limit exceeded (number of targets: 2, limit: 1)";
    wait(error, || {
        let active = rig.manager.targets().active;
        active.len() == 2 && active.iter().all(|t| t.last_error == error)
    })
    .await;
    assert!(site.requests().is_empty());
    rig.manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_metrics_can_be_scraped() {
    let site = Site::start("# TYPE a counter\na 1\n").await;
    let rig = Rig::start(job_for(&site, ""));
    rig.scrapes(2).await;
    exposition::strict::check(rig.own_text().as_bytes()).expect("valid OpenMetrics");
    site.answer(200, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    site.say(&rig.own_text());
    let series = r#"prometheus_target_scrape_pool_targets{instance="i", job="j", scrape_job="j"}"#;
    wait("our own series", || rig.store.last(series) == Some(Some(1.0))).await;
    rig.manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_lines_for_one_series_the_first_counts() {
    let site = Site::start("a 1\na 2\n").await;
    let rig = Rig::start(job_for(&site, ""));
    wait("both lines are seen", || {
        rig.own("prometheus_target_scrapes_sample_duplicate_timestamp_total").is_some_and(|n| n != "0")
    })
    .await;
    rig.scrapes(3).await;
    assert!(rig.store.values(A).contains(&Some(1.0)) && !rig.store.values(A).contains(&Some(2.0)));
    rig.manager.stop().await;
}
