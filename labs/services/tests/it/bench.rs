//! Starts order services in a folder of their own and speaks to them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use serde_json::value::RawValue;
use services::common::access_log::Rotation;
use services::orders::store::PoolLimits;
use services::orders::{ConnectRetry, Options};
use services::{Basics, Running};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A limit for what must not hang; nothing takes this long when it works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// Options of an instance that keeps everything in `folder`.
pub(crate) fn options(folder: &Path, instance: &str) -> Options {
    Options {
        basics: basics(folder, instance),
        database_url: format!("sqlite://{}", folder.join("orders.db").display()),
        database_password_file: None,
        // A busy machine, or a slow disk, refuses nobody.
        pool: PoolLimits { acquire_timeout: PATIENCE, statement_timeout: PATIENCE, ..PoolLimits::standard() },
        connect_retry: ConnectRetry { tries: 2, wait: Duration::from_millis(10) },
        payments: None,
    }
}

/// What every instance is told that keeps its logs in `folder`.
pub(crate) fn basics(folder: &Path, instance: &str) -> Basics {
    let any_port = "127.0.0.1:0".parse().expect("an address");
    Basics {
        instance: instance.to_owned(),
        listen: any_port,
        metrics_listen: any_port,
        log_dir: folder.join("log"),
        log_rotation: Rotation::standard(),
        faults: false,
        memory_limit_bytes: 256 << 20,
    }
}

/// A running instance in a temporary folder.
pub(crate) struct Bench {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) running: Running,
    pub(crate) client: Client,
}

impl Bench {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let running = services::orders::start(options(folder.path(), "orders-1")).await.expect("starts");
        let client = Client::of(&running);
        Self { folder, running, client }
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("orders.db")
    }
}

/// One number from the database file, read past the service.
pub(crate) async fn number(database: &Path, sql: &'static str) -> i64 {
    use sqlx::ConnectOptions;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(database);
    let mut connection = options.connect().await.expect("connects");
    sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect("a number")
}

/// Orders whose total is not the sum of their items, or that have none.
pub(crate) const HALF_WRITTEN: &str = "SELECT count(*) FROM orders o WHERE total_amount_cents IS NOT \
    (SELECT sum(quantity * unit_price_cents) FROM order_items i WHERE i.order_id = o.order_id)";

/// Speaks to one instance.
#[derive(Clone)]
pub(crate) struct Client {
    client: Arc<net::Client>,
    service: String,
    metrics: String,
}

impl Client {
    pub(crate) fn of(running: &Running) -> Self {
        let urls = running.urls();
        Self::at(&urls["http"], &urls["metrics"])
    }

    pub(crate) fn at(service: &str, metrics: &str) -> Self {
        let client = Arc::new(net::Client::new(net::ClientOptions::named("test")).expect("a client"));
        Self { client, service: service.to_owned(), metrics: metrics.to_owned() }
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        self.fetch(&format!("{}{path}", self.service)).await
    }

    /// Like `get`, for a service that may not listen yet.
    pub(crate) async fn try_get(&self, path: &str) -> Option<(u16, String)> {
        let url = format!("{}{path}", self.service);
        let answer = self.client.get(&url, &[], PATIENCE, 10 << 20).await.ok()?;
        Some((answer.status, String::from_utf8(answer.body.to_vec()).expect("text")))
    }

    async fn fetch(&self, url: &str) -> (u16, String) {
        let answer = self.client.get(url, &[], PATIENCE, 10 << 20).await.expect("an answer");
        (answer.status, String::from_utf8(answer.body.to_vec()).expect("text"))
    }

    /// Posts JSON text as it stands.
    pub(crate) async fn post(&self, path: &str, json: &str) -> Result<(u16, String), net::ClientError> {
        let body = RawValue::from_string(json.to_owned()).expect("valid JSON");
        let answer = self.client.post_json(&format!("{}{path}", self.service), &body, &[], PATIENCE).await?;
        Ok((answer.status, String::from_utf8(answer.body.to_vec()).expect("text")))
    }

    /// Places an order and returns it.
    pub(crate) async fn place(&self, json: &str) -> Value {
        let (status, body) = self.post("/api/order", json).await.expect("an answer");
        assert_eq!(status, 201, "{json}: {body}");
        serde_json::from_str(&body).expect("JSON")
    }

    /// What `/metrics` says on the metrics port.
    pub(crate) async fn metrics(&self) -> String {
        self.fetch(&format!("{}/metrics", self.metrics)).await.1
    }

    /// The same for who asks for OpenMetrics.
    pub(crate) async fn openmetrics(&self) -> String {
        let (url, accept) =
            (format!("{}/metrics", self.metrics), [("accept", "application/openmetrics-text")]);
        let answer = self.client.get(&url, &accept, PATIENCE, 10 << 20).await.expect("an answer");
        String::from_utf8(answer.body.to_vec()).expect("text")
    }

    /// The value of the sample whose line begins with `series`; 0 if there is none.
    pub(crate) async fn sample(&self, series: &str) -> u64 {
        let text = self.metrics().await;
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse().expect("a count"))
    }

    /// Puts JSON text below the service's URL, path and all; the answer's status.
    pub(crate) async fn put_json(&self, path: &str, body: &[u8]) -> u16 {
        let rest = self.service.strip_prefix("http://").expect("a plain URL");
        let (host, base) = rest.split_once('/').map_or((rest, String::new()), |(h, p)| (h, format!("/{p}")));
        let client = Self::at(&format!("http://{host}"), "");
        client.send("PUT", &format!("{base}{path}"), "application/json", body).await.0
    }

    /// Sends bytes as they are on a connection of their own; the answer's status, head and body.
    pub(crate) async fn raw(&self, request: &[u8]) -> (u16, String, String) {
        let address = self.service.strip_prefix("http://").expect("a plain URL");
        let mut stream = TcpStream::connect(address).await.expect("connects");
        stream.write_all(request).await.expect("sent");
        let mut answer = String::new();
        tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answer))
            .await
            .expect("in time")
            .expect("read");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).expect("a status").parse().expect("a number");
        (status, head.to_owned(), body.to_owned())
    }

    /// A request with a body of any kind.
    pub(crate) async fn send(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> (u16, String) {
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Type: {kind}\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        let (status, _, body) = self.raw(&request).await;
        (status, body)
    }
}
