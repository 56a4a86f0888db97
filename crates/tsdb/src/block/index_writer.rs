//! The index of a block while it is written (docs/formats/block.md, "Index").

use std::collections::HashMap;
use std::ops::Range;

use model::Labels;
use stdx::varint::put_u64;

use super::pages::{PAGE_SERIES, PageWriter};
use super::places;

/// A chunk: its span, and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChunkEntry {
    pub(crate) first_ms: i64,
    pub(crate) last_ms: i64,
    pub(crate) offset_bytes: u64,
}

/// Collects series in order of labels. Strings and pairs have numbers in the order in which they come.
#[derive(Debug, Default)]
pub(crate) struct IndexWriter {
    strings: HashMap<Box<str>, u32>,
    numbers: HashMap<(u32, u32), u32>,
    /// Name and value of each pair, and the series that have it.
    pairs: Vec<(u32, u32)>,
    postings: Vec<Vec<u32>>,
    /// Pairs of all series.
    labels: Vec<u32>,
    chunks: Vec<ChunkEntry>,
    /// How many pairs and chunks there are with each series.
    ends: Vec<(usize, usize)>,
    last: Option<Labels>,
}

/// Where strings and pairs are in the index.
struct Order {
    /// Place of each string.
    symbols: Vec<u32>,
    /// Pairs in order.
    pairs: Vec<u32>,
    /// Place of each pair.
    places: Vec<u32>,
    /// Symbol of each name, and the place of its first pair.
    names: Vec<(u32, u32)>,
}

impl IndexWriter {
    /// Adds a series; its labels are above those of the last.
    pub(crate) fn add(&mut self, labels: &Labels, chunks: &[ChunkEntry]) {
        let place = self.ends.len() as u32;
        let last = self.last.replace(labels.clone());
        let last_begin = self.ends.len().checked_sub(2).map_or(0, |before| self.ends[before].0);
        let mut of_last = last.iter().flatten();
        for (i, (name, value)) in labels.iter().enumerate() {
            // Most labels are those of the series before.
            let same = of_last.next().filter(|pair| *pair == (name, value));
            let pair = match same {
                Some(_) => self.labels[last_begin + i],
                None => self.pair(name, value),
            };
            self.postings[pair as usize].push(place);
            self.labels.push(pair);
        }
        self.chunks.extend_from_slice(chunks);
        self.ends.push((self.labels.len(), self.chunks.len()));
    }

    pub(crate) fn series(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn chunks(&self) -> usize {
        self.chunks.len()
    }

    fn pair(&mut self, name: &str, value: &str) -> u32 {
        let pair = (self.string(name), self.string(value));
        *self.numbers.entry(pair).or_insert_with(|| {
            self.pairs.push(pair);
            self.postings.push(Vec::new());
            self.pairs.len() as u32 - 1
        })
    }

    fn string(&mut self, text: &str) -> u32 {
        if let Some(number) = self.strings.get(text) {
            return *number;
        }
        let number = self.strings.len() as u32;
        self.strings.insert(text.into(), number);
        number
    }

    /// The bytes of the index.
    pub(crate) fn finish(self, block_from_ms: i64) -> Vec<u8> {
        let mut out = Vec::new();
        let order = self.put_symbols(&mut out);
        self.put_postings(&order, &mut out);
        self.put_series(&order, block_from_ms, &mut out);
        out
    }

    /// Writes the strings in order, and gives the order of all.
    fn put_symbols(&self, out: &mut Vec<u8>) -> Order {
        let mut sorted: Vec<(&str, u32)> = self.strings.iter().map(|(text, n)| (text.as_ref(), *n)).collect();
        sorted.sort_unstable();
        let mut symbols = vec![0; sorted.len()];
        put_u32(out, sorted.len());
        put_offsets(out, sorted.iter().map(|(text, _)| text.len()));
        for (place, (text, number)) in sorted.iter().enumerate() {
            out.extend_from_slice(text.as_bytes());
            symbols[*number as usize] = place as u32;
        }
        let symbol_pair = |pair: u32| {
            let (name, value) = self.pairs[pair as usize];
            (symbols[name as usize], symbols[value as usize])
        };
        let mut pairs: Vec<u32> = (0..self.pairs.len() as u32).collect();
        pairs.sort_unstable_by_key(|pair| symbol_pair(*pair));
        let mut places = vec![0; pairs.len()];
        let mut names: Vec<(u32, u32)> = Vec::new();
        for (place, pair) in (0..).zip(&pairs) {
            places[*pair as usize] = place;
            let name = symbol_pair(*pair).0;
            if names.last().is_none_or(|(last, _)| *last != name) {
                names.push((name, place));
            }
        }
        Order { symbols, pairs, places, names }
    }

    fn put_postings(&self, order: &Order, out: &mut Vec<u8>) {
        put_u32(out, order.names.len());
        for (name, first) in &order.names {
            put_u32(out, *name as usize);
            put_u32(out, *first as usize);
        }
        put_u32(out, order.pairs.len());
        for pair in &order.pairs {
            put_u32(out, order.symbols[self.pairs[*pair as usize].1 as usize] as usize);
        }
        let lists: Vec<Vec<u8>> =
            order.pairs.iter().map(|pair| places::list(&self.postings[*pair as usize])).collect();
        put_offsets(out, lists.iter().map(Vec::len));
        lists.iter().for_each(|list| out.extend_from_slice(list));
    }

    fn put_series(&self, order: &Order, block_from_ms: i64, out: &mut Vec<u8>) {
        let mut shapes = Shapes::default();
        let (mut all, mut lens) = (Vec::new(), Vec::new());
        let mut page = PageWriter::default();
        let mut labels = Vec::new();
        for (i, (pairs, chunks)) in self.each(|end| end.0).zip(self.each(|end| end.1)).enumerate() {
            labels.clear();
            labels.extend(self.labels[pairs].iter().map(|pair| {
                let place = order.places[*pair as usize];
                let name = order.names.partition_point(|(_, first)| *first <= place) - 1;
                (name as u32, place - order.names[name].1)
            }));
            if i % PAGE_SERIES == 0 {
                page.begin(chunks.start as u64);
            }
            let shape = shapes.number(labels.iter().map(|(name, _)| *name));
            page.add(shape, labels.iter().map(|(_, value)| *value), &self.chunks[chunks]);
            if i % PAGE_SERIES == PAGE_SERIES - 1 || i + 1 == self.ends.len() {
                let begin = all.len();
                page.put(block_from_ms, &mut all);
                lens.push(all.len() - begin);
            }
        }
        shapes.put(out);
        put_u32(out, self.ends.len());
        put_offsets(out, lens.into_iter());
        out.extend_from_slice(&all);
    }

    /// The range of each series, by what `end` says of where it ends.
    fn each(&self, end: fn(&(usize, usize)) -> usize) -> impl Iterator<Item = Range<usize>> + '_ {
        let mut begin = 0;
        self.ends.iter().map(move |ends| {
            let range = begin..end(ends);
            begin = range.end;
            range
        })
    }
}

/// Which names of labels series have together.
#[derive(Default)]
struct Shapes {
    numbers: HashMap<Box<[u32]>, u32>,
    in_order: Vec<Box<[u32]>>,
    names: Vec<u32>,
    last: u32,
}

impl Shapes {
    fn number(&mut self, names: impl Iterator<Item = u32>) -> u32 {
        self.names.clear();
        self.names.extend(names);
        if self.in_order.get(self.last as usize).is_some_and(|last| **last == *self.names) {
            return self.last;
        }
        let next = self.in_order.len() as u32;
        self.last = *self.numbers.entry(self.names.as_slice().into()).or_insert(next);
        if self.last == next {
            self.in_order.push(self.names.as_slice().into());
        }
        self.last
    }

    fn put(&self, out: &mut Vec<u8>) {
        let texts: Vec<Vec<u8>> = self
            .in_order
            .iter()
            .map(|names| {
                let mut text = Vec::new();
                names.iter().for_each(|name| put_u64(&mut text, u64::from(*name)));
                text
            })
            .collect();
        put_u32(out, texts.len());
        put_offsets(out, texts.iter().map(Vec::len));
        texts.iter().for_each(|text| out.extend_from_slice(text));
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
