//! Bodies that were compressed for the way: gzip and deflate, within a bound.

use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use crate::WireError;

/// How a body is compressed, by HTTP's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// `gzip`.
    Gzip,
    /// `deflate`: in a zlib frame, as the standard has it, or without, as some senders have it.
    Deflate,
}

/// The bytes of a compressed body, at most `max_bytes` of them.
///
/// # Errors
/// [`WireError::Compression`], [`WireError::TooLarge`].
pub fn inflate(encoding: Encoding, bytes: &[u8], max_bytes: usize) -> Result<Vec<u8>, WireError> {
    match encoding {
        Encoding::Gzip => read_all("gzip", MultiGzDecoder::new(bytes), max_bytes),
        Encoding::Deflate if is_zlib(bytes) => read_all("deflate", ZlibDecoder::new(bytes), max_bytes),
        Encoding::Deflate => read_all("deflate", DeflateDecoder::new(bytes), max_bytes),
    }
}

/// Whether the two bytes of a zlib header are there: the method, and a sum that is a multiple of 31.
fn is_zlib(bytes: &[u8]) -> bool {
    match bytes {
        [first, second, ..] => {
            first & 0x0f == 8 && (u16::from(*first) << 8 | u16::from(*second)).is_multiple_of(31)
        }
        _ => false,
    }
}

fn read_all(format: &'static str, reader: impl Read, max_bytes: usize) -> Result<Vec<u8>, WireError> {
    let mut out = Vec::new();
    let limit = max_bytes as u64 + 1;
    let read = reader.take(limit).read_to_end(&mut out);
    let read = read.map_err(|error| WireError::Compression { format, cause: error.to_string() })?;
    if read > max_bytes { Err(WireError::TooLarge { max_bytes }) } else { Ok(out) }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    #[test]
    fn each_encoding_comes_out_within_its_bound() {
        let text = b"a line, a line, a line".repeat(100);
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&text).unwrap();
        zlib.write_all(&text).unwrap();
        raw.write_all(&text).unwrap();
        for (encoding, bytes) in [
            (Encoding::Gzip, gzip.finish().unwrap()),
            (Encoding::Deflate, zlib.finish().unwrap()),
            (Encoding::Deflate, raw.finish().unwrap()),
        ] {
            assert_eq!(inflate(encoding, &bytes, text.len()), Ok(text.clone()));
            let max_bytes = text.len() - 1;
            assert_eq!(inflate(encoding, &bytes, max_bytes), Err(WireError::TooLarge { max_bytes }));
            let cut = inflate(encoding, &bytes[..bytes.len() / 2], text.len());
            assert!(matches!(cut, Err(WireError::Compression { .. })), "{cut:?}");
        }
    }
}
