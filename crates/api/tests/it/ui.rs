//! What only our own pages ask: pages and their status, Prometheus' links, the parser, changes of dashboards.

use std::sync::Arc;

use promql::EngineOptions;
use serde_json::json;

use crate::services::{Site, Still, encoded, object, store};

#[tokio::test]
async fn every_address_is_a_page_and_says_whether_it_is_there() {
    let site = Site::start().await;
    for (path, expected) in [
        ("/", 200),
        ("/explore?expr=up", 200),
        ("/d/first", 200),
        ("/d/first/some-title", 200),
        ("/d/none", 404),
        ("/nowhere", 404),
        ("/explore/more", 404),
    ] {
        let (status, body) = site.open_ui(path).await;
        assert_eq!(status, expected, "{path}");
        assert!(body.contains("<div id=\"app\">"), "{path}: {body}");
    }
    for path in ["/api/nowhere", "/ui/nowhere.js", "/-/nowhere"] {
        let (status, body) = site.open_ui(path).await;
        assert!(status == 404 && !body.contains("<html"), "{path}: {body}");
    }
    let (status, body) = site.get_ui("/nowhere").await;
    assert_eq!((status, body.as_str()), (404, "404 page not found\n"), "a program gets Prometheus' words");
    site.stop().await;
}

#[tokio::test]
async fn links_to_a_graph_lead_into_explore() {
    let site = Site::start().await;
    let query = format!("g0.expr={}&g0.tab=1", encoded("up == 0"));
    for (base, target) in [(site.prometheus.url(), site.ui.url()), (site.ui.url(), String::new())] {
        for path in ["graph", "query"] {
            let base = base.trim_end_matches('/');
            let (status, location) = site.redirect(&format!("{base}/{path}?{query}")).await;
            let target = target.trim_end_matches('/');
            assert_eq!((status, location), (307, format!("{target}/explore?{query}")));
        }
    }
    site.stop().await;
}

#[tokio::test]
async fn an_editor_learns_what_a_query_is_and_where_it_is_wrong() {
    let site = Site::start().await;
    let parsed = async |query: &str| {
        let (status, body) = site.get_ui(&format!("/api/ui/parse?query={}", encoded(query))).await;
        assert_eq!(status, 200);
        json!(object(&body))
    };
    for (query, kind) in [("up", "vector"), ("up[5m]", "matrix"), ("1 + 1", "scalar"), (r#""x""#, "string")] {
        assert_eq!(parsed(query).await, json!({ "kind": kind }), "{query}");
    }
    let error = &parsed("sum(\n up +)").await["error"];
    assert_eq!(
        (&error["line"], &error["column"], &error["start"]),
        (&json!(2), &json!(6), &json!(10)),
        "{error}"
    );
    let logs = async |query: &str| {
        let (status, body) =
            site.get_ui(&format!("/api/ui/parse?language=logql&query={}", encoded(query))).await;
        assert_eq!(status, 200);
        json!(object(&body))
    };
    for (query, kind) in
        [(r#"{job="x"} |= "a" | json"#, "logs"), (r#"sum(rate({job="x"}[5m]))"#, "vector"), ("1", "scalar")]
    {
        assert_eq!(logs(query).await, json!({ "kind": kind }), "{query}");
    }
    let error = &logs("{job=\"x\"}\n | json )").await["error"];
    assert_eq!((&error["line"], &error["start"]), (&json!(2), &json!(18)), "{error}");
    let (status, _) = site.get_ui("/api/ui/parse?language=sql&query=1").await;
    assert_eq!(status, 400);
    site.stop().await;
}

#[tokio::test]
async fn a_change_of_a_panel_goes_to_its_file_or_says_why_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mine.json");
    let text = "{\n  \"uid\": \"mine\",\n  \"title\": \"Mine\",\n  \"panels\": [{\"id\": 3, \"title\": \"old\"}]\n}\n";
    std::fs::write(&file, text).expect("written");
    let options = EngineOptions { threads: 1, ..EngineOptions::standard() };
    let targets = Arc::new(Still);
    let site =
        Site::with_all(Arc::new(store()), options, None, targets, Some(folder.path().to_owned())).await;
    let meta = async |uid: &str| {
        let (_, body) = site.get_ui(&format!("/api/dashboards/uid/{uid}")).await;
        object(&body)["meta"].clone()
    };
    let known = meta("mine").await;
    assert_eq!((&known["canSave"], &known["readOnly"]), (&json!(true), &json!(null)), "{known}");
    let change = |title: &str| json!({"version": known["fileVersion"], "changes": {"title": title}});
    let (status, body) = site.post_ui("/api/ui/dashboards/mine/panels/3", &change("new")).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(object(&body)["version"], meta("mine").await["fileVersion"]);
    assert_eq!(std::fs::read_to_string(&file).expect("readable"), text.replace("old", "new"));

    for (path, body, expected) in [
        ("mine/panels/3", change("stale"), 409),
        ("none/panels/3", change("x"), 404),
        ("first/panels/1", change("x"), 403),
        ("..%2Fmine/panels/3", change("x"), 404),
        (
            "mine/panels/3",
            json!({"version": meta("mine").await["fileVersion"], "changes": {"queries": {"7": "x"}}}),
            422,
        ),
    ] {
        let (status, answer) = site.post_ui(&format!("/api/ui/dashboards/{path}"), &body).await;
        assert_eq!(status, expected, "{path}: {answer}");
        assert!(object(&answer)["message"].is_string(), "{path}: {answer}");
    }
    let read_only = meta("first").await;
    assert!(
        read_only["readOnly"].as_str().is_some_and(|why| why.contains("part of the program")),
        "{read_only}"
    );
    site.stop().await;
}
