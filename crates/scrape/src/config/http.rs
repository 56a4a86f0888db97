//! How to ask over HTTP: who we are, and what is not supported yet.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use config::{Secret, SecretSource};
use serde::Deserialize;

/// `basic_auth` as a file writes it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BasicAuthConfig {
    username: Option<String>,
    username_file: Option<PathBuf>,
    password: Option<Secret>,
    password_file: Option<PathBuf>,
}

/// `authorization` as a file writes it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthorizationConfig {
    #[serde(rename = "type")]
    kind: Option<String>,
    credentials: Option<Secret>,
    credentials_file: Option<PathBuf>,
}

/// One entry of `http_headers` as a file writes it: values of a header from three places.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpHeaderConfig {
    values: Vec<String>,
    secrets: Vec<Secret>,
    files: Vec<PathBuf>,
}

/// The `Authorization` header to send. Files are read at each request, so that secrets can be rotated.
#[derive(Debug, Clone, PartialEq)]
pub enum Auth {
    /// Name and password.
    Basic {
        /// The name; a file when it stands in one.
        username: SecretSource,
        /// The password, if there is one.
        password: Option<SecretSource>,
    },
    /// A scheme such as `Bearer` and credentials.
    Scheme {
        /// The scheme's name.
        kind: String,
        /// What follows it.
        credentials: Option<SecretSource>,
    },
}

impl Auth {
    /// The header's value now.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn header(&self) -> std::io::Result<Secret> {
        let read =
            |source: &Option<SecretSource>| source.as_ref().map_or(Ok(Secret::default()), SecretSource::read);
        match self {
            Self::Basic { username, password } => {
                let pair = format!("{}:{}", username.read()?.expose(), read(password)?.expose());
                Ok(Secret::new(format!("Basic {}", base64(pair.as_bytes()))))
            }
            Self::Scheme { kind, credentials } => {
                Ok(Secret::new(format!("{kind} {}", read(credentials)?.expose())))
            }
        }
    }
}

/// The settings about who we are, of which at most one may be given.
#[derive(Debug)]
pub struct AuthSettings<'a> {
    /// `basic_auth`.
    pub basic: Option<&'a BasicAuthConfig>,
    /// `authorization`.
    pub authorization: Option<&'a AuthorizationConfig>,
    /// `bearer_token`.
    pub bearer_token: Option<&'a Secret>,
    /// `bearer_token_file`.
    pub bearer_token_file: Option<&'a PathBuf>,
}

impl AuthSettings<'_> {
    /// What to send; files are found from `base`.
    ///
    /// # Errors
    /// A sentence, when more than one is given, or one is none.
    pub fn resolve(&self, base: &Path) -> Result<Option<Auth>, String> {
        let bearer = SecretSource::of(
            "bearer_token",
            self.bearer_token.cloned(),
            self.bearer_token_file.cloned(),
            base,
        )?;
        let given = [self.basic.is_some(), self.authorization.is_some(), bearer.is_some()];
        if given.iter().filter(|is_given| **is_given).count() > 1 {
            return Err("at most one of basic_auth, authorization, bearer_token & bearer_token_file must be configured".to_owned());
        }
        if let Some(basic) = self.basic {
            return resolve_basic(basic, base).map(Some);
        }
        if let Some(authorization) = self.authorization {
            return resolve_authorization(authorization, base).map(Some);
        }
        Ok(bearer
            .map(|credentials| Auth::Scheme { kind: "Bearer".to_owned(), credentials: Some(credentials) }))
    }
}

fn resolve_basic(basic: &BasicAuthConfig, base: &Path) -> Result<Auth, String> {
    let username = basic.username.clone().map(Secret::new);
    let username = SecretSource::of("username", username, basic.username_file.clone(), base)?;
    let password = SecretSource::of("password", basic.password.clone(), basic.password_file.clone(), base)?;
    Ok(Auth::Basic { username: username.unwrap_or(SecretSource::Inline(Secret::default())), password })
}

fn resolve_authorization(config: &AuthorizationConfig, base: &Path) -> Result<Auth, String> {
    let kind = config.kind.as_deref().map(str::trim).filter(|k| !k.is_empty()).unwrap_or("Bearer").to_owned();
    if kind.eq_ignore_ascii_case("basic") {
        return Err("authorization type cannot be set to \"basic\", use \"basic_auth\" instead".to_owned());
    }
    let credentials =
        SecretSource::of("credentials", config.credentials.clone(), config.credentials_file.clone(), base)?;
    Ok(Auth::Scheme { kind, credentials })
}

/// Headers that the client itself decides, or that have settings of their own.
const RESERVED_HEADERS: [&str; 9] = [
    "authorization",
    "host",
    "content-encoding",
    "content-length",
    "content-type",
    "user-agent",
    "connection",
    "accept-encoding",
    "x-prometheus-scrape-timeout-seconds",
];

pub(super) fn resolve_headers(
    headers: &BTreeMap<String, HttpHeaderConfig>,
    base: &Path,
) -> Result<Vec<(String, SecretSource)>, String> {
    let mut resolved = Vec::new();
    for (name, config) in headers {
        if RESERVED_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
            return Err(format!("setting header {name:?} is not allowed"));
        }
        let values = config.values.iter().map(|v| SecretSource::Inline(Secret::new(v.as_str())));
        let secrets = config.secrets.iter().cloned().map(SecretSource::Inline);
        let files = config.files.iter().map(|file| SecretSource::File(base.join(file)));
        resolved.extend(values.chain(secrets).chain(files).map(|source| (name.clone(), source)));
    }
    Ok(resolved)
}

/// Base 64 with padding (RFC 4648), as basic authentication wants it.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let joined =
            chunk.iter().fold(0u32, |sum, byte| sum << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let letter = ALPHABET[(joined >> (18 - 6 * i)) as usize & 63] as char;
            out.push(if i <= chunk.len() { letter } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_the_rfc() {
        for (text, coded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(text.as_bytes()), coded);
        }
    }

    #[test]
    fn headers_are_made_of_settings() {
        let inline = |text: &str| SecretSource::Inline(Secret::new(text));
        let basic = Auth::Basic { username: inline("Aladdin"), password: Some(inline("open sesame")) };
        assert_eq!(basic.header().expect("inline").expose(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        let bearer = Auth::Scheme { kind: "Bearer".into(), credentials: Some(inline("t")) };
        assert_eq!(bearer.header().expect("inline").expose(), "Bearer t");
    }
}
