//! Queries: streams found through postings, their parts read by whoever asks, beside all pushes.
//!
//! What a selection has found stays as it is: chunks never change, a buffer that a selection holds is copied by the next push
//! that wants to change it, and a file stays readable as long as somebody holds it.

use std::cmp::Reverse;
use std::sync::Arc;

use model::{Labels, Matcher, TimestampNs};
use roaring::RoaringBitmap;
use storage::{
    LineBatch, LogFollow, LogQuery, LogSelection, Needles, NsRange, PartInfo, QueryError, StreamSet,
};

use crate::chunk::ChunkInfo;
use crate::delete::Deletes;
use crate::parts::{Part, parts};
use crate::stream::{Chunk, Place, Stream};
use crate::{Db, Metrics, read};

/// Streams that a selection found.
struct Found {
    streams: Vec<FoundStream>,
    metrics: Arc<Metrics>,
}

struct FoundStream {
    labels: Labels,
    chunks: Vec<Chunk>,
    parts: Vec<Part>,
    infos: Vec<PartInfo>,
    /// What of it was asked for and is kept.
    range: NsRange,
    /// What was deleted of it.
    deletes: Deletes,
}

impl LogQuery for Db {
    fn select(&self, selection: &LogSelection<'_>) -> Result<Box<dyn StreamSet>, QueryError> {
        let deletes = self.deletes();
        let mut streams = Vec::new();
        for (_, stream) in self.head.matching(selection.matchers) {
            let range = self.visible(selection.range, &stream.labels);
            let chunks = chunks_in(&stream, range);
            if chunks.is_empty() {
                continue;
            }
            if streams.len() >= selection.streams_max {
                return Err(QueryError::TooManySeries { limit: selection.streams_max });
            }
            let deletes = deletes.of(&stream.labels, range);
            streams.push(self.found(stream.labels.clone(), chunks, range, deletes));
        }
        streams.sort_by(|one, other| one.labels.cmp(&other.labels));
        Ok(Box::new(Found { streams, metrics: Arc::clone(&self.metrics) }))
    }

    fn label_names(&self, selection: &LogSelection<'_>) -> Result<Vec<String>, QueryError> {
        Ok(self.head.names_of(&self.slots(selection)?))
    }

    fn label_values(&self, name: &str, selection: &LogSelection<'_>) -> Result<Vec<String>, QueryError> {
        Ok(self.head.values_of(name, &self.slots(selection)?))
    }

    fn time_span(&self) -> Option<(TimestampNs, TimestampNs)> {
        let (first, last) = self.span_ns()?;
        Some((TimestampNs(first.max(self.first_cutoff_ns()).min(last)), TimestampNs(last)))
    }

    fn follow(&self, matchers: &[Matcher], follower: &Arc<dyn LogFollow>) {
        self.followers.add(matchers, follower);
    }
}

impl Db {
    /// What of a span can be seen of a stream: nothing that is older than what is kept.
    fn visible(&self, range: NsRange, labels: &Labels) -> NsRange {
        NsRange { from: range.from.max(TimestampNs(self.cutoff_ns(labels))), ..range }
    }

    fn found(&self, labels: Labels, chunks: Vec<Chunk>, range: NsRange, deletes: Deletes) -> FoundStream {
        let mut all = parts(&chunks, self.storage.chunk_text_bytes / 2);
        all.retain(|part| part.info.first < range.until && part.info.last >= range.from);
        let infos = all.iter().map(|part| part.info).collect();
        FoundStream { labels, chunks, parts: all, infos, range, deletes }
    }

    fn slots(&self, selection: &LogSelection<'_>) -> Result<RoaringBitmap, QueryError> {
        let has_lines = |stream: &Stream| {
            let range = self.visible(selection.range, &stream.labels);
            let span = stream.state().span();
            span.is_some_and(|(first, last)| first < range.until.0 && last >= range.from.0)
        };
        let matching = self.head.matching(selection.matchers);
        let slots: RoaringBitmap =
            matching.iter().filter(|(_, stream)| has_lines(stream)).map(|(slot, _)| *slot).collect();
        let limit = selection.streams_max;
        if slots.len() > limit as u64 { Err(QueryError::TooManySeries { limit }) } else { Ok(slots) }
    }

    /// Moments of the oldest and the newest line of all.
    pub(crate) fn span_ns(&self) -> Option<(i64, i64)> {
        let spans = self.head.all().into_iter().filter_map(|stream| stream.state().span());
        spans.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))
    }
}

/// Chunks and buffers of a stream that reach into a span, by their first moment.
fn chunks_in(stream: &Stream, range: NsRange) -> Vec<Chunk> {
    let state = stream.state();
    let reaches = |info: &ChunkInfo| info.first_ns < range.until.0 && info.last_ns >= range.from.0;
    let mut chunks: Vec<Chunk> =
        state.chunks().iter().filter(|chunk| reaches(&chunk.info)).cloned().collect();
    for (i, buffer) in state.buffers().enumerate() {
        let Some((first_ns, last_ns)) = buffer.span() else { continue };
        let (lines, bytes) = (buffer.len() as u32, buffer.text_bytes() as u32);
        let info = ChunkInfo { first_ns, last_ns, lines, bytes, sum: 0 };
        if reaches(&info) {
            // Behind all chunks, for they are younger.
            let id = u64::MAX - 64 + i as u64;
            chunks.push(Chunk { id, info, place: Place::Lines(Arc::clone(buffer)) });
        }
    }
    chunks.sort_by_key(|chunk| (chunk.info.first_ns, Reverse(chunk.info.last_ns)));
    chunks
}

impl StreamSet for Found {
    fn len(&self) -> usize {
        self.streams.len()
    }

    fn labels(&self, i: usize) -> &Labels {
        &self.streams[i].labels
    }

    fn parts(&self, i: usize) -> &[PartInfo] {
        &self.streams[i].infos
    }

    fn read(
        &self,
        i: usize,
        part: usize,
        needles: &Needles,
        out: &mut LineBatch,
    ) -> Result<usize, QueryError> {
        let stream = &self.streams[i];
        let read = self.read_part(stream, &stream.parts[part], needles, out);
        read.inspect_err(|_| {
            self.metrics.damaged_chunks.inc();
        })
    }
}

impl Found {
    fn read_part(
        &self,
        stream: &FoundStream,
        part: &Part,
        needles: &Needles,
        out: &mut LineBatch,
    ) -> Result<usize, QueryError> {
        out.clear();
        let mut wanted = Vec::new();
        for place in &part.chunks {
            let chunk = &stream.chunks[*place];
            if read::may_contain(chunk, needles)? {
                wanted.push(chunk);
            }
        }
        self.metrics.chunks_skipped.inc_by((part.chunks.len() - wanted.len()) as u64);
        self.metrics.chunks_read.inc_by(wanted.len() as u64);
        let from = part.info.first.max(stream.range.from).0;
        let last = part.info.last.0.min(stream.range.until.0.saturating_sub(1));
        if let [chunk] = wanted.as_slice() {
            read::lines(chunk, out)?;
            keep_span(out, from, last);
        } else {
            merge(&wanted, (from, last), out)?;
        }
        stream.deletes.apply(out);
        Ok(wanted.iter().map(|chunk| chunk.info.bytes as usize).sum())
    }
}

/// Leaves only the lines from one moment to another.
fn keep_span(out: &mut LineBatch, from: i64, last: i64) {
    let begin = out.times_ns.partition_point(|at| *at < from);
    let end = out.times_ns.partition_point(|at| *at <= last);
    if end < out.len() {
        out.times_ns.truncate(end);
        out.ends.truncate(end);
        out.text.truncate(out.ends.last().map_or(0, |end| end + 1));
        out.places.truncate(end);
    }
    if begin > 0 {
        let begin = begin.min(end);
        let text_begin = begin.checked_sub(1).map_or(0, |before| out.ends[before] + 1);
        out.times_ns.drain(..begin);
        out.ends.drain(..begin);
        out.ends.iter_mut().for_each(|end| *end -= text_begin);
        out.text.drain(..text_begin);
        let places = out.places.len();
        out.places.drain(..begin.min(places));
    }
}

/// Reads the lines of several chunks of a span, in order of time; of one moment, in the order of the chunks.
fn merge(chunks: &[&Chunk], (from, last): (i64, i64), out: &mut LineBatch) -> Result<(), QueryError> {
    let mut batches = Vec::with_capacity(chunks.len());
    for chunk in chunks {
        let mut batch = LineBatch::default();
        read::lines(chunk, &mut batch)?;
        keep_span(&mut batch, from, last);
        batches.push(batch);
    }
    let lines = batches.iter().enumerate();
    let mut order: Vec<(i64, usize, usize)> = lines
        .flat_map(|(b, batch)| batch.times_ns.iter().enumerate().map(move |(i, at)| (*at, b, i)))
        .collect();
    order.sort_unstable();
    let none = Labels::empty();
    for (at, b, i) in order {
        let batch = &batches[b];
        out.push(TimestampNs(at), batch.line(i), batch.metadata(i).unwrap_or(&none));
    }
    Ok(())
}
