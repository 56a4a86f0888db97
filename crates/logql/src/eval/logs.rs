//! Queries for lines: parts are read nearest first, and no more of them once the answer is full.
//!
//! Workers read some parts at once. What they find goes into a heap that keeps the best lines; when it is full, its worst
//! line tells which parts can hold nothing better, and where in a part to stop.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::ControlFlow;

use columns::vector::Guard;
use logstage::{Needed, Origin, Row};
use model::{Labels, TimestampNs};
use rayon::prelude::*;
use storage::{LineBatch, LogQuery};

use super::scan::{Counters, LogFilter, PartRef, Scan};
use crate::engine::{EngineOptions, Entry, LogAnswer, LogRequest, ResultStream};
use crate::error::{EvalError, Limit};

/// Parts that are read before the answer is looked at again, a worker.
const PARTS_A_WORKER: usize = 2;

/// Finds lines.
pub(crate) fn logs(
    options: &EngineOptions,
    store: &dyn LogQuery,
    request: &LogRequest<'_>,
) -> Result<LogAnswer, EvalError> {
    check(options, request)?;
    let (guard, counters) = (Guard::new(usize::MAX, options.timeout, request.cancel), Counters::default());
    let filter = LogFilter::new(request.query, None, Needed::All)?;
    let scan = Scan::new(options, store, request.query, filter, request.range, (&guard, &counters))?;
    let mut parts = scan.parts(options)?;
    // Nearest first: then what is left can be told to hold nothing better.
    if request.is_forward {
        parts.sort_by_key(|part| part.info.first);
    } else {
        parts.sort_by_key(|part| std::cmp::Reverse(part.info.last));
    }
    let best = best(&scan, &parts, request)?;
    let streams = by_stream(best, request);
    Ok(LogAnswer { streams, stats: counters.stats() })
}

fn check(options: &EngineOptions, request: &LogRequest<'_>) -> Result<(), EvalError> {
    if request.limit > options.entries_max {
        let message = format!(
            "max entries limit per query exceeded, limit > max_entries_limit_per_query ({} > {})",
            request.limit, options.entries_max
        );
        return Err(EvalError::too_much(Limit::Entries, message));
    }
    super::check_length(options, request.range.until.0.saturating_sub(request.range.from.0))
}

/// A line that was found, and where its stream and place put it among others of the same moment.
struct Found {
    at_ns: i64,
    order: (usize, usize),
    line: String,
    stream: Labels,
    metadata: Labels,
    parsed: Labels,
    is_forward: bool,
}

impl Found {
    fn new(row: &Row<'_>, order: (usize, usize), is_forward: bool) -> Self {
        let [stream, metadata, parsed] = by_origin(row);
        Self { at_ns: row.at_ns(), order, line: row.line().to_owned(), stream, metadata, parsed, is_forward }
    }

    /// The worst is the greatest.
    fn rank(&self) -> (i64, (usize, usize)) {
        // The order of arrival is kept when the oldest come first, and turned round otherwise.
        if self.is_forward {
            (self.at_ns, self.order)
        } else {
            (self.at_ns.saturating_neg(), (usize::MAX - self.order.0, usize::MAX - self.order.1))
        }
    }
}

impl PartialEq for Found {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Found {}

impl PartialOrd for Found {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Found {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

/// The best lines, in the order asked for.
fn best(scan: &Scan<'_>, parts: &[PartRef], request: &LogRequest<'_>) -> Result<Vec<Found>, EvalError> {
    let mut heap: BinaryHeap<Found> = BinaryHeap::new();
    if request.limit == 0 {
        return Ok(Vec::new());
    }
    let at_once = PARTS_A_WORKER * rayon::current_num_threads();
    let mut next = 0;
    while next < parts.len() {
        let worst_ns = heap.peek().filter(|_| heap.len() == request.limit).map(|found| found.at_ns);
        let is_hopeless = |part: &PartRef| match worst_ns {
            None => false,
            Some(worst) if request.is_forward => part.info.first.0 > worst,
            Some(worst) => part.info.last.0 < worst,
        };
        if is_hopeless(&parts[next]) {
            scan.counters.skipped(parts.len() - next);
            break;
        }
        // The first part alone often fills the answer.
        let count = if next == 0 { 1 } else { at_once };
        let some = &parts[next..parts.len().min(next + count)];
        let read = |batch: &mut LineBatch, part: &PartRef| in_part(scan, part, request, worst_ns, batch);
        let found: Vec<Vec<Found>> =
            some.par_iter().map_init(LineBatch::default, read).collect::<Result<_, _>>()?;
        for found in found.into_iter().flatten() {
            heap.push(found);
            if heap.len() > request.limit {
                heap.pop();
            }
        }
        next += some.len();
    }
    Ok(heap.into_sorted_vec())
}

/// The best lines of one part, as many as the answer may have.
fn in_part(
    scan: &Scan<'_>,
    part: &PartRef,
    request: &LogRequest<'_>,
    worst_ns: Option<i64>,
    batch: &mut LineBatch,
) -> Result<Vec<Found>, EvalError> {
    let mut found: Vec<Found> = Vec::new();
    scan.visit(part, batch, !request.is_forward, |row| {
        let is_worse = worst_ns
            .is_some_and(|worst| if request.is_forward { row.at_ns() > worst } else { row.at_ns() < worst });
        if is_worse {
            return Ok(ControlFlow::Break(()));
        }
        // A part that is read backwards counts its lines from the end.
        let place = if request.is_forward { found.len() } else { usize::MAX / 2 - found.len() };
        found.push(Found::new(row, (part.stream, place), request.is_forward));
        let is_full = found.len() == request.limit;
        Ok(if is_full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(found)
}

/// The labels of a line: the stream's, those stored with it, those that stages set.
fn by_origin(row: &Row<'_>) -> [Labels; 3] {
    let mut of: [Vec<(&str, &str)>; 3] = Default::default();
    row.for_each(|name, value, origin| {
        let place = match origin {
            Origin::Stream => 0,
            Origin::Metadata => 1,
            Origin::Parsed => 2,
        };
        of[place].push((name, value));
    });
    let [mut stream, metadata, parsed] = of.map(|mut pairs| {
        pairs.sort_unstable();
        Labels::from_sorted(pairs)
    });
    if stream == *row.stream() {
        stream = row.stream().clone();
    }
    [stream, metadata, parsed]
}

/// A line as it stands in an answer, and the labels of the stream under which it stands there.
pub(crate) fn collected(row: &Row<'_>, is_categorized: bool) -> (Labels, Entry) {
    let [stream, metadata, parsed] = by_origin(row);
    let labels = shown_under(stream, &metadata, &parsed, is_categorized);
    (labels, Entry { at: TimestampNs(row.at_ns()), line: row.line().to_owned(), metadata, parsed })
}

fn shown_under(stream: Labels, metadata: &Labels, parsed: &Labels, is_categorized: bool) -> Labels {
    if is_categorized || (metadata.is_empty() && parsed.is_empty()) {
        return stream;
    }
    let mut all: Vec<_> = stream.iter().chain(metadata).chain(parsed).collect();
    all.sort_unstable();
    Labels::from_sorted(all)
}

/// Lines by the labels that they have in the answer.
fn by_stream(found: Vec<Found>, request: &LogRequest<'_>) -> Vec<ResultStream> {
    let mut streams: BTreeMap<Labels, Vec<Entry>> = BTreeMap::new();
    for Found { at_ns, line, stream, metadata, parsed, .. } in found {
        let labels = shown_under(stream, &metadata, &parsed, request.is_categorized);
        let entry = Entry { at: TimestampNs(at_ns), line, metadata, parsed };
        streams.entry(labels).or_default().push(entry);
    }
    streams.into_iter().map(|(labels, entries)| ResultStream { labels, entries }).collect()
}
