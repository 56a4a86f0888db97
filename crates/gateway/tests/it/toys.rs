//! Toy backends that count, a gateway in front of them, and a client that sees frames.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::{any, get, post};
use axum::{Json, Router};
use bytes::Bytes;
use gateway::{GatewayConfig, Options, Running};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use net::{Server, ServerLimits};
use serde_json::{Value, json};
use tokio::net::TcpSocket;
use tokio::sync::Notify;

pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// What all backends of a test share: who was asked, and which writes arrived how often.
#[derive(Default)]
pub(crate) struct Ledger {
    writes: Mutex<BTreeMap<String, u64>>,
}

impl Ledger {
    pub(crate) fn writes(&self) -> BTreeMap<String, u64> {
        self.writes.lock().expect("no panic").clone()
    }
}

#[derive(Default)]
pub(crate) struct ToyState {
    name: String,
    ledger: Arc<Ledger>,
    pub(crate) reads: AtomicU64,
    pub(crate) sick: AtomicBool,
    /// Lets a stream go on.
    pub(crate) go_on: Notify,
}

/// A backend that can be killed and started again on its port.
pub(crate) struct Toy {
    pub(crate) addr: SocketAddr,
    pub(crate) state: Arc<ToyState>,
    server: Option<Server>,
    /// Bound to its port and never listening, so that nobody else is given it while the backend is down.
    _place: TcpSocket,
}

impl Toy {
    pub(crate) async fn start(name: &str, ledger: &Arc<Ledger>) -> Self {
        let state =
            Arc::new(ToyState { name: name.to_owned(), ledger: ledger.clone(), ..ToyState::default() });
        let place = TcpSocket::new_v4().expect("a socket");
        place.set_reuseaddr(true).expect("set");
        place.bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
        let mut toy = Self { addr: place.local_addr().expect("bound"), state, server: None, _place: place };
        toy.start_again().await;
        toy
    }

    pub(crate) async fn start_again(&mut self) {
        let listener = net::bind(self.addr).await.expect("the port is free");
        let server = Server::start(listener, router(self.state.clone()), ServerLimits::standard());
        self.server = Some(server);
    }

    /// Cuts all connections in the middle of whatever they do.
    pub(crate) fn kill(&mut self) {
        drop(self.server.take().expect("it runs"));
    }

    pub(crate) fn reads(&self) -> u64 {
        self.state.reads.load(Ordering::SeqCst)
    }
}

fn router(state: Arc<ToyState>) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/api/order/{id}", get(read))
        .route("/api/order", post(write))
        .route("/api/echo", any(echo))
        .route("/api/stream", get(stream))
        .route("/api/stuck", any(async || std::future::pending::<()>().await))
        .with_state(state)
}

async fn health(State(state): State<Arc<ToyState>>) -> StatusCode {
    if state.sick.load(Ordering::SeqCst) { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
}

async fn read(State(state): State<Arc<ToyState>>) -> Json<Value> {
    state.reads.fetch_add(1, Ordering::SeqCst);
    // Long enough that a kill finds requests under way.
    tokio::time::sleep(Duration::from_millis(2)).await;
    Json(json!({ "backend": state.name }))
}

async fn write(State(state): State<Arc<ToyState>>, key: String) -> (StatusCode, Json<Value>) {
    *state.ledger.writes.lock().expect("no panic").entry(key).or_default() += 1;
    tokio::time::sleep(Duration::from_millis(2)).await;
    (StatusCode::CREATED, Json(json!({ "backend": state.name })))
}

/// What arrived: headers and body. The answer has headers that must not pass.
async fn echo(headers: HeaderMap, body: Bytes) -> impl IntoResponse {
    let headers: BTreeMap<String, String> = headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().expect("text").to_owned()))
        .collect();
    let answer_headers =
        [("connection", "x-private"), ("x-private", "1"), ("keep-alive", "timeout=5"), ("x-kept", "1")];
    (answer_headers, Json(json!({ "headers": headers, "body_bytes": body.len() })))
}

/// Two events; the second only after `go_on`.
async fn stream(State(state): State<Arc<ToyState>>) -> impl IntoResponse {
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        for event in ["data: 1\n\n", "data: 2\n\n"] {
            // Fails when the client has left.
            let _ = sender.send(Bytes::from(event)).await;
            state.go_on.notified().await;
        }
    });
    ([("content-type", "text/event-stream")], Body::new(Frames(receiver)))
}

struct Frames(tokio::sync::mpsc::Receiver<Bytes>);

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|event| event.map(|event| Ok(http_body::Frame::data(event))))
    }
}

/// A gateway with one upstream `orders` under `/api`, and quick health checks.
pub(crate) async fn gateway(backends: &[SocketAddr]) -> Running {
    gateway_with(backends, "30s", "20ms").await
}

/// The same with another `timeout` for requests and another `interval` of health checks.
pub(crate) async fn gateway_with(backends: &[SocketAddr], timeout: &str, interval: &str) -> Running {
    let backends: String = backends
        .iter()
        .enumerate()
        .map(|(index, addr)| format!("      - {{name: orders-{}, url: 'http://{addr}'}}\n", index + 1))
        .collect();
    let text = format!(
        "routes: [{{prefix: /api, upstream: orders}}]\nupstreams:\n  orders:\n    timeout: {timeout}\n    \
         health: {{interval: {interval}, timeout: 1m, unhealthy_after: 1}}\n    backends:\n{backends}"
    );
    let config: GatewayConfig = config::from_str("gateway.yml".as_ref(), &text).expect("a good file");
    let listen = "127.0.0.1:0".parse().expect("an address");
    gateway::start(Options { listen, config }).await.expect("starts")
}

/// A client with a pool of its own.
#[derive(Clone)]
pub(crate) struct Caller {
    client: Client<HttpConnector, Full<Bytes>>,
    base: String,
}

pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Got {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }
}

impl Caller {
    pub(crate) fn of(gateway: &Running) -> Self {
        Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            base: gateway.urls()["http"].clone(),
        }
    }

    /// The answer's head; its body as it comes.
    pub(crate) async fn open(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Response<Incoming> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).expect("a good request");
        within(path, self.client.request(request)).await.expect("the gateway answers")
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Got {
        let (head, body) = self.open(method, path, headers, body).await.into_parts();
        let body = within(path, body.collect()).await.expect("a whole body").to_bytes();
        Got { status: head.status.as_u16(), headers: head.headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Got {
        self.send("GET", path, &[], Bytes::new()).await
    }

    /// Waits until the gateway says that `count` backends of `orders` are up.
    pub(crate) async fn until_up(&self, count: u64) {
        let waiting = async {
            while self.get("/health").await.json()["upstreams"]["orders"]["up"] != count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        within("the backends' state", waiting).await;
    }

    /// Waits until the series has this value.
    pub(crate) async fn until_metric(&self, series: &str, value: f64) {
        let waiting = async {
            while self.metric(series).await != value {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        within(series, waiting).await;
    }

    /// The value of a series in `/metrics`; 0 when it isn't there.
    pub(crate) async fn metric(&self, series: &str) -> f64 {
        let text = String::from_utf8(self.get("/metrics").await.body.to_vec()).expect("UTF-8");
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.parse().expect("a number"))
    }
}

pub(crate) async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("{what} took too long"))
}
