//! Series of a checkpoint, decoded.
//!
//! Decoding takes most of the time that a checkpoint does, and needs nothing but the record. So other threads do it, while the one that
//! reads puts what they have made in its place, record by record, in order.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Scope;

use crate::checkpoint_record::{SeriesRecord, SpilledRecord};
use crate::record::{self, Definition, Record};
use crate::xor::{self, Chunk, NoChunk, OpenChunk};

/// Records that may be on their way through each thread: enough that none waits, and some megabytes.
const RECORDS_PER_THREAD: usize = 8;
/// Bytes of records that may be on their way altogether: most are of 100 kB, but one may have 64 MiB. What is longer alone goes alone.
pub(super) const BYTES_MAX: usize = 16 << 20;

/// A series of a checkpoint, ready to be put in its place.
pub(super) struct Restored {
    pub(super) definition: Definition,
    pub(super) spilled: SpilledRecord,
    /// Finished chunks that lie in no file.
    pub(super) waiting: Vec<Chunk>,
    /// An error when the last chunk cannot be gone on with. The series itself is sound then, and what the log has of it later.
    pub(super) open: Result<Option<OpenChunk>, NoChunk>,
    /// Samples of `waiting` and `open`.
    pub(super) samples: u64,
}

impl Restored {
    fn of(series: SeriesRecord) -> Result<Self, &'static str> {
        let SeriesRecord { definition, spilled, chunks: mut waiting } = series;
        // Cuts go from span to span, and would not come to the end of a chunk that says it spans a million years.
        let span = |at_ms: i64| at_ms.div_euclid(xor::CHUNK_SPAN_MS);
        if waiting.iter().any(|chunk| span(chunk.first_ms) != span(chunk.last_ms)) {
            return Err("a chunk lies in more than one span of two hours");
        }
        let samples = waiting.iter().map(|chunk| u64::from(xor::count(&chunk.bytes))).sum();
        let open = waiting.pop().map(|last| OpenChunk::resume(&last.bytes)).transpose();
        Ok(Self { definition, spilled, waiting, open, samples })
    }
}

/// What a record has been made into: its series up to one that makes no sense, and what that is.
pub(super) type Decoded = (Vec<Restored>, Result<(), &'static str>);

/// Decodes a record of series.
pub(super) fn decode(record: &[u8]) -> Decoded {
    let Some(Record::CheckpointSeries(all)) = record::read(record) else {
        return (Vec::new(), Err("the record cannot be decoded"));
    };
    let mut restored = Vec::with_capacity(all.len());
    for series in all {
        match Restored::of(series) {
            Ok(series) => restored.push(series),
            Err(reason) => return (restored, Err(reason)),
        }
    }
    (restored, Ok(()))
}

/// Threads that decode, and the records that they have. Dropped, it lets the threads end.
pub(super) struct Decoders {
    threads: Vec<Decoder>,
    /// Records that were given and not taken back, oldest first.
    given: VecDeque<Given>,
    given_bytes: usize,
    next: usize,
}

struct Given {
    number: usize,
    bytes: usize,
    thread: usize,
}

struct Decoder {
    give: Sender<Vec<u8>>,
    take: Receiver<Decoded>,
}

impl Decoders {
    /// So many threads of `scope`.
    pub(super) fn new<'s>(scope: &'s Scope<'s, '_>, threads: usize) -> Self {
        let begin = |_| {
            let (give, records) = channel::<Vec<u8>>();
            let (send, take) = channel();
            scope.spawn(move || {
                // Nobody takes any more when the replay has failed.
                records.iter().map(|record| decode(&record)).try_for_each(|decoded| send.send(decoded)).ok()
            });
            Decoder { give, take }
        };
        Self { threads: (0..threads).map(begin).collect(), given: VecDeque::new(), given_bytes: 0, next: 0 }
    }

    /// Gives the record with this number to a thread.
    pub(super) fn give(&mut self, number: usize, record: &[u8]) {
        let thread = self.next % self.threads.len();
        self.next += 1;
        // Refused only when the thread has panicked, which the end of the scope tells.
        self.threads[thread].give.send(record.to_vec()).ok();
        self.given.push_back(Given { number, bytes: record.len(), thread });
        self.given_bytes += record.len();
    }

    /// Takes back the oldest record, decoded, if there are too many beside one of so many bytes.
    pub(super) fn make_room(&mut self, bytes: usize) -> Option<(usize, Decoded)> {
        let is_full = self.given.len() >= self.threads.len() * RECORDS_PER_THREAD
            || self.given_bytes.saturating_add(bytes) > BYTES_MAX;
        if is_full { self.take() } else { None }
    }

    /// The record that was given first of those that were not taken back; waits until it is decoded.
    pub(super) fn take(&mut self) -> Option<(usize, Decoded)> {
        let Given { number, bytes, thread } = self.given.pop_front()?;
        self.given_bytes -= bytes;
        let decoded = self.threads[thread].take.recv();
        Some((number, decoded.unwrap_or_else(|_| (Vec::new(), Err("decoding it has panicked")))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_in_order_with_what_is_wrong() {
        let good = |generation: u64| {
            let mut bytes = Vec::new();
            let definition = Definition { id: generation << 32, labels: model::Labels::empty() };
            let series = SeriesRecord { definition, spilled: SpilledRecord::NONE, chunks: Vec::new() };
            record::put_checkpoint_series(&[series], &mut bytes);
            bytes
        };
        std::thread::scope(|scope| {
            let mut decoders = Decoders::new(scope, 3);
            let mut numbers = Vec::new();
            for number in 0..100 {
                numbers.extend(decoders.make_room(0));
                let record = if number == 70 { vec![99] } else { good(number as u64) };
                decoders.give(number, &record);
            }
            numbers.extend(std::iter::from_fn(|| decoders.take()));
            for (at, (number, (restored, said))) in numbers.into_iter().enumerate() {
                assert_eq!(number, at);
                assert_eq!(said.is_err(), at == 70);
                let ids: Vec<u64> = restored.iter().map(|series| series.definition.id >> 32).collect();
                assert_eq!(ids, if at == 70 { vec![] } else { vec![at as u64] });
            }
        });
    }

    #[test]
    fn no_more_bytes_than_the_limit_are_on_their_way() {
        std::thread::scope(|scope| {
            let mut decoders = Decoders::new(scope, 2);
            let mut taken = 0;
            for (number, share) in [4, 4, 4, 1, 8, 8].into_iter().enumerate() {
                let record = vec![99; BYTES_MAX / share];
                taken += std::iter::from_fn(|| decoders.make_room(record.len())).count();
                decoders.give(number, &record);
                assert!(decoders.given.len() == 1 || decoders.given_bytes <= BYTES_MAX);
            }
            assert_eq!((taken, decoders.given.len()), (4, 2));
        });
    }
}
