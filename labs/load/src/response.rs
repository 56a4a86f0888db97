//! Reads one HTTP/1 response from bytes as they arrive: content-length, chunked and until-close bodies.
//!
//! Pure: no socket. Feed it what the socket gave with [`ResponseReader::feed`], then look at the answer. What arrives is
//! hostile until proven otherwise: every size is bounded and nothing is indexed.

use std::mem;

/// Longest head (status line and headers), and longest trailer part. Twice what nginx sends at most by default.
pub(crate) const HEAD_MAX_BYTES: usize = 16 * 1024;
/// Most headers in one head; a response of the order service has six.
const HEADERS_MAX: usize = 64;
/// Longest chunk-size line with its extensions.
const CHUNK_LINE_MAX_BYTES: usize = 256;
/// Largest body read before the answer counts as bad. An order with a hundred items is about 8 KiB.
pub(crate) const BODY_MAX_BYTES: u64 = 4 * 1024 * 1024;
/// How much of the body is kept for the caller; the rest is counted and dropped.
pub(crate) const BODY_KEPT_BYTES: usize = 16 * 1024;

/// Bytes that are no HTTP/1 response within our limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("response head is not HTTP/1")]
    Head,
    #[error("response head is larger than {HEAD_MAX_BYTES} bytes")]
    HeadTooLarge,
    #[error("content-length is not one number")]
    ContentLength,
    #[error("transfer-encoding is not chunked")]
    TransferEncoding,
    #[error("chunk framing is broken")]
    Chunk,
    #[error("response body is larger than {BODY_MAX_BYTES} bytes")]
    BodyTooLarge,
}

/// Where in the response the next byte belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Head,
    Length { left: u64 },
    UntilClose,
    ChunkSize,
    ChunkData { left: u64 },
    ChunkEnd,
    Trailers { seen: usize },
    Done,
}

/// What the head says of the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    bytes: usize,
    status: u16,
    body: State,
    keep_alive: bool,
}

/// Collects one response; [`ResponseReader::reset`] makes it ready for the next.
#[derive(Debug)]
pub(crate) struct ResponseReader {
    state: State,
    /// Bytes that don't yet make a whole element. Bounded: see `feed`.
    pending: Vec<u8>,
    body: Vec<u8>,
    body_bytes: u64,
    status: u16,
    keep_alive: bool,
}

impl ResponseReader {
    pub(crate) fn new() -> Self {
        Self {
            state: State::Head,
            pending: Vec::new(),
            body: Vec::new(),
            body_bytes: 0,
            status: 0,
            keep_alive: false,
        }
    }

    /// Forgets the last response, keeps the memory.
    pub(crate) fn reset(&mut self) {
        self.state = State::Head;
        self.pending.clear();
        self.body.clear();
        self.body_bytes = 0;
        self.status = 0;
        self.keep_alive = false;
    }

    /// Takes the next bytes from the socket. `Ok(true)` when the response is whole.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<bool, Malformed> {
        // The usual answer comes in one piece; then nothing is copied but the body.
        if self.pending.is_empty() {
            let used = self.advance(bytes)?;
            self.pending.extend_from_slice(bytes.get(used..).unwrap_or_default());
        } else {
            let mut pending = mem::take(&mut self.pending);
            pending.extend_from_slice(bytes);
            let used = self.advance(&pending)?;
            pending.drain(..used);
            self.pending = pending;
        }
        if self.is_done() && !self.pending.is_empty() {
            // Bytes nobody asked for: the next answer on this connection could not be trusted.
            self.keep_alive = false;
        }
        Ok(self.is_done())
    }

    /// The peer closed. `true` when the response is whole all the same, as a body without a length is.
    pub(crate) fn close(&mut self) -> bool {
        if self.state == State::UntilClose {
            self.state = State::Done;
        }
        self.is_done()
    }

    fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Status of the answer, once its head is read.
    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    /// The first [`BODY_KEPT_BYTES`] of the body.
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    /// Whether the connection may carry another request.
    pub(crate) fn keep_alive(&self) -> bool {
        self.keep_alive && self.is_done()
    }

    /// Goes as far as `input` allows and says how many bytes of it are used up.
    fn advance(&mut self, input: &[u8]) -> Result<usize, Malformed> {
        let mut used = 0;
        while !self.is_done() {
            let rest = input.get(used..).unwrap_or_default();
            match self.step(rest)? {
                Some(bytes) => used += bytes,
                None => break,
            }
        }
        Ok(used)
    }

    /// One element of the response; `None` when it isn't whole yet.
    fn step(&mut self, rest: &[u8]) -> Result<Option<usize>, Malformed> {
        match self.state {
            State::Head => self.read_head(rest),
            State::Length { left } => self.read_data(rest, left, |left| State::Length { left }, State::Done),
            State::UntilClose => self.read_data(rest, u64::MAX, |_| State::UntilClose, State::UntilClose),
            State::ChunkSize => self.read_chunk_size(rest),
            State::ChunkData { left } => {
                self.read_data(rest, left, |left| State::ChunkData { left }, State::ChunkEnd)
            }
            State::ChunkEnd => self.read_chunk_end(rest),
            State::Trailers { seen } => self.read_trailer(rest, seen),
            State::Done => Ok(None),
        }
    }

    fn read_head(&mut self, rest: &[u8]) -> Result<Option<usize>, Malformed> {
        let Some(head) = parse_head(rest)? else { return Ok(None) };
        if (100..200).contains(&head.status) && head.status != 101 {
            return Ok(Some(head.bytes)); // An interim answer; the real one follows.
        }
        self.status = head.status;
        self.keep_alive = head.keep_alive;
        self.state = head.body;
        Ok(Some(head.bytes))
    }

    /// Body bytes, at most `left`; then on to `partly(what is left)` or, at the end, `finished`.
    fn read_data(
        &mut self,
        rest: &[u8],
        left: u64,
        partly: fn(u64) -> State,
        finished: State,
    ) -> Result<Option<usize>, Malformed> {
        let take = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
        if take == 0 && left > 0 {
            return Ok(None);
        }
        let data = rest.get(..take).unwrap_or_default();
        self.body_bytes += take as u64;
        if self.body_bytes > BODY_MAX_BYTES {
            return Err(Malformed::BodyTooLarge);
        }
        let room = BODY_KEPT_BYTES.saturating_sub(self.body.len());
        self.body.extend_from_slice(data.get(..room.min(take)).unwrap_or_default());
        let left = left - take as u64;
        self.state = if left == 0 { finished } else { partly(left) };
        Ok(Some(take))
    }

    fn read_chunk_size(&mut self, rest: &[u8]) -> Result<Option<usize>, Malformed> {
        match httparse::parse_chunk_size(rest) {
            Ok(httparse::Status::Complete((_, size))) if size > BODY_MAX_BYTES => {
                Err(Malformed::BodyTooLarge)
            }
            Ok(httparse::Status::Complete((bytes, 0))) => {
                self.state = State::Trailers { seen: 0 };
                Ok(Some(bytes))
            }
            Ok(httparse::Status::Complete((bytes, size))) => {
                self.state = State::ChunkData { left: size };
                Ok(Some(bytes))
            }
            Ok(httparse::Status::Partial) if rest.len() <= CHUNK_LINE_MAX_BYTES => Ok(None),
            Ok(httparse::Status::Partial) | Err(_) => Err(Malformed::Chunk),
        }
    }

    fn read_chunk_end(&mut self, rest: &[u8]) -> Result<Option<usize>, Malformed> {
        match rest {
            [b'\r', b'\n', ..] => {
                self.state = State::ChunkSize;
                Ok(Some(2))
            }
            [] | [b'\r'] => Ok(None),
            _ => Err(Malformed::Chunk),
        }
    }

    /// One trailer line, thrown away; the empty line ends the response.
    fn read_trailer(&mut self, rest: &[u8], seen: usize) -> Result<Option<usize>, Malformed> {
        let end = rest.iter().position(|&byte| byte == b'\n');
        let line_bytes = end.map_or(rest.len(), |at| at + 1);
        if seen + line_bytes > HEAD_MAX_BYTES {
            return Err(Malformed::HeadTooLarge);
        }
        if end.is_none() {
            return Ok(None);
        }
        let is_last = matches!(rest.get(..line_bytes), Some(b"\r\n" | b"\n"));
        self.state = if is_last { State::Done } else { State::Trailers { seen: seen + line_bytes } };
        Ok(Some(line_bytes))
    }
}

/// The head at the start of `bytes`, or `None` while it isn't whole.
fn parse_head(bytes: &[u8]) -> Result<Option<Head>, Malformed> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let head_bytes = match response.parse(bytes) {
        Ok(httparse::Status::Complete(head_bytes)) if head_bytes <= HEAD_MAX_BYTES => head_bytes,
        Ok(httparse::Status::Partial) if bytes.len() <= HEAD_MAX_BYTES => return Ok(None),
        Ok(_) => return Err(Malformed::HeadTooLarge),
        Err(httparse::Error::TooManyHeaders) => return Err(Malformed::HeadTooLarge),
        Err(_) => return Err(Malformed::Head),
    };
    let status = response.code.ok_or(Malformed::Head)?;
    let mut keep_alive = response.version == Some(1);
    let (mut length, mut chunked) = (None, false);
    for header in response.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            length = Some(content_length(header.value, length)?);
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            if !header.value.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                return Err(Malformed::TransferEncoding);
            }
            chunked = true;
        } else if header.name.eq_ignore_ascii_case("connection") {
            keep_alive = connection_stays(header.value, keep_alive);
        }
    }
    let body = match length {
        _ if matches!(status, 204 | 304) || status < 200 => State::Done,
        // RFC 9112 6.3: transfer-encoding overrides content-length.
        _ if chunked => State::ChunkSize,
        Some(0) => State::Done,
        Some(length) if length > BODY_MAX_BYTES => return Err(Malformed::BodyTooLarge),
        Some(left) => State::Length { left },
        None => State::UntilClose,
    };
    Ok(Some(Head { bytes: head_bytes, status, body, keep_alive: keep_alive && body != State::UntilClose }))
}

/// A second content-length must say the same as the first (RFC 9112 6.3).
fn content_length(value: &[u8], earlier: Option<u64>) -> Result<u64, Malformed> {
    let digits = value.trim_ascii();
    // `parse` would take a leading plus sign, the grammar doesn't.
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(Malformed::ContentLength);
    }
    let length = std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok());
    match (length, earlier) {
        (Some(length), Some(earlier)) if length != earlier => Err(Malformed::ContentLength),
        (Some(length), _) => Ok(length),
        (None, _) => Err(Malformed::ContentLength),
    }
}

fn connection_stays(value: &[u8], by_version: bool) -> bool {
    let has = |word: &[u8]| {
        value.split(|&byte| byte == b',').any(|part| part.trim_ascii().eq_ignore_ascii_case(word))
    };
    !has(b"close") && (by_version || has(b"keep-alive"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Feeds `text` in pieces of `piece` bytes and returns the reader with whether it was whole.
    fn read(text: &[u8], piece: usize) -> Result<(ResponseReader, bool), Malformed> {
        let mut reader = ResponseReader::new();
        let mut done = false;
        for part in text.chunks(piece.max(1)) {
            done = reader.feed(part)?;
        }
        Ok((reader, done))
    }

    fn check(text: &str, status: u16, body: &str, keep_alive: bool) {
        for piece in [1, 2, 3, 7, 1000] {
            let (mut reader, done) = read(text.as_bytes(), piece).expect("a good response");
            assert!(done || reader.close(), "{text:?} in pieces of {piece}");
            assert_eq!(reader.status(), status, "{text:?}");
            assert_eq!(String::from_utf8_lossy(reader.body()), body, "{text:?} in pieces of {piece}");
            assert_eq!(reader.keep_alive(), keep_alive, "{text:?}");
        }
    }

    #[test]
    fn reads_every_kind_of_body() {
        check("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", true);
        check("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 200, "", true);
        check("HTTP/1.1 204 No Content\r\n\r\n", 204, "", true);
        check("HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, "until the end", false);
        check("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab", 200, "ab", false);
        check("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nab", 200, "ab", true);
        check("HTTP/1.1 500 X\r\nConnection: close\r\nContent-Length: 1\r\n\r\n!", 500, "!", false);
        check(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\nx",
            201,
            "x",
            true,
        );
    }

    #[test]
    fn reads_chunked_bodies() {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        check(&format!("{head}5\r\nhello\r\n0\r\n\r\n"), 200, "hello", true);
        check(
            &format!("{head}1;a=b\r\nh\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"),
            200,
            "h0123456789",
            true,
        );
        check(&format!("{head}0\r\n\r\n"), 200, "", true);
    }

    #[test]
    fn bytes_after_the_end_forbid_reuse() {
        let (reader, done) = read(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab", 1000).expect("whole");
        assert!(done && !reader.keep_alive());
    }

    #[test]
    fn a_cut_response_is_not_whole() {
        for text in ["", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell"] {
            let (mut reader, done) = read(text.as_bytes(), 4).expect("good so far");
            assert!(!done && !reader.close(), "{text:?}");
        }
        let (mut reader, _) = read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 4)
            .expect("good so far");
        assert!(!reader.close());
    }

    #[test]
    fn refuses_what_is_no_response() {
        let cases: [(&str, Malformed); 9] = [
            ("SSH-2.0-OpenSSH\r\n", Malformed::Head),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", Malformed::ContentLength),
            ("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", Malformed::ContentLength),
            ("HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n", Malformed::ContentLength),
            ("HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", Malformed::ContentLength),
            ("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", Malformed::BodyTooLarge),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", Malformed::TransferEncoding),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Malformed::Chunk),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc", Malformed::Chunk),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text.as_bytes(), 1000).map(|_| ()), Err(expected), "{text:?}");
        }
    }

    #[test]
    fn endless_heads_lines_and_bodies_are_refused() {
        let endless_head = [b"HTTP/1.1 200 OK\r\nX: ".as_slice(), &vec![b'a'; 2 * HEAD_MAX_BYTES]].concat();
        assert_eq!(read(&endless_head, 1000).map(|_| ()), Err(Malformed::HeadTooLarge));
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".as_slice();
        let endless_line = [chunked, b"1;", &vec![b'a'; 1000]].concat();
        assert_eq!(read(&endless_line, 100).map(|_| ()), Err(Malformed::Chunk));
        let endless_trailer = [chunked, b"0\r\nX: ", &vec![b'a'; 2 * HEAD_MAX_BYTES]].concat();
        assert_eq!(read(&endless_trailer, 1000).map(|_| ()), Err(Malformed::HeadTooLarge));
        let endless_body = [b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &vec![b'a'; 5 * 1024 * 1024]].concat();
        assert_eq!(read(&endless_body, 65536).map(|_| ()), Err(Malformed::BodyTooLarge));
    }

    #[test]
    fn a_long_body_is_counted_and_not_kept() {
        let text =
            [b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n".as_slice(), &vec![b'a'; 100_000]].concat();
        let (reader, done) = read(&text, 5000).expect("whole");
        assert!(done);
        assert_eq!((reader.body().len(), reader.body_bytes), (BODY_KEPT_BYTES, 100_000));
    }

    proptest! {
        #[test]
        fn never_panics_and_stays_bounded(bytes in proptest::collection::vec(any::<u8>(), 0..4096), piece in 1usize..500) {
            let mut reader = ResponseReader::new();
            for part in bytes.chunks(piece) {
                if reader.feed(part).is_err() { break; }
                prop_assert!(reader.pending.len() <= HEAD_MAX_BYTES + piece);
            }
            reader.close();
        }

        #[test]
        fn never_panics_behind_a_chunked_head(bytes in "[0-9a-f\r\n; ]{0,200}", piece in 1usize..50) {
            let text = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{bytes}");
            let mut reader = ResponseReader::new();
            for part in text.as_bytes().chunks(piece) {
                if reader.feed(part).is_err() { break; }
                prop_assert!(reader.body().len() <= text.len());
            }
        }

        /// What is written in chunks of any sizes and arrives in pieces of any size is read as it was.
        #[test]
        fn chunked_and_plain_read_the_same(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..300), 0..8),
            piece in 1usize..400,
        ) {
            let body: Vec<u8> = chunks.concat();
            let mut chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            for chunk in &chunks {
                chunked.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                chunked.extend_from_slice(chunk);
                chunked.extend_from_slice(b"\r\n");
            }
            chunked.extend_from_slice(b"0\r\n\r\n");
            let mut plain = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
            plain.extend_from_slice(&body);
            for text in [chunked, plain] {
                let (reader, done) = read(&text, piece).expect("a good response");
                prop_assert!(done && reader.keep_alive());
                prop_assert_eq!(reader.body(), body.as_slice());
            }
        }
    }
}
