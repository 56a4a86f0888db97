//! The lab's own receiver: it stands for PagerDuty, Slack, a mailbox and a webhook, answers as they would, and keeps what
//! it was sent, so that a person can see what they would have got.

mod mail;
pub(crate) mod smtp;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::deadman::{self, Switch};

/// How many messages are kept; the oldest goes first. A day of alerts in a lab is far less.
const MESSAGES_MAX: usize = 1000;

/// A message as it came in.
#[derive(Debug, Clone, Serialize)]
struct Message {
    received_at: String,
    /// Whom it was for: "webhook", "pagerduty", "slack", "email", or "watchdog" for what we say ourselves.
    kind: &'static str,
    body: Value,
}

/// What was sent. Clones are the same inbox.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inbox(Arc<Mutex<Messages>>);

#[derive(Debug, Default)]
struct Messages {
    /// Newest first.
    messages: VecDeque<Message>,
    /// How many old messages made room.
    dropped: u64,
}

impl Inbox {
    /// Takes a message in.
    pub(crate) fn put(&self, kind: &'static str, body: Value) {
        let mut inbox = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inbox.messages.len() == MESSAGES_MAX {
            inbox.messages.pop_back();
            inbox.dropped += 1;
        }
        inbox.messages.push_front(Message { received_at: Timestamp::now().to_string(), kind, body });
    }

    fn list(&self) -> Value {
        let inbox = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        json!({ "dropped": inbox.dropped, "messages": inbox.messages })
    }
}

/// `GET` lists what is there, newest first. `POST` puts a message in: at the root as a webhook, below it as who it is called
/// after. `/watchdog` is for the alert that always fires, and keeps nothing.
pub(crate) fn router(inbox: Inbox, switch: Arc<Switch>) -> Router {
    Router::new()
        .route("/", get(list).post(webhook))
        .route("/pagerduty", post(pagerduty))
        .route("/slack", post(slack))
        .with_state(inbox)
        .nest_service("/watchdog", deadman::router(switch))
}

async fn list(State(inbox): State<Inbox>) -> Json<Value> {
    Json(inbox.list())
}

async fn webhook(State(inbox): State<Inbox>, Json(body): Json<Value>) -> StatusCode {
    inbox.put("webhook", body);
    StatusCode::OK
}

/// As Events v2 answers.
async fn pagerduty(State(inbox): State<Inbox>, Json(body): Json<Value>) -> (StatusCode, Json<Value>) {
    let is_event = body["routing_key"].is_string() && body["event_action"].is_string();
    if !is_event {
        let errors = ["an event has a routing_key and an event_action"];
        let refusal =
            json!({ "status": "invalid event", "message": "Event object is invalid", "errors": errors });
        return (StatusCode::BAD_REQUEST, Json(refusal));
    }
    let answer = json!({ "status": "success", "message": "Event processed", "dedup_key": body["dedup_key"] });
    inbox.put("pagerduty", body);
    (StatusCode::ACCEPTED, Json(answer))
}

/// As an incoming webhook answers.
async fn slack(State(inbox): State<Inbox>, Json(body): Json<Value>) -> &'static str {
    inbox.put("slack", body);
    "ok"
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn routes() -> Router {
        router(Inbox::default(), Arc::new(Switch::new(Duration::from_secs(60))))
    }

    #[tokio::test]
    async fn it_answers_as_who_it_stands_for() {
        let listener = net::bind("127.0.0.1:0".parse().expect("an address")).await.expect("a port");
        let server = net::Server::start(listener, routes(), net::ServerLimits::standard());
        let client = net::Client::new(net::ClientOptions::named("test")).expect("a client");
        let post = async |path: &str, body: Value| {
            let url = format!("{}{path}", server.url());
            let answer =
                client.post_json(&url, &body, &[], Duration::from_secs(60)).await.expect("an answer");
            (answer.status, String::from_utf8_lossy(&answer.body).into_owned())
        };
        let event = json!({ "routing_key": "k", "event_action": "trigger", "dedup_key": "d" });
        let (status, text) = post("/pagerduty", event).await;
        assert!(status == 202 && text.contains("\"dedup_key\":\"d\""), "{status} {text}");
        assert_eq!(post("/pagerduty", json!({})).await.0, 400);
        assert_eq!(post("/slack", json!({ "channel": "#a" })).await, (200, "ok".to_owned()));
        assert_eq!(post("/watchdog", json!({ "status": "firing" })).await.0, 200);
        let answer =
            client.get(&server.url(), &[], Duration::from_secs(60), 1 << 20).await.expect("an answer");
        let kept: Value = serde_json::from_slice(&answer.body).expect("JSON");
        let kinds: Vec<&str> =
            kept["messages"].as_array().expect("a list").iter().filter_map(|m| m["kind"].as_str()).collect();
        assert_eq!(kinds, ["slack", "pagerduty"]);
        server.stop().await;
    }

    #[tokio::test]
    async fn what_is_sent_is_kept_newest_first() {
        let listener = net::bind("127.0.0.1:0".parse().expect("an address")).await.expect("a port");
        let server = net::Server::start(listener, routes(), net::ServerLimits::standard());
        let client = net::Client::new(net::ClientOptions::named("test")).expect("a client");
        let wait = Duration::from_secs(60);
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
