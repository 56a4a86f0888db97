//! What goes over the wire besides answers: methods, forms, encodings, headers.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::services::{LIMIT, Site};

/// Sends `request` without its last empty line, on a connection of its own; gives the answer's head in lower case, and
/// its body.
async fn raw(site: &Site, request: &str, body: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(site.prometheus.addr()).await.expect("it listens");
    let text =
        format!("{request}\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(text.as_bytes()).await.expect("sent");
    let mut all = Vec::new();
    tokio::time::timeout(LIMIT, stream.read_to_end(&mut all)).await.expect("in time").expect("an answer");
    let end = all.windows(4).position(|w| w == b"\r\n\r\n").expect("a head") + 4;
    let body = all.split_off(end);
    (String::from_utf8(all).expect("ASCII").to_lowercase(), body)
}

#[tokio::test]
async fn forms_and_urls_are_merged() {
    let site = Site::start().await;
    let all = r#"{"status":"success","data":["ended","up"]}"#;
    // Escaped or not, in the body, in the URL or in both.
    for (url, form) in [
        ("", "match%5B%5D=up&match%5B%5D=ended"),
        ("?match[]=up", "match[]=ended"),
        ("?match%5B%5D=up&match[]=ended", "limit=9"),
    ] {
        let kind = "\r\nContent-Type: application/x-www-form-urlencoded; charset=utf-8";
        let (head, body) = raw(&site, &format!("POST /api/v1/labels{url} HTTP/1.1{kind}"), form).await;
        assert!(
            head.starts_with("http/1.1 200") && head.contains("content-type: application/json\r\n"),
            "{head}"
        );
        assert_eq!(
            String::from_utf8_lossy(&body),
            r#"{"status":"success","data":["__name__","instance","job"]}"#
        );
    }
    assert_eq!(site.get("/api/v1/label/__name__/values?match[]=up&match%5B%5D=ended").await.1, all);
    // The body's value comes first; a body that is no form says nothing.
    let (_, body) = site.post("/api/v1/query?query=1&time=2", &[("query", "3")]).await;
    assert_eq!(body, r#"{"status":"success","data":{"resultType":"scalar","result":[2,"3"]}}"#);
    let request = "POST /api/v1/query?query=1&time=2 HTTP/1.1\r\nContent-Type: application/json";
    let (head, body) = raw(&site, request, r#"{"query":"3"}"#).await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert_eq!(body, br#"{"status":"success","data":{"resultType":"scalar","result":[2,"1"]}}"#);
    for path in ["query_range", "series", "format_query", "parse_query", "query_exemplars"] {
        let fields = [("query", "up"), ("match[]", "up"), ("start", "1"), ("end", "2"), ("step", "1")];
        let (status, body) = site.post(&format!("/api/v1/{path}"), &fields).await;
        assert_eq!(status, 200, "{path}: {body}");
    }
    site.stop().await;
}

#[tokio::test]
async fn methods() {
    let site = Site::start().await;
    for path in ["/-/healthy", "/-/ready", "/api/v1/query?query=up"] {
        let (head, body) = raw(&site, &format!("HEAD {path} HTTP/1.1"), "").await;
        assert!(head.starts_with("http/1.1 200") && body.is_empty(), "{path}: {head}");
    }
    for path in ["/api/v1/query", "/api/v1/nothing"] {
        let (head, body) = raw(&site, &format!("OPTIONS {path} HTTP/1.1"), "").await;
        assert!(head.starts_with("http/1.1 204") && body.is_empty(), "{path}: {head}");
    }
    let (head, _) = raw(&site, "DELETE /api/v1/query HTTP/1.1", "").await;
    assert!(head.starts_with("http/1.1 405") && head.contains("allow: get,head,post"), "{head}");
    let (head, _) = raw(&site, "PUT /-/quit HTTP/1.1", "").await;
    assert!(head.starts_with("http/1.1 403"), "{head}");
    site.stop().await;
}

#[tokio::test]
async fn cross_origin() {
    let site = Site::start().await;
    let expected = [
        "access-control-allow-origin: *",
        "access-control-allow-headers: accept, authorization, content-type, origin",
        "access-control-allow-methods: get, post, options",
        "access-control-expose-headers: date",
        "vary: origin",
    ];
    for method in ["GET", "OPTIONS"] {
        let request = format!("{method} /api/v1/query?query=1 HTTP/1.1\r\nOrigin: http://elsewhere");
        let (head, _) = raw(&site, &request, "").await;
        assert!(expected.iter().all(|line| head.contains(line)), "{head}");
    }
    for request in
        ["GET /api/v1/query?query=1 HTTP/1.1", "GET /-/healthy HTTP/1.1\r\nOrigin: http://elsewhere"]
    {
        let (head, _) = raw(&site, request, "").await;
        assert!(!head.contains("access-control"), "{head}");
    }
    site.stop().await;
}

#[tokio::test]
async fn gzip_only_when_it_is_wanted() {
    let site = Site::start().await;
    let path = "/api/v1/query_range?query=up&start=1435781400&end=1435781451&step=1";
    let (head, plain) = raw(&site, &format!("GET {path} HTTP/1.1"), "").await;
    assert!(!head.contains("content-encoding"), "{head}");
    let (head, packed) = raw(&site, &format!("GET {path} HTTP/1.1\r\nAccept-Encoding: gzip"), "").await;
    assert!(head.contains("content-encoding: gzip") && packed.len() < plain.len(), "{head}");
    assert_eq!(site.get(path).await.1.as_bytes(), plain);
    site.stop().await;
}

#[tokio::test]
async fn old_pages_lead_to_ours() {
    let site = Site::start().await;
    for (path, to) in
        [("/", "/"), ("/graph?g0.expr=up", "/"), ("/targets", "/targets"), ("/alerts", "/alerts")]
    {
        let (head, _) = raw(&site, &format!("GET {path} HTTP/1.1"), "").await;
        let location = format!("location: {}{to}", site.ui.url());
        assert!(head.starts_with("http/1.1 307") && head.contains(&location), "{head}");
    }
    let (status, page) = site.get("/").await;
    assert!(status == 200 && page.contains("<html"), "clients look whether we are there by asking for /");
    site.stop().await;
}
