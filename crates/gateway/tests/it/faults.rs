//! Backends that die: reads never notice, writes are never sent twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::toys::{Caller, Ledger, Toy, gateway, gateway_with, within};

/// Reads until told to stop; every one must succeed.
async fn keep_reading(caller: Caller, stop: Arc<AtomicBool>) -> u64 {
    let mut count = 0;
    while !stop.load(Ordering::SeqCst) {
        let got = caller.get("/api/order/1").await;
        assert_eq!(got.status, 200, "read {count}: {:?}", got.body);
        count += 1;
    }
    count
}

/// Writes unique keys until told to stop; gives each key with the status it got.
async fn keep_writing(caller: Caller, writer: u32, stop: Arc<AtomicBool>) -> Vec<(String, u16)> {
    let mut sent = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        let key = format!("{writer}-{}", sent.len());
        let got = caller.send("POST", "/api/order", &[], key.clone()).await;
        sent.push((key, got.status));
    }
    sent
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_backends_under_load_hurts_no_read_and_doubles_no_write() {
    let ledger = Arc::new(Ledger::default());
    let mut toys = [Toy::start("a", &ledger).await, Toy::start("b", &ledger).await];
    let gateway = gateway(&[toys[0].addr, toys[1].addr]).await;
    let caller = Caller::of(&gateway);
    let stop = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..8).map(|_| tokio::spawn(keep_reading(caller.clone(), stop.clone()))).collect();
    let writers: Vec<_> =
        (0..4).map(|n| tokio::spawn(keep_writing(caller.clone(), n, stop.clone()))).collect();
    for round in 0..6 {
        let victim = round % 2;
        let reads_before = toys[victim].reads();
        within("traffic", async {
            while toys[victim].reads() < reads_before + 20 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
        toys[victim].kill();
        caller.until_up(1).await;
        toys[victim].start_again().await;
        caller.until_up(2).await;
    }
    stop.store(true, Ordering::SeqCst);
    let mut reads = 0;
    for reader in readers {
        reads += reader.await.expect("no read failed");
    }
    assert!(reads > 200, "{reads}");

    let mut answered = Vec::new();
    for writer in writers {
        answered.extend(writer.await.expect("no panic"));
    }
    let arrived = ledger.writes();
    assert!(arrived.values().all(|count| *count == 1), "a write was sent twice");
    for (key, status) in &answered {
        match status {
            201 => assert!(arrived.contains_key(key), "{key} was acknowledged and never arrived"),
            502 => {} // Cut in the middle: it may have arrived or not, and must not be sent again.
            other => panic!("{key}: {other}"),
        }
    }
    let acknowledged = answered.iter().filter(|(_, status)| *status == 201).count();
    assert!(acknowledged > 50, "{acknowledged}");
    assert!(caller.metric("gateway_retries_total").await > 0.0);
    gateway.stop().await;
}

/// A backend that answers the first request of each connection and hangs up on the second without a word.
async fn forgetful_backend() -> (std::net::SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("bound");
    let hung_up = Arc::new(AtomicU64::new(0));
    let counter = hung_up.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let counter = counter.clone();
            tokio::spawn(async move {
                if read_head(&mut stream).await {
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
                }
                if read_head(&mut stream).await {
                    counter.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    (addr, hung_up)
}

/// Whether a whole request without a body came.
async fn read_head(stream: &mut TcpStream) -> bool {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return false,
        }
    }
    true
}

#[tokio::test]
async fn a_stale_pooled_connection_is_invisible_to_reads_and_final_for_writes() {
    let (addr, hung_up) = forgetful_backend().await;
    let gateway = gateway(&[addr]).await;
    let caller = Caller::of(&gateway);
    for _ in 0..10 {
        assert_eq!(caller.get("/api/order/1").await.status, 200);
    }
    let after_reads = hung_up.load(Ordering::SeqCst);
    assert!(after_reads > 0, "no pooled connection was used again");
    assert_eq!(caller.metric("gateway_retries_total").await, after_reads as f64);
    // One of two neighbouring writes meets a used connection; it fails once and is not repeated.
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(caller.send("POST", "/api/order", &[], "").await.status);
    }
    let failed = statuses.iter().filter(|status| **status == 502).count() as u64;
    assert!(failed > 0 && statuses.iter().all(|status| matches!(status, 200 | 502)), "{statuses:?}");
    assert_eq!(hung_up.load(Ordering::SeqCst) - after_reads, failed);
    assert_eq!(caller.metric("gateway_retries_total").await, after_reads as f64);
    gateway.stop().await;
}

#[tokio::test]
async fn a_write_goes_elsewhere_when_nothing_was_sent() {
    let ledger = Arc::new(Ledger::default());
    let (mut first, second) = (Toy::start("a", &ledger).await, Toy::start("b", &ledger).await);
    // No check comes in time to tell: the first write must find out by itself.
    let gateway = gateway_with(&[first.addr, second.addr], "30s", "1h").await;
    let caller = Caller::of(&gateway);
    first.kill();
    for key in ["1", "2", "3", "4"] {
        let got = caller.send("POST", "/api/order", &[], key).await;
        assert_eq!((got.status, &got.json()["backend"]), (201, &"b".into()), "{key}");
    }
    assert!(ledger.writes().values().all(|count| *count == 1));
    // One write found the door shut; after that nobody was sent there.
    let failures = r#"gateway_attempt_failures_total{upstream="orders",backend="orders-1",reason="connect"}"#;
    assert_eq!((caller.metric(failures).await, caller.metric("gateway_retries_total").await), (1.0, 1.0));
    gateway.stop().await;
}

#[tokio::test]
async fn a_stream_cut_by_its_backend_is_cut_for_the_client_and_counted() {
    let mut toy = Toy::start("a", &Arc::new(Ledger::default())).await;
    let gateway = gateway(&[toy.addr]).await;
    let caller = Caller::of(&gateway);
    let mut body = caller.open("GET", "/api/stream", &[], "").await.into_body();
    within("an event", body.frame()).await.expect("not the end").expect("no error");
    toy.kill();
    assert!(within("the cut", body.frame()).await.expect("not a clean end").is_err());
    assert_eq!(caller.metric("gateway_streams_broken_total").await, 1.0);
    gateway.stop().await;
}
