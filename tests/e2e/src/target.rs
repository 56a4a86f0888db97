//! A target to be scraped, every sample of which is known by its value.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The samples of one series of a [`Target`].
#[derive(Debug, Clone, PartialEq)]
pub struct Sampled {
    /// Which target it comes from.
    pub target: String,
    /// Which of its series.
    pub series: u64,
    /// Milliseconds since the epoch, and value.
    pub samples: Vec<(i64, u64)>,
}

pub(crate) fn sampled(one: &Value) -> Option<Sampled> {
    let sample = |pair: &Value| {
        let value: f64 = pair[1].as_str()?.parse().ok()?;
        Some(((pair[0].as_f64()? * 1000.0).round() as i64, value as u64))
    };
    Some(Sampled {
        target: one["metric"]["job"].as_str()?.to_owned(),
        series: one["metric"]["i"].as_str()?.parse().ok()?,
        samples: one["values"].as_array()?.iter().map(sample).collect::<Option<_>>()?,
    })
}

/// A target of `series` series, all of which say at every scrape how many scrapes there have been, plus a part of their own.
#[derive(Debug)]
pub struct Target {
    /// Where it answers.
    pub address: String,
    served: Arc<AtomicU64>,
    server: JoinHandle<()>,
}

/// What series `i` says at the `scrape`th scrape.
pub fn value_of(scrape: u64, i: u64) -> u64 {
    scrape * 1_000_000 + i
}

impl Target {
    /// Starts to answer on a free port.
    ///
    /// # Panics
    /// When there is none.
    pub async fn start(series: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound").to_string();
        let served = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&served);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, series, Arc::clone(&counter)));
            }
        });
        Self { address, served, server }
    }

    /// How many scrapes have been answered.
    pub fn served(&self) -> u64 {
        self.served.load(Ordering::SeqCst)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Answers requests on one connection until it is closed.
async fn answer(mut stream: TcpStream, series: u64, served: Arc<AtomicU64>) {
    let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        seen.extend_from_slice(&buffer[..read]);
        if !seen.ends_with(b"\r\n\r\n") {
            continue;
        }
        seen.clear();
        let scrape = served.fetch_add(1, Ordering::SeqCst) + 1;
        let lines = (0..series).map(|i| format!("m{{i=\"{i}\"}} {}\n", value_of(scrape, i)));
        let body: String = lines.collect();
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", body.len());
        if stream.write_all(format!("{head}{body}").as_bytes()).await.is_err() {
            return;
        }
    }
}
