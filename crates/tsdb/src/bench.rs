//! What examples need to measure encodings, which nobody outside sees otherwise.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use columns::TimeRange;
use model::Labels;
use prometheus_client::metrics::counter::Counter;
use storage::Samples;

use crate::block::Block;
use crate::block::chunk::{ChunkView, SAMPLES_MAX, put_alone};
use crate::block::head::Chunks;
use crate::block::meta::VERSION;
use crate::filenames::BlockFile;
use crate::xor::{self, CHUNK_SAMPLES_MAX, OpenChunk};

/// Bytes and nanoseconds a sample.
#[derive(Debug, Clone, Copy, Default)]
pub struct Measured {
    /// Size.
    pub bytes: f64,
    /// To encode.
    pub write_ns: f64,
    /// To decode all.
    pub decode_ns: f64,
    /// To find a time and read the value there; 0 where that is not possible.
    pub at_ns: f64,
}

/// Measures the chunk of the head and that of blocks on the same series; times are the best of some, as others use the
/// machine too.
pub fn measure(all: &[(Vec<i64>, Vec<f64>)]) -> (Measured, Measured) {
    let mut best = (head(all), block(all));
    for _ in 1..ROUNDS {
        best = (best.0.better(head(all)), best.1.better(block(all)));
    }
    best
}

const ROUNDS: usize = 9;

impl Measured {
    fn better(self, other: Self) -> Self {
        Self {
            bytes: self.bytes,
            write_ns: self.write_ns.min(other.write_ns),
            decode_ns: self.decode_ns.min(other.decode_ns),
            at_ns: self.at_ns.min(other.at_ns),
        }
    }
}

fn per_sample(all: &[(Vec<i64>, Vec<f64>)], amount: f64) -> f64 {
    amount / all.iter().map(|(times, _)| times.len()).sum::<usize>() as f64
}

fn ns(begun: Instant) -> f64 {
    begun.elapsed().as_nanos() as f64
}

fn head(all: &[(Vec<i64>, Vec<f64>)]) -> Measured {
    let begun = Instant::now();
    let mut chunks = Vec::new();
    let size = usize::from(CHUNK_SAMPLES_MAX);
    for (times, values) in all {
        for (times, values) in times.chunks(size).zip(values.chunks(size)) {
            let mut chunk = OpenChunk::new(times[0], values[0].to_bits());
            times.iter().zip(values).skip(1).for_each(|(at, value)| chunk.push(*at, value.to_bits()));
            chunks.push(chunk.seal());
        }
    }
    let write_ns = ns(begun);
    let begun = Instant::now();
    let mut out = Samples::default();
    for chunk in &chunks {
        out.clear();
        black_box(xor::decode(&chunk.bytes, TimeRange::ALL, &mut out).is_ok());
    }
    let decode_ns = ns(begun);
    let bytes: usize = chunks.iter().map(|chunk| chunk.bytes.len()).sum();
    let [bytes, write_ns, decode_ns] =
        [bytes as f64, write_ns, decode_ns].map(|amount| per_sample(all, amount));
    Measured { bytes, write_ns, decode_ns, at_ns: 0.0 }
}

fn block(all: &[(Vec<i64>, Vec<f64>)]) -> Measured {
    let begun = Instant::now();
    let mut bytes = Vec::new();
    let mut places = Vec::new();
    for (times, values) in all {
        let size = times.len().div_ceil(times.len().div_ceil(SAMPLES_MAX));
        for (times, values) in times.chunks(size).zip(values.chunks(size)) {
            places.push((bytes.len(), times[0], times[times.len() - 1]));
            put_alone(times, values, &mut bytes);
        }
    }
    let write_ns = ns(begun);
    let chunks = Chunks { bytes: &bytes, version: VERSION };
    let view = |at: usize| ChunkView::parse(chunks, at);
    let begun = Instant::now();
    let mut out = Samples::default();
    for chunk in places.iter().filter_map(|(at, ..)| view(*at)) {
        out.clear();
        chunk.decode(0, chunk.count, &mut out);
        black_box(&out);
    }
    let decode_ns = ns(begun);
    let begun = Instant::now();
    let (mut reads, mut random) = (0u32, 1u64);
    for (at, first_ms, last_ms) in &places {
        let Some(chunk) = view(*at) else { continue };
        for _ in 0..2000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at_ms = first_ms + (random >> 33) as i64 % (last_ms - first_ms + 1);
            black_box(chunk.value(chunk.times.until(at_ms) - 1));
            reads += 1;
        }
    }
    let at_ns = ns(begun) / f64::from(reads);
    let [bytes, write_ns, decode_ns] =
        [bytes.len() as f64, write_ns, decode_ns].map(|amount| per_sample(all, amount));
    Measured { bytes, write_ns, decode_ns, at_ns }
}

/// What the parts of a chunk take.
#[derive(Debug, Clone, Copy, Default)]
pub struct ChunkBytes {
    /// What stands before times and values.
    pub head: u64,
    /// Times, or where they are.
    pub times: u64,
    /// What says how mini-blocks are to be read.
    pub minis: u64,
    /// The values in them, and exceptions.
    pub values: u64,
}

impl ChunkBytes {
    /// The whole chunk.
    pub fn all(&self) -> u64 {
        self.head + self.times + self.minis + self.values
    }
}

impl std::ops::Add for ChunkBytes {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            head: self.head + other.head,
            times: self.times + other.times,
            minis: self.minis + other.minis,
            values: self.values + other.values,
        }
    }
}

/// What the parts of a block take.
#[derive(Debug, Clone)]
pub struct Anatomy {
    /// The file.
    pub len_bytes: u64,
    /// Series in it.
    pub series: u64,
    /// Each chunk: the labels of its series, its bytes, its samples.
    pub chunks: Vec<(Labels, ChunkBytes, u64)>,
    /// The parts of the index by name.
    pub index: Vec<(&'static str, u64)>,
}

/// Takes a block apart; `None` when it cannot be read.
pub fn anatomy(file: &Path) -> Option<Anatomy> {
    let BlockFile::Block(number) = BlockFile::parse(file.file_name()?.to_str()?)? else { return None };
    let block = Block::open(&disk::RealDisk, file.parent()?, number, &Counter::default()).ok()?;
    let mut chunks = Vec::new();
    for place in 0..block.index().series_count() {
        let labels = block.labels(place).ok()?;
        for chunk in block.chunks(place, TimeRange::ALL).ok()? {
            let view = block.chunk(&chunk).ok()?;
            chunks.push((labels.clone(), block.bytes_of(&chunk)?, view.count as u64));
        }
    }
    let index = block.index().parts();
    Some(Anatomy { len_bytes: block.len_bytes(), series: block.meta.series, chunks, index })
}
