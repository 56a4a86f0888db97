//! Which redirections are followed, and what goes along. That a POST becomes a GET is the library's part.

use bytes::Bytes;
use http::header::{AUTHORIZATION, COOKIE, HeaderName, HeaderValue, PROXY_AUTHORIZATION, REFERER};
use http::{Request, Uri};
use http_body_util::Full;
use tower_http::follow_redirect::policy::{Action, Attempt, Policy};
use url::Url;

use super::ClientError;
use super::connect::is_https;

/// More than any site needs; a loop of redirections ends here.
const REDIRECTIONS_MAX: usize = 10;

/// For the host they were meant for, and nobody else.
const CREDENTIALS: [HeaderName; 3] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION];

/// What is to be done about one request's redirections.
#[derive(Debug, Clone)]
pub(super) struct Redirections {
    are_followed: bool,
    followed: usize,
    /// Whether one led to another host: from then on credentials stay behind, even if a later one leads back.
    left_home: bool,
    referer: Option<HeaderValue>,
}

impl Redirections {
    pub(super) fn new(are_followed: bool) -> Self {
        Self { are_followed, followed: 0, left_home: false, referer: None }
    }
}

impl Policy<Full<Bytes>, ClientError> for Redirections {
    fn redirect(&mut self, attempt: &Attempt<'_>) -> Result<Action, ClientError> {
        if !self.are_followed {
            return Ok(Action::Stop);
        }
        self.followed += 1;
        if self.followed > REDIRECTIONS_MAX {
            return Err(ClientError::Broken("too many redirects".to_owned()));
        }
        let (from, to) = (attempt.previous(), attempt.location());
        if !matches!(to.scheme_str(), Some("http" | "https")) {
            return Err(ClientError::Url(to.to_string()));
        }
        self.left_home |= host(from) != host(to);
        self.referer = referer(from, to);
        Ok(Action::Follow)
    }

    fn on_request(&mut self, request: &mut Request<Full<Bytes>>) {
        let headers = request.headers_mut();
        if self.left_home {
            for name in CREDENTIALS {
                headers.remove(name);
            }
        }
        if let Some(referer) = self.referer.clone() {
            headers.insert(REFERER, referer);
        }
    }

    fn clone_body(&self, body: &Full<Bytes>) -> Option<Full<Bytes>> {
        Some(body.clone())
    }
}

/// What makes one server another: scheme, name, port.
fn host(uri: &Uri) -> (bool, Option<&str>, u16) {
    let port = uri.port_u16().unwrap_or(if is_https(uri) { 443 } else { 80 });
    (is_https(uri), uri.host(), port)
}

/// Where a request came from, without a password, and not told in the clear if that was over TLS.
fn referer(from: &Uri, to: &Uri) -> Option<HeaderValue> {
    if is_https(from) && !is_https(to) {
        return None;
    }
    let mut from = Url::parse(&from.to_string()).ok()?;
    from.set_username("").ok()?;
    from.set_password(None).ok()?;
    HeaderValue::from_str(from.as_str()).ok()
}
