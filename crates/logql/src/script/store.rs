//! A log store in memory for tests, stricter than a real one: parts are tiny, lines that a hint lets it leave out are left
//! out now and then, and what the port promises is checked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use model::{Labels, LogEntry, Matcher, TimestampNs};
use storage::{
    LineBatch, LogAppend, LogAppendError, LogFollow, LogQuery, LogSelection, Needles, NsRange, PartInfo,
    PushReport, QueryError, StreamPush, StreamSet,
};

/// Lines of one moment stay together, since parts share no moment; otherwise a part ends here.
const PART_LINES: usize = 3;

/// Lines by stream.
#[derive(Default)]
pub struct MemoryLogs(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    streams: BTreeMap<Labels, Vec<LogEntry>>,
    followers: Vec<(Vec<Matcher>, Weak<dyn LogFollow>)>,
}

impl MemoryLogs {
    /// Without a line.
    pub fn new() -> Self {
        Self::default()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds one line.
    pub fn add(&self, stream: &Labels, at: TimestampNs, line: &str, metadata: &Labels) {
        let entry = LogEntry { at, line: line.to_owned(), metadata: metadata.clone() };
        let push = StreamPush { labels: stream.clone(), entries: vec![entry] };
        // Nothing is ever refused here.
        drop(self.push(&[push]));
    }
}

impl LogAppend for MemoryLogs {
    fn push(&self, streams: &[StreamPush]) -> Result<PushReport, LogAppendError> {
        let mut report = PushReport::default();
        let mut inner = self.inner();
        for StreamPush { labels, entries } in streams {
            let lines = inner.streams.entry(labels.clone()).or_default();
            let mut fresh = Vec::new();
            for entry in entries {
                if lines.contains(entry) {
                    report.repeated += 1;
                    continue;
                }
                lines.push(entry.clone());
                fresh.push(entry.clone());
            }
            lines.sort_by_key(|entry| entry.at);
            report.stored += fresh.len();
            for (matchers, follower) in &inner.followers {
                if let (true, Some(follower)) =
                    (matchers.iter().all(|m| m.matches_labels(labels)), follower.upgrade())
                {
                    follower.stored(labels, &fresh);
                }
            }
        }
        Ok(report)
    }
}

impl LogQuery for MemoryLogs {
    fn select(&self, selection: &LogSelection<'_>) -> Result<Box<dyn StreamSet>, QueryError> {
        let found = self.found(selection);
        if found.len() > selection.streams_max {
            return Err(QueryError::TooManySeries { limit: selection.streams_max });
        }
        let streams = found.into_iter().map(|(labels, lines)| Stream::new(labels, lines, selection.range));
        Ok(Box::new(Found(streams.collect())))
    }

    fn label_names(&self, selection: &LogSelection<'_>) -> Result<Vec<String>, QueryError> {
        let names =
            |(labels, _): &(Labels, _)| labels.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>();
        let names: BTreeSet<String> = self.found(selection).iter().flat_map(names).collect();
        Ok(names.into_iter().collect())
    }

    fn label_values(&self, name: &str, selection: &LogSelection<'_>) -> Result<Vec<String>, QueryError> {
        let value = |(labels, _): &(Labels, _)| labels.get(name).map(str::to_owned);
        let values: BTreeSet<String> = self.found(selection).iter().filter_map(value).collect();
        Ok(values.into_iter().collect())
    }

    fn time_span(&self) -> Option<(TimestampNs, TimestampNs)> {
        let inner = self.inner();
        let times = || inner.streams.values().flatten().map(|entry| entry.at);
        times().min().zip(times().max())
    }

    fn follow(&self, matchers: &[Matcher], follower: &Arc<dyn LogFollow>) {
        self.inner().followers.push((matchers.to_vec(), Arc::downgrade(follower)));
    }
}

impl MemoryLogs {
    fn found(&self, selection: &LogSelection<'_>) -> Vec<(Labels, Vec<LogEntry>)> {
        let inner = self.inner();
        let is_wanted = |labels: &Labels, lines: &[LogEntry]| {
            selection.matchers.iter().all(|matcher| matcher.matches_labels(labels))
                && lines.iter().any(|entry| selection.range.contains(entry.at.0))
        };
        let streams = inner.streams.iter().filter(|(labels, lines)| is_wanted(labels, lines));
        streams.map(|(labels, lines)| (labels.clone(), lines.clone())).collect()
    }
}

struct Found(Vec<Stream>);

struct Stream {
    labels: Labels,
    parts: Vec<Vec<LogEntry>>,
    infos: Vec<PartInfo>,
    range: NsRange,
}

impl Stream {
    /// Parts that share a moment with `range`; the lines of its parts may lie outside.
    fn new(labels: Labels, lines: Vec<LogEntry>, range: NsRange) -> Self {
        let mut parts: Vec<Vec<LogEntry>> = Vec::new();
        for entry in lines {
            match parts.last_mut() {
                Some(part)
                    if part.len() < PART_LINES || part.last().is_some_and(|last| last.at == entry.at) =>
                {
                    part.push(entry);
                }
                _ => parts.push(vec![entry]),
            }
        }
        let info = |part: &Vec<LogEntry>| PartInfo {
            first: part.first().map_or(TimestampNs(0), |entry| entry.at),
            last: part.last().map_or(TimestampNs(0), |entry| entry.at),
            lines: part.len(),
            bytes: part.iter().map(|entry| entry.line.len()).sum(),
        };
        parts.retain(|part| {
            let info = info(part);
            info.first < range.until && range.from <= info.last
        });
        let infos = parts.iter().map(info).collect();
        Self { labels, parts, infos, range }
    }
}

impl StreamSet for Found {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn labels(&self, i: usize) -> &Labels {
        &self.0[i].labels
    }

    fn parts(&self, i: usize) -> &[PartInfo] {
        &self.0[i].infos
    }

    fn read(
        &self,
        i: usize,
        part: usize,
        needles: &Needles,
        out: &mut LineBatch,
    ) -> Result<usize, QueryError> {
        out.clear();
        let stream = &self.0[i];
        let lines = &stream.parts[part];
        let has =
            |line: &str| needles.groups.iter().all(|group| group.iter().any(|text| line.contains(text)));
        if !lines.iter().any(|entry| has(&entry.line)) {
            return Ok(0);
        }
        for (at, entry) in lines.iter().enumerate().filter(|(_, entry)| stream.range.contains(entry.at.0)) {
            // Whoever relies on all lines to come, or on none of these, is wrong.
            if has(&entry.line) || at % 2 == 0 {
                out.push(entry.at, &entry.line, &entry.metadata);
            }
        }
        Ok(stream.infos[part].bytes)
    }
}
