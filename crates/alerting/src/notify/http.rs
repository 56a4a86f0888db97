//! Telling by HTTP: what all receivers that are called over it have in common.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use config::{Secret, SecretSource};
use model::{DurationMs, TimestampMs};
use net::{Client, ClientError, Fetched};
use serde_json::Value;
use sha2::{Digest, Sha256};
use stdx::Clock;

use super::{Answer, Attempt, Failure, Notification, Notify};
use crate::config::Credentials;
use crate::template::{Library, Renderer};

/// How much of an answer is kept.
const ANSWER_SHOWN_BYTES: usize = 500;

/// The client waits so much longer than the caller, so that of two limits at the same moment always the same one is told.
const ENDED_BY_CALLER: Duration = Duration::from_secs(1);

/// A request that tells somebody of something.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    pub(crate) url: Secret,
    pub(crate) headers: Vec<(&'static str, Secret)>,
    pub(crate) body: Body,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    Json(Value),
    Form(Vec<(String, String)>),
}

impl Request {
    pub(crate) fn json(url: Secret, body: Value) -> Self {
        Self { url, headers: Vec::new(), body: Body::Json(body) }
    }
}

/// A kind of receiver: makes requests of notifications and understands the answers.
pub(crate) trait Render: Send + Sync {
    /// The request; the error is a sentence without secrets.
    fn request(&self, told: &Notification, texts: &Renderer<'_>) -> Result<Request, String>;

    /// What an answer means.
    fn judge(&self, status: u16, body: &str) -> Result<u16, Failure> {
        judge(status, body)
    }
}

/// Calls one receiver.
pub(crate) struct HttpNotifier {
    pub(crate) render: Box<dyn Render>,
    /// Why there is no client, where its settings are wrong.
    pub(crate) client: Result<Arc<Client>, String>,
    pub(crate) credentials: Option<Credentials>,
    /// How long one attempt may take; 0 is as long as the notification as a whole.
    pub(crate) timeout: DurationMs,
    pub(crate) library: Library,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Notify for HttpNotifier {
    fn attempt<'a>(&'a self, notification: &'a Notification, timeout: Duration) -> Attempt<'a> {
        Box::pin(async move {
            let limit = self.timeout.to_std();
            // Whoever calls ends it when all its time is over, and says so.
            let is_shorter = !limit.is_zero() && limit < timeout;
            let timeout = if is_shorter { limit } else { timeout.saturating_add(ENDED_BY_CALLER) };
            let client = self.client.as_ref().map_err(|cause| failed(cause.clone()))?;
            let request = self.request(notification).map_err(failed)?;
            let headers: Vec<(&str, &str)> =
                request.headers.iter().map(|(name, value)| (*name, value.expose())).collect();
            let url = request.url.expose();
            let answer = match &request.body {
                Body::Json(body) => client.post_json(url, body, &headers, timeout).await,
                Body::Form(fields) => {
                    let fields: Vec<_> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
                    client.post_form_with(url, &fields, &headers, timeout).await
                }
            };
            self.answered(answer)
        })
    }
}

impl HttpNotifier {
    fn request(&self, notification: &Notification) -> Result<Request, String> {
        let texts = self.library.renderer(notification, TimestampMs(self.clock.now_ms()));
        let mut request = self.render.request(notification, &texts)?;
        if let Some(credentials) = &self.credentials {
            request.headers.push(("Authorization", authorization(credentials)?));
        }
        Ok(request)
    }

    fn answered(&self, answer: Result<Fetched, ClientError>) -> Result<Answer, Failure> {
        match answer {
            Ok(answer) => {
                let text = shown(&answer.body);
                let after = answer.retry_after;
                let judged = self.render.judge(answer.status, &text);
                judged
                    .map(|status| Answer { status, text })
                    .map_err(|failure| Failure { after: after.filter(|_| failure.again), ..failure })
            }
            Err(error) => Err(unreached(&error)),
        }
    }
}

/// A failure on our side that another attempt does not mend.
pub(super) fn failed(message: String) -> Failure {
    Failure { again: false, after: None, reason: "other", status: None, message }
}

fn authorization(credentials: &Credentials) -> Result<Secret, String> {
    match credentials {
        Credentials::Kind(kind, secret) => Ok(Secret::new(format!("{kind} {}", read(secret)?.expose()))),
        Credentials::Basic(user, password) => {
            let password = password.as_ref().map(read).transpose()?.unwrap_or_default();
            let pair = format!("{user}:{}", password.expose());
            Ok(Secret::new(format!("Basic {}", base64::prelude::BASE64_STANDARD.encode(pair))))
        }
    }
}

/// A secret as it is now.
pub(super) fn read(source: &SecretSource) -> Result<Secret, String> {
    source.read().map_err(|e| e.to_string())
}

/// The secret that a checked configuration has.
pub(super) fn required(source: &Option<SecretSource>) -> Result<Secret, String> {
    source.as_ref().map_or_else(|| Err("the secret is not configured".to_owned()), read)
}

/// What an answer means: 2xx is taken, 429 and 5xx may help another time, anything else never will.
pub(crate) fn judge(status: u16, body: &str) -> Result<u16, Failure> {
    let (again, reason) = match status {
        200..=299 => return Ok(status),
        429 => (true, "rateLimited"),
        500..=599 => (true, "serverError"),
        401 | 403 => (false, "authError"),
        _ => (false, "clientError"),
    };
    let message = if body.is_empty() {
        format!("unexpected status code {status}")
    } else {
        format!("unexpected status code {status}: {body}")
    };
    Err(Failure { again, after: None, reason, status: Some(status), message })
}

/// Without addresses: they may hold tokens.
fn unreached(error: &ClientError) -> Failure {
    let (again, reason, message) = match error {
        ClientError::Url(_) => (false, "other", "invalid URL".to_owned()),
        ClientError::Setup(cause) => (false, "other", cause.clone()),
        ClientError::Timeout(_) => (true, "contextDeadlineExceeded", error.to_string()),
        other => (true, "other", other.to_string()),
    };
    Failure { again, after: None, reason, status: None, message }
}

fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..ANSWER_SHOWN_BYTES).unwrap_or(body));
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a group is called where a name must be short: SHA-256 of its key, in hexadecimal digits, as Alertmanager does.
pub(super) fn hashed_key(notification: &Notification) -> String {
    Sha256::digest(notification.group_key.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// At most `most` characters; a cut text ends in an ellipsis.
pub(super) fn truncated(text: String, most: usize) -> String {
    if text.chars().count() <= most {
        return text;
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// At most `most` bytes of whole characters; a cut text ends in an ellipsis.
pub(super) fn truncated_bytes(text: String, most: usize) -> String {
    if text.len() <= most {
        return text;
    }
    let kept = text.floor_char_boundary(most.saturating_sub('…'.len_utf8()));
    format!("{}…", &text[..kept])
}

/// Leaves out members that are "" or `null`, as Go's `omitempty`.
pub(super) fn without_empty(value: Value) -> Value {
    let Value::Object(map) = value else { return value };
    let is_empty = |value: &Value| value.is_null() || value.as_str().is_some_and(str::is_empty);
    Value::Object(map.into_iter().filter(|(_, value)| !is_empty(value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_judged() {
        for (status, expected) in [
            (200, None),
            (204, None),
            (301, Some((false, "clientError"))),
            (400, Some((false, "clientError"))),
            (401, Some((false, "authError"))),
            (429, Some((true, "rateLimited"))),
            (500, Some((true, "serverError"))),
            (503, Some((true, "serverError"))),
        ] {
            assert_eq!(judge(status, "").err().map(|f| (f.again, f.reason)), expected, "{status}");
        }
    }

    #[test]
    fn no_address_is_told() {
        let failure = unreached(&ClientError::Url("http://token@h".to_owned()));
        assert!(!failure.message.contains("token") && !failure.again);
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(truncated("äöü".to_owned(), 3), "äöü");
        assert_eq!(truncated("äöüx".to_owned(), 3), "äö…");
        assert_eq!(truncated_bytes("äöü".to_owned(), 6), "äöü");
        assert_eq!(truncated_bytes("äöü".to_owned(), 5), "ä…");
        assert_eq!(truncated_bytes("äöüx".to_owned(), 6), "ä…");
    }
}
