//! Rules, alerts, targets, metadata, status, federation, Grafana's endpoints, our own.

use serde_json::{Value, json};

use crate::services::Site;

/// Asks every path, and compares what stands under `data`.
async fn check(cases: &[(&str, Value)]) {
    let site = Site::start().await;
    for (path, expected) in cases {
        let (status, body) = site.get(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        let answer: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(answer, json!({ "status": "success", "data": expected }), "{path}");
    }
    site.stop().await;
}

fn alert() -> Value {
    json!({
        "labels": {"alertname": "Down", "instance": "b:2"},
        "annotations": {"summary": "b:2 is down"},
        "state": "firing",
        "activeAt": "2015-07-01T20:10:51.781Z",
        "value": "0e+00",
    })
}

fn group(name: &str, rule: Value) -> Value {
    json!({
        "name": name,
        "file": "/etc/rules.yml",
        "interval": 30.0,
        "limit": 0,
        "evaluationTime": 0.0,
        "lastEvaluation": "0001-01-01T00:00:00Z",
        "rules": [rule],
    })
}

fn recording() -> Value {
    let rule = json!({
        "name": "job:up:sum",
        "query": "sum by (job) (up)",
        "health": "ok",
        "evaluationTime": 0.5,
        "lastEvaluation": "2015-07-01T20:10:51.781Z",
        "type": "recording",
    });
    group("first", rule)
}

fn alerting(alerts: Value) -> Value {
    let rule = json!({
        "state": "firing",
        "name": "Down",
        "query": "up == 0",
        "duration": 60.0,
        "keepFiringFor": 0.0,
        "labels": {"severity": "page"},
        "annotations": {"summary": "{{ $labels.instance }} is down"},
        "alerts": alerts,
        "health": "err",
        "lastError": "broken",
        "evaluationTime": 0.5,
        "lastEvaluation": "2015-07-01T20:10:51.781Z",
        "type": "alerting",
    });
    group("second", rule)
}

#[tokio::test]
async fn rules_and_alerts() {
    let both = json!({ "groups": [recording(), alerting(json!([alert()]))] });
    let first = json!({ "groups": [recording()] });
    let second = json!({ "groups": [alerting(json!([alert()]))] });
    check(&[
        ("/api/v1/rules", both.clone()),
        ("/api/v1/rules?type=record", first.clone()),
        ("/api/v1/rules?type=alert", second.clone()),
        ("/api/v1/rules?rule_name[]=Down", second.clone()),
        ("/api/v1/rules?rule_group[]=first", first),
        ("/api/v1/rules?file[]=/none", json!({ "groups": [] })),
        ("/api/v1/rules?match[]=%7Bseverity%3D%22page%22%7D", second),
        ("/api/v1/rules?type=alert&exclude_alerts=1", json!({ "groups": [alerting(Value::Null)] })),
        ("/api/v1/rules?group_limit=2", both),
        ("/api/v1/alerts", json!({ "alerts": [alert()] })),
        (
            "/api/v1/alertmanagers",
            json!({
                "activeAlertmanagers": [{ "url": "http://am.example:9093/api/v2/alerts" }],
                "droppedAlertmanagers": []
            }),
        ),
    ])
    .await;
}

#[tokio::test]
async fn rules_come_in_pages() {
    let site = Site::start().await;
    let (_, body) = site.get("/api/v1/rules?group_limit=1").await;
    let page: Value = serde_json::from_str(&body).expect("JSON");
    // SHA-256 of "/etc/rules.yml;second", as `sha256sum` gives it.
    let token = "a1bc45a5acc6692a69836ba171565ab14a7807601bf3cb25e2a483b6b52fb96e";
    assert_eq!(page["data"], json!({ "groups": [recording()], "groupNextToken": token }));
    let (_, body) = site.get(&format!("/api/v1/rules?group_limit=1&group_next_token={token}")).await;
    let page: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(page["data"], json!({ "groups": [alerting(json!([alert()]))] }));
    for (query, text) in [
        (
            "group_next_token=x",
            r#"invalid parameter "group_next_token": group_limit needs to be present in order to paginate over the groups"#,
        ),
        ("group_limit=0", r#"invalid parameter "group_limit": group_limit needs to be greater than 0"#),
        (
            "group_limit=x",
            r#"invalid parameter "group_limit": group_limit needs to be a valid number: strconv.ParseInt: parsing "x": invalid syntax"#,
        ),
        (
            "group_limit=1&group_next_token=x",
            r#"invalid parameter "group_next_token": invalid group_next_token 'x'. were rule groups changed?"#,
        ),
        ("type=x", r#"invalid parameter "type": not supported value "x""#),
    ] {
        let (status, body) = site.get(&format!("/api/v1/rules?{query}")).await;
        let answer: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!((status, &answer["error"]), (400, &json!(text)));
    }
    site.stop().await;
}

fn target(pool: &str, url: &str, global: &str, scraped: bool) -> Value {
    json!({
        "discoveredLabels": {"__address__": "localhost:1", "job": "api"},
        "labels": {"instance": "localhost:1", "job": "api"},
        "scrapePool": pool,
        "scrapeUrl": url,
        "globalUrl": global,
        "lastError": "",
        "lastScrape": if scraped { "2015-07-01T20:10:51.781Z" } else { "0001-01-01T00:00:00Z" },
        "lastScrapeDuration": if scraped { 0.25 } else { 0.0 },
        "health": if scraped { "up" } else { "unknown" },
        "scrapeInterval": "15s",
        "scrapeTimeout": "10s",
    })
}

#[tokio::test]
async fn targets_and_metadata() {
    let api = target("api", "http://localhost:1/metrics", "http://monitor.example:1/metrics", true);
    let other = target("other", "http://far:2/metrics", "http://far:2/metrics", false);
    let dropped =
        json!([{"discoveredLabels": {"__address__": "localhost:1", "job": "api"}, "scrapePool": "api"}]);
    let about = |help: &str| json!({"type": "counter", "help": help, "unit": ""});
    let up = json!([{"type": "gauge", "help": "Up.", "unit": ""}]);
    let requests = json!([about("All requests."), about("Requests.")]);
    let of = |instance: &str| json!({"instance": instance, "job": "api"});
    check(&[
        ("/api/v1/targets", json!({"activeTargets": [api, other], "droppedTargets": dropped, "droppedTargetCounts": {"api": 1}})),
        ("/api/v1/targets?state=active&scrapePool=api", json!({"activeTargets": [api], "droppedTargets": [], "droppedTargetCounts": null})),
        ("/api/v1/targets?state=dropped", json!({"activeTargets": [], "droppedTargets": dropped, "droppedTargetCounts": {"api": 1}})),
        ("/api/v1/scrape_pools", json!({"scrapePools": ["api", "other"]})),
        ("/api/v1/metadata", json!({"requests_total": requests, "up": up})),
        ("/api/v1/metadata?limit=1", json!({"requests_total": requests})),
        ("/api/v1/metadata?metric=requests_total&limit_per_metric=1", json!({"requests_total": [about("All requests.")]})),
        ("/api/v1/metadata?metric=none", json!({})),
        ("/api/v1/targets/metadata?metric=up", json!([{"target": of("a:1"), "type": "gauge", "help": "Up.", "unit": ""}])),
        ("/api/v1/targets/metadata?match_target=%7Binstance%3D%22b%3A2%22%7D", json!([{"target": of("b:2"), "metric": "requests_total", "type": "counter", "help": "All requests.", "unit": ""}])),
    ])
    .await;
}

#[tokio::test]
async fn status() {
    check(&[
        ("/api/v1/status/flags", json!({"web.listen-address": "127.0.0.1:9090", "data-dir": "/data"})),
        ("/api/v1/status/config", json!({"yaml": "global: {}\n"})),
        (
            "/api/v1/status/tsdb/blocks",
            json!({"blocks": [{
                "ulid": "00000000000000000000000012", "minTime": 1, "maxTime": 5, "version": 1,
                "stats": {"numSamples": 9, "numSeries": 0, "numChunks": 0},
                "compaction": {"level": 2, "sources": ["00000000000000000000000003", "00000000000000000000000004"]},
            }]}),
        ),
        ("/api/v1/status/walreplay", json!({"min": 0, "max": 0, "current": 0, "state": "done"})),
        ("/api/v1/notifications", json!([])),
        (
            "/api/v1/status/tsdb?limit=1",
            json!({
                "storage": {"writable": true, "refusal": null, "refusingSince": null, "quarantined": []},
                "headStats": {"numSeries": 4, "numLabelPairs": 9, "chunkCount": 4, "minTime": i64::MAX, "maxTime": i64::MIN},
                "seriesCountByMetricName": [{"name": "up", "value": 2}],
                "labelValueCountByLabelName": [],
                "memoryInBytesByLabelName": [],
                "seriesCountByLabelValuePair": [],
            }),
        ),
    ])
    .await;
    let site = Site::start().await;
    let (_, body) = site.get("/api/v1/status/runtimeinfo").await;
    let answer: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(answer["data"]["startTime"], "2015-07-01T20:10:50.781Z");
    assert_eq!(answer["data"]["storageRetention"], "15d");
    let (_, body) = site.get("/api/v1/status/buildinfo").await;
    let answer: Value = serde_json::from_str(&body).expect("JSON");
    assert!(answer["data"]["version"].as_str().is_some_and(|v| v.starts_with("3.")), "{body}");
    assert!(answer["data"].get("features").is_none(), "Grafana would take us for Mimir");
    site.stop().await;
}

#[tokio::test]
async fn federation() {
    let site = Site::start().await;
    let expected = "# TYPE requests_total untyped\n\
        requests_total{http.code} 30\n";
    let (status, body) = site.get("/federate?match[]=up&match[]=ended&match[]=%7Bjob%3D%22api%22%7D").await;
    let code = r#""http.code"="2\"0""#;
    let expected = expected.replace(
        "{http.code} 30",
        &format!("{{{code},job=\"api\",zone=\"x\",instance=\"\"}} 30 1435781451781"),
    ) + "# TYPE up untyped\n\
        up{instance=\"a:1\",job=\"api\",zone=\"x\"} 1 1435781451781\n\
        up{instance=\"b:2\",job=\"api\",zone=\"x\"} 0 1435781451781\n";
    assert_eq!((status, body), (200, expected));
    let (status, body) = site.get("/federate?match[]=up%7B").await;
    let wrong = "1:4: parse error: unexpected end of input inside braces\n";
    assert_eq!((status, body.as_str()), (400, wrong));
    assert_eq!(site.get("/federate").await, (200, String::new()));
    site.stop().await;
}

#[tokio::test]
async fn management() {
    let site = Site::start().await;
    let closed = (403, "Lifecycle API is not enabled.".to_owned());
    let by_post = (405, "Only POST or PUT requests allowed".to_owned());
    for path in ["/-/reload", "/-/quit"] {
        assert_eq!(site.get(path).await, by_post);
        assert_eq!(site.post(path, &[]).await, closed);
    }
    assert_eq!(site.get("/-/healthy").await, (200, "Prometheus Server is Healthy.\n".to_owned()));
    assert_eq!(site.get("/-/ready").await, (200, "Prometheus Server is Ready.\n".to_owned()));
    for action in ["snapshot", "delete_series", "clean_tombstones"] {
        let refused = r#"{"status":"error","errorType":"unavailable","error":"admin APIs disabled"}"#;
        let answer = site.post(&format!("/api/v1/admin/tsdb/{action}"), &[("match[]", "up")]).await;
        assert_eq!(answer, (500, refused.to_owned()));
    }
    site.stop().await;
}

#[tokio::test]
async fn a_store_that_refuses_samples_says_so() {
    let site = Site::start().await;
    site.refuse(Some("cannot write /data/1.wal: no space left"));
    let text = "Samples are refused, queries are answered: cannot write /data/1.wal: no space left.";
    assert_eq!(site.get("/-/ready").await, (503, format!("{text}\n")));
    assert_eq!(site.get("/-/healthy").await.0, 200, "a restart would not help");
    assert_eq!(site.get("/api/v1/query?query=up").await.0, 200);
    let lines = "Lines of logs are refused, queries are answered: cannot write /data/1.wal: no space left.";
    let told = [text, lines, "7 lines of logs were refused lately, the last for rate_limited: too fast"]
        .map(|text| json!({"text": text, "date": "2015-07-01T20:10:51.781Z", "active": true}));
    let told = Value::from(told.to_vec());
    let json = |(_, body): (u16, String)| serde_json::from_str::<Value>(&body).expect("JSON");
    assert_eq!(json(site.get("/api/v1/notifications").await)["data"], told);
    let storage = json(site.get("/api/v1/status/tsdb").await)["data"]["storage"].clone();
    assert_eq!((&storage["writable"], &storage["refusingSince"]), (&json!(false), &told[0]["date"]));
    let head = json(site.get_ui("/api/ui/status").await)["head"].clone();
    assert_eq!(head["unavailable"], "cannot write /data/1.wal: no space left");
    let logs = json(site.get_ui("/api/ui/status").await)["logs"].clone();
    assert_eq!((&logs["streams"], &logs["unavailable"]), (&json!(3), &head["unavailable"]));
    assert_eq!(site.get_loki("/ready").await.0, 503);
    site.refuse(None);
    assert_eq!(site.get("/-/ready").await.0, 200);
    assert_eq!(json(site.get("/api/v1/notifications").await)["data"], json!([]));
    site.stop().await;
}

#[tokio::test]
async fn grafana() {
    let site = Site::start().await;
    let hit = json!({
        "id": 1, "uid": "first", "title": "First Board", "uri": "db/first-board", "url": "/d/first/first-board",
        "slug": "", "type": "dash-db", "tags": ["a", "b"], "isStarred": false, "folderTitle": "", "sortMeta": 0,
    });
    for (query, found) in [
        ("", true),
        ("?query=FIRST", true),
        ("?query=second", false),
        ("?tag=a&tag=b", true),
        ("?tag=c", false),
        ("?type=dash-db", true),
        ("?type=dash-folder", false),
        ("?limit=0", false),
        ("?dashboardUIDs=first&dashboardUIDs=other", true),
        ("?dashboardUIDs=other", false),
    ] {
        let (status, body) = site.get_ui(&format!("/api/search{query}")).await;
        let mut answer: Value = serde_json::from_str(&body).expect("JSON");
        // Where the folder of built-in dashboards is named, the name is theirs.
        if let Some(folder) = answer.get_mut(0).and_then(|hit| hit.get_mut("folderTitle")) {
            *folder = json!("");
        }
        assert_eq!((status, answer), (200, if found { json!([hit]) } else { json!([]) }), "{query}");
    }
    let missing = r#"{"message":"Dashboard not found"}"#.to_owned();
    assert_eq!(site.get_ui("/api/dashboards/uid/none").await, (404, missing));
    let (status, body) = site.get_ui("/api/dashboards/uid/first").await;
    let answer: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((status, &answer["dashboard"]["title"]), (200, &json!("First Board")));
    let (_, body) = site.get_ui("/api/health").await;
    assert_eq!(serde_json::from_str::<Value>(&body).expect("JSON")["database"], "ok");
    let (_, body) = site.get_ui("/api/datasources").await;
    let all: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((&all[0]["type"], &all[0]["isDefault"]), (&json!("prometheus"), &json!(true)));
    for path in ["1", "uid/prometheus", "name/Prometheus"] {
        let (status, body) = site.get_ui(&format!("/api/datasources/{path}")).await;
        assert_eq!(
            (status, serde_json::from_str::<Value>(&body).expect("JSON")),
            (200, all[0].clone()),
            "{path}"
        );
    }
    assert_eq!((&all[1]["type"], &all[1]["isDefault"]), (&json!("loki"), &json!(false)));
    let (_, body) = site.get_ui("/api/datasources/uid/loki/health").await;
    assert_eq!(serde_json::from_str::<Value>(&body).expect("JSON")["status"], "OK");
    let labels = "/api/datasources/proxy/uid/loki/loki/api/v1/labels";
    assert_eq!(site.get_ui(labels).await.0, 200);
    let (_, body) = site.get_ui("/api/datasources/id/Prometheus").await;
    assert_eq!(body, r#"{"id":1}"#);
    let (_, body) = site.get_ui("/api/datasources/uid/prometheus/health").await;
    assert_eq!(serde_json::from_str::<Value>(&body).expect("JSON")["status"], "OK");
    for path in ["7", "uid/none", "name/none", "id/none", "uid/none/health"] {
        let missing = r#"{"message":"Data source not found"}"#.to_owned();
        assert_eq!(site.get_ui(&format!("/api/datasources/{path}")).await, (404, missing), "{path}");
    }
    let proxied = "/api/datasources/proxy/uid/prometheus/api/v1/query?query=1";
    assert_eq!(site.get_ui(proxied).await.0, 200);
    assert_eq!((&all[1]["type"], &all[1]["uid"]), (&json!("loki"), &json!("loki")));
    assert_eq!(site.get_ui("/api/datasources/uid/loki/health").await.0, 200);
    let proxied = "/api/datasources/proxy/uid/loki/loki/api/v1/query?query=1";
    assert_eq!(site.get_ui(proxied).await.0, 200);
    site.stop().await;
}

#[tokio::test]
async fn our_own() {
    let site = Site::start().await;
    let (status, body) = site.get_ui("/api/ui/notifications").await;
    let answer: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((status, answer), (200, json!({"groups": [], "notifications": [], "receivers": ["team"]})));
    let (status, body) = site.get_ui("/api/ui/status").await;
    let answer: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((status, &answer["head"]["series"]), (200, &json!(4)));
    site.stop().await;
}
