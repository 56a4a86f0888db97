//! An order goes in by the gateway and comes back; what the service counted comes back through PromQL.

use std::time::Duration;

use e2e::{RunningLab, until};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn an_order_and_its_metrics_come_back() {
    let lab = RunningLab::start(&[]).await;
    let gateway = lab.url("gateway", "http");
    let order = json!({
        "customer_id": 123_456,
        "customer": {"name": "Jane Doe", "email": "jane@example.com"},
        "items": [{"product_id": 101, "quantity": 3, "unit_price": 19.99}, {"product_id": 7, "quantity": 1, "unit_price": 0.10}],
    });
    let (status, created) = lab.post(&format!("{gateway}/api/order"), &order).await.expect("an answer");
    assert_eq!(status, 201, "{created}");
    let id = created["order_id"].as_i64().expect("an id");
    let read = lab.json(&format!("{gateway}/api/order/{id}")).await.expect("the order");
    assert_eq!(read["total_amount"], json!(60.07));
    assert_eq!(read["items"].as_array().map(Vec::len), Some(2));

    // Nobody but this test sends an order without items.
    let empty = json!({"customer_id": 1, "items": []});
    let (status, refused) = lab.post(&format!("{gateway}/api/order"), &empty).await.expect("an answer");
    assert_eq!((status, &refused["error"]["field"]), (422, &json!("items")));
    let counted = r#"sum(http_requests_total{job="order-service",endpoint="/api/order",status="422"})"#;
    until("the 422 is counted", Duration::from_secs(20), async || {
        lab.query(counted).await.and_then(exactly(1.0))
    })
    .await;

    let p95 = r#"histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{method="GET",endpoint="/api/order/{id}"}[10s]))) > 0"#;
    until("p95 of reads", Duration::from_secs(30), async || lab.query(p95).await).await;
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_continues() {
    let lab = RunningLab::start(&[]).await;
    let order = json!({"customer_id": 1, "items": [{"product_id": 1, "quantity": 1, "unit_price": 12.34}]});
    let (status, created) =
        lab.post(&format!("{}/api/order", lab.url("gateway", "http")), &order).await.expect("an answer");
    assert_eq!(status, 201, "{created}");
    let up = r#"count_over_time(up{job="watchfire"}[1h])"#;
    until("the first samples", Duration::from_secs(20), async || lab.query(up).await.and_then(at_least(2.0)))
        .await;
    let folder = lab.stop().await;

    let lab = RunningLab::start_in(folder, &[]).await;
    let read = lab
        .json(&format!("{}/api/order/{}", lab.url("gateway", "http"), created["order_id"]))
        .await
        .expect("the order");
    assert_eq!(read["total_amount"], json!(12.34));
    assert!(lab.query(up).await.expect("old samples") >= 2.0);
    lab.stop().await;
}

fn exactly(expected: f64) -> impl Fn(f64) -> Result<f64, String> {
    move |seen| if seen == expected { Ok(seen) } else { Err(format!("{seen} instead of {expected}")) }
}

fn at_least(expected: f64) -> impl Fn(f64) -> Result<f64, String> {
    move |seen| if seen >= expected { Ok(seen) } else { Err(format!("{seen}, less than {expected}")) }
}
