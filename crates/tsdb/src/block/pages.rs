//! The series of an index in pages, column by column, so that what the series of a page have in common takes nothing
//! (docs/formats/block.md, "Pages").

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use stdx::varint::{put_i64, put_u64, take_i64, take_u64};

use super::index_writer::ChunkEntry;
use super::pack::{Line, packed_bytes, put_packed, read_bits};

/// Series of a page: few enough that what they have in common is much, so many that it is said seldom.
pub(crate) const PAGE_SERIES: usize = 64;
/// No chunk is shorter: sum, length, two bytes of head, count and times or where they are, head of the values.
pub(crate) const CHUNK_BYTES_MIN: u64 = 14;

/// Appends numbers: the line below them, and what they are above it.
fn put_column(numbers: &[i64], out: &mut Vec<u8>) {
    let line = Line::fit(numbers);
    put_i64(out, line.base);
    put_i64(out, line.slope);
    out.push(line.width as u8);
    put_packed(numbers.iter().enumerate().map(|(i, number)| line.above(i, *number)), line.width, out);
}

/// Numbers that can be read at any place.
#[derive(Debug, Clone, Copy)]
struct Column<'a> {
    line: Line,
    count: usize,
    packed: &'a [u8],
}

impl<'a> Column<'a> {
    fn take(input: &mut &'a [u8], count: usize) -> Option<Self> {
        let (base, slope) = (take_i64(input)?, take_i64(input)?);
        let (width, rest) = input.split_first()?;
        let width = Some(u32::from(*width)).filter(|width| *width <= 64)?;
        let (packed, rest) = rest.split_at_checked(packed_bytes(count, width))?;
        *input = rest;
        Some(Self { line: Line { base, slope, width }, count, packed })
    }

    fn at(&self, i: usize) -> Option<i64> {
        let above = read_bits(self.packed, i.checked_mul(self.line.width as usize)?, self.line.width);
        (i < self.count).then(|| self.line.at(i).wrapping_add(above as i64))
    }
}

/// Series of a page that is written.
#[derive(Debug, Default)]
pub(crate) struct PageWriter {
    first_chunk: u64,
    shapes: Vec<i64>,
    /// Values by the place of their label, each as long as there are series.
    values: Vec<Vec<i64>>,
    /// Number of chunks with each series.
    ends: Vec<i64>,
    chunks: Vec<ChunkEntry>,
}

impl PageWriter {
    /// Begins a page whose first chunk has this number.
    pub(crate) fn begin(&mut self, first_chunk: u64) {
        *self = Self { first_chunk, ..Self::default() };
    }

    /// Adds a series by the numbers of its shape and of its values.
    pub(crate) fn add(&mut self, shape: u32, values: impl Iterator<Item = u32>, chunks: &[ChunkEntry]) {
        let rows = self.shapes.len();
        self.shapes.push(i64::from(shape));
        for (i, value) in values.enumerate() {
            if self.values.len() <= i {
                self.values.push(vec![i64::from(value); rows]);
            }
            self.values.iter_mut().skip(i).take(1).for_each(|column| column.push(i64::from(value)));
        }
        // Who has fewer labels says nothing new where others have more.
        for column in self.values.iter_mut().filter(|column| column.len() == rows) {
            column.extend(column.last().copied().or(Some(0)));
        }
        self.chunks.extend_from_slice(chunks);
        self.ends.push(self.chunks.len() as i64);
    }

    /// Appends the page.
    pub(crate) fn put(&self, block_from_ms: i64, out: &mut Vec<u8>) {
        let mut labels = Vec::new();
        put_u64(&mut labels, self.values.len() as u64);
        put_column(&self.shapes, &mut labels);
        self.values.iter().for_each(|column| put_column(column, &mut labels));
        put_u64(out, labels.len() as u64);
        out.extend_from_slice(&labels);
        put_u64(out, self.first_chunk);
        put_column(&self.ends, out);
        let column = |of: &dyn Fn(&ChunkEntry) -> i64| self.chunks.iter().map(of).collect::<Vec<_>>();
        put_column(&column(&|chunk| chunk.first_ms.wrapping_sub(block_from_ms)), out);
        put_column(&column(&|chunk| chunk.last_ms.wrapping_sub(chunk.first_ms)), out);
        put_column(&column(&|chunk| chunk.offset_bytes as i64), out);
    }
}

/// A page to be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page<'a> {
    rows: usize,
    labels: &'a [u8],
    chunks: &'a [u8],
}

/// Labels of a series: the number of its shape, and of each value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowLabels<'a> {
    pub(crate) shape: usize,
    rows: usize,
    row: usize,
    columns: u64,
    rest: &'a [u8],
}

impl<'a> Page<'a> {
    /// The page of `rows` series in these bytes.
    pub(crate) fn parse(mut bytes: &'a [u8], rows: usize) -> Option<Self> {
        let len = usize::try_from(take_u64(&mut bytes)?).ok()?;
        let (labels, chunks) = bytes.split_at_checked(len)?;
        Some(Self { rows, labels, chunks })
    }

    /// The labels of the series at `row`.
    pub(crate) fn labels(&self, row: usize) -> Option<RowLabels<'a>> {
        let mut rest = self.labels;
        let columns = take_u64(&mut rest)?;
        let shape = Column::take(&mut rest, self.rows)?.at(row)?;
        Some(RowLabels { shape: usize::try_from(shape).ok()?, rows: self.rows, row, columns, rest })
    }

    /// The number of the first chunk of the series at `row`, and its chunks, which lie before `chunks_end`.
    pub(crate) fn chunks(
        &self,
        row: usize,
        block_from_ms: i64,
        chunks_end: u64,
    ) -> Option<(u64, Vec<ChunkEntry>)> {
        let mut rest = self.chunks;
        let first_chunk = take_u64(&mut rest)?;
        let ends = Column::take(&mut rest, self.rows)?;
        let end = |row: usize| usize::try_from(ends.at(row)?).ok();
        let all = end(self.rows.checked_sub(1)?)?;
        // Of pages that are not ours; or numbers that take nothing would be as many as somebody says.
        if all as u64 > chunks_end / CHUNK_BYTES_MIN {
            return None;
        }
        let (from, to) = (row.checked_sub(1).map_or(Some(0), end)?, end(row)?);
        let [first, span, offset] = [(); 3].map(|()| Column::take(&mut rest, all));
        let (first, span, offset) = (first?, span?, offset?);
        let chunk = |i| {
            let first_ms = block_from_ms.wrapping_add(first.at(i)?);
            let offset_bytes = u64::try_from(offset.at(i)?).ok().filter(|at| *at < chunks_end)?;
            Some(ChunkEntry { first_ms, last_ms: first_ms.wrapping_add(span.at(i)?), offset_bytes })
        };
        let chunks: Option<Vec<ChunkEntry>> = (from..to).map(chunk).collect();
        Some((first_chunk.checked_add(from as u64)?, chunks?))
    }
}

impl RowLabels<'_> {
    /// The number of the next label's value among those of its name.
    pub(crate) fn next_value(&mut self) -> Option<usize> {
        self.columns = self.columns.checked_sub(1)?;
        usize::try_from(Column::take(&mut self.rest, self.rows)?.at(self.row)?).ok()
    }
}
