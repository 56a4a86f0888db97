//! One request's way through: route, hold its body, try backends, pass the answer on.
//!
//! **When a request is sent again.** Never after the client has seen a byte of an answer. Before that:
//! - nothing was sent (no connection, or a pooled one closed before use): always safe, for POST too;
//! - it was sent and the connection broke: only for methods that may be repeated (GET, HEAD, OPTIONS, TRACE, PUT,
//!   DELETE), since the backend may have acted on it;
//! - it took too long: never. The backend is likely still at it, and the client has waited enough.
//!
//! Short answers of known length are read whole before their head is passed on: a backend killed in between then costs
//! a retry instead of a broken answer. Everything else, event streams above all, is passed on as it comes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::response::Response;
use bytes::Bytes;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body::Body as _;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, timeout, timeout_at};

use crate::answer::Refusal;
use crate::balance::{Backend, Lease, Upstream};
use crate::body::StreamedBody;
use crate::headers;
use crate::metrics::{Metrics, NONE};
use crate::route::Routes;

/// Label `status` of a request whose client left before there was an answer; the number that nginx made usual.
const CLIENT_LEFT: u16 = 499;
/// Longest time for a request's body to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Most attempts at one request, the first included: enough for two dead backends in a row, few enough that a request
/// that kills what it touches doesn't kill everything.
const ATTEMPTS_MAX: usize = 3;
/// Answers up to this long are read whole before they are passed on. An order with a hundred items is about 8 KiB.
const WHOLE_ANSWER_MAX_BYTES: u64 = 64 * 1024;
/// Idle connections kept to each backend; more are closed. As many as requests that are usually under way at once.
const IDLE_CONNECTIONS_MAX: usize = 256;
/// Shorter than our own services keep an idle connection (60 s), so that it is us who closes it.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) type BackendClient = Client<HttpConnector, Full<Bytes>>;

/// What every request needs.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) routes: Routes,
    pub(crate) upstreams: Vec<Arc<Upstream>>,
    pub(crate) metrics: Metrics,
    pub(crate) body_max_bytes: usize,
}

/// A request as it goes to any backend.
struct Outgoing {
    method: Method,
    path: PathAndQuery,
    headers: HeaderMap,
    body: Bytes,
}

/// Why an attempt gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    /// No connection: nobody is there.
    Connect,
    /// A pooled connection turned out closed before anything was sent.
    Unsent,
    /// Sent, and then the connection broke.
    Broken,
    /// No answer in time.
    TimedOut,
}

/// An answer, and which backend gave it.
struct Answer {
    response: Response,
    backend: Arc<Backend>,
}

/// A client for the backends of one upstream, with its pool.
pub(crate) fn client(connect_timeout: Duration) -> BackendClient {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(connect_timeout));
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
        .build(connector)
}

/// Answers any request that is not the gateway's own.
pub(crate) async fn handle(
    State(gateway): State<Arc<Gateway>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request<Body>,
) -> Response {
    let request_id = headers::request_id(request.headers());
    let upstream = gateway.routes.find(request.uri().path());
    let mut counted = CountedRequest::new(&gateway.metrics, upstream.map_or(NONE, |upstream| &upstream.name));
    let answer = match upstream {
        Some(upstream) => gateway.forward(upstream, peer, &request_id, request).await,
        None => Err(Refusal::NoRoute { path: request.uri().path().to_owned() }),
    };
    let mut response = match answer {
        Ok(Answer { response, backend }) => {
            backend.name.clone_into(&mut counted.backend);
            response
        }
        Err(refusal) => {
            tracing::debug!(%refusal, "request refused");
            refusal.answer()
        }
    };
    headers::to_client(response.headers_mut(), &request_id);
    counted.status = response.status().as_u16();
    response
}

/// Counts a request when it is over, also when the client leaves first: then this is dropped half-way, and a backend
/// that hangs would otherwise not show in the figures at all.
struct CountedRequest<'a> {
    metrics: &'a Metrics,
    upstream: &'a str,
    backend: String,
    status: u16,
    begun: Instant,
}

impl<'a> CountedRequest<'a> {
    fn new(metrics: &'a Metrics, upstream: &'a str) -> Self {
        Self { metrics, upstream, backend: NONE.to_owned(), status: CLIENT_LEFT, begun: Instant::now() }
    }
}

impl Drop for CountedRequest<'_> {
    fn drop(&mut self) {
        self.metrics.answered(self.upstream, &self.backend, self.status, self.begun.elapsed().as_secs_f64());
    }
}

impl Gateway {
    async fn forward(
        &self,
        upstream: &Upstream,
        peer: SocketAddr,
        request_id: &HeaderValue,
        request: Request<Body>,
    ) -> Result<Answer, Refusal> {
        let (head, body) = request.into_parts();
        let body = self.read_body(body).await?;
        let path = head.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        let mut headers = head.headers;
        headers::to_backend(&mut headers, peer.ip(), request_id);
        self.attempts(upstream, &Outgoing { method: head.method, path, headers, body }).await
    }

    /// The whole body: only what is held can be sent again.
    async fn read_body(&self, body: Body) -> Result<Bytes, Refusal> {
        let too_large = Refusal::BodyTooLarge { max_bytes: self.body_max_bytes };
        if body.size_hint().lower() > self.body_max_bytes as u64 {
            return Err(too_large);
        }
        match timeout(BODY_TIMEOUT, Limited::new(body, self.body_max_bytes).collect()).await {
            Ok(Ok(collected)) => Ok(collected.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large),
            Ok(Err(_)) => Err(Refusal::BodyBroken),
            Err(_) => Err(Refusal::BodyTooSlow),
        }
    }

    /// Tries one backend after another, as the top of this file says.
    async fn attempts(&self, upstream: &Upstream, request: &Outgoing) -> Result<Answer, Refusal> {
        let deadline = Instant::now() + upstream.timeout;
        let mut tried: Vec<Arc<Backend>> = Vec::new();
        let mut last_failure = None;
        for attempt in 0..ATTEMPTS_MAX {
            let Some(lease) = upstream.pick(&tried) else { break };
            if attempt > 0 {
                self.metrics.retried();
            }
            let backend = lease.backend.clone();
            match self.attempt(&upstream.client, lease, request, deadline).await {
                Ok(response) => return Ok(Answer { response, backend }),
                Err(failure) => {
                    self.metrics.attempt_failed(&upstream.name, &backend.name, failure.name());
                    tracing::debug!(backend = backend.name, failure = failure.name(), "attempt failed");
                    if failure == Failure::Connect {
                        backend.refused();
                    }
                    last_failure = Some(failure);
                    tried.push(backend);
                    if !failure.may_try_again(&request.method) {
                        break;
                    }
                }
            }
        }
        let upstream = upstream.name.clone();
        Err(match last_failure {
            Some(Failure::TimedOut) => Refusal::TimedOut { upstream },
            Some(Failure::Broken) => Refusal::Broken { upstream },
            Some(Failure::Connect | Failure::Unsent) | None => Refusal::NoBackend { upstream },
        })
    }

    async fn attempt(
        &self,
        client: &BackendClient,
        lease: Lease,
        outgoing: &Outgoing,
        deadline: Instant,
    ) -> Result<Response, Failure> {
        let request = outgoing.to(&lease.backend);
        let response = match timeout_at(deadline, client.request(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(Failure::of(&error)),
            Err(_) => return Err(Failure::TimedOut),
        };
        let (head, body) = response.into_parts();
        let body = match timeout_at(deadline, self.pass_on(head.status, body, lease)).await {
            Ok(Ok(body)) => body,
            Ok(Err(_)) => return Err(Failure::Broken),
            Err(_) => return Err(Failure::TimedOut),
        };
        Ok(Response::from_parts(head, body))
    }

    /// The body for the client: whole when it is short, else as it comes.
    async fn pass_on(&self, status: StatusCode, body: Incoming, lease: Lease) -> Result<Body, hyper::Error> {
        let is_short = body.size_hint().exact().is_some_and(|bytes| bytes <= WHOLE_ANSWER_MAX_BYTES);
        if is_short && status != StatusCode::SWITCHING_PROTOCOLS {
            return Ok(Body::from(body.collect().await?.to_bytes()));
        }
        Ok(Body::new(StreamedBody::new(body, lease, self.metrics.clone())))
    }
}

impl Outgoing {
    fn to(&self, backend: &Backend) -> Request<Full<Bytes>> {
        let mut uri = http::uri::Parts::default();
        uri.scheme = Some(Scheme::HTTP);
        uri.authority = Some(backend.authority.clone());
        uri.path_and_query = Some(self.path.clone());
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = Uri::from_parts(uri).expect("scheme, authority and path make a URI");
        *request.headers_mut() = self.headers.clone();
        request
    }
}

impl Failure {
    fn of(error: &ClientError) -> Self {
        let unsent = |cause: &(dyn std::error::Error + 'static)| {
            // hyper calls a request canceled only when it hands it back unsent.
            cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled)
        };
        match std::error::Error::source(error) {
            _ if error.is_connect() => Self::Connect,
            Some(cause) if unsent(cause) => Self::Unsent,
            _ => Self::Broken,
        }
    }

    fn may_try_again(self, method: &Method) -> bool {
        match self {
            Self::Connect | Self::Unsent => true,
            Self::Broken => method.is_idempotent(),
            Self::TimedOut => false,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Unsent => "unsent",
            Self::Broken => "broken",
            Self::TimedOut => "timeout",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_safe_is_sent_again() {
        for (failure, get, post) in [
            (Failure::Connect, true, true),
            (Failure::Unsent, true, true),
            (Failure::Broken, true, false),
            (Failure::TimedOut, false, false),
        ] {
            for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE] {
                assert_eq!(failure.may_try_again(&method), get, "{failure:?} {method}");
            }
            for method in [Method::POST, Method::PATCH] {
                assert_eq!(failure.may_try_again(&method), post, "{failure:?} {method}");
            }
        }
    }
}
