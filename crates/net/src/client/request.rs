//! A request from what callers give: an address, headers, a body.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Uri};
use http_body_util::Full;
use percent_encoding::percent_decode_str;
use url::Url;

use super::ClientError;

/// A request for `url`; a user and a password in it become a header. `ours` are headers that we send by ourselves: those in
/// `headers` take their place, and a name given there twice is sent twice.
pub(super) fn request(
    method: Method,
    url: &str,
    mut ours: HeaderMap,
    headers: &[(&str, &str)],
    body: Bytes,
) -> Result<Request<Full<Bytes>>, ClientError> {
    let mut url = Url::parse(url).map_err(|e| ClientError::Url(e.to_string()))?;
    if let Some(user) = take_user(&mut url) {
        ours.insert(AUTHORIZATION, user);
    }
    let bad_url = || ClientError::Url(url.to_string());
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad_url());
    }
    let uri: Uri = url.as_str().parse().map_err(|_| bad_url())?;
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = merged(ours, headers)?;
    Ok(request)
}

/// The form of `fields`, as a browser sends it.
pub(super) fn form(fields: &[(&str, &str)]) -> Bytes {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into()
}

/// Takes user and password out of `url`, as a header of basic authentication.
fn take_user(url: &mut Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let mut pair: Vec<u8> = percent_decode_str(url.username()).collect();
    pair.push(b':');
    pair.extend(percent_decode_str(url.password().unwrap_or_default()));
    // They can be set wherever they could be read.
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    let mut header = HeaderValue::from_str(&format!("Basic {}", BASE64_STANDARD.encode(pair))).ok()?;
    header.set_sensitive(true);
    Some(header)
}

fn merged(mut ours: HeaderMap, headers: &[(&str, &str)]) -> Result<HeaderMap, ClientError> {
    let mut given = HeaderMap::new();
    for (name, value) in headers {
        let bad = || ClientError::Header((*name).to_owned());
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        given.append(name, HeaderValue::from_str(value).map_err(|_| bad())?);
    }
    // Extending a map replaces what is there by a name's first value and adds the others.
    ours.extend(given);
    Ok(ours)
}
