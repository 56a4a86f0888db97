//! From memory to files: closing buffers that have waited long enough, and writing finished chunks.
//!
//! A file is written whole under another name, synced, renamed, and the folder synced; only then do its chunks leave memory. Until
//! a checkpoint the log has their lines too: a start that finds both keeps one (`repeats`).

use std::sync::Arc;

use model::Labels;

use crate::chunk::ChunkInfo;
use crate::file::{ChunkFile, Packed, compose};
use crate::filenames::chunks_file;
use crate::stream::{Full, Place, Stream};
use crate::{Db, LogdbError};

/// Chunks that go into one file, by stream.
type Gathered = Vec<(Arc<Stream>, Vec<(u64, ChunkInfo, Arc<[u8]>)>)>;

impl Db {
    /// Makes chunks of all buffers that are full in this sense.
    pub(crate) fn close_chunks(&self, full: Full) {
        let now_ms = self.clock.now_ms();
        for stream in self.head.all() {
            let closed = {
                let mut state = stream.state();
                let was_open = state.is_open();
                let closed = state.close(full, || self.head.chunk_number());
                self.count_open_streams(was_open, state.is_open());
                closed
            };
            for (id, buffer) in closed {
                self.head.count_open(-(buffer.bytes() as i64));
                self.head.pack(&stream, id, &buffer, now_ms);
            }
        }
    }

    /// Closes what has waited long enough.
    pub(crate) fn close_old(&self) {
        let age_ms = self.storage.chunk_age_max.0;
        self.close_chunks(Full::OpenedBefore(self.clock.now_ms().saturating_sub(age_ms)));
    }

    /// Writes a file when enough chunks wait for one, or have waited long.
    ///
    /// # Errors
    /// [`LogdbError::Disk`]: the chunks stay in memory and in the log, and the next round tries again.
    pub(crate) fn flush_if_due(&self) -> Result<(), LogdbError> {
        let old_ms = self.clock.now_ms().saturating_sub(self.storage.chunk_age_max.0);
        let is_due = {
            let waiting = self.head.waiting();
            waiting.bytes >= self.storage.file_bytes || waiting.since_ms.is_some_and(|since| since < old_ms)
        };
        if is_due { self.flush() } else { Ok(()) }
    }

    /// Writes all waiting chunks to a file.
    ///
    /// # Errors
    /// As [`Db::flush_if_due`].
    pub(crate) fn flush(&self) -> Result<(), LogdbError> {
        let _alone = self.flushing();
        let (gathered, taken) = self.gather();
        let written = if gathered.is_empty() { Ok(()) } else { self.write_file(&gathered) };
        match &written {
            Ok(()) => self.head.waiting().forget(taken, self.clock.now_ms()),
            Err(_) => drop(self.metrics.flushes_failed.inc()),
        }
        self.show();
        written
    }

    /// Waiting chunks that still are there, and what all that wait now come to.
    fn gather(&self) -> (Gathered, (usize, u64)) {
        let (waiting, taken) = {
            let waiting = self.head.waiting();
            (waiting.chunks.clone(), (waiting.chunks.len(), waiting.bytes))
        };
        let mut gathered: Gathered = Vec::new();
        let mut waiting = waiting;
        waiting.sort_by(|(one, _), (other, _)| one.labels.cmp(&other.labels));
        for (stream, id) in waiting {
            let found = {
                let state = stream.state();
                let chunk = state.chunks().iter().find(|chunk| chunk.id == id);
                chunk.and_then(|chunk| match &chunk.place {
                    Place::Memory(bytes) => Some((id, chunk.info, Arc::clone(bytes))),
                    Place::Lines(_) | Place::File(..) => None,
                })
            };
            let Some(found) = found else { continue };
            match gathered.last_mut().filter(|(last, _)| Arc::ptr_eq(last, &stream)) {
                Some((_, chunks)) => chunks.push(found),
                None => gathered.push((stream, vec![found])),
            }
        }
        (gathered, taken)
    }

    fn write_file(&self, gathered: &Gathered) -> Result<(), LogdbError> {
        let number = self.files.take_number();
        let streams: Vec<(Labels, Vec<Packed>)> = gathered
            .iter()
            .map(|(stream, chunks)| {
                let chunks = chunks.iter().map(|(_, info, bytes)| (*info, Arc::clone(bytes)));
                (stream.labels.clone(), chunks.collect())
            })
            .collect();
        let (bytes, spans) = compose(number, &streams);
        let path = self.files.dir.join(chunks_file(number));
        let disk = &*self.files.disk;
        // Whatever fails from here on: its chunks are written again to another file.
        disk::replace(disk, &path, &bytes).inspect_err(|_| self.files.doubt(number))?;
        let opened = ChunkFile::open(disk, &self.files.dir, number);
        let opened = opened.inspect_err(|_| self.files.doubt(number));
        let (file, directory) = opened.map_err(|error| error.into_error(path))?;
        self.files.add(Arc::clone(&file), &directory);
        let mut spans = spans.into_iter();
        for (stream, chunks) in gathered {
            let mut state = stream.state();
            for ((id, info, _), span) in chunks.iter().zip(spans.by_ref()) {
                state.relocate(*id, *info, Place::File(Arc::clone(&file), span));
                self.metrics.chunks_stored.inc();
            }
        }
        tracing::debug!(number, bytes = bytes.len(), "a file of chunks was written");
        Ok(())
    }
}
