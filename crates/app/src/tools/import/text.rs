//! From a file in OpenMetrics or Prometheus' text.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use exposition::{Entry, Format, ReadError, Reader, Row};
use storage::Samples;
use tsdb::{Disk, FileBytes, RealDisk};

use super::{Batch, Imported};
use crate::tools::{Progress, ToolError};

/// How often progress is told.
const LINES_BETWEEN: u32 = 1 << 14;

/// A file of samples.
pub(super) struct Text {
    path: PathBuf,
    bytes: FileBytes,
    format: Format,
}

/// Maps the file.
pub(super) fn open(path: &Path) -> Result<Text, ToolError> {
    let bytes = RealDisk.map(path).map_err(tsdb::TsdbError::from)?;
    let format = if bytes.trim_ascii_end().ends_with(b"# EOF") { Format::OpenMetrics } else { Format::Text };
    Ok(Text { path: path.to_owned(), bytes, format })
}

impl Text {
    /// Reads all of it without putting any in.
    pub(super) fn check(&self, imported: &mut Imported, progress: Progress<'_>) -> Result<(), ToolError> {
        let all = self.bytes.len() as u64;
        self.each(
            &mut |row| {
                imported.samples += 1;
                imported.exemplars += u64::from(row.exemplar.is_some());
                if row.is_expected {
                    return Ok(());
                }
                row.series.labels().map(drop).map_err(|e| self.wrong(row.line, &e.to_string()))
            },
            &mut |at| progress(at, 2 * all),
        )
    }

    /// Puts in what was checked.
    pub(super) fn put(&self, batch: &mut Batch<'_>, progress: Progress<'_>) -> Result<(), ToolError> {
        let all = self.bytes.len() as u64;
        // Places in the batch by the text in the file.
        let mut by_text: HashMap<&str, usize> = HashMap::new();
        self.each(
            &mut |row| {
                // Time and labels were checked before.
                let Some(at) = row.timestamp else { return Ok(()) };
                let place = match by_text.get(row.series.as_str()) {
                    Some(place) => *place,
                    None => {
                        let Ok(labels) = row.series.labels() else { return Ok(()) };
                        batch.series.push((labels, Samples::default()));
                        by_text.insert(row.series.as_str(), batch.series.len() - 1);
                        batch.series.len() - 1
                    }
                };
                if let Some((_, samples)) = batch.series.get_mut(place) {
                    samples.push(at.0, row.value);
                    batch.samples += 1;
                }
                if batch.is_full() {
                    batch.flush()?;
                    by_text.clear();
                }
                Ok(())
            },
            &mut |at| progress(all + at, 2 * all),
        )
    }

    /// Reads all rows; each must say when.
    fn each<'a>(
        &'a self,
        take: &mut dyn FnMut(&Row<'a>) -> Result<(), ToolError>,
        tell: &mut dyn FnMut(u64),
    ) -> Result<(), ToolError> {
        let body = |error| ToolError::Body { file: self.path.clone(), error };
        let mut reader = Reader::new(self.format, &self.bytes).map_err(body)?;
        let mut before = "";
        while let Some(entry) = reader.next_entry(before) {
            let Entry::Sample(row) = entry.map_err(body)? else { continue };
            if row.timestamp.is_none() {
                return Err(self.wrong(row.line, "a sample without a time"));
            }
            before = row.series.as_str();
            take(&row)?;
            if reader.line().is_multiple_of(LINES_BETWEEN) {
                tell(self.bytes.len().saturating_sub(reader.left_bytes()) as u64);
            }
        }
        Ok(())
    }

    fn wrong(&self, line: u32, message: &str) -> ToolError {
        let error = ReadError { line, column: 1, message: message.to_owned() };
        ToolError::Body { file: self.path.clone(), error }
    }
}
