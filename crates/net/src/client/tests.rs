//! A client against servers of this machine.

mod connections;
mod proxies;
mod redirects;
mod secured;

use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::words::in_words;
use super::*;
use crate::{Server, ServerLimits, bind};

async fn serve(router: Router) -> Server {
    let listener = bind("127.0.0.1:0".parse().expect("an address")).await.expect("a port");
    Server::start(listener, router, ServerLimits::standard())
}

/// A request as a server saw it.
#[derive(Debug)]
struct Seen {
    peer: SocketAddr,
    method: String,
    uri: String,
    headers: HeaderMap,
    body: Bytes,
}

/// What a server saw since it was last looked at.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<Seen>>>);

impl Log {
    fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.0.lock().expect("nobody panicked"))
    }
}

/// A server that answers everything by `answer`, and what it saw.
async fn watched(answer: impl Fn(&Seen) -> Response + Clone + Send + Sync + 'static) -> (Server, Log) {
    let log = Log::default();
    let kept = log.clone();
    let router = Router::new().fallback(async move |ConnectInfo(peer): ConnectInfo<_>, request: Request| {
        let (head, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.expect("a small body");
        let (method, uri) = (head.method.to_string(), head.uri.to_string());
        let seen = Seen { peer, method, uri, headers: head.headers, body };
        let response = answer(&seen);
        kept.0.lock().expect("nobody panicked").push(seen);
        response
    });
    (serve(router).await, log)
}

/// The head of a request.
async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a head"));
    }
    String::from_utf8(head).expect("text")
}

#[test]
fn certificates_are_spoken_of_in_words() {
    for (text, expected) in [
        ("invalid peer certificate: UnknownIssuer", "signed by nobody who is trusted here"),
        ("invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))", "signed by itself"),
        ("invalid peer certificate: certificate expired: x", "certificate expired: x"),
        ("Connection refused", "Connection refused"),
    ] {
        assert!(in_words(text.to_owned()).contains(expected), "{text}");
    }
}

/// For an answer that comes, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);

fn client() -> Client {
    Client::new(ClientOptions::named("test")).expect("a client")
}

fn gzipped(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).expect("to memory");
    encoder.finish().expect("to memory")
}

#[tokio::test]
async fn gzip_is_decoded_within_the_cap() {
    let body = "0".repeat(100_000);
    let packed = gzipped(&body);
    let router = Router::new().route("/", get(move || async move { ([(CONTENT_ENCODING, "gzip")], packed) }));
    let server = serve(router).await;
    let answer = client().get(&server.url(), &[], PATIENCE, 100_000).await.expect("an answer");
    assert_eq!(answer.body, body);
    assert!(answer.wire_bytes < 1000);
    let error = client().get(&server.url(), &[], PATIENCE, 99_999).await.expect_err("too large");
    assert_eq!(error, ClientError::TooLarge(99_999));
    server.stop().await;
}

#[tokio::test]
async fn unpacking_ends_with_the_callers_time() {
    // Half a megabyte that unpacks to half a gigabyte: seconds of work, of which the caller has given a moment.
    let packed = gzipped(&"0".repeat(512 << 20));
    let router = Router::new().route("/", get(move || async move { ([(CONTENT_ENCODING, "gzip")], packed) }));
    let server = serve(router).await;
    let wait = Duration::from_millis(50);
    let error = client().get(&server.url(), &[], wait, 1 << 30).await.expect_err("too slow");
    assert_eq!(error, ClientError::Timeout(wait));
    server.stop().await;
}

#[tokio::test]
async fn gzip_in_several_members_is_one_body_and_half_of_one_is_none() {
    let whole = [gzipped("a 1\n"), gzipped("b 2\n")].concat();
    let half = whole[..whole.len() - 3].to_vec();
    let answer = |body: Vec<u8>| get(move || async move { ([(CONTENT_ENCODING, "gzip")], body) });
    let server = serve(Router::new().route("/whole", answer(whole)).route("/half", answer(half))).await;
    let fetch = async |path: &str| client().get(&format!("{}{path}", server.url()), &[], PATIENCE, 100).await;
    assert_eq!(fetch("/whole").await.expect("a body").body, "a 1\nb 2\n");
    let error = fetch("/half").await.expect_err("cut off");
    assert!(matches!(&error, ClientError::Encoding(_)), "{error:?}");
    server.stop().await;
}

#[tokio::test]
async fn failures_are_told_apart() {
    let silent = bind("127.0.0.1:0".parse().expect("an address")).await.expect("a port");
    let url = format!("http://{}", silent.local_addr().expect("bound"));
    let wait = Duration::from_millis(50);
    assert_eq!(client().get(&url, &[], wait, 10).await.expect_err("no answer"), ClientError::Timeout(wait));
    drop(silent);
    let refused = client().get(&url, &[], PATIENCE, 10).await.expect_err("nobody there");
    assert_eq!(refused, ClientError::Connect("Connection refused".into()));
}

#[tokio::test]
async fn what_is_no_url_is_told() {
    for (url, expected) in [
        ("not a url", "relative URL without a base"),
        ("http://", "empty host"),
        ("http://h:99999/", "invalid port number"),
        ("ftp://user:secret@h/a", "ftp://h/a"),
        ("mailto:a@b", "mailto:a@b"),
        ("file:///etc/hosts", "file:///etc/hosts"),
    ] {
        let error = client().get(url, &[], PATIENCE, 10).await.expect_err("no url");
        assert_eq!(error, ClientError::Url(expected.to_owned()), "{url}");
    }
    let error = client().get("http://127.0.0.1:1/", &[("a b", "")], PATIENCE, 10).await;
    assert_eq!(error.expect_err("no header"), ClientError::Header("a b".to_owned()));
}

#[tokio::test]
async fn a_request_says_who_asks_for_what() {
    let (server, log) = watched(|_| StatusCode::OK.into_response()).await;
    let url = server.url();
    let client = client();
    client.get(&format!("{url}/a?b=c d#e"), &[], PATIENCE, 10).await.expect("an answer");
    let seen = log.take().pop().expect("it was asked");
    assert_eq!((seen.method.as_str(), seen.uri.as_str()), ("GET", "/a?b=c%20d"));
    let said = |name: &str| seen.headers.get(name).map(|value| value.to_str().expect("text"));
    for (name, expected) in [
        ("host", Some(url.trim_start_matches("http://"))),
        ("user-agent", Some("test")),
        ("accept", Some("*/*")),
        ("accept-encoding", Some("gzip")),
        ("content-length", None),
        ("referer", None),
    ] {
        assert_eq!(said(name), expected, "{name}");
    }
    let headers = [("Accept", "a"), ("Accept-Encoding", "identity"), ("X", "1"), ("X", "2")];
    client.get(&url, &headers, PATIENCE, 10).await.expect("an answer");
    let seen = log.take().pop().expect("it was asked");
    let said = |name: &str| seen.headers.get_all(name).iter().collect::<Vec<_>>();
    assert_eq!(said("accept"), ["a"]);
    assert_eq!(said("accept-encoding"), ["identity"]);
    assert_eq!(said("x"), ["1", "2"]);
    server.stop().await;
}

#[tokio::test]
async fn bodies_say_what_they_are() {
    let (server, log) = watched(|_| StatusCode::OK.into_response()).await;
    let (url, client) = (server.url(), client());
    client.post_json(&url, &[1, 2], &[], PATIENCE).await.expect("an answer");
    client.post_json(&url, &[1, 2], &[("Content-Type", "own")], PATIENCE).await.expect("an answer");
    client.post_form(&url, &[("a", "b c"), ("ä", "&")], PATIENCE).await.expect("an answer");
    client.post_bytes(&url, Bytes::new(), &[], PATIENCE, 10).await.expect("an answer");
    let seen = log.take();
    let said = |seen: &Seen| {
        let said = |name| Some(seen.headers.get(name)?.to_str().expect("text").to_owned());
        (said("content-type"), said("content-length"), seen.body.clone())
    };
    let all: Vec<_> = seen.iter().map(said).collect();
    let own = |text: &str| Some(text.to_owned());
    assert_eq!(
        all,
        [
            (own("application/json"), own("5"), "[1,2]".into()),
            (own("own"), own("5"), "[1,2]".into()),
            (own("application/x-www-form-urlencoded"), own("16"), "a=b+c&%C3%A4=%26".into()),
            (None, None, Bytes::new()),
        ]
    );
    server.stop().await;
}

#[tokio::test]
async fn a_user_in_the_url_is_told_in_a_header() {
    let (server, log) = watched(|_| StatusCode::OK.into_response()).await;
    for (user, headers, expected) in [
        ("user:p%40ss@", &[][..], Some("Basic dXNlcjpwQHNz")),
        ("user@", &[], Some("Basic dXNlcjo=")),
        ("", &[], None),
        ("user:pass@", &[("Authorization", "Bearer x")], Some("Bearer x")),
    ] {
        let url = server.url().replace("//", &format!("//{user}"));
        client().get(&url, headers, PATIENCE, 10).await.expect("an answer");
        let seen = log.take().pop().expect("it was asked");
        let said = seen.headers.get("authorization").map(|value| value.to_str().expect("text"));
        assert_eq!(said, expected, "{user}");
    }
    server.stop().await;
}
