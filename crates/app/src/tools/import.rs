//! Samples in, from a file in OpenMetrics or Prometheus' text, each with its time.

use std::collections::HashMap;
use std::path::Path;

use exposition::{Entry, Format, ReadError, Reader, Row};
use storage::Samples;
use tsdb::offline::{ImportReport, ImportSeries};
use tsdb::{Db, Disk, RealDisk};

use super::{Progress, ToolError, open};

/// Samples that are put in at once: 256 MB of memory. A larger file is put in by parts, each of which writes the blocks anew that it
/// touches; a file in order of time therefore goes quicker than one in order of series.
const SAMPLES_AT_ONCE: usize = 16 << 20;
/// How often progress is told.
const LINES_BETWEEN: u32 = 1 << 14;

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Imported {
    /// Sample lines of the file.
    pub lines: u64,
    /// Exemplars of the file; they are left out.
    pub exemplars: u64,
    /// What became of the samples.
    pub store: ImportReport,
}

/// Puts the samples of `file` into the store, which is made when it is not there. All of the file is read and checked before the first
/// sample goes in.
///
/// # Errors
/// See [`ToolError`]; what is wrong with the file is told with its line and column.
pub fn import(data_dir: &Path, file: &Path, progress: Progress<'_>) -> Result<Imported, ToolError> {
    let bytes = RealDisk.map(file).map_err(tsdb::TsdbError::from)?;
    let format = if bytes.trim_ascii_end().ends_with(b"# EOF") { Format::OpenMetrics } else { Format::Text };
    let body = |error| ToolError::Body { file: file.to_owned(), error };
    let all = bytes.len() as u64;
    // Twice through the file: once to check, once to put in.
    let mut tell = |part: u64, at: u64| progress(part * all + at, 2 * all);
    let mut imported = Imported::default();
    each(
        format,
        &bytes,
        &mut |row| {
            imported.lines += 1;
            imported.exemplars += u64::from(row.exemplar.is_some());
            if row.is_expected {
                return Ok(());
            }
            row.series.labels().map(drop).map_err(|e| wrong(row, &e.to_string()))
        },
        &mut |at| tell(0, at),
    )
    .map_err(body)?;
    let (db, _) = open(data_dir.join("metrics"))?;
    let mut batch = Batch::new(&db);
    let mut failed = None;
    each(
        format,
        &bytes,
        &mut |row| {
            if failed.is_none() {
                failed = batch.add(row).err();
            }
            Ok(())
        },
        &mut |at| tell(1, at),
    )
    .map_err(body)?;
    match failed {
        Some(error) => return Err(error),
        None => batch.flush()?,
    }
    imported.store = batch.report;
    db.maintain()?;
    db.close()?;
    Ok(imported)
}

/// Reads all rows; each must say when.
fn each<'a>(
    format: Format,
    bytes: &'a [u8],
    take: &mut dyn FnMut(&Row<'a>) -> Result<(), ReadError>,
    tell: &mut dyn FnMut(u64),
) -> Result<(), ReadError> {
    let mut reader = Reader::new(format, bytes)?;
    let mut before = "";
    while let Some(entry) = reader.next_entry(before) {
        let Entry::Sample(row) = entry? else { continue };
        if row.timestamp.is_none() {
            return Err(wrong(&row, "a sample without a time"));
        }
        before = row.series.as_str();
        take(&row)?;
        if reader.line().is_multiple_of(LINES_BETWEEN) {
            tell(bytes.len().saturating_sub(reader.left_bytes()) as u64);
        }
    }
    Ok(())
}

fn wrong(row: &Row<'_>, message: &str) -> ReadError {
    ReadError { line: row.line, column: 1, message: message.to_owned() }
}

/// Samples on their way into the store.
struct Batch<'a, 'f> {
    db: &'a Db,
    /// Places in `series` by the text in the file.
    by_text: HashMap<&'f str, usize>,
    series: Vec<ImportSeries>,
    samples: usize,
    report: ImportReport,
}

impl<'a, 'f> Batch<'a, 'f> {
    fn new(db: &'a Db) -> Self {
        let report = ImportReport::default();
        Self { db, by_text: HashMap::new(), series: Vec::new(), samples: 0, report }
    }

    fn add(&mut self, row: &Row<'f>) -> Result<(), ToolError> {
        let text = row.series.as_str();
        // Time and labels were checked before.
        let Some(at) = row.timestamp else { return Ok(()) };
        let place = match self.by_text.get(text) {
            Some(place) => *place,
            None => {
                let Ok(labels) = row.series.labels() else { return Ok(()) };
                self.series.push((labels, Samples::default()));
                self.by_text.insert(text, self.series.len() - 1);
                self.series.len() - 1
            }
        };
        if let Some((_, samples)) = self.series.get_mut(place) {
            samples.push(at.0, row.value);
            self.samples += 1;
        }
        if self.samples >= SAMPLES_AT_ONCE { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), ToolError> {
        let done = self.db.import(&mut self.series)?;
        self.by_text.clear();
        self.samples = 0;
        self.report.samples += done.samples;
        self.report.known += done.known;
        self.report.out_of_bounds += done.out_of_bounds;
        self.report.blocks += done.blocks;
        Ok(())
    }
}
