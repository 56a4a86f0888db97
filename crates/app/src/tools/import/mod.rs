//! Samples in: from a file in OpenMetrics or Prometheus' text, each with its time, or from blocks of a Prometheus.

mod blocks;
mod text;

use std::path::Path;

use tsdb::Db;
use tsdb::offline::{ImportReport, ImportSeries};

use super::{Progress, ToolError, open};

/// Samples that are put in at once: 256 MB of memory. A larger file is put in by parts, each of which writes the blocks anew that it
/// touches; a file in order of time therefore goes quicker than one in order of series.
const SAMPLES_AT_ONCE: usize = 16 << 20;

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Imported {
    /// Sample lines of the file, or samples of the blocks.
    pub samples: u64,
    /// Blocks of a Prometheus that were read.
    pub blocks: usize,
    /// Exemplars of the file; they are left out.
    pub exemplars: u64,
    /// Chunks of native histograms in the blocks; they are left out.
    pub histogram_chunks: u64,
    /// Beside the blocks lies a log with samples that are in none yet; it is not read.
    pub has_log: bool,
    /// What became of the samples.
    pub store: ImportReport,
}

/// Puts the samples of `from` into the store, which is made when it is not there. All of it is read and checked before the first
/// sample goes in.
///
/// `from` is a file of samples, or a folder: a block of a Prometheus, or its folder of data or a snapshot, with many.
///
/// # Errors
/// See [`ToolError`]; what is wrong with a file is told with its line and column, or its byte.
pub fn import(data_dir: &Path, from: &Path, progress: Progress<'_>) -> Result<Imported, ToolError> {
    let source =
        if from.is_dir() { Source::Blocks(blocks::open(from)?) } else { Source::Text(text::open(from)?) };
    let mut imported = Imported::default();
    // Twice through all of it: once to check, once to put in.
    match &source {
        Source::Blocks(blocks) => blocks.check(&mut imported, &mut *progress)?,
        Source::Text(text) => text.check(&mut imported, &mut *progress)?,
    }
    let (db, _) = open(data_dir.join("metrics"))?;
    let mut batch = Batch { db: &db, series: Vec::new(), samples: 0, report: ImportReport::default() };
    match &source {
        Source::Blocks(blocks) => blocks.put(&mut batch, progress)?,
        Source::Text(text) => text.put(&mut batch, progress)?,
    }
    batch.flush()?;
    imported.store = batch.report;
    db.maintain()?;
    db.close()?;
    Ok(imported)
}

/// Where samples come from.
enum Source {
    Text(text::Text),
    Blocks(blocks::Blocks),
}

/// Samples on their way into the store.
struct Batch<'a> {
    db: &'a Db,
    series: Vec<ImportSeries>,
    samples: usize,
    report: ImportReport,
}

impl Batch<'_> {
    fn is_full(&self) -> bool {
        self.samples >= SAMPLES_AT_ONCE
    }

    fn flush(&mut self) -> Result<(), ToolError> {
        let done = self.db.import(&mut self.series)?;
        self.samples = 0;
        self.report.samples += done.samples;
        self.report.known += done.known;
        self.report.out_of_bounds += done.out_of_bounds;
        self.report.blocks += done.blocks;
        Ok(())
    }
}
