//! Reading the lines of one chunk, wherever it is.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use model::{Labels, TimestampNs};
use storage::{LineBatch, Needles, QueryError};

use crate::chunk::{Flaw, Head};
use crate::stream::{Chunk, Place};

/// Reads all lines of a chunk, replacing what `out` held.
///
/// # Errors
/// [`QueryError::Damaged`] with the file and the place in it.
pub(crate) fn lines(chunk: &Chunk, out: &mut LineBatch) -> Result<(), QueryError> {
    match (&chunk.place, packed(chunk)?) {
        (Place::Lines(buffer), _) => {
            out.clear();
            let none = Labels::empty();
            buffer.lines(&none).for_each(|(at, line, metadata)| out.push(TimestampNs(at), line, metadata));
            Ok(())
        }
        (_, bytes) => head(chunk, bytes)?.lines(bytes, out).map_err(|flaw| damaged(chunk, flaw)),
    }
}

/// Whether a line of the chunk may contain one of each group of needles; false is certain.
///
/// # Errors
/// As [`lines`].
pub(crate) fn may_contain(chunk: &Chunk, needles: &Needles) -> Result<bool, QueryError> {
    if needles.groups.is_empty() || matches!(chunk.place, Place::Lines(_)) {
        return Ok(true);
    }
    let bytes = packed(chunk)?;
    let filter = head(chunk, bytes)?.filter(bytes).map_err(|flaw| damaged(chunk, flaw))?;
    Ok(needles.groups.iter().all(|group| group.iter().any(|needle| filter.may_contain(needle))))
}

fn packed(chunk: &Chunk) -> Result<&[u8], QueryError> {
    match &chunk.place {
        Place::Lines(_) => Ok(&[]),
        Place::Memory(bytes) => Ok(bytes),
        Place::File(file, span) => {
            let early = Flaw { offset: 0, reason: "the file ends before the chunk" };
            file.chunk(*span).ok_or_else(|| damaged(chunk, early))
        }
    }
}

fn head(chunk: &Chunk, bytes: &[u8]) -> Result<Head, QueryError> {
    let head = Head::read(bytes).map_err(|flaw| damaged(chunk, flaw))?;
    let other = Flaw { offset: 0, reason: "the chunk is not the one that the directory names" };
    if head.info == chunk.info { Ok(head) } else { Err(damaged(chunk, other)) }
}

fn damaged(chunk: &Chunk, flaw: Flaw) -> QueryError {
    let place = match &chunk.place {
        Place::File(file, span) => {
            format!("{} at offset {}", file.path.display(), span.offset + flaw.offset as u64)
        }
        Place::Lines(_) | Place::Memory(_) => format!("a chunk in memory at offset {}", flaw.offset),
    };
    QueryError::Damaged(format!("{place}: {}", flaw.reason))
}
