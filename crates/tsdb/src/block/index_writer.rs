//! The index of a block while it is written (docs/formats/block.md, "Index").

use std::collections::{BTreeMap, HashMap};

use model::Labels;
use roaring::RoaringBitmap;
use stdx::varint::{put_i64, put_u64};

/// A chunk: its span, and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChunkEntry {
    pub(crate) first_ms: i64,
    pub(crate) last_ms: i64,
    pub(crate) offset_bytes: u64,
}

/// Collects series in order of labels.
#[derive(Debug, Default)]
pub(crate) struct IndexWriter {
    numbers: HashMap<Box<str>, u32>,
    /// Labels of all series as numbers of strings, pair after pair.
    pairs: Vec<(u32, u32)>,
    chunks: Vec<ChunkEntry>,
    /// How many pairs and chunks there are with each series.
    ends: Vec<(usize, usize)>,
}

impl IndexWriter {
    /// Adds a series; its labels are above those of the last.
    pub(crate) fn add(&mut self, labels: &Labels, chunks: &[ChunkEntry]) {
        for (name, value) in labels {
            let pair = (self.number(name), self.number(value));
            self.pairs.push(pair);
        }
        self.chunks.extend_from_slice(chunks);
        self.ends.push((self.pairs.len(), self.chunks.len()));
    }

    pub(crate) fn series(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn chunks(&self) -> usize {
        self.chunks.len()
    }

    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.numbers.len() as u32;
        self.numbers.insert(text.into(), number);
        number
    }

    /// The bytes of the index.
    pub(crate) fn finish(mut self, block_from_ms: i64) -> Vec<u8> {
        let mut out = Vec::new();
        let places = self.put_symbols(&mut out);
        for (name, value) in &mut self.pairs {
            (*name, *value) = (places[*name as usize], places[*value as usize]);
        }
        self.put_postings(&mut out);
        self.put_series(block_from_ms, &mut out);
        out
    }

    /// Writes the strings in order and gives the place of each by its number.
    fn put_symbols(&self, out: &mut Vec<u8>) -> Vec<u32> {
        let mut sorted: Vec<(&str, u32)> = self.numbers.iter().map(|(text, n)| (text.as_ref(), *n)).collect();
        sorted.sort_unstable();
        let mut places = vec![0; sorted.len()];
        put_u32(out, sorted.len());
        put_offsets(out, sorted.iter().map(|(text, _)| text.len()));
        for (place, (text, number)) in sorted.iter().enumerate() {
            out.extend_from_slice(text.as_bytes());
            places[*number as usize] = place as u32;
        }
        places
    }

    fn put_postings(&self, out: &mut Vec<u8>) {
        let mut postings: BTreeMap<(u32, u32), Vec<u32>> = BTreeMap::new();
        for (place, pairs) in self.each(|end| end.0).map(|range| &self.pairs[range]).enumerate() {
            pairs.iter().for_each(|pair| postings.entry(*pair).or_default().push(place as u32));
        }
        let mut names: Vec<(u32, usize)> = Vec::new();
        for (at, (name, _)) in postings.keys().enumerate() {
            if names.last().is_none_or(|(last, _)| last != name) {
                names.push((*name, at));
            }
        }
        put_u32(out, names.len());
        for (name, at) in names {
            put_u32(out, name as usize);
            put_u32(out, at);
        }
        put_u32(out, postings.len());
        postings.keys().for_each(|(_, value)| put_u32(out, *value as usize));
        let lists: Vec<Vec<u8>> = postings.values().map(|places| list(places)).collect();
        put_offsets(out, lists.iter().map(Vec::len));
        lists.iter().for_each(|list| out.extend_from_slice(list));
    }

    fn put_series(&self, block_from_ms: i64, out: &mut Vec<u8>) {
        let mut entries = Vec::new();
        let mut lens = Vec::new();
        for (pairs, chunks) in self.each(|end| end.0).zip(self.each(|end| end.1)) {
            let begin = entries.len();
            put_u64(&mut entries, pairs.len() as u64);
            for (name, value) in &self.pairs[pairs] {
                put_u64(&mut entries, u64::from(*name));
                put_u64(&mut entries, u64::from(*value));
            }
            put_u64(&mut entries, chunks.start as u64);
            put_u64(&mut entries, chunks.len() as u64);
            let (mut last_ms, mut offset) = (block_from_ms, 0);
            for chunk in &self.chunks[chunks] {
                put_i64(&mut entries, chunk.first_ms.wrapping_sub(last_ms));
                put_u64(&mut entries, chunk.last_ms.wrapping_sub(chunk.first_ms) as u64);
                put_u64(&mut entries, chunk.offset_bytes - offset);
                (last_ms, offset) = (chunk.last_ms, chunk.offset_bytes);
            }
            lens.push(entries.len() - begin);
        }
        put_u32(out, lens.len());
        put_offsets(out, lens.into_iter());
        out.extend_from_slice(&entries);
    }

    /// The range of each series, by what `end` says of where it ends.
    fn each(&self, end: fn(&(usize, usize)) -> usize) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
        let mut begin = 0;
        self.ends.iter().map(move |ends| {
            let range = begin..end(ends);
            begin = range.end;
            range
        })
    }
}

fn put_u32(out: &mut Vec<u8>, value: usize) {
    let value = u32::try_from(value)
        .expect("an index has less than four gibibytes: a million series of four kilobytes");
    out.extend_from_slice(&value.to_le_bytes());
}

fn put_offsets(out: &mut Vec<u8>, lens: impl Iterator<Item = usize>) {
    let mut at = 0;
    put_u32(out, at);
    for len in lens {
        at += len;
        put_u32(out, at);
    }
}

/// A list of postings, the shorter way.
fn list(places: &[u32]) -> Vec<u8> {
    let bitmap = RoaringBitmap::from_sorted_iter(places.iter().copied()).expect("series are added in order");
    let mut plain = vec![0];
    let mut before = 0;
    for place in places {
        put_u64(&mut plain, u64::from(place - before));
        before = *place;
        if plain.len() > bitmap.serialized_size() + 1 {
            let mut packed = vec![1];
            bitmap.serialize_into(&mut packed).expect("a vector takes all");
            return packed;
        }
    }
    plain
}
