//! `POST /api/ui/stream`: the rounds of a page that looks again and again, as server-sent events in one answer. The page says
//! once what it asks and how the spans of its targets move as time goes on; each round is then what the page would have asked.
//!
//! The work belongs to the answer: a client that leaves drops the body, and with it the round under way and its queries. A
//! round begins only when the one before has been taken; rounds that fall due meanwhile are left out.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody};
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use bytes::Bytes;
use http_body_util::BodyExt;
use net::Stopping;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Interval, MissedTickBehavior};

use super::results::{Frame, Results};
use super::same::Seen;
use super::{Key, Request, checked};
use crate::error::{ApiError, ErrorKind};
use crate::metrics::{Counting, Endless};
use crate::state::ApiState;

/// Pages that are sent their rounds at one time: each has a connection, and a round's memory while it is sent. One more gets
/// 503, is counted by `watchfire_api_streams_refused_total`, and asks for each round by itself.
pub(crate) const STREAMS_MAX: usize = 64;
/// Rounds may not follow each other faster: scrapes do not either.
const EVERY_MS_MIN: i64 = 1000;
/// Nor slower: a day without news needs no connection.
const EVERY_MS_MAX: i64 = 86_400_000;
/// So often at least something is sent, so that each side learns when the other is gone, and nothing between cuts the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A client that takes nothing for so long is let go: it asks anew when it reads again.
const SEND_MAX: Duration = Duration::from_secs(30);
/// When a page that was refused should try again, seconds.
const RETRY_AFTER_S: u16 = 60;
/// Tells nginx to pass on what there is.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LiveRequest {
    /// What a round asks, as the body of `/api/ui/query`; its spans are those of this moment.
    round: Request,
    /// How the span of each target moves, in the same order.
    moves: Vec<Moves>,
    /// From the beginning of a round to that of the next, milliseconds.
    every_ms: i64,
    /// Until the first round, milliseconds; `every_ms` when missing.
    first_ms: Option<i64>,
}

/// How the ends of a span move: by whole `grain_ms`, as soon as so much time has passed. An end that is missing stands still.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Moves {
    grain_ms: i64,
    /// How much of the next grain has passed already, milliseconds.
    from: Option<i64>,
    to: Option<i64>,
}

impl Moves {
    fn is_sound(&self) -> bool {
        let fits = |ahead: Option<i64>| ahead.is_none_or(|ahead| (0..self.grain_ms).contains(&ahead));
        self.grain_ms > 0 && fits(self.from) && fits(self.to)
    }

    /// The question after `elapsed_ms`.
    fn moved(&self, mut key: Key, elapsed_ms: i64) -> Key {
        let by = |ahead: i64| ahead.saturating_add(elapsed_ms) / self.grain_ms * self.grain_ms;
        key.from = key.from.saturating_add(self.from.map_or(0, by));
        key.to = key.to.saturating_add(self.to.map_or(0, by));
        key
    }
}

impl LiveRequest {
    fn check(&self) -> Result<(), ApiError> {
        let (targets, moves) = (self.round.targets.len(), self.moves.len());
        let first_ms = self.first_ms.unwrap_or(self.every_ms);
        let wrong = if targets != moves {
            format!("{targets} targets and {moves} moves: there must be one for each target")
        } else if let Some(at) = self.moves.iter().position(|one| !one.is_sound()) {
            let id = &self.round.targets[at].id;
            format!("target {id:?}: grain_ms must be above zero, and from and to of its moves below it")
        } else if !(EVERY_MS_MIN..=EVERY_MS_MAX).contains(&self.every_ms) {
            format!("every_ms must be from {EVERY_MS_MIN} to {EVERY_MS_MAX}")
        } else if !(0..=self.every_ms).contains(&first_ms) {
            "first_ms must be from 0 to every_ms".to_owned()
        } else {
            return self.after(0).map(drop);
        };
        Err(ApiError::bad_data(wrong))
    }

    /// What is asked `elapsed_ms` after the request.
    fn after(&self, elapsed_ms: i64) -> Result<Vec<(String, Key)>, ApiError> {
        let moved = |((id, key), moves): ((String, Key), &Moves)| (id, moves.moved(key, elapsed_ms));
        checked(self.round.keys().into_iter().zip(&self.moves).map(moved).collect())
    }

    /// When rounds begin.
    fn rhythm(&self) -> Interval {
        let ms = |ms: i64| Duration::from_millis(ms.unsigned_abs());
        let first = tokio::time::Instant::now() + ms(self.first_ms.unwrap_or(self.every_ms));
        let mut rhythm = tokio::time::interval_at(first, ms(self.every_ms));
        rhythm.set_missed_tick_behavior(MissedTickBehavior::Skip);
        rhythm
    }
}

pub(crate) async fn stream(
    State(state): State<Arc<ApiState>>,
    stopping: Option<Extension<Stopping>>,
    Json(request): Json<LiveRequest>,
) -> Result<Response, ApiError> {
    request.check()?;
    let Ok(place) = state.streams.clone().try_acquire_owned() else {
        state.metrics.stream_refused();
        return Ok(refusal());
    };
    let (frames, sent) = mpsc::channel(1);
    let live = Live { counting: state.metrics.stream(), state, request, frames, _place: place };
    let work = tokio::spawn(async move {
        match stopping {
            Some(Extension(Stopping(stop))) => {
                tokio::select! { () = stop.cancelled() => {}, () = live.run() => {} }
            }
            None => live.run().await,
        }
    });
    let mut response = Body::new(Events { sent, work }).into_response();
    let head = response.headers_mut();
    head.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    head.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    head.insert(UNBUFFERED, HeaderValue::from_static("no"));
    response.extensions_mut().insert(Endless);
    Ok(response)
}

fn refusal() -> Response {
    let message = format!(
        "{STREAMS_MAX} pages are sent their rounds already, and there is room for no more: ask for each round by itself"
    );
    let mut response = ApiError { kind: ErrorKind::Unavailable, message }.into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
    response
}

/// The client has left, or reads no more.
struct Gone;

/// The rounds of one page.
struct Live {
    state: Arc<ApiState>,
    request: LiveRequest,
    frames: mpsc::Sender<Bytes>,
    counting: Counting,
    _place: OwnedSemaphorePermit,
}

impl Live {
    async fn run(self) {
        // However it ends, the client sees the stream end and asks anew.
        let _ = self.rounds().await;
        drop(self.counting);
    }

    async fn rounds(&self) -> Result<(), Gone> {
        let (started, mut rhythm) = (Instant::now(), self.request.rhythm());
        let mut seen = Some(Seen::nothing(self.request.moves.len()));
        // Heads leave with the first piece of a body: the page learns at once that it is heard.
        self.send(": rounds follow\n\n").await?;
        loop {
            while tokio::time::timeout(KEEP_ALIVE, rhythm.tick()).await.is_err() {
                self.send(":\n\n").await?;
            }
            let elapsed_ms = i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX);
            match self.request.after(elapsed_ms) {
                Ok(targets) => seen = self.round(elapsed_ms, targets, seen).await?,
                Err(error) => {
                    let message = json!({ "message": error.message });
                    return self.send(format!("event: end\ndata: {message}\n\n")).await;
                }
            }
        }
    }

    async fn round(
        &self,
        elapsed_ms: i64,
        targets: Vec<(String, Key)>,
        seen: Option<Seen>,
    ) -> Result<Option<Seen>, Gone> {
        self.send(format!("event: round\ndata: {{\"elapsed_ms\":{elapsed_ms},\"results\":[")).await?;
        let frame = Frame { head: b"", tail: b"]}\n\n" };
        let mut results = Results::new(self.state.clone(), targets, frame, seen);
        loop {
            match tokio::time::timeout(KEEP_ALIVE, results.frame()).await {
                // Results wait for a query between two values, where JSON has room for a space.
                Err(_) => self.send(" ").await?,
                Ok(None) => return Ok(results.into_seen()),
                Ok(Some(Ok(frame))) => self.send(frame.into_data().unwrap_or_default()).await?,
                // A panic, which has been reported.
                Ok(Some(Err(_))) => return Err(Gone),
            }
        }
    }

    async fn send(&self, piece: impl Into<Bytes>) -> Result<(), Gone> {
        let sent = tokio::time::timeout(SEND_MAX, self.frames.send(piece.into())).await;
        sent.map_err(|_| Gone)?.map_err(|_| Gone)
    }
}

/// The answer: what the rounds' work sends. Dropping it ends the work.
struct Events {
    sent: mpsc::Receiver<Bytes>,
    work: JoinHandle<()>,
}

impl Drop for Events {
    fn drop(&mut self) {
        self.work.abort();
    }
}

impl HttpBody for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        self.sent.poll_recv(context).map(|piece| piece.map(|piece| Ok(http_body::Frame::data(piece))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> LiveRequest {
        serde_json::from_str(text).expect("the right shape")
    }

    fn live(moves: &str, rest: &str) -> LiveRequest {
        request(&format!(
            r#"{{"round":{{"from":600000,"to":900000,"targets":[{{"id":"A","expr":"1","step_ms":15000}}]}},"moves":{moves},{rest}}}"#
        ))
    }

    #[test]
    fn spans_move_by_whole_steps_and_each_end_by_itself() {
        let live = live(r#"[{"grain_ms":15000,"from":14000,"to":2000}]"#, r#""every_ms":5000"#);
        assert!(live.check().is_ok());
        let span = |elapsed_ms: i64| {
            let (_, key) = live.after(elapsed_ms).expect("a span").remove(0);
            (key.from, key.to)
        };
        assert_eq!(span(999), (600_000, 900_000));
        assert_eq!(span(1000), (615_000, 900_000));
        assert_eq!(span(13_000), (615_000, 915_000));
        assert_eq!(span(60_000), (660_000, 960_000));
    }

    #[test]
    fn an_end_that_is_not_named_stands_still() {
        let live = live(r#"[{"grain_ms":1000,"to":0}]"#, r#""every_ms":5000"#);
        let (_, key) = live.after(7500).expect("a span").remove(0);
        assert_eq!((key.from, key.to), (600_000, 907_000));
        // A span that has grown beyond what may be asked ends the stream.
        assert!(live.after(15_000 * 11_001).is_err());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let sound = r#"[{"grain_ms":15000,"from":0,"to":0}]"#;
        assert!(live(sound, r#""every_ms":1000,"first_ms":0"#).check().is_ok());
        for (moves, rest) in [
            ("[]", r#""every_ms":1000"#),
            (r#"[{"grain_ms":0}]"#, r#""every_ms":1000"#),
            (r#"[{"grain_ms":10,"from":10}]"#, r#""every_ms":1000"#),
            (r#"[{"grain_ms":10,"to":-1}]"#, r#""every_ms":1000"#),
            (sound, r#""every_ms":999"#),
            (sound, r#""every_ms":86400001"#),
            (sound, r#""every_ms":1000,"first_ms":1001"#),
        ] {
            assert!(live(moves, rest).check().is_err(), "{moves} {rest}");
        }
    }
}
