//! The body of a push: read within bounds, and decompressed as HTTP says.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use logwire::Encoding;

use super::error::LokiError;

/// The media type of a request without its parameters, in lower case; empty when there is none.
pub(crate) fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// How long a body may take to come in: who sends slower than that holds up others.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Reads a body of at most `max_bytes`.
pub(crate) async fn read(body: Body, max_bytes: usize) -> Result<Bytes, LokiError> {
    let read = tokio::time::timeout(READ_TIMEOUT, Limited::new(body, max_bytes).collect()).await;
    let read = read.map_err(|_| {
        let message = format!("the body did not come in within {} s", READ_TIMEOUT.as_secs());
        LokiError::new(StatusCode::REQUEST_TIMEOUT, message)
    })?;
    read.map(|collected| collected.to_bytes()).map_err(|error| match error.is::<LengthLimitError>() {
        true => LokiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("request body too large: a push may have {max_bytes} bytes"),
        ),
        false => LokiError::bad_request(format!("the body could not be read: {error}")),
    })
}

/// The bytes as they were before they were compressed for the way, at most `max_bytes` of them.
pub(crate) fn decompressed(headers: &HeaderMap, bytes: Bytes, max_bytes: usize) -> Result<Bytes, LokiError> {
    let encoding = headers.get(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap_or("?").trim());
    let encoding = match encoding {
        // Snappy belongs to the message itself; some senders say so here too.
        None | Some("" | "identity" | "snappy") => return Ok(bytes),
        Some("gzip") => Encoding::Gzip,
        Some("deflate") => Encoding::Deflate,
        Some(other) => {
            let message = format!("Content-Encoding {other:?} not supported: use gzip or deflate");
            return Err(LokiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
        }
    };
    Ok(logwire::inflate(encoding, &bytes, max_bytes)?.into())
}
