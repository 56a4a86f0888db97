//! Samples out, as OpenMetrics with times: what `import` and other stores read.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use columns::TimeRange;
use exposition::{Format, Writer};
use model::{Labels, METRIC_NAME, Matcher, TimestampMs};
use storage::{MetricQuery, Samples, Selection, SeriesSet};

use super::{Progress, ToolError, open, store_dir};

/// What to write.
#[derive(Debug, Clone)]
pub struct What {
    /// A series has to satisfy all of one of these; none means every series.
    pub selectors: Vec<Vec<Matcher>>,
    /// Of when.
    pub range: TimeRange,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DumpReport {
    /// Series with samples.
    pub series: u64,
    /// Samples; stale markers are left out.
    pub samples: u64,
}

/// Writes samples, series after series.
///
/// # Errors
/// See [`ToolError`].
pub fn dump(
    data_dir: &Path,
    what: &What,
    out: &mut dyn Write,
    progress: Progress<'_>,
) -> Result<DumpReport, ToolError> {
    let (db, _) = open(store_dir(data_dir)?)?;
    let every = [Vec::new()];
    let selectors = if what.selectors.is_empty() { every.as_slice() } else { &what.selectors };
    let sets: Vec<Box<dyn SeriesSet>> = selectors
        .iter()
        .map(|matchers| db.select(&Selection { matchers, range: what.range, series_max: usize::MAX }))
        .collect::<Result<_, _>>()?;
    let all: u64 = sets.iter().map(|set| set.len() as u64).sum();
    // A series that several selectors find is written once.
    let mut seen = (sets.len() > 1).then(BTreeSet::<Labels>::new);
    let (mut report, mut done) = (DumpReport::default(), 0);
    let (mut writer, mut samples) = (Writer::new(Format::OpenMetrics), Samples::default());
    for set in &sets {
        for i in 0..set.len() {
            let labels = set.labels(i);
            if seen.as_mut().is_none_or(|seen| seen.insert(labels.clone())) {
                set.samples(i, what.range, &mut samples)?;
                write(&mut writer, &labels, &samples);
                out.write_all(writer.take().as_bytes())?;
                report.series += u64::from(!samples.times_ms.is_empty());
                report.samples += samples.times_ms.len() as u64;
            }
            done += 1;
            progress(done, all);
        }
    }
    out.write_all(writer.finish().as_bytes())?;
    out.flush()?;
    drop(sets);
    db.close()?;
    Ok(report)
}

fn write(writer: &mut Writer, labels: &Labels, samples: &Samples) {
    let others = || labels.iter().filter(|(name, _)| *name != METRIC_NAME);
    for (at_ms, value) in samples.times_ms.iter().zip(&samples.values) {
        writer.sample_at(labels.metric_name(), others(), *value, TimestampMs(*at_ms));
    }
}
