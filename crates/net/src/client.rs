//! An HTTP client that never takes more bytes or time than it was told.

mod body;
mod connect;
mod proxy;
mod redirect;
mod request;
mod tls;
mod words;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
    USER_AGENT,
};
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::Serialize;
use tower::util::BoxCloneSyncService;
use tower::{ServiceBuilder, ServiceExt};
use tower_http::follow_redirect::FollowRedirectLayer;

use self::connect::{Connector, is_https};
use self::proxy::Proxy;
use self::redirect::Redirections;
use self::request::{form, request};
use self::tls::Tls;
pub use self::tls::TlsOptions;
use self::words::unanswered;

/// The most that a [`Client::post_json`] or [`Client::post_form`] answer may be: they are receipts and query answers.
const POST_ANSWER_MAX_BYTES: usize = 64 << 20;

/// A connection without a request is closed after this; scrapes come more often.
const IDLE_MAX: Duration = Duration::from_secs(90);

/// What a connection reads at a stretch, and keeps while it is idle; the longest head of an answer. hyper's own choice grows with the body up
/// to 417 KB, of which fifty targets with bodies of 250 KB make 19 MB more than this does (`examples/connections.rs`).
const READ_BUFFER_BYTES: usize = 32 << 10;

/// How a client presents itself.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// Time to reach the other side.
    pub connect_timeout: Duration,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// Idle connections kept to each host.
    pub idle_per_host_max: usize,
    /// A proxy that all requests go through.
    pub proxy: Option<String>,
    /// Whether redirections are followed, ten at most.
    pub follow_redirects: bool,
    /// How servers are believed, and who we are to them.
    pub tls: TlsOptions,
}

impl ClientOptions {
    /// Five seconds to connect, four idle connections to each host.
    pub fn named(user_agent: &str) -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            user_agent: user_agent.to_owned(),
            idle_per_host_max: 4,
            proxy: None,
            follow_redirects: true,
            tls: TlsOptions::default(),
        }
    }
}

/// Why there was no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Not an address that can be asked.
    #[error("invalid URL {0:?}")]
    Url(String),
    /// Nobody there; the text says how.
    #[error("{0}")]
    Connect(String),
    /// A header that cannot be sent; its name.
    #[error("header {0:?} cannot be sent")]
    Header(String),
    /// Somebody there, but too slow.
    #[error("timed out after {0:?}")]
    Timeout(Duration),
    /// The answer is longer than allowed.
    #[error("body larger than {0} bytes")]
    TooLarge(usize),
    /// The answer's encoding is broken or unknown.
    #[error("{0}")]
    Encoding(String),
    /// Broken off, or not HTTP.
    #[error("{0}")]
    Broken(String),
    /// The client itself could not be made.
    #[error("cannot make an HTTP client: {0}")]
    Setup(String),
}

/// An answer, whatever its status.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type`, or "".
    pub content_type: String,
    /// What `Retry-After` asks for, where that is a number of seconds.
    pub retry_after: Option<Duration>,
    /// The body, decoded.
    pub body: Bytes,
    /// The body's length as it came over the wire.
    pub wire_bytes: usize,
}

/// A pool of connections. Clones are not needed: share it by `Arc`.
#[derive(Debug)]
pub struct Client {
    options: ClientOptions,
    tls: Arc<Tls>,
    /// What every request says.
    headers: HeaderMap,
    exchange: Exchange,
}

/// Answers a request, redirections followed.
type Exchange = BoxCloneSyncService<Request<Full<Bytes>>, Response<Incoming>, ClientError>;

impl Client {
    /// A client without connections yet.
    ///
    /// # Errors
    /// [`ClientError::Setup`] when the user agent is not a valid header, or the proxy not one by HTTP.
    pub fn new(options: ClientOptions) -> Result<Self, ClientError> {
        crate::tls::install();
        let user_agent =
            HeaderValue::from_str(&options.user_agent).map_err(|e| ClientError::Setup(e.to_string()))?;
        let tls = Arc::new(Tls::new(options.tls.clone()));
        let proxy = options.proxy.as_deref().map(|url| Proxy::new(url, user_agent.clone())).transpose()?;
        let exchange = exchange(&options, Arc::clone(&tls), proxy);
        let headers = [(ACCEPT, HeaderValue::from_static("*/*")), (USER_AGENT, user_agent)];
        Ok(Self { options, tls, headers: headers.into_iter().collect(), exchange })
    }

    /// Makes what is otherwise made on first use, to see whether the settings of TLS are good.
    ///
    /// # Errors
    /// [`ClientError::Setup`] when they are not.
    pub fn check_tls(&self) -> Result<(), ClientError> {
        self.tls.config().map(|_| ())
    }

    /// What it was made with.
    pub fn options(&self) -> &ClientOptions {
        &self.options
    }

    /// Asks for `url`. A gzip body is decoded; `body_max_bytes` holds before and after.
    ///
    /// # Errors
    /// See [`ClientError`]; a bad status is none.
    pub async fn get(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        timeout: Duration,
        body_max_bytes: usize,
    ) -> Result<Fetched, ClientError> {
        let ours = self.headers_and(ACCEPT_ENCODING, "gzip");
        let request = request(Method::GET, url, ours, headers, Bytes::new())?;
        self.fetch(request, timeout, body_max_bytes).await
    }

    /// Sends `body` as JSON.
    ///
    /// # Errors
    /// See [`ClientError`]; a bad status is none. [`ClientError::Encoding`] for a body that JSON has no form for.
    pub async fn post_json(
        &self,
        url: &str,
        body: &impl Serialize,
        headers: &[(&str, &str)],
        timeout: Duration,
    ) -> Result<Fetched, ClientError> {
        let body = serde_json::to_vec(body).map_err(|e| ClientError::Encoding(e.to_string()))?;
        let ours = self.headers_and(CONTENT_TYPE, "application/json");
        let request = request(Method::POST, url, ours, headers, body.into())?;
        self.fetch(request, timeout, POST_ANSWER_MAX_BYTES).await
    }

    /// Sends `fields` as a form.
    ///
    /// # Errors
    /// See [`ClientError`]; a bad status is none.
    pub async fn post_form(
        &self,
        url: &str,
        fields: &[(&str, &str)],
        timeout: Duration,
    ) -> Result<Fetched, ClientError> {
        self.post_form_with(url, fields, &[], timeout).await
    }

    /// As [`Client::post_form`], with headers.
    ///
    /// # Errors
    /// See [`ClientError`]; a bad status is none.
    pub async fn post_form_with(
        &self,
        url: &str,
        fields: &[(&str, &str)],
        headers: &[(&str, &str)],
        timeout: Duration,
    ) -> Result<Fetched, ClientError> {
        let ours = self.headers_and(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let request = request(Method::POST, url, ours, headers, form(fields))?;
        self.fetch(request, timeout, POST_ANSWER_MAX_BYTES).await
    }

    /// Sends `body` as it is; its `Content-Type` is among the headers.
    ///
    /// # Errors
    /// See [`ClientError`]; a bad status is none.
    pub async fn post_bytes(
        &self,
        url: &str,
        body: Bytes,
        headers: &[(&str, &str)],
        timeout: Duration,
        answer_max_bytes: usize,
    ) -> Result<Fetched, ClientError> {
        let request = request(Method::POST, url, self.headers.clone(), headers, body)?;
        self.fetch(request, timeout, answer_max_bytes).await
    }

    fn headers_and(&self, name: HeaderName, value: &'static str) -> HeaderMap {
        let mut headers = self.headers.clone();
        headers.insert(name, HeaderValue::from_static(value));
        headers
    }

    async fn fetch(
        &self,
        request: Request<Full<Bytes>>,
        timeout: Duration,
        body_max_bytes: usize,
    ) -> Result<Fetched, ClientError> {
        let fetched = tokio::time::timeout(timeout, self.fetch_untimed(request, body_max_bytes));
        fetched.await.unwrap_or(Err(ClientError::Timeout(timeout)))
    }

    async fn fetch_untimed(
        &self,
        request: Request<Full<Bytes>>,
        body_max_bytes: usize,
    ) -> Result<Fetched, ClientError> {
        if is_https(request.uri()) {
            // Here, where an error is still known for one of settings.
            self.check_tls()?;
        }
        let response = self.exchange.clone().oneshot(request).await?;
        let status = response.status().as_u16();
        let content_type = header(response.headers(), &CONTENT_TYPE);
        let encoding = header(response.headers(), &CONTENT_ENCODING);
        let retry_after = header(response.headers(), &RETRY_AFTER).trim().parse().ok();
        let (body, wire_bytes) = body::read(response.into_body(), &encoding, body_max_bytes).await?;
        let retry_after = retry_after.map(Duration::from_secs);
        Ok(Fetched { status, content_type, retry_after, body, wire_bytes })
    }
}

fn exchange(options: &ClientOptions, tls: Arc<Tls>, proxy: Option<Proxy>) -> Exchange {
    let connector = Connector::new(tls, proxy.clone(), options.connect_timeout);
    let pool = legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_MAX)
        .pool_max_idle_per_host(options.idle_per_host_max)
        .http1_read_buf_exact_size(READ_BUFFER_BYTES)
        .build(connector);
    let service = ServiceBuilder::new()
        .layer(FollowRedirectLayer::with_policy(Redirections::new(options.follow_redirects)))
        .map_request(move |mut request| {
            if let Some(proxy) = &proxy {
                proxy.authorise(&mut request);
            }
            request
        })
        .map_err(|error| unanswered(&error))
        .service(pool);
    BoxCloneSyncService::new(service)
}

fn header(headers: &HeaderMap, name: &HeaderName) -> String {
    headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
