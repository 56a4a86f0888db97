//! Receivers, with what the global section says for all of them filled in.

use std::path::Path;

use config::{ConfigError, Position, Secret, SecretSource, Spanned};
use model::{DurationMs, Labels};
use net::TlsOptions;

use super::global::{Global, PAGERDUTY_URL, PAGERDUTY_V1_URL, Secrets};
use super::http::{Credentials, Http};
use super::raw;
use super::receivers::{
    Discord, Email, IncidentIo, Mattermost, MsTeams, MsTeamsV2, Opsgenie, PagerDuty, Pushover, Rocketchat,
    Slack, Sns, Telegram, VictorOps, Webex, Webhook,
};
use crate::template::Text;

/// Somebody who is told.
#[derive(Debug, Clone)]
pub struct Receiver {
    /// Unique.
    pub name: String,
    /// Words about it, for whoever lists receivers.
    pub labels: Labels,
    /// By which calls.
    pub(crate) calls: Vec<CallConfig>,
}

/// One way of telling a receiver.
#[derive(Debug, Clone)]
pub(crate) struct CallConfig {
    /// Alertmanager's word for the kind.
    pub(crate) kind: &'static str,
    /// Which of the receiver's calls of this kind.
    pub(crate) index: usize,
    /// Whether the end of an alert is told too.
    pub(crate) send_resolved: bool,
    /// How long one attempt may take; 0 is as long as the notification as a whole.
    pub(crate) timeout: DurationMs,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) proxy: Option<String>,
    pub(crate) follow_redirects: bool,
    pub(crate) tls: TlsOptions,
    pub(crate) call: Call,
}

/// The settings of a call, by kind.
#[derive(Debug, Clone)]
pub(crate) enum Call {
    Webhook(Webhook),
    PagerDuty(PagerDuty),
    Slack(Slack),
    Email(Email),
    Opsgenie(Opsgenie),
    MsTeams(MsTeams),
    MsTeamsV2(MsTeamsV2),
    Telegram(Telegram),
    Sns(Sns),
    Discord(Discord),
    Pushover(Pushover),
    VictorOps(VictorOps),
    Mattermost(Mattermost),
    Rocketchat(Rocketchat),
    Webex(Webex),
    IncidentIo(IncidentIo),
}

impl Receiver {
    /// The kinds of its calls, as Alertmanager calls them.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> {
        self.calls.iter().map(|call| call.kind)
    }
}

/// Fills in and checks.
pub(super) struct Resolver<'a> {
    pub(super) file: &'a Path,
    pub(super) base: &'a Path,
    pub(super) global: &'a Global,
    pub(super) secrets: &'a Secrets,
}

/// Checks all calls of one kind and adds them.
macro_rules! calls {
    ($self:ident, $out:ident, $list:expr, $kind:literal, $resolved:literal, $variant:ident, $check:ident) => {
        for (index, Spanned { at, value: mut raw }) in $list.into_iter().enumerate() {
            $self.supported(raw.unsupported())?;
            let timeout = $self.$check(at, &mut raw)?;
            let http = $self.http(at, raw.http_config.take())?;
            $out.push(CallConfig {
                kind: $kind,
                index,
                send_resolved: raw.send_resolved.unwrap_or($resolved),
                timeout: timeout.map_or(DurationMs::ZERO, |timeout| timeout.0),
                credentials: http.credentials,
                proxy: http.proxy,
                follow_redirects: http.follow_redirects,
                tls: http.tls,
                call: Call::$variant(raw),
            });
        }
    };
}

/// What `http_config` comes to.
struct HttpSettings {
    credentials: Option<Credentials>,
    proxy: Option<String>,
    follow_redirects: bool,
    tls: TlsOptions,
}

type Timeout = Result<Option<config::Duration>, ConfigError>;

impl Resolver<'_> {
    pub(super) fn receiver(&self, name: &str, raw: raw::Receiver) -> Result<Receiver, ConfigError> {
        self.supported(raw.unsupported())?;
        let mut out = Vec::new();
        calls!(self, out, raw.discord_configs, "discord", true, Discord, discord);
        calls!(self, out, raw.email_configs, "email", false, Email, email);
        calls!(self, out, raw.incidentio_configs, "incidentio", true, IncidentIo, incidentio);
        calls!(self, out, raw.pagerduty_configs, "pagerduty", true, PagerDuty, pagerduty);
        calls!(self, out, raw.slack_configs, "slack", false, Slack, slack);
        calls!(self, out, raw.webhook_configs, "webhook", true, Webhook, webhook);
        calls!(self, out, raw.opsgenie_configs, "opsgenie", true, Opsgenie, opsgenie);
        calls!(self, out, raw.pushover_configs, "pushover", true, Pushover, pushover);
        calls!(self, out, raw.victorops_configs, "victorops", true, VictorOps, victorops);
        calls!(self, out, raw.sns_configs, "sns", true, Sns, sns);
        calls!(self, out, raw.telegram_configs, "telegram", true, Telegram, telegram);
        calls!(self, out, raw.msteams_configs, "msteams", true, MsTeams, msteams);
        calls!(self, out, raw.msteamsv2_configs, "msteamsv2", true, MsTeamsV2, msteamsv2);
        calls!(self, out, raw.mattermost_configs, "mattermost", true, Mattermost, mattermost);
        calls!(self, out, raw.rocketchat_configs, "rocketchat", true, Rocketchat, rocketchat);
        calls!(self, out, raw.webex_configs, "webex", true, Webex, webex);
        Ok(Receiver { name: name.to_owned(), labels: Labels::from_pairs(raw.labels), calls: out })
    }

    fn fault(&self, at: Position, message: impl Into<String>) -> ConfigError {
        ConfigError::at(self.file, at, message)
    }

    fn supported(&self, fields: Vec<(&'static str, Position)>) -> Result<(), ConfigError> {
        match fields.into_iter().min_by_key(|(_, at)| *at) {
            Some((name, at)) => Err(self.fault(at, format!("{name} is not supported yet"))),
            None => Ok(()),
        }
    }

    fn http(&self, at: Position, own: Option<Http>) -> Result<HttpSettings, ConfigError> {
        let http = own.or_else(|| self.global.http_config.clone()).unwrap_or_default();
        self.supported(http.unsupported())?;
        let credentials = http.credentials(self.base).map_err(|e| self.fault(at, e))?;
        let tls = http.tls(self.base).map_err(|(at, e)| self.fault(at, format!("tls_config: {e}")))?;
        let proxy = http.proxy_url.filter(|url| !url.is_empty());
        Ok(HttpSettings { credentials, proxy, follow_redirects: http.follow_redirects.unwrap_or(true), tls })
    }

    /// The secret of a call: its own, or the global one.
    fn secret(
        &self,
        at: Position,
        name: &str,
        own: (Option<Secret>, Option<std::path::PathBuf>),
        global: Option<&Option<SecretSource>>,
        missing: &str,
    ) -> Result<Option<SecretSource>, ConfigError> {
        let own = SecretSource::of(name, own.0, own.1, self.base).map_err(|e| self.fault(at, e))?;
        match own.or_else(|| global.cloned().flatten()) {
            Some(secret) => Ok(Some(secret)),
            None => Err(self.fault(at, missing)),
        }
    }

    fn webhook(&self, at: Position, raw: &mut Webhook) -> Timeout {
        if let Some(url) = &raw.url {
            let address = url.value.expose();
            if !(address.starts_with("http://") || address.starts_with("https://")) {
                return Err(self.fault(url.at, "unsupported scheme for URL: http or https is needed"));
            }
        }
        let own = (raw.url.take().map(|url| url.value), raw.url_file.take());
        raw.target = self.secret(at, "url", own, None, "one of url or url_file must be configured")?;
        Ok(raw.timeout)
    }

    fn pagerduty(&self, at: Position, raw: &mut PagerDuty) -> Timeout {
        let v1 = (raw.service_key.take(), raw.service_key_file.take());
        let is_v1 = v1.0.is_some() || v1.1.is_some();
        let v2 = (raw.routing_key.take(), raw.routing_key_file.take());
        if is_v1 && (v2.0.is_some() || v2.1.is_some()) {
            return Err(self.fault(at, "at most one of routing_key and service_key must be given"));
        }
        let missing = "missing service or routing key in PagerDuty config";
        let url = raw.url.take().unwrap_or_else(|| self.global.pagerduty_url.clone());
        if is_v1 {
            raw.key = self.secret(at, "service_key", v1, None, missing)?;
            // Alertmanager's own rule: the address of version 2 is not one for version 1.
            raw.url = Some(if url == PAGERDUTY_URL { PAGERDUTY_V1_URL.to_owned() } else { url });
            raw.is_v1 = true;
        } else {
            raw.key = self.secret(at, "routing_key", v2, None, missing)?;
            raw.url = Some(url);
        }
        if raw.source.is_empty() {
            raw.source = raw.client.clone();
        }
        Ok(raw.timeout)
    }

    fn slack(&self, at: Position, raw: &mut Slack) -> Timeout {
        let own = (raw.api_url.take(), raw.api_url_file.take());
        let missing = "no global Slack API URL set either inline or in a file";
        raw.target = self.secret(at, "api_url", own, Some(&self.secrets.slack_url), missing)?;
        Ok(raw.timeout)
    }

    fn email(&self, at: Position, raw: &mut Email) -> Timeout {
        if raw.to.is_empty() {
            return Err(self.fault(at, "missing to address in email config"));
        }
        raw.smarthost = raw.smarthost.take().or_else(|| self.global.smtp_smarthost.clone());
        let Some(host) = &raw.smarthost else { return Err(self.fault(at, "no global SMTP smarthost set")) };
        if host
            .value
            .rsplit_once(':')
            .is_none_or(|(host, port)| host.is_empty() || port.parse::<u16>().is_err())
        {
            return Err(self.fault(host.at, format!("address {:?} is not HOST:PORT", host.value)));
        }
        if raw.from.as_ref().is_none_or(Text::is_empty) {
            if self.global.smtp_from.is_empty() {
                return Err(self.fault(at, "no global SMTP from set"));
            }
            let from = Text::parse(&self.global.smtp_from);
            raw.from = Some(from.map_err(|e| self.fault(at, format!("bad template in smtp_from: {e}")))?);
        }
        let or_global = |own: &mut Option<String>, global: &str| {
            *own = own.take().or_else(|| Some(global.to_owned())).filter(|text| !text.is_empty());
        };
        or_global(&mut raw.hello, &self.global.smtp_hello);
        or_global(&mut raw.auth_username, &self.global.smtp_auth_username);
        or_global(&mut raw.auth_identity, &self.global.smtp_auth_identity);
        let own = (raw.auth_password.take(), raw.auth_password_file.take());
        let own =
            SecretSource::of("auth_password", own.0, own.1, self.base).map_err(|e| self.fault(at, e))?;
        raw.password = own.or_else(|| self.secrets.smtp_password.clone());
        let cram =
            SecretSource::of("auth_secret", raw.auth_secret.take(), raw.auth_secret_file.take(), self.base);
        cram.map_err(|e| self.fault(at, e))?;
        raw.require_tls = Some(raw.require_tls.unwrap_or(self.global.smtp_require_tls));
        raw.force_implicit_tls = raw.force_implicit_tls.or(self.global.smtp_force_implicit_tls);
        let mut seen = std::collections::BTreeSet::new();
        if let Some(twice) = raw.headers.keys().find(|name| !seen.insert(name.to_lowercase())) {
            return Err(self.fault(at, format!("duplicate header {twice:?} in email config")));
        }
        Ok(None)
    }

    fn opsgenie(&self, at: Position, raw: &mut Opsgenie) -> Timeout {
        // A file and a key of the two sections are a mistake, as Alertmanager has it.
        if raw.api_key.is_some() && raw.api_key_file.is_some() {
            return Err(self.fault(at, "at most one of api_key & api_key_file must be configured"));
        }
        let own = (raw.api_key.take(), raw.api_key_file.take());
        let missing = "no global OpsGenie API Key set either inline or in a file";
        raw.key = self.secret(at, "api_key", own, Some(&self.secrets.opsgenie_key), missing)?;
        raw.api_url =
            Some(with_slash(raw.api_url.take().unwrap_or_else(|| self.global.opsgenie_api_url.clone())));
        for responder in &raw.responders {
            if responder.id.is_empty() && responder.name.is_empty() && responder.username.is_empty() {
                return Err(self.fault(
                    at,
                    "OpsGenieConfig responder has to have at least one of id, username or name specified",
                ));
            }
            let kind = responder.kind.as_str();
            if !kind.contains("{{") && !["team", "teams", "user", "escalation", "schedule"].contains(&kind) {
                return Err(self.fault(at, format!("OpsGenieConfig responder type {kind:?} is not valid")));
            }
        }
        Ok(None)
    }

    fn victorops(&self, at: Position, raw: &mut VictorOps) -> Timeout {
        let own = (raw.api_key.take(), raw.api_key_file.take());
        let missing = "no global VictorOps API Key set";
        raw.key = self.secret(at, "api_key", own, Some(&self.secrets.victorops_key), missing)?;
        raw.api_url =
            Some(with_slash(raw.api_url.take().unwrap_or_else(|| self.global.victorops_api_url.clone())));
        if raw.routing_key.is_empty() {
            return Err(self.fault(at, "missing Routing key in VictorOps config"));
        }
        let reserved = [
            "routing_key",
            "message_type",
            "state_message",
            "entity_display_name",
            "monitoring_tool",
            "entity_id",
            "entity_state",
        ];
        match raw.custom_fields.keys().find(|name| reserved.contains(&name.as_str())) {
            Some(name) => Err(self.fault(at, format!("VictorOps config contains custom field {name} which cannot be used as it conflicts with the fixed/static fields"))),
            None => Ok(None),
        }
    }

    fn pushover(&self, at: Position, raw: &mut Pushover) -> Timeout {
        let user = (raw.user_key.take(), raw.user_key_file.take());
        raw.user =
            self.secret(at, "user_key", user, None, "one of user_key or user_key_file must be configured")?;
        let app = (raw.token.take(), raw.token_file.take());
        raw.app = self.secret(at, "token", app, None, "one of token or token_file must be configured")?;
        if raw.html && raw.monospace {
            return Err(self.fault(at, "at most one of monospace & html must be configured"));
        }
        Ok(None)
    }

    fn sns(&self, at: Position, raw: &mut Sns) -> Timeout {
        let given = [&raw.topic_arn, &raw.phone_number, &raw.target_arn];
        if given.iter().filter(|text| !text.is_empty()).count() != 1 {
            return Err(
                self.fault(at, "must provide either a Target ARN, Topic ARN, or Phone Number for SNS config")
            );
        }
        let refused = [("profile", &raw.sigv4.profile), ("role_arn", &raw.sigv4.role_arn)];
        self.supported(
            refused.into_iter().filter_map(|(name, given)| Some((name, given.as_ref()?.at))).collect(),
        )?;
        if raw.sigv4.access_key.is_empty() != raw.sigv4.secret_key.is_none() {
            return Err(self.fault(at, "must provide a AWS SigV4 Access key and Secret Key if credentials are specified in the SNS config"));
        }
        Ok(None)
    }

    fn telegram(&self, at: Position, raw: &mut Telegram) -> Timeout {
        match (raw.chat_id, &mut raw.chat_id_file) {
            (0, Some(file)) => *file = self.base.join(&file),
            (_, Some(_)) => {
                return Err(self.fault(at, "at most one of chat_id & chat_id_file must be configured"));
            }
            _ => {}
        }
        if raw.chat_id == 0 && raw.chat_id_file.is_none() {
            return Err(self.fault(at, "missing chat_id on telegram_config"));
        }
        if !["", "Markdown", "MarkdownV2", "HTML"].contains(&raw.parse_mode.as_str()) {
            return Err(self.fault(
                at,
                "unknown parse_mode on telegram_config, must be Markdown, MarkdownV2, HTML or empty string",
            ));
        }
        let own = (raw.bot_token.take(), raw.bot_token_file.take());
        let missing = "missing bot_token or bot_token_file on telegram_config";
        raw.token = self.secret(at, "bot_token", own, Some(&self.secrets.telegram_token), missing)?;
        raw.api_url = Some(raw.api_url.take().unwrap_or_else(|| self.global.telegram_api_url.clone()));
        Ok(None)
    }

    fn discord(&self, at: Position, raw: &mut Discord) -> Timeout {
        let own = (raw.webhook_url.take(), raw.webhook_url_file.take());
        raw.target = self.secret(at, "webhook_url", own, None, NO_WEBHOOK_URL)?;
        Ok(None)
    }

    fn msteams(&self, at: Position, raw: &mut MsTeams) -> Timeout {
        let own = (raw.webhook_url.take(), raw.webhook_url_file.take());
        raw.target = self.secret(at, "webhook_url", own, None, NO_WEBHOOK_URL)?;
        Ok(None)
    }

    fn msteamsv2(&self, at: Position, raw: &mut MsTeamsV2) -> Timeout {
        let own = (raw.webhook_url.take(), raw.webhook_url_file.take());
        raw.target = self.secret(at, "webhook_url", own, None, NO_WEBHOOK_URL)?;
        Ok(None)
    }

    fn mattermost(&self, at: Position, raw: &mut Mattermost) -> Timeout {
        let own = (raw.webhook_url.take(), raw.webhook_url_file.take());
        let missing = "no global Mattermost Webhook URL set either inline or in a file";
        raw.target = self.secret(at, "webhook_url", own, Some(&self.secrets.mattermost_url), missing)?;
        Ok(None)
    }

    fn webex(&self, at: Position, raw: &mut Webex) -> Timeout {
        if raw.room_id.is_empty() {
            return Err(self.fault(at, "missing room_id on webex_config"));
        }
        let http = raw.http_config.as_ref().or(self.global.http_config.as_ref());
        if !http.is_some_and(Http::has_authorization) {
            return Err(self.fault(at, "missing webex_configs.http_config.authorization"));
        }
        raw.api_url = Some(raw.api_url.take().unwrap_or_else(|| self.global.webex_api_url.clone()));
        Ok(None)
    }

    fn incidentio(&self, at: Position, raw: &mut IncidentIo) -> Timeout {
        let own = (raw.url.take(), raw.url_file.take());
        raw.target = self.secret(at, "url", own, None, "one of url or url_file must be configured")?;
        let (inline, file) = (raw.alert_source_token.take(), raw.alert_source_token_file.take());
        let token = SecretSource::of("alert_source_token", inline, file, self.base);
        raw.token = token.map_err(|e| self.fault(at, e))?;
        let http = raw.http_config.as_ref().or(self.global.http_config.as_ref());
        match (&raw.token, http.is_some_and(Http::has_authorization)) {
            (Some(_), true) => Err(self.fault(
                at,
                "cannot specify alert_source_token or alert_source_token_file when using http_config.authorization",
            )),
            (None, false) => Err(self.fault(
                at,
                "at least one of alert_source_token, alert_source_token_file or http_config.authorization must be configured",
            )),
            _ => Ok(raw.timeout),
        }
    }

    fn rocketchat(&self, at: Position, raw: &mut Rocketchat) -> Timeout {
        let token = (raw.token.take(), raw.token_file.take());
        let missing = "no global Rocketchat Token set either inline or in a file";
        raw.secret = self.secret(at, "token", token, Some(&self.secrets.rocketchat_token), missing)?;
        let user = (raw.token_id.take(), raw.token_id_file.take());
        let missing = "no global Rocketchat TokenID set either inline or in a file";
        raw.user = self.secret(at, "token_id", user, Some(&self.secrets.rocketchat_user), missing)?;
        raw.api_url =
            Some(with_slash(raw.api_url.take().unwrap_or_else(|| self.global.rocketchat_api_url.clone())));
        Ok(None)
    }
}

const NO_WEBHOOK_URL: &str = "one of webhook_url or webhook_url_file must be configured";

fn with_slash(mut url: String) -> String {
    if !url.ends_with('/') {
        url.push('/');
    }
    url
}
