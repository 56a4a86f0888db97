//! A dead man's switch: an alert that always fires comes by again and again; when it stops, the monitor is gone or its
//! messages do not arrive, and somebody has to say so who does not depend on it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Takes the messages of the alert that always fires, as webhooks of Alertmanager's kind, by `POST`.
pub fn router(switch: Arc<Switch>) -> Router {
    Router::new().route("/", post(take)).with_state(switch)
}

async fn take(State(switch): State<Arc<Switch>>, Json(message): Json<Value>) -> Json<Value> {
    Json(serde_json::json!({ "sign_of_life": switch.heard(&message) }))
}

/// What to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// Nothing was heard for this long.
    Silent {
        /// How long.
        lasted: Duration,
    },
    /// It is heard again, after this long.
    Back {
        /// How long.
        lasted: Duration,
    },
}

/// The switch.
#[derive(Debug)]
pub struct Switch {
    within: Duration,
    /// When it was last heard; at first, when this began.
    last: Mutex<Instant>,
    news: Notify,
}

impl Switch {
    /// One that complains when nothing is heard `within` a time. The time runs from now.
    pub fn new(within: Duration) -> Self {
        Self { within, last: Mutex::new(Instant::now()), news: Notify::new() }
    }

    /// A message came in: Alertmanager's webhook body. What says that the alert has ended is no sign of life: an alert that
    /// always fires does not.
    pub fn heard(&self, message: &Value) -> bool {
        let fires = message["status"] == "firing";
        if fires {
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            self.news.notify_one();
        }
        fires
    }

    fn last(&self) -> Instant {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it has been silent for too long.
    pub async fn silence(&self) -> News {
        loop {
            let due = self.last() + self.within;
            if Instant::now() >= due {
                return News::Silent { lasted: self.last().elapsed() };
            }
            tokio::time::sleep_until(due).await;
        }
    }

    /// Waits until it is heard again after a silence.
    pub async fn back(&self) -> News {
        let last = self.last();
        loop {
            if self.last() > last {
                return News::Back { lasted: last.elapsed() };
            }
            self.news.notified().await;
        }
    }
}

impl News {
    /// What is wrong, or no more, in a sentence.
    pub fn text(self) -> String {
        match self {
            Self::Silent { lasted } => format!(
                "The alert that always fires was not heard for {} s: the monitor is down, or its messages do not arrive. Nobody would be told of anything.",
                lasted.as_secs()
            ),
            Self::Back { lasted } => {
                format!("The alert that always fires is heard again, after {} s.", lasted.as_secs())
            }
        }
    }

    /// "firing" or "resolved".
    pub fn status(self) -> &'static str {
        match self {
            Self::Silent { .. } => "firing",
            Self::Back { .. } => "resolved",
        }
    }

    /// As Alertmanager's webhook tells an alert, so that whatever takes those takes this.
    pub fn message(self, since: jiff::Timestamp) -> Value {
        let labels = serde_json::json!({ "alertname": "DeadMansSwitch", "severity": "critical" });
        let annotations = serde_json::json!({ "summary": self.text() });
        let now = jiff::Timestamp::now();
        let ends =
            if self.status() == "firing" { "0001-01-01T00:00:00Z".to_owned() } else { now.to_string() };
        serde_json::json!({
            "version": "4",
            "receiver": "deadman",
            "status": self.status(),
            "groupKey": "{}:{alertname=\"DeadMansSwitch\"}",
            "groupLabels": { "alertname": "DeadMansSwitch" },
            "commonLabels": labels,
            "commonAnnotations": annotations,
            "externalURL": "",
            "truncatedAlerts": 0,
            "alerts": [{
                "status": self.status(), "labels": labels, "annotations": annotations,
                "startsAt": since.to_string(), "endsAt": ends, "generatorURL": "", "fingerprint": "",
            }],
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_complains_once_and_says_when_it_is_over() {
        let switch = Arc::new(Switch::new(Duration::from_secs(60)));
        let begun = Instant::now();
        let beats = Arc::clone(&switch);
        let alive = tokio::spawn(async move {
            for _ in 0..5 {
                tokio::time::sleep(Duration::from_secs(30)).await;
                assert!(beats.heard(&json!({ "status": "firing" })));
            }
            // That it ended is no sign of life.
            tokio::time::sleep(Duration::from_secs(30)).await;
            assert!(!beats.heard(&json!({ "status": "resolved" })));
            tokio::time::sleep(Duration::from_secs(120)).await;
            beats.heard(&json!({ "status": "firing" }));
        });
        assert_eq!(switch.silence().await, News::Silent { lasted: Duration::from_secs(60) });
        assert_eq!(begun.elapsed(), Duration::from_secs(150 + 60));
        assert_eq!(switch.back().await, News::Back { lasted: Duration::from_secs(150) });
        alive.await.expect("no panic");
        assert_eq!(switch.silence().await, News::Silent { lasted: Duration::from_secs(60) });
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_was_never_heard_is_missed_too() {
        let switch = Switch::new(Duration::from_secs(60));
        assert!(matches!(switch.silence().await, News::Silent { .. }));
    }

    #[test]
    fn what_it_says_is_a_webhooks_message() {
        let news = News::Silent { lasted: Duration::from_secs(61) };
        let message = news.message(jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(message["alerts"][0]["status"], "firing");
        assert!(message["commonAnnotations"]["summary"].as_str().is_some_and(|text| text.contains("61 s")));
    }
}
