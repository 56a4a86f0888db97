//! A client against servers of this machine.

use std::io::Write;

use axum::Router;
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::words::in_words;
use super::*;
use crate::{Server, ServerLimits, bind};

async fn serve(router: Router) -> Server {
    let listener = bind("127.0.0.1:0".parse().expect("an address")).await.expect("a port");
    Server::start(listener, router, ServerLimits::standard())
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
    let wrong = client().get("not a url", &[], wait, 10).await.expect_err("no url");
    assert!(matches!(wrong, ClientError::Url(_)), "{wrong:?}");
}
