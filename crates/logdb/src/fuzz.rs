//! Doors for fuzz targets into readers that nobody outside sees otherwise. Each takes any bytes and must not panic, hang or
//! take memory out of proportion.

use model::Labels;
use storage::LineBatch;

use crate::buffer::Buffer;
use crate::chunk::{self, Head};
use crate::{codec, delete, record};

/// A record of the log, and the chunk in it.
pub fn record(bytes: &[u8]) {
    if let Some(record::Record::Chunk(_, bytes)) = record::read(bytes, &Labels::empty()) {
        chunk(bytes);
    }
}

/// A chunk, with the sums as they are and put right.
pub fn chunk(bytes: &[u8]) {
    for bytes in [bytes.to_vec(), chunk::resealed(bytes)] {
        let Ok(head) = Head::read(&bytes) else { continue };
        if let Ok(filter) = head.filter(&bytes) {
            filter.may_contain("GET /api/order");
        }
        let mut out = LineBatch::default();
        if head.lines(&bytes, &mut out).is_ok() {
            let texts: usize = (0..out.len()).map(|i| out.line(i).len()).sum();
            assert_eq!(texts + out.len(), out.text.len(), "lines that are not all of the text");
        }
    }
}

/// The list of deletions, with its sum put right.
pub fn deletes(bytes: &[u8]) {
    let fields = &bytes[..bytes.len().saturating_sub(4)];
    let sealed = [fields, &crc32c::crc32c(fields).to_le_bytes()].concat();
    drop((delete::read(bytes), delete::read(&sealed)));
}

/// Chunks to begin with.
pub fn chunk_seeds() -> Vec<Vec<u8>> {
    let id = |i: i64| Labels::from_pairs([("id", (i % 3).to_string())]);
    let kinds: [(i64, fn(i64) -> String); 3] = [
        (1, |_| String::new()),
        (50, |i| format!("GET /api/order/{i} 200")),
        (5, |i| "é\n".repeat(i as usize)),
    ];
    let encode = |(count, line): (i64, fn(i64) -> String)| {
        let mut buffer = Buffer::default();
        (0..count).for_each(|i| buffer.add(i * 1000, &line(i), &id(i)));
        chunk::encode(&buffer).1
    };
    kinds.into_iter().map(encode).collect()
}

/// Records to begin with: lines, and a chunk.
pub fn record_seeds() -> Vec<Vec<u8>> {
    let mut buffer = Buffer::default();
    let labels = Labels::from_pairs([("job", "a"), ("host", "h")]);
    (0..20).for_each(|i| buffer.add(i, "a line", &labels));
    let none = Labels::empty();
    let (mut lines, mut with_chunk) = (Vec::new(), Vec::new());
    record::put_streams(&[(&labels, buffer.lines(&none))], &mut codec::Sets::default(), &mut lines);
    record::put_chunk(&labels, &chunk::encode(&buffer).1, &mut with_chunk);
    vec![lines, with_chunk]
}
