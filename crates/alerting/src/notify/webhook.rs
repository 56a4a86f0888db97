//! Webhooks: Alertmanager's JSON, version 4, posted to a URL.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use model::{DurationMs, Labels, TimestampMs};
use net::{Client, ClientError};
use serde::Serialize;

use super::{Attempt, Failure, Notification, NotifiedAlert, Notify, Pairs, common, quote_meta};
use crate::config::Webhook;
use crate::fingerprint;

/// Go's zero time: what "has not ended" looks like on the wire.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// How much of an answer is kept to explain a failure.
const ANSWER_SHOWN_BYTES: usize = 200;

/// Posts notifications to one URL.
pub(crate) struct WebhookNotifier {
    pub(crate) settings: Webhook,
    pub(crate) client: Arc<Client>,
}

impl Notify for WebhookNotifier {
    fn attempt<'a>(&'a self, notification: &'a Notification, timeout: Duration) -> Attempt<'a> {
        Box::pin(async move {
            let limit = self.settings.timeout;
            let timeout = if limit == DurationMs::ZERO { timeout } else { timeout.min(limit.to_std()) };
            let body = Body::of(notification, self.settings.max_alerts);
            let authorization =
                self.settings.authorization.as_ref().map(|value| ("Authorization", value.expose()));
            let url = self.settings.url.expose();
            let answer = self.client.post_json(url, &body, authorization.as_slice(), timeout).await;
            match answer {
                Ok(answer) => judge(answer.status, &shown(&answer.body)),
                Err(error) => Err(unreached(&error)),
            }
        })
    }
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
    Err(Failure { again, reason, status: Some(status), message })
}

fn unreached(error: &ClientError) -> Failure {
    let (again, reason, message) = match error {
        ClientError::Url(_) => (false, "other", "invalid URL".to_owned()),
        ClientError::Setup(cause) => (false, "other", cause.clone()),
        ClientError::Timeout(_) => (true, "contextDeadlineExceeded", error.to_string()),
        other => (true, "other", other.to_string()),
    };
    Failure { again, reason, status: None, message }
}

fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..ANSWER_SHOWN_BYTES).unwrap_or(body));
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    receiver: String,
    status: &'static str,
    alerts: Vec<AlertBody<'a>>,
    group_labels: Pairs<'a>,
    common_labels: Pairs<'a>,
    common_annotations: Pairs<'a>,
    #[serde(rename = "externalURL")]
    external_url: &'a str,
    version: &'static str,
    group_key: &'a str,
    truncated_alerts: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AlertBody<'a> {
    status: &'static str,
    labels: Pairs<'a>,
    annotations: Pairs<'a>,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: &'a str,
    fingerprint: String,
}

impl<'a> Body<'a> {
    /// With `alerts_max` above 0 further alerts are left out and counted.
    fn of(notification: &'a Notification, alerts_max: usize) -> Self {
        let all = &notification.alerts;
        let kept = if alerts_max == 0 { all.len() } else { all.len().min(alerts_max) };
        Self {
            receiver: quote_meta(&notification.receiver),
            status: notification.status(),
            alerts: all.iter().take(kept).map(AlertBody::of).collect(),
            group_labels: notification.group_labels.iter().collect(),
            common_labels: common(all.iter().map(|alert| &alert.labels)),
            common_annotations: common(all.iter().map(|alert| &alert.annotations)),
            external_url: &notification.external_url,
            version: "4",
            group_key: &notification.group_key,
            truncated_alerts: all.len() - kept,
        }
    }
}

impl<'a> AlertBody<'a> {
    fn of(alert: &'a NotifiedAlert) -> Self {
        Self {
            status: alert.status(),
            labels: alert.labels.iter().collect(),
            annotations: alert.annotations.iter().collect(),
            starts_at: rfc3339(alert.starts_at),
            ends_at: alert.ended_at.map_or_else(|| NEVER.to_owned(), rfc3339),
            generator_url: &alert.generator_url,
            fingerprint: fingerprint::shown(&alert.labels),
        }
    }
}

/// As Go writes a time: fractions only where there are any. A time that no calendar holds is shown as never.
pub(crate) fn rfc3339(at: TimestampMs) -> String {
    Timestamp::from_millisecond(at.0).map_or_else(|_| NEVER.to_owned(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(job: &str, ended_at: Option<i64>) -> NotifiedAlert {
        NotifiedAlert {
            labels: Labels::from_pairs([("alertname", "A"), ("job", job)]),
            annotations: Labels::from_pairs([("summary", "s")]),
            starts_at: TimestampMs(1_767_225_600_120),
            ended_at: ended_at.map(TimestampMs),
            generator_url: "http://g/".to_owned(),
        }
    }

    fn notification(alerts: Vec<NotifiedAlert>) -> Notification {
        Notification {
            receiver: "team.x".to_owned(),
            group_key: "{}:{alertname=\"A\"}".to_owned(),
            group_labels: Labels::from_pairs([("alertname", "A")]),
            alerts,
            external_url: Arc::from("http://am"),
        }
    }

    #[test]
    fn the_body_is_alertmanagers() {
        let notification = notification(vec![alert("a", None), alert("b", Some(1_767_225_660_000))]);
        let body = serde_json::to_value(Body::of(&notification, 0)).expect("serializes");
        let print = |job| fingerprint::shown(&Labels::from_pairs([("alertname", "A"), ("job", job)]));
        assert_eq!(
            body,
            serde_json::json!({
                "receiver": "team\\.x", "status": "firing", "version": "4", "truncatedAlerts": 0,
                "groupKey": "{}:{alertname=\"A\"}", "externalURL": "http://am",
                "groupLabels": {"alertname": "A"}, "commonLabels": {"alertname": "A"}, "commonAnnotations": {"summary": "s"},
                "alerts": [
                    {"status": "firing", "labels": {"alertname": "A", "job": "a"}, "annotations": {"summary": "s"},
                     "startsAt": "2026-01-01T00:00:00.12Z", "endsAt": "0001-01-01T00:00:00Z",
                     "generatorURL": "http://g/", "fingerprint": print("a")},
                    {"status": "resolved", "labels": {"alertname": "A", "job": "b"}, "annotations": {"summary": "s"},
                     "startsAt": "2026-01-01T00:00:00.12Z", "endsAt": "2026-01-01T00:01:00Z",
                     "generatorURL": "http://g/", "fingerprint": print("b")},
                ],
            })
        );
    }

    #[test]
    fn surplus_alerts_are_counted() {
        let notification = notification(vec![alert("a", Some(1)), alert("b", Some(1)), alert("c", Some(1))]);
        let body = Body::of(&notification, 2);
        assert_eq!((body.alerts.len(), body.truncated_alerts, body.status), (2, 1, "resolved"));
    }

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
}
