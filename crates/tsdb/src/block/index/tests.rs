//! What is written into an index is found there again, and no bytes make it panic.

use proptest::prelude::*;
use stdx::varint::put_u64;

use super::super::index_writer::IndexWriter;
use super::super::meta::VERSION;
use super::super::pages::PageWriter;
use super::*;

const SERIES: [&[(&str, &str)]; 5] = [
    &[("__name__", "down"), ("job", "a")],
    &[("__name__", "up")],
    &[("__name__", "up"), ("env", "prod"), ("job", "b")],
    &[("__name__", "up"), ("job", "a")],
    &[("__name__", "up"), ("job", "b")],
];

fn index() -> Vec<u8> {
    let mut writer = IndexWriter::default();
    for (i, pairs) in (0i64..).zip(SERIES) {
        let chunk = |n: i64| ChunkEntry {
            first_ms: i + 1000 * n,
            last_ms: i + 1000 * n + 900,
            offset_bytes: (16 + 200 * i + 100 * n) as u64,
        };
        writer.add(&Labels::from_pairs(pairs.iter().copied()), &[chunk(0), chunk(1)]);
    }
    writer.finish(0)
}

#[test]
fn series_come_back_and_matchers_find_what_asking_each_finds() {
    let bytes = index();
    let layout = Layout::parse(&bytes, VERSION).unwrap();
    let index = IndexView { bytes: &bytes, layout: &layout, chunks_end: 2000 };
    let all: Vec<Labels> = SERIES.iter().map(|pairs| Labels::from_pairs(pairs.iter().copied())).collect();
    for (place, labels) in (0..).zip(&all) {
        assert_eq!(index.labels(place).as_ref(), Some(labels));
        for other in all.iter().chain([&Labels::empty()]) {
            assert_eq!(index.compare(place, other), Some(labels.cmp(other)));
        }
        let entry = index.series(place, 0).unwrap();
        assert_eq!((entry.first_chunk, entry.chunks.len()), (u64::from(place) * 2, 2));
        assert_eq!(entry.chunks[1].offset_bytes, u64::from(116 + 200 * place));
    }
    assert!(index.labels(5).is_none() && index.series(5, 0).is_none());
    for name in ["__name__", "job", "env", "nothing"] {
        for op in [MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex] {
            for value in ["", "a", "b", "up", "a|b", ".+", ".*", "prod", "zzz"] {
                let matchers = [Matcher::new(name, op, value).unwrap(), Matcher::equal("__name__", "up")];
                let asked = (0..).zip(&all).filter(|(_, l)| matchers.iter().all(|m| m.matches_labels(l)));
                let expected: Vec<u32> = asked.map(|(place, _)| place).collect();
                let found: Vec<u32> = index.matching(&matchers).iter().collect();
                assert_eq!(found, expected, "{name} {} {value}", op.as_str());
            }
        }
    }
    assert_eq!(index.names_of(&RoaringBitmap::from([1, 4])), ["__name__", "job"]);
    assert_eq!(index.values_of("job", &RoaringBitmap::from([1, 2, 3])), ["a", "b"]);
}

/// More than a page, of several shapes, some of them without chunks of the usual number.
#[test]
fn pages_of_any_series_come_back() {
    let mut rng = fastrand::Rng::with_seed(11);
    let mut all = std::collections::BTreeSet::new();
    for _ in 0..700 {
        let mut pairs = Vec::new();
        for name in ["__name__", "a", "b", "instance", "zone"] {
            if rng.u8(..4) > 0 {
                pairs.push((name, format!("v{}", rng.u8(..40))));
            }
        }
        all.insert(Labels::from_pairs(pairs));
    }
    let (mut writer, mut offset_bytes, mut expected) = (IndexWriter::default(), 16, Vec::new());
    for labels in &all {
        let mut first_ms = 1000;
        let chunks: Vec<ChunkEntry> = (0..rng.usize(1..4))
            .map(|_| {
                let chunk = ChunkEntry { first_ms, last_ms: first_ms + rng.i64(0..9000), offset_bytes };
                (first_ms, offset_bytes) = (chunk.last_ms + 1, offset_bytes + rng.u64(20..500));
                chunk
            })
            .collect();
        writer.add(labels, &chunks);
        expected.push(chunks);
    }
    let bytes = writer.finish(500);
    let layout = Layout::parse(&bytes, VERSION).unwrap();
    let index = IndexView { bytes: &bytes, layout: &layout, chunks_end: offset_bytes };
    assert!(all.len() > 4 * PAGE_SERIES && index.series_count() as usize == all.len());
    let mut number = 0;
    for ((place, labels), chunks) in (0..).zip(&all).zip(expected) {
        assert_eq!(index.labels(place).as_ref(), Some(labels));
        let entry = index.series(place, 500).unwrap();
        assert_eq!((entry.first_chunk, &entry.chunks), (number, &chunks));
        number += chunks.len() as u64;
    }
    for name in ["a", "instance", "zone"] {
        let matcher = Matcher::equal(name, "v7");
        let expected = (0..).zip(&all).filter(|(_, labels)| matcher.matches_labels(labels));
        let expected: Vec<u32> = expected.map(|(place, _)| place).collect();
        assert_eq!(index.matching(&[matcher]).iter().collect::<Vec<_>>(), expected);
    }
}

/// One series without labels and with two chunks, the first of which has this number.
fn one_series(version: u16, first_chunk: u64) -> Vec<u8> {
    let chunk = ChunkEntry { first_ms: 0, last_ms: 9, offset_bytes: 16 };
    let mut series = Vec::new();
    if version == VERSION {
        let mut page = PageWriter::default();
        page.begin(first_chunk);
        page.add(0, std::iter::empty(), &[chunk, chunk]);
        page.put(0, &mut series);
    } else {
        let (chunks, varint) = ([0, 9, 16, 0, 9, 0], &mut Vec::new());
        put_u64(varint, first_chunk);
        series.extend([&[0], &varint[..], &[2], &chunks].concat());
    }
    // Nothing of symbols, names, pairs and postings, and a shape without names.
    let shapes: &[u32] = if version == VERSION { &[1, 0, 0] } else { &[] };
    let tables = [&[0; 5], shapes, &[1, 0, series.len() as u32]].concat();
    [tables.into_iter().flat_map(u32::to_le_bytes).collect(), series].concat()
}

#[test]
fn chunks_beyond_all_numbers_are_none() {
    for version in [2, VERSION] {
        for (first_chunk, is_there) in
            [(7, true), (u64::MAX - 2, true), (u64::MAX - 1, false), (u64::MAX, false)]
        {
            let bytes = one_series(version, first_chunk);
            let layout = Layout::parse(&bytes, version).unwrap();
            let index = IndexView { bytes: &bytes, layout: &layout, chunks_end: 2000 };
            let entry = index.series(0, 0);
            assert_eq!(entry.is_some(), is_there, "version {version}, chunk {first_chunk}");
            assert!(entry.is_none_or(|entry| entry.chunks.len() == 2 && entry.first_chunk == first_chunk));
        }
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(changes in prop::collection::vec((any::<u16>(), any::<u8>()), 1..30), cut in 0..40usize) {
        let mut bytes = index();
        for (at, byte) in changes {
            let at = usize::from(at) % bytes.len();
            bytes[at] = byte;
        }
        bytes.truncate(bytes.len() - cut);
        let Some(layout) = Layout::parse(&bytes, VERSION) else { return Ok(()) };
        let index = IndexView { bytes: &bytes, layout: &layout, chunks_end: 2000 };
        for place in 0..6 {
            index.labels(place);
            index.compare(place, &Labels::from_pairs([("__name__", "up")]));
            index.series(place, 0);
        }
        let found = index.matching(&[Matcher::new("job", MatchOp::Regex, "a|c.*").unwrap()]);
        index.names_of(&found);
        index.values_of("job", &found);
    }
}
