//! What each kind of receiver can be told, with Alertmanager's names and defaults.

use std::collections::BTreeMap;
use std::path::PathBuf;

use config::{Duration, Secret, SecretSource, Spanned, Unread};
use serde::Deserialize;

use super::http::Http;
use crate::template::Text;

/// The settings of one kind: fields with their defaults; what all kinds have; and fields that are known by name only, so
/// that they can be refused with their place.
macro_rules! kind {
    ($(#[$doc:meta])* $name:ident { $($(#[$attr:meta])* $field:ident: $type:ty = $default:expr,)* }
     refuses { $($refused:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub(crate) struct $name {
            pub(crate) send_resolved: Option<bool>,
            pub(crate) http_config: Option<Http>,
            $($(#[$attr])* pub(crate) $field: $type,)*
            $(pub(super) $refused: Option<Spanned<Unread>>,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    send_resolved: None,
                    http_config: None,
                    $($field: $default,)*
                    $($refused: None,)*
                }
            }
        }

        impl $name {
            /// Fields given that are not carried.
            pub(super) fn unsupported(&self) -> Vec<(&'static str, config::Position)> {
                let all: &[(&'static str, Option<config::Position>)] =
                    &[$((stringify!($refused), self.$refused.as_ref().map(|given| given.at)),)*];
                all.iter().filter_map(|(name, at)| Some((*name, (*at)?))).collect()
            }
        }
    };
}

fn template(name: &str) -> Text {
    Text::template(name)
}

fn plain(text: &str) -> Text {
    Text::parse(text).expect("a text without actions")
}

kind! {
    /// Alertmanager's own JSON, posted to a URL.
    Webhook {
        url: Option<Spanned<Secret>> = None,
        url_file: Option<PathBuf> = None,
        #[serde(skip)]
        target: Option<SecretSource> = None,
        max_alerts: usize = 0,
        timeout: Option<Duration> = None,
    } refuses { payload }
}

kind! {
    /// PagerDuty, Events API v2 (`routing_key`) or v1 (`service_key`).
    PagerDuty {
        routing_key: Option<Secret> = None,
        routing_key_file: Option<PathBuf> = None,
        service_key: Option<Secret> = None,
        service_key_file: Option<PathBuf> = None,
        #[serde(skip)]
        key: Option<SecretSource> = None,
        /// Events API v1.
        #[serde(skip)]
        is_v1: bool = false,
        url: Option<String> = None,
        client: Text = template("pagerduty.default.client"),
        client_url: Text = template("pagerduty.default.clientURL"),
        description: Text = template("pagerduty.default.description"),
        severity: Text = plain("error"),
        details: BTreeMap<String, Text> = BTreeMap::new(),
        images: Vec<PagerDutyImage> = Vec::new(),
        links: Vec<PagerDutyLink> = Vec::new(),
        source: Text = Text::default(),
        class: Text = Text::default(),
        component: Text = Text::default(),
        group: Text = Text::default(),
        timeout: Option<Duration> = None,
    } refuses {}
}

/// A picture in an incident.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PagerDutyImage {
    pub(crate) src: Text,
    pub(crate) alt: Text,
    pub(crate) href: Text,
}

/// A link in an incident.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PagerDutyLink {
    pub(crate) href: Text,
    pub(crate) text: Text,
}

kind! {
    /// Slack's incoming webhook.
    Slack {
        api_url: Option<Secret> = None,
        api_url_file: Option<PathBuf> = None,
        #[serde(skip)]
        target: Option<SecretSource> = None,
        channel: Text = Text::default(),
        username: Text = template("slack.default.username"),
        color: Text = template("slack.default.color"),
        title: Text = template("slack.default.title"),
        title_link: Text = template("slack.default.titlelink"),
        pretext: Text = template("slack.default.pretext"),
        text: Text = template("slack.default.text"),
        message_text: Text = Text::default(),
        fields: Vec<SlackField> = Vec::new(),
        short_fields: bool = false,
        footer: Text = template("slack.default.footer"),
        fallback: Text = template("slack.default.fallback"),
        callback_id: Text = template("slack.default.callbackid"),
        icon_emoji: Text = template("slack.default.iconemoji"),
        icon_url: Text = template("slack.default.iconurl"),
        image_url: Text = Text::default(),
        thumb_url: Text = Text::default(),
        link_names: bool = false,
        mrkdwn_in: Option<Vec<String>> = None,
        actions: Vec<SlackAction> = Vec::new(),
        timeout: Option<Duration> = None,
    } refuses { app_token, app_token_file, app_url, update_message }
}

/// A field of an attachment.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SlackField {
    pub(crate) title: Text,
    pub(crate) value: Text,
    pub(crate) short: Option<bool>,
}

/// A button of an attachment.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SlackAction {
    #[serde(rename = "type")]
    pub(crate) kind: Text,
    pub(crate) text: Text,
    pub(crate) url: Text,
    pub(crate) style: Text,
    pub(crate) name: Text,
    pub(crate) value: Text,
    pub(crate) confirm: Option<SlackConfirm>,
}

/// What is asked before a button acts.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SlackConfirm {
    pub(crate) text: Text,
    pub(crate) title: Text,
    pub(crate) ok_text: Text,
    pub(crate) dismiss_text: Text,
}

kind! {
    /// A mail.
    Email {
        to: Text = Text::default(),
        from: Option<Text> = None,
        smarthost: Option<Spanned<String>> = None,
        hello: Option<String> = None,
        auth_username: Option<String> = None,
        auth_password: Option<Secret> = None,
        auth_password_file: Option<PathBuf> = None,
        auth_identity: Option<String> = None,
        #[serde(skip)]
        password: Option<SecretSource> = None,
        headers: BTreeMap<String, Text> = BTreeMap::new(),
        html: Text = template("email.default.html"),
        text: Text = Text::default(),
        require_tls: Option<bool> = None,
        force_implicit_tls: Option<bool> = None,
        // Only for CRAM-MD5, which is not offered; a password is what servers of today take.
        auth_secret: Option<Secret> = None,
        auth_secret_file: Option<PathBuf> = None,
    } refuses { tls_config, threading }
}

kind! {
    /// Opsgenie.
    Opsgenie {
        api_key: Option<Secret> = None,
        api_key_file: Option<PathBuf> = None,
        #[serde(skip)]
        key: Option<SecretSource> = None,
        api_url: Option<String> = None,
        message: Text = template("opsgenie.default.message"),
        description: Text = template("opsgenie.default.description"),
        source: Text = template("opsgenie.default.source"),
        details: BTreeMap<String, Text> = BTreeMap::new(),
        entity: Text = Text::default(),
        responders: Vec<OpsgenieResponder> = Vec::new(),
        actions: Text = Text::default(),
        tags: Text = Text::default(),
        note: Text = Text::default(),
        priority: Text = Text::default(),
        update_alerts: bool = false,
    } refuses {}
}

/// Who is to respond.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct OpsgenieResponder {
    pub(crate) id: Text,
    pub(crate) name: Text,
    pub(crate) username: Text,
    #[serde(rename = "type")]
    pub(crate) kind: Text,
}

kind! {
    /// Microsoft Teams, the connector's card.
    MsTeams {
        webhook_url: Option<Secret> = None,
        webhook_url_file: Option<PathBuf> = None,
        #[serde(skip)]
        target: Option<SecretSource> = None,
        title: Text = template("msteams.default.title"),
        summary: Text = template("msteams.default.summary"),
        text: Text = template("msteams.default.text"),
    } refuses {}
}

kind! {
    /// Microsoft Teams, a workflow's adaptive card.
    MsTeamsV2 {
        webhook_url: Option<Secret> = None,
        webhook_url_file: Option<PathBuf> = None,
        #[serde(skip)]
        target: Option<SecretSource> = None,
        title: Text = template("msteamsv2.default.title"),
        text: Text = template("msteamsv2.default.text"),
    } refuses {}
}

kind! {
    /// Telegram's bot API.
    Telegram {
        bot_token: Option<Secret> = None,
        bot_token_file: Option<PathBuf> = None,
        #[serde(skip)]
        token: Option<SecretSource> = None,
        api_url: Option<String> = None,
        chat_id: i64 = 0,
        message_thread_id: i64 = 0,
        message: Text = template("telegram.default.message"),
        disable_notifications: bool = false,
        parse_mode: String = "HTML".to_owned(),
        chat_id_file: Option<PathBuf> = None,
    } refuses {}
}

kind! {
    /// Amazon's Simple Notification Service.
    Sns {
        api_url: String = String::new(),
        sigv4: SigV4 = SigV4::default(),
        topic_arn: Text = Text::default(),
        phone_number: Text = Text::default(),
        target_arn: Text = Text::default(),
        subject: Text = template("sns.default.subject"),
        message: Text = template("sns.default.message"),
        attributes: BTreeMap<String, Text> = BTreeMap::new(),
    } refuses {}
}

/// How requests to AWS are signed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SigV4 {
    pub(crate) region: String,
    pub(crate) access_key: String,
    pub(crate) secret_key: Option<Secret>,
    pub(super) profile: Option<Spanned<Unread>>,
    pub(super) role_arn: Option<Spanned<Unread>>,
}

kind! {
    /// Discord's webhook.
    Discord {
        webhook_url: Option<Secret> = None,
        webhook_url_file: Option<PathBuf> = None,
        #[serde(skip)]
        target: Option<SecretSource> = None,
        title: Text = template("discord.default.title"),
        message: Text = template("discord.default.message"),
        content: Text = template("discord.default.content"),
        username: String = String::new(),
        avatar_url: String = String::new(),
    } refuses {}
}

kind! {
    /// Pushover.
    Pushover {
        user_key: Option<Secret> = None,
        user_key_file: Option<PathBuf> = None,
        token: Option<Secret> = None,
        token_file: Option<PathBuf> = None,
        #[serde(skip)]
        user: Option<SecretSource> = None,
        #[serde(skip)]
        app: Option<SecretSource> = None,
        title: Text = template("pushover.default.title"),
        message: Text = template("pushover.default.message"),
        url: Text = template("pushover.default.url"),
        url_title: Text = Text::default(),
        device: Text = Text::default(),
        sound: Text = Text::default(),
        priority: Text = Text::parse("{{ if eq .Status \"firing\" }}2{{ else }}0{{ end }}").expect("a template"),
        retry: Option<Duration> = None,
        expire: Option<Duration> = None,
        ttl: Option<Duration> = None,
        html: bool = false,
        monospace: bool = false,
    } refuses {}
}

kind! {
    /// VictorOps, now Splunk On-Call.
    VictorOps {
        api_key: Option<Secret> = None,
        api_key_file: Option<PathBuf> = None,
        #[serde(skip)]
        key: Option<SecretSource> = None,
        api_url: Option<String> = None,
        routing_key: Text = Text::default(),
        message_type: Text = plain("CRITICAL"),
        state_message: Text = template("victorops.default.state_message"),
        entity_display_name: Text = template("victorops.default.entity_display_name"),
        monitoring_tool: Text = template("victorops.default.monitoring_tool"),
        custom_fields: BTreeMap<String, Text> = BTreeMap::new(),
    } refuses {}
}

kind! {
    /// Mattermost's incoming webhook.
    Mattermost {
        webhook_url: Option<Secret> = None,
        webhook_url_file: Option<PathBuf> = None,
        #[serde(skip)]
        target: Option<SecretSource> = None,
        channel: Text = Text::default(),
        username: Text = plain("Alertmanager"),
        title: Text = template("mattermost.default.title"),
        text: Text = template("mattermost.default.text"),
        icon_url: Text = Text::default(),
        icon_emoji: Text = Text::default(),
    } refuses { attachments, props, priority, fields, color, pretext, fallback, title_link }
}

kind! {
    /// Webex, by its messages API; `http_config` holds the token of a bot.
    Webex {
        api_url: Option<String> = None,
        room_id: Text = Text::default(),
        message: Text = template("webex.default.message"),
    } refuses {}
}

kind! {
    /// incident.io's alert source for Alertmanager.
    IncidentIo {
        url: Option<Secret> = None,
        url_file: Option<PathBuf> = None,
        #[serde(skip)]
        target: Option<SecretSource> = None,
        alert_source_token: Option<Secret> = None,
        alert_source_token_file: Option<PathBuf> = None,
        #[serde(skip)]
        token: Option<SecretSource> = None,
        max_alerts: usize = 0,
        timeout: Option<Duration> = None,
    } refuses {}
}

kind! {
    /// Rocket.Chat's REST API.
    Rocketchat {
        token: Option<Secret> = None,
        token_file: Option<PathBuf> = None,
        token_id: Option<Secret> = None,
        token_id_file: Option<PathBuf> = None,
        #[serde(skip)]
        secret: Option<SecretSource> = None,
        #[serde(skip)]
        user: Option<SecretSource> = None,
        api_url: Option<String> = None,
        channel: Text = Text::default(),
        color: Text = Text::parse("{{ if eq .Status \"firing\" }}red{{ else }}green{{ end }}").expect("a template"),
        title: Text = template("rocketchat.default.title"),
        title_link: Text = template("rocketchat.default.titlelink"),
        text: Text = template("rocketchat.default.text"),
        emoji: Text = template("rocketchat.default.emoji"),
        icon_url: Text = template("rocketchat.default.iconurl"),
    } refuses { fields, short_fields, image_url, thumb_url, link_names, actions }
}
