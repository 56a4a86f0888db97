//! Reads the JSON body of a request, within limits of size and time.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt;

use super::reply::{Complaint, Refusal};

/// Time for a body to arrive. Who needs longer for a few kilobytes holds a connection without using it.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of an oversize body that are read and thrown away, so that the client gets to read the refusal: closing at once
/// would reset the connection while it still sends. Beyond it, it is closed all the same.
const DISCARD_MAX_BYTES: usize = 1 << 20;

/// The whole body, at most `bytes_max`; refused when it is larger, late, or said to be something else than JSON.
pub(crate) async fn json_bytes(request: Request, bytes_max: usize) -> Result<Vec<u8>, Refusal> {
    let (head, body) = request.into_parts();
    let bytes = tokio::time::timeout(BODY_TIMEOUT, collect(body, bytes_max)).await.map_err(|_| {
        Refusal::TooSlow(Complaint::new(format!(
            "the body did not arrive within {} s",
            BODY_TIMEOUT.as_secs()
        )))
    })??;
    check_type(&head.headers)?;
    Ok(bytes)
}

async fn collect(mut body: Body, bytes_max: usize) -> Result<Vec<u8>, Refusal> {
    let mut held = Vec::new();
    let mut seen = 0usize;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::Malformed(Complaint::new("the body broke off")))?;
        let Ok(data) = frame.into_data() else { continue };
        seen = seen.saturating_add(data.len());
        if seen <= bytes_max {
            held.extend_from_slice(&data);
        } else if seen > DISCARD_MAX_BYTES {
            break;
        }
    }
    if seen > bytes_max {
        return Err(Refusal::TooLarge(Complaint::new(format!("the body is larger than {bytes_max} bytes"))));
    }
    Ok(held)
}

/// No type at all is taken for JSON, so that a hand-written request need not say it.
fn check_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Ok(());
    };
    let text = String::from_utf8_lossy(value.as_bytes());
    let kind = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json")) {
        return Ok(());
    }
    Err(Refusal::NotJson(Complaint::new(format!("the body must be application/json, not {text}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(content_type: Option<&str>, body: Vec<u8>) -> Result<usize, u16> {
        let mut request = Request::builder();
        if let Some(value) = content_type {
            request = request.header(header::CONTENT_TYPE, value);
        }
        let request = request.body(Body::from(body)).expect("a request");
        let read = json_bytes(request, 10).await;
        read.map(|bytes| bytes.len())
            .map_err(|refusal| axum::response::IntoResponse::into_response(refusal).status().as_u16())
    }

    #[tokio::test]
    async fn size_and_type_are_checked() {
        let check = async |kind: Option<&str>, bytes: usize, expect: Result<usize, u16>| {
            assert_eq!(read(kind, vec![b'x'; bytes]).await, expect, "{kind:?} {bytes}");
        };
        check(None, 10, Ok(10)).await;
        check(None, 11, Err(413)).await;
        check(None, DISCARD_MAX_BYTES + 1, Err(413)).await;
        check(Some("application/json"), 5, Ok(5)).await;
        check(Some("Application/JSON; charset=utf-8"), 5, Ok(5)).await;
        check(Some("application/vnd.shop+json"), 5, Ok(5)).await;
        check(Some("text/plain"), 5, Err(415)).await;
        check(Some("application/x-www-form-urlencoded"), 5, Err(415)).await;
        check(Some("text/plain"), 11, Err(413)).await;
    }

    /// A body of which nothing ever comes.
    struct Endless;

    impl axum::body::HttpBody for Endless {
        type Data = bytes::Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _context: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
            std::task::Poll::Pending
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_comes_is_given_up() {
        let endless = Body::new(Endless);
        let request = Request::builder().body(endless).expect("a request");
        let refusal = json_bytes(request, 10).await.expect_err("refused");
        assert!(matches!(refusal, Refusal::TooSlow(_)), "{refusal:?}");
    }
}
