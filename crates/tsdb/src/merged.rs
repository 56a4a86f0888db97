//! Series of blocks and head as one set.

use std::cmp::Ordering;
use std::sync::Arc;

use columns::{Edges, Steps, TimeRange, WindowOp, WindowSteps};
use model::{Labels, TimestampMs};
use roaring::RoaringBitmap;
use storage::query::covering;
use storage::{QueryError, Samples, Selection, SeriesSet, StepValues};

use crate::block::{Block, Part};
use crate::blocks::View;
use crate::timeline::Timeline;

/// A series: its place in the head's set, and its parts in blocks, in order of time.
struct Row {
    labels: Labels,
    head: Option<usize>,
    parts: Vec<Part>,
}

/// Series of blocks and head.
pub(crate) struct Merged {
    rows: Vec<Row>,
    head: Box<dyn SeriesSet>,
    /// Held so that the head keeps what this needs.
    view: Arc<View>,
}

/// Places of the series of a block that the selection finds.
pub(crate) fn find(block: &Block, selection: &Selection<'_>) -> Result<RoaringBitmap, QueryError> {
    let places = block.matching(selection.matchers);
    let own = block.range();
    if selection.range.from <= own.from && own.to <= selection.range.to {
        return Ok(places);
    }
    let mut found = RoaringBitmap::new();
    for place in places {
        if !block.chunks(place, selection.range)?.is_empty() {
            found.insert(place);
        }
    }
    Ok(found)
}

impl Merged {
    /// Joins what the head has found with what the blocks of the view have; both in order of labels.
    pub(crate) fn new(
        view: Arc<View>,
        head: Box<dyn SeriesSet>,
        selection: &Selection<'_>,
    ) -> Result<Self, QueryError> {
        let mut rows: Vec<Row> = Vec::new();
        for block in view.overlapping(selection.range) {
            rows = join_block(rows, block, &find(block, selection)?)?;
            check_limit(rows.len(), selection)?;
        }
        let of_head =
            (0..head.len()).map(|i| Row { labels: head.labels(i), head: Some(i), parts: Vec::new() });
        rows = join(rows, of_head.collect());
        check_limit(rows.len(), selection)?;
        Ok(Self { rows, head, view })
    }

    fn row(&self, i: usize) -> Result<&Row, QueryError> {
        let missing = || QueryError::Damaged(format!("series {i} of {} that were selected", self.rows.len()));
        self.rows.get(i).ok_or_else(missing)
    }

    /// The head's part of a range.
    fn head_range(&self, range: TimeRange) -> TimeRange {
        TimeRange { from: range.from.max(TimestampMs(self.view.head_from_ms)), to: range.to }
    }

    /// Whether the head alone answers for this range, and at which place.
    fn head_alone(&self, i: usize, range: TimeRange) -> Result<Option<usize>, QueryError> {
        let row = self.row(i)?;
        let in_blocks = row.parts.iter().any(|part| part.block.range().overlaps(&range));
        Ok(row.head.filter(|_| !in_blocks && range.from.0 >= self.view.head_from_ms))
    }

    fn timeline(&self, i: usize, range: TimeRange, without_stale: bool) -> Result<Timeline<'_>, QueryError> {
        let row = self.row(i)?;
        let mut timeline = Timeline::default();
        for part in row.parts.iter().filter(|part| part.block.range().overlaps(&range)) {
            if part.block.tombstones().of(part.place).is_empty() {
                for chunk in part.block.chunks(part.place, range)? {
                    timeline.add_chunk(part.block.chunk(&chunk)?, range.from.0, range.to.0, without_stale);
                }
            } else {
                let mut samples = Samples::default();
                part.block.samples(part.place, range, &mut samples)?;
                timeline.add_samples(samples, without_stale);
            }
        }
        let of_head = self.head_range(range);
        if let Some(place) = row.head.filter(|_| of_head.from <= of_head.to) {
            let mut samples = Samples::default();
            self.head.samples_with_stale(place, of_head, &mut samples)?;
            timeline.add_samples(samples, without_stale);
        }
        Ok(timeline)
    }
}

fn check_limit(len: usize, selection: &Selection<'_>) -> Result<(), QueryError> {
    let limit = selection.series_max;
    if len > limit { Err(QueryError::TooManySeries { limit }) } else { Ok(()) }
}

/// Joins rows with series of a later block, in order of labels; labels that are there already are not made again.
fn join_block(rows: Vec<Row>, block: &Arc<Block>, places: &RoaringBitmap) -> Result<Vec<Row>, QueryError> {
    let mut joined = Vec::with_capacity(rows.len().max(usize::try_from(places.len()).unwrap_or(0)));
    let mut rows = rows.into_iter().peekable();
    for place in places {
        let part = Part { block: Arc::clone(block), place };
        // Those before it, then the one that it is, if there is.
        let order = loop {
            let order = rows.peek().and_then(|row| block.index().compare(place, &row.labels));
            if order != Some(Ordering::Greater) {
                break order;
            }
            joined.extend(rows.next());
        };
        match rows.next_if(|_| order == Some(Ordering::Equal)) {
            Some(mut row) => {
                row.parts.push(part);
                joined.push(row);
            }
            None => joined.push(Row { labels: block.labels(place)?, head: None, parts: vec![part] }),
        }
    }
    joined.extend(rows);
    Ok(joined)
}

/// Joins rows in order of labels; parts of `later` come behind those of `rows`.
fn join(rows: Vec<Row>, later: Vec<Row>) -> Vec<Row> {
    if rows.is_empty() {
        return later;
    }
    let mut joined = Vec::with_capacity(rows.len().max(later.len()));
    let (mut rows, mut later) = (rows.into_iter().peekable(), later.into_iter().peekable());
    loop {
        let order = match (rows.peek(), later.peek()) {
            (Some(a), Some(b)) => a.labels.cmp(&b.labels),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return joined,
        };
        let own = if order == Ordering::Greater { None } else { rows.next() };
        let other = if order == Ordering::Less { None } else { later.next() };
        joined.extend(match (own, other) {
            (Some(mut row), Some(other)) => {
                row.head = other.head.or(row.head);
                row.parts.extend(other.parts);
                Some(row)
            }
            (row, other) => row.or(other),
        });
    }
}

impl SeriesSet for Merged {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn labels(&self, i: usize) -> Labels {
        self.rows.get(i).map(|row| row.labels.clone()).unwrap_or_default()
    }

    fn with_labels(&self, i: usize, visit: &mut dyn FnMut(&Labels)) {
        if let Some(row) = self.rows.get(i) {
            visit(&row.labels);
        }
    }

    fn samples_with_stale(&self, i: usize, range: TimeRange, out: &mut Samples) -> Result<(), QueryError> {
        out.clear();
        let row = self.row(i)?;
        for part in row.parts.iter().filter(|part| part.block.range().overlaps(&range)) {
            part.block.samples(part.place, range, out)?;
        }
        let of_head = self.head_range(range);
        let Some(place) = row.head.filter(|_| of_head.from <= of_head.to) else { return Ok(()) };
        if out.times_ms.is_empty() {
            return self.head.samples_with_stale(place, of_head, out);
        }
        let mut samples = Samples::default();
        self.head.samples_with_stale(place, of_head, &mut samples)?;
        out.times_ms.append(&mut samples.times_ms);
        out.values.append(&mut samples.values);
        Ok(())
    }

    fn values_at(
        &self,
        i: usize,
        steps: &Steps,
        lookback_ms: i64,
        out: &mut StepValues,
    ) -> Result<usize, QueryError> {
        let range = covering(steps, lookback_ms);
        match self.head_alone(i, range)? {
            Some(place) => self.head.values_at(place, steps, lookback_ms, out),
            None => Ok(self.timeline(i, range, false)?.values_at(steps, lookback_ms, out)),
        }
    }

    fn window(
        &self,
        i: usize,
        op: WindowOp,
        windows: &WindowSteps,
        out: &mut Vec<f64>,
    ) -> Result<usize, QueryError> {
        let range = covering(&windows.steps, windows.range_ms);
        match self.head_alone(i, range)? {
            Some(place) => self.head.window(place, op, windows, out),
            None => Ok(self.timeline(i, range, true)?.window(op, windows, out)),
        }
    }

    fn window_edges(&self, i: usize, windows: &WindowSteps, out: &mut Edges) -> Result<usize, QueryError> {
        let range = covering(&windows.steps, windows.range_ms);
        match self.head_alone(i, range)? {
            Some(place) => self.head.window_edges(place, windows, out),
            None => Ok(self.timeline(i, range, true)?.edges(windows, out)),
        }
    }
}
