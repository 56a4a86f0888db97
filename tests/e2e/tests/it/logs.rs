//! Logs of the lab: from a request to its lines in the monitor, by the road that they take in production.

use std::time::Duration;

use e2e::{RunningLab, until};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(60);

/// Waits until a query of lines finds some.
async fn lines(lab: &RunningLab, query: &str) -> Vec<(Value, String)> {
    let some = async || {
        let lines = lab.lines(query).await?;
        if lines.is_empty() { Err(format!("no lines for {query}")) } else { Ok(lines) }
    };
    until(query, LIMIT, some).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lines_of_a_request_are_found() {
    let lab = RunningLab::start_whole(&[]).await;
    an_order_is_found(&lab).await;
    the_sample_service_is_found(&lab).await;
    the_profiler_has_five_fields(&lab).await;
    dashboards_have_data(&lab).await;
    lab.stop().await;
}

async fn an_order_is_found(lab: &RunningLab) {
    let gateway = lab.url("gateway", "http");
    let order = json!({ "customer_id": 1, "items": [{ "product_id": 7, "quantity": 2, "unit_price": 3.5 }] });
    let created = until("an order is taken", LIMIT, async || {
        let (status, created) = lab.post(&format!("{gateway}/api/order"), &order).await?;
        if status == 201 { Ok(created) } else { Err(format!("{status} {created}")) }
    })
    .await;
    let path = format!("/api/order/{}", created["order_id"]);
    until("the order", LIMIT, async || lab.json(&format!("{gateway}{path}")).await).await;
    let query = format!(r#"{{job="access", service="order-service"}} |= "\"path\":\"{path}\"""#);
    let (labels, line) = lines(lab, &query).await.remove(0);
    assert!(labels["instance"].as_str().is_some_and(|name| name.starts_with("orders-")), "{labels}");
    assert_eq!((&labels["service_name"], &labels["level"]), (&json!("order-service"), &json!("INFO")));
    let line: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!((&line["path"], &line["view"]), (&json!(path), &json!("get_order")));
}

/// The three queries that people know from the sample service's documents.
async fn the_sample_service_is_found(lab: &RunningLab) {
    let gateway = lab.url("gateway", "http");
    for path in ["/api/data", "/api/error"] {
        lab.get(&format!("{gateway}{path}")).await.expect("an answer");
    }
    let all = lines(lab, r#"{job="flask-app"}"#).await;
    assert!(all.iter().all(|(labels, _)| labels["instance"] == "web"), "{all:?}");
    let errors = lines(lab, r#"{job="flask-app"} |~ "ERROR|error""#).await;
    let is_error = |(_, line): &(Value, String)| line.contains("ERROR") && line.contains("/api/error");
    assert!(errors.iter().all(is_error), "{errors:?}");
    let data = lines(lab, r#"{job="flask-app"} |~ "/api/data""#).await;
    assert!(data.iter().all(|(_, line)| line.contains(" GET /api/data 200 ")), "{data:?}");
}

async fn the_profiler_has_five_fields(lab: &RunningLab) {
    let found = lines(lab, r#"{job="profiler"}"#).await;
    for (_, line) in &found {
        let fields: Vec<&str> = line.split(' ').collect();
        assert!(fields.len() == 5 && fields[0] == "[profiler]" && fields[3].parse::<f64>().is_ok(), "{line}");
    }
    let query = r#"avg by (view) (avg_over_time({job="profiler"} | pattern "<_> <_> <view> <duration> <_>" | unwrap duration [1m]))"#;
    until("views of many requests", LIMIT, async || {
        let answer = lab.loki("query", &[("query", query)]).await?;
        let is_many = answer["data"]["result"].as_array().is_some_and(|all| all.len() > 5);
        if is_many { Ok(()) } else { Err(answer.to_string()) }
    })
    .await;
}

/// Every expression of the dashboards that ask logs, with its variables as they are at first.
async fn dashboards_have_data(lab: &RunningLab) {
    let mut n_asked = 0;
    for uid in ["flask-observability", "endpoint-performance-logs"] {
        let url = format!("{}/api/dashboards/uid/{uid}", lab.url("monitor", "ui"));
        let document = lab.json(&url).await.expect("a dashboard")["dashboard"].clone();
        let variables = document["templating"]["list"].as_array().expect("variables");
        for panel in document["panels"].as_array().expect("panels") {
            for target in panel["targets"].as_array().into_iter().flatten() {
                if target["datasource"]["type"] != "loki" {
                    continue;
                }
                let text = filled(target["expr"].as_str().expect("an expression"), variables);
                has_data(lab, &text, target["queryType"] == "instant").await;
                n_asked += 1;
            }
        }
    }
    assert!(n_asked > 15, "{n_asked}");
}

async fn has_data(lab: &RunningLab, text: &str, is_instant: bool) {
    let asked = async || {
        let answer = match is_instant {
            true => lab.loki("query", &[("query", text)]).await?,
            false => lab.loki("query_range", &[("query", text), ("since", "5m"), ("step", "5")]).await?,
        };
        let some = answer["data"]["result"].as_array().is_some_and(|all| !all.is_empty());
        if some { Ok(()) } else { Err(format!("no data for {text}")) }
    };
    until(text, LIMIT, asked).await;
}

fn filled(text: &str, variables: &[Value]) -> String {
    let mut text = text.replace("$__auto", "30s").replace("$__range", "5m");
    for variable in variables {
        let name = variable["name"].as_str().expect("a name");
        let value = match variable["current"]["value"].as_str() {
            Some(value) => value,
            None => variable["allValue"].as_str().unwrap_or_default(),
        };
        text = text.replace(&format!("${name}"), value);
    }
    text
}
