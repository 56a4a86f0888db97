//! Putting in samples of any age, by whole blocks: all of them into a store that nobody uses, or the past of new series into one
//! that is at work.
//!
//! 1. The head is cut into a block up to its newest sample, so that all there is lies in blocks.
//! 2. A block whose span has imported samples is written anew with both; it names the one that it stands for, so that a crash leaves
//!    one of the two. Where there is no block, one of two hours is made; the housekeeping makes larger ones of these.
//! 3. A checkpoint lets the log go.
//!
//! A sample that is there already stays as it is. So an import that was broken off is simply run again.
//!
//! At work the head is left alone: what lies before it goes into blocks, the rest is appended like any other sample, last, so that
//! whoever finds a series in the head knows that its past is complete.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use columns::TimeRange;
use model::{Labels, TimestampMs};
use storage::{AppendError, BackfillReport, MetricAppend, MetricBackfill, Samples};

use crate::appender::FUTURE_MAX;
use crate::block::Block;
use crate::block::meta::Meta;
use crate::checkpoint::Occasion;
use crate::{Db, TsdbError};

/// A series to be imported: its labels and its samples in any order.
pub type ImportSeries = (Labels, Samples);

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ImportReport {
    /// Samples that are there now and were not before.
    pub samples: u64,
    /// Samples of a moment at which the series has one already.
    pub known: u64,
    /// Samples that lie in the future, or are older than the retention, and were left out.
    pub out_of_bounds: u64,
    /// Blocks written.
    pub blocks: usize,
}

/// Where imported samples go: into a block that is there, or a new one of this span.
struct Place {
    from_ms: i64,
    end_ms: i64,
    block: Option<Arc<Block>>,
}

impl Db {
    /// Puts samples of any age into blocks. `all` is emptied.
    ///
    /// # Errors
    /// [`TsdbError::Disk`], [`TsdbError::Query`], [`TsdbError::Wal`]: a part may be in; the same import again does the rest.
    pub fn import(&self, all: &mut Vec<ImportSeries>) -> Result<ImportReport, TsdbError> {
        let _alone = self.keeping_house();
        let mut report = ImportReport::default();
        let all = sorted(std::mem::take(all), &mut report);
        let Some(span) = self.span_to_take(&all, &mut report) else { return Ok(report) };
        self.cut_all()?;
        self.import_span(span, &all, &mut report)?;
        self.drop_cut();
        self.checkpoint_if_due(Occasion::Cut)?;
        Ok(report)
    }

    /// First and last moment of what may be taken of `all`; counts the rest.
    fn span_to_take(&self, all: &[ImportSeries], report: &mut ImportReport) -> Option<(i64, i64)> {
        let bounds = TimeRange {
            from: TimestampMs(self.clock.now_ms().saturating_sub(self.limits.retention.0)),
            to: TimestampMs(self.clock.now_ms().saturating_add(FUTURE_MAX.0)),
        };
        let total: usize = all.iter().map(|(_, samples)| samples.times_ms.len()).sum();
        let inside: usize = all.iter().map(|(_, samples)| within(samples, bounds).len()).sum();
        report.out_of_bounds = (total - inside) as u64;
        let spans = all.iter().filter_map(|(_, samples)| span_in(samples, bounds));
        spans.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// Puts what lies from the first to the last moment into blocks, of which none may reach into the head.
    fn import_span(
        &self,
        (first_ms, last_ms): (i64, i64),
        all: &[ImportSeries],
        report: &mut ImportReport,
    ) -> Result<(), TsdbError> {
        for place in self.places(first_ms, last_ms) {
            self.check_open()?;
            self.import_into(&place, all, report)?;
        }
        Ok(())
    }

    /// Makes a block of all that the head has.
    fn cut_all(&self) -> Result<(), TsdbError> {
        let head_from_ms = self.blocks.view().head_from_ms;
        let Some((oldest_ms, newest_ms)) = self.head.totals().span_ms else { return Ok(()) };
        let from_ms = oldest_ms.max(head_from_ms);
        if newest_ms < from_ms {
            return Ok(());
        }
        // Not over a border between blocks: chunks and compaction go by these.
        let mut from_ms = from_ms;
        while from_ms <= newest_ms {
            let end_ms = self.border_after(from_ms).min(newest_ms.saturating_add(1));
            self.cut(from_ms, end_ms)?;
            from_ms = end_ms;
        }
        Ok(())
    }

    /// Where the next block would begin.
    fn border_after(&self, at_ms: i64) -> i64 {
        let span_ms = self.limits.block_span.0.max(1);
        (at_ms.div_euclid(span_ms) + 1).saturating_mul(span_ms)
    }

    /// Spans that lie next to each other and hold all moments from `first_ms` to `last_ms`, in order of time.
    fn places(&self, first_ms: i64, last_ms: i64) -> Vec<Place> {
        let view = self.blocks.view();
        let mut places = Vec::new();
        let mut at_ms = first_ms;
        while at_ms <= last_ms {
            let next = view.blocks.iter().find(|block| block.meta.end_ms > at_ms);
            let (end_ms, block) = match next.filter(|block| block.meta.from_ms <= at_ms) {
                Some(block) => (block.meta.end_ms, Some(Arc::clone(block))),
                None => {
                    let before_ms = next.map_or(last_ms.saturating_add(1), |block| block.meta.from_ms);
                    (self.border_after(at_ms).min(before_ms), None)
                }
            };
            let from_ms = block.as_ref().map_or(at_ms, |block| block.meta.from_ms);
            places.push(Place { from_ms, end_ms, block });
            at_ms = end_ms;
        }
        places
    }

    fn import_into(
        &self,
        place: &Place,
        all: &[ImportSeries],
        report: &mut ImportReport,
    ) -> Result<(), TsdbError> {
        let range = TimeRange { from: TimestampMs(place.from_ms), to: TimestampMs(place.end_ms - 1) };
        if all.iter().all(|(_, samples)| within(samples, range).is_empty()) {
            return Ok(());
        }
        let old = place.block.as_deref();
        let sources: Vec<u64> = old.iter().map(|block| block.meta.number).collect();
        let meta = Meta {
            number: self.blocks.take_number(),
            level: old.map_or(1, |block| block.meta.level),
            from_ms: place.from_ms,
            end_ms: place.end_ms,
            sources: sources.clone(),
            ..Meta::default()
        };
        let mut writer = self.blocks.begin(meta)?;
        let mut added = (0, 0);
        merge(old, all, range, &mut added, &mut |labels, samples| Ok(writer.series(labels, samples)?))?;
        if added.0 == 0 {
            report.known += added.1;
            return Ok(());
        }
        let written = writer.finish()?;
        let block = written.as_ref().map(|meta| self.blocks.open_written(meta)).transpose()?;
        let head_from_ms = self.blocks.view().head_from_ms.max(place.end_ms);
        self.takes_from_ms.fetch_max(head_from_ms, Ordering::Relaxed);
        self.blocks.replace(&sources, block, head_from_ms);
        self.blocks.remove_files(&sources);
        report.samples += added.0;
        report.known += added.1;
        report.blocks += 1;
        Ok(())
    }
}

/// Samples that are appended in one commit: some 10 MB.
const APPENDED_AT_ONCE: usize = 1 << 18;

impl MetricBackfill for Db {
    fn backfill(&self, series: Vec<(Labels, Samples)>) -> Result<BackfillReport, AppendError> {
        let alone = self.keeping_house();
        let mut report = ImportReport::default();
        let all = sorted(series, &mut report);
        let head_from_ms = self.takes_from_ms.load(Ordering::Relaxed);
        let span = self.span_to_take(&all, &mut report);
        if let Some((first_ms, last_ms)) = span.filter(|(first_ms, _)| *first_ms < head_from_ms) {
            self.import_span((first_ms, last_ms.min(head_from_ms - 1)), &all, &mut report)
                .map_err(|error| AppendError::Unavailable(error.to_string()))?;
        }
        let appended = self.append_from(head_from_ms, &all);
        drop(alone);
        let (taken, refused) = appended?;
        Ok(BackfillReport {
            samples: report.samples + taken,
            known: report.known,
            refused: report.out_of_bounds + refused,
        })
    }
}

impl Db {
    /// Appends what the head takes. Answers how many samples were taken and how many refused.
    fn append_from(&self, from_ms: i64, all: &[ImportSeries]) -> Result<(u64, u64), AppendError> {
        let range = TimeRange { from: TimestampMs(from_ms), to: TimestampMs(i64::MAX) };
        let (mut taken, mut refused, mut waiting) = (0, 0, 0);
        let mut appender = self.appender();
        for (labels, samples) in all {
            let some = within(samples, range);
            if some.is_empty() {
                continue;
            }
            let id = appender.series(labels)?;
            for (at_ms, value) in samples.times_ms[some.clone()].iter().zip(&samples.values[some]) {
                match appender.append(id, TimestampMs(*at_ms), *value) {
                    Ok(()) => waiting += 1,
                    // Those in the future were counted already.
                    Err(AppendError::OutOfBounds) => {}
                    Err(AppendError::OutOfOrder | AppendError::Duplicate) => refused += 1,
                    Err(error) => return Err(error),
                }
            }
            if waiting >= APPENDED_AT_ONCE {
                taken += std::mem::replace(&mut appender, self.appender()).commit()?.samples as u64;
                waiting = 0;
            }
        }
        taken += appender.commit()?.samples as u64;
        Ok((taken, refused))
    }
}

/// Gives `write` the series of a block and those imported, in order of labels, with their samples in `range`. Counts in `added` what
/// is new and what was there.
fn merge(
    block: Option<&Block>,
    all: &[ImportSeries],
    range: TimeRange,
    added: &mut (u64, u64),
    write: &mut dyn FnMut(&Labels, &Samples) -> Result<(), TsdbError>,
) -> Result<(), TsdbError> {
    let count = block.map_or(0, |block| block.index().series_count());
    let labels_at = |place: u32| block.filter(|_| place < count).map(|block| block.labels(place)).transpose();
    let mut place = 0;
    let mut old = labels_at(place)?;
    let mut imported = all.iter().peekable();
    while old.is_some() || imported.peek().is_some() {
        let is_old = match (&old, imported.peek()) {
            (Some(old), Some((new, _))) => old <= new,
            (old, _) => old.is_some(),
        };
        let mut samples = Samples::default();
        let labels = match old.take_if(|_| is_old) {
            Some(labels) => {
                if let Some(block) = block {
                    block.samples(place, TimeRange::ALL, &mut samples)?;
                }
                place += 1;
                old = labels_at(place)?;
                labels
            }
            None => imported.peek().map(|(labels, _)| labels.clone()).unwrap_or_default(),
        };
        if let Some((_, new)) = imported.next_if(|(new, _)| *new == labels) {
            samples = joined(samples, new, within(new, range), added);
        }
        write(&labels, &samples)?;
    }
    Ok(())
}

/// Samples of both in order of time; of one moment that of `old`.
fn joined(old: Samples, new: &Samples, some: std::ops::Range<usize>, added: &mut (u64, u64)) -> Samples {
    let mut out = Samples::default();
    let mut next = 0;
    for (at_ms, value) in new.times_ms[some.clone()].iter().zip(&new.values[some]) {
        while old.times_ms.get(next).is_some_and(|old_ms| old_ms < at_ms) {
            out.push(old.times_ms[next], old.values[next]);
            next += 1;
        }
        if old.times_ms.get(next) == Some(at_ms) {
            added.1 += 1;
        } else {
            out.push(*at_ms, *value);
            added.0 += 1;
        }
    }
    out.times_ms.extend_from_slice(&old.times_ms[next..]);
    out.values.extend_from_slice(&old.values[next..]);
    out
}

/// Series in order of labels, each once, samples in order of time; of one moment the first that was given.
fn sorted(mut all: Vec<ImportSeries>, report: &mut ImportReport) -> Vec<ImportSeries> {
    all.sort_by(|a, b| a.0.cmp(&b.0));
    let mut out: Vec<ImportSeries> = Vec::with_capacity(all.len());
    for (labels, samples) in all {
        match out.last_mut().filter(|(last, _)| *last == labels) {
            Some((_, last)) => {
                last.times_ms.extend(samples.times_ms);
                last.values.extend(samples.values);
            }
            None => out.push((labels, samples)),
        }
    }
    for (_, samples) in &mut out {
        if samples.times_ms.is_sorted_by(|a, b| a < b) {
            continue;
        }
        let mut pairs: Vec<(i64, f64)> = samples.times_ms.drain(..).zip(samples.values.drain(..)).collect();
        pairs.sort_by_key(|(at_ms, _)| *at_ms);
        let before = pairs.len();
        pairs.dedup_by_key(|(at_ms, _)| *at_ms);
        report.known += (before - pairs.len()) as u64;
        pairs.into_iter().for_each(|(at_ms, value)| samples.push(at_ms, value));
    }
    out
}

/// Which of sorted samples lie in a range.
fn within(samples: &Samples, range: TimeRange) -> std::ops::Range<usize> {
    let from = samples.times_ms.partition_point(|at_ms| *at_ms < range.from.0);
    from..samples.times_ms.partition_point(|at_ms| *at_ms <= range.to.0).max(from)
}

fn span_in(samples: &Samples, range: TimeRange) -> Option<(i64, i64)> {
    let some = samples.times_ms.get(within(samples, range))?;
    Some((*some.first()?, *some.last()?))
}
