//! Cutting a block from the head: every two hours ([`crate::Limits::block_span`]), once three are full, so that the head keeps
//! the last one to three.
//!
//! 1. From now on no sample before the end of the cut is taken; so what is to be written does not change any more.
//! 2. The block is written, synced and named. A crash before leaves the log, which has all; a crash after leaves both, and
//!    the next start begins the head where the newest block ends.
//! 3. Queries are shown the block, and the head from the end of the cut on.
//! 4. The head drops what no query needs any more, and a checkpoint lets the log go.
//!
//! A head that has grown beyond its bytes is cut at once, up to a few minutes ago.

use std::sync::atomic::Ordering;
use std::time::Instant;

use columns::TimeRange;
use model::{DurationMs, TimestampMs};
use storage::{QueryError, Samples};

use crate::block::meta::Meta;
use crate::checkpoint::Occasion;
use crate::taken::Taken;
use crate::xor::CHUNK_SPAN_MS;
use crate::{Db, TsdbError};

// By default a block consists of whole chunks.
const _: () = assert!(crate::Limits::standard().block_span.0 == CHUNK_SPAN_MS);
/// What stays in a head that is cut because it is too large: the lookback of queries, so that most still end in memory.
const PRESSURE_KEPT: DurationMs = DurationMs::from_secs(300);

impl Db {
    /// Cuts as many blocks as are due, and writes a checkpoint if there were any.
    pub(crate) fn cut_if_due(&self) -> Result<(), TsdbError> {
        let mut has_cut = false;
        while let Some((from_ms, end_ms)) = self.due_cut() {
            self.cut(from_ms, end_ms).inspect_err(|_| {
                self.metrics.blocks.cuts_failed.inc();
            })?;
            has_cut = true;
        }
        self.drop_cut();
        if has_cut { self.checkpoint_if_due(Occasion::Cut) } else { Ok(()) }
    }

    /// First moment and end of the block that is to be cut next.
    fn due_cut(&self) -> Option<(i64, i64)> {
        let span_ms = self.limits.block_span.0.max(1);
        // The span of a block, and half of it (an hour) in which late samples are still taken.
        let head_span_ms = span_ms.saturating_add(span_ms / 2);
        let totals = self.head.totals();
        let (head_oldest_ms, newest_ms) = totals.span_ms?;
        let is_too_large = totals.chunk_bytes > self.limits.chunk_bytes_max;
        if newest_ms.saturating_sub(head_oldest_ms) < span_ms / 2 && !is_too_large {
            return None;
        }
        let head_from_ms = self.blocks.view().head_from_ms;
        let oldest_ms = self.oldest_from(head_from_ms)?;
        let begin_ms = oldest_ms.div_euclid(span_ms).checked_mul(span_ms)?;
        if newest_ms.saturating_sub(begin_ms) >= head_span_ms {
            return Some((begin_ms.max(head_from_ms), begin_ms.saturating_add(span_ms)));
        }
        let end_ms = newest_ms.saturating_sub(PRESSURE_KEPT.0);
        // Not before it has dropped what was cut already.
        let has_dropped = self.blocks.head_needed_from_ms() == head_from_ms;
        (is_too_large && has_dropped && oldest_ms < end_ms).then_some((begin_ms.max(head_from_ms), end_ms))
    }

    /// Time of the oldest sample of the head that is not before `from_ms`, as far as its chunk tells.
    fn oldest_from(&self, from_ms: i64) -> Option<i64> {
        let all = self.head.in_slots(&self.head.all_slots());
        all.iter()
            .filter_map(|series| series.state().oldest_from(from_ms, &self.head.spill.files()))
            .min()
            .map(|at_ms| at_ms.max(from_ms))
    }

    pub(crate) fn cut(&self, from_ms: i64, end_ms: i64) -> Result<(), TsdbError> {
        let begun = Instant::now();
        let mut all = {
            let _turn = self.committer().ok_or(TsdbError::Broken)?;
            self.takes_from_ms.fetch_max(end_ms, Ordering::Relaxed);
            self.head.in_slots(&self.head.all_slots())
        };
        all.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
        let number = self.blocks.take_number();
        let mut writer = self.blocks.begin(Meta { number, level: 1, from_ms, end_ms, ..Meta::default() })?;
        let range = TimeRange { from: TimestampMs(from_ms), to: TimestampMs(end_ms - 1) };
        let (mut samples, mut taken) = (Samples::default(), Taken::default());
        for series in &all {
            self.check_open()?;
            samples.clear();
            let read = taken.read(series, range, (&self.head.spill.files(), &self.head.spill), &mut samples);
            read.map_err(|_| {
                QueryError::Damaged(format!("a chunk of {} in the head, from {from_ms}", series.labels))
            })?;
            keep_growing(&mut samples);
            writer.series(&series.labels, &samples)?;
        }
        let written = writer.finish()?;
        let block = written.as_ref().map(|meta| self.blocks.open_written(meta)).transpose()?;
        self.blocks.replace(&[], block, end_ms);
        self.metrics.blocks.cuts.inc();
        self.metrics.blocks.cut_duration.observe(begun.elapsed().as_secs_f64());
        let seconds = begun.elapsed().as_secs_f64();
        tracing::info!(
            number,
            from_ms,
            end_ms,
            samples = written.map_or(0, |m| m.samples),
            seconds,
            "block cut"
        );
        Ok(())
    }

    /// Drops what is in blocks and what no query that is under way needs.
    pub(crate) fn drop_cut(&self) {
        let needed_from_ms = self.blocks.head_needed_from_ms();
        if self.head.totals().span_ms.is_none_or(|(oldest_ms, _)| oldest_ms >= needed_from_ms) {
            return;
        }
        let Some(turn) = self.committer() else { return };
        let all = self.head.in_slots(&self.head.all_slots());
        all.iter().for_each(|series| series.state().drop_before(needed_from_ms, &self.head.spill.files()));
        self.recount(&all);
        drop(turn);
        self.head.spill.drop_before(needed_from_ms);
    }
}

/// Leaves out each sample that is not newer than all before it. We never write such, but what is read was on a disk, and a block in
/// which times do not grow could not be searched.
pub(crate) fn keep_growing(samples: &mut Samples) {
    if samples.times_ms.is_sorted_by(|a, b| a < b) {
        return;
    }
    let mut kept = Samples::default();
    for (at_ms, value) in samples.times_ms.iter().zip(&samples.values) {
        if kept.times_ms.last().is_none_or(|last_ms| last_ms < at_ms) {
            kept.push(*at_ms, *value);
        }
    }
    tracing::error!(
        left_out = samples.times_ms.len() - kept.times_ms.len(),
        "samples of a series were out of order"
    );
    *samples = kept;
}
