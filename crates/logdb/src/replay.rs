//! Building the streams again from files and log.
//!
//! Files come first. A line of the log that a file has already repeats it and is passed over; so is the second telling of a line
//! that both a checkpoint and a later segment have. Limits are not asked: what is in the log was taken.

use std::sync::Arc;

use model::{Labels, LogEntry};
use wal::Source;

use crate::chunk;
use crate::head::Head;
use crate::rate::Bucket;
use crate::record::{self, Record};
use crate::repeats::{Batch, Repeats};
use crate::stream::{Chunk, Full, Place, Stream};

/// Takes records in order.
pub(crate) struct Replayer<'a> {
    head: &'a Head,
    repeats: Repeats,
    full: Full,
    rate: Bucket,
    now_ms: i64,
    none: Labels,
    /// Lines that were taken.
    pub(crate) lines: u64,
}

impl<'a> Replayer<'a> {
    pub(crate) fn new(head: &'a Head, full: Full, rate: Bucket, now_ms: i64) -> Self {
        let (repeats, none) = (Repeats::default(), Labels::empty());
        Self { head, repeats, full, rate, now_ms, none, lines: 0 }
    }

    /// Takes a record.
    ///
    /// # Errors
    /// What is wrong with one that makes no sense.
    pub(crate) fn visit(&mut self, _: Source, bytes: &[u8]) -> Result<(), String> {
        match record::read(bytes, &self.none) {
            Some(Record::Lines(streams)) => {
                streams.iter().for_each(|(labels, entries)| self.add_lines(labels, entries));
                Ok(())
            }
            Some(Record::Chunk(labels, bytes)) => self.add_chunk(&labels, bytes),
            None => Err("the record makes no sense".to_owned()),
        }
    }

    fn stream(&self, labels: &Labels) -> Arc<Stream> {
        self.head.get_or_insert(labels, |labels| Stream::new(labels, self.rate))
    }

    fn add_lines(&mut self, labels: &Labels, entries: &[LogEntry]) {
        let stream = self.stream(labels);
        let mut batch = Batch::new(&stream.state());
        for entry in entries {
            self.repeats.take(self.head, &stream, &mut batch, entry);
        }
        self.lines += batch.taken.len() as u64;
        for entry in &batch.taken {
            let mut state = stream.state();
            let before = state.open_bytes();
            state.add(entry.at.0, &entry.line, &entry.metadata, self.now_ms);
            self.head.count_open(state.open_bytes() as i64 - before as i64);
            let is_full = state.has_full(self.full);
            drop(state);
            if is_full {
                for (id, buffer) in self.head.close(&stream, self.full) {
                    self.head.pack(&stream, id, &buffer, self.now_ms);
                }
            }
        }
    }

    fn add_chunk(&mut self, labels: &Labels, bytes: &[u8]) -> Result<(), String> {
        let head = chunk::Head::read(bytes).map_err(|flaw| flaw.reason.to_owned())?;
        let stream = self.stream(labels);
        let id = self.head.chunk_number();
        let chunk = Chunk { id, info: head.info, place: Place::Memory(bytes.into()) };
        if stream.state().restore(chunk) {
            self.lines += u64::from(head.info.lines);
            self.head.wait(&stream, id, bytes.len() as u64, self.now_ms);
        }
        Ok(())
    }
}
