//! Webhooks: Alertmanager's JSON, version 4, posted to a URL.

use std::collections::BTreeMap;

use config::Secret;
use jiff::Timestamp;
use model::TimestampMs;
use serde::Serialize;

use super::http::{Render, Request, required};
use super::{Notification, NotifiedAlert, Pairs, common, quote_meta};
use crate::config::Webhook;
use crate::fingerprint;
use crate::template::{Renderer, Text};

/// Go's zero time: what "has not ended" looks like on the wire.
const NEVER: &str = "0001-01-01T00:00:00Z";

impl Render for Webhook {
    fn request(&self, told: &Notification, texts: &Renderer<'_>) -> Result<Request, String> {
        let url = required(&self.target)?;
        let text = Text::parse(url.expose()).map_err(|_| "the URL is a bad template".to_owned())?;
        let body = serde_json::to_value(Body::of(told, self.max_alerts, "4")).map_err(|e| e.to_string())?;
        Ok(Request::json(Secret::new(texts.text(&text)?), body))
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Body<'a> {
    receiver: String,
    status: &'static str,
    alerts: Vec<AlertBody<'a>>,
    group_labels: Pairs<'a>,
    common_labels: Pairs<'a>,
    common_annotations: Pairs<'a>,
    /// Left out by those that have none: older receivers do not know it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    route_labels: Pairs<'a>,
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
    pub(super) fn of(notification: &'a Notification, alerts_max: usize, version: &'static str) -> Self {
        let all = &notification.alerts;
        let kept = if alerts_max == 0 { all.len() } else { all.len().min(alerts_max) };
        Self {
            receiver: quote_meta(&notification.receiver),
            status: notification.status(),
            alerts: all.iter().take(kept).map(AlertBody::of).collect(),
            group_labels: notification.group_labels.iter().collect(),
            common_labels: common(all.iter().map(|alert| &alert.labels)),
            common_annotations: common(all.iter().map(|alert| &alert.annotations)),
            route_labels: notification.route_labels.iter().collect(),
            external_url: &notification.external_url,
            version,
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
    use std::sync::Arc;

    use model::Labels;

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
            route_labels: Labels::empty(),
            alerts,
            external_url: Arc::from("http://am"),
        }
    }

    #[test]
    fn the_body_is_alertmanagers() {
        let notification = notification(vec![alert("a", None), alert("b", Some(1_767_225_660_000))]);
        let body = serde_json::to_value(Body::of(&notification, 0, "4")).expect("serializes");
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
        let body = Body::of(&notification, 2, "4");
        assert_eq!((body.alerts.len(), body.truncated_alerts, body.status), (2, 1, "resolved"));
    }
}
