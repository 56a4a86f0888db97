//! Loki's query API, answers compared byte for byte where clients read them.

use std::future::Future;

use model::{Labels, TimestampNs};
use serde_json::{Value, json};

use crate::services::{NOW_MS, Site, labels};

/// Ten seconds apart, the last one ten seconds ago.
fn fill(site: &Site) {
    let web = labels(&[("app", "web"), ("env", "prod")]);
    let db = labels(&[("app", "db")]);
    let at = |ago_s: i64| TimestampNs((NOW_MS - ago_s * 1000) * 1_000_000);
    for (i, status) in [200, 500, 200, 404].into_iter().enumerate() {
        let line = format!(r#"{{"status":{status},"path":"/a","took":"{i}ms"}}"#);
        site.logs.add(&web, at(40 - 10 * i as i64), &line, &labels(&[("trace", &format!("t{i}"))]));
    }
    site.logs.add(&db, at(15), "level=warn msg=\"slow query\" n=1", &Labels::empty());
    site.logs.add(&db, at(5), "level=warn msg=\"slow query\" n=22", &Labels::empty());
}

async fn with_site<F: Future<Output = ()>>(test: impl FnOnce(std::sync::Arc<Site>) -> F) {
    let site = std::sync::Arc::new(Site::start().await);
    fill(&site);
    test(site.clone()).await;
    if let Ok(site) = std::sync::Arc::try_unwrap(site) {
        site.stop().await;
    }
}

fn encoded(query: &str) -> String {
    query
        .bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

/// The result of a query, without statistics.
async fn result(site: &Site, path: &str, query: &str, more: &str) -> Value {
    let (code, body) = site.get_loki(&format!("/loki/api/v1/{path}?query={}{more}", encoded(query))).await;
    assert_eq!(code, 200, "{query}: {body}");
    let body: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(body["status"], "success");
    body["data"]["result"].clone()
}

async fn refused(site: &Site, path: &str, expected_code: u16, expected: &str) {
    let (code, body) = site.get_loki(path).await;
    assert_eq!((code, body.contains(expected)), (expected_code, true), "{path}: {code} {body}");
    assert!(!body.starts_with('{'), "errors are plain text: {body}");
}

#[tokio::test]
async fn lines_come_by_stream_newest_first() {
    with_site(async |site| {
        let (code, body) = site.get_loki("/loki/api/v1/query_range?query=%7Bapp%3D%22db%22%7D").await;
        assert_eq!(code, 200);
        let (late, early) = ((NOW_MS - 5000) * 1_000_000, (NOW_MS - 15_000) * 1_000_000);
        let expected = format!(
            r#"{{"status":"success","data":{{"resultType":"streams","result":[{{"stream":{{"app":"db"}},"values":[["{late}","level=warn msg=\"slow query\" n=22"],["{early}","level=warn msg=\"slow query\" n=1"]]}}],"stats":{{"#
        );
        assert!(body.starts_with(&expected), "{body}\n{expected}");
        let body: Value = serde_json::from_str(&body).expect("JSON");
        let summary = &body["data"]["stats"]["summary"];
        assert_eq!((&summary["totalLinesProcessed"], &summary["totalEntriesReturned"]), (&json!(2), &json!(2)));
        let forward = result(&site, "query_range", r#"{app="web"} | json | keep app"#, "&direction=forward&limit=2").await;
        assert_eq!(forward[0]["values"].as_array().map(Vec::len), Some(2));
        assert!(forward[0]["values"][0][0].as_str() < forward[0]["values"][1][0].as_str());
        // Labels of lines make streams of their own.
        assert_eq!(result(&site, "query_range", r#"{app="web"}"#, "").await.as_array().map(Vec::len), Some(4));
    })
    .await;
}

#[tokio::test]
async fn labels_are_told_apart_where_that_is_asked_for() {
    with_site(async |site| {
        let path = format!(
            "/loki/api/v1/query_range?query={}",
            encoded(r#"{app="web"} | json status | trace="t1""#)
        );
        let (_, body) =
            site.get_loki_with(&path, ("X-Loki-Response-Encoding-Flags", "categorize-labels")).await;
        let body: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(body["data"]["encodingFlags"], json!(["categorize-labels"]));
        let stream = &body["data"]["result"][0];
        assert_eq!(stream["stream"], json!({ "app": "web", "env": "prod" }));
        let third = &stream["values"][0][2];
        assert_eq!(*third, json!({ "structuredMetadata": { "trace": "t1" }, "parsed": { "status": "500" } }));
        let (_, body) = site
            .get_loki_with(
                "/loki/api/v1/query_range?query=%7Bapp%3D%22db%22%7D",
                ("X-Loki-Response-Encoding-Flags", "categorize-labels"),
            )
            .await;
        let body: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(body["data"]["result"][0]["values"][0][2], json!({}));
    })
    .await;
}

#[tokio::test]
async fn numbers_come_at_multiples_of_the_step() {
    with_site(async |site| {
        let from = (NOW_MS - 45_000) / 1000;
        let more = format!("&start={from}&end={}&step=20", NOW_MS / 1000);
        let matrix =
            result(&site, "query_range", r#"sum by (app) (count_over_time({app=~".+"}[20s]))"#, &more).await;
        let times: Vec<i64> = matrix[1]["values"]
            .as_array()
            .expect("points")
            .iter()
            .map(|p| p[0].as_i64().expect("seconds"))
            .collect();
        assert!(times.iter().all(|at| at % 20 == 0) && times[0] >= from - 20, "{times:?}");
        let total: i64 = matrix[1]["values"]
            .as_array()
            .expect("points")
            .iter()
            .map(|p| p[1].as_str().and_then(|v| v.parse::<i64>().ok()).expect("a count"))
            .sum();
        assert_eq!((&matrix[1]["metric"], total), (&json!({ "app": "web" }), 4));
    })
    .await;
}

#[tokio::test]
async fn an_instant_has_a_vector_or_a_scalar() {
    with_site(async |site| {
        // What Grafana asks to see whether a datasource works.
        let path = format!("/loki/api/v1/query?direction=backward&query={}&time=4000000000", encoded("vector(1)+vector(1)"));
        let (code, body) = site.get_loki(&path).await;
        let expected = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[4000000000,"2"]}],"stats":{"#;
        assert_eq!((code, body.starts_with(expected)), (200, true), "{body}");
        let (_, body) = site.get_loki(&format!("/loki/api/v1/query?query={}&time=5", encoded("1+1"))).await;
        assert!(body.contains(r#""resultType":"scalar","result":[5000,"2"]"#), "{body}");
        let vector = result(&site, "query", r#"sum(count_over_time({app="web"} | json | status >= 500 [1m]))"#, "").await;
        assert_eq!(vector[0]["value"][1], "1");
        let (code, body) = site.post_loki("/loki/api/v1/query", &[("query", "1 > bool 2")]).await;
        assert_eq!((code, body.contains(r#","0"]"#)), (200, true), "{body}");
    })
    .await;
}

#[tokio::test]
async fn labels_values_and_series() {
    with_site(async |site| {
        let get = async |path: &str| site.get_loki(path).await;
        assert_eq!(
            get("/loki/api/v1/labels").await,
            (200, r#"{"status":"success","data":["app","env"]}"#.into())
        );
        assert_eq!(
            get("/api/prom/label").await,
            (200, r#"{"status":"success","data":["app","env"]}"#.into())
        );
        assert_eq!(
            get("/loki/api/v1/label/app/values").await.1,
            r#"{"status":"success","data":["db","web"]}"#
        );
        assert_eq!(
            get("/loki/api/v1/label/app/values?query=%7Benv%3D%22prod%22%7D").await.1,
            r#"{"status":"success","data":["web"]}"#
        );
        assert_eq!(get("/loki/api/v1/labels?start=1&end=2").await.1, r#"{"status":"success","data":[]}"#);
        assert_eq!(
            get("/loki/api/v1/series?match%5B%5D=%7Bapp%3D%22web%22%7D").await.1,
            r#"{"status":"success","data":[{"app":"web","env":"prod"}]}"#
        );
        let (code, body) = site.post_loki("/loki/api/v1/series", &[("match[]", r#"{app=~".+"}"#)]).await;
        assert_eq!((code, body.matches("app").count()), (200, 2), "{body}");
        assert_eq!(
            get("/loki/api/v1/format_query?query=%7Bapp%3D%60a%60%7D").await.1,
            r#"{"status":"success","data":"{app=\"a\"}"}"#
        );
        assert_eq!(get("/ready").await, (200, "ready\n".into()));
        assert_eq!(get("/loki/api/v1/status/buildinfo").await.0, 200);
        assert_eq!(get("/loki/api/v1/drilldown-limits").await.0, 200);
        // The same on the port of the pages.
        assert_eq!(site.get_ui("/loki/api/v1/labels").await.0, 200);
    })
    .await;
}

#[tokio::test]
async fn what_the_index_knows() {
    with_site(async |site| {
        let (code, body) =
            site.get_loki(&format!("/loki/api/v1/index/stats?query={}", encoded(r#"{app="db"}"#))).await;
        let stats: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!((code, stats), (200, json!({"bytes": 63, "chunks": 1, "entries": 2, "streams": 1})));
        let volume = result(&site, "index/volume", r#"{app=~".+"}"#, "").await;
        assert_eq!(volume[0]["metric"], json!({ "app": "web" }));
        assert_eq!(volume[1]["value"][1], "63");
        let by_name = result(&site, "index/volume", r#"{app=~".+"}"#, "&aggregateBy=labels&limit=1").await;
        assert_eq!(
            (by_name[0]["metric"].clone(), by_name.as_array().map(Vec::len)),
            (json!({ "app": "" }), Some(1))
        );
        let range = result(&site, "index/volume_range", r#"{app="db"}"#, "&step=10").await;
        let sum: f64 = range[0]["values"]
            .as_array()
            .expect("points")
            .iter()
            .map(|p| p[1].as_str().and_then(|v| v.parse::<f64>().ok()).expect("bytes"))
            .sum();
        assert!((sum - 63.0).abs() <= 2.0, "{range}");
    })
    .await;
}

#[tokio::test]
async fn what_lines_have_is_detected() {
    with_site(async |site| {
        let get = async |path: &str, query: &str| -> Value {
            let (code, body) = site.get_loki(&format!("/loki/api/v1/{path}?query={}", encoded(query))).await;
            assert_eq!(code, 200, "{body}");
            serde_json::from_str(&body).expect("JSON")
        };
        let labels = get("detected_labels", r#"{app=~".+"}"#).await;
        assert_eq!(labels["detectedLabels"][0], json!({ "label": "app", "cardinality": 2 }));
        let fields = get("detected_fields", r#"{app="web"}"#).await;
        assert_eq!(
            fields["fields"][1],
            json!({ "label": "status", "type": "int", "cardinality": 3, "parsers": ["json"] })
        );
        assert_eq!(
            fields["fields"][3],
            json!({ "label": "trace", "type": "string", "cardinality": 4, "parsers": null })
        );
        let values = get("detected_field/status/values", r#"{app="web"}"#).await;
        assert_eq!(values["values"], json!(["200", "404", "500"]));
        let patterns = get("patterns", r#"{app="db"}"#).await;
        assert_eq!(patterns["data"][0]["pattern"], r#"level=warn msg="slow query" n=<_>"#);
        assert_eq!(patterns["data"][0]["samples"].as_array().map(Vec::len), Some(2));
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_is_said_in_plain_text() {
    with_site(async |site| {
        let q = |path: &str, query: &str| format!("/loki/api/v1/{path}?query={}", encoded(query));
        refused(&site, &q("query_range", "{app="), 400, "parse error at line 1, col 6: syntax error: unexpected $end, expecting STRING").await;
        refused(&site, &q("query_range", "{}"), 400, "queries require at least one regexp or equality matcher").await;
        refused(&site, &q("query", r#"{app="web"}"#), 400, "log queries are not supported as an instant query type").await;
        refused(&site, &(q("query_range", r#"{app="web"}"#) + "&limit=6000"), 400, "max entries limit per query exceeded").await;
        refused(&site, &(q("query_range", r#"{app="web"}"#) + "&limit=x"), 400, "strconv.ParseUint").await;
        refused(&site, &(q("query_range", r#"{app="web"}"#) + "&start=5&end=4"), 400, "end timestamp must not be before").await;
        refused(&site, &(q("query_range", r#"{app="web"}"#) + "&start=nonsense"), 400, "could not parse 'start' parameter").await;
        refused(&site, &(q("query_range", "vector(1)") + "&start=1&end=100000&step=1"), 400, "exceeded maximum resolution").await;
        refused(&site, &(q("query_range", "vector(1)") + "&step=0"), 400, "zero or negative query resolution").await;
        refused(&site, &q("query", r#"count_over_time({app="db"} | json [1m])"#), 400, "pipeline error: 'JSONParserErr'").await;
        refused(&site, &q("query", r#"count_over_time({app="web"} | drop trace [1m]) / on (app) count_over_time({app="web"} | drop env [1m])"#), 500, "many-to-many matching not allowed").await;
        refused(&site, "/loki/api/v1/series", 400, "0 matchers").await;
        refused(&site, &q("index/stats", r#"{app="web"} |= "x""#), 400, "only label matchers are supported").await;
        refused(&site, "/loki/api/v1/rules", 404, "no rule groups found").await;
        refused(&site, &q("tail", r#"{app="web"}"#), 400, "a websocket is wanted here").await;
        refused(&site, &q("tail", "vector(1)"), 400, "metric queries cannot be tailed").await;
        // Refusals are counted by their limit.
        let (_, metrics) = site.get("/metrics").await;
        assert!(metrics.contains(r#"watchfire_api_line_queries_refused_total{limit="entries"} 1"#), "{metrics}");
    })
    .await;
}

#[tokio::test]
async fn panels_get_lines_and_numbers_as_columns() {
    with_site(async |site| {
        let target = |id: &str, expr: &str, more: Value| {
            let mut target = json!({ "id": id, "expr": expr, "step_ms": 10_000, "language": "logql" });
            target.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            target
        };
        let (from, to) = (NOW_MS / 10_000 * 10_000 - 60_000, NOW_MS / 10_000 * 10_000);
        let targets = [
            target("lines", r#"{app="web"} | json status"#, json!({ "limit": 3 })),
            target("old", r#"{app="web"}"#, json!({ "limit": 1, "direction": "forward" })),
            target("numbers", r#"sum(count_over_time({app="web"}[1m]))"#, json!({})),
            target("now", r#"sum(count_over_time({app="web"}[1m]))"#, json!({ "instant": true })),
            target("wrong", r#"{app="web"} | nothing"#, json!({})),
            target("no instant", r#"{app="web"}"#, json!({ "instant": true })),
            target("much", r#"{app="web"}"#, json!({ "limit": 9999 })),
            json!({ "id": "metrics", "expr": "sum(up)", "step_ms": 10_000 }),
        ];
        let (code, body) =
            site.post_ui("/api/ui/query", &json!({ "from": from, "to": to, "targets": targets })).await;
        assert_eq!(code, 200, "{body}");
        let body: Value = serde_json::from_str(&body).expect("JSON");
        let of = |i: usize| &body["results"][i];
        assert_eq!(
            (&of(0)["kind"], of(0)["lines"].as_array().map(Vec::len)),
            (&json!("logs"), Some(3)),
            "{body}"
        );
        assert_eq!(of(0)["label_sets"][0], json!({ "app": "web", "env": "prod", "status": "404" }));
        assert_eq!(of(0)["parsed"], json!([["status"], ["status"], ["status"]]));
        assert!(of(1).get("parsed").is_none(), "{}", of(1));
        assert_eq!((&of(0)["labels"], &of(0)["metadata"][2]), (&json!([0, 1, 2]), &json!({ "trace": "t1" })));
        assert_eq!(of(0)["times_ns"][0], ((NOW_MS - 10_000) * 1_000_000).to_string());
        assert_eq!(of(1)["metadata"], json!([{ "trace": "t0" }]));
        assert_eq!(
            (&of(2)["count"], &of(2)["series"][0]["values"][6], &of(2)["lines_read"]),
            (&json!(7), &json!(4), &json!(4)),
            "{}",
            of(2)
        );
        assert_eq!(of(3)["series"][0]["values"], json!([4]));
        assert_eq!(
            (&of(4)["error"]["line"], &of(4)["error"]["column"]),
            (&json!(1), &json!(22)),
            "{}",
            of(4)
        );
        assert!(of(5)["error"]["message"].as_str().is_some_and(|text| text.contains("instant")));
        assert!(of(6)["error"]["message"].as_str().is_some_and(|text| text.contains("max entries limit")));
        assert!(of(7)["samples_read"].as_u64().is_some_and(|samples| samples > 0), "{}", of(7));
    })
    .await;
}
