//! Why an answer is empty: every kind of reason, over a store whose samples are known.

use std::sync::Arc;

use api::Targets;
use model::{DurationMs, TimestampMs};
use promql::EngineOptions;
use promql::script::MemoryStore;
use scrape::{Health, TargetMetadata, TargetStatus, TargetsStatus};
use serde_json::{Value, json};

use crate::services::{NOW_MS, Site, labels, object};

const MINUTE_MS: i64 = 60_000;

/// Two hours of requests and buckets, a target that is down since ten minutes, a series that ended, one that comes every two minutes.
fn store() -> MemoryStore {
    let mut store = MemoryStore::new();
    let mut push = |name: &str, pairs: &[(&str, &str)], at: i64, value: f64| {
        let all: Vec<(&str, &str)> = [("__name__", name)].into_iter().chain(pairs.iter().copied()).collect();
        assert!(store.push(&labels(&all), at, value));
    };
    let down_at = NOW_MS - 10 * MINUTE_MS;
    for i in (0..480).rev() {
        let at = NOW_MS - i * 15_000;
        for status in ["200", "404"] {
            let pairs = [("instance", "a:1"), ("job", "api"), ("status", status)];
            push("http_requests_total", &pairs, at, 1000.0 - i as f64);
        }
        push("memory_share", &[("instance", "a:1"), ("job", "api")], at, 0.25 + (i % 7) as f64 / 100.0);
        push("up", &[("instance", "a:1"), ("job", "api")], at, 1.0);
        push("up", &[("instance", "b:2"), ("job", "api")], at, f64::from(u8::from(at < down_at)));
        let queue = [("instance", "b:2"), ("job", "api")];
        if at < down_at {
            push("queue_length", &queue, at, 3.0);
        } else if at - down_at < 15_000 {
            // What a scrape leaves behind that fails.
            push("queue_length", &queue, at, model::STALE_NAN);
        }
        if i > 240 {
            push("gone", &[("instance", "c:3"), ("job", "old")], at, 1.0);
        }
        if i % 8 == 0 {
            push("seldom_total", &[("instance", "a:1"), ("job", "api")], at, 1.0);
        }
    }
    store
}

/// `a:1` is up, `b:2` is down.
struct HalfDown;

impl Targets for HalfDown {
    fn targets(&self) -> TargetsStatus {
        let target = |instance: &str, health, error: &str| TargetStatus {
            discovered_labels: labels(&[]),
            labels: labels(&[("instance", instance), ("job", "api")]),
            scrape_pool: "api".into(),
            scrape_url: format!("http://{instance}/metrics"),
            last_error: error.into(),
            last_scrape: Some(TimestampMs(NOW_MS)),
            last_duration_s: 0.1,
            health,
            interval: DurationMs(15_000),
            timeout: DurationMs(10_000),
        };
        let active = vec![target("a:1", Health::Up, ""), target("b:2", Health::Down, "connection refused")];
        TargetsStatus { active, ..TargetsStatus::default() }
    }

    fn pools(&self) -> Vec<String> {
        vec!["api".into()]
    }

    fn metadata(&self) -> Vec<TargetMetadata> {
        Vec::new()
    }
}

/// The last five minutes, by a quarter of a minute.
const RECENT: (i64, i64) = (NOW_MS - 5 * MINUTE_MS, NOW_MS);

async fn site() -> Site {
    let options = EngineOptions { threads: 2, ..EngineOptions::standard() };
    Site::with_all(Arc::new(store()), options, None, Arc::new(HalfDown), None).await
}

async fn asked(site: &Site, expr: &str, (from, to): (i64, i64), why: bool) -> Value {
    let target = json!({"id": "A", "expr": expr, "step_ms": 15_000});
    let request = json!({"from": from, "to": to, "targets": [target], "why": why});
    let (status, body) = site.post_ui("/api/ui/query", &request).await;
    assert_eq!(status, 200, "{body}");
    object(&body)["results"][0].clone()
}

async fn check(site: &Site, expr: &str, span: (i64, i64), kind: &str, message: &str) -> Value {
    let result = asked(site, expr, span, true).await;
    let why = &result["why"];
    assert_eq!((&why["kind"], &why["message"]), (&json!(kind), &json!(message)), "{expr}: {result}");
    why.clone()
}

#[tokio::test]
async fn no_such_metric() {
    let site = site().await;
    let message = "No metric is called http_request_total. Did you mean http_requests_total?";
    let why = check(&site, "sum(rate(http_request_total[1m]))", RECENT, "metric", message).await;
    assert_eq!((&why["start"], &why["end"]), (&json!(9), &json!(27)));
    assert_eq!(why["instead"], json!(["http_requests_total"]));
    let message =
        "No metric is called nothing_like_it. One target is down: the metric may be one of its own.";
    check(&site, "nothing_like_it", RECENT, "metric", message).await;
    site.stop().await;
}

#[tokio::test]
async fn labels_that_match_nothing() {
    let site = site().await;
    for (expr, message) in [
        (
            r#"http_requests_total{job="api",status=~"5.."}"#,
            r#"No series of http_requests_total has status=~"5.."; status is 200 or 404."#,
        ),
        (r#"http_requests_total{statsu="200"}"#, "No series of http_requests_total has the label statsu."),
        (
            r#"http_requests_total{status!~"200|404"}"#,
            r#"All series of http_requests_total fail status!~"200|404": status is 200 or 404."#,
        ),
        (
            r#"http_requests_total{instance="x",status="500"}"#,
            r#"No series of http_requests_total has instance="x", status="500" together."#,
        ),
        (
            r#"sum(rate(http_requests_total{status="500"}[1m])) / sum(rate(http_requests_total[1m]))"#,
            r#"No series of http_requests_total has status="500"; status is 200 or 404."#,
        ),
    ] {
        check(&site, expr, RECENT, "labels", message).await;
    }
    let why = &asked(&site, r#"memory_share{job="apu"}"#, RECENT, true).await["why"];
    assert_eq!(why["instead"], json!(["api"]), "{why}");
    site.stop().await;
}

#[tokio::test]
async fn a_target_that_is_down_and_since_when() {
    let site = site().await;
    let message = "Target b:2 of job api is down since {at}: connection refused.";
    let why = check(&site, "queue_length", (NOW_MS - MINUTE_MS, NOW_MS), "target", message).await;
    // Samples of less than five minutes ago count no more once the series has ended.
    let (soon, later) = (NOW_MS - 9 * MINUTE_MS, NOW_MS - 8 * MINUTE_MS);
    check(&site, "sum(queue_length)", (soon, later), "target", message).await;
    check(&site, "rate(queue_length[1m])", (soon, later), "target", message).await;
    let since = why["at_ms"].as_i64().expect("a time");
    assert!((0..15_000).contains(&(since - (NOW_MS - 10 * MINUTE_MS))), "{since}");
    site.stop().await;
}

#[tokio::test]
async fn samples_at_another_time() {
    let site = site().await;
    let message = "The last sample before the end of this range is from {at}; nothing scrapes it any more.";
    let why = check(&site, "gone", RECENT, "time", message).await;
    assert_eq!(why["at_ms"], json!(NOW_MS - 241 * 15_000));
    let (year, hour) = (365 * 24 * 60 * MINUTE_MS, 60 * MINUTE_MS);
    let old = (NOW_MS - year, NOW_MS - year + hour);
    let message = "This range is outside the retention of 15d: the oldest sample is from {at}.";
    check(&site, "memory_share", old, "time", message).await;
    let before = (NOW_MS - 4 * hour, NOW_MS - 3 * hour);
    let earlier = "The oldest sample is from {at}: nothing is kept of the time before.";
    check(&site, "memory_share", before, "time", earlier).await;
    let later = (NOW_MS + hour, NOW_MS + 2 * hour);
    check(&site, "memory_share", later, "time", "This range lies in the future: now is {at}.").await;
    check(&site, "memory_share offset 365d", RECENT, "time", message).await;
    site.stop().await;
}

#[tokio::test]
async fn an_expression_that_leaves_nothing() {
    let site = site().await;
    for (expr, message) in [
        ("memory_share > 0.8", "Nothing is > 0.8 in this time: the highest value is 0.31."),
        ("0.1 > memory_share", "Nothing is < 0.1 in this time: the lowest value is 0.25."),
        ("max(memory_share) == 5", "Nothing is == 5 in this time: values are from 0.25 to 0.31."),
        ("rate(seldom_total[1m])", "rate needs two samples in its window of 1m, and they come every 2m."),
        (
            r#"memory_share{instance="a:1"} / on (instance) up{instance="b:2"}"#,
            r#"No series on the left of / goes with one on the right: left has memory_share{instance="a:1", job="api"}, right has up{instance="b:2", job="api"}."#,
        ),
        ("absent(up)", "absent gives nothing because the series is there."),
        (
            "histogram_quantile(0.9, rate(http_requests_total[5m]))",
            "histogram_quantile needs buckets: no series here has the label le.",
        ),
        ("memory_share unless up", "Everything on the left is on the right as well, so nothing is left."),
    ] {
        let why = check(&site, expr, RECENT, "expression", message).await;
        assert!(why["end"].as_i64() > why["start"].as_i64(), "{why}");
    }
    // The part that is to blame is named, not the whole.
    let why = asked(&site, "sum(memory_share > 0.8) * 2", RECENT, true).await["why"].clone();
    assert_eq!((&why["start"], &why["end"]), (&json!(4), &json!(22)), "{why}");
    site.stop().await;
}

#[tokio::test]
async fn nobody_is_told_who_did_not_ask_or_has_an_answer() {
    let site = site().await;
    assert_eq!(asked(&site, "nothing_like_it", RECENT, false).await.get("why"), None);
    assert_eq!(asked(&site, "up", RECENT, true).await.get("why"), None);
    assert_eq!(asked(&site, "up(", RECENT, true).await.get("why"), None);
    site.stop().await;
}
