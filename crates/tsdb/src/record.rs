//! What stands in the log, as bytes (docs/formats/records.md). Reading never panics, whatever the bytes.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use model::Labels;
use stdx::varint::{put_i64, put_u64, take_i64, take_u64};

use crate::checkpoint_record::{self, Age, FileRecord, SeriesRecord};
use crate::exemplar_record::{self, ExemplarRecord};
use crate::symbols::{SymbolReader, SymbolWriter, take_count};

const COMMIT: u8 = 1;
/// Read, and no longer written.
const CHECKPOINT_SERIES_BEFORE_FILES: u8 = 2;
const CHECKPOINT_HEAD: u8 = 3;
const DELETES: u8 = 4;
const EXEMPLARS: u8 = 5;
const CHECKPOINT_SERIES: u8 = 6;
const CHECKPOINT_FILES: u8 = 7;

/// A series and its name in the log.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Definition {
    pub(crate) id: u64,
    pub(crate) labels: Labels,
}

/// A sample of a series, its value as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SampleRecord {
    pub(crate) id: u64,
    pub(crate) at_ms: i64,
    pub(crate) bits: u64,
}

/// Samples of a series that were deleted, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DeleteRecord {
    pub(crate) id: u64,
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
}

/// A record that was read.
#[derive(Debug)]
pub(crate) enum Record {
    Commit { definitions: Vec<Definition>, samples: Vec<SampleRecord> },
    CheckpointSeries(Vec<SeriesRecord>),
    CheckpointFiles(Vec<FileRecord>),
    CheckpointHead { generation: u64 },
    Deletes(Vec<DeleteRecord>),
    Exemplars(Vec<ExemplarRecord>),
}

/// Writes a commit.
pub(crate) fn put_commit(definitions: &[Definition], samples: &[SampleRecord], out: &mut Vec<u8>) {
    out.push(COMMIT);
    let mut symbols = SymbolWriter::default();
    definitions.iter().for_each(|d| symbols.add(&d.labels));
    symbols.put_table(out);
    put_u64(out, definitions.len() as u64);
    let mut previous = 0;
    for definition in definitions {
        put_delta(out, &mut previous, definition.id);
        symbols.put_labels(&definition.labels, out);
    }
    put_u64(out, samples.len() as u64);
    let (mut previous_id, mut previous_ms) = (0, 0);
    for sample in samples {
        put_delta(out, &mut previous_id, sample.id);
        put_delta(out, &mut previous_ms, sample.at_ms as u64);
        out.extend_from_slice(&sample.bits.to_le_bytes());
    }
}

/// Writes series of a checkpoint.
pub(crate) fn put_checkpoint_series(series: &[SeriesRecord], out: &mut Vec<u8>) {
    out.push(CHECKPOINT_SERIES);
    checkpoint_record::put_series(series, out);
}

/// Writes the files of a checkpoint.
pub(crate) fn put_checkpoint_files(files: &[FileRecord], out: &mut Vec<u8>) {
    out.push(CHECKPOINT_FILES);
    checkpoint_record::put_files(files, out);
}

/// Writes the head of a checkpoint.
pub(crate) fn put_checkpoint_head(generation: u64, out: &mut Vec<u8>) {
    out.push(CHECKPOINT_HEAD);
    put_u64(out, generation);
}

/// Writes what was deleted.
pub(crate) fn put_deletes(deletes: &[DeleteRecord], out: &mut Vec<u8>) {
    out.push(DELETES);
    put_u64(out, deletes.len() as u64);
    let mut previous = 0;
    for delete in deletes {
        put_delta(out, &mut previous, delete.id);
        put_i64(out, delete.from_ms);
        put_i64(out, delete.to_ms);
    }
}

/// Writes exemplars.
pub(crate) fn put_exemplars(all: &[ExemplarRecord], out: &mut Vec<u8>) {
    out.push(EXEMPLARS);
    exemplar_record::put(all, out);
}

/// Whether these bytes, if they are a record, are one of a checkpoint's series.
pub(crate) fn is_checkpoint_series(bytes: &[u8]) -> bool {
    matches!(bytes.first(), Some(&(CHECKPOINT_SERIES | CHECKPOINT_SERIES_BEFORE_FILES)))
}

/// Reads a record; `None` when the bytes are not one.
pub(crate) fn read(bytes: &[u8]) -> Option<Record> {
    let (kind, mut input) = bytes.split_first()?;
    let record = match *kind {
        COMMIT => take_commit(&mut input),
        CHECKPOINT_SERIES_BEFORE_FILES => {
            checkpoint_record::take_series(Age::BeforeFiles, &mut input).map(Record::CheckpointSeries)
        }
        CHECKPOINT_SERIES => {
            checkpoint_record::take_series(Age::WithFiles, &mut input).map(Record::CheckpointSeries)
        }
        CHECKPOINT_FILES => checkpoint_record::take_files(&mut input).map(Record::CheckpointFiles),
        CHECKPOINT_HEAD => Some(Record::CheckpointHead { generation: take_u64(&mut input)? }),
        DELETES => take_deletes(&mut input),
        EXEMPLARS => exemplar_record::take(&mut input).map(Record::Exemplars),
        _ => None,
    };
    record.filter(|_| input.is_empty())
}

fn take_commit(input: &mut &[u8]) -> Option<Record> {
    let mut symbols = SymbolReader::take_table(input)?;
    let count = take_count(input)?;
    let mut definitions = Vec::with_capacity(count);
    let mut previous = 0;
    for _ in 0..count {
        definitions.push(take_definition(&mut symbols, &mut previous, input)?);
    }
    let count = take_count(input)?;
    let mut samples = Vec::with_capacity(count);
    let (mut previous_id, mut previous_ms) = (0, 0);
    for _ in 0..count {
        let id = take_delta(input, &mut previous_id)?;
        let at_ms = take_delta(input, &mut previous_ms)? as i64;
        let (bits, rest) = input.split_first_chunk::<8>()?;
        *input = rest;
        samples.push(SampleRecord { id, at_ms, bits: u64::from_le_bytes(*bits) });
    }
    Some(Record::Commit { definitions, samples })
}

fn take_deletes(input: &mut &[u8]) -> Option<Record> {
    let count = take_count(input)?;
    let mut previous = 0;
    let mut one = || {
        let id = take_delta(input, &mut previous)?;
        Some(DeleteRecord { id, from_ms: take_i64(input)?, to_ms: take_i64(input)? })
    };
    (0..count).map(|_| one()).collect::<Option<Vec<_>>>().map(Record::Deletes)
}

/// Reads a series off the front of `input`.
pub(crate) fn take_definition(
    symbols: &mut SymbolReader<'_>,
    previous: &mut u64,
    input: &mut &[u8],
) -> Option<Definition> {
    Some(Definition { id: take_delta(input, previous)?, labels: symbols.take_labels(input)? })
}

/// Writes by how much `value` differs from the one before.
pub(crate) fn put_delta(out: &mut Vec<u8>, previous: &mut u64, value: u64) {
    put_i64(out, value.wrapping_sub(*previous) as i64);
    *previous = value;
}

/// Reads what [`put_delta`] wrote.
pub(crate) fn take_delta(input: &mut &[u8], previous: &mut u64) -> Option<u64> {
    *previous = previous.wrapping_add(take_i64(input)? as u64);
    Some(*previous)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels() -> impl Strategy<Value = Labels> {
        prop::collection::btree_map("[a-c_]{1,3}", "[x-z→]{1,3}", 0..4).prop_map(Labels::from_pairs)
    }

    fn definitions() -> impl Strategy<Value = Vec<Definition>> {
        prop::collection::vec((any::<u64>(), labels()), 0..8)
            .prop_map(|all| all.into_iter().map(|(id, labels)| Definition { id, labels }).collect())
    }

    proptest! {
        #[test]
        fn commits_come_back(
            definitions in definitions(),
            samples in prop::collection::vec(any::<(u64, i64, u64)>(), 0..20),
        ) {
            let samples: Vec<SampleRecord> =
                samples.into_iter().map(|(id, at_ms, bits)| SampleRecord { id, at_ms, bits }).collect();
            let mut bytes = Vec::new();
            put_commit(&definitions, &samples, &mut bytes);
            let Some(Record::Commit { definitions: d, samples: s }) = read(&bytes) else { panic!("not read") };
            prop_assert_eq!((d, s), (definitions, samples));
            bytes.push(0);
            prop_assert!(read(&bytes).is_none(), "bytes left over");
        }

        #[test]
        fn cut_and_random_bytes_are_refused_or_read_but_never_panic(
            definitions in definitions(),
            noise in prop::collection::vec(any::<u8>(), 0..100),
            kind in 0..8u8,
        ) {
            let mut bytes = Vec::new();
            put_commit(&definitions, &[SampleRecord { id: 1, at_ms: 2, bits: 3 }], &mut bytes);
            for len in 0..bytes.len() {
                prop_assert!(read(&bytes[..len]).is_none());
            }
            let mut noisy = vec![kind];
            noisy.extend(noise);
            read(&noisy);
        }
    }

    /// The format page in bytes: whoever changes this changes what is on people's disks.
    #[test]
    fn layout_is_as_the_format_page_says() {
        let definition = Definition { id: 1 << 32 | 5, labels: Labels::from_pairs([("a", "b"), ("c", "a")]) };
        let sample = |at_ms| SampleRecord { id: 1 << 32 | 5, at_ms, bits: 1.0f64.to_bits() };
        let mut bytes = Vec::new();
        put_commit(std::slice::from_ref(&definition), &[sample(3), sample(-1)], &mut bytes);
        let id = [0x8a, 0x80, 0x80, 0x80, 0x20];
        let one = [0, 0, 0, 0, 0, 0, 0xf0, 0x3f];
        let symbols: &[u8] = &[3, 1, b'a', 1, b'b', 1, b'c'];
        let parts: [&[u8]; 10] = [&[1], symbols, &[1], &id, &[2, 0, 1, 2, 0], &[2], &id, &[6], &one, &[0, 7]];
        assert_eq!(bytes, [parts.concat(), one.to_vec()].concat());

        bytes.clear();
        put_checkpoint_head(300, &mut bytes);
        assert_eq!(bytes, [3, 0xac, 2]);
    }

    #[test]
    fn deletes_come_back() {
        let all: Vec<DeleteRecord> = [(7, i64::MIN, 0), (3, -5, i64::MAX)]
            .map(|(id, from_ms, to_ms)| DeleteRecord { id, from_ms, to_ms })
            .into();
        let mut bytes = Vec::new();
        put_deletes(&all, &mut bytes);
        assert!(matches!(read(&bytes), Some(Record::Deletes(back)) if back == all));
        for len in 0..bytes.len() {
            assert!(read(&bytes[..len]).is_none());
        }
    }

    #[test]
    fn a_count_beyond_the_input_reserves_nothing() {
        assert!(read(&[COMMIT, 0xff, 0xff, 0xff, 0xff, 0x7f]).is_none());
    }

    #[test]
    fn a_steady_scrape_takes_ten_bytes_a_sample() {
        let samples: Vec<SampleRecord> =
            (0..1000).map(|i| SampleRecord { id: 1 << 32 | i, at_ms: 1_700_000_000_000, bits: i }).collect();
        let mut bytes = Vec::new();
        put_commit(&[], &samples, &mut bytes);
        assert!(bytes.len() < 1000 * 10 + 30, "{} bytes", bytes.len());
    }
}
