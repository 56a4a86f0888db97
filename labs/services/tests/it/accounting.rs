//! What a request costs, in the metrics and in the log; the payment of an order; the fault switches.

use std::time::Duration;

use serde_json::{Value, json};
use services::common::chance::Latency;
use services::orders::PaymentOptions;
use services::payments::{self, Bank};
use services::{Running, StartError};

use crate::bench::{Client, basics, options};

const ORDER: &str = r#"{"customer_id":10,"items":[{"product_id":101,"quantity":2,"unit_price":19.99}]}"#;

async fn start_orders(folder: &std::path::Path, payments: Option<String>) -> Running {
    let mut options = options(folder, "orders-1");
    options.basics.faults = true;
    options.payments = payments.map(|url| PaymentOptions { url, timeout: Duration::from_secs(60) });
    services::orders::start(options).await.expect("starts")
}

async fn start_payments(folder: &std::path::Path, failed_share: f64) -> Running {
    let bank = Bank { latency: Latency::ms(5, 5), failed_share, timeout_share: 0.0, ..Bank::standard() };
    payments::start(payments::Options { basics: basics(folder, "payments"), bank, seed: 1 })
        .await
        .expect("starts")
}

#[tokio::test]
async fn an_order_is_paid_declined_or_left_open() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = async |failed_share: Option<f64>, status: &str, outcome: &str| {
        let processor = match failed_share {
            Some(share) => Some(start_payments(folder.path(), share).await),
            None => None,
        };
        // Nobody listens on port 1.
        let url = processor.as_ref().map_or("http://127.0.0.1:1".to_owned(), |p| p.urls()["http"].clone());
        let orders = start_orders(folder.path(), Some(url)).await;
        let client = Client::of(&orders);
        let placed = client.place(ORDER).await;
        assert_eq!(placed["status"], status, "{placed}");
        let read = client.get(&format!("/api/order/{}", placed["order_id"])).await.1;
        assert_eq!(serde_json::from_str::<Value>(&read).expect("JSON"), placed);
        let calls =
            format!(r#"external_call_duration_seconds_count{{service="payments",outcome="{outcome}"}}"#);
        assert_eq!(client.sample(&calls).await, 1);
        orders.stop().await;
        if let Some(processor) = processor {
            processor.stop().await;
        }
    };
    check(Some(0.0), "paid", "success").await;
    check(Some(1.0), "cancelled", "declined").await;
    check(None, "pending", "unreachable").await;
}

#[tokio::test]
async fn queries_and_calls_are_in_metrics_and_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let processor = start_payments(folder.path(), 0.0).await;
    let orders = start_orders(folder.path(), Some(processor.urls()["http"].clone())).await;
    let client = Client::of(&orders);
    client.place(ORDER).await;
    client.get("/api/order/1").await;
    for (series, expect) in [
        (r#"db_queries_total{query="insert_order",result="ok"}"#, 1),
        (r#"db_queries_total{query="update_status",result="ok"}"#, 1),
        (r#"db_query_duration_seconds_count{query="select_order"}"#, 1),
        (r#"http_request_db_queries_sum{method="GET",endpoint="/api/order/{id}"}"#, 1),
        (r#"http_request_db_queries_count{method="POST",endpoint="/api/order"}"#, 1),
    ] {
        let text = client.metrics().await;
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse::<f64>().ok());
        assert_eq!(value, Some(f64::from(expect)), "{series} in\n{text}");
    }
    orders.stop().await;
    processor.stop().await;
    let log = std::fs::read_to_string(folder.path().join("log/orders-1.access.log")).expect("a log");
    let placed: Value = serde_json::from_str(log.lines().next().expect("a line")).expect("JSON");
    // begin, customer, order, items, commit, status
    assert_eq!((&placed["db_queries"], &placed["external_calls"]), (&json!(6), &json!(1)), "{placed}");
    let ms = |field: &str| placed[field].as_f64().expect("a number");
    assert!(ms("db_ms") > 0.0 && ms("external_ms") >= 5.0, "{placed}");
    assert!(ms("duration_ms") >= ms("external_ms"), "{placed}");
    let profiled = std::fs::read_to_string(folder.path().join("log/orders-1.profiler.log")).expect("a log");
    assert!(profiled.lines().all(|line| line.split(' ').count() == 5), "{profiled}");
}

#[tokio::test]
async fn faults_are_there_only_where_they_were_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let orders = start_orders(folder.path(), None).await;
    let faults = orders.urls()["faults"].clone();
    assert!(faults.starts_with(&orders.urls()["metrics"]), "{faults}");
    let client = Client::of(&orders);
    let switches = Client::at(&faults, "");
    assert_eq!(switches.get("").await.0, 200);
    let body = br#"{"lease_s":60,"share":1.0,"status":503}"#;
    let put = async |client: &Client, path: &str| client.put_json(path, body).await;
    assert_eq!(put(&switches, "/errors").await, 204);
    assert_eq!(client.get("/api/order/1").await.0, 503);
    assert_eq!(client.get("/health").await.0, 200);
    assert_eq!(client.sample(r#"service_fault_active{fault="errors"}"#).await, 1);
    assert_eq!(put(&Client::at(&orders.urls()["metrics"], ""), "/faults/errors").await, 404);
    orders.stop().await;

    let plain = services::orders::start(options(folder.path(), "orders-2")).await.expect("starts");
    assert!(!plain.urls().contains_key("faults"));
    for url in plain.urls().values() {
        assert_eq!(put(&Client::at(url, ""), "/faults/errors").await, 404, "{url}");
    }
    assert!(!Client::of(&plain).metrics().await.contains("service_fault"));
    plain.stop().await;
}

#[tokio::test]
async fn a_payment_url_that_is_none_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut options = options(folder.path(), "orders-1");
    let timeout = PaymentOptions::TIMEOUT;
    options.payments = Some(PaymentOptions { url: "payments".to_owned(), timeout });
    assert!(matches!(services::orders::start(options).await, Err(StartError::Setting(_))));
}
