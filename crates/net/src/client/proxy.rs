//! A proxy that all requests go through. Those of the environment (`HTTP_PROXY` and so on) are not looked at: Prometheus and
//! Alertmanager do not either, unless `proxy_from_environment` says so.

use http::header::{PROXY_AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Uri};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use url::Url;

use super::ClientError;
use super::connect::is_https;

/// Where it is, and what it wants to hear.
#[derive(Debug, Clone)]
pub(super) struct Proxy {
    at: Intercept,
    user_agent: HeaderValue,
}

impl Proxy {
    /// `url` may hold a user and a password; without a scheme it is one by HTTP.
    pub(super) fn new(url: &str, user_agent: HeaderValue) -> Result<Self, ClientError> {
        let bad = || ClientError::Setup("bad proxy URL".to_owned());
        let url = if url.contains("://") { Url::parse(url) } else { Url::parse(&format!("http://{url}")) };
        let url = url.map_err(|_| bad())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(ClientError::Setup(format!("a proxy by {} is not supported", url.scheme())));
        }
        let matcher = Matcher::builder().all(String::from(url)).build();
        let at = matcher.intercept(&Uri::from_static("http://any")).ok_or_else(bad)?;
        Ok(Self { at, user_agent })
    }

    pub(super) fn uri(&self) -> &Uri {
        self.at.uri()
    }

    /// Adds the proxy's password to a request that the proxy reads; inside of a tunnel it would be told to the server.
    pub(super) fn authorise<B>(&self, request: &mut Request<B>) {
        if let (false, Some(auth)) = (is_https(request.uri()), self.at.basic_auth()) {
            request.headers_mut().entry(PROXY_AUTHORIZATION).or_insert_with(|| auth.clone());
        }
    }

    /// A way through the proxy that it does not look into; `connector` reaches the proxy itself.
    pub(super) fn tunnel<C>(&self, connector: C) -> Tunnel<C> {
        let headers = HeaderMap::from_iter([(USER_AGENT, self.user_agent.clone())]);
        let tunnel = Tunnel::new(self.uri().clone(), connector).with_headers(headers);
        match self.at.basic_auth() {
            Some(auth) => tunnel.with_auth(auth.clone()),
            None => tunnel,
        }
    }
}
