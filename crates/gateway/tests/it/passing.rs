//! What passes through: headers, bodies, streams, and what the gateway says itself.

use std::sync::Arc;

use http_body_util::BodyExt;

use crate::toys::{Caller, Ledger, Toy, gateway, gateway_with, within};

#[tokio::test]
async fn headers_tell_who_asked_and_private_ones_stay() {
    let toy = Toy::start("a", &Arc::new(Ledger::default())).await;
    let gateway = gateway(&[toy.addr]).await;
    let caller = Caller::of(&gateway);
    let sent =
        [("x-forwarded-for", "1.2.3.4"), ("te", "trailers"), ("x-mine", "yes"), ("x-request-id", "abc")];
    let got = caller.send("POST", "/api/echo?x=1", &sent, "12345").await;
    let seen = &got.json()["headers"];
    assert_eq!(seen["x-forwarded-for"], "1.2.3.4, 127.0.0.1");
    assert_eq!(seen["x-forwarded-proto"], "http");
    assert_eq!(seen["x-forwarded-host"], gateway.urls()["http"].trim_start_matches("http://"));
    assert_eq!(seen["host"], toy.addr.to_string());
    assert_eq!(
        (&seen["x-mine"], &seen["te"], &seen["x-request-id"]),
        (&"yes".into(), &().into(), &"abc".into())
    );
    assert_eq!((&got.json()["body_bytes"], &seen["content-length"]), (&5.into(), &"5".into()));
    assert_eq!(
        (got.header("x-kept"), got.header("x-private"), got.header("keep-alive")),
        (Some("1"), None, None)
    );
    assert_eq!(got.header("x-request-id"), Some("abc"));
    assert!(caller.get("/api/echo").await.header("x-request-id").is_some_and(|id| id.len() == 32));
    gateway.stop().await;
}

#[tokio::test]
async fn bodies_pass_up_to_the_limit() {
    let toy = Toy::start("a", &Arc::new(Ledger::default())).await;
    let gateway = gateway(&[toy.addr]).await;
    let caller = Caller::of(&gateway);
    let size = 2 << 20;
    let got = caller.send("PUT", "/api/echo", &[], vec![b'x'; size]).await;
    assert_eq!((got.status, &got.json()["body_bytes"]), (200, &size.into()));
    let got = caller.send("PUT", "/api/echo", &[], vec![b'x'; size + 1]).await;
    assert_eq!(got.status, 413);
    assert_eq!(got.json()["error"], format!("request body is larger than {size} bytes"));
    gateway.stop().await;
}

#[tokio::test]
async fn an_event_stream_passes_as_it_comes() {
    let toy = Toy::start("a", &Arc::new(Ledger::default())).await;
    let gateway = gateway(&[toy.addr]).await;
    let caller = Caller::of(&gateway);
    let response = caller.open("GET", "/api/stream", &[], "").await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body();
    for number in 1..=2 {
        // The second event is not written before the first was read here.
        let frame = within("an event", body.frame()).await.expect("not the end").expect("no error");
        assert_eq!(frame.into_data().expect("data"), format!("data: {number}\n\n"));
        let in_flight = r#"gateway_backend_requests_in_flight{upstream="orders",backend="orders-1"}"#;
        assert_eq!(caller.metric(in_flight).await, 1.0, "a stream keeps its backend busy");
        toy.state.go_on.notify_one();
    }
    assert!(within("the end", body.frame()).await.is_none());
    gateway.stop().await;
}

#[tokio::test]
async fn a_head_request_keeps_the_length_of_what_it_does_not_get() {
    let toy = Toy::start("a", &Arc::new(Ledger::default())).await;
    let gateway = gateway(&[toy.addr]).await;
    let caller = Caller::of(&gateway);
    let full = caller.get("/api/order/1").await;
    let head = caller.send("HEAD", "/api/order/1", &[], "").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), Some(full.body.len().to_string().as_str()));
    gateway.stop().await;
}

#[tokio::test]
async fn the_gateway_speaks_for_itself() {
    let toy = Toy::start("a", &Arc::new(Ledger::default())).await;
    let gateway = gateway(&[toy.addr]).await;
    let caller = Caller::of(&gateway);
    let got = caller.get("/elsewhere").await;
    assert_eq!((got.status, &got.json()["error"]), (404, &"no route for /elsewhere".into()));
    // The backend's own 404 is the backend's.
    assert_eq!(caller.get("/api/nothing").await.header("content-type"), None);
    assert_eq!(caller.get("/health").await.json()["upstreams"]["orders"]["backends"][0]["name"], "orders-1");
    for (series, value) in [
        (r#"gateway_requests_total{upstream="none",backend="none",status="404"}"#, 1.0),
        (r#"gateway_requests_total{upstream="orders",backend="orders-1",status="404"}"#, 1.0),
        (r#"gateway_backend_up{upstream="orders",backend="orders-1"}"#, 1.0),
        ("gateway_request_duration_seconds_count", 2.0),
    ] {
        assert_eq!(caller.metric(series).await, value, "{series}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn a_backend_that_says_nothing_is_given_up() {
    let toy = Toy::start("a", &Arc::new(Ledger::default())).await;
    let gateway = gateway_with(&[toy.addr], "200ms", "20ms").await;
    let caller = Caller::of(&gateway);
    let got = caller.get("/api/stuck").await;
    assert_eq!((got.status, &got.json()["error"]), (504, &"orders gave no answer in time".into()));
    let counted = r#"gateway_requests_total{upstream="orders",backend="none",status="504"}"#;
    assert_eq!(caller.metric(counted).await, 1.0);
    gateway.stop().await;
}

#[tokio::test]
async fn a_client_that_leaves_is_counted_and_frees_its_backend() {
    let toy = Toy::start("a", &Arc::new(Ledger::default())).await;
    let gateway = gateway(&[toy.addr]).await;
    let caller = Caller::of(&gateway);
    let in_flight = r#"gateway_backend_requests_in_flight{upstream="orders",backend="orders-1"}"#;
    let impatient = tokio::spawn({
        let leaver = Caller::of(&gateway);
        async move { leaver.get("/api/stuck").await.status }
    });
    caller.until_metric(in_flight, 1.0).await;
    impatient.abort();
    caller
        .until_metric(r#"gateway_requests_total{upstream="orders",backend="none",status="499"}"#, 1.0)
        .await;
    caller.until_metric(in_flight, 0.0).await;
    gateway.stop().await;
}
