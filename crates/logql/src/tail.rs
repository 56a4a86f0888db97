//! Lines as they arrive, through the stages of a query.
//!
//! The store tells of lines in the middle of a push, so nothing is done there but putting them into a queue; whoever tails
//! takes them out and pays for the stages. When the queue is full the newest lines are left out and counted.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use logstage::{Needed, Row};
use model::{Labels, LogEntry, TimestampNs};
use storage::LogFollow;

use crate::ast::LogExpr;
use crate::engine::ResultStream;
use crate::error::EvalError;
use crate::eval::{LogFilter, collected};

/// Lines that wait for a slow reader: some seconds of a busy service.
pub const WAITING_MAX: usize = 10_000;
/// Bytes of lines that wait.
pub const WAITING_BYTES_MAX: usize = 8 << 20;
/// Left-out lines that are remembered by stream and moment; more are only counted.
const DROPPED_MAX: usize = 100;

/// A query that is asked of each line to come.
pub struct Tailer {
    filter: LogFilter,
    waiting: Mutex<Waiting>,
    wake: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct Waiting {
    lines: VecDeque<(Labels, LogEntry)>,
    bytes: usize,
    dropped: Vec<(Labels, TimestampNs)>,
    dropped_count: u64,
}

/// What has arrived since it was last asked.
#[derive(Debug, Default)]
pub struct Taken {
    /// Lines that passed, by the labels they have in the answer, the oldest first.
    pub streams: Vec<ResultStream>,
    /// Lines that were taken, whether they passed or not.
    pub count: usize,
    /// Stream and moment of lines that were left out because the reader is too slow.
    pub dropped: Vec<(Labels, TimestampNs)>,
    /// How many were left out in all, from the beginning.
    pub dropped_count: u64,
}

impl Taken {
    /// Whether no line waited and none was left out.
    pub fn is_empty(&self) -> bool {
        self.count == 0 && self.dropped.is_empty()
    }
}

impl Tailer {
    /// A query, and whom to wake when lines have arrived.
    ///
    /// # Errors
    /// When a stage makes no sense, which the parser has ruled out.
    pub fn new(query: &LogExpr, wake: impl Fn() + Send + Sync + 'static) -> Result<Self, EvalError> {
        let filter = LogFilter::new(query, None, Needed::All)?;
        Ok(Self { filter, waiting: Mutex::default(), wake: Box::new(wake) })
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the lines that wait, `count` at the most, through the stages.
    pub fn take(&self, count: usize, is_categorized: bool) -> Taken {
        let (lines, dropped, dropped_count) = {
            let mut waiting = self.waiting();
            let count = count.min(waiting.lines.len());
            let lines: Vec<_> = waiting.lines.drain(..count).collect();
            waiting.bytes -= lines.iter().map(|(_, entry)| entry.line.len()).sum::<usize>();
            (lines, std::mem::take(&mut waiting.dropped), waiting.dropped_count)
        };
        let mut passed: BTreeMap<Labels, ResultStream> = BTreeMap::new();
        for (stream, entry) in &lines {
            let metadata = Some(&entry.metadata).filter(|labels| !labels.is_empty());
            let mut row = Row::new(entry.at.0, &entry.line, stream, metadata);
            if self.filter.passes(&mut row) {
                let (labels, entry) = collected(&row, is_categorized);
                let into = passed.entry(labels.clone());
                into.or_insert_with(|| ResultStream { labels, entries: Vec::new() }).entries.push(entry);
            }
        }
        let streams = passed.into_values().map(|mut stream| {
            stream.entries.sort_by_key(|entry| entry.at);
            stream
        });
        Taken { streams: streams.collect(), count: lines.len(), dropped, dropped_count }
    }
}

impl LogFollow for Tailer {
    fn stored(&self, stream: &Labels, entries: &[LogEntry]) {
        {
            let mut waiting = self.waiting();
            for entry in entries {
                let bytes = waiting.bytes + entry.line.len();
                if waiting.lines.len() >= WAITING_MAX || bytes > WAITING_BYTES_MAX {
                    waiting.dropped_count += 1;
                    if waiting.dropped.len() < DROPPED_MAX {
                        waiting.dropped.push((stream.clone(), entry.at));
                    }
                    continue;
                }
                waiting.bytes = bytes;
                waiting.lines.push_back((stream.clone(), entry.clone()));
            }
        }
        (self.wake)();
    }
}
