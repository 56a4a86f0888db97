//! The body of an answer, decoded within its limits.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use super::ClientError;
use super::words::chain;

/// How much of a packed body is decoded at a stretch; gzip makes a thousand times as much of it at worst, a few milliseconds'
/// work.
const PIECE_BYTES: usize = 4096;

/// When so much was decoded, other tasks of the thread get their turn: some hundred microseconds. A turn costs microseconds itself, so
/// not after every piece.
const TURN_BYTES: usize = 256 << 10;

/// So much room is made for a body that says how long it is; one that is longer gets more as it comes.
const ROOM_BYTES_MAX: usize = 4 << 20;

/// Decodes as the body comes in, so that a small body that unpacks to a huge one costs neither memory beyond the cap nor
/// time beyond the caller's.
pub(super) async fn read(
    mut body: Incoming,
    encoding: &str,
    body_max_bytes: usize,
) -> Result<(Bytes, usize), ClientError> {
    let said_bytes = body.size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok());
    let mut sink = Sink::of(encoding, body_max_bytes, said_bytes.unwrap_or(0))?;
    let (mut wire_bytes, mut turn_bytes) = (0usize, TURN_BYTES);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| ClientError::Broken(chain(&e)))?;
        // What else comes are trailers, which nobody asked for.
        let Ok(chunk) = frame.into_data() else { continue };
        wire_bytes = wire_bytes.saturating_add(chunk.len());
        if wire_bytes > body_max_bytes {
            return Err(ClientError::TooLarge(body_max_bytes));
        }
        for piece in chunk.chunks(PIECE_BYTES) {
            sink.take(piece, body_max_bytes)?;
            if sink.bytes() >= turn_bytes {
                turn_bytes = sink.bytes().saturating_add(TURN_BYTES);
                // Other tasks of this thread want to go on, and the time limit to be looked at.
                tokio::task::yield_now().await;
            }
        }
    }
    Ok((sink.finish()?, wire_bytes))
}

/// Where a body's bytes go.
enum Sink {
    Plain(Capped),
    Gzip(Box<MultiGzDecoder<Capped>>),
}

/// Bytes up to a limit; a write beyond it fails.
struct Capped {
    bytes: Vec<u8>,
    bytes_max: usize,
    is_over: bool,
}

impl Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.bytes_max {
            self.is_over = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink {
    /// `said_bytes` is how long the body says it is.
    fn of(encoding: &str, bytes_max: usize, said_bytes: usize) -> Result<Self, ClientError> {
        let mut capped = Capped { bytes: Vec::new(), bytes_max, is_over: false };
        match encoding {
            "" | "identity" => {
                capped.bytes.reserve_exact(said_bytes.min(bytes_max).min(ROOM_BYTES_MAX));
                Ok(Self::Plain(capped))
            }
            "gzip" => Ok(Self::Gzip(Box::new(MultiGzDecoder::new(capped)))),
            other => Err(ClientError::Encoding(format!("unknown content encoding {other:?}"))),
        }
    }

    fn take(&mut self, wire: &[u8], body_max_bytes: usize) -> Result<(), ClientError> {
        let (taken, capped) = match self {
            Self::Plain(capped) => (capped.write_all(wire), &*capped),
            Self::Gzip(decoder) => (decoder.write_all(wire), decoder.get_ref()),
        };
        taken.map_err(|e| match capped.is_over {
            true => ClientError::TooLarge(body_max_bytes),
            false => broken_gzip(&e),
        })
    }

    /// How much was decoded.
    fn bytes(&self) -> usize {
        match self {
            Self::Plain(capped) => capped.bytes.len(),
            Self::Gzip(decoder) => decoder.get_ref().bytes.len(),
        }
    }

    fn finish(self) -> Result<Bytes, ClientError> {
        let capped = match self {
            Self::Plain(capped) => capped,
            Self::Gzip(mut decoder) => {
                let body_max_bytes = decoder.get_ref().bytes_max;
                let finished = decoder.try_finish();
                if decoder.get_ref().is_over {
                    return Err(ClientError::TooLarge(body_max_bytes));
                }
                finished.map_err(|e| broken_gzip(&e))?;
                std::mem::replace(
                    decoder.get_mut(),
                    Capped { bytes: Vec::new(), bytes_max: 0, is_over: false },
                )
            }
        };
        Ok(capped.bytes.into())
    }
}

fn broken_gzip(error: &io::Error) -> ClientError {
    ClientError::Encoding(format!("broken gzip body: {error}"))
}
