//! Slack: one attachment, posted to an incoming webhook.

use serde_json::{Value, json};

use super::http::{Render, Request, failed, judge, required, truncated, without_empty};
use super::{Failure, Notification};
use crate::config::{Slack, SlackAction};
use crate::template::Renderer;

/// The longest title that Slack takes.
const TITLE_CHARS_MAX: usize = 1024;

impl Render for Slack {
    fn request(&self, _: &Notification, texts: &Renderer<'_>) -> Result<Request, String> {
        let mut body = json!({
            "channel": texts.text(&self.channel)?,
            "username": texts.text(&self.username)?,
            "icon_emoji": texts.text(&self.icon_emoji)?,
            "icon_url": texts.text(&self.icon_url)?,
            "text": texts.text(&self.message_text)?,
            "attachments": [self.attachment(texts)?],
        });
        if self.link_names {
            body["link_names"] = true.into();
        }
        Ok(Request::json(required(&self.target)?, without_empty(body)))
    }

    fn judge(&self, status: u16, body: &str) -> Result<u16, Failure> {
        let status = judge(status, body)?;
        let refused = serde_json::from_str::<Value>(body).is_ok_and(|answer| answer["ok"] == false);
        if refused {
            let failure = failed(format!("Slack did not take it: {body}"));
            return Err(Failure { reason: "clientError", status: Some(status), ..failure });
        }
        Ok(status)
    }
}

impl Slack {
    fn attachment(&self, texts: &Renderer<'_>) -> Result<Value, String> {
        let in_markdown = ["fallback", "pretext", "text"].map(str::to_owned);
        let mut attachment = without_empty(json!({
            "title": truncated(texts.text(&self.title)?, TITLE_CHARS_MAX),
            "title_link": texts.text(&self.title_link)?,
            "pretext": texts.text(&self.pretext)?,
            "image_url": texts.text(&self.image_url)?,
            "thumb_url": texts.text(&self.thumb_url)?,
            "color": texts.text(&self.color)?,
            "mrkdwn_in": self.mrkdwn_in.as_deref().unwrap_or(&in_markdown),
        }));
        // These stand there even when they are empty.
        attachment["text"] = texts.text(&self.text)?.into();
        attachment["fallback"] = texts.text(&self.fallback)?.into();
        attachment["callback_id"] = texts.text(&self.callback_id)?.into();
        attachment["footer"] = texts.text(&self.footer)?.into();
        let mut fields = Vec::new();
        for field in &self.fields {
            fields.push(json!({
                "title": texts.text(&field.title)?,
                "value": texts.text(&field.value)?,
                "short": field.short.unwrap_or(self.short_fields),
            }));
        }
        let actions =
            self.actions.iter().map(|action| button(action, texts)).collect::<Result<Vec<_>, _>>()?;
        for (name, list) in [("fields", fields), ("actions", actions)] {
            if !list.is_empty() {
                attachment[name] = list.into();
            }
        }
        Ok(attachment)
    }
}

fn button(action: &SlackAction, texts: &Renderer<'_>) -> Result<Value, String> {
    let confirm = match &action.confirm {
        Some(confirm) => without_empty(json!({
            "text": texts.text(&confirm.text)?,
            "title": texts.text(&confirm.title)?,
            "ok_text": texts.text(&confirm.ok_text)?,
            "dismiss_text": texts.text(&confirm.dismiss_text)?,
        })),
        None => Value::Null,
    };
    Ok(without_empty(json!({
        "type": texts.text(&action.kind)?,
        "text": texts.text(&action.text)?,
        "url": texts.text(&action.url)?,
        "style": texts.text(&action.style)?,
        "name": texts.text(&action.name)?,
        "value": texts.text(&action.value)?,
        "confirm": confirm,
    })))
}
