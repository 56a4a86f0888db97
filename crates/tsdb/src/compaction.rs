//! Making large blocks of small ones: three times the span with each level, up to a tenth of the retention or a month.
//!
//! Blocks that lie in the same aligned span of a level become one, once the head has gone past that span. The new block
//! names those it was made from; when it has its name it counts, and they are removed: at once, or by the next start. A
//! block in which a damaged chunk was met is left alone, since a copy would hide the damage.

use std::sync::Arc;
use std::time::Instant;

use columns::TimeRange;
use model::Labels;
use storage::{QueryError, Samples};

use crate::block::Block;
use crate::block::meta::Meta;
use crate::blocks::View;
use crate::cut::keep_growing;
use crate::{Db, Limits, TsdbError};

/// Each level spans so many of the one below.
const LEVEL_FACTOR: i64 = 3;
/// No block spans more, so that the oldest samples leave in time.
const SPAN_MAX_MS: i64 = 31 * 24 * 3600 * 1000;
/// No block spans more than this part of the retention.
const RETENTION_PART: i64 = 10;

impl Db {
    /// Compacts until nothing more is to be done.
    pub(crate) fn compact(&self) -> Result<(), TsdbError> {
        while let Some(group) = plan(&self.blocks.view(), &self.limits) {
            self.merge(&group).inspect_err(|error| {
                self.metrics.blocks.compactions_failed.inc();
                tracing::warn!(%error, "compaction given up");
            })?;
            self.metrics.blocks.compactions.inc();
        }
        Ok(())
    }

    /// Rewrites blocks of which something was deleted, without it.
    ///
    /// # Errors
    /// [`TsdbError::Disk`], [`TsdbError::Query`]: the block stays as it was.
    pub fn clean_tombstones(&self) -> Result<(), TsdbError> {
        let _alone = self.keeping_house();
        for block in &self.blocks.view().blocks {
            if !block.tombstones().is_empty() {
                self.merge(std::slice::from_ref(block))?;
                self.metrics.blocks.tombstone_cleanups.inc();
            }
        }
        Ok(())
    }

    /// Replaces blocks, in order of time, by one.
    fn merge(&self, group: &[Arc<Block>]) -> Result<(), TsdbError> {
        let begun = Instant::now();
        let (Some(first), Some(last)) = (group.first(), group.last()) else { return Ok(()) };
        let sources: Vec<u64> = group.iter().map(|block| block.meta.number).collect();
        let level =
            group.iter().map(|block| block.meta.level).max().unwrap_or(1) + u64::from(group.len() > 1);
        let meta = Meta {
            number: self.blocks.take_number(),
            level,
            from_ms: first.meta.from_ms,
            end_ms: last.meta.end_ms,
            sources: sources.clone(),
            ..Meta::default()
        };
        let mut writer = self.blocks.begin(meta)?;
        let mut samples = Samples::default();
        for series in Merge::of(group)? {
            self.check_open()?;
            let (labels, parts) = series?;
            samples.clear();
            for (block, place) in parts {
                block.samples(place, TimeRange::ALL, &mut samples)?;
            }
            keep_growing(&mut samples);
            writer.series(&labels, &samples)?;
        }
        let written = writer.finish()?;
        let block = written.as_ref().map(|meta| self.blocks.open_written(meta)).transpose()?;
        self.blocks.replace(&sources, block, self.blocks.view().head_from_ms);
        self.blocks.remove_files(&sources);
        let seconds = begun.elapsed().as_secs_f64();
        self.metrics.blocks.compaction_duration.observe(seconds);
        tracing::info!(?sources, level, seconds, "blocks compacted");
        Ok(())
    }
}

/// The blocks that are to become one next.
fn plan(view: &View, limits: &Limits) -> Option<Vec<Arc<Block>>> {
    let longest_ms = SPAN_MAX_MS.min(limits.retention.0 / RETENTION_PART);
    let mut span_ms = limits.block_span.0.max(1).saturating_mul(LEVEL_FACTOR);
    while span_ms <= longest_ms {
        let place = |block: &Block| {
            let at = block.meta.from_ms.div_euclid(span_ms);
            let end_ms = at.saturating_add(1).saturating_mul(span_ms);
            (block.meta.end_ms <= end_ms && end_ms <= view.head_from_ms).then_some(at)
        };
        for group in view.blocks.chunk_by(|a, b| place(a).is_some() && place(a) == place(b)) {
            if group.len() > 1 && !group.iter().any(|block| block.has_damage()) {
                return Some(group.to_vec());
            }
        }
        span_ms = span_ms.saturating_mul(LEVEL_FACTOR);
    }
    None
}

type Parts = Vec<(Arc<Block>, u32)>;

/// Series of several blocks in order of labels, each with where it is, in order of time.
struct Merge {
    next: Vec<(Arc<Block>, u32, Option<Labels>)>,
}

impl Merge {
    fn of(group: &[Arc<Block>]) -> Result<Self, QueryError> {
        let next = group.iter().map(|block| Ok((Arc::clone(block), 0, labels_at(block, 0)?)));
        Ok(Self { next: next.collect::<Result<_, QueryError>>()? })
    }

    fn take(&mut self, least: &Labels) -> Result<Parts, QueryError> {
        let mut parts = Parts::new();
        for (block, place, labels) in &mut self.next {
            if labels.as_ref() == Some(least) {
                parts.push((Arc::clone(block), *place));
                *place += 1;
                *labels = labels_at(block, *place)?;
            }
        }
        Ok(parts)
    }
}

impl Iterator for Merge {
    type Item = Result<(Labels, Parts), QueryError>;

    fn next(&mut self) -> Option<Self::Item> {
        let least = self.next.iter().filter_map(|(.., labels)| labels.as_ref()).min()?.clone();
        Some(self.take(&least).map(|parts| (least, parts)))
    }
}

fn labels_at(block: &Block, place: u32) -> Result<Option<Labels>, QueryError> {
    if place >= block.index().series_count() { Ok(None) } else { block.labels(place).map(Some) }
}
