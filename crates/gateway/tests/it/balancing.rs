//! Who gets the requests: in turn, the least busy, and only who is well.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::toys::{Caller, Ledger, Toy, gateway};

#[tokio::test]
async fn equal_backends_get_equal_shares() {
    let ledger = Arc::new(Ledger::default());
    let (first, second) = (Toy::start("a", &ledger).await, Toy::start("b", &ledger).await);
    let gateway = gateway(&[first.addr, second.addr]).await;
    let caller = Caller::of(&gateway);
    for _ in 0..100 {
        assert_eq!(caller.get("/api/order/1").await.status, 200);
    }
    assert_eq!((first.reads(), second.reads()), (50, 50));
    gateway.stop().await;
}

#[tokio::test]
async fn a_busy_backend_gets_less() {
    let ledger = Arc::new(Ledger::default());
    let (first, second) = (Toy::start("a", &ledger).await, Toy::start("b", &ledger).await);
    let gateway = gateway(&[first.addr, second.addr]).await;
    let caller = Caller::of(&gateway);
    // Goes to the first, and stays there.
    let stream = caller.open("GET", "/api/stream", &[], "").await;
    for _ in 0..20 {
        assert_eq!(caller.get("/api/order/1").await.status, 200);
    }
    assert_eq!((first.reads(), second.reads()), (0, 20));
    drop(stream);
    gateway.stop().await;
}

#[tokio::test]
async fn a_sick_backend_gets_nothing_until_it_is_well() {
    let ledger = Arc::new(Ledger::default());
    let (first, second) = (Toy::start("a", &ledger).await, Toy::start("b", &ledger).await);
    let gateway = gateway(&[first.addr, second.addr]).await;
    let caller = Caller::of(&gateway);
    first.state.sick.store(true, Ordering::SeqCst);
    caller.until_up(1).await;
    let health = caller.get("/health").await;
    assert_eq!(health.status, 200);
    assert_eq!(
        health.json()["upstreams"]["orders"]["backends"][0]["error"],
        "answered 503 Service Unavailable"
    );
    for _ in 0..10 {
        assert_eq!(caller.get("/api/order/1").await.json()["backend"], "b");
    }
    first.state.sick.store(false, Ordering::SeqCst);
    caller.until_up(2).await;
    for _ in 0..10 {
        caller.get("/api/order/1").await;
    }
    assert_eq!(first.reads(), 5);
    gateway.stop().await;
}

#[tokio::test]
async fn nobody_there_is_a_503_that_says_when_to_come_back() {
    let ledger = Arc::new(Ledger::default());
    let mut toy = Toy::start("a", &ledger).await;
    toy.kill();
    let gateway = gateway(&[toy.addr]).await;
    let caller = Caller::of(&gateway);
    for method in ["GET", "POST"] {
        let got = caller.send(method, "/api/order", &[], "").await;
        assert_eq!((got.status, got.header("retry-after")), (503, Some("1")));
        assert_eq!(got.json()["error"], "no healthy backend for orders");
    }
    let health = caller.get("/health").await;
    assert_eq!((health.status, &health.json()["status"]), (503, &"down".into()));
    toy.start_again().await;
    caller.until_up(1).await;
    assert_eq!(caller.get("/api/order/1").await.status, 200);
    assert_eq!(caller.get("/health").await.status, 200);
    gateway.stop().await;
}
