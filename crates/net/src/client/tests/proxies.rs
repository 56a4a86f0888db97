//! Through somebody else: in absolute form without TLS, by a tunnel with it.

use tokio::io::{AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::secured::{PemFile, Secured};
use super::*;

fn through(proxy: &str) -> Client {
    let tls = TlsOptions { ca_pem: Some(PemFile::Authority.text()), ..TlsOptions::default() };
    let options = ClientOptions { proxy: Some(proxy.to_owned()), tls, ..ClientOptions::named("test") };
    Client::new(options).expect("a client")
}

#[tokio::test]
async fn a_proxy_is_asked_in_absolute_form_with_its_password() {
    let (proxy, log) = watched(|_| "by proxy".into_response()).await;
    let client = through(&proxy.url().replace("//", "//user:p%40ss@"));
    let answer = client.get("http://nowhere.invalid:81/a?b=c", &[], PATIENCE, 100).await;
    assert_eq!(answer.expect("an answer").body, "by proxy");
    let seen = log.take().pop().expect("it was asked");
    assert_eq!(seen.uri, "http://nowhere.invalid:81/a?b=c");
    assert_eq!(seen.headers["host"], "nowhere.invalid:81");
    assert_eq!(seen.headers["proxy-authorization"], "Basic dXNlcjpwQHNz");
    // One that is given as a host and a port is one, too, and needs no password.
    let bare = proxy.url().replace("http://", "");
    through(&bare).get("http://nowhere.invalid/", &[], PATIENCE, 100).await.expect("an answer");
    let seen = log.take().pop().expect("it was asked");
    assert_eq!(
        (seen.uri.as_str(), seen.headers.get("proxy-authorization")),
        ("http://nowhere.invalid/", None)
    );
    proxy.stop().await;
}

#[tokio::test]
async fn a_proxys_password_goes_along_with_every_redirection() {
    let (proxy, log) = watched(|seen| match seen.uri.contains("first") {
        true => (StatusCode::FOUND, [("location", "http://second.invalid/")]).into_response(),
        false => "by proxy".into_response(),
    })
    .await;
    let client = through(&proxy.url().replace("//", "//user:pass@"));
    let headers = [("Authorization", "Bearer x")];
    let answer = client.get("http://first.invalid/", &headers, PATIENCE, 100).await;
    assert_eq!(answer.expect("an answer").body, "by proxy");
    let second = log.take().pop().expect("it was asked");
    assert_eq!(second.uri, "http://second.invalid/");
    assert_eq!(second.headers.get("authorization"), None);
    assert_eq!(second.headers["proxy-authorization"], "Basic dXNlcjpwYXNz");
    proxy.stop().await;
}

/// A proxy that makes one tunnel, to `target` whatever it was asked for; the head of what it was asked.
async fn tunnel(target: String, answer: &'static str) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://user:pass@{}", listener.local_addr().expect("bound"));
    let task = tokio::spawn(async move {
        let (mut near, _) = listener.accept().await.expect("a connection");
        let head = read_head(&mut near).await;
        near.write_all(answer.as_bytes()).await.expect("writable");
        if answer.contains("200") {
            let mut far = TcpStream::connect(target).await.expect("somebody there");
            let _ = copy_bidirectional(&mut near, &mut far).await;
        }
        head.to_lowercase()
    });
    (url, task)
}

#[tokio::test]
async fn https_goes_through_a_tunnel() {
    let server = Secured::start("127.0.0.1:0", false).await;
    let (proxy, task) = tunnel(server.address.to_string(), "HTTP/1.1 200 OK\r\n\r\n").await;
    let client = through(&proxy);
    let answer = client.get("https://localhost:81/a", &[], PATIENCE, 100).await.expect("an answer");
    // In origin form, and without the proxy's password: this is for the server alone.
    assert_eq!(answer.body, "/a false");
    drop(client);
    let head = task.await.expect("no panic");
    assert!(head.starts_with("connect localhost:81 http/1.1\r\n"), "{head}");
    for line in ["host: localhost:81", "proxy-authorization: basic dxnlcjpwyxnz", "user-agent: test"] {
        assert!(head.contains(&format!("{line}\r\n")), "{head}");
    }
    server.stop();
}

#[tokio::test]
async fn a_proxy_that_makes_no_tunnel_is_told_of() {
    for (answer, expected) in [
        ("HTTP/1.1 403 No\r\n\r\n", "tunnel error: unsuccessful"),
        ("HTTP/1.1 407 Who\r\n\r\n", "tunnel error: proxy authorization required"),
    ] {
        let (proxy, task) = tunnel(String::new(), answer).await;
        let error = through(&proxy).get("https://localhost/", &[], PATIENCE, 100).await;
        assert_eq!(error.expect_err("no tunnel").to_string(), expected);
        task.await.expect("no panic");
    }
}

#[test]
fn what_is_no_proxy_is_refused() {
    for (proxy, expected) in [
        ("http://", "bad proxy URL"),
        ("http://[", "bad proxy URL"),
        ("socks5://127.0.0.1:1080", "a proxy by socks5 is not supported"),
    ] {
        let options = ClientOptions { proxy: Some(proxy.to_owned()), ..ClientOptions::named("test") };
        let error = Client::new(options).expect_err("no proxy");
        assert_eq!(error, ClientError::Setup(expected.to_owned()), "{proxy}");
    }
}
