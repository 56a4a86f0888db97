//! `/tail`: lines as they arrive, over a websocket.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use logql::ast::LogExpr;
use logql::{Expr, ResultStream, Tailer, Taken};
use model::{Labels, TimestampNs};
use net::websocket::{self, Heard, OnUpgrade, Reader, Writer};
use storage::LogFollow;
use tokio::sync::{Notify, OwnedSemaphorePermit};

use super::error::LokiError;
use super::params::{LINES_SINCE_NS, LokiParams};
use super::query::{CATEGORIZE, Lines, is_categorized, parse};
use super::{Logs, asked, encode};
use crate::json;
use crate::state::ApiState;

/// Readers at once (`max_concurrent_tail_requests`); one more is refused.
pub(crate) const TAILS_MAX: usize = 10;
/// What the header of the same meaning is called as a parameter.
const FLAGS_PARAMETER: &str = "encoding_flags";
/// Seconds by which lines may be held back (`delay_for`), as in Loki.
const DELAY_MAX_S: usize = 5;
/// Loki pings about as often.
const PING_EVERY: Duration = Duration::from_secs(1);
/// A client that takes nothing for so long is let go: what it missed is lost to it anyway.
const SEND_MAX: Duration = Duration::from_secs(30);
/// Lines of one message.
const BATCH_LINES: usize = 1000;
/// Statuses of RFC 6455.
const NORMAL: u16 = 1000;
const FAILED: u16 = 1011;

pub(crate) async fn tail(
    State(state): State<Arc<ApiState>>,
    headers: HeaderMap,
    upgrade: Option<Extension<OnUpgrade>>,
    params: LokiParams,
) -> Result<Response, LokiError> {
    let logs = state.logs()?;
    let Expr::Log(query) = parse(&state, params.query()).await? else {
        return Err(LokiError::bad_request("metric queries cannot be tailed"));
    };
    let delay = match params.get("delay_for") {
        None | Some("0") => 0,
        Some(_) => params.count("delay_for", 1)?,
    };
    if delay > DELAY_MAX_S {
        return Err(LokiError::bad_request(format!("delay_for can't be greater than {DELAY_MAX_S}")));
    }
    let (range, limit) = (params.range(&state, LINES_SINCE_NS)?, params.limit()?);
    // A browser cannot send headers with its request for a websocket.
    let is_categorized =
        is_categorized(&headers) || params.get(FLAGS_PARAMETER).is_some_and(|flags| flags == CATEGORIZE);
    let response =
        websocket::handshake(&headers).map_err(|error| LokiError::bad_request(error.to_string()))?;
    let Some(Extension(upgrade)) = upgrade else {
        return Err(LokiError::bad_request("this connection cannot become a websocket"));
    };
    let permit = state.tails.clone().try_acquire_owned().map_err(|_| {
        state.metrics.tail_refused();
        LokiError::bad_request(format!(
            "max concurrent tail requests limit exceeded, count > limit ({} > {TAILS_MAX})",
            TAILS_MAX + 1
        ))
    })?;
    let old = Lines { range, limit, is_forward: false, is_categorized, interval_ns: 0 };
    let tail = Tail {
        state,
        logs,
        query: Arc::new(query),
        delay: Duration::from_secs(delay as u64),
        old,
        _permit: permit,
    };
    tokio::spawn(async move {
        if let Ok((writer, reader)) = websocket::open(upgrade).await {
            tail.run(writer, reader).await;
        }
    });
    Ok(response)
}

/// What one reader is sent.
struct Tail {
    state: Arc<ApiState>,
    logs: Arc<Logs>,
    query: Arc<LogExpr>,
    delay: Duration,
    /// The lines to begin with.
    old: Lines,
    _permit: OwnedSemaphorePermit,
}

impl Tail {
    async fn run(self, mut writer: Writer, mut reader: Reader) {
        // What the client says is read apart, so that no frame is read by half.
        let (heard, mut pings) = tokio::sync::mpsc::channel(1);
        let listening = tokio::spawn(async move {
            while let Some(frame) = reader.next().await {
                if let Heard::Ping(payload) = frame
                    && heard.send(payload).await.is_err()
                {
                    return;
                }
            }
        });
        let outcome = self.send(&mut writer, &mut pings).await;
        let (code, reason) = match &outcome {
            Ok(()) => (NORMAL, String::new()),
            Err(reason) => (FAILED, reason.clone()),
        };
        let _ = tokio::time::timeout(SEND_MAX, writer.close(code, &reason)).await;
        listening.abort();
    }

    /// Sends what there is and what comes, until the client is gone.
    async fn send(
        &self,
        writer: &mut Writer,
        pings: &mut tokio::sync::mpsc::Receiver<Vec<u8>>,
    ) -> Result<(), String> {
        let arrived = Arc::new(Notify::new());
        let wake = arrived.clone();
        let tailer =
            Tailer::new(&self.query, move || wake.notify_one()).map_err(|error| error.to_string())?;
        let tailer = Arc::new(tailer);
        // Followed first: a line that is stored meanwhile comes twice rather than never, and is told apart below.
        let follower: Arc<dyn LogFollow> = tailer.clone();
        self.logs.query.follow(&self.query.matchers, &follower);
        let old = self.old().await?;
        let mut known = known(&old);
        if !old.is_empty()
            && write(writer, &message(&old, &Taken::default(), self.old.is_categorized)).await.is_err()
        {
            return Ok(());
        }
        let mut ping = tokio::time::interval(PING_EVERY);
        let mut counted = 0;
        loop {
            tokio::select! {
                () = arrived.notified() => {
                    tokio::time::sleep(self.delay).await;
                    loop {
                        let mut taken = tailer.take(BATCH_LINES, self.old.is_categorized);
                        if taken.is_empty() {
                            break;
                        }
                        self.state.metrics.tail_dropped(taken.dropped_count - counted);
                        counted = taken.dropped_count;
                        without(&mut taken.streams, &mut known);
                        if taken.streams.is_empty() && taken.dropped.is_empty() {
                            continue;
                        }
                        let text = message(&taken.streams, &taken, self.old.is_categorized);
                        if write(writer, &text).await.is_err() {
                            return Ok(());
                        }
                    }
                }
                _ = ping.tick() => if timed(writer.ping()).await.is_err() { return Ok(()) },
                heard = pings.recv() => match heard {
                    None => return Ok(()),
                    Some(payload) => if timed(writer.pong(&payload)).await.is_err() { return Ok(()) },
                },
            }
        }
    }

    /// The newest lines that are there, the oldest of them first.
    async fn old(&self) -> Result<Vec<ResultStream>, String> {
        let (query, old) = (self.query.clone(), self.old);
        let answer = asked(&self.state, move |logs, cancel| old.find(logs, &query, cancel));
        let mut streams = answer.await.map_err(|error| error.message)?.streams;
        streams.iter_mut().for_each(|stream| stream.entries.reverse());
        Ok(streams)
    }
}

/// Lines that were sent to begin with.
type Known = HashSet<(Labels, TimestampNs, String)>;

fn known(streams: &[ResultStream]) -> Known {
    let of_stream = |stream: &ResultStream| {
        let labels = stream.labels.clone();
        stream
            .entries
            .iter()
            .map(move |entry| (labels.clone(), entry.at, entry.line.clone()))
            .collect::<Vec<_>>()
    };
    streams.iter().flat_map(of_stream).collect()
}

/// Takes away lines that were sent already, once each.
fn without(streams: &mut Vec<ResultStream>, known: &mut Known) {
    if known.is_empty() {
        return;
    }
    for stream in streams.iter_mut() {
        let labels = stream.labels.clone();
        stream.entries.retain(|entry| !known.remove(&(labels.clone(), entry.at, entry.line.clone())));
    }
    streams.retain(|stream| !stream.entries.is_empty());
}

async fn timed(send: impl Future<Output = std::io::Result<()>>) -> std::io::Result<()> {
    tokio::time::timeout(SEND_MAX, send).await.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
}

async fn write(writer: &mut Writer, text: &str) -> std::io::Result<()> {
    timed(writer.text(text)).await
}

/// `{"streams":[…],"dropped_entries":[…]}`
fn message(streams: &[ResultStream], taken: &Taken, is_categorized: bool) -> String {
    let mut out = br#"{"streams":"#.to_vec();
    json::list(&mut out, streams.iter(), |out, stream| {
        out.extend_from_slice(br#"{"stream":"#);
        json::labels(out, &stream.labels);
        out.extend_from_slice(br#","values":"#);
        json::list(out, stream.entries.iter(), |out, entry| encode::line(out, entry, is_categorized));
        out.push(b'}');
    });
    if !taken.dropped.is_empty() {
        out.extend_from_slice(br#","dropped_entries":"#);
        json::list(&mut out, taken.dropped.iter(), |out, (labels, at)| {
            out.extend_from_slice(br#"{"labels":"#);
            json::labels(out, labels);
            out.extend_from_slice(format!(r#","timestamp":"{}"}}"#, at.0).as_bytes());
        });
    }
    out.push(b'}');
    String::from_utf8(out).unwrap_or_default()
}
