//! Logs in and out: pushes of lines by stream, and parts of streams as columns.
//!
//! A stream is what one label set names. A store keeps its lines in parts that don't overlap in time, so that a reader
//! can go through them forwards or backwards and leave the rest alone, and read several at once.

use std::sync::Arc;

use model::{Labels, LogEntry, Matcher, TimestampNs};

use crate::QueryError;

/// Lines of one stream, as one push brings them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamPush {
    /// The stream's labels, complete.
    pub labels: Labels,
    /// Its lines, in any order.
    pub entries: Vec<LogEntry>,
}

/// Why some lines of a push were left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRefusal {
    /// The limit or rule, one word in snake case as Loki counts it (`line_too_long`).
    pub reason: &'static str,
    /// For whoever pushed: which stream, which line, which limit.
    pub message: String,
    /// How many lines.
    pub lines: usize,
    /// How many bytes of lines.
    pub bytes: usize,
}

/// What became of a push that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PushReport {
    /// Lines that are now durable by the store's sync policy.
    pub stored: usize,
    /// Lines that were there already: same stream, moment, text and metadata.
    pub repeated: usize,
    /// Lines left out, by reason; the others are stored all the same.
    pub refused: Vec<LogRefusal>,
}

/// Why nothing of a push was taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogAppendError {
    /// Too much at once: the same push may be taken later. The refusal names the limit.
    #[error("{}", .0.message)]
    RateLimited(LogRefusal),
    /// The store takes nothing now: disk full, failed sync, shutting down. The text says which.
    #[error("{0}")]
    Unavailable(String),
}

/// A store that takes lines.
pub trait LogAppend: Send + Sync {
    /// Writes the log, then applies to memory, then returns: what this has acknowledged survives `kill -9`.
    ///
    /// # Errors
    /// See [`LogAppendError`].
    fn push(&self, streams: &[StreamPush]) -> Result<PushReport, LogAppendError>;
}

/// A span of time, its end outside, as queries over lines have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NsRange {
    /// First moment inside.
    pub from: TimestampNs,
    /// First moment after it.
    pub until: TimestampNs,
}

impl NsRange {
    /// Whether `at_ns` lies inside.
    pub fn contains(&self, at_ns: i64) -> bool {
        self.from.0 <= at_ns && at_ns < self.until.0
    }
}

/// Which streams, and of what time.
#[derive(Debug, Clone)]
pub struct LogSelection<'a> {
    /// All must hold.
    pub matchers: &'a [Matcher],
    /// Only streams with a line in this span need be found; more may be.
    pub range: NsRange,
    /// Refuse beyond this many streams.
    pub streams_max: usize,
}

/// Sums over a selection, as an index knows them: a part that lies only partly in the span counts whole or by its share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogStats {
    /// Streams.
    pub streams: u64,
    /// Parts.
    pub chunks: u64,
    /// Lines.
    pub entries: u64,
    /// Bytes of lines, as they were sent.
    pub bytes: u64,
}

/// A store of lines that can be asked. Calls are synchronous and may take long: call them off the async threads.
pub trait LogQuery: Send + Sync {
    /// Finds streams, ordered by labels. The answer holds what it needs to stay valid while the store goes on.
    ///
    /// # Errors
    /// See [`QueryError`].
    fn select(&self, selection: &LogSelection<'_>) -> Result<Box<dyn StreamSet>, QueryError>;

    /// Names of all labels of the streams selected, sorted.
    ///
    /// # Errors
    /// See [`QueryError`].
    fn label_names(&self, selection: &LogSelection<'_>) -> Result<Vec<String>, QueryError>;

    /// Values that the label `name` takes on the streams selected, sorted.
    ///
    /// # Errors
    /// See [`QueryError`].
    fn label_values(&self, name: &str, selection: &LogSelection<'_>) -> Result<Vec<String>, QueryError>;

    /// Time of the oldest and the newest line kept; `None` while empty.
    fn time_span(&self) -> Option<(TimestampNs, TimestampNs)>;

    /// From now on tells `follower` of each line stored in a stream that satisfies all matchers, for as long as the
    /// caller keeps the [`Arc`]: the store holds it weakly.
    fn follow(&self, matchers: &[Matcher], follower: &Arc<dyn LogFollow>);
}

/// Someone who is told of lines as they are stored.
pub trait LogFollow: Send + Sync {
    /// Called in the middle of a push: must neither block nor fail. Who can't keep up drops lines and counts them.
    fn stored(&self, stream: &Labels, entries: &[LogEntry]);
}

/// Streams that a selection found. Methods may be called from several threads at once.
pub trait StreamSet: Send + Sync {
    /// How many streams.
    fn len(&self) -> usize;

    /// True when nothing was found.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The labels of stream `i`.
    fn labels(&self, i: usize) -> &Labels;

    /// The parts of stream `i` that share a moment with the selection's span, in order of time; no two share a moment.
    fn parts(&self, i: usize) -> &[PartInfo];

    /// Reads part `part` of stream `i`, replacing what `out` held; lines outside the selection's span are left out, and lines
    /// without any of the needles may be. Answers how many bytes of lines were decompressed; 0 when the part could be skipped.
    ///
    /// # Errors
    /// [`QueryError::Damaged`], [`QueryError::Unavailable`].
    fn read(
        &self,
        i: usize,
        part: usize,
        needles: &Needles,
        out: &mut LineBatch,
    ) -> Result<usize, QueryError>;
}

/// What is known of a part without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartInfo {
    /// Moment of its first line.
    pub first: TimestampNs,
    /// Moment of its last line.
    pub last: TimestampNs,
    /// Lines.
    pub lines: usize,
    /// Bytes of lines.
    pub bytes: usize,
}

/// Texts of which a line must contain one of each group, byte for byte: a hint by which a store skips parts. No group,
/// nothing is skipped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Needles {
    /// A line must contain at least one text of each of these.
    pub groups: Vec<Vec<String>>,
}

/// Lines of one part as columns of one length, sorted by time (lines of one moment in the order of their arrival).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineBatch {
    /// When.
    pub times_ns: Vec<i64>,
    /// All lines, each followed by `\n` (which a line may contain itself: use `ends`).
    pub text: String,
    /// Where in `text` each line ends, before its `\n`.
    pub ends: Vec<usize>,
    /// Sets of structured metadata that lines have.
    pub sets: Vec<Labels>,
    /// Which of these each line has: 0 none, 1 the first; empty as a whole when no line has any.
    pub places: Vec<u32>,
}

/// With so many of the sets before a line's own is compared when it is added: lines mostly have the same as one just before.
const SETS_COMPARED: usize = 4;

impl LineBatch {
    /// Empties all columns and keeps their memory.
    pub fn clear(&mut self) {
        self.times_ns.clear();
        self.text.clear();
        self.ends.clear();
        self.sets.clear();
        self.places.clear();
    }

    /// How many lines.
    pub fn len(&self) -> usize {
        self.times_ns.len()
    }

    /// True when there is no line.
    pub fn is_empty(&self) -> bool {
        self.times_ns.is_empty()
    }

    /// Adds one line at the end.
    pub fn push(&mut self, at: TimestampNs, line: &str, metadata: &Labels) {
        if !metadata.is_empty() && self.places.is_empty() {
            self.places.resize(self.len(), 0);
        }
        if !metadata.is_empty() || !self.places.is_empty() {
            let place = self.place(metadata);
            self.places.push(place);
        }
        self.times_ns.push(at.0);
        self.text.push_str(line);
        self.ends.push(self.text.len());
        self.text.push('\n');
    }

    fn place(&mut self, set: &Labels) -> u32 {
        if set.is_empty() {
            return 0;
        }
        let latest = self.sets.iter().enumerate().rev().take(SETS_COMPARED);
        let known = latest.into_iter().find(|(_, other)| *other == set).map(|(at, _)| at);
        let at = known.unwrap_or_else(|| {
            self.sets.push(set.clone());
            self.sets.len() - 1
        });
        at as u32 + 1
    }

    /// The text of line `i`.
    ///
    /// # Panics
    /// When there is no such line.
    pub fn line(&self, i: usize) -> &str {
        let start = i.checked_sub(1).map_or(0, |before| self.ends[before] + 1);
        &self.text[start..self.ends[i]]
    }

    /// The structured metadata of line `i`, if it has any.
    pub fn metadata(&self, i: usize) -> Option<&Labels> {
        let place = self.places.get(i)?.checked_sub(1)?;
        self.sets.get(place as usize).filter(|set| !set.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_gives_back_lines_with_breaks_and_without_text() {
        let mut batch = LineBatch::default();
        let trace = Labels::from_pairs([("trace_id", "7")]);
        batch.push(TimestampNs(1), "a\nb", &Labels::empty());
        batch.push(TimestampNs(2), "", &trace);
        batch.push(TimestampNs(3), "c", &Labels::empty());
        assert_eq!((batch.line(0), batch.line(1), batch.line(2)), ("a\nb", "", "c"));
        assert_eq!((batch.metadata(0), batch.metadata(1), batch.metadata(2)), (None, Some(&trace), None));
    }

    #[test]
    fn the_end_of_a_span_lies_outside() {
        let span = NsRange { from: TimestampNs(1), until: TimestampNs(3) };
        assert_eq!([0, 1, 2, 3].map(|at| span.contains(at)), [false, true, true, false]);
    }
}
