//! The server's side of RFC 6455, as far as a stream of texts to one reader needs it: the handshake, whole text frames
//! out, pings, and of what comes in only whether the other side is still there.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, BytesMut};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use sha1::{Digest, Sha1};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};

pub use hyper::upgrade::OnUpgrade;

/// What RFC 6455 has a server put behind the client's key.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Bytes of a frame that a client may send: readers of a stream have nothing to say but pongs and a farewell.
const FRAME_MAX_BYTES: u64 = 64 << 10;
/// Bytes of a control frame, by the RFC.
const CONTROL_MAX_BYTES: usize = 125;

const TEXT: u8 = 0x1;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;

/// A request that is no handshake; the text says what is missing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAHandshake(&'static str);

/// The answer to a handshake: to be given before what it promises is there.
///
/// # Errors
/// When a header of a handshake is missing.
pub fn handshake<B: Default>(headers: &HeaderMap) -> Result<Response<B>, NotAHandshake> {
    let has = |name: header::HeaderName, wanted: &str| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|word| word.trim().eq_ignore_ascii_case(wanted))
    };
    if !has(header::CONNECTION, "upgrade") || !has(header::UPGRADE, "websocket") {
        return Err(NotAHandshake(
            "a websocket is wanted here: `Connection: Upgrade` and `Upgrade: websocket`",
        ));
    }
    if !has(header::SEC_WEBSOCKET_VERSION, "13") {
        return Err(NotAHandshake("`Sec-WebSocket-Version` must be 13"));
    }
    let key =
        headers.get(header::SEC_WEBSOCKET_KEY).ok_or(NotAHandshake("`Sec-WebSocket-Key` is missing"))?;
    let accept = STANDARD.encode(Sha1::new().chain_update(key.as_bytes()).chain_update(GUID).finalize());
    let accept =
        HeaderValue::from_str(&accept).map_err(|_| NotAHandshake("`Sec-WebSocket-Key` is no key"))?;
    let mut response = Response::new(B::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let head = response.headers_mut();
    head.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    head.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    head.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    Ok(response)
}

/// Waits until the answer is out, and gives both directions.
///
/// # Errors
/// When the connection ended before.
pub async fn open(upgrade: OnUpgrade) -> Result<(Writer, Reader), hyper::Error> {
    let (read, write) = tokio::io::split(TokioIo::new(upgrade.await?));
    Ok((Writer(write), Reader(read)))
}

/// To the client.
#[derive(Debug)]
pub struct Writer(WriteHalf<TokioIo<Upgraded>>);

impl Writer {
    /// Sends a text. Waits while the client does not read.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn text(&mut self, text: &str) -> std::io::Result<()> {
        self.frame(TEXT, text.as_bytes()).await
    }

    /// Asks whether the client is there.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn ping(&mut self) -> std::io::Result<()> {
        self.frame(PING, b"").await
    }

    /// Answers a ping.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn pong(&mut self, payload: &[u8]) -> std::io::Result<()> {
        self.frame(PONG, payload).await
    }

    /// Says farewell, and why.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn close(&mut self, code: u16, reason: &str) -> std::io::Result<()> {
        let mut payload = code.to_be_bytes().to_vec();
        let mut length = reason.len().min(CONTROL_MAX_BYTES - payload.len());
        while !reason.is_char_boundary(length) {
            length -= 1;
        }
        payload.extend_from_slice(&reason.as_bytes()[..length]);
        self.frame(CLOSE, &payload).await?;
        self.0.shutdown().await
    }

    async fn frame(&mut self, kind: u8, payload: &[u8]) -> std::io::Result<()> {
        let mut out = BytesMut::with_capacity(payload.len() + 10);
        out.put_u8(0x80 | kind);
        match payload.len() {
            length @ 0..126 => out.put_u8(length as u8),
            length @ 126..0x1_0000 => {
                out.put_u8(126);
                out.put_u16(length as u16);
            }
            length => {
                out.put_u8(127);
                out.put_u64(length as u64);
            }
        }
        out.put_slice(payload);
        self.0.write_all(&out).await?;
        self.0.flush().await
    }
}

/// What a client says that matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// It wants this back.
    Ping(Vec<u8>),
    /// Anything else that keeps the connection alive.
    Other,
}

/// From the client.
#[derive(Debug)]
pub struct Reader(ReadHalf<TokioIo<Upgraded>>);

impl Reader {
    /// The next frame; `None` when the client has said farewell, is gone, or breaks the rules. May be dropped only where the
    /// connection ends: half a frame would be lost.
    pub async fn next(&mut self) -> Option<Heard> {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).await.ok()?;
        let is_masked = head[1] & 0x80 != 0;
        let length = match head[1] & 0x7f {
            126 => u64::from(self.0.read_u16().await.ok()?),
            127 => self.0.read_u64().await.ok()?,
            short => u64::from(short),
        };
        // Clients must mask.
        if !is_masked || length > FRAME_MAX_BYTES {
            return None;
        }
        let mut mask = [0; 4];
        self.0.read_exact(&mut mask).await.ok()?;
        let mut payload = vec![0; usize::try_from(length).ok()?];
        self.0.read_exact(&mut payload).await.ok()?;
        payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        match head[0] & 0x0f {
            CLOSE => None,
            PING if payload.len() <= CONTROL_MAX_BYTES => Some(Heard::Ping(payload)),
            _ => Some(Heard::Other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().expect("a name"), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn the_answer_to_a_handshake_is_that_of_the_rfc() {
        let good = [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let response: Response<()> = handshake(&headers(&good)).expect("a handshake");
        assert_eq!(response.status(), 101);
        assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        for left_out in 0..good.len() {
            let mut some = good.to_vec();
            some.remove(left_out);
            assert!(handshake::<()>(&headers(&some)).is_err());
        }
    }
}
