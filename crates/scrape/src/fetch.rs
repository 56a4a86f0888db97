//! Asks a target for its metrics.

use std::io;
use std::time::Duration;

use ::config::{Secret, SecretSource};
use bytes::Bytes;
use exposition::Format;
use net::{Client, ClientError};

use crate::config::{Auth, Job, format_of};

/// A body to read.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) format: Format,
    pub(crate) body: Bytes,
}

/// Why there is no body.
#[derive(Debug, PartialEq)]
pub(crate) struct FetchError {
    pub(crate) message: String,
    pub(crate) is_too_large: bool,
}

impl From<String> for FetchError {
    fn from(message: String) -> Self {
        Self { message, is_too_large: false }
    }
}

/// Fetches `url` as `job` wants it.
pub(crate) async fn fetch(
    client: &Client,
    job: &Job,
    url: &str,
    timeout: Duration,
) -> Result<Fetched, FetchError> {
    let secrets = secret_headers(job.auth.as_ref(), &job.headers).map_err(|e| e.to_string())?;
    let seconds = timeout.as_secs_f64().to_string();
    let mut headers =
        vec![("Accept", job.accept.as_str()), ("X-Prometheus-Scrape-Timeout-Seconds", seconds.as_str())];
    if !job.compression {
        headers.push(("Accept-Encoding", "identity"));
    }
    headers.extend(secrets.iter().map(|(name, value)| (name.as_str(), value.expose())));
    let body_max = usize::try_from(job.limits.body_max_bytes).unwrap_or(usize::MAX);
    let answer = client.get(url, &headers, timeout, body_max).await.map_err(|error| match &error {
        ClientError::TooLarge(_) => {
            FetchError { message: "body size limit exceeded".to_owned(), is_too_large: true }
        }
        error => FetchError::from(format!("Get {url:?}: {}", explain(error))),
    })?;
    if answer.status != 200 {
        return Err(format!("server returned HTTP status {}", status_text(answer.status)).into());
    }
    let format = format_of(&answer.content_type, job.fallback)?;
    Ok(Fetched { format, body: answer.body })
}

/// The headers that hold secrets, read now.
pub(crate) fn secret_headers(
    auth: Option<&Auth>,
    headers: &[(String, SecretSource)],
) -> io::Result<Vec<(String, Secret)>> {
    let mut all = Vec::new();
    if let Some(auth) = auth {
        all.push(("Authorization".to_owned(), auth.header()?));
    }
    for (name, source) in headers {
        all.push((name.clone(), source.read()?));
    }
    Ok(all)
}

/// A client's error in the words of Prometheus' users.
pub(crate) fn explain(error: &ClientError) -> String {
    match error {
        ClientError::Timeout(_) => "context deadline exceeded".to_owned(),
        other => other.to_string(),
    }
}

/// `404 Not Found`.
pub(crate) fn status_text(status: u16) -> String {
    let reason = match status {
        301 => "Moved Permanently",
        302 => "Found",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    };
    format!("{status} {reason}").trim_end().to_owned()
}
