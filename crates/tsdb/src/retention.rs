//! Letting old samples go: by age, by size, and then the series that have none left.
//!
//! A chunk leaves when its newest sample is older than the retention; so a series keeps up to one chunk more. Age is
//! counted from the clock or from the newest sample, whichever is earlier: a clock that jumps ahead drops nothing by
//! itself. A series leaves when it has no sample and nobody has touched it for a while; who touched it may be in the
//! middle of a transaction.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use model::DurationMs;

use crate::Db;
use crate::series::{Amount, Series};

/// How long a series without samples stays after it was last touched: longer than any transaction is open.
const TOUCHED_GRACE: DurationMs = DurationMs::from_secs(600);

/// What a count of all series has found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted {
    /// Bytes of chunks in memory.
    bytes: u64,
    /// Series without a sample.
    empty: usize,
}

impl Db {
    /// Samples older than this are refused: too old, or of a time that blocks have.
    pub(crate) fn oldest_taken_ms(&self) -> i64 {
        self.cutoff_ms().max(self.takes_from_ms.load(Ordering::Relaxed))
    }

    /// Samples older than this are let go.
    pub(crate) fn cutoff_ms(&self) -> i64 {
        let now_ms = self.clock.now_ms();
        let reference_ms = self.head.totals().span_ms.map_or(now_ms, |(_, max_ms)| max_ms.min(now_ms));
        reference_ms.saturating_sub(self.limits.retention.0)
    }

    /// Drops what is too old or too much.
    pub(crate) fn retain(&self) {
        let begun = Instant::now();
        // No commit meanwhile: what is counted here must be what there is.
        let Some(turn) = self.committer() else { return };
        let all = self.head.in_slots(&self.head.all_slots());
        let cutoff_ms = self.cutoff_ms();
        let is_old = self.head.totals().span_ms.is_some_and(|(min_ms, _)| min_ms < cutoff_ms);
        if is_old && self.drop_before(&all, cutoff_ms) {
            self.metrics.time_retentions.inc();
        }
        let mut counted = self.recount(&all);
        if counted.bytes > self.limits.chunk_bytes_max
            && let Some(cutoff_ms) = size_cutoff_ms(&all, self.limits.chunk_bytes_max)
        {
            tracing::warn!(
                cutoff_ms,
                limit = self.limits.chunk_bytes_max,
                "too many samples in memory: the oldest leave early"
            );
            self.drop_before(&all, cutoff_ms);
            self.metrics.size_retentions.inc();
            counted = self.recount(&all);
        }
        drop(turn);
        if counted.empty > 0 {
            self.remove_empty(&all);
        }
        self.show_totals();
        self.metrics.gc_duration.observe(begun.elapsed().as_secs_f64());
    }

    /// Whether anything was dropped.
    fn drop_before(&self, all: &[Arc<Series>], cutoff_ms: i64) -> bool {
        let mut dropped = false;
        for series in all {
            let mut state = series.state();
            let before = state.amount().chunks;
            state.drop_before(cutoff_ms, &self.head.spill.files());
            dropped |= state.amount().chunks < before;
        }
        self.head.spill.drop_before(cutoff_ms);
        dropped
    }

    /// Counts anew what is there: the one walk over all series that each round of housekeeping makes.
    pub(crate) fn recount(&self, all: &[Arc<Series>]) -> Counted {
        let (mut total, mut span_ms, mut empty) = (Amount::default(), None::<(i64, i64)>, 0);
        for series in all {
            let state = series.state();
            let amount = state.amount();
            total.chunks += amount.chunks;
            total.bytes += amount.bytes;
            let Some((newest_ms, _)) = state.newest() else {
                empty += 1;
                continue;
            };
            if let Some(oldest_ms) = state.oldest_ms() {
                let (min_ms, max_ms) = span_ms.unwrap_or((oldest_ms, newest_ms));
                span_ms = Some((min_ms.min(oldest_ms), max_ms.max(newest_ms)));
            }
        }
        self.head.recount(total, span_ms);
        Counted { bytes: total.bytes, empty }
    }

    fn remove_empty(&self, all: &[Arc<Series>]) {
        let touched_before_ms = self.clock.now_ms().saturating_sub(TOUCHED_GRACE.0);
        let mut freed = Vec::new();
        for series in all {
            let is_due =
                |s: &crate::series::SeriesState| s.newest().is_none() && s.touched_ms < touched_before_ms;
            let is_due_now = is_due(&series.state());
            if is_due_now && self.head.remove_if(series, is_due) {
                freed.push(series.slot());
            }
        }
        if !freed.is_empty() {
            self.metrics.series_removed.inc_by(freed.len() as u64);
            self.head.forget_removed();
            self.head.settle_slots(freed, 0);
        }
    }
}

/// Before when chunks must end to leave, so that what stays is not above `bytes_max`; `None` when it is not now.
fn size_cutoff_ms(all: &[Arc<Series>], bytes_max: u64) -> Option<i64> {
    let total: u64 = all.iter().map(|series| series.state().amount().bytes).sum();
    if total <= bytes_max {
        return None;
    }
    let mut ends: Vec<(i64, u64)> = Vec::new();
    all.iter().for_each(|series| ends.extend(series.state().chunk_ends()));
    ends.sort_unstable();
    let mut left = total;
    let enough = ends.into_iter().find(|(_, bytes)| {
        left -= bytes;
        left <= bytes_max
    });
    enough.map(|(end_ms, _)| end_ms.saturating_add(1))
}
