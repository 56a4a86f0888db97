//! Loki's push in protobuf, in a snappy block: what Promtail and its kin send, and what our own agent sends.

use model::{Labels, LogEntry, TimestampNs};
use prost::Message;
use storage::StreamPush;

use crate::{Decoded, WireError, format_labels, parse_labels};

const NS_PER_S: i64 = 1_000_000_000;

#[derive(Clone, PartialEq, Message)]
struct PushRequest {
    #[prost(message, repeated, tag = "1")]
    streams: Vec<Stream>,
}

#[derive(Clone, PartialEq, Message)]
struct Stream {
    #[prost(bytes = "vec", tag = "1")]
    labels: Vec<u8>,
    #[prost(message, repeated, tag = "2")]
    entries: Vec<Entry>,
}

/// Texts are read as bytes: a line that is no UTF-8 shall not cost its sender the whole push.
#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(message, optional, tag = "1")]
    timestamp: Option<Timestamp>,
    #[prost(bytes = "vec", tag = "2")]
    line: Vec<u8>,
    #[prost(message, repeated, tag = "3")]
    metadata: Vec<Pair>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Timestamp {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Pair {
    #[prost(bytes = "vec", tag = "1")]
    name: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// Reads a body; `max_bytes` holds for what the snappy block says it holds.
///
/// # Errors
/// [`WireError::Compression`], [`WireError::TooLarge`], [`WireError::Protobuf`]: nothing of it is to be taken.
pub fn read(bytes: &[u8], max_bytes: usize) -> Result<Decoded, WireError> {
    let broken = |error: snap::Error| {
        let text = error.to_string();
        let cause = text.strip_prefix("snappy: ").unwrap_or(&text).to_owned();
        WireError::Compression { format: "snappy", cause }
    };
    if snap::raw::decompress_len(bytes).map_err(broken)? > max_bytes {
        return Err(WireError::TooLarge { max_bytes });
    }
    let bytes = snap::raw::Decoder::new().decompress_vec(bytes).map_err(broken)?;
    let request = PushRequest::decode(bytes.as_slice())?;
    let mut decoded = Decoded::default();
    let no_metadata = Labels::empty();
    for stream in request.streams {
        let text = text(stream.labels);
        match parse_labels(&text) {
            Ok(labels) => {
                let entries = stream.entries.into_iter().map(|entry| entry_of(entry, &no_metadata)).collect();
                decoded.streams.push(StreamPush { labels, entries });
            }
            Err(error) => {
                let bytes = stream.entries.iter().map(|entry| entry.line.len()).sum();
                decoded.refuse_labels(&text, &error, stream.entries.len(), bytes);
            }
        }
    }
    Ok(decoded)
}

/// The body that [`read`] and any Loki read, for `Content-Type: application/x-protobuf`.
pub fn encode(streams: &[StreamPush]) -> Vec<u8> {
    let streams = streams.iter().map(|stream| Stream {
        labels: format_labels(&stream.labels).into_bytes(),
        entries: stream.entries.iter().map(entry_from).collect(),
    });
    let bytes = PushRequest { streams: streams.collect() }.encode_to_vec();
    snap::raw::Encoder::new().compress_vec(&bytes).expect("a push is below the four gigabytes of a block")
}

fn entry_of(entry: Entry, no_metadata: &Labels) -> LogEntry {
    let at = entry.timestamp.unwrap_or_default();
    let at = at.seconds.saturating_mul(NS_PER_S).saturating_add(i64::from(at.nanos));
    let metadata = match entry.metadata.is_empty() {
        true => no_metadata.clone(),
        false => {
            Labels::from_pairs(entry.metadata.into_iter().map(|pair| (text(pair.name), text(pair.value))))
        }
    };
    LogEntry { at: TimestampNs(at), line: text(entry.line), metadata }
}

fn entry_from(entry: &LogEntry) -> Entry {
    let (seconds, nanos) = (entry.at.0.div_euclid(NS_PER_S), entry.at.0.rem_euclid(NS_PER_S) as i32);
    let pair = |(name, value): (&str, &str)| Pair { name: name.into(), value: value.into() };
    Entry {
        timestamp: Some(Timestamp { seconds, nanos }),
        line: entry.line.clone().into_bytes(),
        metadata: entry.metadata.iter().map(pair).collect(),
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn streams() -> Vec<StreamPush> {
        let entry = |at, line: &str, metadata: &[(&str, &str)]| LogEntry {
            at: TimestampNs(at),
            line: line.to_owned(),
            metadata: Labels::from_pairs(metadata.iter().copied()),
        };
        let labels = Labels::from_pairs([("job", "a\"b"), ("host", "h")]);
        let entries =
            vec![entry(-1, "before", &[]), entry(1_700_000_000_123_456_789, "é\n", &[("trace_id", "7")])];
        vec![StreamPush { labels, entries }, StreamPush { labels: Labels::empty(), entries: vec![] }]
    }

    #[test]
    fn what_is_written_reads_back() {
        let decoded = read(&encode(&streams()), 1000).unwrap();
        assert_eq!((decoded.streams, decoded.refused), (streams(), vec![]));
    }

    #[test]
    fn the_bytes_are_those_of_the_schema() {
        let one = StreamPush {
            labels: Labels::from_pairs([("a", "b")]),
            entries: vec![LogEntry {
                at: TimestampNs(2_000_000_003),
                line: "x".into(),
                metadata: Labels::empty(),
            }],
        };
        let bytes = snap::raw::Decoder::new().decompress_vec(&encode(&[one])).unwrap();
        assert_eq!(bytes, b"\x0a\x14\x0a\x07{a=\"b\"}\x12\x09\x0a\x04\x08\x02\x10\x03\x12\x01x");
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let sound = encode(&streams());
        assert_eq!(read(&sound, 10), Err(WireError::TooLarge { max_bytes: 10 }));
        assert!(matches!(
            read(b"{\"streams\"", 1 << 20),
            Err(WireError::TooLarge { .. } | WireError::Compression { .. })
        ));
        let no_message = snap::raw::Encoder::new().compress_vec(b"{\"streams\":[]}").unwrap();
        assert!(matches!(read(&no_message, 1000), Err(WireError::Protobuf(_))));
    }

    #[test]
    fn bytes_that_are_no_text_and_wrong_labels_cost_little() {
        let entry = Entry { timestamp: None, line: b"x\xff".to_vec(), metadata: vec![] };
        let stream = |labels: &[u8]| Stream { labels: labels.to_vec(), entries: vec![entry.clone()] };
        let request = PushRequest { streams: vec![stream(b"{a=\"b\"}"), stream(b"{a")] };
        let bytes = snap::raw::Encoder::new().compress_vec(&request.encode_to_vec()).unwrap();
        let decoded = read(&bytes, 1000).unwrap();
        assert_eq!(decoded.streams[0].entries[0].line, "x\u{fffd}");
        assert_eq!(
            decoded.refused[0].message,
            "error parsing labels '{a' with error: col 3: unexpected end: a name is followed by ="
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(read(&bytes, 1 << 16));
            let block = snap::raw::Encoder::new().compress_vec(&bytes).unwrap();
            drop(read(&block, 1 << 16));
        }
    }
}
