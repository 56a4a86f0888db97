//! Doors for fuzz targets into readers that nobody outside sees otherwise. Each takes any bytes and must not panic, hang or
//! take memory out of proportion. Sums are put right first where a format has them, or hardly anything would be met behind them.

use std::path::Path;

use columns::TimeRange;
use disk::{Disk, MemDisk};
use prometheus_client::metrics::counter::Counter;
use storage::Samples;

use crate::block::Block;
use crate::block::chunk::{self, ChunkView};
use crate::block::lenders::TimesIn;
use crate::block::meta;
use crate::block::tombstones::Tombstones;
use crate::checkpoint_record::FileRecord;
use crate::filenames::block_file;
use crate::record::{self, Record};
use crate::xor;

/// The number that every block of a fuzz target has.
const NUMBER: u64 = 1;
/// Bytes of a sum, at the end of tombstones and at the beginning of a chunk.
const SUM_BYTES: usize = 4;

/// The decoder of log records, and the chunks in them.
pub fn record(bytes: &[u8]) {
    if let Some(Record::CheckpointSeries(all)) = record::read(bytes) {
        let mut out = Samples::default();
        for chunk in all.iter().flat_map(|series| &series.chunks) {
            // Whether it can be decoded is not the question.
            let _ = xor::decode(&chunk.bytes, TimeRange::ALL, &mut out);
        }
    }
}

/// Whether a record defines a series in a slot beyond the first million. A start makes room for all slots up to the highest,
/// at most 2^26: some seconds and a gigabyte, which no fuzz target has for each input.
pub fn has_high_slot(bytes: &[u8]) -> bool {
    let is_high = |id: u64| id as u32 > 1 << 20;
    match record::read(bytes) {
        Some(Record::Commit { definitions, .. }) => definitions.iter().any(|one| is_high(one.id)),
        Some(Record::CheckpointSeries(all)) => all.iter().any(|one| is_high(one.definition.id)),
        _ => false,
    }
}

/// Whether a record may stand in a checkpoint alone.
pub fn is_of_checkpoint(bytes: &[u8]) -> bool {
    matches!(
        record::read(bytes),
        Some(Record::CheckpointHead { .. } | Record::CheckpointSeries(_) | Record::CheckpointFiles(_))
    )
}

/// Whether a record lists files of chunks.
pub fn is_list_of_files(bytes: &[u8]) -> bool {
    matches!(record::read(bytes), Some(Record::CheckpointFiles(_)))
}

/// A record that lists these files of chunks, by numbers from 0 up, with their right sums.
pub fn list_of_files(files: &[Vec<u8>]) -> Vec<u8> {
    let list = files.iter().zip(0..).map(|(bytes, number)| FileRecord {
        number,
        len_bytes: bytes.len() as u64,
        sum: crc32c::crc32c(bytes),
        newest_ms: i64::MAX,
        samples: 1,
    });
    let mut out = Vec::new();
    record::put_checkpoint_files(&list.collect::<Vec<_>>(), &mut out);
    out
}

/// A whole block: opened, and everything of it asked for.
pub fn block(bytes: &[u8]) {
    let (disk, dir) = (MemDisk::new(), Path::new("/fuzz"));
    let mut bytes = bytes.to_vec();
    meta::reseal(&mut bytes, NUMBER);
    let write = || {
        disk.create_dir_all(dir)?;
        disk.create(&dir.join(block_file(NUMBER)))?.append(&bytes)
    };
    write().expect("memory takes it");
    let Ok(block) = Block::open(&disk, dir, NUMBER, &Counter::default()) else { return };
    let all = block.matching(&[]);
    let view = block.index();
    for name in view.names_of(&all) {
        view.values_of(&name, &all);
        block.matching(&[model::Matcher::equal(&name, "1"), model::Matcher::equal("i", "2")]);
    }
    let mut out = Samples::default();
    for place in 0..view.series_count() {
        out.clear();
        // An error is an answer.
        drop((block.labels(place), block.samples(place, TimeRange::ALL, &mut out)));
    }
}

/// A chunk of a block and one behind it, which may have the times of the first: decoded, and asked at some places.
pub fn chunk(bytes: &[u8]) {
    let Some(first) = chunk::bounded(bytes, 0) else { return };
    for at in [0, first.len()] {
        chunk::damage(bytes, at);
        chunk_at(bytes, at);
    }
}

fn chunk_at(bytes: &[u8], at: usize) {
    let Some(view) = ChunkView::parse(bytes, at) else { return };
    let mut out = Samples::default();
    view.decode(0, view.count, &mut out);
    view.decode(view.count / 2, view.times.until(i64::MAX), &mut out);
    view.times.until(i64::MIN);
    if view.integer_bits().is_some() {
        view.integer_sum(0, view.count);
    }
}

/// The tombstones of a block, with their sum put right.
pub fn tombstones(bytes: &[u8]) {
    let mut bytes = bytes.to_vec();
    if let Some(at) = bytes.len().checked_sub(SUM_BYTES) {
        let sum = crc32c::crc32c(&bytes[..at]);
        bytes[at..].copy_from_slice(&sum.to_le_bytes());
    }
    if let Some(read) = Tombstones::from_bytes(&bytes) {
        let again = Tombstones::from_bytes(&read.to_bytes());
        assert_eq!(again.as_ref(), Some(&read), "tombstones that do not read back");
    }
}

/// Strings and a series of a Prometheus block's index.
pub fn prometheus_index(bytes: &[u8]) {
    crate::offline::prometheus::index::fuzz(bytes);
}

/// Two strings and a series of one label and two chunks.
pub fn prometheus_index_seeds() -> Vec<Vec<u8>> {
    let strings = [[0, 0, 0, 2].as_slice(), b"\x08__name__\x02up"].concat();
    let series = [1, 0, 1, 2, 0, 10, 8, 1, 10, 40, 0, 0, 0, 0, 0, 0];
    vec![[strings.as_slice(), &series].concat()]
}

/// The bits of a Prometheus chunk.
pub fn prometheus_chunk(bytes: &[u8]) {
    crate::offline::prometheus::chunk::fuzz(bytes);
}

/// A chunk as Prometheus has written it.
pub fn prometheus_chunk_seeds() -> Vec<Vec<u8>> {
    vec![include_bytes!("../tests/fixtures/prometheus/block/chunks/000001")[11..].to_vec()]
}

/// Chunks of a block, to begin with: some kinds of series, and each once more with the times of the first.
pub fn chunk_seeds() -> Vec<Vec<u8>> {
    let times: Vec<i64> = (0..300).map(|i| 1_700_000_000_000 + i * 15_000 + i % 3).collect();
    let kinds: [fn(usize) -> f64; 5] = [
        |i| i as f64 * 7.0,
        |i| (i % 17) as f64 / 100.0,
        |_| 1.0,
        |i| (i as f64).sin() * 1e-7,
        |i| if i % 50 == 0 { f64::NAN } else { 1e300 },
    ];
    let encode = |kind: fn(usize) -> f64| {
        let values: Vec<f64> = (0..times.len()).map(kind).collect();
        let mut bytes = Vec::new();
        chunk::put_alone(&times, &values, &mut bytes);
        chunk::put_chunk(TimesIn::Before(bytes.len() as u32), &values, &mut bytes);
        bytes
    };
    kinds.into_iter().map(encode).collect()
}
