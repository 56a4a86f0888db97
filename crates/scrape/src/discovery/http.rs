//! `http_sd_configs`: a list of targets asked for over HTTP, again and again. A failed answer keeps what was known.

use std::path::Path;
use std::time::Duration;

use config::SecretSource;
use model::DurationMs;
use net::Client;

use super::{Group, parse_groups};
use crate::config::Auth;
use crate::fetch::{explain, secret_headers};

/// The label that names the address a target was found at.
const META_URL: &str = "__meta_url";

/// The largest answer that is read: a hundred thousand targets fit.
const BODY_MAX_BYTES: usize = 32 << 20;

/// The longest an answer may take.
const TIMEOUT_MAX: Duration = Duration::from_secs(30);

/// One `http_sd_configs` entry.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HttpDiscovery {
    pub(crate) url: String,
    pub(crate) refresh: DurationMs,
    pub(crate) auth: Option<Auth>,
    pub(crate) headers: Vec<(String, SecretSource)>,
}

/// What the last good answer said.
#[derive(Debug, Default)]
pub(crate) struct HttpWatch {
    pub(crate) groups: Vec<Group>,
}

impl HttpWatch {
    /// Asks once. True when the answer is another than before.
    ///
    /// # Errors
    /// A sentence; what was known stays.
    pub(crate) async fn look(&mut self, discovery: &HttpDiscovery, client: &Client) -> Result<bool, String> {
        let groups =
            ask(discovery, client).await.map_err(|cause| format!("Get {:?}: {cause}", discovery.url))?;
        let is_changed = groups != self.groups;
        self.groups = groups;
        Ok(is_changed)
    }
}

async fn ask(discovery: &HttpDiscovery, client: &Client) -> Result<Vec<Group>, String> {
    let secrets = secret_headers(discovery.auth.as_ref(), &discovery.headers).map_err(|e| e.to_string())?;
    let seconds = discovery.refresh.as_secs_f64().to_string();
    let mut headers =
        vec![("Accept", "application/json"), ("X-Prometheus-Refresh-Interval-Seconds", seconds.as_str())];
    headers.extend(secrets.iter().map(|(name, value)| (name.as_str(), value.expose())));
    let timeout = discovery.refresh.to_std().min(TIMEOUT_MAX);
    let answer =
        client.get(&discovery.url, &headers, timeout, BODY_MAX_BYTES).await.map_err(|e| explain(&e))?;
    if answer.status != 200 {
        return Err(format!("server returned HTTP status {}", crate::fetch::status_text(answer.status)));
    }
    if !answer.content_type.trim().to_ascii_lowercase().starts_with("application/json") {
        return Err(format!("unsupported content type {:?}", answer.content_type));
    }
    let text = std::str::from_utf8(&answer.body).map_err(|e| e.to_string())?;
    let configs = parse_groups(Path::new("answer"), text, true)?;
    let meta = [(META_URL, discovery.url.clone())];
    Ok(configs.iter().map(|config| Group::of(config, &meta)).collect())
}
