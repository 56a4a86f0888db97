//! Doors for fuzz targets into readers that nobody outside sees otherwise. Each takes any bytes and must not panic, hang or
//! take memory out of proportion. Sums are put right first where a format has them, or hardly anything would be met behind them.

use std::path::Path;

use columns::{Edges, Steps, TimeRange, WindowOp, WindowSteps};
use disk::{Disk, MemDisk};
use model::{Labels, TimestampMs};
use prometheus_client::metrics::counter::Counter;
use storage::{Samples, StepValues};

use crate::block::chunk::{self, Base, ChunkView};
use crate::block::head::Chunks;
use crate::block::lenders::TimesIn;
use crate::block::meta::{self, HEADER_BYTES, Meta, VERSION, VERSION_LONG_HEADS};
use crate::block::scale::Scaled;
use crate::block::tombstones::Tombstones;
use crate::block::{Block, BlockWriter};
use crate::checkpoint_record::FileRecord;
use crate::filenames::block_file;
use crate::record::{self, Record};
use crate::timeline::Timeline;
use crate::xor;

/// A block as version 2 wrote it.
const VERSION_2: &[u8] = include_bytes!("../tests/fixtures/blocks/version-2.block");
/// Bytes of a sum, at the end of tombstones and at the beginning of a chunk.
const SUM_BYTES: usize = 4;
/// First moment of the chunks to begin with.
const SEEDS_FROM_MS: i64 = 1_700_000_000_000;

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
    let mut bytes = bytes.to_vec();
    let number = meta::reseal(&mut bytes);
    let Some(block) = open(&bytes, number) else { return };
    reseal_chunks(&mut bytes, &block);
    let Some(block) = open(&bytes, number) else { return };
    let all = block.matching(&[]);
    let view = block.index();
    for name in view.names_of(&all) {
        view.values_of(&name, &all);
        block.matching(&[model::Matcher::equal(&name, "1"), model::Matcher::equal("i", "2")]);
    }
    let mut out = Samples::default();
    for place in 0..view.series_count() {
        out.clear();
        view.compare(place, &Labels::from_pairs([("__name__", "m")]));
        // An error is an answer.
        drop((block.labels(place), block.samples(place, TimeRange::ALL, &mut out)));
    }
}

fn open(bytes: &[u8], number: u64) -> Option<Block> {
    let (disk, dir) = (MemDisk::new(), Path::new("/fuzz"));
    let write = || {
        disk.create_dir_all(dir)?;
        disk.create(&dir.join(block_file(number)))?.append(bytes)
    };
    write().expect("memory takes it");
    Block::open(&disk, dir, number, &Counter::default()).ok()
}

/// Puts the sums of the chunks right that the index names.
fn reseal_chunks(bytes: &mut [u8], block: &Block) {
    let version = bytes.get(4).map_or(VERSION, |version| u16::from(*version));
    for place in 0..block.index().series_count() {
        for chunk in block.chunks(place, TimeRange::ALL).into_iter().flatten() {
            // The header stays, or nothing could be opened.
            let at = usize::try_from(chunk.entry.offset_bytes).ok().filter(|at| *at >= HEADER_BYTES);
            let chunk = at.and_then(|at| Chunks { bytes, version }.bounded(at)).map(<[u8]>::len);
            let chunk = at.zip(chunk).and_then(|(at, len)| bytes.get_mut(at..at + len));
            if let Some((sum, rest)) = chunk.and_then(<[u8]>::split_first_chunk_mut::<SUM_BYTES>) {
                *sum = crc32c::crc32c(rest).to_le_bytes();
            }
        }
    }
}

/// A chunk of a block and one behind it, which may have the times of the first or build on it, as each version reads them:
/// decoded, and asked at some places.
pub fn chunk(bytes: &[u8]) {
    for version in [VERSION_LONG_HEADS, VERSION] {
        let chunks = Chunks { bytes, version };
        let Some(first) = chunks.bounded(0) else { continue };
        for at in [0, first.len()] {
            chunk::damage(chunks, at);
            chunk_at(chunks, at);
        }
    }
}

fn chunk_at(chunks: Chunks<'_>, at: usize) {
    let Some(view) = ChunkView::parse(chunks, at) else { return };
    let mut out = Samples::default();
    view.decode(0, view.count, &mut out);
    view.decode(view.count / 2, view.times.until(i64::MAX), &mut out);
    view.times.until(i64::MIN);
    if view.integer_bits().is_some() {
        view.integer_sum(0, view.count);
    }
    ask(view);
}

/// Asks a chunk as queries do.
fn ask(view: ChunkView<'_>) {
    let timeline = || {
        let mut timeline = Timeline::default();
        timeline.add_chunk(view, i64::MIN, i64::MAX, true);
        timeline
    };
    // Some places, then nearly all of them, which are not looked at one by one.
    for (step_ms, count, range_ms) in [(600_000, 7, 300_000), (100_000, 45, 60_000)] {
        let steps = Steps { start: TimestampMs(SEEDS_FROM_MS), step_ms, count };
        let windows = WindowSteps { steps, range_ms };
        timeline().values_at(&steps, range_ms, &mut StepValues::default());
        timeline().edges(&windows, &mut Edges::default());
        for op in [WindowOp::Sum, WindowOp::Min, WindowOp::Max, WindowOp::Count, WindowOp::Last] {
            timeline().window(op, &windows, &mut Vec::new());
        }
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

/// Blocks to begin with: one of a histogram, whose chunks build on each other, and one of version 2.
pub fn block_seeds() -> Vec<Vec<u8>> {
    let (disk, dir) = (MemDisk::new(), Path::new("/fuzz"));
    let meta = Meta { number: 1, level: 1, end_ms: 7_200_000, ..Meta::default() };
    let write = || {
        disk.create_dir_all(dir)?;
        let mut writer = BlockWriter::begin(&disk, dir, meta)?;
        for le in ["+Inf", "1", "2"] {
            let mut samples = Samples::default();
            (0..100).for_each(|i| samples.push(i * 15_000, (i * 40 + i * 7919 % 13) as f64));
            writer.series(&Labels::from_pairs([("__name__", "m_bucket"), ("le", le)]), &samples)?;
        }
        writer.finish()?;
        disk.read(&dir.join(block_file(1)))
    };
    vec![write().expect("memory takes it"), VERSION_2.to_vec()]
}

/// Chunks of a block, to begin with: some kinds of series, each once more with the times of the first and on it as its base, and
/// chunks of version 2.
pub fn chunk_seeds() -> Vec<Vec<u8>> {
    let times: Vec<i64> = (0..300).map(|i| SEEDS_FROM_MS + i * 15_000 + i % 3).collect();
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
        let (scaled, distance) = (Scaled::of(&values), bytes.len() as u64);
        let base = Base { distance, integers: &scaled.integers };
        chunk::put_chunk(TimesIn::Before(distance as u32), &values, &scaled, Some(base), &mut bytes);
        bytes
    };
    kinds.into_iter().map(encode).chain([VERSION_2[HEADER_BYTES..4000].to_vec()]).collect()
}
