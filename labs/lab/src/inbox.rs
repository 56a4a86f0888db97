//! The lab's own webhook receiver: it keeps what it was sent, so that a person can see what a receiver would have got.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// How many messages are kept; the oldest goes first. A day of alerts in a lab is far less.
const MESSAGES_MAX: usize = 1000;

/// A message as it came in.
#[derive(Debug, Clone, Serialize)]
struct Message {
    received_at: String,
    body: Value,
}

#[derive(Debug, Default)]
struct Inbox {
    messages: VecDeque<Message>,
    /// How many old messages made room.
    dropped: u64,
}

/// `POST` puts a message in, `GET` lists what is there, newest first.
pub(crate) fn router() -> Router {
    let inbox: Arc<Mutex<Inbox>> = Arc::default();
    Router::new().route("/", get(list).post(put)).with_state(inbox)
}

async fn put(State(inbox): State<Arc<Mutex<Inbox>>>, Json(body): Json<Value>) -> StatusCode {
    let mut inbox = inbox.lock().unwrap_or_else(PoisonError::into_inner);
    if inbox.messages.len() == MESSAGES_MAX {
        inbox.messages.pop_back();
        inbox.dropped += 1;
    }
    inbox.messages.push_front(Message { received_at: Timestamp::now().to_string(), body });
    StatusCode::OK
}

async fn list(State(inbox): State<Arc<Mutex<Inbox>>>) -> Json<Value> {
    let inbox = inbox.lock().unwrap_or_else(PoisonError::into_inner);
    Json(serde_json::json!({ "dropped": inbox.dropped, "messages": inbox.messages }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn what_is_sent_is_kept_newest_first() {
        let listener = net::bind("127.0.0.1:0".parse().expect("an address")).await.expect("a port");
        let server = net::Server::start(listener, router(), net::ServerLimits::standard());
        let client = net::Client::new(net::ClientOptions::named("test")).expect("a client");
        let wait = Duration::from_secs(5);
        for n in 0..MESSAGES_MAX + 2 {
            let answer = client
                .post_json(&server.url(), &serde_json::json!({ "n": n }), &[], wait)
                .await
                .expect("an answer");
            assert_eq!(answer.status, 200);
        }
        let answer = client.get(&server.url(), &[], wait, 1 << 20).await.expect("an answer");
        let kept: Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!(kept["dropped"], 2);
        assert_eq!(kept["messages"][0]["body"]["n"], MESSAGES_MAX + 1);
        assert_eq!(kept["messages"].as_array().map(Vec::len), Some(MESSAGES_MAX));
        server.stop().await;
    }
}
