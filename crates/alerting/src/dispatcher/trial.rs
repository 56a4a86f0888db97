//! A test message to a receiver, by the same road as a real one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::{Labels, TimestampMs};

use super::{Dispatcher, Shared, lock};
use crate::notify::{Integration, Notification, NotifiedAlert, Tried, deliver};

/// The name of the alert in a test message.
pub const TEST_ALERT: &str = "WatchfireTest";

/// How long a receiver has to take a test message, retries included. Somebody sits and waits.
const TEST_TIME: Duration = Duration::from_secs(10);

/// What came of one call of a receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tested {
    /// How: "webhook/0".
    pub integration: String,
    /// What the message said: "firing" or "resolved".
    pub status: &'static str,
    /// Whether it was taken.
    pub taken: bool,
    /// The status of HTTP or SMTP, where there was an answer.
    pub code: Option<u16>,
    /// What the receiver said, or what was wrong.
    pub answer: String,
    /// How often it was tried.
    pub attempts: u32,
    /// How long all tries took.
    pub took: Duration,
}

/// Why nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TestError {
    /// There is none of this name.
    #[error("there is no receiver {name:?}; there are: {}", known.join(", "))]
    Unknown {
        /// The name asked for.
        name: String,
        /// All names.
        known: Vec<String>,
    },
    /// It tells nobody by configuration.
    #[error("the receiver {0:?} has nobody to tell: it has no *_configs")]
    Nobody(String),
}

impl Dispatcher {
    /// Sends a message that says it is a test to all calls of a receiver, and then, to those that want to hear of ends, that
    /// it is over, so that nothing stays open there. Silences and hours do not hold it. It is in the ledger, not in the
    /// notification log.
    ///
    /// # Errors
    /// [`TestError`]; that a call fails is none.
    pub async fn test_receiver(&self, name: &str) -> Result<Vec<Tested>, TestError> {
        let (integrations, external_url) = {
            let core = lock(&self.shared.core);
            let integrations = core
                .integrations(name)
                .ok_or_else(|| TestError::Unknown { name: name.to_owned(), known: core.receivers() })?;
            (integrations, core.external_url())
        };
        if integrations.is_empty() {
            return Err(TestError::Nobody(name.to_owned()));
        }
        let begun = self.shared.now().wall;
        let mut tested = Vec::new();
        for integration in &integrations {
            let message = |ended| message(name, &external_url, begun, ended);
            let first = try_one(&self.shared, integration, &message(None)).await;
            let is_open = first.taken && integration.send_resolved;
            tested.push(first);
            if is_open {
                let ended = self.shared.now().wall;
                tested.push(try_one(&self.shared, integration, &message(Some(ended))).await);
            }
        }
        Ok(tested)
    }
}

async fn try_one(shared: &Arc<Shared>, integration: &Integration, message: &Notification) -> Tested {
    let begun = tokio::time::Instant::now();
    let heard = |tried: &Tried<'_>| shared.attempted(integration, message, tried);
    let outcome = deliver(integration, message, TEST_TIME, heard, || false).await;
    let (taken, code, answer) = match outcome.result {
        Ok(answer) => (true, Some(answer.status), answer.text),
        Err(failure) => (false, failure.status, failure.message),
    };
    Tested {
        integration: integration.place(),
        status: message.status(),
        taken,
        code,
        answer,
        attempts: outcome.attempts,
        took: begun.elapsed(),
    }
}

/// A group of its own each time: a receiver that remembers keys would take a second test for the first one's repeat.
fn message(
    receiver: &str,
    external_url: &Arc<str>,
    begun: TimestampMs,
    ended_at: Option<TimestampMs>,
) -> Notification {
    let labels: BTreeMap<&str, &str> =
        [("alertname", TEST_ALERT), ("receiver", receiver), ("severity", "info"), ("watchfire_test", "true")]
            .into();
    let summary = format!("This is a test of the receiver {receiver}. Nothing is wrong.");
    let description =
        "Somebody asked Watchfire to send it, to see that messages arrive. It is over by itself.";
    let alert = NotifiedAlert {
        labels: Labels::from_pairs(labels),
        annotations: Labels::from_pairs([("summary", summary.as_str()), ("description", description)]),
        starts_at: begun,
        ended_at,
        generator_url: format!("{external_url}/alerts"),
    };
    Notification {
        receiver: receiver.to_owned(),
        group_key: format!("{{}}/{{watchfire_test=\"{}\"}}:{{alertname=\"{TEST_ALERT}\"}}", begun.0),
        group_labels: Labels::from_pairs([("alertname", TEST_ALERT)]),
        route_labels: Labels::empty(),
        alerts: vec![alert],
        external_url: Arc::clone(external_url),
    }
}
