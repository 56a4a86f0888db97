//! Which lines were there already: a sender that heard no answer sends again, and the store keeps one.
//!
//! A line that is newer than all of its stream repeats nothing, and nearly all are. For the others: lines in buffers are found
//! by their moment; a finished chunk is unpacked once, and what is remembered of it is a number for each line. The numbers are
//! hashes under a key of this process.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use model::{Labels, LogEntry};
use storage::LineBatch;

use crate::head::Head;
use crate::read;
use crate::stream::{Chunk, Stream, StreamState};

/// Chunks of which numbers are remembered: some 40 kB each, of as many as a sender an hour behind at full speed passes in
/// some seconds.
const CHUNKS_MAX: usize = 256;
/// Lines of one moment that are compared one by one; of more, numbers are made once for each push.
const SAME_MOMENT_MAX: usize = 32;

/// Numbers of lines in chunks.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    chunks: HashMap<u64, Vec<u64>>,
    order: VecDeque<u64>,
    lines: LineBatch,
}

/// What one push, or one record of the log, has brought to one stream so far.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    /// Newest line of the stream before.
    before_ns: i64,
    /// Newest line of both.
    pub(crate) newest_ns: i64,
    /// Lines that are no repeats.
    pub(crate) taken: Vec<&'a LogEntry>,
    /// Numbers of the first of those: all, once a line comes that is not newer than what was there.
    numbers: HashSet<u64>,
    numbered: usize,
    /// A moment of which buffers have many lines, and their numbers.
    crowded: Option<(i64, HashSet<u64>)>,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(state: &StreamState) -> Self {
        Self {
            before_ns: state.newest_ns,
            newest_ns: state.newest_ns,
            taken: Vec::new(),
            numbers: HashSet::new(),
            numbered: 0,
            crowded: None,
        }
    }

    fn number_all(&mut self, head: &Head) {
        let new = self.taken.iter().skip(self.numbered);
        self.numbers.extend(new.map(|entry| head.hash(entry.at.0, &entry.line, &entry.metadata)));
        self.numbered = self.taken.len();
    }
}

impl Repeats {
    /// Takes a line, unless it repeats one of the stream or of the batch; whether it was taken.
    pub(crate) fn take<'a>(
        &mut self,
        head: &Head,
        stream: &Stream,
        batch: &mut Batch<'a>,
        entry: &'a LogEntry,
    ) -> bool {
        if entry.at.0 > batch.newest_ns {
            batch.newest_ns = entry.at.0;
            batch.taken.push(entry);
            return true;
        }
        batch.number_all(head);
        let number = head.hash(entry.at.0, &entry.line, &entry.metadata);
        let is_known = batch.numbers.contains(&number)
            || (entry.at.0 <= batch.before_ns && self.is_stored(head, stream, batch, entry, number));
        if !is_known {
            batch.taken.push(entry);
        }
        !is_known
    }

    fn is_stored(
        &mut self,
        head: &Head,
        stream: &Stream,
        batch: &mut Batch<'_>,
        entry: &LogEntry,
        number: u64,
    ) -> bool {
        let at = entry.at.0;
        let chunks: Vec<Chunk> = {
            let state = stream.state();
            if is_in_buffers(head, &state, &mut batch.crowded, entry, number) {
                return true;
            }
            let covers = |chunk: &&Chunk| chunk.info.first_ns <= at && at <= chunk.info.last_ns;
            state.chunks().iter().filter(covers).cloned().collect()
        };
        chunks.iter().any(|chunk| self.numbers(head, chunk).binary_search(&number).is_ok())
    }

    /// Numbers of all lines of a chunk, sorted; none of one that cannot be read.
    fn numbers(&mut self, head: &Head, chunk: &Chunk) -> &[u64] {
        if !self.chunks.contains_key(&chunk.id) {
            let mut numbers = Vec::new();
            if read::lines(chunk, &mut self.lines).is_ok() {
                let (none, lines) = (Labels::empty(), &self.lines);
                let number =
                    |i| head.hash(lines.times_ns[i], lines.line(i), lines.metadata(i).unwrap_or(&none));
                numbers.extend((0..lines.len()).map(number));
            }
            numbers.sort_unstable();
            self.chunks.insert(chunk.id, numbers);
            self.order.push_back(chunk.id);
            if self.order.len() > CHUNKS_MAX
                && let Some(oldest) = self.order.pop_front()
            {
                self.chunks.remove(&oldest);
            }
        }
        self.chunks.get(&chunk.id).map_or(&[], Vec::as_slice)
    }
}

fn is_in_buffers(
    head: &Head,
    state: &StreamState,
    crowded: &mut Option<(i64, HashSet<u64>)>,
    entry: &LogEntry,
    number: u64,
) -> bool {
    let at = entry.at.0;
    let none = Labels::empty();
    let count: usize = state.buffers().map(|buffer| buffer.at(at).len()).sum();
    if count <= SAME_MOMENT_MAX {
        return state.buffers().any(|buffer| {
            let mut same = buffer.at(at);
            same.any(|i| buffer.line(i) == entry.line && *buffer.metadata(i, &none) == entry.metadata)
        });
    }
    if crowded.as_ref().is_none_or(|(moment, _)| *moment != at) {
        let lines = state.buffers().flat_map(|buffer| buffer.at(at).map(move |i| (Arc::clone(buffer), i)));
        let numbers = lines.map(|(buffer, i)| head.hash(at, buffer.line(i), buffer.metadata(i, &none)));
        *crowded = Some((at, numbers.collect()));
    }
    crowded.as_ref().is_some_and(|(_, numbers)| numbers.contains(&number))
}
