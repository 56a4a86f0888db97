//! Live lines over a websocket, by a client written out by hand.

use std::time::Duration;

use model::{Labels, TimestampNs};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::services::{LIMIT, NOW_MS, Site, labels};

struct Client(TcpStream);

impl Client {
    async fn open(site: &Site, query: &str) -> (String, Self) {
        let url = site.loki.url();
        let host = url.trim_start_matches("http://").trim_end_matches('/');
        let mut stream = TcpStream::connect(host).await.expect("it listens");
        let request = format!(
            "GET /loki/api/v1/tail?query={query} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.expect("it reads");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("a head"));
        }
        (String::from_utf8(head).expect("text"), Self(stream))
    }

    /// The next frame: its kind and what it holds.
    async fn frame(&mut self) -> (u8, Vec<u8>) {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).await.expect("a frame");
        assert_eq!(head[0] & 0x80, 0x80, "whole frames only");
        let length = match head[1] {
            126 => u64::from(self.0.read_u16().await.expect("a length")),
            127 => self.0.read_u64().await.expect("a length"),
            short => u64::from(short),
        };
        let mut payload = vec![0; length as usize];
        self.0.read_exact(&mut payload).await.expect("a payload");
        (head[0] & 0x0f, payload)
    }

    /// The next text, pings aside.
    async fn text(&mut self) -> Value {
        let next = async {
            loop {
                let (kind, payload) = self.frame().await;
                if kind == 1 {
                    return serde_json::from_slice(&payload).expect("JSON");
                }
                assert_eq!(kind, 9, "only pings in between");
            }
        };
        tokio::time::timeout(LIMIT, next).await.expect("a message in time")
    }

    async fn send(&mut self, kind: u8, payload: &[u8]) {
        let mut frame = vec![0x80 | kind, 0x80 | payload.len() as u8, 1, 2, 3, 4];
        frame.extend(payload.iter().zip([1, 2, 3, 4].iter().cycle()).map(|(byte, mask)| byte ^ mask));
        self.0.write_all(&frame).await.expect("it reads");
    }
}

#[tokio::test]
async fn old_lines_first_then_those_that_arrive() {
    let site = Site::start().await;
    let (web, none) = (labels(&[("app", "web")]), Labels::empty());
    let at = |ms: i64| TimestampNs((NOW_MS + ms) * 1_000_000);
    site.logs.add(&web, at(-2000), "old 1", &none);
    site.logs.add(&web, at(-1000), "old 2", &none);
    site.logs.add(&web, at(-1000), "skipped", &none);
    let (head, mut client) = Client::open(&site, "%7Bapp%3D%22web%22%7D%20%7C%3D%20%22ol%22").await;
    assert!(head.starts_with("HTTP/1.1 101") && head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
    let value = |ms: i64, line: &str| json!([at(ms).0.to_string(), line]);
    let old = json!({ "streams": [{ "stream": { "app": "web" }, "values": [value(-2000, "old 1"), value(-1000, "old 2")] }] });
    assert_eq!(client.text().await, old);
    site.logs.add(&web, at(1), "not this", &none);
    site.logs.add(&labels(&[("app", "db")]), at(1), "cold", &none);
    site.logs.add(&web, at(2), "told", &none);
    assert_eq!(client.text().await["streams"][0]["values"], json!([value(2, "told")]));
    // A ping is answered, a farewell ends it.
    client.send(9, b"hi").await;
    let pong = async {
        loop {
            match client.frame().await {
                (10, payload) => return payload,
                other => assert_eq!(other.0, 9),
            }
        }
    };
    assert_eq!(tokio::time::timeout(LIMIT, pong).await.expect("a pong"), b"hi");
    client.send(8, &[]).await;
    let farewell = async { while client.frame().await.0 != 8 {} };
    tokio::time::timeout(LIMIT, farewell).await.expect("a farewell");
    site.stop().await;
}

#[tokio::test]
async fn labels_and_metadata_come_apart_where_a_parameter_asks_for_it() {
    let site = Site::start().await;
    let at = |ms: i64| TimestampNs((NOW_MS + ms) * 1_000_000);
    let (web, metadata) = (labels(&[("app", "web")]), labels(&[("trace", "t1")]));
    site.logs.add(&web, at(-1000), "n=1", &metadata);
    let query = "%7Bapp%3D%22web%22%7D%20%7C%20logfmt&encoding_flags=categorize-labels";
    let (_, mut client) = Client::open(&site, query).await;
    let value = |ms: i64, n: &str| json!([at(ms).0.to_string(), format!("n={n}"), { "structuredMetadata": { "trace": "t1" }, "parsed": { "n": n } }]);
    let stream = |value: Value| json!({ "streams": [{ "stream": { "app": "web" }, "values": [value] }] });
    assert_eq!(client.text().await, stream(value(-1000, "1")));
    site.logs.add(&web, at(1), "n=2", &metadata);
    assert_eq!(client.text().await, stream(value(1, "2")));
    site.stop().await;
}

#[tokio::test]
async fn readers_are_bounded_and_their_places_come_back() {
    let site = Site::start().await;
    let mut open = Vec::new();
    for _ in 0..10 {
        let (head, client) = Client::open(&site, "%7Bapp%3D%22web%22%7D").await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        open.push(client);
    }
    let (head, _) = Client::open(&site, "%7Bapp%3D%22web%22%7D").await;
    assert!(head.starts_with("HTTP/1.1 400"), "{head}");
    drop(open.pop());
    let again = async {
        while !Client::open(&site, "%7Bapp%3D%22web%22%7D").await.0.starts_with("HTTP/1.1 101") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, again).await.expect("room for another");
    drop(open);
    site.stop().await;
}
