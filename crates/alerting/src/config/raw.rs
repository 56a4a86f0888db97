//! The file as it is written, before it is checked. Each type lists the fields that are carried, and those that are only
//! known by name so that they can be refused with their place.

use std::collections::BTreeMap;

use config::{Duration, Position, Secret, Spanned, Unread};
use serde::Deserialize;

/// A type of the file: fields that are carried, then names of those that are not yet.
macro_rules! file_type {
    ($(#[$doc:meta])* $name:ident { $($(#[$attr:meta])* $field:ident: $type:ty,)* } refuses { $($refused:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            $(#[serde(default)] $(#[$attr])* pub(super) $field: $type,)*
            $(#[serde(default)] $refused: Option<Spanned<Unread>>,)*
        }

        impl $name {
            /// Fields given that are not carried yet.
            pub(super) fn unsupported(&self) -> Vec<(&'static str, Position)> {
                let all: &[(&'static str, Option<Position>)] =
                    &[$((stringify!($refused), self.$refused.as_ref().map(|given| given.at)),)*];
                all.iter().filter_map(|(name, at)| Some((*name, (*at)?))).collect()
            }
        }
    };
}

file_type! {
    /// The whole file.
    File {
        global: Option<Global>,
        route: Option<Spanned<Route>>,
        receivers: Vec<Receiver>,
    } refuses {
        templates, inhibit_rules, time_intervals, mute_time_intervals, tracing, event_recorder,
    }
}

file_type! {
    /// Defaults for all receivers.
    Global {
        resolve_timeout: Option<Duration>,
    } refuses {
        http_config, smtp_hello, smtp_from, smtp_smarthost, smtp_auth_username, smtp_auth_password,
        smtp_auth_password_file, smtp_auth_secret, smtp_auth_secret_file, smtp_auth_identity, smtp_require_tls,
        smtp_tls_config, smtp_force_implicit_tls, slack_api_url, slack_api_url_file, slack_app_token,
        slack_app_token_file, slack_app_url, pagerduty_url, opsgenie_api_url, opsgenie_api_key, opsgenie_api_key_file,
        victorops_api_url, victorops_api_key, victorops_api_key_file, wechat_api_url, wechat_api_secret,
        wechat_api_secret_file, wechat_api_corp_id, telegram_api_url, telegram_bot_token, telegram_bot_token_file,
        webex_api_url, rocketchat_api_url, rocketchat_token, rocketchat_token_file, rocketchat_token_id,
        rocketchat_token_id_file, jira_api_url, mattermost_webhook_url, mattermost_webhook_url_file,
    }
}

file_type! {
    /// A node of the routing tree.
    Route {
        receiver: Option<Spanned<String>>,
        group_by: Option<Vec<Spanned<String>>>,
        group_wait: Option<Spanned<Duration>>,
        group_interval: Option<Spanned<Duration>>,
        repeat_interval: Option<Spanned<Duration>>,
        #[serde(rename = "match")]
        equal: BTreeMap<String, Spanned<String>>,
        #[serde(rename = "match_re")]
        regex: BTreeMap<String, Spanned<String>>,
        matchers: Vec<Spanned<String>>,
        #[serde(rename = "continue")]
        continues: bool,
        routes: Vec<Spanned<Route>>,
    } refuses {
        mute_time_intervals, active_time_intervals, labels,
    }
}

impl Route {
    pub(super) fn has_matchers(&self) -> bool {
        !(self.equal.is_empty() && self.regex.is_empty() && self.matchers.is_empty())
    }
}

file_type! {
    /// Somebody who is told.
    Receiver {
        name: Option<Spanned<String>>,
        webhook_configs: Vec<Spanned<Webhook>>,
    } refuses {
        labels, discord_configs, email_configs, incidentio_configs, jira_configs, mattermost_configs, msteams_configs,
        msteamsv2_configs, opsgenie_configs, pagerduty_configs, pushover_configs, rocketchat_configs, slack_configs,
        sns_configs, telegram_configs, victorops_configs, webex_configs, wechat_configs,
    }
}

file_type! {
    /// A URL that notifications are posted to.
    Webhook {
        url: Option<Spanned<Secret>>,
        send_resolved: Option<bool>,
        max_alerts: Option<usize>,
        timeout: Option<Duration>,
        http_config: Option<Http>,
    } refuses {
        url_file, payload,
    }
}

file_type! {
    /// How to speak HTTP.
    Http {
        authorization: Option<Authorization>,
    } refuses {
        basic_auth, oauth2, bearer_token, bearer_token_file, tls_config, follow_redirects, enable_http2, proxy_url,
        no_proxy, proxy_from_environment, proxy_connect_header, http_headers,
    }
}

file_type! {
    /// The `Authorization` header.
    Authorization {
        #[serde(rename = "type")]
        kind: Option<String>,
        credentials: Option<Secret>,
    } refuses {
        credentials_file,
    }
}
