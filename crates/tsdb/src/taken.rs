//! Chunks of a series as they were at one moment: taken while it is locked, decoded when it no longer is.

use std::sync::Arc;

use columns::TimeRange;
use storage::Samples;

use crate::newest::Newest;
use crate::series::{Series, merge};
use crate::spill::{Files, Place, Spill};
use crate::xor::{self, Chunk, NoChunk};

/// Chunks taken out of a series, in memory that is used from series to series.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// Those that wait for a file, by reference.
    waiting: Vec<Chunk>,
    /// Bytes of the open one.
    open: Vec<u8>,
    /// Samples that came late.
    late: Vec<Newest>,
    /// Those in files, newest first.
    spilled: Vec<Place>,
}

impl Taken {
    /// Adds the samples of `series` in `range` to `out`. `files` is how the files were some time before; where that is too
    /// long ago, `spill` tells how they are now.
    pub(crate) fn read(
        &mut self,
        series: &Series,
        range: TimeRange,
        (files, spill): (&Files, &Spill),
        out: &mut Samples,
    ) -> Result<(), NoChunk> {
        self.waiting.clear();
        self.open.clear();
        self.late.clear();
        let begin = out.times_ms.len();
        let (newest, oldest_ms) = {
            let state = series.state();
            self.open.extend_from_slice(state.open_in(range).map_or(&[], |open| open.bytes()));
            self.waiting.extend(state.waiting_in(range).cloned());
            self.late.extend_from_slice(state.late_in(range));
            state.spilled_in(range)
        };
        if !newest.is_none() {
            let now: Arc<Files>;
            let files = if files.has(newest) {
                files
            } else {
                now = spill.files();
                &now
            };
            self.spilled.clear();
            self.spilled.extend(files.chain(newest, oldest_ms, range).map(|chunk| chunk.place));
            for chunk in self.spilled.iter().rev().filter_map(|place| files.get(*place)) {
                xor::decode(chunk.bytes, range, out)?;
            }
        }
        // Drained even when one is damaged: no chunk is held beyond this.
        for chunk in self.waiting.drain(..) {
            xor::decode(&chunk.bytes, range, out)?;
        }
        if !self.open.is_empty() {
            xor::decode(&self.open, range, out)?;
        }
        if !self.late.is_empty() {
            merge(&self.late, begin, out);
        }
        Ok(())
    }
}
