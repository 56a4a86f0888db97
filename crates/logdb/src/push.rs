//! A push: judged, encoded, appended to the log, synced by policy, applied to memory, told to followers, acknowledged.
//!
//! One push runs at a time up to here, so that the order in the log is the order in memory. What it has filled is packed
//! afterwards, by the same thread but beside other pushes: whoever fills a chunk pays for it, and nobody can fill faster than
//! is packed.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::{Labels, LogEntry};
use storage::{LogAppend, LogAppendError, LogRefusal, PushReport, StreamPush};

use crate::Db;
use crate::buffer::Buffer;
use crate::codec::Sets;
use crate::limits::{Refusal, entry_bytes};
use crate::rate::Bucket;
use crate::record;
use crate::repeats::{Batch, Repeats};
use crate::stream::{Full, Stream};

/// Bytes of lines in one record of the log; a larger push becomes several. One line may go beyond it.
const RECORD_TEXT_BYTES_MAX: usize = 8 << 20;

/// What pushes use again and again; its lock is their order.
#[derive(Debug)]
pub(crate) struct Committer {
    batch: wal::Batch,
    sets: Sets,
    pub(crate) repeats: Repeats,
    rate: Bucket,
    is_closed: bool,
}

impl Committer {
    pub(crate) fn new(rate: Bucket) -> Self {
        let (batch, sets, repeats) = (wal::Batch::new(), Sets::default(), Repeats::default());
        Self { batch, sets, repeats, rate, is_closed: false }
    }

    /// No push is taken from now on; false when that was so already.
    pub(crate) fn close(&mut self) -> bool {
        !std::mem::replace(&mut self.is_closed, true)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }
}

/// What is taken of one stream.
struct Taken<'a> {
    stream: Arc<Stream>,
    /// Whether the stream is not there for queries yet.
    is_new: bool,
    batch: Batch<'a>,
}

/// A push being judged.
struct Judged<'a> {
    taken: Vec<Taken<'a>>,
    places: HashMap<&'a Labels, usize>,
    repeated: usize,
    refused: Vec<LogRefusal>,
}

pub(crate) const CLOSED: &str = "the store of logs is closed";

impl LogAppend for Db {
    fn push(&self, streams: &[StreamPush]) -> Result<PushReport, LogAppendError> {
        let streams = self.cut_lines(streams);
        let (report, full) = self.commit(&streams)?;
        let now_ms = self.clock.now_ms();
        for (stream, id, buffer) in full {
            self.head.pack(&stream, id, &buffer, now_ms);
        }
        if self.head.open_bytes() > self.storage.head_bytes_max {
            self.close_chunks(Full::Any);
        }
        Ok(report)
    }
}

type Filled = Vec<(Arc<Stream>, u64, Arc<Buffer>)>;

impl Db {
    /// The streams, with lines cut that are too long where that is wanted.
    fn cut_lines<'a>(&self, streams: &'a [StreamPush]) -> Cow<'a, [StreamPush]> {
        let limit = self.limits.longest_line();
        let is_long = |entry: &LogEntry| entry.line.len() > limit;
        if !self.limits.cuts_long_lines || !streams.iter().any(|stream| stream.entries.iter().any(is_long)) {
            return Cow::Borrowed(streams);
        }
        let mut cut = streams.to_vec();
        for entry in cut.iter_mut().flat_map(|stream| &mut stream.entries).filter(|entry| is_long(entry)) {
            let end = entry.line.floor_char_boundary(limit);
            entry.line.truncate(end);
            self.metrics.lines_cut.inc();
        }
        Cow::Owned(cut)
    }

    fn commit(&self, streams: &[StreamPush]) -> Result<(PushReport, Filled), LogAppendError> {
        let unavailable = |text: &str| LogAppendError::Unavailable(text.to_owned());
        let mut turn = self.committer().ok_or_else(|| unavailable(&crate::LogdbError::Broken.to_string()))?;
        let committer = &mut *turn;
        if committer.is_closed {
            return Err(unavailable(CLOSED));
        }
        self.check_room()?;
        let now_ms = self.clock.now_ms();
        let entries = || streams.iter().flat_map(|stream| &stream.entries);
        let (lines, bytes) = (entries().count(), entries().map(entry_bytes).sum());
        self.metrics.received(lines, bytes);
        if !committer.rate.take(bytes, now_ms) {
            let refusal = self.limits.too_fast(lines, bytes);
            self.discarded(&refusal);
            return Err(LogAppendError::RateLimited(refusal));
        }
        let judged = self.judge(&mut committer.repeats, streams, now_ms);
        judged.refused.iter().for_each(|refusal| self.discarded(refusal));
        self.metrics.repeated.inc_by(judged.repeated as u64);
        let stored = judged.taken.iter().map(|taken| taken.batch.taken.len()).sum();
        let mut filled = Vec::new();
        if stored > 0 {
            encode(&judged.taken, &mut committer.sets, &mut committer.batch);
            self.wal.append(&mut committer.batch).map_err(|error| {
                self.metrics.pushes_failed.inc();
                unavailable(&error.to_string())
            })?;
            filled = self.apply(&judged.taken, now_ms);
            self.tell(&judged.taken);
        }
        Ok((PushReport { stored, repeated: judged.repeated, refused: judged.refused }, filled))
    }

    /// Refuses when finished chunks find no room on the disk and memory has enough of them.
    fn check_room(&self) -> Result<(), LogAppendError> {
        let bytes = self.head.waiting_bytes();
        if bytes <= self.storage.waiting_bytes_max {
            return Ok(());
        }
        self.metrics.pushes_failed.inc();
        Err(LogAppendError::Unavailable(format!(
            "{bytes} bytes of finished chunks wait for room on the disk; no more is taken until they have it"
        )))
    }

    fn judge<'a>(&self, repeats: &mut Repeats, streams: &'a [StreamPush], now_ms: i64) -> Judged<'a> {
        let mut judged =
            Judged { taken: Vec::new(), places: HashMap::new(), repeated: 0, refused: Vec::new() };
        for push in streams.iter().filter(|push| !push.entries.is_empty()) {
            match self.admit(&mut judged, push, now_ms) {
                Ok(place) => self.judge_entries(repeats, &mut judged, place, push, now_ms),
                Err(refusal) => judged.refuse(refusal, &push.entries),
            }
        }
        judged
    }

    /// Judges a stream as a whole; its place among those taken.
    fn admit<'a>(
        &self,
        judged: &mut Judged<'a>,
        push: &'a StreamPush,
        now_ms: i64,
    ) -> Result<usize, Refusal> {
        let place = match judged.places.get(&push.labels) {
            Some(place) => *place,
            None => {
                self.limits.check_labels(&push.labels)?;
                let known = self.head.by_labels(&push.labels);
                let is_open = known.as_ref().is_some_and(|stream| stream.state().is_open());
                let coming = judged.taken.iter().filter(|taken| taken.is_new).count();
                if !is_open && self.has_too_many_streams(known.is_none(), coming) {
                    return Err(self.limits.too_many_streams(&push.labels));
                }
                let is_new = known.is_none();
                let stream =
                    known.unwrap_or_else(|| Arc::new(Stream::new(push.labels.clone(), self.bucket(now_ms))));
                let batch = Batch::new(&stream.state());
                judged.taken.push(Taken { stream, is_new, batch });
                judged.places.insert(&push.labels, judged.taken.len() - 1);
                judged.taken.len() - 1
            }
        };
        let bytes = push.entries.iter().map(entry_bytes).sum();
        if !judged.taken[place].stream.state().rate.take(bytes, now_ms) {
            return Err(self.limits.stream_too_fast(&push.labels, bytes));
        }
        Ok(place)
    }

    fn has_too_many_streams(&self, is_new: bool, coming: usize) -> bool {
        let active = self.open_streams.load(Ordering::Relaxed) + coming;
        (self.limits.streams_max > 0 && active >= self.limits.streams_max)
            || (is_new && self.head.len() + coming >= self.storage.streams_kept_max)
    }

    /// How fast a stream may grow from now on.
    pub(crate) fn bucket(&self, now_ms: i64) -> Bucket {
        Bucket::new(self.limits.per_stream_rate_bytes, self.limits.per_stream_burst_bytes, now_ms)
    }

    fn judge_entries<'a>(
        &self,
        repeats: &mut Repeats,
        judged: &mut Judged<'a>,
        place: usize,
        push: &'a StreamPush,
        now_ms: i64,
    ) {
        for entry in &push.entries {
            let Taken { stream, batch, .. } = &mut judged.taken[place];
            match self.limits.check_entry(&push.labels, entry, (now_ms, batch.newest_ns)) {
                Err(refusal) => judged.refuse(refusal, std::slice::from_ref(entry)),
                Ok(()) => {
                    judged.repeated += usize::from(!repeats.take(&self.head, stream, batch, entry));
                }
            }
        }
    }

    fn apply(&self, all: &[Taken<'_>], now_ms: i64) -> Filled {
        let mut filled = Vec::new();
        let newest_ns = all.iter().map(|taken| taken.batch.newest_ns).max().unwrap_or(i64::MIN);
        self.newest_ns.fetch_max(newest_ns, Ordering::Relaxed);
        for Taken { stream, is_new, batch } in all.iter().filter(|taken| !taken.batch.taken.is_empty()) {
            let mut state = stream.state();
            let (was_open, before) = (state.is_open(), state.open_bytes());
            for entry in &batch.taken {
                state.add(entry.at.0, &entry.line, &entry.metadata, now_ms);
                if state.has_full(self.full()) {
                    let closed = state.close(self.full(), || self.head.chunk_number());
                    filled.extend(closed.into_iter().map(|(id, buffer)| (Arc::clone(stream), id, buffer)));
                }
            }
            state.touched_ms = now_ms;
            self.head.count_open(state.open_bytes() as i64 - before as i64);
            self.count_open_streams(was_open, state.is_open());
            drop(state);
            if *is_new {
                self.head.insert(stream);
                self.metrics.streams_created.inc();
            }
        }
        filled
    }

    /// When a chunk is full.
    pub(crate) fn full(&self) -> Full {
        Full::TextBytes(self.storage.chunk_text_bytes)
    }

    fn tell(&self, all: &[Taken<'_>]) {
        if self.followers.is_empty() {
            return;
        }
        for Taken { stream, batch, .. } in all {
            self.followers.tell(&stream.labels, &batch.taken);
        }
    }
}

impl Judged<'_> {
    /// Notes lines that are left out; those of one stream and reason are told once.
    fn refuse(&mut self, (reason, message): Refusal, entries: &[LogEntry]) {
        let bytes: usize = entries.iter().map(|entry| entry.line.len()).sum();
        match self.refused.last_mut().filter(|last| last.reason == reason) {
            Some(last) => {
                last.lines += entries.len();
                last.bytes += bytes;
            }
            None => self.refused.push(LogRefusal { reason, message, lines: entries.len(), bytes }),
        }
    }
}

/// Makes records of what was taken: one, unless it is very large.
fn encode(all: &[Taken<'_>], sets: &mut Sets, batch: &mut wal::Batch) {
    batch.clear();
    let (mut record, mut record_bytes) = (Vec::new(), 0);
    for Taken { stream, batch: taken, .. } in all {
        let mut rest = taken.taken.as_slice();
        while !rest.is_empty() {
            let fits = fitting(rest, RECORD_TEXT_BYTES_MAX.saturating_sub(record_bytes));
            if fits == 0 && record_bytes > 0 {
                flush(&mut record, sets, batch);
                record_bytes = 0;
                continue;
            }
            let (some, later) = rest.split_at(fits.max(1));
            record_bytes += some.iter().map(|entry| entry_bytes(entry)).sum::<usize>();
            record.push((&stream.labels, some));
            rest = later;
        }
    }
    flush(&mut record, sets, batch);
}

/// How many of the first lines come to no more than `room` bytes.
fn fitting(entries: &[&LogEntry], mut room: usize) -> usize {
    let fits = entries.iter().take_while(|entry| {
        let bytes = entry_bytes(entry);
        let fits = bytes <= room;
        room = room.saturating_sub(bytes);
        fits
    });
    fits.count()
}

fn flush(record: &mut Vec<(&Labels, &[&LogEntry])>, sets: &mut Sets, batch: &mut wal::Batch) {
    let lines = record.iter().map(|(labels, entries)| {
        (*labels, entries.iter().map(|entry| (entry.at.0, entry.line.as_str(), &entry.metadata)))
    });
    let lines: Vec<_> = lines.collect();
    if !lines.is_empty() {
        batch.record(|out| record::put_streams(&lines, sets, out));
    }
    record.clear();
}
