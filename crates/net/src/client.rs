//! An HTTP client that never takes more bytes or time than it was told.

use std::io::{self, Write};
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use serde::Serialize;

/// The most that a [`Client::post_json`] or [`Client::post_form`] answer may be: they are receipts and query answers.
const POST_ANSWER_MAX_BYTES: usize = 64 << 20;

/// How much of a body is decoded at a stretch; gzip makes a thousand times as much of it at worst, a few milliseconds'
/// work.
const PIECE_BYTES: usize = 4096;

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
    let (body, wire_bytes) = read_body(response, &encoding, body_max_bytes).await?;
    Ok(Fetched { status, content_type, retry_after, body, wire_bytes })
}

/// Decodes as the body comes in, so that a small body that unpacks to a huge one costs neither memory beyond the cap nor
/// time beyond the caller's.
async fn read_body(
    mut response: reqwest::Response,
    encoding: &str,
    body_max_bytes: usize,
) -> Result<(Bytes, usize), ClientError> {
    let mut sink = Sink::of(encoding, body_max_bytes)?;
    let mut wire_bytes = 0usize;
    while let Some(chunk) = response.chunk().await.map_err(explain)? {
        wire_bytes = wire_bytes.saturating_add(chunk.len());
        if wire_bytes > body_max_bytes {
            return Err(ClientError::TooLarge(body_max_bytes));
        }
        for piece in chunk.chunks(PIECE_BYTES) {
            sink.take(piece, body_max_bytes)?;
            // Other tasks of this thread want to go on, and the time limit to be looked at.
            tokio::task::yield_now().await;
        }
    }
    Ok((sink.finish()?, wire_bytes))
}

/// Where a body's bytes go.
enum Sink {
    Plain(Capped),
    Gzip(Box<MultiGzDecoder<Capped>>),
}

/// Bytes up to a limit; a write beyond it fails.
struct Capped {
    bytes: Vec<u8>,
    bytes_max: usize,
    is_over: bool,
}

impl Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.bytes_max {
            self.is_over = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink {
    fn of(encoding: &str, bytes_max: usize) -> Result<Self, ClientError> {
        let capped = Capped { bytes: Vec::new(), bytes_max, is_over: false };
        match encoding {
            "" | "identity" => Ok(Self::Plain(capped)),
            "gzip" => Ok(Self::Gzip(Box::new(MultiGzDecoder::new(capped)))),
            other => Err(ClientError::Encoding(format!("unknown content encoding {other:?}"))),
        }
    }

    fn take(&mut self, wire: &[u8], body_max_bytes: usize) -> Result<(), ClientError> {
        let (taken, capped) = match self {
            Self::Plain(capped) => (capped.write_all(wire), &*capped),
            Self::Gzip(decoder) => (decoder.write_all(wire), decoder.get_ref()),
        };
        taken.map_err(|e| match capped.is_over {
            true => ClientError::TooLarge(body_max_bytes),
            false => broken_gzip(&e),
        })
    }

    fn finish(self) -> Result<Bytes, ClientError> {
        let capped = match self {
            Self::Plain(capped) => capped,
            Self::Gzip(mut decoder) => {
                let body_max_bytes = decoder.get_ref().bytes_max;
                let finished = decoder.try_finish();
                if decoder.get_ref().is_over {
                    return Err(ClientError::TooLarge(body_max_bytes));
                }
                finished.map_err(|e| broken_gzip(&e))?;
                std::mem::replace(
                    decoder.get_mut(),
                    Capped { bytes: Vec::new(), bytes_max: 0, is_over: false },
                )
            }
        };
        Ok(capped.bytes.into())
    }
}

fn broken_gzip(error: &io::Error) -> ClientError {
    ClientError::Encoding(format!("broken gzip body: {error}"))
}

fn header(headers: &HeaderMap, name: &HeaderName) -> String {
    headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned()
}

/// Turns the library's error into what a person wants to read: the innermost cause, without the URL.
fn explain(error: reqwest::Error) -> ClientError {
    if error.is_builder() {
        return ClientError::Url(error.url().map_or_else(|| chain(&error), ToString::to_string));
    }
    let text = chain(&error.without_url());
    if text.contains("onnect") { ClientError::Connect(text) } else { ClientError::Broken(text) }
}

/// The last link of an error's chain of causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = in_words(innermost.to_string());
    // "Connection refused (os error 111)": the number helps nobody.
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// What is said of certificates by names of types alone.
fn in_words(text: String) -> String {
    const SAID: &str = "invalid peer certificate: ";
    const WORDS: [(&str, &str); 3] = [
        ("UnknownIssuer", "it is signed by nobody who is trusted here; ca_file names whom to trust"),
        ("Other(OtherError(CaUsedAsEndEntity))", "it is signed by itself; ca_file names whom to trust"),
        ("BadSignature", "its signature is wrong"),
    ];
    let word = text.strip_prefix(SAID).and_then(|kind| WORDS.iter().find(|(name, _)| *name == kind));
    word.map_or(text.clone(), |(_, words)| format!("{SAID}{words}"))
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;
    use flate2::Compression;
    use flate2::write::GzEncoder;

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
        let router =
            Router::new().route("/", get(move || async move { ([(CONTENT_ENCODING, "gzip")], packed) }));
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
        let router =
            Router::new().route("/", get(move || async move { ([(CONTENT_ENCODING, "gzip")], packed) }));
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
        let fetch =
            async |path: &str| client().get(&format!("{}{path}", server.url()), &[], PATIENCE, 100).await;
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
        assert_eq!(
            client().get(&url, &[], wait, 10).await.expect_err("no answer"),
            ClientError::Timeout(wait)
        );
        drop(silent);
        let refused = client().get(&url, &[], PATIENCE, 10).await.expect_err("nobody there");
        assert_eq!(refused, ClientError::Connect("Connection refused".into()));
        let wrong = client().get("not a url", &[], wait, 10).await.expect_err("no url");
        assert!(matches!(wrong, ClientError::Url(_)), "{wrong:?}");
    }
}
