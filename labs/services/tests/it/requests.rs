//! Requests, good and bad, and what they leave behind.

use serde_json::Value;

use crate::bench::{Bench, HALF_WRITTEN, number};

const GOOD: &str = r#"{"customer_id":10,"items":[{"product_id":101,"quantity":2,"unit_price":19.99}]}"#;

#[tokio::test]
async fn a_placed_order_can_be_read_back() {
    let bench = Bench::start().await;
    let body = r#"{"customer_id":4711,"customer":{"name":"Jane Doe","email":"jane@example.com"},
        "items":[{"product_id":101,"quantity":2,"unit_price":19.99},{"product_id":7,"quantity":1,"unit_price":5}]}"#;
    let (status, placed) = bench.client.post("/api/order", body).await.expect("an answer");
    assert_eq!(status, 201, "{placed}");
    let order: Value = serde_json::from_str(&placed).expect("JSON");
    assert_eq!((&order["order_id"], &order["customer_id"]), (&301.into(), &4711.into()));
    assert_eq!(order["items"].as_array().expect("a list").len(), 2);
    assert_eq!(bench.client.get("/api/order/301").await, (200, placed));
    let jane = "SELECT count(*) FROM customer WHERE customer_id = 4711 AND email = 'jane@example.com'";
    assert_eq!(number(&bench.database(), jane).await, 1);
    let (status, seeded) = bench.client.get("/api/order/1").await;
    assert_eq!(status, 200, "{seeded}");
    bench.running.stop().await;
}

#[tokio::test]
async fn money_is_exact() {
    let bench = Bench::start().await;
    let check = async |items: &[(&str, u32)], total: &str, first_price: &str| {
        let items: Vec<String> = items
            .iter()
            .map(|(price, quantity)| {
                format!(r#"{{"product_id":1,"quantity":{quantity},"unit_price":{price}}}"#)
            })
            .collect();
        let body = format!(r#"{{"customer_id":1,"items":[{}]}}"#, items.join(","));
        let (status, text) = bench.client.post("/api/order", &body).await.expect("an answer");
        assert_eq!(status, 201, "{text}");
        assert!(text.contains(&format!("\"total_amount\":{total},")), "{total} is not in {text}");
        assert!(text.contains(&format!("\"unit_price\":{first_price}}}")), "{first_price} is not in {text}");
    };
    check(&[("0.1", 1), ("0.2", 1)], "0.30", "0.10").await;
    check(&[("19.99", 3)], "59.97", "19.99").await;
    check(&[("1.005e1", 1)], "10.05", "10.05").await;
    check(&[("0.29", 100)], "29.00", "0.29").await;
    check(&[("999999.99", 100)], "99999999.00", "999999.99").await;
    check(&[("0", 1)], "0.00", "0.00").await;
    bench.running.stop().await;
}

/// Status and field of the refusal.
async fn check_refused(bench: &Bench, request: (&str, &str, &str, &str), status: u16, field: Option<&str>) {
    let (method, path, kind, body) = request;
    let (found, text) = bench.client.send(method, path, kind, body.as_bytes()).await;
    assert_eq!(found, status, "{method} {path} {body:.200}: {text}");
    let error: Value = serde_json::from_str(&text).expect("JSON");
    assert!(error["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{text}");
    assert_eq!(error["error"]["field"].as_str(), field, "{method} {path} {body:.200}: {text}");
}

const JSON: &str = "application/json";
const ALL_ROWS: &str = "SELECT (SELECT count(*) FROM customer) + (SELECT count(*) FROM orders) \
    + (SELECT count(*) FROM order_items)";

#[tokio::test]
async fn bad_orders_are_refused_by_field_and_leave_nothing() {
    let bench = Bench::start().await;
    let before = number(&bench.database(), ALL_ROWS).await;
    let check = async |body: &str, status: u16, field: Option<&str>| {
        check_refused(&bench, ("POST", "/api/order", JSON, body), status, field).await;
    };
    let check_item = async |item: &str, field: &str| {
        let good = r#"{"product_id":1,"quantity":1,"unit_price":1}"#;
        let body = format!(r#"{{"customer_id":9999,"items":[{good},{{{item}}}]}}"#);
        check(&body, 422, Some(&format!("items[1].{field}"))).await;
    };
    check("", 400, None).await;
    check(r#"{"customer_id": 1, "#, 400, None).await;
    check("[]", 422, None).await;
    check("{}", 422, Some("customer_id")).await;
    check(r#"{"customer_id":9999}"#, 422, Some("items")).await;
    check(r#"{"customer_id":9999,"items":[]}"#, 422, Some("items")).await;
    check(&format!("{GOOD}{}", " ".repeat(70_000)), 413, None).await;
    check_item(r#""product_id":1,"unit_price":1"#, "quantity").await;
    check_item(r#""product_id":1,"quantity":-1,"unit_price":1"#, "quantity").await;
    check_item(r#""product_id":1,"quantity":0,"unit_price":1"#, "quantity").await;
    check_item(r#""product_id":"1","quantity":1,"unit_price":1"#, "product_id").await;
    check_item(r#""product_id":1,"quantity":1,"unit_price":1e12"#, "unit_price").await;
    check_item(r#""product_id":1,"quantity":1,"unit_price":0.001"#, "unit_price").await;
    assert_eq!(number(&bench.database(), ALL_ROWS).await, before);
    bench.client.place(GOOD).await;
    assert_eq!(number(&bench.database(), ALL_ROWS).await, before + 2);
    assert_eq!(number(&bench.database(), HALF_WRITTEN).await, 0);
    bench.running.stop().await;
}

#[tokio::test]
async fn what_does_not_reach_an_order_is_refused_as_json_too() {
    let bench = Bench::start().await;
    let check = async |method: &str, path: &str, status: u16, field: Option<&str>| {
        check_refused(&bench, (method, path, JSON, ""), status, field).await;
    };
    check("GET", "/api/order/123456", 404, Some("id")).await;
    check("GET", "/api/order/abc", 400, Some("id")).await;
    check("GET", "/api/orders", 404, None).await;
    check("GET", "/api/order", 405, None).await;
    check("DELETE", "/api/order/1", 405, None).await;
    check("POST", "/health", 405, None).await;
    check_refused(&bench, ("POST", "/api/order", "text/plain", GOOD), 415, None).await;
    bench.running.stop().await;
}

#[tokio::test]
async fn broken_json_is_told_with_line_and_column() {
    let bench = Bench::start().await;
    let (status, text) =
        bench.client.send("POST", "/api/order", "application/json", b"{\n  \"customer_id\": ]").await;
    let expect = r#"{"error":{"message":"the body is not valid JSON: expected value at line 2 column 18"}}"#;
    assert_eq!((status, text.as_str()), (400, expect));
    bench.running.stop().await;
}

#[tokio::test]
async fn metrics_equal_the_requests_sent() {
    let bench = Bench::start().await;
    for id in 1..=20 {
        assert_eq!(bench.client.get(&format!("/api/order/{id}")).await.0, 200);
    }
    for _ in 0..7 {
        bench.client.place(GOOD).await;
    }
    for _ in 0..3 {
        assert_eq!(bench.client.get("/api/order/999999").await.0, 404);
        assert_eq!(bench.client.get("/metrics").await.0, 200);
    }
    assert_eq!(bench.client.get("/health").await.0, 200);
    let check =
        async |series: &str, expect: u64| assert_eq!(bench.client.sample(series).await, expect, "{series}");
    let read = r#"{method="GET",endpoint="/api/order/{id}",status="200"}"#;
    check(&format!("http_requests_total{read}"), 20).await;
    check(&format!("http_request_duration_seconds_count{read}"), 20).await;
    check(r#"http_request_duration_seconds_bucket{le="+Inf",method="GET",endpoint="/api/order/{id}",status="200"}"#, 20).await;
    check(r#"http_requests_total{method="POST",endpoint="/api/order",status="201"}"#, 7).await;
    check(r#"http_requests_total{method="GET",endpoint="/api/order/{id}",status="404"}"#, 3).await;
    check(r#"http_requests_total{method="GET",endpoint="/health",status="200"}"#, 1).await;
    check(r#"http_requests_in_progress{method="GET",endpoint="/api/order/{id}"}"#, 0).await;
    check("db_pool_connections_max", 8).await;
    let text = bench.client.metrics().await;
    assert_eq!(text.lines().filter(|line| line.starts_with("http_requests_total{")).count(), 4, "{text}");
    for name in [
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_open_fds",
        "http_server_connections_open",
    ] {
        assert!(text.lines().any(|line| line.starts_with(name)), "{name} is not in\n{text}");
    }
    bench.running.stop().await;
}
