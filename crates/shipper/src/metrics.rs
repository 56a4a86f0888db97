//! What the shipper counts, under Promtail's names, and its buffer under ours.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use exposition::{Format, Writer};
use model::MetricKind::{self, Counter, Gauge, Histogram};
use model::{Labels, format_float};

/// Upper bounds of a request's duration in seconds, the client library's own.
const DURATION_BUCKETS_S: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// A family, in the order in which they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Family {
    FileBytes,
    ReadBytes,
    ReadLines,
    FilesActive,
    TargetsActive,
    TargetsFailed,
    EncodedBytes,
    SentBytes,
    SentEntries,
    DroppedBytes,
    DroppedEntries,
    MutatedEntries,
    Retries,
    LinesDropped,
    StageFailures,
    BufferBytes,
    BufferBatches,
    BufferLimit,
    BufferFull,
    BufferFullSeconds,
    BufferErrors,
    BufferDamaged,
    Resent,
    Rotations,
    LinesLost,
    FilesLeftOut,
    Holding,
}

/// Name, kind and help of each family.
const FAMILIES: [(Family, &str, MetricKind, &str); 27] = [
    (Family::FileBytes, "promtail_file_bytes_total", Gauge, "Size of a file that is tailed."),
    (Family::ReadBytes, "promtail_read_bytes_total", Gauge, "Bytes of a file that have been read."),
    (Family::ReadLines, "promtail_read_lines_total", Counter, "Lines of a file that have been read."),
    (Family::FilesActive, "promtail_files_active_total", Gauge, "Files that are tailed."),
    (Family::TargetsActive, "promtail_targets_active_total", Gauge, "Targets with at least one file."),
    (
        Family::TargetsFailed,
        "promtail_targets_failed_total",
        Counter,
        "Files that could not be opened or read, by reason.",
    ),
    (
        Family::EncodedBytes,
        "promtail_encoded_bytes_total",
        Counter,
        "Bytes of requests as they go over the wire.",
    ),
    (Family::SentBytes, "promtail_sent_bytes_total", Counter, "Bytes of requests that were acknowledged."),
    (Family::SentEntries, "promtail_sent_entries_total", Counter, "Lines that were acknowledged."),
    (
        Family::DroppedBytes,
        "promtail_dropped_bytes_total",
        Counter,
        "Bytes of lines that were given up, by reason.",
    ),
    (
        Family::DroppedEntries,
        "promtail_dropped_entries_total",
        Counter,
        "Lines that were given up, by reason.",
    ),
    (Family::MutatedEntries, "promtail_mutated_entries_total", Counter, "Lines that were cut, by reason."),
    (Family::Retries, "promtail_batch_retries_total", Counter, "Requests that were made again."),
    (
        Family::LinesDropped,
        "logentry_dropped_lines_total",
        Counter,
        "Lines that a stage has dropped, by reason.",
    ),
    (
        Family::StageFailures,
        "watchfire_logs_stage_failures_total",
        Counter,
        "Lines on which a stage failed; they went on unchanged.",
    ),
    (
        Family::BufferBytes,
        "watchfire_logs_buffer_bytes",
        Gauge,
        "Bytes of batches on disk that wait to be acknowledged.",
    ),
    (
        Family::BufferBatches,
        "watchfire_logs_buffer_batches",
        Gauge,
        "Batches on disk that wait to be acknowledged.",
    ),
    (Family::BufferLimit, "watchfire_logs_buffer_limit_bytes", Gauge, "Bytes beyond which reading stops."),
    (
        Family::BufferFull,
        "watchfire_logs_buffer_full_total",
        Counter,
        "Times that reading stopped because the buffer was full.",
    ),
    (
        Family::BufferFullSeconds,
        "watchfire_logs_buffer_full_seconds_total",
        Counter,
        "Time that reading stood still because the buffer was full.",
    ),
    (
        Family::BufferErrors,
        "watchfire_logs_buffer_errors_total",
        Counter,
        "Batches or positions that could not be written; reading stops until they can.",
    ),
    (
        Family::BufferDamaged,
        "watchfire_logs_buffer_damaged_total",
        Counter,
        "Batches on disk that could not be read and were set aside.",
    ),
    (
        Family::Resent,
        "watchfire_logs_batches_recovered_total",
        Counter,
        "Batches found in the buffer at start, to be sent once more.",
    ),
    (
        Family::Rotations,
        "watchfire_logs_rotations_total",
        Counter,
        "Files that were renamed, replaced or truncated.",
    ),
    (
        Family::LinesLost,
        "watchfire_logs_files_lost_total",
        Counter,
        "Files that were gone before they were read to their end.",
    ),
    (
        Family::FilesLeftOut,
        "watchfire_logs_files_left_out_total",
        Counter,
        "Files that matched and are not tailed, by reason.",
    ),
    (
        Family::Holding,
        "watchfire_logs_reading_stopped",
        Gauge,
        "1 while reading stands still because the buffer takes nothing.",
    ),
];

/// All counts of a shipper.
#[derive(Debug, Default)]
pub(crate) struct Metrics(Mutex<Tables>);

#[derive(Debug, Default)]
struct Tables {
    values: BTreeMap<Family, BTreeMap<Labels, f64>>,
    durations: BTreeMap<Labels, Durations>,
}

#[derive(Debug, Default)]
struct Durations {
    buckets: [u64; DURATION_BUCKETS_S.len()],
    count: u64,
    sum_s: f64,
}

impl Metrics {
    /// Adds to a value; what was not there was zero.
    pub(crate) fn add(&self, family: Family, labels: &[(&str, &str)], by: f64) {
        self.change(family, labels, |value| *value += by);
    }

    /// Sets a value.
    pub(crate) fn set(&self, family: Family, labels: &[(&str, &str)], to: f64) {
        self.change(family, labels, |value| *value = to);
    }

    fn change(&self, family: Family, labels: &[(&str, &str)], change: impl FnOnce(&mut f64)) {
        let labels = Labels::from_pairs(labels.iter().copied());
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(tables.values.entry(family).or_default().entry(labels).or_default());
    }

    /// Forgets what was said of a file.
    pub(crate) fn forget_file(&self, path: &str) {
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let labels = Labels::from_pairs([("path", path)]);
        for family in [Family::FileBytes, Family::ReadBytes, Family::ReadLines] {
            tables.values.entry(family).or_default().remove(&labels);
        }
    }

    /// A line that a stage has dropped.
    pub(crate) fn line_dropped(&self, reason: &str) {
        self.add(Family::LinesDropped, &[("reason", reason)], 1.0);
    }

    /// A line on which a stage failed.
    pub(crate) fn stage_failed(&self, stage: &str) {
        self.add(Family::StageFailures, &[("stage", stage)], 1.0);
    }

    /// A request that was answered with `status`; -1 stands for no answer.
    pub(crate) fn request(&self, host: &str, status: i32, took: Duration) {
        let labels = Labels::from_pairs([("host", host), ("status_code", &status.to_string())]);
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let durations = tables.durations.entry(labels).or_default();
        let seconds = took.as_secs_f64();
        let at = DURATION_BUCKETS_S.iter().position(|bound| seconds <= *bound);
        if let Some(count) = at.and_then(|at| durations.buckets.get_mut(at)) {
            *count += 1;
        }
        durations.count += 1;
        durations.sum_s += seconds;
    }

    /// The value of a series, 0 when there is none.
    #[cfg(test)]
    pub(crate) fn get(&self, family: Family, labels: &[(&str, &str)]) -> f64 {
        let labels = Labels::from_pairs(labels.iter().copied());
        let tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tables.values.get(&family).and_then(|series| series.get(&labels)).copied().unwrap_or(0.0)
    }

    /// All families that have a value, as text.
    pub(crate) fn write(&self) -> Writer {
        let tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out = Writer::new(Format::Text);
        for (family, name, kind, help) in FAMILIES {
            let Some(series) = tables.values.get(&family).filter(|series| !series.is_empty()) else {
                continue;
            };
            out.family(name, kind, help);
            for (labels, value) in series {
                out.sample(name, labels, *value);
            }
        }
        if !tables.durations.is_empty() {
            let name = "promtail_request_duration_seconds";
            out.family(name, Histogram, "Duration of requests.");
            tables.durations.iter().for_each(|(labels, durations)| durations.write(name, labels, &mut out));
        }
        out
    }
}

impl Durations {
    fn write(&self, name: &str, labels: &Labels, out: &mut Writer) {
        let bucket = format!("{name}_bucket");
        let mut sum = 0;
        for (bound, count) in DURATION_BUCKETS_S.iter().zip(&self.buckets) {
            sum += count;
            let bound = format_float(*bound);
            out.sample(&bucket, labels.iter().chain([("le", bound.as_str())]), sum as f64);
        }
        out.sample(&bucket, labels.iter().chain([("le", "+Inf")]), self.count as f64);
        out.sample(&format!("{name}_sum"), labels, self.sum_s);
        out.sample(&format!("{name}_count"), labels, self.count as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_written_once_with_all_their_series() {
        let metrics = Metrics::default();
        metrics.add(Family::ReadLines, &[("path", "/b")], 2.0);
        metrics.add(Family::ReadLines, &[("path", "/a")], 1.0);
        metrics.add(Family::ReadLines, &[("path", "/b")], 3.0);
        metrics.set(Family::FilesActive, &[], 2.0);
        let text = metrics.write().finish();
        let expected = "# HELP promtail_read_lines_total Lines of a file that have been read.\n\
            # TYPE promtail_read_lines_total counter\n\
            promtail_read_lines_total{path=\"/a\"} 1\npromtail_read_lines_total{path=\"/b\"} 5\n\
            # HELP promtail_files_active_total Files that are tailed.\n\
            # TYPE promtail_files_active_total gauge\npromtail_files_active_total 2\n";
        assert_eq!(text, expected);
        metrics.forget_file("/b");
        assert_eq!(metrics.get(Family::ReadLines, &[("path", "/b")]), 0.0);
        metrics.request("h:1", 204, Duration::from_millis(30));
        let text = metrics.write().finish();
        let bucket =
            "promtail_request_duration_seconds_bucket{host=\"h:1\",status_code=\"204\",le=\"0.05\"} 1\n";
        assert!(text.contains(bucket), "{text}");
    }

    #[test]
    fn every_family_has_its_line() {
        let names: std::collections::BTreeSet<&str> = FAMILIES.iter().map(|(_, name, ..)| *name).collect();
        assert_eq!(names.len(), FAMILIES.len());
        assert!(FAMILIES.is_sorted_by_key(|(family, ..)| *family));
    }
}
