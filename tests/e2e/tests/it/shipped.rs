//! Every expression of every dashboard that ships, asked in a running lab: none is refused, and each has data.

use std::time::Duration;

use e2e::{RunningLab, until};
use lab::DatabaseKind;
use serde_json::Value;

/// Two scrapes make a rate; a few minutes of dashboards are not waited for.
const DATA_LIMIT: Duration = Duration::from_secs(300);

/// What rightly has no data in a healthy lab on an ordinary machine: the dashboard, the start of the panel's title, and why.
const EMPTY: [(&str, &str, &str); 13] = [
    ("infrastructure", "Memory available", "swap is drawn where there is some"),
    ("infrastructure", "Lost packets", "drawn when packets are lost"),
    ("use-red", "Errors: restarts", "drawn when a process is gone"),
    ("watchfire-self", "Queries and rules", "no query may have run within the range of a rate"),
    ("watchfire-self", "Requests to the monitor", "nobody looks at pages in this test"),
    ("error-budget", "Soonest end", "nothing may have failed yet"),
    ("error-budget", "Objectives", "nothing may have failed yet, and then no budget ends"),
    ("error-budget", "Budget lasts", "nothing may have failed yet"),
    ("database-postgres", "Replicas", "no replica"),
    ("database-mysql", "Replication lag", "no replica"),
    ("database-mysql", "Lag", "no replica"),
    ("database-mysql", "Threads", "no replica"),
    ("database-mysql", "Binary logs", "the lab's server writes none"),
];

struct Expression {
    dashboard: String,
    panel: String,
    text: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_expression_of_every_dashboard_has_data() {
    let lab = RunningLab::start_whole(&[]).await;
    let all = expressions(&lab).await;
    assert!(all.len() > 150, "only {} expressions", all.len());
    for expression in &all {
        if let Err(answer) = lab.query(&expression.text).await {
            let is_refused = !answer.contains(r#""status":"success""#);
            assert!(!is_refused, "{} / {}: {answer}", expression.dashboard, expression.panel);
        }
    }
    let servers = ["database-mysql", "database-postgres"];
    have_data(&lab, all.into_iter().filter(|it| !servers.contains(&it.dashboard.as_str()))).await;
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_of_each_server_has_data() {
    for (kind, dashboard) in
        [(DatabaseKind::Mysql, "database-mysql"), (DatabaseKind::Postgres, "database-postgres")]
    {
        let lab = RunningLab::start_on(kind, crate::databases::folder()).await;
        let all = expressions(&lab).await;
        let own: Vec<Expression> = all.into_iter().filter(|it| it.dashboard == dashboard).collect();
        assert!(own.len() > 40, "only {} expressions of {dashboard}", own.len());
        have_data(&lab, own.into_iter()).await;
        lab.stop().await;
    }
}

/// Waits until each expression has had data that are numbers.
async fn have_data(lab: &RunningLab, all: impl Iterator<Item = Expression>) {
    let mut waiting: Vec<Expression> = all.filter(|expression| !may_be_empty(expression)).collect();
    until("data for every panel", DATA_LIMIT, async || {
        let mut empty = Vec::new();
        for expression in waiting.drain(..) {
            // A value that is no number is not equal to itself.
            let query = format!("count(({0}) == ({0}))", expression.text);
            if lab.query(&query).await.is_err() {
                empty.push(expression);
            }
        }
        waiting = empty;
        let names: Vec<String> =
            waiting.iter().map(|e| format!("{} / {}: {}", e.dashboard, e.panel, e.text)).collect();
        if names.is_empty() { Ok(()) } else { Err(names) }
    })
    .await;
}

fn may_be_empty(expression: &Expression) -> bool {
    EMPTY.iter().any(|(dashboard, panel, _)| {
        expression.dashboard == *dashboard && expression.panel.starts_with(panel)
    })
}

async fn expressions(lab: &RunningLab) -> Vec<Expression> {
    let ui = lab.url("monitor", "ui");
    let found = lab.json(&format!("{ui}/api/search")).await.expect("a list of dashboards");
    let mut all = Vec::new();
    for entry in found.as_array().expect("a list") {
        let uid = entry["uid"].as_str().expect("a uid");
        let answer = lab.json(&format!("{ui}/api/dashboards/uid/{uid}")).await.expect("a dashboard");
        let document = &answer["dashboard"];
        let variables: Vec<&str> = texts(&document["templating"]["list"], "name");
        for panel in document["panels"].as_array().expect("panels") {
            // What is asked of logs is asked in `logs.rs`.
            let is_metric = |target: &&Value| target["datasource"]["type"] != "loki";
            let targets: Value =
                panel["targets"].as_array().into_iter().flatten().filter(is_metric).cloned().collect();
            for text in texts(&targets, "expr") {
                all.push(Expression {
                    dashboard: uid.to_owned(),
                    panel: panel["title"].as_str().unwrap_or_default().to_owned(),
                    text: filled(text, &variables),
                });
            }
        }
    }
    all
}

fn texts<'a>(list: &'a Value, key: &str) -> Vec<&'a str> {
    list.as_array().into_iter().flatten().filter_map(|entry| entry[key].as_str()).collect()
}

/// What a page would ask: any value of every variable, a step of the lab's scrapes.
fn filled(text: &str, variables: &[&str]) -> String {
    let mut text = text
        .replace("$__rate_interval", "10s")
        .replace("$__interval_ms", "2000")
        .replace("$__interval", "2s")
        .replace("$__range", "5m");
    for name in variables {
        text = text.replace(&format!("${{{name}}}"), ".*").replace(&format!("${name}"), ".*");
    }
    text
}
