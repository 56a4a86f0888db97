//! Bodies of pushes: what is read must be what was written, when it is written again.

use logwire::{Decoded, Encoding};
use model::{Labels, LogEntry, TimestampNs};
use storage::StreamPush;

const INFLATED_BYTES_MAX: usize = 1 << 20;
const NOW: TimestampNs = TimestampNs(1_700_000_000_000_000_000);

pub(crate) fn json(bytes: &[u8]) {
    if let Ok(decoded) = logwire::read_json(bytes) {
        again(&decoded);
    }
}

/// The message itself: in a block whose sum had to be right hardly any change would be met behind it.
pub(crate) fn protobuf(bytes: &[u8]) {
    for bytes in [bytes.to_vec(), block(bytes)] {
        if let Ok(decoded) = logwire::read_protobuf(&bytes, INFLATED_BYTES_MAX) {
            again(&decoded);
        }
    }
}

pub(crate) fn otlp_json(bytes: &[u8]) {
    if let Ok(decoded) = logwire::otlp::read_json(bytes, NOW) {
        again(&decoded);
    }
}

pub(crate) fn otlp_protobuf(bytes: &[u8]) {
    if let Ok(decoded) = logwire::otlp::read_protobuf(bytes, NOW) {
        again(&decoded);
    }
}

/// Compressed bodies, labels and lines.
pub(crate) fn texts(bytes: &[u8]) {
    for encoding in [Encoding::Gzip, Encoding::Deflate] {
        if let Ok(inflated) = logwire::inflate(encoding, bytes, INFLATED_BYTES_MAX) {
            assert!(inflated.len() <= INFLATED_BYTES_MAX);
        }
    }
    let text = String::from_utf8_lossy(bytes);
    if let Ok(labels) = logwire::parse_labels(&text) {
        assert_eq!(logwire::parse_labels(&logwire::format_labels(&labels)), Ok(labels));
    }
    let none = Labels::empty();
    let levels = logwire::level::Levels::of(&none, &logwire::level::LEVEL_FIELDS);
    assert!(!levels.detect(&none, &text).is_empty());
}

fn again(decoded: &Decoded) {
    let read = logwire::read_protobuf(&logwire::encode(&decoded.streams), usize::MAX).expect("just written");
    // Names of metadata can be any text; those of labels were checked.
    assert_eq!(read.streams.len() + read.refused.len(), decoded.streams.len());
    assert_eq!(read.lines() + read.refused.iter().map(|r| r.lines).sum::<usize>(), decoded.lines());
}

/// A snappy block with these bytes, uncompressed: one literal.
fn block(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    stdx::varint::put_u64(&mut out, bytes.len() as u64);
    for part in bytes.chunks(1 << 16) {
        out.push(61 << 2);
        out.extend_from_slice(&(part.len() as u16).wrapping_sub(1).to_le_bytes());
        out.extend_from_slice(part);
    }
    out
}

pub(crate) fn json_seeds() -> Vec<Vec<u8>> {
    [
        r#"{"streams":[{"stream":{"job":"a","host":"h\u00e9"},"values":[["1700000000000000001","GET / 200"],["2","x\n",{"trace_id":"7"}]]}]}"#,
        r#"{"streams":[{"labels":"{job=\"a\"}","entries":[{"ts":"2023-11-14T22:13:20.000000001Z","line":"x"}]}]}"#,
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}

pub(crate) fn protobuf_seeds() -> Vec<Vec<u8>> {
    let entry = |at, line: &str| LogEntry {
        at: TimestampNs(at),
        line: line.to_owned(),
        metadata: Labels::from_pairs([("trace_id", "7")]),
    };
    let labels = Labels::from_pairs([("job", "a"), ("host", "h")]);
    let push = StreamPush { labels, entries: vec![entry(1, "GET / 200"), entry(-5, "x")] };
    let sound = logwire::encode(&[push]);
    let message = b"\x0a\x14\x0a\x07{a=\"b\"}\x12\x09\x0a\x04\x08\x02\x10\x03\x12\x01x".to_vec();
    vec![sound, message]
}

pub(crate) fn otlp_json_seeds() -> Vec<Vec<u8>> {
    let text = r#"{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"c"}}]},"scopeLogs":[{"scope":{"name":"s"},
        "logRecords":[{"timeUnixNano":"17","severityNumber":9,"body":{"kvlistValue":{"values":[{"key":"a","value":{"arrayValue":{"values":[{"intValue":"7"},
        {"doubleValue":1.5},{"bytesValue":"AQI="}]}}}]}},"traceId":"0102","attributes":[{"key":"k","value":{"boolValue":true}}]}]}]}]}"#;
    vec![text.as_bytes().to_vec()]
}

pub(crate) fn otlp_protobuf_seeds() -> Vec<Vec<u8>> {
    // One resource with one attribute, one scope, one record with a time and a body.
    let record = b"\x09\x01\x00\x00\x00\x00\x00\x00\x00\x10\x09\x2a\x03\x0a\x01x\x4a\x02\x01\x02";
    let within = |tag: u8, parts: &[&[u8]]| -> Vec<u8> {
        let bytes = parts.concat();
        [&[tag, bytes.len() as u8], bytes.as_slice()].concat()
    };
    let attribute = within(0x0a, &[&within(0x0a, &[b"service.name"]), &within(0x12, &[b"\x0a\x01c"])]);
    let resource = within(0x0a, &[&attribute]);
    let scope = within(0x12, &[&within(0x0a, &[b"\x0a\x01s"]), &within(0x12, &[record])]);
    vec![within(0x0a, &[&resource, &scope])]
}

pub(crate) fn text_seeds() -> Vec<Vec<u8>> {
    vec![
        br#"{job="a", b="c\"d\n", e=`f`}"#.to_vec(),
        br#"{"a":{"level":"warn"},"msg":"an \"error\""}"#.to_vec(),
        br#"ts=1 lvl=dbg msg="a b" err"#.to_vec(),
        // "hello" in gzip, stored.
        b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x01\x05\0\xfa\xffhello\x86\xa6\x106\x05\0\0\0".to_vec(),
        b"\x78\x01\x01\x05\0\xfa\xffhello\x06\x2c\x02\x15".to_vec(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_valid() {
        let lines = |decoded: Result<Decoded, logwire::WireError>| decoded.map(|decoded| decoded.lines());
        let all = [
            json_seeds().iter().map(|bytes| lines(logwire::read_json(bytes))).collect::<Vec<_>>(),
            protobuf_seeds().iter().take(1).map(|bytes| lines(logwire::read_protobuf(bytes, 1000))).collect(),
            otlp_json_seeds().iter().map(|bytes| lines(logwire::otlp::read_json(bytes, NOW))).collect(),
            otlp_protobuf_seeds()
                .iter()
                .map(|bytes| lines(logwire::otlp::read_protobuf(bytes, NOW)))
                .collect(),
        ];
        assert_eq!(all, [vec![Ok(2), Ok(1)], vec![Ok(2)], vec![Ok(1)], vec![Ok(1)]]);
        for (encoding, bytes) in [Encoding::Gzip, Encoding::Deflate].into_iter().zip(&text_seeds()[3..]) {
            assert_eq!(logwire::inflate(encoding, bytes, 100), Ok(b"hello".to_vec()));
        }
    }
}
