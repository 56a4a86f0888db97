//! Taking the bytes of deleted lines off the disk, once their deletion can no longer be taken back.
//!
//! A file that has lines which such a request covers is written anew without them, under its own name: a crash leaves the old one or the
//! new one, and queries that hold the old one go on with it. A checkpoint goes before. After it the log has nothing of the files that are
//! there, so that no start finds chunks or lines in it which the new file does not show to be known. For the same reason chunks that a
//! failed write has left in two files leave the one that is not read, before anything else. The requests hold on: lines that come late,
//! or are in no file yet, are covered too, and leave with the file that they come to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{Labels, TimestampNs};
use storage::{LineBatch, NsRange};

use crate::buffer::Buffer;
use crate::checkpoint::Occasion;
use crate::chunk::{self, ChunkInfo};
use crate::delete::{DeleteStatus, Deletes};
use crate::file::{ChunkFile, Packed, Span, StreamChunks, compose};
use crate::filenames::chunks_file;
use crate::stream::{Chunk, Place};
use crate::{Db, LogdbError, read};

/// Files that one round looks through, some gigabytes of lines: the rest of the housekeeping is not to wait for longer.
const FILES_A_ROUND: usize = 64;

/// Which files have been freed of what.
#[derive(Debug, Default)]
pub(crate) struct Erased {
    state: Mutex<State>,
    /// Held by whoever frees files.
    erasing: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    /// Requests that can no longer be taken back, by id and moment, in the order in which that was seen.
    due: Vec<(u64, i64)>,
    /// Of each file how many of these have been applied to it. A start begins anew, and finds little to do.
    applied: HashMap<u64, usize>,
}

/// A file without some of its lines.
struct Rewritten {
    streams: Vec<(Labels, Vec<Packed>)>,
    /// For each stream the chunks as they were, and as they are, if anything is left of them.
    chunks: Vec<Vec<(ChunkInfo, Option<ChunkInfo>)>>,
    /// Deleted lines that are left out.
    lines: u64,
    /// Whether a chunk is left out that another file has.
    has_repeats: bool,
}

impl Db {
    /// Whether a request can no longer be taken back. Once it was so it is, wherever the clock goes.
    pub(crate) fn is_due(&self, status: &DeleteStatus) -> bool {
        self.clock.now_ms().saturating_sub(status.created_ms) >= self.storage.delete_delay.0
            || self.erased.state().due.contains(&name(status))
    }

    /// Frees files of the lines that due requests cover.
    ///
    /// # Errors
    /// [`LogdbError::Wal`] when the checkpoint, [`LogdbError::Disk`] when a file could not be written: the next round tries again.
    pub(crate) fn erase(&self) -> Result<(), LogdbError> {
        let _alone = self.erased.erasing.lock().unwrap_or_else(PoisonError::into_inner);
        let (due, work) = self.to_erase();
        self.files.remove_doubtful()?;
        // All files, before the checkpoint: nothing but their directories is looked at.
        for (file, _) in work.iter().filter(|(file, _)| self.has_repeats(file)) {
            if let Some(rewritten) = self.rewritten(file, &Deletes::default()) {
                self.exchange(file, rewritten)?;
            }
        }
        let mut is_checkpointed = false;
        for (file, first) in work.iter().take(FILES_A_ROUND) {
            let requests = Deletes::new(due.get(*first..).unwrap_or_default().to_vec());
            // It may have been written anew just now.
            let file =
                self.files.kept().iter().find(|kept| kept.file.number == file.number).map(|k| k.file.clone());
            let Some(file) = file else { continue };
            if let Some(rewritten) = self.rewritten(&file, &requests) {
                if !is_checkpointed {
                    self.checkpoint_if_due(Occasion::Erasure)?;
                    is_checkpointed = true;
                }
                self.exchange(&file, rewritten)?;
            }
            self.erased.state().applied.insert(file.number, due.len());
        }
        Ok(())
    }

    /// All due requests in their order, and the files to which not all were applied, each with the first that was not.
    fn to_erase(&self) -> (Vec<DeleteStatus>, Vec<(Arc<ChunkFile>, usize)>) {
        let held = self.note_due();
        // Of a file that is being written nobody knows yet which chunks are read from it.
        let _written = self.flushing();
        let mut state = self.erased.state();
        // One that was forgotten has nothing left to cover, but keeps its place.
        let find = |due: &(u64, i64)| held.iter().find(|status| name(status) == *due).cloned();
        let due: Vec<DeleteStatus> = state.due.iter().map(|due| find(due).unwrap_or_else(nothing)).collect();
        let kept = self.files.kept();
        state.applied.retain(|number, _| kept.iter().any(|kept| kept.file.number == *number));
        let work = kept.iter().filter_map(|kept| {
            let first = state.applied.get(&kept.file.number).copied().unwrap_or(0);
            (first < due.len()).then(|| (Arc::clone(&kept.file), first))
        });
        let work = work.collect();
        (due, work)
    }

    /// All requests, of which those that are due are noted to be. Meanwhile nobody takes one back: who is about to was in time, and the
    /// request is no more; who comes later is too late.
    fn note_due(&self) -> Deletes {
        let _still = self.changing_deletes.lock().unwrap_or_else(PoisonError::into_inner);
        let held = self.deletes();
        let due: Vec<_> = held.iter().filter(|status| self.is_due(status)).map(name).collect();
        let mut state = self.erased.state();
        for name in due {
            if !state.due.contains(&name) {
                state.due.push(name);
            }
        }
        held
    }

    /// Whether a chunk of the file is read from it, not from another.
    fn is_read(&self, file: &ChunkFile, labels: &Labels, info: &ChunkInfo) -> bool {
        let is_it = |chunk: &Chunk| matches!(&chunk.place, Place::File(f, _) if f.number == file.number);
        let stream = self.head.by_labels(labels);
        stream.is_some_and(|s| s.state().chunks().iter().any(|chunk| chunk.info == *info && is_it(chunk)))
    }

    /// Whether the file has chunks that are read from another. Of a damaged one nobody knows.
    fn has_repeats(&self, file: &ChunkFile) -> bool {
        let repeats = |stream: &StreamChunks| {
            stream.chunks.iter().any(|(info, _)| !self.is_read(file, &stream.labels, info))
        };
        file.directory().is_ok_and(|directory| directory.iter().any(repeats))
    }

    /// The file without the lines that are covered, and without chunks that are read from another; `None` when it has none of
    /// either, or cannot be read.
    fn rewritten(&self, file: &Arc<ChunkFile>, requests: &Deletes) -> Option<Rewritten> {
        let mut out = Rewritten { streams: Vec::new(), chunks: Vec::new(), lines: 0, has_repeats: false };
        let result = match file.directory() {
            Ok(mut directory) => {
                for StreamChunks { labels, chunks } in &mut directory {
                    let before = chunks.len();
                    chunks.retain(|(info, _)| self.is_read(file, labels, info));
                    out.has_repeats |= chunks.len() < before;
                }
                // Most files no request concerns: of these nothing is copied.
                if !out.has_repeats && !directory.iter().any(|stream| concern(requests, stream)) {
                    return None;
                }
                directory.iter().try_for_each(|stream| out.add(file, stream, requests))
            }
            Err(error) => Err(format!("{error:?}")),
        };
        if let Err(error) = result {
            // It is told by every query that reads it, and deleted lines of it are not shown.
            tracing::error!(file = file.number, error, "deleted lines stay in a damaged file of chunks");
            return None;
        }
        (out.lines > 0 || out.has_repeats).then_some(out)
    }

    /// Puts the new file in the place of the old.
    fn exchange(&self, old: &Arc<ChunkFile>, rewritten: Rewritten) -> Result<(), LogdbError> {
        let Rewritten { streams, chunks, lines, .. } = rewritten;
        let disk = &*self.files.disk;
        let (file, directory, spans) = if streams.iter().all(|(_, chunks)| chunks.is_empty()) {
            (None, Vec::new(), Vec::new())
        } else {
            let filled: Vec<_> = streams.iter().filter(|(_, chunks)| !chunks.is_empty()).cloned().collect();
            let (bytes, spans) = compose(old.number, &filled);
            let path = self.files.dir.join(chunks_file(old.number));
            disk::replace(disk, &path, &bytes)?;
            let opened = ChunkFile::open(disk, &self.files.dir, old.number);
            let (file, directory) = opened.map_err(|error| error.into_error(path))?;
            (Some(file), directory, spans)
        };
        let mut spans = spans.into_iter();
        for ((labels, _), chunks) in streams.iter().zip(&chunks) {
            let places: Vec<(ChunkInfo, Option<(ChunkInfo, Place)>)> = chunks
                .iter()
                .map(|(before, after)| {
                    let place = |info: ChunkInfo| {
                        let (file, span) = (file.as_ref()?, spans.next()?);
                        Some((info, Place::File(Arc::clone(file), span)))
                    };
                    (*before, after.and_then(place))
                })
                .collect();
            if let Some(stream) = self.head.by_labels(labels) {
                stream.state().exchange_file(old.number, &places);
            }
        }
        match file {
            Some(file) => self.files.exchange(file, &directory),
            None => self.files.remove(&[old.number]),
        }
        self.metrics.lines_erased.inc_by(lines);
        tracing::debug!(file = old.number, lines, "a file of chunks was written anew without deleted lines");
        Ok(())
    }
}

impl Erased {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rewritten {
    /// Adds a stream's chunks, as they are or without covered lines.
    fn add(
        &mut self,
        file: &Arc<ChunkFile>,
        stream: &StreamChunks,
        requests: &Deletes,
    ) -> Result<(), String> {
        let (mut packed, mut chunks) = (Vec::new(), Vec::new());
        for (info, span) in &stream.chunks {
            let requests = requests.of(&stream.labels, range(info));
            let after = match requests.is_empty() {
                true => Some(same(file, *info, *span)?),
                false => self.without(file, (*info, *span), &requests)?,
            };
            chunks.push((*info, after.as_ref().map(|(info, _)| *info)));
            packed.extend(after);
        }
        self.streams.push((stream.labels.clone(), packed));
        self.chunks.push(chunks);
        Ok(())
    }

    /// A chunk without the lines that are covered; `None` when none is left.
    fn without(
        &mut self,
        file: &Arc<ChunkFile>,
        (info, span): (ChunkInfo, Span),
        requests: &Deletes,
    ) -> Result<Option<Packed>, String> {
        let chunk = Chunk { id: 0, info, place: Place::File(Arc::clone(file), span) };
        let mut lines = LineBatch::default();
        read::lines(&chunk, &mut lines).map_err(|error| error.to_string())?;
        let before = lines.len();
        requests.apply(&mut lines);
        if lines.len() == before {
            return same(file, info, span).map(Some);
        }
        self.lines += (before - lines.len()) as u64;
        if lines.is_empty() {
            return Ok(None);
        }
        let (mut buffer, none) = (Buffer::default(), Labels::empty());
        for i in 0..lines.len() {
            buffer.add(lines.times_ns[i], lines.line(i), lines.metadata(i).unwrap_or(&none));
        }
        let (info, bytes) = chunk::encode(&buffer);
        Ok(Some((info, bytes.into())))
    }
}

/// What a request is known by: numbers are given again.
fn name(status: &DeleteStatus) -> (u64, i64) {
    (status.id, status.created_ms)
}

/// Whether any request may cover lines of the stream.
fn concern(requests: &Deletes, stream: &StreamChunks) -> bool {
    stream.chunks.iter().any(|(info, _)| !requests.of(&stream.labels, range(info)).is_empty())
}

fn range(info: &ChunkInfo) -> NsRange {
    NsRange { from: TimestampNs(info.first_ns), until: TimestampNs(info.last_ns.saturating_add(1)) }
}

fn same(file: &ChunkFile, info: ChunkInfo, span: Span) -> Result<Packed, String> {
    let bytes = file.chunk(span).ok_or("the file ends before the chunk")?;
    Ok((info, bytes.into()))
}

/// A request that covers nothing.
fn nothing() -> DeleteStatus {
    let at = TimestampNs(i64::MIN);
    let range = NsRange { from: at, until: at };
    let (query, matchers, tests) = (String::new(), Vec::new(), Vec::new());
    DeleteStatus { id: 0, request: crate::DeleteRequest { query, matchers, tests, range }, created_ms: 0 }
}
