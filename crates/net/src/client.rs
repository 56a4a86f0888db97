//! An HTTP client that never takes more bytes or time than it was told.

mod body;
mod words;

use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use serde::Serialize;

use self::words::{chain, explain};

/// The most that a [`Client::post_json`] or [`Client::post_form`] answer may be: they are receipts and query answers.
const POST_ANSWER_MAX_BYTES: usize = 64 << 20;

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

/// Settings of TLS towards servers.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TlsOptions {
    /// Certificates, as PEM, that are believed instead of the system's.
    pub ca_pem: Option<String>,
    /// A certificate with its key, as PEM, that we show.
    pub identity_pem: Option<String>,
    /// Whether any certificate is believed.
    pub believe_all: bool,
}

impl std::fmt::Debug for TlsOptions {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (has_ca, has_identity) = (self.ca_pem.is_some(), self.identity_pem.is_some());
        write!(f, "TlsOptions(ca: {has_ca}, identity: {has_identity}, believe all: {})", self.believe_all)
    }
}

impl TlsOptions {
    fn apply(&self, mut builder: reqwest::ClientBuilder) -> Result<reqwest::ClientBuilder, ClientError> {
        let bad =
            |what: &str, cause: &reqwest::Error| ClientError::Setup(format!("{what}: {}", chain(cause)));
        if let Some(pem) = &self.ca_pem {
            let all = reqwest::Certificate::from_pem_bundle(pem.as_bytes());
            let all = all.map_err(|e| bad("the certificate of the authority", &e))?;
            if all.is_empty() {
                return Err(ClientError::Setup("the certificate of the authority: there is none".to_owned()));
            }
            builder = builder.tls_certs_only(all);
        }
        if let Some(pem) = &self.identity_pem {
            let identity = reqwest::Identity::from_pem(pem.as_bytes());
            builder = builder.identity(identity.map_err(|e| bad("the certificate and its key", &e))?);
        }
        Ok(builder.tls_danger_accept_invalid_certs(self.believe_all))
    }
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
    plain: reqwest::Client,
    /// Made on first use: loading the system's certificates costs megabytes that a laptop lab never needs.
    tls: OnceLock<reqwest::Client>,
}

impl Client {
    /// A client without connections yet.
    ///
    /// # Errors
    /// [`ClientError::Setup`] when the user agent is not a valid header.
    pub fn new(options: ClientOptions) -> Result<Self, ClientError> {
        crate::tls::install();
        let plain =
            builder(&options)?.tls_certs_only([]).build().map_err(|e| ClientError::Setup(chain(&e)))?;
        Ok(Self { options, plain, tls: OnceLock::new() })
    }

    /// Makes what is otherwise made on first use, to see whether the settings of TLS are good.
    ///
    /// # Errors
    /// [`ClientError::Setup`] when they are not.
    pub fn check_tls(&self) -> Result<(), ClientError> {
        self.for_url("https:").map(|_| ())
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
        let request = with_headers(self.for_url(url)?.get(url).header(ACCEPT_ENCODING, "gzip"), headers)?;
        fetch(request, timeout, body_max_bytes).await
    }

    /// Sends `body` as JSON.
    ///
    /// # Errors
    /// See [`ClientError`]; a bad status is none.
    pub async fn post_json(
        &self,
        url: &str,
        body: &impl Serialize,
        headers: &[(&str, &str)],
        timeout: Duration,
    ) -> Result<Fetched, ClientError> {
        let request = with_headers(self.for_url(url)?.post(url).json(body), headers)?;
        fetch(request, timeout, POST_ANSWER_MAX_BYTES).await
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
        let mut body = reqwest::Url::parse("http://form").map_err(|e| ClientError::Url(e.to_string()))?;
        body.query_pairs_mut().extend_pairs(fields);
        let request = self
            .for_url(url)?
            .post(url)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body.query().unwrap_or_default().to_owned());
        let request = with_headers(request, headers)?;
        fetch(request, timeout, POST_ANSWER_MAX_BYTES).await
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
        let request = with_headers(self.for_url(url)?.post(url).body(body), headers)?;
        fetch(request, timeout, answer_max_bytes).await
    }

    fn for_url(&self, url: &str) -> Result<&reqwest::Client, ClientError> {
        if !url.starts_with("https:") {
            return Ok(&self.plain);
        }
        if let Some(client) = self.tls.get() {
            return Ok(client);
        }
        let client = self.options.tls.apply(builder(&self.options)?)?;
        let client = client.build().map_err(|e| ClientError::Setup(chain(&e)))?;
        Ok(self.tls.get_or_init(|| client))
    }
}

fn builder(options: &ClientOptions) -> Result<reqwest::ClientBuilder, ClientError> {
    let mut builder = reqwest::Client::builder()
        .connect_timeout(options.connect_timeout)
        .user_agent(&options.user_agent)
        .pool_max_idle_per_host(options.idle_per_host_max);
    if !options.follow_redirects {
        builder = builder.redirect(reqwest::redirect::Policy::none());
    }
    if let Some(proxy) = &options.proxy {
        let proxy = reqwest::Proxy::all(proxy).map_err(|_| ClientError::Setup("bad proxy URL".to_owned()))?;
        builder = builder.proxy(proxy);
    }
    Ok(builder)
}

/// Sets `headers`, in place of what we would send by ourselves; a name given twice is sent twice.
fn with_headers(
    request: reqwest::RequestBuilder,
    headers: &[(&str, &str)],
) -> Result<reqwest::RequestBuilder, ClientError> {
    let mut all = HeaderMap::new();
    for (name, value) in headers {
        let invalid = |_| ClientError::Header((*name).to_owned());
        let name =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| ClientError::Header((*name).to_owned()))?;
        all.append(name, HeaderValue::from_str(value).map_err(invalid)?);
    }
    Ok(request.headers(all))
}

async fn fetch(
    request: reqwest::RequestBuilder,
    timeout: Duration,
    body_max_bytes: usize,
) -> Result<Fetched, ClientError> {
    tokio::time::timeout(timeout, fetch_untimed(request, body_max_bytes))
        .await
        .unwrap_or(Err(ClientError::Timeout(timeout)))
}

async fn fetch_untimed(
    request: reqwest::RequestBuilder,
    body_max_bytes: usize,
) -> Result<Fetched, ClientError> {
    let response = request.send().await.map_err(explain)?;
    let status = response.status().as_u16();
    let content_type = header(response.headers(), &CONTENT_TYPE);
    let encoding = header(response.headers(), &CONTENT_ENCODING);
    let retry_after = header(response.headers(), &RETRY_AFTER).trim().parse().ok().map(Duration::from_secs);
    let (body, wire_bytes) = body::read(response, &encoding, body_max_bytes).await?;
    Ok(Fetched { status, content_type, retry_after, body, wire_bytes })
}

fn header(headers: &HeaderMap, name: &HeaderName) -> String {
    headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
