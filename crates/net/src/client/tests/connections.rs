//! Connections that are kept, that go away, and what comes through them.

use std::collections::BTreeSet;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;

#[tokio::test]
async fn a_connection_serves_one_request_after_another() {
    let (server, log) = watched(|_| "x".repeat(300_000).into_response()).await;
    let client = client();
    for _ in 0..5 {
        assert_eq!(
            client.get(&server.url(), &[], PATIENCE, 1 << 20).await.expect("an answer").body.len(),
            300_000
        );
        client.post_form(&server.url(), &[("a", "b")], PATIENCE).await.expect("an answer");
    }
    let peers: BTreeSet<SocketAddr> = log.take().iter().map(|seen| seen.peer).collect();
    assert_eq!(peers.len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn no_more_connections_are_kept_than_were_asked_for() {
    let all = Arc::new(tokio::sync::Barrier::new(3));
    let router = Router::new().fallback(async move |ConnectInfo(peer): ConnectInfo<SocketAddr>| {
        all.wait().await;
        peer.to_string()
    });
    let server = serve(router).await;
    let options = ClientOptions { idle_per_host_max: 1, ..ClientOptions::named("test") };
    let client = Client::new(options).expect("a client");
    let mut peers = BTreeSet::new();
    for _ in 0..2 {
        let url = server.url();
        let fetch = || client.get(&url, &[], PATIENCE, 100);
        let (a, b, c) = tokio::join!(fetch(), fetch(), fetch());
        peers.extend([a, b, c].map(|answer| answer.expect("an answer").body));
    }
    assert_eq!(peers.len(), 5, "one of three was kept: {peers:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_connection_that_the_server_closed_is_not_asked_again() {
    let answers = vec![b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec(); 10];
    let (url, task) = literally(answers, true).await;
    let client = client();
    for _ in 0..10 {
        assert_eq!(client.get(&url, &[], PATIENCE, 100).await.expect("an answer").body, "ok");
    }
    task.await.expect("no panic");
}

#[tokio::test]
async fn a_body_comes_whole_whatever_its_size_and_framing() {
    let body =
        |bytes: usize| -> Vec<u8> { (0..bytes).map(|i| u8::try_from(i % 251).expect("below 251")).collect() };
    let sizes = [0, 1, 8191, 8192, 8193, 65_535, 65_536, 65_537, 250_000, 3_000_000];
    let answers = sizes.iter().flat_map(|bytes| [with_length(&body(*bytes)), in_chunks(&body(*bytes))]);
    let (url, task) = literally(answers.collect(), false).await;
    let client = client();
    for bytes in sizes {
        for framing in ["length", "chunks"] {
            let answer = client.get(&url, &[], PATIENCE, 4 << 20).await.expect("an answer");
            assert!(answer.body == body(bytes), "{bytes} bytes by {framing}");
            assert_eq!(answer.wire_bytes, bytes);
        }
    }
    task.await.expect("no panic");
}

fn with_length(body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

fn in_chunks(body: &[u8]) -> Vec<u8> {
    let mut said = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in body.chunks(7777) {
        said.extend(format!("{:x}\r\n", chunk.len()).as_bytes());
        said.extend(chunk);
        said.extend(b"\r\n");
    }
    said.extend(b"0\r\n\r\n");
    said
}

#[tokio::test]
async fn a_head_has_its_limit() {
    let head = |bytes: usize| {
        format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: {}\r\n\r\n", "x".repeat(bytes)).into_bytes()
    };
    let (url, task) = literally(vec![head(16_000), head(1 << 20)], true).await;
    let client = client();
    assert_eq!(client.get(&url, &[], PATIENCE, 100).await.expect("an answer").status, 200);
    let error = client.get(&url, &[], PATIENCE, 100).await.expect_err("too long");
    assert_eq!(error.to_string(), "message head is too large");
    task.abort();
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_error() {
    let all = [
        ("", "connection closed before message completed"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "end of file before message length reached"),
        ("no HTTP\r\n\r\n", "invalid HTTP version parsed"),
    ];
    let answers = all.iter().map(|(said, _)| said.as_bytes().to_vec()).collect();
    let (url, task) = literally(answers, true).await;
    let client = client();
    for (_, expected) in all {
        let error = client.get(&url, &[], PATIENCE, 100).await.expect_err("broken off");
        assert_eq!(error.to_string(), expected);
    }
    task.await.expect("no panic");
}

/// A server that answers each request by the next of `answers`, and may close the connection after each without a word.
async fn literally(answers: Vec<Vec<u8>>, closes: bool) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let task = tokio::spawn(async move {
        let mut kept = None;
        for answer in answers {
            let mut stream = match kept.take() {
                Some(stream) => stream,
                None => listener.accept().await.expect("a connection").0,
            };
            read_head(&mut stream).await;
            // Who has read enough may be gone.
            let _ = stream.write_all(&answer).await;
            kept = (!closes).then_some(stream);
        }
    });
    (url, task)
}
