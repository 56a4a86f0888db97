//! The panels of the dashboards of logs that ship: asked in one round, where they share what they read, they answer what they answer
//! one by one.

use std::path::PathBuf;

use model::{Labels, TimestampNs};
use serde_json::{Value, json};

use crate::services::{NOW_MS, Site, labels};

const LINES: i64 = 400;
const STEP_MS: i64 = 15_000;
/// How many times the engine was asked.
const QUERIES: &str = "prometheus_engine_query_duration_histogram_seconds_count";

/// Ten minutes of what the lab's services log; numbers are quarters, whose sums are exact in any order.
fn fill(site: &Site) {
    let stream = |job: &str, i: i64| labels(&[("job", job), ("service", ["orders", "web"][i as usize % 2])]);
    for i in 0..LINES {
        let at = TimestampNs((NOW_MS - 600_000 + i * 1500) * 1_000_000);
        let (method, view) =
            (["GET", "POST", "HEAD"][i as usize % 3], ["data", "charge"][i as usize % 5 / 3]);
        let (status, ms) = ([200, 200, 404, 500][i as usize % 4], f64::from(i as u32 % 97) / 4.0);
        let more = if i % 3 == 0 { r#","external_calls":1,"external_ms":2.5"# } else { "" };
        let line = match i % 50 {
            // A process that was killed in the middle of a line, and one whose fields are not what they should be.
            17 => format!(r#"{{"method":"{method}","view":"{view}","status":{status},"dura"#),
            33 => format!(
                r#"{{"method":"{method}","view":"{view}","status":"{status}","duration_ms":1,"response_bytes":"many"}}"#
            ),
            _ => format!(
                r#"{{"ts":{i},"method":"{method}","view":"{view}","status":{status},"duration_ms":{ms},"response_bytes":{},"db_queries":{},"db_ms":0.25{more}}}"#,
                i * 7 % 1000,
                i % 4
            ),
        };
        let trace = if i % 4 == 0 { labels(&[("trace", "7")]) } else { Labels::empty() };
        site.logs.add(&stream("access", i), at, &line, &trace);
        site.logs.add(
            &stream("profiler", i),
            at,
            &format!("[profiler] {method} {view} {ms} {status}"),
            &Labels::empty(),
        );
        let level = if i % 9 == 0 { "ERROR" } else { "INFO" };
        let app = labels(&[("job", "flask-app"), ("level", level)]);
        site.logs.add(&app, at, &format!("{level} {method} /api/{view} {status}"), &Labels::empty());
    }
}

/// The dashboard's queries in LogQL as its page asks them, with its variables as they are at first.
fn targets(name: &str) -> Vec<Value> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../deploy/provision/dashboards");
    let text = std::fs::read_to_string(folder.join(name)).expect("the dashboard");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    let of_panel = |panel: &Value| panel["targets"].as_array().cloned().unwrap_or_default();
    let all = document["panels"].as_array().expect("panels").iter().flat_map(of_panel);
    let of_logs = all.filter(|target| target["datasource"]["type"] == "loki");
    let shape = |(i, target): (usize, Value)| {
        let mut expr = target["expr"].as_str().expect("a query").to_owned();
        for variable in document["templating"]["list"].as_array().expect("variables") {
            let value = match variable["current"]["value"].as_str() {
                Some(value) if value != "$__all" => value,
                _ => variable["allValue"].as_str().unwrap_or(".+"),
            };
            expr = expr.replace(&format!("${}", variable["name"].as_str().expect("a name")), value);
        }
        let expr = expr.replace("$__auto", "15s").replace("$__range", "600s");
        let instant = target["queryType"] == "instant";
        json!({ "id": format!("{i}"), "expr": expr, "language": "logql", "step_ms": STEP_MS, "instant": instant })
    };
    of_logs.enumerate().map(shape).collect()
}

/// What the targets of a round give, without the time it took.
async fn asked(site: &Site, targets: &[Value]) -> Vec<Value> {
    let to = NOW_MS / STEP_MS * STEP_MS;
    let (code, body) =
        site.post_ui("/api/ui/query", &json!({ "from": to - 600_000, "to": to, "targets": targets })).await;
    assert_eq!(code, 200, "{body}");
    let mut body: Value = serde_json::from_str(&body).expect("JSON");
    let results = body["results"].as_array_mut().expect("results");
    for result in results.iter_mut() {
        result.as_object_mut().expect("an object").remove("took_ms");
    }
    std::mem::take(results)
}

/// Asks a dashboard both ways; answers how many of its targets there are.
async fn check(site: &Site, name: &str) -> usize {
    let targets = targets(name);
    let together = asked(site, &targets).await;
    for (target, together) in targets.iter().zip(&together) {
        let alone = asked(site, std::slice::from_ref(target)).await;
        assert_eq!(&alone[0], together, "{target}");
        let has_some = ["series", "lines"]
            .iter()
            .any(|kind| together[kind].as_array().is_some_and(|all| !all.is_empty()));
        assert!(has_some, "{target}: {together}");
    }
    targets.len()
}

#[tokio::test]
async fn panels_of_a_round_answer_what_they_answer_one_by_one() {
    let site = Site::start().await;
    fill(&site);
    assert_eq!(site.metric("watchfire_api_line_queries_together_total").await, 0.0);
    let endpoints = check(&site, "endpoint-performance-logs.json").await;
    assert!(endpoints >= 16, "{endpoints}");
    // All but the panel of lines and that of the profiler, whose lines no other panel reads.
    assert_eq!(site.metric("watchfire_api_line_queries_together_total").await, endpoints as f64 - 2.0);
    assert!(check(&site, "flask-observability-dashboard.json").await >= 3);
    site.stop().await;
}

fn target(id: &str, expr: &str, step_ms: i64) -> Value {
    json!({ "id": id, "expr": expr, "language": "logql", "step_ms": step_ms })
}

#[tokio::test]
async fn what_is_asked_twice_is_read_once_beside_a_large_answer() {
    let site = Site::start().await;
    for i in 0..100 {
        let stream = labels(&[("job", "many"), ("stream", &i.to_string())]);
        site.logs.add(&stream, TimestampNs((NOW_MS - 300_000) * 1_000_000), "x", &Labels::empty());
    }
    let (one, other) =
        (r#"sum(count_over_time({job="many"}[5m]))"#, r#"sum(bytes_over_time({job="many"}[5m]))"#);
    let large = r#"count_over_time({job="many"}[10m])"#;
    let targets = [
        target("A", one, STEP_MS),
        target("B", other, STEP_MS),
        // More values than are kept for later targets.
        target("C", large, 55),
        target("D", one, STEP_MS),
        target("E", other, STEP_MS),
    ];
    let answers = asked(&site, &targets).await;
    assert!(answers.iter().all(|answer| answer["error"].is_null() && answer["series"] != json!([])));
    assert!((0..2).all(|i| answers[i]["series"] == answers[i + 3]["series"]));
    assert!(
        answers[2]["count"].as_u64().is_some_and(|count| count * 100 > 1 << 20),
        "{}",
        answers[2]["count"]
    );
    assert_eq!(site.metric(QUERIES).await, 1.0);
    site.stop().await;
}

#[tokio::test]
async fn a_round_without_a_query_that_parses_evaluates_nothing() {
    let site = Site::start().await;
    let answers = asked(&site, &[target("A", "sum(", STEP_MS), target("B", "count(", STEP_MS)]).await;
    assert!(answers.iter().all(|answer| answer["error"]["message"].is_string()), "{answers:?}");
    assert_eq!(site.metric(QUERIES).await, 0.0);
    site.stop().await;
}

#[tokio::test]
async fn functions_of_a_single_query_that_are_put_off_are_counted() {
    let site = Site::start().await;
    fill(&site);
    let seventy = vec![r#"sum(count_over_time({job="access"}[5m]))"#; 70].join(" + ");
    let at = (NOW_MS * 1_000_000).to_string();
    let query = format!("({seventy}) + ({seventy})");
    let (code, body) = site.post_loki("/loki/api/v1/query", &[("query", &query), ("time", &at)]).await;
    assert_eq!(code, 200, "{body}");
    // 128 of them are read together.
    assert_eq!(site.metric("watchfire_api_line_readings_put_off_total").await, 12.0);
    assert_eq!(site.metric("watchfire_api_line_queries_together_total").await, 0.0);
    site.stop().await;
}
