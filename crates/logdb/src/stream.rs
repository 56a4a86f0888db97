//! One stream: lines that wait for their chunk, and its finished chunks.
//!
//! Lines wait in *lanes*. What comes in order goes into the first; what is older than what the first has closed goes into the
//! second, and so on: so the chunks of a lane follow one another, and two senders of which one lags behind make two sequences
//! of chunks instead of one in which each overlaps all others. The last lane takes whatever is left.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::Labels;

use crate::buffer::{Buffer, CHUNK_LINES_MAX};
use crate::chunk::ChunkInfo;
use crate::file::{ChunkFile, Span};
use crate::rate::Bucket;

/// Senders that lag differently and yet make chunks that follow one another.
const LANES_MAX: usize = 4;

/// A stream. Whoever holds it may read it, also when the store has let it go.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) labels: Labels,
    state: Mutex<StreamState>,
}

/// What changes of a stream.
#[derive(Debug)]
pub(crate) struct StreamState {
    lanes: Vec<Lane>,
    /// In order of their first moment.
    chunks: Vec<Chunk>,
    /// Moment of the newest line ever taken.
    pub(crate) newest_ns: i64,
    /// How fast it may grow.
    pub(crate) rate: Bucket,
    /// When a line came last, by the clock.
    pub(crate) touched_ms: i64,
    /// The store has let it go: nothing may be added.
    pub(crate) is_removed: bool,
}

#[derive(Debug)]
struct Lane {
    /// Lines before this are in a chunk of this lane, or go to the next.
    closed_until_ns: i64,
    buffer: Arc<Buffer>,
    /// When the first line of the buffer came, by the clock.
    opened_ms: i64,
}

/// A finished chunk.
#[derive(Debug, Clone)]
pub(crate) struct Chunk {
    /// Of all chunks of this process, each has its own.
    pub(crate) id: u64,
    pub(crate) info: ChunkInfo,
    pub(crate) place: Place,
}

/// Where lines of a chunk are.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// Not packed yet, or still open.
    Lines(Arc<Buffer>),
    /// Packed, in no file yet.
    Memory(Arc<[u8]>),
    /// In a file.
    File(Arc<ChunkFile>, Span),
}

/// When a buffer is enough for a chunk.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Full {
    /// It has so much text, or as many lines as a chunk may have.
    TextBytes(usize),
    /// Its first line came before this moment of the clock.
    OpenedBefore(i64),
    /// It has a line.
    Any,
}

impl Stream {
    pub(crate) fn new(labels: Labels, rate: Bucket) -> Self {
        let state = StreamState {
            lanes: vec![Lane::after(i64::MIN)],
            chunks: Vec::new(),
            newest_ns: i64::MIN,
            rate,
            touched_ms: i64::MIN,
            is_removed: false,
        };
        Self { labels, state: Mutex::new(state) }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, StreamState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lane {
    fn after(closed_until_ns: i64) -> Self {
        Self { closed_until_ns, buffer: Arc::default(), opened_ms: 0 }
    }

    fn is_full(&self, full: Full) -> bool {
        let buffer = &self.buffer;
        !buffer.is_empty()
            && match full {
                Full::TextBytes(bytes) => buffer.bytes() >= bytes || buffer.len() >= CHUNK_LINES_MAX,
                Full::OpenedBefore(moment_ms) => self.opened_ms < moment_ms,
                Full::Any => true,
            }
    }
}

impl StreamState {
    /// Adds a line that came at `now_ms` of the clock.
    pub(crate) fn add(&mut self, at: i64, line: &str, metadata: &Labels, now_ms: i64) {
        let place = self.lanes.iter().position(|lane| at >= lane.closed_until_ns);
        let place = place.unwrap_or_else(|| {
            if self.lanes.len() < LANES_MAX {
                self.lanes.push(Lane::after(i64::MIN));
            }
            self.lanes.len() - 1
        });
        let lane = &mut self.lanes[place];
        if lane.buffer.is_empty() {
            lane.opened_ms = now_ms;
        }
        // A query may hold the buffer: then it keeps what it has, and this goes on with a copy.
        Arc::make_mut(&mut lane.buffer).add(at, line, metadata);
        self.newest_ns = self.newest_ns.max(at);
    }

    /// Whether any buffer is full.
    pub(crate) fn has_full(&self, full: Full) -> bool {
        self.lanes.iter().any(|lane| lane.is_full(full))
    }

    /// Makes chunks of the buffers that are full: not packed yet, each with its id.
    pub(crate) fn close(&mut self, full: Full, mut number: impl FnMut() -> u64) -> Vec<(u64, Arc<Buffer>)> {
        let mut closed = Vec::new();
        for lane in self.lanes.iter_mut().filter(|lane| lane.is_full(full)) {
            let buffer = std::mem::take(&mut lane.buffer);
            let (first_ns, last_ns) = buffer.span().expect("a full buffer has a line");
            lane.closed_until_ns = lane.closed_until_ns.max(last_ns);
            let (lines, bytes) = (buffer.len() as u32, buffer.text_bytes() as u32);
            closed.push((number(), ChunkInfo { first_ns, last_ns, lines, bytes, sum: 0 }, buffer));
        }
        for (id, info, buffer) in &closed {
            self.insert(Chunk { id: *id, info: *info, place: Place::Lines(Arc::clone(buffer)) });
        }
        closed.into_iter().map(|(id, _, buffer)| (id, buffer)).collect()
    }

    /// Adds a chunk that was made before this process; false when it is there already.
    pub(crate) fn restore(&mut self, chunk: Chunk) -> bool {
        if self.chunks.iter().any(|known| known.info == chunk.info) {
            return false;
        }
        self.newest_ns = self.newest_ns.max(chunk.info.last_ns);
        let lane = &mut self.lanes[0];
        lane.closed_until_ns = lane.closed_until_ns.max(chunk.info.last_ns);
        self.insert(chunk);
        true
    }

    fn insert(&mut self, chunk: Chunk) {
        let place = self.chunks.partition_point(|other| other.info.first_ns <= chunk.info.first_ns);
        self.chunks.insert(place, chunk);
    }

    /// Puts the lines of a chunk elsewhere. False when the chunk has left meanwhile.
    pub(crate) fn relocate(&mut self, id: u64, info: ChunkInfo, place: Place) -> bool {
        let chunk = self.chunks.iter_mut().find(|chunk| chunk.id == id);
        chunk.map(|chunk| (chunk.info, chunk.place) = (info, place)).is_some()
    }

    /// Puts the chunks of a file that was written anew in their places: each by what it was, with what it is now if it is still there.
    pub(crate) fn exchange_file(&mut self, number: u64, places: &[(ChunkInfo, Option<(ChunkInfo, Place)>)]) {
        let is_of = |chunk: &Chunk| matches!(&chunk.place, Place::File(file, _) if file.number == number);
        self.chunks.retain_mut(|chunk| {
            let new = places.iter().find(|(before, _)| is_of(chunk) && *before == chunk.info);
            match new {
                Some((_, Some((info, place)))) => (chunk.info, chunk.place) = (*info, place.clone()),
                Some((_, None)) => return false,
                None => {}
            }
            true
        });
        self.chunks.sort_by_key(|chunk| chunk.info.first_ns);
    }

    /// Lets chunks go for which `leaves` says so.
    pub(crate) fn drop_chunks(&mut self, mut leaves: impl FnMut(&Chunk) -> bool) -> usize {
        let before = self.chunks.len();
        self.chunks.retain(|chunk| !leaves(chunk));
        before - self.chunks.len()
    }

    pub(crate) fn chunks(&self) -> &[Chunk] {
        &self.chunks
    }

    /// Buffers with lines.
    pub(crate) fn buffers(&self) -> impl Iterator<Item = &Arc<Buffer>> {
        self.lanes.iter().map(|lane| &lane.buffer).filter(|buffer| !buffer.is_empty())
    }

    /// Whether any line waits for its chunk.
    pub(crate) fn is_open(&self) -> bool {
        self.buffers().next().is_some()
    }

    /// Bytes of waiting lines, about.
    pub(crate) fn open_bytes(&self) -> usize {
        self.buffers().map(|buffer| buffer.bytes()).sum()
    }

    /// Moments of the oldest and the newest line that are there.
    pub(crate) fn span(&self) -> Option<(i64, i64)> {
        let chunks = self.chunks.iter().map(|chunk| (chunk.info.first_ns, chunk.info.last_ns));
        let all = chunks.chain(self.buffers().filter_map(|buffer| buffer.span()));
        all.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))
    }
}
