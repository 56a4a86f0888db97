//! A receiver of alerts on a free port: takes Alertmanager's webhooks, and answers as it is told to.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A message that came in.
#[derive(Debug, Clone)]
pub struct Received {
    /// When it was there, in seconds since 1970.
    pub at_s: f64,
    /// How it was answered.
    pub status: u16,
    /// What it said.
    pub body: Value,
}

impl Received {
    /// Whether it tells of an alert of this name in this state.
    pub fn tells(&self, name: &str, state: &str) -> bool {
        let alerts = self.body["alerts"].as_array();
        alerts.into_iter().flatten().any(|a| a["labels"]["alertname"] == name && a["status"] == state)
    }
}

#[derive(Debug)]
struct State {
    status: u16,
    delay: Duration,
    received: Vec<Received>,
}

/// The receiver; it ends when this is dropped.
#[derive(Debug)]
pub struct Receiver {
    url: String,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Receiver {
    /// Starts one that takes everything.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/", listener.local_addr().expect("bound"));
        let state = State { status: 200, delay: Duration::ZERO, received: Vec::new() };
        let state = Arc::new(Mutex::new(state));
        let task = tokio::spawn(serve(listener, Arc::clone(&state)));
        Self { url, state, task }
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How it answers from now on, and after how long.
    pub fn answer(&self, status: u16, delay: Duration) {
        let mut state = lock(&self.state);
        (state.status, state.delay) = (status, delay);
    }

    /// All that came in, oldest first.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.state).received.clone()
    }

    /// What it took.
    pub fn taken(&self) -> Vec<Received> {
        self.received().into_iter().filter(|one| one.status < 300).collect()
    }
}

async fn serve(listener: TcpListener, state: Arc<Mutex<State>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        tokio::spawn(async move { drop(talk(stream, &state).await) });
    }
}

/// Seconds since 1970.
pub fn now_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

async fn talk(mut stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        let Some((head, length)) = head_of(&bytes) else {
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
            continue;
        };
        while bytes.len() < head + length {
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
        }
        let body = serde_json::from_slice(&bytes[head..head + length]).unwrap_or(Value::Null);
        bytes.drain(..head + length);
        let at_s = now_s();
        let (status, delay) = {
            let mut state = lock(state);
            let status = state.status;
            state.received.push(Received { at_s, status, body });
            (status, state.delay)
        };
        tokio::time::sleep(delay).await;
        let answer = format!("HTTP/1.1 {status} Said\r\ncontent-length: 4\r\n\r\nsaid");
        stream.write_all(answer.as_bytes()).await?;
    }
}

/// Bytes of a request's head, and of its body; `None` while the head is not whole.
fn head_of(bytes: &[u8]) -> Option<(usize, usize)> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(bytes.get(..end)?).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    Some((end, length.and_then(|text| text.trim().parse().ok()).unwrap_or(0)))
}
