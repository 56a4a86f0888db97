//! A real fault, and the way of its alert to the receiver and back.

use std::time::Duration;

use e2e::{RunningLab, until};
use serde_json::Value;

/// Scrape, rule, `for`, group: some seconds each in the lab.
const ALERT_LIMIT: Duration = Duration::from_secs(90);

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_instance_is_told_and_its_return_too() {
    let mut lab = RunningLab::start(&["--hold", "orders-2"]).await;
    let up = r#"up{job="order-service",instance="orders-2"} == 1"#;
    until("orders-2 is seen", Duration::from_secs(30), async || lab.query(up).await).await;
    lab.kill("orders-2").await;

    until("InstanceDown fires", ALERT_LIMIT, async || alert_state(&lab).await.and_then(is("firing"))).await;
    until("the receiver has it", ALERT_LIMIT, async || delivered(&lab, "firing").await).await;

    // The other instance serves all along.
    let order = format!("{}/api/order/1", lab.url("gateway", "http"));
    for _ in 0..20 {
        assert_eq!(lab.get(&order).await.expect("an answer").status, 200);
    }

    let control = lab.url("up", "control");
    let (status, _) =
        lab.post(&format!("{control}/roles/orders-2/release"), &Value::Null).await.expect("an answer");
    assert_eq!(status, 204);
    until("InstanceDown is gone", ALERT_LIMIT, async || alert_state(&lab).await.and_then(is("gone"))).await;
    until("the receiver knows", ALERT_LIMIT, async || delivered(&lab, "resolved").await).await;
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_monitor_keeps_its_samples() {
    let mut lab = RunningLab::start(&[]).await;
    let seen = r#"sum(count_over_time(up{job="order-service"}[1h]))"#;
    let at_least_six =
        async || lab.query(seen).await.and_then(|n| if n >= 6.0 { Ok(n) } else { Err(n.to_string()) });
    until("some samples", Duration::from_secs(60), at_least_six).await;
    // A moment that lies behind: no scrape adds to it any more.
    let at = lab.query("time()").await.expect("the time") - 2.0;
    let before = lab.query_at(seen, Some(at)).await.expect("samples");
    let url = lab.url("monitor", "prometheus");
    lab.kill("monitor").await;
    let after =
        until("the monitor is back", Duration::from_secs(30), async || lab.query_at(seen, Some(at)).await)
            .await;
    // A scrape that took long may have come in with a time before that moment.
    assert!(after >= before, "{after} of {before}");
    assert_eq!(lab.url("monitor", "prometheus"), url, "a restarted role keeps its address");
    lab.stop().await;
}

/// The state of the alert on orders-2, as the API shows it; "gone" when it is not active.
async fn alert_state(lab: &RunningLab) -> Result<String, String> {
    let answer = lab.json(&format!("{}/api/v1/alerts", lab.url("monitor", "prometheus"))).await?;
    let alerts = answer["data"]["alerts"].as_array().ok_or_else(|| answer.to_string())?;
    let ours = alerts
        .iter()
        .find(|a| a["labels"]["alertname"] == "InstanceDown" && a["labels"]["instance"] == "orders-2");
    Ok(ours.map_or("gone", |a| a["state"].as_str().unwrap_or("?")).to_owned())
}

fn is(wanted: &'static str) -> impl Fn(String) -> Result<(), String> {
    move |seen| if seen == wanted { Ok(()) } else { Err(seen) }
}

/// Whether the lab's inbox holds a message with our alert in this status.
async fn delivered(lab: &RunningLab, status: &str) -> Result<(), String> {
    let inbox = lab.json(&lab.url("up", "inbox")).await?;
    let messages = inbox["messages"].as_array().ok_or_else(|| inbox.to_string())?;
    let alerts = messages.iter().flat_map(|m| m["body"]["alerts"].as_array().into_iter().flatten());
    let ours =
        |a: &&Value| a["labels"]["instance"] == "orders-2" && a["labels"]["alertname"] == "InstanceDown";
    if alerts.filter(ours).any(|a| a["status"] == status) { Ok(()) } else { Err(inbox.to_string()) }
}

/// The monitor is killed twice: while the fault is on, and at the moment in which it ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_monitor_pages_nobody_twice_and_tells_the_end() {
    let mut lab = RunningLab::start(&["--hold", "orders-2"]).await;
    let up = r#"up{job="order-service",instance="orders-2"} == 1"#;
    until("orders-2 is seen", Duration::from_secs(30), async || lab.query(up).await).await;
    lab.kill("orders-2").await;
    until("the receiver has it", ALERT_LIMIT, async || delivered(&lab, "firing").await).await;
    // Killed between an answer and the note of it, the monitor would rightly tell it once more.
    until("it is noted", ALERT_LIMIT, async || noted(&lab)).await;

    lab.kill("monitor").await;
    until("it fires again", ALERT_LIMIT, async || alert_state(&lab).await.and_then(is("firing"))).await;

    lab.kill("monitor").await;
    let control = lab.url("up", "control");
    lab.post(&format!("{control}/roles/orders-2/release"), &Value::Null).await.expect("an answer");
    until("the receiver knows", ALERT_LIMIT, async || delivered(&lab, "resolved").await).await;

    let inbox = lab.json(&lab.url("up", "inbox")).await.expect("the inbox");
    let messages = inbox["messages"].as_array().expect("messages");
    for status in ["firing", "resolved"] {
        // Another target may have been lost on a busy machine: then its group has rightly more to say.
        let mut told: Vec<_> =
            messages.iter().map(|m| &m["body"]).filter(|m| tells(m, status)).map(alerts_of).collect();
        told.sort();
        assert!(!told.is_empty() && told.windows(2).all(|two| two[0] != two[1]), "{status}: {inbox}");
    }
    let ui = lab.url("monitor", "ui");
    let status = lab.json(&format!("{ui}/api/ui/notifications")).await.expect("who was told");
    let records = status["notifications"].as_array().expect("a list");
    let told = |kind: &str| records.iter().filter(|r| r["status"] == kind).count();
    assert!(told("firing") > 0 && told("resolved") > 0, "known after two restarts: {status}");
    lab.stop().await;
}

/// Whether the notification log on disk (`docs/formats/alerting.md`) has it that the inbox was told of our alert.
fn noted(lab: &RunningLab) -> Result<(), String> {
    let text = std::fs::read_to_string(lab.data_dir().join("alerting/state")).map_err(|e| e.to_string())?;
    let body = text.split_once('\n').map_or("", |(_, body)| body);
    let state: Value = serde_json::from_str(body).map_err(|e| e.to_string())?;
    let told = |entry: &Value| {
        entry["receiver"] == "inbox"
            && entry["group"].as_str().is_some_and(|group| group.contains("InstanceDown"))
            && entry["firing"].as_array().is_some_and(|told| !told.is_empty())
    };
    if state["log"].as_array().is_some_and(|log| log.iter().any(told)) { Ok(()) } else { Err(text) }
}

/// The alerts that a message tells of, each with its status.
fn alerts_of(message: &Value) -> Vec<String> {
    let alerts = message["alerts"].as_array().into_iter().flatten();
    let mut all: Vec<String> = alerts.map(|one| format!("{} {}", one["status"], one["labels"])).collect();
    all.sort();
    all
}

/// Whether a message tells of our alert in this status.
fn tells(message: &Value, status: &str) -> bool {
    message["alerts"].as_array().into_iter().flatten().any(|alert| {
        alert["labels"]["instance"] == "orders-2"
            && alert["labels"]["alertname"] == "InstanceDown"
            && alert["status"] == status
    })
}
