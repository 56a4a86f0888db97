//! An HTTP/1.1 server with limits: connections, time for a request's head, size of its body, time to stop.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit};
use axum::http::{StatusCode, Version, header};
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower_service::Service;

/// How long a failed accept (out of file descriptors, say) keeps the server from trying again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Longest head of a request, and most that is read ahead of a connection. The longest URI that is taken is 64 KiB; with
/// as much again for headers, all connections together hold half a gigabyte at worst.
const HEAD_MAX_BYTES: usize = 128 << 10;

/// What one server allows.
#[derive(Debug, Clone, Copy)]
pub struct ServerLimits {
    /// Connections open at once; beyond it new ones wait in the kernel's queue and are counted as having waited.
    pub connections_max: usize,
    /// Time for a request's head to arrive, and for an idle connection to live; then it is closed.
    pub header_timeout: Duration,
    /// Bytes of a body that handlers may extract; beyond it they answer 413.
    pub body_max_bytes: usize,
    /// Time for requests under way to finish when the server stops; then they are cut.
    pub stop_timeout: Duration,
}

impl ServerLimits {
    /// What suits a service of a small team: 4096 connections (a thousand users with a few each), a minute for a head
    /// (scrape intervals keep their connections), 2 MiB bodies, 5 s to stop.
    pub fn standard() -> Self {
        Self {
            connections_max: 4096,
            header_timeout: Duration::from_secs(60),
            body_max_bytes: 2 << 20,
            stop_timeout: Duration::from_secs(5),
        }
    }
}

/// What a role's servers count; one for all its ports.
#[derive(Debug, Clone, Default)]
pub struct ServerMetrics {
    connections_open: Gauge,
    connections_total: Counter,
    waited: Counter,
    accept_errors: Counter,
}

impl ServerMetrics {
    /// Adds `http_server_connections_open`, `_connections_total`, `_connections_waited_total` and
    /// `_accept_errors_total` to `registry`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let all = registry.sub_registry_with_prefix("http_server");
        all.register("connections_open", "Connections open now", metrics.connections_open.clone());
        all.register("connections", "Connections accepted", metrics.connections_total.clone());
        all.register(
            "connections_waited",
            "Times the limit made new connections wait",
            metrics.waited.clone(),
        );
        all.register(
            "accept_errors",
            "Connections that could not be accepted",
            metrics.accept_errors.clone(),
        );
        metrics
    }
}

/// Among a request's extensions: is cancelled when the server stops. Answers without an end have to end then, or they hold
/// up the stop for as long as it may take.
#[derive(Debug, Clone)]
pub struct Stopping(pub CancellationToken);

/// A server that runs until it is stopped; dropping it without [`Server::stop`] cuts it off.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves `router` on `listener` without counting.
    pub fn start(listener: TcpListener, router: Router, limits: ServerLimits) -> Self {
        Self::start_counted(listener, router, limits, ServerMetrics::default())
    }

    /// Serves `router` on `listener`. Handlers may extract the caller's address as `ConnectInfo<SocketAddr>`.
    pub fn start_counted(
        listener: TcpListener,
        router: Router,
        limits: ServerLimits,
        metrics: ServerMetrics,
    ) -> Self {
        let addr = listener.local_addr().expect("a bound listener has an address");
        let stop = CancellationToken::new();
        let router = router.layer(DefaultBodyLimit::max(limits.body_max_bytes));
        let task = tokio::spawn(run(listener, router, limits, metrics, stop.clone()));
        Self { addr, stop, task }
    }

    /// Where it listens, with the real port.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://` and the address.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Stops accepting, lets requests under way finish within the limit, then cuts what is left.
    pub async fn stop(mut self) {
        self.stop.cancel();
        // The task ends by itself within the limit; a panic in it has been reported where it happened.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
        self.task.abort();
    }
}

/// What every connection of a server shares.
struct Shared {
    router: Router,
    limits: ServerLimits,
    metrics: ServerMetrics,
    /// Finish what is under way, take nothing new.
    stop: CancellationToken,
    /// Time is up.
    cut: CancellationToken,
}

async fn run(
    listener: TcpListener,
    router: Router,
    limits: ServerLimits,
    metrics: ServerMetrics,
    stop: CancellationToken,
) {
    let slots = Arc::new(Semaphore::new(limits.connections_max));
    let shared = Arc::new(Shared { router, limits, metrics, stop, cut: CancellationToken::new() });
    // Connections die with the server, whichever way it ends.
    let _cut_when_dropped = shared.cut.clone().drop_guard();
    loop {
        let next = tokio::select! {
            () = shared.stop.cancelled() => break,
            next = accept(&listener, &slots, &shared.metrics) => next,
        };
        if let Some((stream, peer, slot)) = next {
            tokio::spawn(serve_connection(stream, peer, slot, shared.clone()));
        }
    }
    drop(listener);
    // All slots free means no connection left; whatever holds one after the limit is cut by the guard.
    let all = u32::try_from(limits.connections_max).unwrap_or(u32::MAX);
    let _ = tokio::time::timeout(limits.stop_timeout, slots.acquire_many(all)).await;
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
    metrics: &ServerMetrics,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    if slots.available_permits() == 0 {
        metrics.waited.inc();
    }
    let slot = slots.clone().acquire_owned().await.expect("the semaphore is never closed");
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, slot)),
        Err(error) => {
            metrics.accept_errors.inc();
            tracing::warn!(%error, "connection not accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    slot: OwnedSemaphorePermit,
    shared: Arc<Shared>,
) {
    let _slot = slot;
    let _open = OpenConnection::new(&shared.metrics.connections_open);
    shared.metrics.connections_total.inc();
    // Answers are small and written whole: waiting for more bytes would only add 40 ms.
    let _ = stream.set_nodelay(true);
    let (router, stopping) = (shared.router.clone(), Stopping(shared.stop.clone()));
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(stopping.clone());
        let mut router = router.clone();
        async move {
            if names_one_host(&request) {
                return router.call(request).await;
            }
            Ok((StatusCode::BAD_REQUEST, "a request must have exactly one Host header\n").into_response())
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(shared.limits.header_timeout)
        .max_buf_size(HEAD_MAX_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    // How a connection ends is the client's affair: errors here are not ours to report.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = shared.stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    tokio::select! {
        _ = connection => {}
        () = shared.cut.cancelled() => {}
    }
}

/// RFC 9112 3.2: without that rule whoever stands before or behind us may see another host than we do.
fn names_one_host<B>(request: &hyper::Request<B>) -> bool {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    hosts == 1 || (hosts == 0 && request.version() < Version::HTTP_11)
}

/// Counts a connection as open as long as it lives.
struct OpenConnection(Gauge);

impl OpenConnection {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::{get, post};

    use super::*;
    use crate::{Client, ClientOptions, bind};

    async fn start(router: Router, limits: ServerLimits) -> Server {
        Server::start(bind("127.0.0.1:0".parse().expect("an address")).await.expect("a port"), router, limits)
    }

    fn client() -> Client {
        Client::new(ClientOptions::named("test")).expect("a client")
    }

    const SHORT: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn answers_and_knows_the_caller() {
        let router = Router::new().route(
            "/",
            get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.ip().to_string() }),
        );
        let server = start(router, ServerLimits::standard()).await;
        let answer = client().get(&server.url(), &[], SHORT, 100).await.expect("an answer");
        assert_eq!((answer.status, &answer.body[..]), (200, b"127.0.0.1".as_slice()));
        server.stop().await;
    }

    #[tokio::test]
    async fn a_request_under_way_outlives_stop() {
        let (entered, mut on_entered) = tokio::sync::mpsc::channel(1);
        let release = Arc::new(tokio::sync::Notify::new());
        let held = release.clone();
        let router = Router::new().route(
            "/",
            get(move || async move {
                entered.send(()).await.expect("the test listens");
                held.notified().await;
                "done"
            }),
        );
        let server = start(router, ServerLimits::standard()).await;
        let url = server.url();
        let request = tokio::spawn(async move { client().get(&url, &[], SHORT, 100).await });
        on_entered.recv().await.expect("the request came in");
        let stopping = tokio::spawn(server.stop());
        release.notify_one();
        assert_eq!(request.await.expect("no panic").expect("an answer").body, "done");
        stopping.await.expect("stopped");
    }

    #[tokio::test]
    async fn a_stuck_request_is_cut_when_stopping() {
        let router = Router::new().route("/", get(|| async { std::future::pending::<&str>().await }));
        let limits = ServerLimits { stop_timeout: Duration::from_millis(50), ..ServerLimits::standard() };
        let server = start(router, limits).await;
        let url = server.url();
        let request = tokio::spawn(async move { client().get(&url, &[], SHORT, 100).await });
        tokio::task::yield_now().await;
        server.stop().await;
        assert!(request.await.expect("no panic").is_err());
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_413() {
        let router = Router::new().route("/", post(|body: String| async move { body.len().to_string() }));
        let server = start(router, ServerLimits { body_max_bytes: 10, ..ServerLimits::standard() }).await;
        let answer = client().post_json(&server.url(), &"x".repeat(20), &[], SHORT).await.expect("an answer");
        assert_eq!(answer.status, 413);
        server.stop().await;
    }

    #[tokio::test]
    async fn heads_are_checked() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let server =
            start(Router::new().route("/", get(|| async { "fine" })), ServerLimits::standard()).await;
        let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(2 * HEAD_MAX_BYTES));
        for (head, expected) in [
            ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 200"),
            ("GET / HTTP/1.0\r\n\r\n", "HTTP/1.0 200"),
            ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", "HTTP/1.1 400"),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n", "HTTP/1.1 400"),
            (&long, "HTTP/1.1 431"),
        ] {
            let mut stream = TcpStream::connect(server.addr()).await.expect("connected");
            // The server may refuse before it has read all.
            let _ = stream.write_all(head.as_bytes()).await;
            let mut begin = [0u8; 12];
            stream.read_exact(&mut begin).await.expect("an answer");
            assert_eq!(String::from_utf8_lossy(&begin), expected, "{}", &head[..head.len().min(60)]);
        }
        server.stop().await;
    }
}
