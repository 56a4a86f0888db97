//! PagerDuty: Events API v2, and v1 for keys of old services.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use config::Secret;
use serde_json::{Value, json};

use super::http::{Render, Request, hashed_key, judge, required, truncated, without_empty};
use super::{Failure, Notification};
use crate::config::PagerDuty;
use crate::template::{Renderer, Text};

/// The longest summary that PagerDuty takes.
const SUMMARY_CHARS_MAX: usize = 1024;

/// The largest event that PagerDuty takes, in bytes; a larger one goes without its details.
const EVENT_BYTES_MAX: usize = 512_000;

/// Details that are sent where the configuration has none of the name.
static DEFAULT_DETAILS: LazyLock<BTreeMap<&str, Text>> = LazyLock::new(|| {
    let text = |text: &str| Text::parse(text).expect("a template");
    [
        ("firing", text("{{ template \"pagerduty.default.instances\" .Alerts.Firing }}")),
        ("resolved", text("{{ template \"pagerduty.default.instances\" .Alerts.Resolved }}")),
        ("num_firing", text("{{ .Alerts.Firing | len }}")),
        ("num_resolved", text("{{ .Alerts.Resolved | len }}")),
    ]
    .into()
});

impl Render for PagerDuty {
    fn request(&self, told: &Notification, texts: &Renderer<'_>) -> Result<Request, String> {
        let details = self.details(texts)?;
        let event = |details: Value| {
            if self.is_v1 { self.v1(told, texts, details) } else { self.v2(told, texts, details) }
        };
        let mut body = event(details)?;
        let length = body.to_string().len();
        if length > EVENT_BYTES_MAX {
            let why = format!(
                "the details were left out: the event of {length} bytes is larger than {EVENT_BYTES_MAX}"
            );
            body = event(json!({ "error": why }))?;
        }
        Ok(Request::json(Secret::new(self.url.clone().unwrap_or_default()), body))
    }

    fn judge(&self, status: u16, body: &str) -> Result<u16, Failure> {
        // Version 1 answers 403 to who asks too often.
        judge(status, body).map_err(|failure| match status {
            403 if self.is_v1 => Failure { again: true, reason: "rateLimited", ..failure },
            _ => failure,
        })
    }
}

impl PagerDuty {
    fn details(&self, texts: &Renderer<'_>) -> Result<Value, String> {
        let mut all = DEFAULT_DETAILS.clone();
        all.extend(self.details.iter().map(|(name, text)| (name.as_str(), text.clone())));
        let pairs = all.into_iter().map(|(name, text)| Ok((name.to_owned(), texts.text(&text)?.into())));
        Ok(Value::Object(pairs.collect::<Result<_, String>>()?))
    }

    fn v2(&self, told: &Notification, texts: &Renderer<'_>, details: Value) -> Result<Value, String> {
        let payload = without_empty(json!({
            "summary": truncated(texts.text(&self.description)?, SUMMARY_CHARS_MAX),
            "source": texts.text(&self.source)?,
            "severity": texts.text(&self.severity)?,
            "class": texts.text(&self.class)?,
            "component": texts.text(&self.component)?,
            "group": texts.text(&self.group)?,
            "custom_details": details,
        }));
        let mut images = Vec::new();
        for image in &self.images {
            let (src, alt) = (texts.text(&image.src)?, texts.text(&image.alt)?);
            let image = json!({ "src": src, "alt": alt, "href": texts.text(&image.href)? });
            images.push(without_empty(image));
        }
        let mut links = Vec::new();
        for link in &self.links {
            let link = json!({ "href": texts.text(&link.href)?, "text": texts.text(&link.text)? });
            links.push(without_empty(link));
        }
        let list = |list: Vec<Value>| if list.is_empty() { Value::Null } else { list.into() };
        Ok(without_empty(json!({
            "routing_key": required(&self.key)?.expose(),
            "dedup_key": hashed_key(told),
            "event_action": action(told),
            "client": texts.text(&self.client)?,
            "client_url": texts.text(&self.client_url)?,
            "images": list(images),
            "links": list(links),
            "payload": payload,
        })))
    }

    fn v1(&self, told: &Notification, texts: &Renderer<'_>, details: Value) -> Result<Value, String> {
        Ok(without_empty(json!({
            "service_key": required(&self.key)?.expose(),
            "event_type": action(told),
            "incident_key": hashed_key(told),
            "description": truncated(texts.text(&self.description)?, SUMMARY_CHARS_MAX),
            "client": texts.text(&self.client)?,
            "client_url": texts.text(&self.client_url)?,
            "details": details,
        })))
    }
}

/// An incident ends when all alerts have.
fn action(told: &Notification) -> &'static str {
    if told.firing_count() > 0 { "trigger" } else { "resolve" }
}
