//! Starting, being ready, logging, stopping.

use std::time::Duration;

use services::StartError;
use services::orders::ConnectRetry;

use crate::bench::{Bench, Client, PATIENCE, options};

#[tokio::test]
async fn a_taken_port_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let mut options = options(folder.path(), "orders-1");
    options.basics.metrics_listen = address;
    match services::orders::start(options).await.err() {
        Some(StartError::Bind(error)) => assert_eq!(error.addr, address),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn names_that_lead_out_of_the_folder_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["", "../orders", "orders/1", ".hidden", "orders 1"] {
        let refused = services::orders::start(options(folder.path(), name)).await.err();
        assert!(matches!(&refused, Some(StartError::Instance(found)) if found == name), "{refused:?}");
    }
}

#[tokio::test]
async fn a_database_that_does_not_come_ends_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = async |url: String, tries: &str, reason: &str| {
        let mut options = options(folder.path(), "orders-1");
        options.database_url = url;
        let error = services::orders::start(options).await.err().expect("refused").to_string();
        assert!(error.contains(tries) && error.contains(reason), "{error}");
    };
    let nowhere = format!("sqlite://{}/no/orders.db", folder.path().display());
    check(nowhere, "(tries: 2)", "No such file or directory").await;
    check("oracle://host".to_owned(), "(tries: 1)", "`oracle:…` is not supported").await;
}

#[tokio::test]
async fn while_the_database_is_missing_health_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let inner = folder.path().join("inner");
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let mut options = options(folder.path(), "orders-1");
    options.basics.listen = port;
    options.database_url = format!("sqlite://{}/orders.db", inner.display());
    options.connect_retry = ConnectRetry { tries: 1000, wait: Duration::from_millis(20) };
    let client = Client::at(&format!("http://{port}"), "");
    let starting = tokio::spawn(services::orders::start(options));
    let not_yet = async {
        loop {
            if let Some((503, text)) = client.try_get("/health").await
                && text.contains("not connected after try")
            {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, not_yet).await.expect("says why it is not ready");
    assert_eq!(client.get("/api/order/1").await.0, 503);
    std::fs::create_dir(&inner).expect("made");
    let running =
        tokio::time::timeout(PATIENCE, starting).await.expect("in time").expect("no panic").expect("starts");
    assert_eq!(
        client.get("/health").await,
        (200, r#"{"status":"ok","instance":"orders-1","database":"sqlite"}"#.into())
    );
    assert_eq!(client.get("/api/order/1").await.0, 200);
    running.stop().await;
}

#[tokio::test]
async fn each_request_has_a_line_in_both_logs() {
    let bench = Bench::start().await;
    bench.client.get("/api/order/5").await;
    bench.client.get("/api/order/999999").await;
    bench.client.get("/metrics").await;
    bench.running.stop().await;
    let read = |kind: &str| {
        let path = bench.folder.path().join(format!("log/orders-1.{kind}.log"));
        std::fs::read_to_string(path).expect("text")
    };
    let views: Vec<Vec<String>> =
        read("profiler").lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect();
    assert_eq!(views.len(), 2, "{views:?}");
    for (fields, status) in views.iter().zip(["200", "404"]) {
        assert_eq!(fields.len(), 5, "{fields:?}");
        assert_eq!(
            (&fields[..3], &fields[4]),
            (&["[profiler]".into(), "GET".into(), "get_order".into()][..], &status.into())
        );
        assert!(fields[3].parse::<f64>().expect("milliseconds") > 0.0, "{fields:?}");
    }
    let access: Vec<serde_json::Value> =
        read("access").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(access.len(), 2);
    assert_eq!((&access[0]["endpoint"], &access[0]["status"]), (&"/api/order/{id}".into(), &200.into()));
    assert_eq!((&access[0]["path"], &access[0]["instance"]), (&"/api/order/5".into(), &"orders-1".into()));
    assert!(access[0]["response_bytes"].as_u64().is_some_and(|bytes| bytes > 100), "{}", access[0]);
}

#[tokio::test]
async fn requests_under_way_outlive_stop() {
    let bench = Bench::start().await;
    // A write lock held from outside keeps the order under way until it is let go.
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(bench.database());
    let mut holder = sqlx::ConnectOptions::connect(&options).await.expect("connects");
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut holder).await.expect("locked");
    let client = bench.client.clone();
    let placing = tokio::spawn(async move {
        let body = r#"{"customer_id":1,"items":[{"product_id":1,"quantity":1,"unit_price":1}]}"#;
        client.post("/api/order", body).await
    });
    let metrics = bench.client.clone();
    let under_way = async {
        while metrics.sample(r#"http_requests_in_progress{method="POST",endpoint="/api/order"}"#).await != 1 {
        }
    };
    tokio::time::timeout(PATIENCE, under_way).await.expect("the order is under way");
    let stopping = tokio::spawn(bench.running.stop());
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.expect("let go");
    let (status, text) = placing.await.expect("no panic").expect("an answer");
    assert_eq!(status, 201, "{text}");
    tokio::time::timeout(PATIENCE, stopping).await.expect("in time").expect("no panic");
}
