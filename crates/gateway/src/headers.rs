//! Headers on their way through: what belongs to one connection stays behind, who asked is added.

use std::net::IpAddr;

use http::header::{
    self, CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING,
};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Headers that concern one connection only (RFC 9110 7.6.1), and two that people send although they never were.
const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    TRANSFER_ENCODING,
    header::UPGRADE,
];
/// Longest request id taken over from a client; it goes into logs.
const REQUEST_ID_MAX_BYTES: usize = 128;

/// Removes the hop-by-hop headers, those that `Connection` names included.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// Makes a client's headers those of the request to a backend. The body is held whole by now, so its length is set anew
/// and there is nothing left to expect.
pub(crate) fn to_backend(headers: &mut HeaderMap, client: IpAddr, request_id: &HeaderValue) {
    strip_hop_by_hop(headers);
    headers.remove(CONTENT_LENGTH);
    headers.remove(EXPECT);
    if let Some(host) = headers.remove(HOST) {
        headers.insert(X_FORWARDED_HOST, host);
    }
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static("http"));
    headers.insert(X_FORWARDED_FOR, forwarded_for(headers, client));
    headers.insert(X_REQUEST_ID, request_id.clone());
}

/// Makes a backend's headers those of the answer to the client.
pub(crate) fn to_client(headers: &mut HeaderMap, request_id: &HeaderValue) {
    strip_hop_by_hop(headers);
    headers.entry(X_REQUEST_ID).or_insert_with(|| request_id.clone());
}

/// The chain so far, with the client at its end. Only the last entry is our own word for it.
fn forwarded_for(headers: &HeaderMap, client: IpAddr) -> HeaderValue {
    let client = client.to_canonical().to_string();
    let earlier = headers.get_all(X_FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
    let chain: Vec<&str> = earlier.chain([client.as_str()]).collect();
    HeaderValue::try_from(chain.join(", ")).expect("parts that are header text make header text")
}

/// The client's own id when it is short plain text, else a new random one of 32 hex digits.
pub(crate) fn request_id(headers: &HeaderMap) -> HeaderValue {
    let plain = |value: &&HeaderValue| {
        (1..=REQUEST_ID_MAX_BYTES).contains(&value.len()) && value.as_bytes().iter().all(u8::is_ascii_graphic)
    };
    headers.get(X_REQUEST_ID).filter(plain).cloned().unwrap_or_else(|| {
        let id = format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        HeaderValue::try_from(id).expect("hex digits are header text")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let mut headers = HeaderMap::new();
        for (name, value) in lines.iter().map(pair) {
            headers.append(name, value);
        }
        headers
    }

    fn check(from: &[(&'static str, &'static str)], expected: &[(&'static str, &'static str)]) {
        let mut headers_now = headers(from);
        to_backend(&mut headers_now, IpAddr::from([10, 0, 0, 9]), &HeaderValue::from_static("id"));
        let always = [("x-forwarded-proto", "http"), ("x-request-id", "id")];
        let expected = headers(&[expected, &always].concat());
        assert_eq!(headers_now, expected, "{from:?}");
    }

    #[test]
    fn what_belongs_to_the_connection_stays_behind() {
        let us = ("x-forwarded-for", "10.0.0.9");
        check(&[("connection", "close"), ("accept", "a")], &[("accept", "a"), us]);
        check(
            &[("connection", "X-One, x-two"), ("x-one", "1"), ("x-two", "2"), ("x-three", "3")],
            &[("x-three", "3"), us],
        );
        check(
            &[
                ("keep-alive", "timeout=5"),
                ("te", "trailers"),
                ("trailer", "x"),
                ("transfer-encoding", "chunked"),
                ("upgrade", "websocket"),
                ("proxy-authorization", "x"),
                ("proxy-connection", "x"),
                ("expect", "100-continue"),
                ("content-length", "5"),
            ],
            &[us],
        );
        check(&[("connection", "close"), ("connection", "x-one"), ("x-one", "1")], &[us]);
    }

    #[test]
    fn who_asked_is_added() {
        check(
            &[("host", "shop:5000")],
            &[("x-forwarded-host", "shop:5000"), ("x-forwarded-for", "10.0.0.9")],
        );
        check(&[("x-forwarded-for", "1.2.3.4")], &[("x-forwarded-for", "1.2.3.4, 10.0.0.9")]);
        check(
            &[("x-forwarded-for", "1.2.3.4, 5.6.7.8"), ("x-forwarded-for", "9.9.9.9")],
            &[("x-forwarded-for", "1.2.3.4, 5.6.7.8, 9.9.9.9, 10.0.0.9")],
        );
        check(
            &[("x-forwarded-host", "liar"), ("host", "h"), ("x-forwarded-proto", "gopher")],
            &[("x-forwarded-host", "h"), ("x-forwarded-for", "10.0.0.9")],
        );
    }

    #[test]
    fn request_ids_are_kept_when_plain() {
        for (given, kept) in [("abc-1", true), ("", false), ("two words", false), ("x\u{7f}", false)] {
            let mut map = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_str(given) {
                map.insert(X_REQUEST_ID, value);
            }
            let id = request_id(&map);
            assert_eq!(id == given, kept, "{given:?}");
            assert!(kept || id.len() == 32, "{id:?}");
        }
        let long = HeaderValue::try_from("a".repeat(REQUEST_ID_MAX_BYTES + 1)).expect("plain text");
        assert_eq!(request_id(&[(X_REQUEST_ID, long)].into_iter().collect()).len(), 32);
    }
}
