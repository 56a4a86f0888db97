//! What a checkpoint says of series and of the files of their chunks, as bytes (docs/formats/records.md). Reading never
//! panics, whatever the bytes.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use std::sync::Arc;

use stdx::varint::{put_i64, put_u64, take_i64, take_u64};

use crate::record::{Definition, put_delta, take_definition, take_delta};
use crate::spill::Place;
use crate::symbols::{SymbolReader, SymbolWriter, take_count};
use crate::xor::Chunk;

/// Between the lowest and the highest number of files that are there at one time. With two mebibytes each, 2^20 of them were two
/// tebibytes; a list beyond is not ours, and would make us reserve memory for it.
const FILE_NUMBERS_MAX: u32 = 1 << 20;
/// A file's number lies below: no store comes so far, and as many numbers are left for the files to come.
const FILE_NUMBER_END: u32 = 1 << 31;

/// A series with all it has; the last chunk is open.
#[derive(Debug, Clone)]
pub(crate) struct SeriesRecord {
    pub(crate) definition: Definition,
    /// What lies in files.
    pub(crate) spilled: SpilledRecord,
    /// What comes after that.
    pub(crate) chunks: Vec<Chunk>,
}

/// Chunks of a series that lie in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SpilledRecord {
    /// The newest; each says where the one before is.
    pub(crate) newest: Place,
    /// How many there are.
    pub(crate) chunks: u32,
    /// Time of the first sample of the oldest.
    pub(crate) oldest_ms: i64,
}

impl SpilledRecord {
    /// Of a series without chunks in files.
    pub(crate) const NONE: Self = Self { newest: Place::NONE, chunks: 0, oldest_ms: i64::MAX };
}

/// A file of chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileRecord {
    pub(crate) number: u32,
    pub(crate) len_bytes: u64,
    /// CRC32C of its bytes.
    pub(crate) sum: u32,
    /// Time of the newest sample in it.
    pub(crate) newest_ms: i64,
    /// Samples in it, also those that no series points to any more.
    pub(crate) samples: u64,
}

/// Writes the body of a record of series.
pub(crate) fn put_series(series: &[SeriesRecord], out: &mut Vec<u8>) {
    let mut symbols = SymbolWriter::default();
    series.iter().for_each(|s| symbols.add(&s.definition.labels));
    symbols.put_table(out);
    put_u64(out, series.len() as u64);
    let mut previous = 0;
    for one in series {
        put_delta(out, &mut previous, one.definition.id);
        symbols.put_labels(&one.definition.labels, out);
        // All ones is nowhere, so that a series without chunks in files takes one byte here.
        put_u64(out, one.spilled.newest.to_bits().wrapping_add(1));
        if !one.spilled.newest.is_none() {
            put_u64(out, u64::from(one.spilled.chunks));
            put_i64(out, one.spilled.oldest_ms);
        }
        put_u64(out, one.chunks.len() as u64);
        for chunk in &one.chunks {
            put_i64(out, chunk.first_ms);
            put_u64(out, chunk.last_ms.wrapping_sub(chunk.first_ms) as u64);
            put_u64(out, chunk.bytes.len() as u64);
            out.extend_from_slice(&chunk.bytes);
        }
    }
}

/// Whether the record is of the kind that knows files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    /// All chunks of a series are in the record.
    BeforeFiles,
    /// Some may lie in files.
    WithFiles,
}

/// Reads the body of a record of series off the front of `input`.
pub(crate) fn take_series(age: Age, input: &mut &[u8]) -> Option<Vec<SeriesRecord>> {
    let mut symbols = SymbolReader::take_table(input)?;
    let count = take_count(input)?;
    let mut all = Vec::with_capacity(count);
    let mut previous = 0;
    for _ in 0..count {
        let definition = take_definition(&mut symbols, &mut previous, input)?;
        let spilled = match age {
            Age::BeforeFiles => SpilledRecord::NONE,
            Age::WithFiles => take_spilled(input)?,
        };
        let chunks = take_count(input)?;
        let chunks = (0..chunks).map(|_| take_chunk(input)).collect::<Option<Vec<Chunk>>>()?;
        all.push(SeriesRecord { definition, spilled, chunks });
    }
    Some(all)
}

fn take_spilled(input: &mut &[u8]) -> Option<SpilledRecord> {
    let newest = Place::from_bits(take_u64(input)?.wrapping_sub(1));
    if newest.is_none() {
        return Some(SpilledRecord::NONE);
    }
    let chunks = u32::try_from(take_u64(input)?).ok()?;
    Some(SpilledRecord { newest, chunks, oldest_ms: take_i64(input)? })
}

fn take_chunk(input: &mut &[u8]) -> Option<Chunk> {
    let first_ms = take_i64(input)?;
    let last_ms = first_ms.wrapping_add(take_u64(input)? as i64);
    let len = take_count(input)?;
    let (bytes, rest) = input.split_at_checked(len)?;
    *input = rest;
    (first_ms <= last_ms).then(|| Chunk { first_ms, last_ms, bytes: Arc::from(bytes) })
}

/// Writes the body of a list of files, in order of their numbers.
pub(crate) fn put_files(files: &[FileRecord], out: &mut Vec<u8>) {
    put_u64(out, files.len() as u64);
    let mut previous = 0;
    for file in files {
        put_delta(out, &mut previous, u64::from(file.number));
        put_u64(out, file.len_bytes);
        out.extend_from_slice(&file.sum.to_le_bytes());
        put_i64(out, file.newest_ms);
        put_u64(out, file.samples);
    }
}

/// Reads the body of a list of files off the front of `input`; `None` also when their numbers do not grow, lie too far apart or
/// are too high.
pub(crate) fn take_files(input: &mut &[u8]) -> Option<Vec<FileRecord>> {
    let count = take_count(input)?;
    let mut previous = 0;
    let mut one = || {
        let number = u32::try_from(take_delta(input, &mut previous)?).ok()?;
        let len_bytes = take_u64(input)?;
        let (sum, rest) = input.split_first_chunk()?;
        *input = rest;
        let sum = u32::from_le_bytes(*sum);
        Some(FileRecord { number, len_bytes, sum, newest_ms: take_i64(input)?, samples: take_u64(input)? })
    };
    let all = (0..count).map(|_| one()).collect::<Option<Vec<FileRecord>>>()?;
    let grow = all.is_sorted_by(|a, b| a.number < b.number);
    let apart =
        all.last().zip(all.first()).map_or(0, |(last, first)| last.number - first.number.min(last.number));
    let is_low = all.last().is_none_or(|last| last.number < FILE_NUMBER_END);
    (grow && apart < FILE_NUMBERS_MAX && is_low).then_some(all)
}

#[cfg(test)]
mod tests {
    use model::Labels;
    use proptest::prelude::*;

    use super::*;
    use crate::record::{self, Record};

    fn chunk() -> impl Strategy<Value = Chunk> {
        (any::<i64>(), any::<i64>(), prop::collection::vec(any::<u8>(), 0..40)).prop_map(|(a, b, bytes)| {
            Chunk { first_ms: a.min(b), last_ms: a.max(b), bytes: Arc::from(bytes) }
        })
    }

    fn spilled() -> impl Strategy<Value = SpilledRecord> {
        let some = any::<(u64, u32, i64)>().prop_map(|(place, chunks, oldest_ms)| {
            let newest = Place::from_bits(place);
            if newest.is_none() { SpilledRecord::NONE } else { SpilledRecord { newest, chunks, oldest_ms } }
        });
        prop_oneof![Just(SpilledRecord::NONE), some]
    }

    fn series() -> impl Strategy<Value = SeriesRecord> {
        let labels =
            prop::collection::btree_map("[a-c_]{1,3}", "[x-z→]{1,3}", 0..4).prop_map(Labels::from_pairs);
        (any::<u64>(), labels, spilled(), prop::collection::vec(chunk(), 0..4)).prop_map(
            |(id, labels, spilled, chunks)| SeriesRecord {
                definition: Definition { id, labels },
                spilled,
                chunks,
            },
        )
    }

    proptest! {
        #[test]
        fn series_come_back(all in prop::collection::vec(series(), 0..8)) {
            let mut bytes = Vec::new();
            record::put_checkpoint_series(&all, &mut bytes);
            let Some(Record::CheckpointSeries(back)) = record::read(&bytes) else { panic!("not read") };
            prop_assert_eq!(format!("{back:?}"), format!("{all:?}"));
        }

        #[test]
        fn files_come_back(
            all in prop::collection::btree_map(0..FILE_NUMBERS_MAX, any::<(u64, u32, i64, u64)>(), 0..8),
            from in 0..FILE_NUMBER_END - FILE_NUMBERS_MAX,
        ) {
            let files: Vec<FileRecord> = all
                .into_iter()
                .map(|(number, (len_bytes, sum, newest_ms, samples))| FileRecord {
                    number: from + number, len_bytes, sum, newest_ms, samples,
                })
                .collect();
            let mut bytes = Vec::new();
            record::put_checkpoint_files(&files, &mut bytes);
            let Some(Record::CheckpointFiles(back)) = record::read(&bytes) else { panic!("not read") };
            prop_assert_eq!(back, files);
            for len in 0..bytes.len() {
                prop_assert!(record::read(&bytes[..len]).is_none());
            }
        }
    }

    fn file(number: u32) -> FileRecord {
        FileRecord { number, len_bytes: 300, sum: 0x0403_0201, newest_ms: -1, samples: 2 }
    }

    #[test]
    fn files_whose_numbers_do_not_grow_or_lie_far_apart_or_high_are_refused() {
        for (numbers, is_read) in [
            ([1, 1 << 20], true),
            ([1, 1 + (1 << 20)], false),
            ([1, 1], false),
            ([2, 1], false),
            ([0, u32::MAX], false),
            ([1, 1 << 31], false),
            ([(1 << 31) - 2, (1 << 31) - 1], true),
            ([(1 << 31) - 1, 1 << 31], false),
        ] {
            let mut bytes = Vec::new();
            record::put_checkpoint_files(&numbers.map(file), &mut bytes);
            assert_eq!(record::read(&bytes).is_some(), is_read, "{numbers:?}");
        }
    }

    /// The format page in bytes: whoever changes this changes what is on people's disks.
    #[test]
    fn layout_is_as_the_format_page_says() {
        let definition = Definition { id: 1 << 32 | 5, labels: Labels::from_pairs([("a", "b"), ("c", "a")]) };
        let chunk = Chunk { first_ms: -1, last_ms: 299, bytes: Arc::from([9, 8].as_slice()) };
        let place = SpilledRecord { newest: Place::from_bits(3 << 32 | 5), chunks: 7, oldest_ms: -2 };
        let begin: &[u8] = &[3, 1, b'a', 1, b'b', 1, b'c', 1, 0x8a, 0x80, 0x80, 0x80, 0x20, 2, 0, 1, 2, 0];
        let end: &[u8] = &[1, 1, 0xac, 2, 2, 9, 8];
        let in_files: &[u8] = &[0x86, 0x80, 0x80, 0x80, 0x30, 7, 3];
        for (spilled, said) in [(SpilledRecord::NONE, [0].as_slice()), (place, in_files)] {
            let series =
                SeriesRecord { definition: definition.clone(), spilled, chunks: vec![chunk.clone()] };
            let mut bytes = Vec::new();
            record::put_checkpoint_series(&[series], &mut bytes);
            assert_eq!(bytes, [&[6], begin, said, end].concat());
        }
        let mut bytes = Vec::new();
        record::put_checkpoint_files(&[file(3), file(4)], &mut bytes);
        assert_eq!(bytes, [7, 2, 6, 0xac, 2, 1, 2, 3, 4, 1, 2, 2, 0xac, 2, 1, 2, 3, 4, 1, 2]);

        // What was written before there were files is read for ever.
        let Some(Record::CheckpointSeries(old)) = record::read(&[&[2], begin, end].concat()) else {
            panic!("not read")
        };
        assert_eq!(old.len(), 1);
        assert_eq!((&old[0].definition, old[0].spilled), (&definition, SpilledRecord::NONE));
        assert_eq!((&*old[0].chunks[0].bytes, old[0].chunks[0].last_ms), ([9, 8].as_slice(), 299));
    }
}
