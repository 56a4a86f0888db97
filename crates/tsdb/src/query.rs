//! Finding series and reading their samples.

use std::sync::Arc;

use columns::{Steps, TimeRange};
use model::{Labels, TimestampMs};
use roaring::RoaringBitmap;
use storage::{MetricQuery, QueryError, Samples, Selection, SeriesSet, StepValues};

use crate::Db;
use crate::block::IndexView;
use crate::blocks::View;
use crate::index::Index;
use crate::merged::{self, Merged};
use crate::series::Series;
use crate::xor;

/// Fewer series are sorted by their labels at once: it takes half a millisecond.
const ORDER_SERIES_MIN: usize = 1000;

impl MetricQuery for Db {
    fn select(&self, selection: &Selection<'_>) -> Result<Box<dyn SeriesSet>, QueryError> {
        // Before the head is asked: what leaves the head from now on waits until this view is let go.
        let view = self.blocks.view();
        let version = self.head.version();
        let mut series = self.find(selection)?;
        self.sort(version, &mut series);
        let head = Box::new(Selected { series, _view: Arc::clone(&view) });
        if view.overlapping(selection.range).next().is_none() {
            return Ok(head);
        }
        Ok(Box::new(Merged::new(view, head, selection)?))
    }

    fn label_names(&self, selection: &Selection<'_>) -> Result<Vec<String>, QueryError> {
        self.with_blocks(
            selection,
            |head, slots| head.names_of(slots),
            |block, places| block.names_of(places),
        )
    }

    fn label_values(&self, name: &str, selection: &Selection<'_>) -> Result<Vec<String>, QueryError> {
        self.with_blocks(
            selection,
            |head, slots| head.values_of(name, slots),
            |block, places| block.values_of(name, places),
        )
    }

    fn time_span(&self) -> Option<(TimestampMs, TimestampMs)> {
        let head = self.head.totals().span_ms;
        let view = self.blocks.view();
        let blocks = view.blocks.iter().map(|block| (block.meta.from_ms, block.meta.end_ms - 1));
        let span = blocks.chain(head).reduce(|(a, b), (from_ms, to_ms)| (a.min(from_ms), b.max(to_ms)));
        span.map(|(from_ms, to_ms)| (TimestampMs(from_ms), TimestampMs(to_ms)))
    }
}

impl Db {
    /// What head and blocks say of the series selected, together, sorted.
    fn with_blocks(
        &self,
        selection: &Selection<'_>,
        of_head: impl Fn(&Index, &RoaringBitmap) -> Vec<String>,
        of_block: impl Fn(&IndexView<'_>, &RoaringBitmap) -> Vec<String>,
    ) -> Result<Vec<String>, QueryError> {
        let view = self.blocks.view();
        let slots = self.slots(selection)?;
        let mut all = of_head(&self.head.index(), &slots);
        let of_head = all.len();
        for block in view.overlapping(selection.range) {
            all.extend(of_block(&block.index(), &merged::find(block, selection)?));
        }
        if all.len() > of_head {
            all.sort_unstable();
            all.dedup();
        }
        Ok(all)
    }

    /// Series that the matchers find and that have samples in the range; those without any, which no commit has made
    /// visible yet, are not among them.
    fn find(&self, selection: &Selection<'_>) -> Result<Vec<Found>, QueryError> {
        // Between two commits: either all that a commit has added is seen, or nothing. From before the index is asked,
        // or series that a commit has made would be missing beside others of the same.
        let _still = self.between_commits();
        let slots = self.head.index().matching(selection.matchers);
        let series = self.head.in_slots(&slots);
        let found = series.into_iter().filter_map(|series| {
            let newest_ms = {
                let state = series.state();
                state.newest().filter(|_| state.overlaps(selection.range)).map(|(at_ms, _)| at_ms)
            };
            newest_ms.map(|newest_ms| Found { series, newest_ms })
        });
        let found: Vec<Found> = found.take(selection.series_max.saturating_add(1)).collect();
        if found.len() > selection.series_max {
            return Err(QueryError::TooManySeries { limit: selection.series_max });
        }
        Ok(found)
    }

    /// Sorts series, found since the head had this version, by labels.
    fn sort(&self, version: u64, found: &mut [Found]) {
        if found.len() >= ORDER_SERIES_MIN
            && let Some(order) = self.head.order(version, found.len())
            && found.iter().all(|f| order.place(f.series.slot()).is_some())
        {
            return found.sort_by_cached_key(|f| order.place(f.series.slot()));
        }
        found.sort_unstable_by(|a, b| a.series.labels.cmp(&b.series.labels));
    }

    fn slots(&self, selection: &Selection<'_>) -> Result<RoaringBitmap, QueryError> {
        Ok(self.find(selection)?.iter().map(|found| found.series.slot()).collect())
    }
}

/// A series and the newest sample it had when it was found: as times only grow, later ones are known by their time.
struct Found {
    series: Arc<Series>,
    newest_ms: i64,
}

/// Series that were found. It holds them, so they stay readable when the store lets them go; what is committed later is
/// not seen, but samples that leave by retention meanwhile are gone here too.
struct Selected {
    series: Vec<Found>,
    /// Held so that the head keeps what this needs.
    _view: Arc<View>,
}

impl Selected {
    fn found(&self, i: usize) -> Result<&Found, QueryError> {
        let missing =
            || QueryError::Damaged(format!("series {i} of {} that were selected", self.series.len()));
        self.series.get(i).ok_or_else(missing)
    }
}

impl SeriesSet for Selected {
    fn len(&self) -> usize {
        self.series.len()
    }

    fn labels(&self, i: usize) -> Labels {
        self.series.get(i).map(|found| found.series.labels.clone()).unwrap_or_default()
    }

    fn samples_with_stale(&self, i: usize, range: TimeRange, out: &mut Samples) -> Result<(), QueryError> {
        out.clear();
        let Found { series, newest_ms } = self.found(i)?;
        let range = TimeRange { to: range.to.min(TimestampMs(*newest_ms)), ..range };
        // The chunks are taken out of the lock and decoded here, where nobody waits.
        let chunks = series.state().chunks_in(range);
        let count = chunks.iter().map(|chunk| usize::from(xor::count(&chunk.bytes))).sum();
        out.times_ms.reserve(count);
        out.values.reserve(count);
        for chunk in chunks {
            let decoded = xor::decode(&chunk.bytes, range, out);
            decoded.map_err(|_| {
                QueryError::Damaged(format!("a chunk of {} from {}", series.labels, chunk.first_ms))
            })?;
        }
        Ok(())
    }

    fn values_at(
        &self,
        i: usize,
        steps: &Steps,
        lookback_ms: i64,
        out: &mut StepValues,
    ) -> Result<usize, QueryError> {
        // Most instant queries ask for now: the answer is the newest sample, and nothing need be decoded.
        if steps.count == 1 {
            let Found { series, newest_ms } = self.found(i)?;
            let newest =
                series.state().newest().filter(|(at_ms, _)| at_ms == newest_ms && *at_ms <= steps.at(0));
            if let Some((at_ms, bits)) = newest {
                let mut samples = Samples::default();
                samples.push(at_ms, f64::from_bits(bits));
                out.fill(&samples, steps, lookback_ms);
                return Ok(1);
            }
        }
        let mut samples = Samples::default();
        self.samples_with_stale(i, storage::query::covering(steps, lookback_ms), &mut samples)?;
        out.fill(&samples, steps, lookback_ms);
        Ok(samples.times_ms.len())
    }
}
