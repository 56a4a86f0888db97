//! Pushing to one other monitor.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use net::Client;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{HEARTBEAT, Heard, PATH, Peers};
use crate::dispatcher::Shared;
use crate::state::wire::Exchange;

/// One push may take so long.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Everything is pushed again this often, should anything have been missed.
const EVERYTHING_EVERY: Duration = Duration::from_secs(600);

/// Answers who heard it, or why nobody did.
pub(crate) type Said<'a> = Pin<Box<dyn Future<Output = Result<Heard, String>> + Send + 'a>>;

/// The way to another monitor.
pub(crate) trait Line: Send + Sync {
    /// Says something to it.
    fn say<'a>(&'a self, said: &'a Exchange) -> Said<'a>;
}

/// The way over HTTP.
pub(crate) struct Post {
    client: Arc<Client>,
    url: String,
    bearer: Option<String>,
}

impl Post {
    /// To the URL with this number.
    pub(crate) fn new(peers: &Peers, number: usize, client: Arc<Client>) -> Self {
        let bearer = peers.options.token.as_ref().map(|token| format!("Bearer {}", token.expose()));
        Self { client, url: format!("{}{PATH}", peers.options.urls[number].trim_end_matches('/')), bearer }
    }
}

/// Pushes over `line`, the way to the URL with this number, until it is told to stop.
pub(crate) async fn run(
    shared: Arc<Shared>,
    peers: Arc<Peers>,
    number: usize,
    line: Arc<dyn Line>,
    stop: CancellationToken,
) {
    let url = &peers.options.urls[number];
    let mut other = Other { boot: None, since: None, everything_at: Instant::now(), is_lost: false };
    loop {
        let pushed = other.push(&shared, &peers, &*line).await;
        match &pushed {
            Ok(()) if other.is_lost => tracing::info!("{url}: the other monitor answers again"),
            Err(cause) if !other.is_lost => {
                tracing::warn!("{url}: the other monitor of the pair cannot be told: {cause}");
            }
            _ => {}
        }
        other.is_lost = pushed.is_err();
        // It has started anew: it is told everything, at once.
        if pushed.is_ok() && other.since.is_none() {
            continue;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(HEARTBEAT) => {}
            () = peers.news[number].notified(), if pushed.is_ok() => {}
        }
    }
}

/// What is known of the other.
struct Other {
    boot: Option<String>,
    /// From which change on it has not heard; `None` is from the first.
    since: Option<i64>,
    everything_at: Instant,
    is_lost: bool,
}

impl Other {
    async fn push(&mut self, shared: &Shared, peers: &Peers, line: &dyn Line) -> Result<(), String> {
        if self.everything_at.elapsed() > EVERYTHING_EVERY {
            self.since = None;
        }
        let is_everything = self.boot.is_some() && self.since.is_none();
        let now = shared.now().wall.0;
        if self.since.is_some_and(|since| now < since) {
            // Somebody has set the clock back: what has changed since then seems to be older.
            self.since = None;
        }
        let bodies = match &self.boot {
            // Who it is comes first.
            None => vec![Exchange::hello()],
            Some(_) => shared.exchange(self.since),
        };
        let count = bodies.len();
        for (at, mut body) in bodies.into_iter().enumerate() {
            body.name.clone_from(&peers.options.name);
            body.boot.clone_from(&peers.boot);
            body.complete = is_everything && at + 1 == count;
            (body.up_ms, body.blind_ms) = (peers.up_ms(), peers.blind_ms());
            body.order = shared.order();
            let Heard { boot, order } = line.say(&body).await?;
            shared.hear_order(order);
            if self.boot.as_ref() != Some(&boot) {
                (self.boot, self.since) = (Some(boot), None);
                return Ok(());
            }
        }
        if is_everything {
            self.everything_at = Instant::now();
        }
        self.since = Some(now);
        Ok(())
    }
}

impl Line for Post {
    fn say<'a>(&'a self, said: &'a Exchange) -> Said<'a> {
        Box::pin(async move {
            let headers: Vec<(&str, &str)> =
                self.bearer.iter().map(|bearer| ("Authorization", bearer.as_str())).collect();
            let answer = self.client.post_json(&self.url, said, &headers, TIMEOUT).await;
            let answer = answer.map_err(|e| e.to_string())?;
            if answer.status == 200
                && let Ok(heard) = serde_json::from_slice(&answer.body)
            {
                return Ok(heard);
            }
            let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let why = said["error"].as_str().or(said.as_str()).unwrap_or("is it a monitor of this version?");
            Err(format!("HTTP status {}: {why}", answer.status))
        })
    }
}
