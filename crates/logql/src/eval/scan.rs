//! Going through parts of streams, line by line.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

use columns::vector::Guard;
use logstage::{Needed, Pipeline, Row, Unwrap};
use model::Labels;
use storage::{LineBatch, LogQuery, LogSelection, Needles, NsRange, PartInfo, StreamSet};

use crate::ast::{LogExpr, UnwrapExpr};
use crate::compile;
use crate::engine::{EngineOptions, Stats};
use crate::error::{EvalError, Limit};

/// After so many lines a worker looks whether to go on.
pub(super) const CHECK_EVERY_LINES: usize = 4096;

/// A part of a stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct PartRef {
    pub(super) stream: usize,
    pub(super) part: usize,
    pub(super) info: PartInfo,
}

/// What was read so far, by all workers.
#[derive(Debug, Default)]
pub(super) struct Counters {
    streams: AtomicU64,
    parts_read: AtomicU64,
    parts_skipped: AtomicU64,
    bytes_read: AtomicU64,
    lines_read: AtomicU64,
    lines_passed: AtomicU64,
    put_off: AtomicU64,
}

impl Counters {
    pub(super) fn stats(&self) -> Stats {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            streams: of(&self.streams),
            parts_read: of(&self.parts_read),
            parts_skipped: of(&self.parts_skipped),
            bytes_read: of(&self.bytes_read),
            lines_read: of(&self.lines_read),
            lines_passed: of(&self.lines_passed),
        }
    }

    /// Counts streams that were found.
    pub(super) fn found(&self, streams: usize) {
        self.streams.fetch_add(streams as u64, Ordering::Relaxed);
    }

    /// Counts a part of which so many bytes were unpacked, and so many lines came out.
    pub(super) fn read(&self, bytes: usize, lines: usize) {
        let is_skipped = bytes == 0 && lines == 0;
        let counter = if is_skipped { &self.parts_skipped } else { &self.parts_read };
        counter.fetch_add(1, Ordering::Relaxed);
        self.bytes_read.fetch_add(bytes as u64, Ordering::Relaxed);
        self.lines_read.fetch_add(lines as u64, Ordering::Relaxed);
    }

    /// Counts lines that passed all stages.
    pub(super) fn passed(&self, lines: u64) {
        self.lines_passed.fetch_add(lines, Ordering::Relaxed);
    }

    /// Counts that a function was put off, to be read by itself.
    pub(super) fn put_off(&self) {
        self.put_off.fetch_add(1, Ordering::Relaxed);
    }

    /// How many functions were put off.
    pub(super) fn put_offs(&self) -> u64 {
        self.put_off.load(Ordering::Relaxed)
    }

    /// Counts parts that nobody had to look at.
    pub(super) fn skipped(&self, parts: usize) {
        self.parts_skipped.fetch_add(parts as u64, Ordering::Relaxed);
    }
}

/// The stages of a selector, made ready.
pub(crate) struct LogFilter {
    pub(super) pipeline: Pipeline,
    pub(super) needles: Needles,
}

impl LogFilter {
    /// Stages of whose fields these are needed behind them.
    ///
    /// # Errors
    /// When a stage makes no sense, which the parser has ruled out.
    pub(crate) fn new(log: &LogExpr, unwrap: Option<&UnwrapExpr>, needed: Needed) -> Result<Self, EvalError> {
        let unwrap = compiled(unwrap)?;
        let stages = compile::stages(log).map_err(|error| EvalError::Invalid(error.to_string()))?;
        let pipeline = Pipeline::new(stages, unwrap.as_ref(), needed);
        let needles = Needles { groups: pipeline.needles() };
        Ok(Self { pipeline, needles })
    }

    /// Takes a line through all stages.
    pub(crate) fn passes<'a>(&'a self, row: &mut Row<'a>) -> bool {
        self.pipeline.run(row)
    }
}

/// An `unwrap`, made ready.
pub(super) fn compiled(unwrap: Option<&UnwrapExpr>) -> Result<Option<Unwrap>, EvalError> {
    unwrap.map(compile::unwrap).transpose().map_err(|error| EvalError::Invalid(error.to_string()))
}

/// Streams that a selector found, and how to go through them.
pub(super) struct Scan<'a> {
    pub(super) set: Box<dyn StreamSet>,
    pub(super) filter: LogFilter,
    pub(super) guard: &'a Guard<'a>,
    pub(super) counters: &'a Counters,
}

impl<'a> Scan<'a> {
    /// Finds streams with lines in `range`.
    pub(super) fn new(
        options: &EngineOptions,
        store: &dyn LogQuery,
        log: &LogExpr,
        filter: LogFilter,
        range: NsRange,
        (guard, counters): (&'a Guard<'a>, &'a Counters),
    ) -> Result<Self, EvalError> {
        let selection = LogSelection { matchers: &log.matchers, range, streams_max: options.streams_max };
        let set = store.select(&selection)?;
        counters.found(set.len());
        Ok(Self { set, filter, guard, counters })
    }

    /// All parts, stream by stream in order of time.
    ///
    /// # Errors
    /// When they hold more bytes than a query may read.
    pub(super) fn parts(&self, options: &EngineOptions) -> Result<Vec<PartRef>, EvalError> {
        let parts = all_parts(self.set.as_ref());
        check_bytes(options, &parts)?;
        Ok(parts)
    }

    /// The labels of a part's stream.
    pub(super) fn labels(&self, part: &PartRef) -> &Labels {
        self.set.labels(part.stream)
    }

    /// Reads a part and shows each of its lines that passes all stages, with its number; from the last on when `is_backward`.
    pub(super) fn visit<'b>(
        &'b self,
        part: &PartRef,
        batch: &'b mut LineBatch,
        is_backward: bool,
        mut visit: impl FnMut(&mut Row<'b>) -> Result<ControlFlow<()>, EvalError>,
    ) -> Result<(), EvalError> {
        self.guard.check()?;
        let bytes = self.set.read(part.stream, part.part, &self.filter.needles, batch)?;
        let batch: &'b LineBatch = batch;
        self.counters.read(bytes, batch.len());
        let mut row = Row::new(0, "", self.labels(part), None);
        let mut passed = 0;
        let mut show = |at: usize| -> Result<ControlFlow<()>, EvalError> {
            row.reset(batch.times_ns[at], batch.line(at), batch.metadata(at));
            if !self.filter.passes(&mut row) {
                return Ok(ControlFlow::Continue(()));
            }
            passed += 1;
            visit(&mut row)
        };
        let result = match self.filter.pipeline.finder() {
            Some(finder) => {
                let found = lines_with(finder, batch);
                self.each(found.len(), is_backward, |i| show(found[i]))
            }
            None => self.each(batch.len(), is_backward, show),
        };
        self.counters.passed(passed);
        result
    }

    fn each(
        &self,
        count: usize,
        is_backward: bool,
        mut show: impl FnMut(usize) -> Result<ControlFlow<()>, EvalError>,
    ) -> Result<(), EvalError> {
        for i in 0..count {
            if i % CHECK_EVERY_LINES == CHECK_EVERY_LINES - 1 {
                self.guard.check()?;
            }
            if show(if is_backward { count - 1 - i } else { i })?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// All parts, stream by stream in order of time.
pub(super) fn all_parts(set: &dyn StreamSet) -> Vec<PartRef> {
    let of_stream = |stream: usize| {
        let parts = set.parts(stream).iter().enumerate();
        parts.map(move |(part, info)| PartRef { stream, part, info: *info })
    };
    (0..set.len()).flat_map(of_stream).collect()
}

/// Refuses to read more bytes than a query may.
pub(super) fn check_bytes<'p>(
    options: &EngineOptions,
    parts: impl IntoIterator<Item = &'p PartRef>,
) -> Result<(), EvalError> {
    let bytes: u64 = parts.into_iter().map(|part| part.info.bytes as u64).sum();
    if options.bytes_max > 0 && bytes > options.bytes_max {
        let message = format!(
            "the query would read too many bytes (query: {bytes}, limit: {}); consider adding more specific stream \
             selectors or reduce the time range of the query",
            options.bytes_max
        );
        return Err(EvalError::too_much(Limit::Bytes, message));
    }
    Ok(())
}

/// Numbers of the lines that contain a text: the whole part is searched at once.
pub(super) fn lines_with(finder: &memchr::memmem::Finder<'_>, batch: &LineBatch) -> Vec<usize> {
    let (text, length) = (batch.text.as_bytes(), finder.needle().len());
    let (mut found, mut at, mut line) = (Vec::new(), 0, 0);
    while let Some(offset) = finder.find(&text[at..]) {
        let start = at + offset;
        line += batch.ends[line..].partition_point(|end| *end < start);
        let Some(&end) = batch.ends.get(line) else { break };
        if start + length <= end {
            found.push(line);
            at = end + 1;
            line += 1;
        } else {
            // It runs over the end of a line, so it is in none.
            at = start + 1;
        }
        if at >= text.len() {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use model::TimestampNs;

    use super::*;

    #[test]
    fn a_text_is_found_in_lines_and_never_across_them() {
        let mut batch = LineBatch::default();
        for (at, line) in ["ab", "xaby", "a", "b", "", "abab", "b\na"].into_iter().enumerate() {
            batch.push(TimestampNs(at as i64), line, &Labels::empty());
        }
        let lines = |needle: &str| lines_with(&memchr::memmem::Finder::new(needle), &batch);
        assert_eq!(lines("ab"), [0, 1, 5]);
        assert_eq!(lines("a\nb"), [] as [usize; 0]);
        assert_eq!(lines("b\na"), [6]);
        assert_eq!(lines("\n"), [6]);
        assert_eq!(lines("zz"), [] as [usize; 0]);
    }
}
