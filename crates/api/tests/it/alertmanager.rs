//! Alertmanager's API v2: alerts, groups, silences, and what is refused.

use serde_json::{Value, json};

use crate::services::{NOW_MS, Site};

fn parsed(answer: &(u16, String)) -> Value {
    serde_json::from_str(&answer.1).unwrap_or_else(|e| panic!("{answer:?}: {e}"))
}

fn at(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).expect("a time").to_string()
}

fn silence(minutes: i64) -> Value {
    json!({
        "matchers": [{"name": "job", "value": "db|web", "isRegex": true, "isEqual": true}],
        "startsAt": at(NOW_MS), "endsAt": at(NOW_MS + minutes * 60_000), "createdBy": "me", "comment": "work",
    })
}

#[tokio::test]
async fn alerts_come_in_and_are_shown() {
    let site = Site::start().await;
    let alerts = json!([
        {"labels": {"alertname": "A", "job": "db", "empty": ""}, "annotations": {"summary": "s"}, "generatorURL": "http://g/"},
        {"labels": {"alertname": "B"}, "endsAt": at(NOW_MS - 1000)},
    ]);
    assert_eq!(site.post_ui("/api/v2/alerts", &alerts).await, (200, String::new()));
    let shown = parsed(&site.get_ui("/api/v2/alerts").await);
    assert_eq!(shown.as_array().map(Vec::len), Some(1), "what has ended is not shown: {shown}");
    assert_eq!(shown[0]["labels"], json!({"alertname": "A", "job": "db"}));
    assert_eq!(
        shown[0]["status"],
        json!({"state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": []})
    );
    assert_eq!(shown[0]["receivers"], json!([{"name": "team"}]));
    assert!(shown[0]["startsAt"].as_str().is_some_and(|text| text.ends_with("Z") && text.contains('.')));
    let count = async |query: &str| {
        parsed(&site.get_ui(&format!("/api/v2/alerts?{query}")).await).as_array().map(Vec::len)
    };
    assert_eq!(count("filter=job=%22db%22").await, Some(1));
    assert_eq!(count("filter=job!=db").await, Some(0));
    assert_eq!(count("receiver=t.*m").await, Some(1));
    assert_eq!(count("receiver=tea").await, Some(0));
    let groups = parsed(&site.get_ui("/api/v2/alerts/groups").await);
    assert_eq!((&groups[0]["labels"], &groups[0]["receiver"]), (&json!({}), &json!({"name": "team"})));
}

#[tokio::test]
async fn silences_are_made_changed_and_ended() {
    let site = Site::start().await;
    let alerts = json!([{"labels": {"alertname": "A", "job": "db"}}]);
    assert_eq!(site.post_ui("/api/v2/alerts", &alerts).await.0, 200);
    let made = parsed(&site.post_ui("/api/v2/silences", &silence(60)).await);
    let id = made["silenceID"].as_str().expect("an id").to_owned();
    let shown = parsed(&site.get_ui("/api/v2/alerts").await);
    assert_eq!(
        (&shown[0]["status"]["state"], &shown[0]["status"]["silencedBy"]),
        (&"suppressed".into(), &json!([id]))
    );
    assert_eq!(parsed(&site.get_ui("/api/v2/alerts?silenced=false").await), json!([]));
    let mut longer = silence(120);
    longer["id"] = id.clone().into();
    assert_eq!(parsed(&site.post_ui("/api/v2/silences", &longer).await)["silenceID"], *id);
    let one = parsed(&site.get_ui(&format!("/api/v2/silence/{id}")).await);
    assert_eq!((&one["status"]["state"], &one["endsAt"]), (&"active".into(), &at(NOW_MS + 7_200_000).into()));
    assert_eq!(site.delete_ui(&format!("/api/v2/silence/{id}")).await, (200, String::new()));
    let all = parsed(&site.get_ui("/api/v2/silences").await);
    assert_eq!(all[0]["status"]["state"], "expired");
}

#[tokio::test]
async fn what_is_wrong_is_told_as_upstream() {
    let site = Site::start().await;
    let post = async |path: &str, body: Value| site.post_ui(path, &body).await;
    let no_labels = post("/api/v2/alerts", json!([{"labels": {}}])).await;
    assert_eq!(no_labels, (400, "\"at least one label pair required\"".into()));
    let backwards = json!([{"labels": {"a": "b"}, "startsAt": at(NOW_MS), "endsAt": at(NOW_MS - 1)}]);
    assert_eq!(
        post("/api/v2/alerts", backwards).await,
        (400, "\"start time must be before end time\"".into())
    );
    assert_eq!(post("/api/v2/alerts", json!({})).await.0, 400);
    let mut draft = silence(60);
    draft.as_object_mut().expect("an object").remove("comment");
    assert_eq!(
        post("/api/v2/silences", draft).await,
        (422, r#"{"code":602,"message":"comment in body is required"}"#.into())
    );
    assert_eq!(
        post("/api/v2/silences", silence(-1)).await,
        (400, "\"Failed to create silence: start time must be before end time\"".into())
    );
    let mut unknown = silence(60);
    unknown["id"] = "00000000-0000-4000-8000-000000000000".into();
    assert_eq!(post("/api/v2/silences", unknown).await, (404, "\"silence not found\"".into()));
    assert_eq!(
        site.get_ui("/api/v2/silence/x").await,
        (422, r#"{"code":601,"message":"silenceID in path must be of type uuid: \"x\""}"#.into())
    );
    assert_eq!(site.get_ui("/api/v2/alerts?filter=bad%7B").await.0, 400);
    assert_eq!(site.get_ui("/api/v2/alerts?active=perhaps").await.0, 422);
}

#[tokio::test]
async fn status_has_all_that_clients_look_for() {
    let site = Site::start().await;
    let status = parsed(&site.get_ui("/api/v2/status").await);
    assert_eq!(status["cluster"], json!({"status": "disabled", "peers": []}));
    assert!(
        status["config"]["original"].as_str().is_some_and(|text| text.contains("receiver: \"team\"")),
        "{status}"
    );
    assert!(status["versionInfo"]["version"].is_string() && status["uptime"].is_string());
    assert_eq!(parsed(&site.get_ui("/api/v2/receivers").await), json!([{"name": "team"}]));
}
