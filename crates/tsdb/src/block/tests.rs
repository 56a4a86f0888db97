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

/// Series in order of labels, written as block 12.
fn write_all(disk: &MemDisk, series: &[(Labels, Samples)]) -> Block {
    disk.create_dir_all(Path::new(DIR)).unwrap();
    let meta = Meta { number: 12, level: 1, from_ms: 0, end_ms: 7_200_000, ..Meta::default() };
    let mut writer = BlockWriter::begin(disk, Path::new(DIR), meta).unwrap();
    series.iter().for_each(|(labels, samples)| writer.series(labels, samples).unwrap());
    writer.finish().unwrap().unwrap();
    Block::open(disk, Path::new(DIR), 12, &Counter::default()).unwrap()
}

#[test]
fn what_was_written_by_version_2_comes_back_from_version_3_in_less() {
    let series = fixture_series();
    let block = write_all(&MemDisk::new(), &series);
    check(&block, &series);
    assert!((block.len_bytes() as usize) < VERSION_2.len() - 1000, "{} bytes", block.len_bytes());
}

const BOUNDS: [&str; 4] = ["+Inf", "1", "0.5", "0.1"];

/// Buckets and count of histograms of some paths; that of path 3 begins to have buckets later than its count.
fn histograms(paths: usize) -> Vec<(Labels, Samples)> {
    let mut all = Vec::new();
    // All that is counted is noisy, and each bucket lacks more than the one above it.
    let counted = |path: usize, i: i64, share: i64| {
        (i * (path as i64 + 40) + i * 7919 % 13 - (4 - share) * 2 * i) as f64
    };
    for (share, le) in (1..=4).rev().zip(BOUNDS) {
        for path in 0..paths {
            let mut samples = Samples::default();
            let first = if path == 3 { 7 } else { 0 };
            (first..200).for_each(|i| samples.push(i * 15_000, counted(path, i, share)));
            let path = format!("/{path:03}");
            let labels = [("__name__", "h_bucket"), ("le", le), ("path", &path)];
            all.push((Labels::from_pairs(labels), samples));
        }
    }
    for path in 0..paths {
        let mut samples = Samples::default();
        (0..200).for_each(|i| samples.push(i * 15_000, counted(path, i, 4)));
        let path = format!("/{path:03}");
        all.push((Labels::from_pairs([("__name__", "h_count"), ("path", &path)]), samples));
    }
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    all
}

/// Values of series that have little to do with each other, or lack a little of what all count, at one of two scales; and whatever
/// bits there are.
fn any_values(counted: &[f64], rng: &mut fastrand::Rng) -> Vec<f64> {
    let (kind, rare) = (rng.u8(..8), if rng.bool() { 250 } else { u8::MAX });
    let value = |all: &f64| match kind {
        _ if rng.u8(..) > rare => [model::STALE_NAN, -0.0, f64::NEG_INFINITY][rng.usize(..3)],
        0..3 => all - f64::from(rng.u8(..3)),
        3..5 => (all - f64::from(rng.u8(..3))) / 100.0,
        5 => f64::from_bits(rng.u64(..)),
        6 => [f64::MAX, f64::MIN, 5e-324, -5e-324, f64::from_bits(i64::MAX as u64)][rng.usize(..5)],
        _ => all.sqrt(),
    };
    counted.iter().map(value).collect()
}

/// What is named like parts of histograms and need be none: with bounds that are missing, no numbers or the same, of which each part
/// has times and scale of its own.
#[test]
fn histograms_whose_parts_do_not_go_together_come_back() {
    let mut rng = fastrand::Rng::with_seed(23);
    for _ in 0..60 {
        let mut all = std::collections::BTreeMap::new();
        let counted: Vec<f64> = (0..300).map(|i| f64::from(i * 40 + rng.i32(0..900))).collect();
        for _ in 0..40 {
            let mut pairs =
                vec![("__name__", ["h_bucket", "h_count", "_bucket", "_count", "h_sum"][rng.usize(..5)])];
            let (le, path) = (rng.usize(..6), rng.usize(..4));
            pairs.extend(["+Inf", "1", "1.0", "x", "-1"].get(le).map(|le| ("le", *le)));
            pairs.extend(["/", "/\0le\0x", "a"].get(path).map(|path| ("path", *path)));
            // Most have all times; some begin later or end earlier, or have them a little later.
            let (first, late) = (if rng.bool() { 0 } else { rng.i64(0..3) }, i64::from(rng.u8(..4) == 0));
            let last = [1, 63, 64, 65, 128, 300][rng.usize(..6)] + first;
            let times: Vec<i64> = (first..last).map(|i| i * 15_000 + late * (i % 2)).collect();
            let values = any_values(&counted[..times.len()], &mut rng);
            all.insert(Labels::from_pairs(pairs), Samples { times_ms: times, values });
        }
        let series: Vec<(Labels, Samples)> = all.into_iter().collect();
        check(&write_all(&MemDisk::new(), &series), &series);
    }
}

fn chunk_bytes(block: &Block, place: u32) -> u64 {
    let chunk = block.chunks(place, TimeRange::ALL).unwrap()[0];
    block.bytes_of(&chunk).unwrap().all()
}

/// More pages than one, and a histogram whose count is not that of its buckets.
#[test]
fn a_histogram_is_counted_once() {
    let series = histograms(100);
    let block = write_all(&MemDisk::new(), &series);
    check(&block, &series);
    let place = |name: &str, path: &str| {
        let found = series
            .iter()
            .position(|(labels, _)| labels.metric_name() == name && labels.get("path") == Some(path));
        found.unwrap() as u32
    };
    let (first, count) = (place("h_bucket", "/001"), place("h_count", "/001"));
    assert_eq!(series[first as usize].0.get("le"), Some("+Inf"));
    assert!(chunk_bytes(&block, first) > 100, "{} bytes", chunk_bytes(&block, first));
    assert!(chunk_bytes(&block, count) < 24, "{} bytes", chunk_bytes(&block, count));
    assert!(chunk_bytes(&block, place("h_count", "/003")) > 100, "has more samples than the buckets");
    assert_eq!(block.matching(&[model::Matcher::equal("le", "0.5")]).len(), 100);
}

/// Each byte of a bucket on which others build: all of them say so, and where.
#[test]
fn damage_of_a_base_is_met_by_who_builds_on_it() {
    let disk = MemDisk::new();
    let series = histograms(2);
    let block = write_all(&disk, &series);
    let at = |block: &Block, place: u32| block.chunks(place, TimeRange::ALL).unwrap()[0].entry.offset_bytes;
    // The first has the times of all; the one behind it builds on nothing and lends nothing but its integers.
    let (base, end) = (at(&block, 1), at(&block, 2));
    let builds = |place: u32| series[place as usize].0.get("path") == Some("/001") && place != 1;
    let path = Path::new("/blocks/00000012.block");
    let whole = disk.read(path).unwrap();
    for byte in base..end {
        let mut bytes = whole.clone();
        bytes[byte as usize] ^= 0x20;
        disk.remove_file(path).unwrap();
        disk.create(path).unwrap().append(&bytes).unwrap();
        let block = Block::open(&disk, Path::new(DIR), 12, &Counter::default()).unwrap();
        for place in 0..series.len() as u32 {
            let chunk = block.chunks(place, TimeRange::ALL).unwrap()[0];
            let damaged = (place == 1 || builds(place)).then_some(base);
            assert_eq!(block.damage_of(&chunk), damaged, "series {place}, byte {byte}");
            assert_eq!(block.chunk(&chunk).is_err(), damaged.is_some());
        }
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
