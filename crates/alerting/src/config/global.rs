//! `global`: defaults for all receivers.

use std::path::{Path, PathBuf};

use config::{Duration, Position, Secret, SecretSource, Spanned, Unread};
use serde::Deserialize;

use super::http::Http;

/// Where the services of others answer.
pub(super) const PAGERDUTY_URL: &str = "https://events.pagerduty.com/v2/enqueue";
pub(super) const PAGERDUTY_V1_URL: &str = "https://events.pagerduty.com/generic/2010-04-15/create_event.json";
const OPSGENIE_URL: &str = "https://api.opsgenie.com/";
const VICTOROPS_URL: &str = "https://alert.victorops.com/integrations/generic/20131114/alert/";
const TELEGRAM_URL: &str = "https://api.telegram.org";
const WEBEX_URL: &str = "https://webexapis.com/v1/messages";
const ROCKETCHAT_URL: &str = "https://open.rocket.chat/";

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Global {
    pub(super) resolve_timeout: Option<Duration>,
    pub(super) http_config: Option<Http>,
    pub(super) smtp_hello: String,
    pub(super) smtp_from: String,
    pub(super) smtp_smarthost: Option<Spanned<String>>,
    pub(super) smtp_auth_username: String,
    smtp_auth_password: Option<Secret>,
    smtp_auth_password_file: Option<PathBuf>,
    smtp_auth_secret: Option<Secret>,
    smtp_auth_secret_file: Option<PathBuf>,
    pub(super) smtp_auth_identity: String,
    pub(super) smtp_require_tls: bool,
    pub(super) smtp_force_implicit_tls: Option<bool>,
    slack_api_url: Option<Secret>,
    slack_api_url_file: Option<PathBuf>,
    pub(super) pagerduty_url: String,
    pub(super) opsgenie_api_url: String,
    opsgenie_api_key: Option<Secret>,
    opsgenie_api_key_file: Option<PathBuf>,
    pub(super) victorops_api_url: String,
    victorops_api_key: Option<Secret>,
    victorops_api_key_file: Option<PathBuf>,
    pub(super) telegram_api_url: String,
    telegram_bot_token: Option<Secret>,
    telegram_bot_token_file: Option<PathBuf>,
    pub(super) webex_api_url: String,
    pub(super) rocketchat_api_url: String,
    rocketchat_token: Option<Secret>,
    rocketchat_token_file: Option<PathBuf>,
    rocketchat_token_id: Option<Secret>,
    rocketchat_token_id_file: Option<PathBuf>,
    mattermost_webhook_url: Option<Secret>,
    mattermost_webhook_url_file: Option<PathBuf>,
    // Taken without effect as long as no receiver of the kind is configured, which is refused by name.
    wechat_api_url: Option<Spanned<Unread>>,
    wechat_api_secret: Option<Secret>,
    wechat_api_secret_file: Option<PathBuf>,
    wechat_api_corp_id: Option<Spanned<Unread>>,
    jira_api_url: Option<Spanned<Unread>>,
    smtp_tls_config: Option<Spanned<Unread>>,
    slack_app_token: Option<Spanned<Unread>>,
    slack_app_token_file: Option<Spanned<Unread>>,
    slack_app_url: Option<Spanned<Unread>>,
}

impl Default for Global {
    fn default() -> Self {
        Self {
            resolve_timeout: None,
            http_config: None,
            smtp_hello: "localhost".to_owned(),
            smtp_from: String::new(),
            smtp_smarthost: None,
            smtp_auth_username: String::new(),
            smtp_auth_password: None,
            smtp_auth_password_file: None,
            smtp_auth_secret: None,
            smtp_auth_secret_file: None,
            smtp_auth_identity: String::new(),
            smtp_require_tls: true,
            smtp_force_implicit_tls: None,
            slack_api_url: None,
            slack_api_url_file: None,
            pagerduty_url: PAGERDUTY_URL.to_owned(),
            opsgenie_api_url: OPSGENIE_URL.to_owned(),
            opsgenie_api_key: None,
            opsgenie_api_key_file: None,
            victorops_api_url: VICTOROPS_URL.to_owned(),
            victorops_api_key: None,
            victorops_api_key_file: None,
            telegram_api_url: TELEGRAM_URL.to_owned(),
            telegram_bot_token: None,
            telegram_bot_token_file: None,
            webex_api_url: WEBEX_URL.to_owned(),
            rocketchat_api_url: ROCKETCHAT_URL.to_owned(),
            rocketchat_token: None,
            rocketchat_token_file: None,
            rocketchat_token_id: None,
            rocketchat_token_id_file: None,
            mattermost_webhook_url: None,
            mattermost_webhook_url_file: None,
            wechat_api_url: None,
            wechat_api_secret: None,
            wechat_api_secret_file: None,
            wechat_api_corp_id: None,
            jira_api_url: None,
            smtp_tls_config: None,
            slack_app_token: None,
            slack_app_token_file: None,
            slack_app_url: None,
        }
    }
}

/// The secrets of the global section.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    pub(super) smtp_password: Option<SecretSource>,
    pub(super) slack_url: Option<SecretSource>,
    pub(super) opsgenie_key: Option<SecretSource>,
    pub(super) victorops_key: Option<SecretSource>,
    pub(super) telegram_token: Option<SecretSource>,
    pub(super) rocketchat_token: Option<SecretSource>,
    pub(super) rocketchat_user: Option<SecretSource>,
    pub(super) mattermost_url: Option<SecretSource>,
}

impl Global {
    pub(super) fn unsupported(&self) -> Vec<(&'static str, Position)> {
        [
            ("smtp_tls_config", &self.smtp_tls_config),
            ("slack_app_token", &self.slack_app_token),
            ("slack_app_token_file", &self.slack_app_token_file),
            ("slack_app_url", &self.slack_app_url),
        ]
        .into_iter()
        .filter_map(|(name, given)| Some((name, given.as_ref()?.at)))
        .collect()
    }

    pub(super) fn secrets(&self, base: &Path) -> Result<Secrets, String> {
        let of = |name: &str, inline: &Option<Secret>, file: &Option<PathBuf>| {
            SecretSource::of(name, inline.clone(), file.clone(), base)
        };
        of("smtp_auth_secret", &self.smtp_auth_secret, &self.smtp_auth_secret_file)?;
        of("wechat_api_secret", &self.wechat_api_secret, &self.wechat_api_secret_file)?;
        Ok(Secrets {
            smtp_password: of("smtp_auth_password", &self.smtp_auth_password, &self.smtp_auth_password_file)?,
            slack_url: of("slack_api_url", &self.slack_api_url, &self.slack_api_url_file)?,
            opsgenie_key: of("opsgenie_api_key", &self.opsgenie_api_key, &self.opsgenie_api_key_file)?,
            victorops_key: of("victorops_api_key", &self.victorops_api_key, &self.victorops_api_key_file)?,
            telegram_token: of(
                "telegram_bot_token",
                &self.telegram_bot_token,
                &self.telegram_bot_token_file,
            )?,
            rocketchat_token: of("rocketchat_token", &self.rocketchat_token, &self.rocketchat_token_file)?,
            rocketchat_user: of(
                "rocketchat_token_id",
                &self.rocketchat_token_id,
                &self.rocketchat_token_id_file,
            )?,
            mattermost_url: of(
                "mattermost_webhook_url",
                &self.mattermost_webhook_url,
                &self.mattermost_webhook_url_file,
            )?,
        })
    }
}
