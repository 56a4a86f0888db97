//! All streams: found by labels and by matchers, with the chunks that wait for a file.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use model::{Labels, Matcher};
use postings::Index;
use roaring::RoaringBitmap;

use crate::buffer::Buffer;
use crate::chunk;
use crate::stream::{Full, Place, Stream};

/// All streams.
#[derive(Debug, Default)]
pub(crate) struct Head {
    streams: RwLock<Streams>,
    waiting: Mutex<Waiting>,
    chunk_numbers: AtomicU64,
    /// Bytes of lines that wait in buffers, about.
    open_bytes: AtomicI64,
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Streams {
    by_labels: HashMap<Labels, u32>,
    by_slot: Vec<Option<Arc<Stream>>>,
    free: Vec<u32>,
    index: Index,
}

/// Packed chunks that are in no file.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    pub(crate) chunks: Vec<(Arc<Stream>, u64)>,
    pub(crate) bytes: u64,
    /// When the first of them came, by the clock.
    pub(crate) since_ms: Option<i64>,
}

impl Waiting {
    /// Forgets the first that came: so many, of so many bytes. What is left has come meanwhile.
    pub(crate) fn forget(&mut self, (count, bytes): (usize, u64), now_ms: i64) {
        self.chunks.drain(..count.min(self.chunks.len()));
        self.bytes = self.bytes.saturating_sub(bytes);
        self.since_ms = (!self.chunks.is_empty()).then_some(now_ms);
    }
}

impl Head {
    pub(crate) fn by_labels(&self, labels: &Labels) -> Option<Arc<Stream>> {
        let streams = self.read();
        let slot = *streams.by_labels.get(labels)?;
        streams.by_slot.get(slot as usize)?.clone()
    }

    /// Makes a stream be there for queries.
    pub(crate) fn insert(&self, stream: &Arc<Stream>) {
        let mut streams = self.write();
        let slot = streams.free.pop().unwrap_or_else(|| {
            streams.by_slot.push(None);
            (streams.by_slot.len() - 1) as u32
        });
        streams.by_slot[slot as usize] = Some(Arc::clone(stream));
        streams.by_labels.insert(stream.labels.clone(), slot);
        streams.index.insert(slot, &stream.labels);
    }

    /// The stream of these labels, which is made if it is not there.
    pub(crate) fn get_or_insert(&self, labels: &Labels, make: impl FnOnce(Labels) -> Stream) -> Arc<Stream> {
        self.by_labels(labels).unwrap_or_else(|| {
            let stream = Arc::new(make(labels.clone()));
            self.insert(&stream);
            stream
        })
    }

    /// Lets streams go that have no line and were not touched since. Only between two pushes.
    pub(crate) fn remove_empty(&self, touched_before_ms: i64) -> usize {
        let mut streams = self.write();
        let mut removed = Vec::new();
        for (slot, stream) in streams.by_slot.iter().enumerate() {
            let Some(stream) = stream else { continue };
            let mut state = stream.state();
            if state.span().is_none() && state.touched_ms < touched_before_ms {
                state.is_removed = true;
                drop(state);
                removed.push((slot as u32, Arc::clone(stream)));
            }
        }
        for (slot, stream) in &removed {
            streams.by_slot[*slot as usize] = None;
            streams.by_labels.remove(&stream.labels);
            streams.index.remove(*slot, &stream.labels);
            streams.free.push(*slot);
        }
        removed.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.read().by_labels.len()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Stream>> {
        self.read().by_slot.iter().flatten().cloned().collect()
    }

    /// Streams that satisfy all matchers, with the slots that the index has them under.
    pub(crate) fn matching(&self, matchers: &[Matcher]) -> Vec<(u32, Arc<Stream>)> {
        let streams = self.read();
        let slots = streams.index.matching(matchers);
        let stream = |slot: u32| Some((slot, streams.by_slot.get(slot as usize)?.clone()?));
        slots.iter().filter_map(stream).collect()
    }

    pub(crate) fn names_of(&self, slots: &RoaringBitmap) -> Vec<String> {
        self.read().index.names_of(slots)
    }

    pub(crate) fn values_of(&self, name: &str, slots: &RoaringBitmap) -> Vec<String> {
        self.read().index.values_of(name, slots)
    }

    /// A number that no chunk has had.
    pub(crate) fn chunk_number(&self) -> u64 {
        self.chunk_numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Says the same of equal lines of one stream, and of others nothing that anybody outside could guess.
    pub(crate) fn hash(&self, at: i64, line: &str, metadata: &Labels) -> u64 {
        self.hasher.hash_one((at, line, metadata))
    }

    /// Counts bytes of buffers that have come or gone.
    pub(crate) fn count_open(&self, bytes: i64) {
        self.open_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn open_bytes(&self) -> u64 {
        self.open_bytes.load(Ordering::Relaxed).max(0) as u64
    }

    /// Makes chunks of a stream's buffers that are full. Whoever called has to [`Head::pack`] them.
    pub(crate) fn close(&self, stream: &Stream, full: Full) -> Vec<(u64, Arc<Buffer>)> {
        let closed = stream.state().close(full, || self.chunk_number());
        closed.iter().for_each(|(_, buffer)| self.count_open(-(buffer.bytes() as i64)));
        closed
    }

    /// Packs a chunk, and has it wait for a file.
    pub(crate) fn pack(&self, stream: &Arc<Stream>, id: u64, buffer: &Buffer, now_ms: i64) {
        let (info, bytes) = chunk::encode(buffer);
        let len = bytes.len() as u64;
        if stream.state().relocate(id, info, Place::Memory(bytes.into())) {
            self.wait(stream, id, len, now_ms);
        }
    }

    /// Has a packed chunk wait for a file.
    pub(crate) fn wait(&self, stream: &Arc<Stream>, id: u64, len_bytes: u64, now_ms: i64) {
        let mut waiting = self.waiting();
        waiting.chunks.push((Arc::clone(stream), id));
        waiting.bytes += len_bytes;
        waiting.since_ms.get_or_insert(now_ms);
    }

    /// Bytes of packed chunks that wait for a file.
    pub(crate) fn waiting_bytes(&self) -> u64 {
        self.waiting().bytes
    }

    pub(crate) fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> RwLockReadGuard<'_, Streams> {
        self.streams.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Streams> {
        self.streams.write().unwrap_or_else(PoisonError::into_inner)
    }
}
