//! Chats: Microsoft Teams, Telegram, Discord, Mattermost, Rocket.Chat, Webex.

use config::Secret;
use serde_json::{Value, json};

use super::Notification;
use super::http::{Render, Request, required, truncated, truncated_bytes, without_empty};
use crate::config::{Discord, Mattermost, MsTeams, MsTeamsV2, Rocketchat, Telegram, Webex};
use crate::template::{Renderer, Text};

/// The longest message that Telegram takes.
const TELEGRAM_CHARS_MAX: usize = 4096;
/// The longest texts of Discord; Alertmanager's own figure for the description.
const DISCORD_TITLE_CHARS_MAX: usize = 256;
const DISCORD_TEXT_CHARS_MAX: usize = 2000;
/// The longest message of Webex, in bytes.
const WEBEX_BYTES_MAX: usize = 7439;
const DISCORD_RED: u32 = 0x99_2d22;
const DISCORD_GREEN: u32 = 0x2e_cc71;

fn fires(told: &Notification) -> bool {
    told.firing_count() > 0
}

impl Render for MsTeams {
    fn request(&self, told: &Notification, texts: &Renderer<'_>) -> Result<Request, String> {
        let body = json!({
            "@context": "http://schema.org/extensions",
            "type": "MessageCard",
            "title": texts.text(&self.title)?,
            "summary": texts.text(&self.summary)?,
            "text": texts.text(&self.text)?,
            "themeColor": if fires(told) { "8C1A1A" } else { "2DC72D" },
        });
        Ok(Request::json(required(&self.target)?, body))
    }
}

impl Render for MsTeamsV2 {
    fn request(&self, told: &Notification, texts: &Renderer<'_>) -> Result<Request, String> {
        let card = json!({
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.2",
            "body": [
                {
                    "type": "TextBlock", "text": texts.text(&self.title)?, "weight": "Bolder", "size": "Medium",
                    "wrap": true, "style": "heading", "color": if fires(told) { "Attention" } else { "Good" },
                },
                { "type": "TextBlock", "text": texts.text(&self.text)?, "wrap": true },
            ],
            "msteams": { "width": "full" },
        });
        let body = json!({
            "type": "message",
            "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": Value::Null, "content": card,
            }],
        });
        Ok(Request::json(required(&self.target)?, body))
    }
}

impl Render for Telegram {
    fn request(&self, _: &Notification, texts: &Renderer<'_>) -> Result<Request, String> {
        let base = self.api_url.as_deref().unwrap_or_default().trim_end_matches('/');
        let url = format!("{base}/bot{}/sendMessage", required(&self.token)?.expose());
        let text = if self.parse_mode == "HTML" {
            html(texts, &self.message)?
        } else {
            texts.text(&self.message)?
        };
        let mut body = without_empty(json!({
            "chat_id": self.chat()?,
            "text": truncated(text, TELEGRAM_CHARS_MAX),
            "parse_mode": self.parse_mode,
            "disable_web_page_preview": true,
            "disable_notification": self.disable_notifications,
        }));
        if self.message_thread_id != 0 {
            body["message_thread_id"] = self.message_thread_id.into();
        }
        Ok(Request::json(Secret::new(url), body))
    }
}

impl Telegram {
    fn chat(&self) -> Result<i64, String> {
        let Some(file) = &self.chat_id_file else { return Ok(self.chat_id) };
        let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
        text.trim()
            .parse()
            .map_err(|_| format!("{}: {:?} is not the number of a chat", file.display(), text.trim()))
    }
}

/// As Alertmanager does for Telegram's HTML: what the data bring is escaped.
fn html(texts: &Renderer<'_>, message: &Text) -> Result<String, String> {
    texts.html(message)
}

impl Render for Discord {
    fn request(&self, told: &Notification, texts: &Renderer<'_>) -> Result<Request, String> {
        let body = json!({
            "content": truncated(texts.text(&self.content)?, DISCORD_TEXT_CHARS_MAX),
            "embeds": [{
                "title": truncated(texts.text(&self.title)?, DISCORD_TITLE_CHARS_MAX),
                "description": truncated(texts.text(&self.message)?, DISCORD_TEXT_CHARS_MAX),
                "color": if fires(told) { DISCORD_RED } else { DISCORD_GREEN },
            }],
            "username": (!self.username.is_empty()).then_some(&self.username),
            "avatar_url": (!self.avatar_url.is_empty()).then_some(&self.avatar_url),
        });
        let Value::Object(mut body) = body else { return Err("no object".to_owned()) };
        body.retain(|_, value| !value.is_null());
        Ok(Request::json(required(&self.target)?, Value::Object(body)))
    }
}

impl Render for Mattermost {
    fn request(&self, told: &Notification, texts: &Renderer<'_>) -> Result<Request, String> {
        let title = texts.text(&self.title)?;
        let body = without_empty(json!({
            "channel": texts.text(&self.channel)?,
            "username": texts.text(&self.username)?,
            "icon_url": texts.text(&self.icon_url)?,
            "icon_emoji": texts.text(&self.icon_emoji)?,
            "attachments": [without_empty(json!({
                "title": title,
                "fallback": title,
                "text": texts.text(&self.text)?,
                "color": if fires(told) { "danger" } else { "good" },
            }))],
        }));
        Ok(Request::json(required(&self.target)?, body))
    }
}

impl Render for Webex {
    fn request(&self, _: &Notification, texts: &Renderer<'_>) -> Result<Request, String> {
        let body = without_empty(json!({
            "markdown": truncated_bytes(texts.text(&self.message)?, WEBEX_BYTES_MAX),
            "roomId": texts.text(&self.room_id)?,
        }));
        Ok(Request::json(Secret::new(self.api_url.as_deref().unwrap_or_default()), body))
    }
}

impl Render for Rocketchat {
    fn request(&self, _: &Notification, texts: &Renderer<'_>) -> Result<Request, String> {
        let url = format!("{}api/v1/chat.postMessage", self.api_url.as_deref().unwrap_or_default());
        let body = without_empty(json!({
            "channel": texts.text(&self.channel)?,
            "emoji": texts.text(&self.emoji)?,
            "avatar": texts.text(&self.icon_url)?,
            "attachments": [without_empty(json!({
                "title": texts.text(&self.title)?,
                "title_link": texts.text(&self.title_link)?,
                "text": texts.text(&self.text)?,
                "color": texts.text(&self.color)?,
            }))],
        }));
        let mut request = Request::json(Secret::new(url), body);
        request.headers.push(("X-Auth-Token", required(&self.secret)?));
        request.headers.push(("X-User-Id", required(&self.user)?));
        Ok(request)
    }
}
