//! How to speak HTTP to a receiver.

use std::path::{Path, PathBuf};

use config::{Position, Secret, SecretSource, Spanned, Unread};
use serde::Deserialize;

/// `http_config`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Http {
    authorization: Option<Authorization>,
    basic_auth: Option<BasicAuth>,
    bearer_token: Option<Secret>,
    bearer_token_file: Option<PathBuf>,
    pub(crate) follow_redirects: Option<bool>,
    /// Taken and of no effect: receivers answer HTTP/1.1 too.
    pub(crate) enable_http2: Option<bool>,
    pub(crate) proxy_url: Option<String>,
    tls_config: Option<Spanned<Unread>>,
    oauth2: Option<Spanned<Unread>>,
    no_proxy: Option<Spanned<Unread>>,
    proxy_from_environment: Option<Spanned<Unread>>,
    proxy_connect_header: Option<Spanned<Unread>>,
    http_headers: Option<Spanned<Unread>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Authorization {
    #[serde(rename = "type")]
    kind: Option<String>,
    credentials: Option<Secret>,
    credentials_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct BasicAuth {
    username: String,
    username_file: Option<Spanned<Unread>>,
    password: Option<Secret>,
    password_file: Option<PathBuf>,
}

/// The `Authorization` header, read at each use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Credentials {
    /// A kind such as "Bearer", and what stands behind it.
    Kind(String, SecretSource),
    /// User and password.
    Basic(String, Option<SecretSource>),
}

impl Http {
    pub(super) fn unsupported(&self) -> Vec<(&'static str, Position)> {
        let basic = self.basic_auth.as_ref().and_then(|basic| basic.username_file.as_ref());
        [
            ("tls_config", &self.tls_config),
            ("oauth2", &self.oauth2),
            ("no_proxy", &self.no_proxy),
            ("proxy_from_environment", &self.proxy_from_environment),
            ("proxy_connect_header", &self.proxy_connect_header),
            ("http_headers", &self.http_headers),
        ]
        .into_iter()
        .filter_map(|(name, given)| Some((name, given.as_ref()?.at)))
        .chain(basic.map(|given| ("username_file", given.at)))
        .collect()
    }

    /// What to send as `Authorization`; relative files are taken from `base`.
    pub(super) fn credentials(&self, base: &Path) -> Result<Option<Credentials>, String> {
        let bearer = SecretSource::of(
            "bearer_token",
            self.bearer_token.clone(),
            self.bearer_token_file.clone(),
            base,
        )?;
        let ways = [self.authorization.is_some(), self.basic_auth.is_some(), bearer.is_some()];
        if ways.iter().filter(|given| **given).count() > 1 {
            return Err(
                "at most one of basic_auth, authorization & bearer_token must be configured".to_owned()
            );
        }
        if let Some(given) = &self.authorization {
            let (inline, file) = (given.credentials.clone(), given.credentials_file.clone());
            let kind = given.kind.clone().unwrap_or_else(|| "Bearer".to_owned());
            let secret = SecretSource::of("credentials", inline, file, base)?;
            return Ok(secret.map(|secret| Credentials::Kind(kind, secret)));
        }
        if let Some(given) = &self.basic_auth {
            let (inline, file) = (given.password.clone(), given.password_file.clone());
            let password = SecretSource::of("password", inline, file, base)?;
            return Ok(Some(Credentials::Basic(given.username.clone(), password)));
        }
        Ok(bearer.map(|secret| Credentials::Kind("Bearer".to_owned(), secret)))
    }
}
