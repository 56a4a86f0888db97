//! What a template sees: Alertmanager's `Data`.

use std::sync::Arc;

use gotmpl::Value;
use model::Labels;
use templates::values::{labels, object, text};

use super::times;
use crate::fingerprint;
use crate::notify::{Notification, NotifiedAlert, common, quote_meta};

/// The dot of every template.
pub(super) fn of(notification: &Notification) -> Value {
    let alerts = &notification.alerts;
    let shared = |set: fn(&NotifiedAlert) -> &Labels| {
        let pairs = common(alerts.iter().map(set));
        Value::Map(Arc::new(pairs.into_iter().map(|(name, value)| (Arc::from(name), text(value))).collect()))
    };
    object([
        ("Receiver", text(quote_meta(&notification.receiver))),
        ("Status", text(notification.status())),
        ("Alerts", Value::List(alerts.iter().map(alert).collect())),
        ("GroupLabels", labels(&notification.group_labels)),
        ("CommonLabels", shared(|alert| &alert.labels)),
        ("CommonAnnotations", shared(|alert| &alert.annotations)),
        ("ExternalURL", text(&notification.external_url)),
        ("RouteLabels", labels(&notification.route_labels)),
    ])
}

fn alert(alert: &NotifiedAlert) -> Value {
    object([
        ("Status", text(alert.status())),
        ("Labels", labels(&alert.labels)),
        ("Annotations", labels(&alert.annotations)),
        ("StartsAt", times::time(alert.starts_at.0)),
        ("EndsAt", times::time(alert.ended_at.map_or(times::ZERO_MS, |at| at.0))),
        ("GeneratorURL", text(&alert.generator_url)),
        ("Fingerprint", text(fingerprint::shown(&alert.labels))),
    ])
}
