//! The other services: what they answer, what they count, under which names.

use services::common::chance::Latency;
use services::generic::GenericConfig;
use services::payments::Bank;
use services::{Running, StartError, generic, merchant, payments, web};
use tempfile::TempDir;

use crate::bench::{Client, basics};

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

async fn start_web(folder: &TempDir) -> Running {
    let basics = basics(folder.path(), "web");
    web::start(web::Options { basics, application_log: "app.log".into(), seed: 1 }).await.expect("starts")
}

fn bank(failed_share: f64, timeout_share: f64) -> Bank {
    let timeout = std::time::Duration::from_millis(5);
    Bank { latency: Latency::ms(1, 2), failed_share, timeout_share, timeout }
}

async fn start_payments(folder: &TempDir, bank: Bank) -> Result<Running, StartError> {
    let basics = basics(folder.path(), "payments");
    payments::start(payments::Options { basics, bank, seed: 1 }).await
}

#[tokio::test]
async fn the_sample_web_service_has_flasks_metrics_and_log() {
    let folder = folder();
    let running = start_web(&folder).await;
    let client = Client::of(&running);
    for (path, status) in [
        ("/", 200),
        ("/health", 200),
        ("/api/data", 200),
        ("/api/random", 200),
        ("/api/error", 500),
        ("/no", 404),
    ] {
        assert_eq!(client.get(path).await.0, status, "{path}");
    }
    // As `ab` asks without -k.
    assert_eq!(client.raw(b"GET /api/data HTTP/1.0\r\nHost: x\r\n\r\n").await.0, 200);
    let text = client.metrics().await;
    for line in [
        r#"flask_app_request_count{method="GET",endpoint="/api/data",status="200"} 2"#,
        r#"flask_app_request_count{method="GET",endpoint="/api/error",status="500"} 1"#,
        r#"flask_app_error_count{endpoint="/api/error"} 1"#,
        r#"flask_app_error_count{endpoint="/"} 0"#,
        r#"flask_app_request_duration_seconds_count{method="GET",endpoint="/api/data"} 2"#,
        "flask_app_active_requests 0",
        "request_count_total 7",
        r#"http_requests_total{method="GET",endpoint="unmatched",status="404"} 1"#,
    ] {
        assert!(text.lines().any(|each| each == line), "{line} is not in\n{text}");
    }
    for start in [
        "flask_app_info{app_name=\"flask-app\",version=",
        "flask_app_request_duration_seconds_bucket{le=\"0.25\",",
        "cpu_usage_percent ",
        "service_memory_limit_bytes 268435456",
        "http_response_size_bytes_sum{method=\"GET\",endpoint=\"/api/data\"} ",
    ] {
        assert!(text.lines().any(|line| line.starts_with(start)), "{start} is not in\n{text}");
    }
    let strict = client.openmetrics().await;
    exposition::strict::check(strict.as_bytes()).expect("strict OpenMetrics");
    running.stop().await;
    let log = std::fs::read_to_string(folder.path().join("log/app.log")).expect("the log");
    let errors: Vec<&str> = log.lines().filter(|line| line.contains("ERROR")).collect();
    assert!(errors.len() == 1 && errors[0].contains("/api/error"), "{log}");
    assert_eq!(log.lines().filter(|line| line.contains("/api/data")).count(), 2, "{log}");
}

#[tokio::test]
async fn payments_end_as_the_bank_says_and_money_adds_up() {
    let check = async |bank: Bank, status: u16, ended: &str, sum: &str| {
        let folder = folder();
        let running = start_payments(&folder, bank).await.expect("starts");
        let client = Client::of(&running);
        for amount in ["19.99", "0.10", "0.20"] {
            let body = format!(r#"{{"merchant":"globex","amount":{amount},"order_id":7}}"#);
            let (found, text) = client.post("/api/payments", &body).await.expect("an answer");
            assert_eq!(found, status, "{text}");
            assert!(text.contains(&format!(r#""status":"{ended}""#)), "{text}");
        }
        let text = client.metrics().await;
        for each in ["success", "failed", "timeout"] {
            let count = if each == ended { 3 } else { 0 };
            let line = format!(r#"payment_transactions_total{{status="{each}"}} {count}"#);
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
        let line = format!(r#"payment_amount_sum{{merchant="globex"}} {sum}"#);
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        running.stop().await;
    };
    check(bank(0.0, 0.0), 200, "success", "20.29").await;
    check(bank(1.0, 0.0), 402, "failed", "0").await;
    check(bank(0.0, 1.0), 504, "timeout", "0").await;
}

#[tokio::test]
async fn bad_payments_are_refused_and_no_transaction() {
    let folder = folder();
    assert!(matches!(start_payments(&folder, bank(0.7, 0.7)).await, Err(StartError::Setting(_))));
    let running = start_payments(&folder, bank(0.0, 0.0)).await.expect("starts");
    let client = Client::of(&running);
    for (body, status) in [
        (r#"{"merchant":"acme"}"#, 422),
        (r#"{"merchant":"acme","amount":-1}"#, 422),
        (r#"{"merchant":"acme","amount":"1"}"#, 422),
        (r#"{"merchant":"acme","amount":1.001}"#, 422),
    ] {
        assert_eq!(client.post("/api/payments", body).await.expect("an answer").0, status, "{body}");
    }
    assert_eq!(client.send("POST", "/api/payments", "application/json", b"{\"mer").await.0, 400);
    let made_up = r#"{"merchant":"made-up-9","amount":1}"#;
    assert_eq!(client.post("/api/payments", made_up).await.expect("an answer").0, 200);
    let text = client.metrics().await;
    assert!(
        text.contains("payment_amount_sum{merchant=\"other\"} 1\n") && !text.contains("made-up"),
        "{text}"
    );
    assert_eq!(client.sample(r#"payment_transactions_total{status="success"}"#).await, 1);
    running.stop().await;
}

#[tokio::test]
async fn merchants_calls_are_counted_by_who_what_and_how() {
    let folder = folder();
    let start = async |error_share| {
        let basics = basics(folder.path(), "merchant");
        merchant::start(merchant::Options { basics, error_share, seed: 1 }).await.expect("starts")
    };
    let running = start(0.0).await;
    let client = Client::of(&running);
    assert_eq!(client.get("/api/merchants/globex").await.0, 200);
    assert_eq!(client.get("/api/merchants/globex/transactions").await.0, 200);
    assert_eq!(client.post("/api/merchants/acme/payouts", "{}").await.expect("an answer").0, 201);
    assert_eq!(client.get("/api/merchants/nobody").await.0, 404);
    for (merchant, operation, status) in [
        ("globex", "account", "success"),
        ("globex", "transactions", "success"),
        ("acme", "payout", "success"),
        ("other", "account", "unknown"),
    ] {
        let series = format!(
            r#"merchant_api_calls_total{{merchant="{merchant}",operation="{operation}",status="{status}"}}"#
        );
        assert_eq!(client.sample(&series).await, 1, "{series}");
    }
    running.stop().await;
    let running = start(1.0).await;
    let client = Client::of(&running);
    assert_eq!(client.get("/api/merchants/globex").await.0, 500);
    let failed = r#"merchant_api_calls_total{merchant="globex",operation="account",status="failed"}"#;
    assert_eq!(client.sample(failed).await, 1);
    running.stop().await;
}

#[tokio::test]
async fn a_generic_service_is_what_its_file_says() {
    let folder = folder();
    let text = "endpoints:\n  - {path: '/api/products/{id}', median: 1ms, response_bytes: 700}\n  \
        - {path: /api/products, method: POST, median: 1ms, view: add}\n  \
        - {path: /api/broken, median: 1ms, errors: 1}\n";
    let config: GenericConfig = config::from_str(std::path::Path::new("a.yml"), text).expect("reads");
    let basics = basics(folder.path(), "catalog");
    let running = generic::start(generic::Options { basics, config, seed: 1 }).await.expect("starts");
    let client = Client::of(&running);
    let (status, body) = client.get("/api/products/5").await;
    assert_eq!((status, body.len()), (200, 700));
    assert_eq!(client.post("/api/products", "{}").await.expect("an answer").0, 201);
    assert_eq!(client.get("/api/broken").await.0, 500);
    assert_eq!(client.get("/health").await.0, 200);
    assert_eq!(client.get("/api/products").await.0, 405);
    let read = r#"http_requests_total{method="GET",endpoint="/api/products/{id}",status="200"}"#;
    assert_eq!(client.sample(read).await, 1);
    running.stop().await;
    let profiled = std::fs::read_to_string(folder.path().join("log/catalog.profiler.log")).expect("a log");
    let views: Vec<&str> = profiled.lines().filter_map(|line| line.split(' ').nth(2)).collect();
    assert_eq!(views, ["get_api_products_id", "add", "get_api_broken", "health", "unmatched"]);
}
