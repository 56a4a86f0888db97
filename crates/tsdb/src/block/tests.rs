//! A small block, byte by byte the same for ever: whoever changes this changes what is on people's disks.

use std::path::Path;

use columns::TimeRange;
use disk::{Disk, MemDisk};
use model::Labels;
use prometheus_client::metrics::counter::Counter;
use storage::Samples;

use super::meta::Meta;
use super::tombstones::Tombstones;
use super::{Block, BlockWriter};

const DIR: &str = "/blocks";

fn write(disk: &MemDisk) -> Meta {
    disk.create_dir_all(Path::new(DIR)).unwrap();
    let meta =
        Meta { number: 12, level: 2, from_ms: 0, end_ms: 7_200_000, sources: vec![3, 4], ..Meta::default() };
    let mut writer = BlockWriter::begin(disk, Path::new(DIR), meta).unwrap();
    for (name, value) in [("down", 0.25), ("up", 1.0)] {
        let mut samples = Samples::default();
        (0..480).for_each(|i| samples.push(i * 15_000, value + i as f64));
        writer.series(&Labels::from_pairs([("__name__", name), ("job", "a")]), &samples).unwrap();
    }
    writer.series(&Labels::from_pairs([("__name__", "without")]), &Samples::default()).unwrap();
    writer.finish().unwrap().unwrap()
}

#[test]
fn layout_is_as_the_format_page_says() {
    let disk = MemDisk::new();
    let meta = write(&disk);
    assert_eq!((meta.series, meta.chunks, meta.samples), (2, 2, 960));
    let bytes = disk.read(Path::new("/blocks/00000012.block")).unwrap();
    assert_eq!(bytes[..12], *b"WFBK\x03\0\0\0\x0c\0\0\0");
    assert_eq!(bytes[bytes.len() - 8..bytes.len() - 4], *b"KBFW");
    assert_eq!((bytes.len(), crc32c::crc32c(&bytes)), (LEN_BYTES, SUM));
}

const LEN_BYTES: usize = 290;
const SUM: u32 = 2_028_154_964;

#[test]
fn a_block_comes_back() {
    let disk = MemDisk::new();
    let meta = write(&disk);
    let block = Block::open(&disk, Path::new(DIR), 12, &Counter::default()).unwrap();
    assert_eq!(block.meta, meta);
    let mut out = Samples::default();
    block.samples(1, TimeRange::ALL, &mut out).unwrap();
    assert_eq!((out.times_ms.len(), out.values[479]), (480, 480.0));
    assert!(Block::open(&disk, Path::new(DIR), 13, &Counter::default()).is_err());
}

/// The value of sample `i`.
type Value = fn(i64) -> f64;

/// What is in the blocks of the fixtures.
fn fixture_series() -> Vec<(Labels, Samples)> {
    let kinds: [(&str, Value); 6] = [
        ("bits", |i| (i as f64).sqrt()),
        ("bucket", |i| (i * i % 11 + 11 * i) as f64),
        ("gauge", |i| (i * 7919 % 1000) as f64 / 100.0),
        ("stale", |i| if i % 100 == 99 { model::STALE_NAN } else { i as f64 }),
        ("steady", |i| (1500 * i) as f64),
        ("up", |_| 1.0),
    ];
    let mut all = Vec::new();
    for (name, value) in kinds {
        for (number, job) in (0i64..).zip(["a", "b"]) {
            let mut samples = Samples::default();
            // Every other series has more than a chunk, and all of a job have the same times.
            let (count, step_ms) = if number == 0 { (480, 15_000) } else { (6000, 1200) };
            (0..count).for_each(|i| samples.push(i * step_ms + i * 31 % 3, value(i)));
            all.push((Labels::from_pairs([("__name__", name), ("job", job)]), samples));
        }
    }
    all
}

/// A block as version 2 wrote it.
const VERSION_2: &[u8] = include_bytes!("../../tests/fixtures/blocks/version-2.block");

/// The first version differed from the second in its chunks only, and these say how they are written.
#[test]
fn older_versions_are_read_and_later_ones_refused() {
    let disk = MemDisk::new();
    disk.create_dir_all(Path::new(DIR)).unwrap();
    let path = Path::new("/blocks/00000012.block");
    for (version, opens) in [(0, false), (1, true), (2, true), (4, false)] {
        let mut bytes = VERSION_2.to_vec();
        bytes[4] = version;
        let sum = crc32c::crc32c(&bytes[..12]);
        bytes[12..16].copy_from_slice(&sum.to_le_bytes());
        disk.create(path).unwrap().append(&bytes).unwrap();
        let block = Block::open(&disk, Path::new(DIR), 12, &Counter::default());
        assert_eq!(block.is_ok(), opens, "version {version}");
        block.into_iter().for_each(|block| check(&block, &fixture_series()));
        disk.remove_file(path).unwrap();
    }
}

fn check(block: &Block, series: &[(Labels, Samples)]) {
    assert_eq!(block.index().series_count() as usize, series.len());
    for (place, (labels, samples)) in (0..).zip(series) {
        assert_eq!(block.labels(place).as_ref(), Ok(labels));
        let mut out = Samples::default();
        block.samples(place, TimeRange::ALL, &mut out).unwrap();
        assert_eq!(out.times_ms, samples.times_ms, "{labels}");
        let bits = |samples: &Samples| samples.values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&out), bits(samples), "{labels}");
    }
}

#[test]
fn tombstones_come_back_and_damaged_ones_are_refused() {
    let mut tombstones = Tombstones::default();
    for (place, from_ms, to_ms) in [(7, 10, 20), (7, 21, 30), (7, 50, 60), (2, i64::MIN, i64::MAX)] {
        tombstones.add(place, from_ms, to_ms);
    }
    assert_eq!(tombstones.of(7), [(10, 30), (50, 60)]);
    let mut bytes = tombstones.to_bytes();
    assert_eq!(Tombstones::from_bytes(&bytes), Some(tombstones));
    for at in 0..bytes.len() {
        bytes[at] ^= 4;
        assert_eq!(Tombstones::from_bytes(&bytes), None, "byte {at}");
        bytes[at] ^= 4;
    }
}
