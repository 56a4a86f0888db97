//! Services that page people: Opsgenie, VictorOps, Pushover, incident.io.

use config::Secret;
use serde_json::{Map, Value, json};

use super::Notification;
use super::http::{self, Render, Request, hashed_key, read, required, truncated, without_empty};
use super::webhook::Body;
use crate::config::{IncidentIo, Opsgenie, Pushover, VictorOps};
use crate::template::{Renderer, Text};

/// The longest message of an Opsgenie alert.
const OPSGENIE_MESSAGE_CHARS_MAX: usize = 130;
/// The longest state message of VictorOps.
const VICTOROPS_MESSAGE_CHARS_MAX: usize = 20_480;
/// The longest texts of Pushover.
const PUSHOVER_TITLE_CHARS_MAX: usize = 250;
const PUSHOVER_MESSAGE_CHARS_MAX: usize = 1024;
const PUSHOVER_URL_CHARS_MAX: usize = 512;
/// How often an emergency of Pushover is repeated, and until when; seconds.
const PUSHOVER_RETRY_S: i64 = 60;
const PUSHOVER_EXPIRE_S: i64 = 3600;

/// The largest message of incident.io, in bytes.
const INCIDENT_IO_BYTES_MAX: usize = 512 * 1024;

impl Render for IncidentIo {
    fn request(&self, told: &Notification, _: &Renderer<'_>) -> Result<Request, String> {
        let body = |most| serde_json::to_value(Body::of(told, most, "1")).map_err(|e| e.to_string());
        let mut whole = body(self.max_alerts)?;
        // One incident is made of a group: its first alert serves too, as Alertmanager has it.
        if whole.to_string().len() > INCIDENT_IO_BYTES_MAX {
            whole = body(1)?;
        }
        let mut request = Request::json(required(&self.target)?, whole);
        if let Some(token) = &self.token {
            request.headers.push(("Authorization", Secret::new(format!("Bearer {}", read(token)?.expose()))));
        }
        Ok(request)
    }
}

impl Render for Opsgenie {
    fn request(&self, told: &Notification, texts: &Renderer<'_>) -> Result<Request, String> {
        let alias = hashed_key(told);
        let base = self.api_url.as_deref().unwrap_or_default();
        let source = texts.text(&self.source)?;
        let (url, body) = if told.firing_count() == 0 {
            (format!("{base}v2/alerts/{alias}/close?identifierType=alias"), json!({ "source": source }))
        } else {
            (format!("{base}v2/alerts"), self.alert(alias, source, told, texts)?)
        };
        let mut request = Request::json(Secret::new(url), without_empty(body));
        let key = Secret::new(format!("GenieKey {}", required(&self.key)?.expose()));
        request.headers.push(("Authorization", key));
        Ok(request)
    }
}

impl Opsgenie {
    fn alert(
        &self,
        alias: String,
        source: String,
        told: &Notification,
        texts: &Renderer<'_>,
    ) -> Result<Value, String> {
        let mut details: Map<String, Value> = super::common(told.alerts.iter().map(|alert| &alert.labels))
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        for (name, text) in &self.details {
            details.insert(name.clone(), texts.text(text)?.into());
        }
        let mut responders = Vec::new();
        for responder in &self.responders {
            let kind = texts.text(&responder.kind)?;
            let one = |name: &str, kind: &str| json!({ "name": name, "type": kind });
            if kind == "teams" {
                // Several teams in one, as Alertmanager reads it.
                let names = texts.text(&responder.name)?;
                responders.extend(split(&names).iter().map(|name| one(name, "team")));
                continue;
            }
            let responder = json!({
                "id": texts.text(&responder.id)?,
                "name": texts.text(&responder.name)?,
                "username": texts.text(&responder.username)?,
                "type": kind,
            });
            responders.push(without_empty(responder));
        }
        let list = |text: &Text| Ok::<_, String>(split(&texts.text(text)?));
        let or_null = |list: Vec<Value>| if list.is_empty() { Value::Null } else { list.into() };
        let words = |words: Vec<String>| or_null(words.into_iter().map(Value::from).collect());
        Ok(json!({
            "alias": alias,
            "message": truncated(texts.text(&self.message)?, OPSGENIE_MESSAGE_CHARS_MAX),
            "description": texts.text(&self.description)?,
            "details": details,
            "source": source,
            "responders": or_null(responders),
            "tags": words(list(&self.tags)?),
            "note": texts.text(&self.note)?,
            "priority": texts.text(&self.priority)?,
            "entity": texts.text(&self.entity)?,
            "actions": words(list(&self.actions)?),
        }))
    }
}

/// `a, b` as its words.
fn split(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

impl Render for VictorOps {
    fn request(&self, told: &Notification, texts: &Renderer<'_>) -> Result<Request, String> {
        let base = self.api_url.as_deref().unwrap_or_default();
        let url = format!(
            "{base}{}/{}",
            required(&self.key)?.expose(),
            gotmpl::url_encode(&texts.text(&self.routing_key)?)
        );
        let kinds = ["INFO", "WARNING", "CRITICAL"];
        let kind =
            if told.firing_count() == 0 { "RECOVERY".to_owned() } else { texts.text(&self.message_type)? };
        let kind = if told.firing_count() > 0 && !kinds.contains(&kind.as_str()) {
            "CRITICAL".to_owned()
        } else {
            kind
        };
        let mut body = json!({
            "message_type": kind,
            "entity_id": hashed_key(told),
            "entity_display_name": texts.text(&self.entity_display_name)?,
            "state_message": truncated(texts.text(&self.state_message)?, VICTOROPS_MESSAGE_CHARS_MAX),
            "monitoring_tool": texts.text(&self.monitoring_tool)?,
        });
        for (name, text) in &self.custom_fields {
            body[name] = texts.text(text)?.into();
        }
        Ok(Request::json(Secret::new(url), body))
    }
}

impl Render for Pushover {
    fn request(&self, _: &Notification, texts: &Renderer<'_>) -> Result<Request, String> {
        let seconds = |given: Option<config::Duration>, default| given.map_or(default, |d| d.0.0 / 1000);
        let message = truncated(texts.text(&self.message)?, PUSHOVER_MESSAGE_CHARS_MAX);
        let mut fields = vec![
            ("token", required(&self.app)?.expose().to_owned()),
            ("user", required(&self.user)?.expose().to_owned()),
            ("title", truncated(texts.text(&self.title)?, PUSHOVER_TITLE_CHARS_MAX)),
            // An empty message is refused.
            ("message", if message.trim().is_empty() { "(no details)".to_owned() } else { message }),
            ("url", truncated(texts.text(&self.url)?, PUSHOVER_URL_CHARS_MAX)),
            ("url_title", texts.text(&self.url_title)?),
            ("priority", texts.text(&self.priority)?),
            ("retry", seconds(self.retry, PUSHOVER_RETRY_S).to_string()),
            ("expire", seconds(self.expire, PUSHOVER_EXPIRE_S).to_string()),
            ("device", texts.text(&self.device)?),
            ("sound", texts.text(&self.sound)?),
            ("ttl", self.ttl.map_or_else(String::new, |ttl| (ttl.0.0 / 1000).to_string())),
        ];
        fields.extend(self.html.then(|| ("html", "1".to_owned())));
        fields.extend(self.monospace.then(|| ("monospace", "1".to_owned())));
        let fields = fields.into_iter().filter(|(_, value)| !value.is_empty());
        let body = http::Body::Form(fields.map(|(name, value)| (name.to_owned(), value)).collect());
        let url = Secret::new("https://api.pushover.net/1/messages.json");
        Ok(Request { url, headers: Vec::new(), body })
    }
}
