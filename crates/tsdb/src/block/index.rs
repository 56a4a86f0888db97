//! The index of a block as it lies in its file. Nothing is unpacked before somebody asks for it.
//!
//! The sum was checked when the block was opened; what still does not add up is answered with `None` or nothing.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use std::cmp::Ordering;
use std::ops::Range;

use model::{Labels, MatchOp, Matcher};
use roaring::RoaringBitmap;
use stdx::varint::{take_i64, take_u64};

use super::index_writer::ChunkEntry;
use super::meta::VERSION_ENTRIES;
use super::pages::{PAGE_SERIES, Page, RowLabels};
use super::places;

/// Labels that a series may have here: more than any limit allows.
const LABELS_MAX: u64 = 1 << 16;
/// Labels that most series have at most: room that is made for them at once.
const LABELS_USUAL: usize = 12;

/// Where the tables of an index are, relative to its beginning.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    symbols: Table,
    names: usize,
    name_count: usize,
    values: usize,
    pair_count: usize,
    postings: Table,
    series_count: usize,
    series: Series,
}

/// How series are written.
#[derive(Debug, Clone)]
enum Series {
    /// Each by itself, up to version 2.
    Entries(Table),
    /// In pages; which names series have together is said once.
    Pages { shapes: Table, pages: Table },
}

/// Offsets and what they point into.
#[derive(Debug, Clone)]
struct Table {
    count: usize,
    offsets: usize,
    data: usize,
    end: usize,
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk::<4>()?) as usize)
}

impl Table {
    fn parse(bytes: &[u8], offsets: usize, count: usize) -> Option<Self> {
        let data = offsets.checked_add(count.checked_add(1)?.checked_mul(4)?)?;
        let end = data.checked_add(u32_at(bytes, data.checked_sub(4)?)?)?;
        (end <= bytes.len()).then_some(Self { count, offsets, data, end })
    }

    fn get<'a>(&self, bytes: &'a [u8], i: usize) -> Option<&'a [u8]> {
        if i >= self.count {
            return None;
        }
        let at = self.offsets + 4 * i;
        bytes.get(self.data..self.end)?.get(u32_at(bytes, at)?..u32_at(bytes, at + 4)?)
    }
}

impl Layout {
    pub(crate) fn series_count(&self) -> usize {
        self.series_count
    }

    /// Finds the tables; `None` when they do not fit into the bytes.
    pub(crate) fn parse(bytes: &[u8], version: u16) -> Option<Self> {
        let symbols = Table::parse(bytes, 4, u32_at(bytes, 0)?)?;
        let names = symbols.end.checked_add(4)?;
        let name_count = u32_at(bytes, symbols.end)?;
        let pairs_at = names.checked_add(name_count.checked_mul(8)?)?;
        let (pair_count, values) = (u32_at(bytes, pairs_at)?, pairs_at.checked_add(4)?);
        let postings = Table::parse(bytes, values.checked_add(pair_count.checked_mul(4)?)?, pair_count)?;
        let behind = |table: &Table| Some((u32_at(bytes, table.end)?, table.end.checked_add(4)?));
        let (count, at) = behind(&postings)?;
        let (series_count, series) = if version <= VERSION_ENTRIES {
            (count, Series::Entries(Table::parse(bytes, at, count)?))
        } else {
            let shapes = Table::parse(bytes, at, count)?;
            let (count, at) = behind(&shapes)?;
            (count, Series::Pages { pages: Table::parse(bytes, at, count.div_ceil(PAGE_SERIES))?, shapes })
        };
        Some(Self { symbols, names, name_count, values, pair_count, postings, series_count, series })
    }
}

/// An index, to be asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IndexView<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) layout: &'a Layout,
    /// Where the chunks end in the file.
    pub(crate) chunks_end: u64,
}

/// What an index says of a series.
#[derive(Debug, Clone)]
pub(crate) struct SeriesEntry {
    /// Number of its first chunk among all of the block.
    pub(crate) first_chunk: u64,
    pub(crate) chunks: Vec<ChunkEntry>,
}

impl<'a> IndexView<'a> {
    pub(crate) fn series_count(&self) -> u32 {
        self.layout.series_count as u32
    }

    fn symbol(&self, i: usize) -> Option<&'a str> {
        std::str::from_utf8(self.layout.symbols.get(self.bytes, i)?).ok()
    }

    fn symbol_of(&self, text: &str) -> Option<usize> {
        let at = |i| self.layout.symbols.get(self.bytes, i).unwrap_or_default();
        let place = partition(0..self.layout.symbols.count, |i| at(i) < text.as_bytes());
        (at(place) == text.as_bytes() && place < self.layout.symbols.count).then_some(place)
    }

    /// What the tables take, by name.
    pub(crate) fn parts(&self) -> Vec<(&'static str, u64)> {
        let layout = self.layout;
        let (shapes, pages) = match &layout.series {
            Series::Entries(entries) => (entries, entries),
            Series::Pages { shapes, pages } => (shapes, pages),
        };
        let parts = [
            ("symbols", layout.symbols.end),
            ("names and values", layout.postings.offsets - layout.symbols.end),
            ("postings, offsets", layout.postings.data - layout.postings.offsets),
            ("postings", layout.postings.end - layout.postings.data),
            ("shapes", shapes.end - layout.postings.end),
            ("series, offsets", pages.data - shapes.end.min(pages.data)),
            ("series", pages.end - pages.data),
        ];
        parts.map(|(name, bytes)| (name, bytes as u64)).to_vec()
    }

    /// The chunks of the series at a place; the number of each is a number.
    pub(crate) fn series(&self, place: u32, block_from_ms: i64) -> Option<SeriesEntry> {
        let entry = self.entry(place, block_from_ms)?;
        entry.first_chunk.checked_add(entry.chunks.len() as u64).map(|_| entry)
    }

    fn entry(&self, place: u32, block_from_ms: i64) -> Option<SeriesEntry> {
        match &self.layout.series {
            Series::Entries(entries) => {
                let mut entry = entries.get(self.bytes, place as usize)?;
                let label_count = take_u64(&mut entry).filter(|count| *count <= LABELS_MAX)?;
                for _ in 0..2 * label_count {
                    take_u64(&mut entry)?;
                }
                chunks_of_entry(entry, block_from_ms)
            }
            Series::Pages { pages, .. } => {
                let (page, row) = self.page(pages, place)?;
                let (first_chunk, chunks) = page.chunks(row, block_from_ms, self.chunks_end)?;
                Some(SeriesEntry { first_chunk, chunks })
            }
        }
    }

    fn page(&self, pages: &Table, place: u32) -> Option<(Page<'a>, usize)> {
        let place = place as usize;
        let left = self.layout.series_count.checked_sub(place).filter(|left| *left > 0)?;
        let (number, row) = (place / PAGE_SERIES, place % PAGE_SERIES);
        Some((Page::parse(pages.get(self.bytes, number)?, PAGE_SERIES.min(row + left))?, row))
    }

    /// The labels of a series, one after another; one that is `None` cannot be read.
    fn each_label(&self, place: u32) -> Option<EachLabel<'a>> {
        match &self.layout.series {
            Series::Entries(entries) => {
                let mut symbols = entries.get(self.bytes, place as usize)?;
                let count = take_u64(&mut symbols).filter(|count| *count <= LABELS_MAX)?;
                Some(EachLabel::Entry { index: *self, count, symbols })
            }
            Series::Pages { shapes, pages } => {
                let (page, row) = self.page(pages, place)?;
                let values = page.labels(row)?;
                Some(EachLabel::Row { index: *self, names: shapes.get(self.bytes, values.shape)?, values })
            }
        }
    }

    /// The labels of a series.
    pub(crate) fn labels(&self, place: u32) -> Option<Labels> {
        let mut pairs: Vec<(&str, &str)> = Vec::with_capacity(LABELS_USUAL);
        for pair in self.each_label(place)? {
            let (name, value) = pair?;
            if pairs.last().is_some_and(|(before, _)| *before >= name) {
                return None;
            }
            pairs.push((name, value));
        }
        Some(Labels::from_sorted(pairs))
    }

    /// How the labels of a series compare with others, without making them.
    pub(crate) fn compare(&self, place: u32, labels: &Labels) -> Option<Ordering> {
        let mut others = labels.iter();
        for pair in self.each_label(place)? {
            let pair = pair?;
            let Some(other) = others.next() else { return Some(Ordering::Greater) };
            let order = pair.cmp(&other);
            if order != Ordering::Equal {
                return Some(order);
            }
        }
        Some(if others.next().is_some() { Ordering::Less } else { Ordering::Equal })
    }

    /// Number and pairs of each name.
    fn name(&self, n: usize) -> Option<(usize, Range<usize>)> {
        let at = self.layout.names + 8 * n;
        let (name, first) = (u32_at(self.bytes, at)?, u32_at(self.bytes, at + 4)?);
        // Behind the last name there is the number of pairs, where another name would stand.
        let is_last = n + 1 >= self.layout.name_count;
        let end = if is_last { self.layout.pair_count } else { u32_at(self.bytes, at + 12)? };
        Some((name, first..end.min(self.layout.pair_count)))
    }

    fn pairs_of(&self, name: &str) -> Range<usize> {
        let Some(symbol) = self.symbol_of(name) else { return 0..0 };
        let number = |n| self.name(n).map_or(usize::MAX, |(number, _)| number);
        let n = partition(0..self.layout.name_count, |n| number(n) < symbol);
        self.name(n)
            .filter(|(number, _)| *number == symbol && n < self.layout.name_count)
            .map_or(0..0, |(_, pairs)| pairs)
    }

    fn value(&self, pair: usize) -> Option<&'a str> {
        self.symbol(u32_at(self.bytes, self.layout.values + 4 * pair)?)
    }

    fn pair_of(&self, pairs: Range<usize>, value: &str) -> Option<usize> {
        let symbol = self.symbol_of(value)?;
        let number = |pair| u32_at(self.bytes, self.layout.values + 4 * pair).unwrap_or(usize::MAX);
        let pair = partition(pairs.clone(), |pair| number(pair) < symbol);
        (pairs.contains(&pair) && number(pair) == symbol).then_some(pair)
    }

    fn postings(&self, pair: usize) -> RoaringBitmap {
        let list = self.layout.postings.get(self.bytes, pair).unwrap_or_default();
        places::read(list, self.series_count())
    }

    fn union(&self, pairs: impl Iterator<Item = usize>) -> RoaringBitmap {
        let mut union = RoaringBitmap::new();
        pairs.for_each(|pair| union |= self.postings(pair));
        union
    }

    fn all(&self) -> RoaringBitmap {
        let mut all = RoaringBitmap::new();
        all.insert_range(0..self.series_count());
        all
    }

    /// Places of the series that satisfy all matchers; the way of the head's index.
    pub(crate) fn matching(&self, matchers: &[Matcher]) -> RoaringBitmap {
        let (takes_away, mut looks): (Vec<&Matcher>, Vec<&Matcher>) =
            matchers.iter().partition(|m| m.matches_empty());
        looks.sort_by_key(|m| m.only_values().map_or(usize::MAX, <[String]>::len));
        let mut found: Option<RoaringBitmap> = None;
        for matcher in looks {
            let places = self.with_value(matcher);
            let left = found.map_or(places.clone(), |so_far| so_far & places);
            if left.is_empty() {
                return left;
            }
            found = Some(left);
        }
        let mut found = found.unwrap_or_else(|| self.all());
        for matcher in takes_away {
            let pairs = self.pairs_of(&matcher.name);
            found -= match (matcher.op, matcher.value.as_str()) {
                (MatchOp::NotEqual, value) => self.union(self.pair_of(pairs, value).into_iter()),
                _ => self.union(pairs.filter(|pair| self.value(*pair).is_some_and(|v| !matcher.matches(v)))),
            };
        }
        found
    }

    fn with_value(&self, matcher: &Matcher) -> RoaringBitmap {
        let pairs = self.pairs_of(&matcher.name);
        match matcher.only_values() {
            Some(values) => self.union(values.iter().filter_map(|value| self.pair_of(pairs.clone(), value))),
            None => self.union(pairs.filter(|pair| self.value(*pair).is_some_and(|v| matcher.matches(v)))),
        }
    }

    /// Names of labels that these series have.
    pub(crate) fn names_of(&self, places: &RoaringBitmap) -> Vec<String> {
        let names = (0..self.layout.name_count).filter_map(|n| self.name(n));
        let has =
            names.filter(|(_, pairs)| pairs.clone().any(|pair| !self.postings(pair).is_disjoint(places)));
        has.filter_map(|(name, _)| self.symbol(name).map(str::to_owned)).collect()
    }

    /// Values of a label that these series have.
    pub(crate) fn values_of(&self, name: &str, places: &RoaringBitmap) -> Vec<String> {
        let has = self.pairs_of(name).filter(|pair| !self.postings(*pair).is_disjoint(places));
        has.filter_map(|pair| self.value(pair).map(str::to_owned)).collect()
    }
}

/// Labels of a series, read one after another.
enum EachLabel<'a> {
    /// Up to version 2: names and values as symbols.
    Entry { index: IndexView<'a>, count: u64, symbols: &'a [u8] },
    /// The names of its shape, and the numbers of its values.
    Row { index: IndexView<'a>, names: &'a [u8], values: RowLabels<'a> },
}

impl<'a> EachLabel<'a> {
    fn take_symbol(index: &IndexView<'a>, symbols: &mut &[u8]) -> Option<&'a str> {
        index.symbol(usize::try_from(take_u64(symbols)?).ok()?)
    }

    fn take_value(
        index: &IndexView<'a>,
        names: &mut &[u8],
        values: &mut RowLabels<'_>,
    ) -> Option<(&'a str, &'a str)> {
        let name = usize::try_from(take_u64(names)?).ok().filter(|n| *n < index.layout.name_count)?;
        let (name, pairs) = index.name(name)?;
        let pair = pairs.start.checked_add(values.next_value()?).filter(|pair| pairs.contains(pair))?;
        Some((index.symbol(name)?, index.value(pair)?))
    }
}

impl<'a> Iterator for EachLabel<'a> {
    type Item = Option<(&'a str, &'a str)>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Entry { index, count, symbols } => {
                *count = count.checked_sub(1)?;
                let name = Self::take_symbol(index, symbols);
                Some(name.zip(Self::take_symbol(index, symbols)))
            }
            Self::Row { names: [], .. } => None,
            Self::Row { index, names, values } => Some(Self::take_value(index, names, values)),
        }
    }
}

/// The chunks of an entry, behind its labels.
fn chunks_of_entry(mut input: &[u8], block_from_ms: i64) -> Option<SeriesEntry> {
    let input = &mut input;
    let (first_chunk, count) = (take_u64(input)?, take_u64(input)?);
    let mut chunks = Vec::with_capacity(usize::try_from(count).ok()?.min(input.len()));
    let (mut last_ms, mut offset_bytes) = (block_from_ms, 0u64);
    for _ in 0..count {
        let first_ms = last_ms.wrapping_add(take_i64(input)?);
        last_ms = first_ms.wrapping_add(take_u64(input)? as i64);
        offset_bytes = offset_bytes.checked_add(take_u64(input)?)?;
        chunks.push(ChunkEntry { first_ms, last_ms, offset_bytes });
    }
    Some(SeriesEntry { first_chunk, chunks })
}

/// The first of the range for which `is_before` does not hold.
fn partition(range: Range<usize>, is_before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (range.start, range.end);
    while low < high {
        let middle = usize::midpoint(low, high);
        if is_before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests;
