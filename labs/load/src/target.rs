//! Where the requests go, and their text: reads and writes of orders as HTTP/1.1 on the wire.

use std::io::Write as _;

use http::Uri;
use serde::Deserialize;

/// Bounds of what a random order holds; all inside what the order service accepts.
const CUSTOMER_ID_MAX: u32 = 1000;
const ITEMS_MAX: usize = 5;
const PRODUCT_ID_MAX: u32 = 100;
const QUANTITY_MAX: u32 = 5;
const UNIT_PRICE_CENTS_MAX: u64 = 20_000;

/// A base URL that cannot be loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("target {url:?}: {reason}")]
pub struct TargetError {
    url: String,
    reason: &'static str,
}

/// The system under load, and how to ask it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// Name or address to connect to.
    pub(crate) host: String,
    pub(crate) port: u16,
    authority: String,
    base_path: String,
}

/// What the order service says to a new order; the rest of the answer is of no interest here.
#[derive(Debug, Deserialize)]
struct Created {
    order_id: u64,
}

impl Target {
    pub(crate) fn parse(url: &str) -> Result<Self, TargetError> {
        let refuse = |reason| TargetError { url: url.to_owned(), reason };
        let uri: Uri = url.parse().map_err(|_| refuse("is not a URL"))?;
        if uri.scheme_str() != Some("http") {
            return Err(refuse("must begin with http://"));
        }
        let authority = uri.authority().ok_or_else(|| refuse("has no host"))?;
        if uri.query().is_some() || authority.as_str().contains('@') {
            return Err(refuse("must have no user and no query"));
        }
        Ok(Self {
            host: authority.host().trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: authority.port_u16().unwrap_or(80),
            authority: authority.to_string(),
            base_path: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    /// Puts the text of a read of order `id` into `out`.
    pub(crate) fn write_read(&self, id: u64, out: &mut Vec<u8>) {
        out.clear();
        let Self { authority, base_path, .. } = self;
        write!(out, "GET {base_path}/api/order/{id} HTTP/1.1\r\nHost: {authority}\r\n{COMMON_HEADERS}\r\n")
            .expect(INFALLIBLE);
    }

    /// Puts the text of any request into `out`; a body is JSON.
    pub(crate) fn write_request(&self, method: &str, path: &str, body: Option<&str>, out: &mut Vec<u8>) {
        out.clear();
        let Self { authority, base_path, .. } = self;
        write!(out, "{method} {base_path}{path} HTTP/1.1\r\nHost: {authority}\r\n{COMMON_HEADERS}")
            .expect(INFALLIBLE);
        let text = body.unwrap_or_default();
        if body.is_some() || matches!(method, "POST" | "PUT") {
            let length = text.len();
            write!(out, "Content-Type: application/json\r\nContent-Length: {length}\r\n").expect(INFALLIBLE);
        }
        write!(out, "\r\n{text}").expect(INFALLIBLE);
    }

    /// Puts the text of a write of a random order into `out`.
    pub(crate) fn write_order(&self, random: &mut fastrand::Rng, out: &mut Vec<u8>) {
        out.clear();
        let body = random_order(random);
        let Self { authority, base_path, .. } = self;
        write!(
            out,
            "POST {base_path}/api/order HTTP/1.1\r\nHost: {authority}\r\n{COMMON_HEADERS}\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect(INFALLIBLE);
    }
}

/// Sent with each request; `Connection: keep-alive` is HTTP/1.1's rule and need not be said.
const COMMON_HEADERS: &str =
    concat!("User-Agent: watchfire-load/", env!("CARGO_PKG_VERSION"), "\r\nAccept: application/json\r\n");
const INFALLIBLE: &str = "writing to memory cannot fail";

/// Money is drawn in cents and printed as a decimal number, so that no float ever touches it.
fn random_order(random: &mut fastrand::Rng) -> String {
    let items: Vec<String> = (0..random.usize(1..=ITEMS_MAX))
        .map(|_| {
            let cents = random.u64(1..=UNIT_PRICE_CENTS_MAX);
            format!(
                r#"{{"product_id":{},"quantity":{},"unit_price":{}.{:02}}}"#,
                random.u32(1..=PRODUCT_ID_MAX),
                random.u32(1..=QUANTITY_MAX),
                cents / 100,
                cents % 100
            )
        })
        .collect();
    format!(r#"{{"customer_id":{},"items":[{}]}}"#, random.u32(1..=CUSTOMER_ID_MAX), items.join(","))
}

/// The id of the order that an answer acknowledges.
pub(crate) fn acknowledged_order(body: &[u8]) -> Option<u64> {
    serde_json::from_slice::<Created>(body).ok().map(|created| created.order_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&Target, &mut Vec<u8>), url: &str) -> String {
        let mut out = b"left over".to_vec();
        write(&Target::parse(url).expect("a good target"), &mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn reads_name_the_order_under_the_base_path() {
        let read = text(|target, out| target.write_read(7, out), "http://127.0.0.1:5000");
        assert!(read.starts_with("GET /api/order/7 HTTP/1.1\r\nHost: 127.0.0.1:5000\r\n"), "{read}");
        assert!(read.ends_with("\r\n\r\n"), "{read}");
        let read = text(|target, out| target.write_read(7, out), "http://shop.test/v1/");
        assert!(read.starts_with("GET /v1/api/order/7 HTTP/1.1\r\nHost: shop.test\r\n"), "{read}");
    }

    #[test]
    fn writes_carry_json_with_exact_cents_and_their_length() {
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..200 {
            let write = text(|target, out| target.write_order(&mut random, out), "http://h:1");
            let (head, body) = write.split_once("\r\n\r\n").expect("head and body");
            assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
            let order: serde_json::Value = serde_json::from_str(body).expect("JSON");
            let items = order["items"].as_array().expect("items");
            assert!((1..=ITEMS_MAX).contains(&items.len()));
            for price in body.split(r#""unit_price":"#).skip(1) {
                let decimals =
                    price.split(['}', ',']).next().and_then(|p| p.split_once('.')).expect("a decimal").1;
                assert_eq!(decimals.len(), 2, "{body}");
            }
            assert!(items.iter().all(|item| item["unit_price"].as_f64() > Some(0.0)), "{body}");
        }
    }

    #[test]
    fn other_requests_say_how_long_their_body_is() {
        let put = |method: &str, body| {
            text(|target, out| target.write_request(method, "/a", body, out), "http://h:1/v1")
        };
        let read = put("GET", None);
        assert!(
            read.starts_with("GET /v1/a HTTP/1.1\r\nHost: h:1\r\n") && !read.contains("Length"),
            "{read}"
        );
        let write = put("POST", Some("{}"));
        assert!(write.ends_with("Content-Length: 2\r\n\r\n{}"), "{write}");
        let empty = put("POST", None);
        assert!(empty.ends_with("Content-Length: 0\r\n\r\n"), "{empty}");
    }

    #[test]
    fn the_same_seed_orders_the_same() {
        let order = |seed| random_order(&mut fastrand::Rng::with_seed(seed));
        assert_eq!(order(5), order(5));
        assert_ne!(order(5), order(6));
    }

    #[test]
    fn targets_that_cannot_be_loaded_are_refused() {
        for (url, reason) in [
            ("127.0.0.1:5000", "must begin with http://"),
            ("https://h", "must begin with http://"),
            ("http://", "is not a URL"),
            ("http://u:p@h", "must have no user and no query"),
            ("http://h/?a=b", "must have no user and no query"),
        ] {
            assert_eq!(Target::parse(url).expect_err(url).to_string(), format!("target {url:?}: {reason}"));
        }
        let target = Target::parse("http://[::1]:81/").expect("a good target");
        assert_eq!((target.host.as_str(), target.port), ("::1", 81));
    }

    #[test]
    fn acknowledgements_name_the_order() {
        assert_eq!(acknowledged_order(br#"{"order_id":12,"status":"pending"}"#), Some(12));
        for body in ["", "{}", r#"{"order_id":"12"}"#, r#"{"order_id":-1}"#] {
            assert_eq!(acknowledged_order(body.as_bytes()), None, "{body}");
        }
    }
}
