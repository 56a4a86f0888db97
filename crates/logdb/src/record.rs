//! Records of the log (docs/formats/logs.md). Each stands for itself: it says the labels of its streams, so that a damaged one
//! costs its own lines and no other.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use model::{Labels, LogEntry};
use stdx::varint::put_u64;

use crate::codec::{Sets, put_labels, put_lines, take_labels, take_len, take_lines};

/// Lines of streams.
const LINES: u8 = 1;
/// A finished chunk of a stream, in a checkpoint.
const CHUNK: u8 = 2;

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Record<'a> {
    /// Lines, by stream.
    Lines(Vec<(Labels, Vec<LogEntry>)>),
    /// A chunk that is in no file yet.
    Chunk(Labels, &'a [u8]),
}

/// Lines of one stream on their way to the log.
pub(crate) type StreamLines<'a, I> = (&'a Labels, I);

/// Writes a record of lines.
pub(crate) fn put_streams<'a, I>(streams: &[StreamLines<'a, I>], sets: &mut Sets, out: &mut Vec<u8>)
where
    I: Iterator<Item = (i64, &'a str, &'a Labels)> + Clone,
{
    out.push(LINES);
    put_u64(out, streams.len() as u64);
    for (labels, lines) in streams {
        put_labels(out, labels);
        put_lines(out, lines.clone(), sets);
    }
}

/// Writes a record of a chunk.
pub(crate) fn put_chunk(labels: &Labels, chunk: &[u8], out: &mut Vec<u8>) {
    out.push(CHUNK);
    put_labels(out, labels);
    out.extend_from_slice(chunk);
}

/// Reads a record; `None` when it makes no sense.
pub(crate) fn read<'a>(bytes: &'a [u8], none: &Labels) -> Option<Record<'a>> {
    let (kind, mut rest) = bytes.split_first()?;
    match *kind {
        LINES => {
            let count = take_len(&mut rest)?;
            let mut streams = Vec::new();
            for _ in 0..count {
                streams.push((take_labels(&mut rest)?, take_lines(&mut rest, none)?));
            }
            rest.is_empty().then_some(Record::Lines(streams))
        }
        CHUNK => {
            let labels = take_labels(&mut rest)?;
            Some(Record::Chunk(labels, rest))
        }
        _ => None,
    }
}
