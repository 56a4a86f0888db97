//! Answers that leave in pieces: the next piece is written when the connection has taken the one before, so that a
//! large answer takes no more memory than its data, a slow reader slows only itself, and one that leaves ends the work.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body::Frame;

/// A piece leaves when it has grown this large: a few socket buffers, so that writing and sending overlap.
pub(crate) const PIECE_BYTES: usize = 64 << 10;

/// Appends the next part of an answer, far less than [`PIECE_BYTES`] at a time; says `false` when that was all.
pub(crate) type Writer = Box<dyn FnMut(&mut Vec<u8>) -> bool + Send>;

/// A JSON answer that `writer` writes. One that fits a single piece has its length in the head.
pub(crate) fn json(writer: Writer) -> Response {
    let mut pieces = Pieces { writer: Some(writer), ready: None };
    let first = pieces.write();
    let body = if pieces.writer.is_none() {
        Body::from(first)
    } else {
        pieces.ready = Some(first);
        Body::new(pieces)
    };
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// Writes each of `items` with commas between.
pub(crate) fn items<T: 'static>(
    mut items: impl Iterator<Item = T> + Send + 'static,
    mut each: impl FnMut(&mut Vec<u8>, T) + Send + 'static,
) -> Writer {
    let mut first = true;
    Box::new(move |out| {
        let Some(item) = items.next() else { return false };
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        each(out, item);
        true
    })
}

/// `head`, then what `writer` writes, then `tail`.
pub(crate) fn between(head: Vec<u8>, mut writer: Writer, tail: Vec<u8>) -> Writer {
    let mut head = Some(head);
    Box::new(move |out| {
        if let Some(head) = head.take() {
            out.extend_from_slice(&head);
        }
        let more = writer(out);
        if !more {
            out.extend_from_slice(&tail);
        }
        more
    })
}

struct Pieces {
    /// `None` when all is written.
    writer: Option<Writer>,
    ready: Option<Bytes>,
}

impl Pieces {
    fn write(&mut self) -> Bytes {
        let mut out = Vec::with_capacity(PIECE_BYTES / 8);
        while let Some(writer) = &mut self.writer
            && out.len() < PIECE_BYTES
        {
            if !writer(&mut out) {
                self.writer = None;
            }
        }
        out.into()
    }
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(ready) = self.ready.take() {
            return Poll::Ready(Some(Ok(Frame::data(ready))));
        }
        let more = self.writer.is_some();
        Poll::Ready(more.then(|| Ok(Frame::data(self.write()))))
    }

    fn is_end_stream(&self) -> bool {
        self.ready.is_none() && self.writer.is_none()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn collected(count: usize) -> (Option<u64>, usize, Vec<u8>) {
        let each = |out: &mut Vec<u8>, i: usize| out.extend_from_slice(format!("\"{i:0100}\"").as_bytes());
        let mut body = json(between(b"[".to_vec(), items(0..count, each), b"]".to_vec())).into_body();
        let (length, mut frames, mut all) = (body.size_hint().exact(), 0, Vec::new());
        while let Some(frame) = body.frame().await {
            let data = frame.expect("no error").into_data().expect("data");
            assert!(data.len() < PIECE_BYTES + 1000, "{}", data.len());
            frames += 1;
            all.extend_from_slice(&data);
        }
        (length, frames, all)
    }

    #[tokio::test]
    async fn a_small_answer_knows_its_length_and_a_large_one_leaves_in_pieces() {
        let (length, frames, all) = collected(3).await;
        assert_eq!((length, frames), (Some(all.len() as u64), 1));
        let (length, frames, all) = collected(10_000).await;
        assert_eq!((length, frames), (None, all.len().div_ceil(PIECE_BYTES)));
        let parsed: Vec<String> = serde_json::from_slice(&all).expect("JSON");
        assert_eq!(parsed.len(), 10_000);
        assert_eq!(collected(0).await.2, b"[]");
    }
}
