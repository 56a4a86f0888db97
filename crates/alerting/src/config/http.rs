//! How to speak HTTP to a receiver.

use std::path::{Path, PathBuf};

use config::{Position, Secret, SecretSource, Spanned, Unread};
use net::{Client, ClientOptions, TlsOptions};
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
    tls_config: Option<Spanned<Tls>>,
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

/// `tls_config`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Tls {
    ca: Option<Secret>,
    ca_file: Option<PathBuf>,
    cert: Option<Secret>,
    cert_file: Option<PathBuf>,
    key: Option<Secret>,
    key_file: Option<PathBuf>,
    insecure_skip_verify: bool,
    server_name: Option<Spanned<Unread>>,
    min_version: Option<Spanned<Unread>>,
    max_version: Option<Spanned<Unread>>,
}

impl Tls {
    fn unsupported(&self) -> Vec<(&'static str, Position)> {
        let all = [
            ("server_name", &self.server_name),
            ("min_version", &self.min_version),
            ("max_version", &self.max_version),
        ];
        all.into_iter().filter_map(|(name, given)| Some((name, given.as_ref()?.at))).collect()
    }

    fn resolve(&self, base: &Path) -> Result<TlsOptions, String> {
        let read = |name: &str, inline: &Option<Secret>, file: &Option<PathBuf>| {
            let source = SecretSource::of(name, inline.clone(), file.clone(), base)?;
            let text = source.map(|source| source.read().map_err(|e| e.to_string())).transpose()?;
            Ok::<_, String>(text.map(|text| format!("{}\n", text.expose())))
        };
        let (cert, key) =
            (read("cert", &self.cert, &self.cert_file)?, read("key", &self.key, &self.key_file)?);
        let identity_pem = match (cert, key) {
            (Some(cert), Some(key)) => Some(cert + &key),
            (None, None) => None,
            _ => return Err("exactly one of key or key_file must be configured when a client certificate is, and the reverse".to_owned()),
        };
        let tls = TlsOptions {
            ca_pem: read("ca", &self.ca, &self.ca_file)?,
            identity_pem,
            believe_all: self.insecure_skip_verify,
        };
        // Now, with a place, and not when the first message is to leave.
        let client = Client::new(ClientOptions { tls: tls.clone(), ..ClientOptions::named("check") });
        client.and_then(|client| client.check_tls()).map_err(|e| e.to_string())?;
        Ok(tls)
    }
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
    /// Whether `authorization` is given.
    pub(super) fn has_authorization(&self) -> bool {
        self.authorization.is_some()
    }

    pub(super) fn unsupported(&self) -> Vec<(&'static str, Position)> {
        let basic = self.basic_auth.as_ref().and_then(|basic| basic.username_file.as_ref());
        [
            ("oauth2", &self.oauth2),
            ("no_proxy", &self.no_proxy),
            ("proxy_from_environment", &self.proxy_from_environment),
            ("proxy_connect_header", &self.proxy_connect_header),
            ("http_headers", &self.http_headers),
        ]
        .into_iter()
        .filter_map(|(name, given)| Some((name, given.as_ref()?.at)))
        .chain(basic.map(|given| ("username_file", given.at)))
        .chain(self.tls_config.iter().flat_map(|tls| tls.value.unsupported()))
        .collect()
    }

    /// Settings of TLS; relative files are taken from `base`.
    pub(super) fn tls(&self, base: &Path) -> Result<TlsOptions, (Position, String)> {
        let Some(Spanned { at, value }) = &self.tls_config else { return Ok(TlsOptions::default()) };
        value.resolve(base).map_err(|cause| (*at, cause))
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
