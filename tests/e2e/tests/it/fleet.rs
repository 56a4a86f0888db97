//! The whole fleet: twelve services scraped, the queries of the sources answered, faults felt.

use std::time::Duration;

use e2e::{RunningLab, until};
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_fleet_is_scraped_and_counts_real_traffic() {
    let lab = RunningLab::start_whole(&[]).await;
    let all_up = r#"count(count by (job) (up{tier="service"} == 1))"#;
    until("12 services are up", LIMIT, async || at_least(12.0, lab.query(all_up).await)).await;
    for query in [
        "sum(rate(flask_app_request_count[10s])) > 0",
        "sum(flask_app_active_requests)",
        "max(histogram_quantile(0.95, rate(flask_app_request_duration_seconds_bucket[10s]))) > 0",
        "sum(rate(flask_app_error_count[10s])) >= 0",
        "sum(flask_app_info)",
        r#"sum(rate(payment_transactions_total{status="success"}[10s])) > 0"#,
        "sum(rate(payment_amount_sum[10s])) > 0",
        "sum(rate(merchant_api_calls_total[10s])) > 0",
        r#"count(count by (job) (rate(http_requests_total{tier="service",endpoint!="/health"}[10s]) > 0)) == 12"#,
        r#"sum(rate(external_call_duration_seconds_count{service="payments",outcome="success"}[10s])) > 0"#,
        "sum(rate(db_query_duration_seconds_count[10s])) > 0",
        "count(cpu_usage_percent) == 13",
        "count(request_count_total) == 13",
        r#"count(sum by (instance) (rate(http_requests_total{job="order-service"}[10s])) > 0) == 2"#,
        "sum(load_traffic_users) > 100",
    ] {
        until(query, LIMIT, async || lab.query(query).await).await;
    }
    let gateway = lab.url("gateway", "http");
    for (path, status) in [("/", 200), ("/api/data", 200), ("/api/error", 500), ("/api/order/1", 200)] {
        // Under all that traffic the gateway may have given an instance up for a moment.
        until(path, LIMIT, async || {
            let answer = lab.get(&format!("{gateway}{path}")).await?;
            if answer.status == status { Ok(()) } else { Err(format!("{path}: {}", answer.status)) }
        })
        .await;
    }
    until("the web service's log", LIMIT, async || {
        let log =
            std::fs::read_to_string(lab.data_dir().join("log/app.log")).map_err(|error| error.to_string())?;
        let is_there = log.lines().any(|line| line.contains("ERROR") && line.contains("/api/error"));
        if is_there { Ok(()) } else { Err(log) }
    })
    .await;

    let order = json!({"customer_id": 1, "items": [{"product_id": 1, "quantity": 1, "unit_price": 12.34}]});
    until("an order is paid", LIMIT, async || {
        let (_, placed) = lab.post(&format!("{gateway}/api/order"), &order).await?;
        if placed["status"] == "paid" { Ok(()) } else { Err(placed.to_string()) }
    })
    .await;
    assert!(lab.url("catalog", "faults").starts_with(&lab.url("catalog", "metrics")));
    lab.stop().await;
}

fn at_least(least: f64, seen: Result<f64, String>) -> Result<f64, String> {
    seen.and_then(|seen| if seen >= least { Ok(seen) } else { Err(format!("{seen}, less than {least}")) })
}
