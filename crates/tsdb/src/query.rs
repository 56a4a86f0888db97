//! Finding series and reading their samples.
//!
//! Series are found by their slots, put in order, and asked for their newest sample without a lock. What is read of one
//! is copied out of its lock, chunks that are finished by reference, the open one's bytes, and decoded where nobody
//! waits, into memory that each thread uses again.

use std::cell::RefCell;
use std::sync::Arc;

use columns::{Edges, Steps, TimeRange, WindowOp, WindowSteps, window};
use model::{Labels, TimestampMs};
use postings::Index;
use roaring::RoaringBitmap;
use stdx::prefetch;
use storage::query::covering;
use storage::{MetricQuery, QueryError, Samples, Selection, SeriesSet, StepValues};

use crate::Db;
use crate::block::IndexView;
use crate::blocks::View;
use crate::merged::{self, Merged};
use crate::order::Order;
use crate::series::Series;
use crate::spill::{Files, Spill};
use crate::taken::Taken;

/// Fewer series are sorted by their labels at once: it takes half a millisecond.
const ORDER_SERIES_MIN: usize = 1000;

/// How many series ahead what is needed is fetched. Without it, most of the time of an instant query is spent waiting for
/// memory.
const AHEAD: usize = 3;

impl MetricQuery for Db {
    fn select(&self, selection: &Selection<'_>) -> Result<Box<dyn SeriesSet>, QueryError> {
        // Before the head is asked: what leaves the head from now on waits until this view is let go.
        let view = self.blocks.view();
        let head = Box::new(Selected { _view: Some(Arc::clone(&view)), ..self.find(selection)? });
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
        let slots = self.find(selection)?.slots();
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
    /// visible yet, are not among them. In order of labels.
    fn find(&self, selection: &Selection<'_>) -> Result<Selected, QueryError> {
        let version = self.head.version();
        let found = {
            // Between two commits: either all that a commit has added is seen, or nothing. From before the index is
            // asked, or series that a commit has made would be missing beside others of the same.
            let _still = self.between_commits();
            let slots = self.head.index().matching(selection.matchers);
            let order = self.head.known_order(version);
            // Had a series left meanwhile, its slot could be another's by now.
            if let Some(order) = order.filter(|_| self.head.version() == version) {
                let places = order.places(&slots);
                return self.among(order.sorted(), order.slots(), places, selection);
            }
            let series: Arc<[Arc<Series>]> = self.head.in_slots(&slots).into();
            let slots: Vec<u32> = series.iter().map(|series| series.slot()).collect();
            self.among(&series, &slots, (0..slots.len() as u32).collect(), selection)?
        };
        // Sorting many takes long; no commit waits for it.
        Ok(self.sorted(version, found))
    }

    /// Of the series at `places` those that have samples in the range.
    fn among(
        &self,
        series: &Arc<[Arc<Series>]>,
        slots: &[u32],
        places: Vec<u32>,
        selection: &Selection<'_>,
    ) -> Result<Selected, QueryError> {
        let all = self.head.newest();
        let mut found = Vec::with_capacity(places.len());
        for place in places {
            let newest = all.get(slots[place as usize]);
            // Most are known by this alone; the others are asked.
            let newest = match newest {
                Some((at_ms, _)) if at_ms > selection.range.to.0 => {
                    series[place as usize].newest_if_in(selection.range)
                }
                newest => newest.filter(|(at_ms, _)| *at_ms >= selection.range.from.0),
            };
            if let Some((newest_ms, bits)) = newest {
                found.push(Found { place, newest_ms, bits });
            }
        }
        if found.len() > selection.series_max {
            return Err(QueryError::TooManySeries { limit: selection.series_max });
        }
        let spill = Arc::clone(&self.head.spill);
        Ok(Selected { series: Arc::clone(series), found, files: spill.files(), spill, _view: None })
    }

    /// Sorts series, found since the head had this version, by labels.
    fn sorted(&self, version: u64, mut all: Selected) -> Selected {
        if all.found.len() >= ORDER_SERIES_MIN
            && let Some(order) = self.head.order(version, all.found.len())
            && let Some(sorted) = all.in_order(&order)
        {
            return sorted;
        }
        let Selected { series, found, .. } = &mut all;
        found.sort_unstable_by(|a, b| series[a.place as usize].labels.cmp(&series[b.place as usize].labels));
        all
    }
}

/// A series by its place, and the newest sample it had when it was found: as times only grow, later ones are known by
/// their time.
struct Found {
    place: u32,
    newest_ms: i64,
    bits: u64,
}

/// Series that were found. It holds them, so they stay readable when the store lets them go; what is committed later is
/// not seen, but samples that leave by retention meanwhile are gone here too.
struct Selected {
    /// Those that were found, and often all others.
    series: Arc<[Arc<Series>]>,
    found: Vec<Found>,
    /// Files of chunks as they were then.
    files: Arc<Files>,
    spill: Arc<Spill>,
    /// Held so that the head keeps what this needs.
    _view: Option<Arc<View>>,
}

impl Selected {
    /// The same series in the order that is known of all; `None` when it does not have them all.
    fn in_order(&self, order: &Order) -> Option<Self> {
        let place = |found: &Found| {
            let place = order.place(&self.series[found.place as usize])?;
            Some(Found { place, ..*found })
        };
        let mut found: Vec<Found> = self.found.iter().map(place).collect::<Option<_>>()?;
        found.sort_unstable_by_key(|found| found.place);
        let (files, spill) = (Arc::clone(&self.files), Arc::clone(&self.spill));
        Some(Self { series: Arc::clone(order.sorted()), found, files, spill, _view: None })
    }

    fn slots(&self) -> RoaringBitmap {
        self.found.iter().map(|found| self.series[found.place as usize].slot()).collect()
    }

    /// Series `i`, and the newest sample that may be seen of it.
    fn at(&self, i: usize) -> Result<(&Series, i64), QueryError> {
        let found = self.found(i)?;
        Ok((&self.series[found.place as usize], found.newest_ms))
    }

    fn found(&self, i: usize) -> Result<&Found, QueryError> {
        let missing =
            || QueryError::Damaged(format!("series {i} of {} that were selected", self.found.len()));
        self.found.get(i).ok_or_else(missing)
    }

    /// Adds the samples of series `i` in `range`, up to the newest that may be seen.
    fn take(
        &self,
        i: usize,
        range: TimeRange,
        taken: &mut Taken,
        out: &mut Samples,
    ) -> Result<(), QueryError> {
        let (series, newest_ms) = self.at(i)?;
        let range = TimeRange { to: range.to.min(TimestampMs(newest_ms)), ..range };
        let read = taken.read(series, range, (&self.files, &self.spill), out);
        read.map_err(|_| QueryError::Damaged(format!("a chunk of {}", series.labels)))
    }

    /// Has fetched what the series some places on will need: they are asked one after another.
    fn look_ahead(&self, i: usize, range: TimeRange) {
        let series = |ahead: usize| -> Option<&Series> {
            Some(&*self.series[self.found.get(i + ahead)?.place as usize])
        };
        if let Some(series) = series(2 * AHEAD) {
            prefetch(series);
        }
        let Some(series) = series(AHEAD) else { return };
        let newest = {
            let state = series.state();
            if let Some(open) = state.open_in(range) {
                prefetch(open.bytes());
            }
            state.spilled_in(range).0
        };
        if let Some(chunk) = self.files.get_unread(newest) {
            prefetch(chunk);
        }
    }

    /// Reads the samples of series `i` in `range` into this thread's memory, and hands them to `use_them`. Returns how
    /// many they were.
    fn read(
        &self,
        i: usize,
        range: TimeRange,
        use_them: impl FnOnce(&mut Samples),
    ) -> Result<usize, QueryError> {
        self.look_ahead(i, range);
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.samples.clear();
            self.take(i, range, &mut scratch.taken, &mut scratch.samples)?;
            let count = scratch.samples.times_ms.len();
            use_them(&mut scratch.samples);
            Ok(count)
        })
    }
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Memory that a thread uses from series to series.
#[derive(Default)]
struct Scratch {
    taken: Taken,
    samples: Samples,
}

impl SeriesSet for Selected {
    fn len(&self) -> usize {
        self.found.len()
    }

    fn labels(&self, i: usize) -> Labels {
        self.at(i).map(|(series, _)| series.labels.clone()).unwrap_or_default()
    }

    fn with_labels(&self, i: usize, visit: &mut dyn FnMut(&Labels)) {
        if let Ok((series, _)) = self.at(i) {
            visit(&series.labels);
        }
    }

    fn samples_with_stale(&self, i: usize, range: TimeRange, out: &mut Samples) -> Result<(), QueryError> {
        out.clear();
        SCRATCH.with_borrow_mut(|scratch| self.take(i, range, &mut scratch.taken, out))
    }

    fn values_at(
        &self,
        i: usize,
        steps: &Steps,
        lookback_ms: i64,
        out: &mut StepValues,
    ) -> Result<usize, QueryError> {
        // Most instant queries ask for now: the answer is the newest sample, and nothing need be touched.
        if steps.count == 1 {
            let found = self.found(i)?;
            if found.newest_ms <= steps.at(0) {
                out.set_single(found.newest_ms, f64::from_bits(found.bits), steps, lookback_ms);
                return Ok(1);
            }
        }
        self.read(i, covering(steps, lookback_ms), |samples| out.fill(samples, steps, lookback_ms))
    }

    fn window(
        &self,
        i: usize,
        op: WindowOp,
        windows: &WindowSteps,
        out: &mut Vec<f64>,
    ) -> Result<usize, QueryError> {
        self.read(i, covering(&windows.steps, windows.range_ms), |samples| {
            samples.drop_stale();
            window::window(op, &samples.times_ms, &samples.values, windows, out);
        })
    }

    fn window_edges(&self, i: usize, windows: &WindowSteps, out: &mut Edges) -> Result<usize, QueryError> {
        self.read(i, covering(&windows.steps, windows.range_ms), |samples| {
            samples.drop_stale();
            out.fill(&samples.times_ms, &samples.values, windows);
        })
    }
}
