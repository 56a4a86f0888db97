//! Blocks leave as a whole: by age when all of their span is beyond it, by size the oldest first.

use crate::Db;

impl Db {
    /// Removes blocks that are too old or too much.
    pub(crate) fn retain_blocks(&self) {
        let view = self.blocks.view();
        let cutoff_ms = self.cutoff_ms();
        let old = view.blocks.iter().filter(|block| block.meta.end_ms <= cutoff_ms).count();
        let mut bytes = view.bytes() + self.wal.len_bytes() + self.head.spill.bytes();
        let mut too_much = 0;
        for (i, block) in view.blocks.iter().enumerate() {
            let is_old = block.meta.end_ms <= cutoff_ms;
            if i >= old && bytes <= self.limits.retention_bytes {
                break;
            }
            too_much += usize::from(!is_old);
            bytes = bytes.saturating_sub(block.len_bytes());
        }
        let removed: Vec<u64> =
            view.blocks.iter().take(old + too_much).map(|block| block.meta.number).collect();
        if removed.is_empty() {
            return;
        }
        if old > 0 {
            self.metrics.time_retentions.inc();
            self.metrics.blocks.removed_by_time.inc_by(old as u64);
        }
        if too_much > 0 {
            self.metrics.size_retentions.inc();
            self.metrics.blocks.removed_by_size.inc_by(too_much as u64);
            let limit = self.limits.retention_bytes;
            tracing::warn!(blocks = too_much, limit, "the oldest blocks leave early: too many bytes");
        }
        self.blocks.replace(&removed, None, view.head_from_ms);
        self.blocks.remove_files(&removed);
    }
}
