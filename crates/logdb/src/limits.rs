//! Limits on streams and lines, each with Loki's reason and Loki's words.

use std::fmt::Write;

use jiff::Timestamp;
use model::{Labels, LogEntry};
use storage::LogRefusal;

use crate::options::LINE_BYTES_MAX;
use crate::{Limits, NS_PER_MS};

/// Why lines are refused: a reason to count, and words for the sender.
pub(crate) type Refusal = (&'static str, String);

/// A label that stands for itself when labels are counted: the server adds it.
const ADDED_LABEL: &str = "service_name";

/// What a line counts against the rate limits.
pub(crate) fn entry_bytes(entry: &LogEntry) -> usize {
    entry.line.len() + metadata_bytes(&entry.metadata)
}

fn metadata_bytes(metadata: &Labels) -> usize {
    metadata.iter().map(|(name, value)| name.len() + value.len()).sum()
}

impl Limits {
    /// The longest line that is taken.
    pub(crate) fn longest_line(&self) -> usize {
        if self.line_bytes_max == 0 { LINE_BYTES_MAX } else { self.line_bytes_max.min(LINE_BYTES_MAX) }
    }

    /// Judges a stream by its labels.
    pub(crate) fn check_labels(&self, labels: &Labels) -> Result<(), Refusal> {
        if labels.is_empty() {
            let message = "error at least one label pair is required per stream".to_owned();
            return Err(("missing_labels", message));
        }
        let count = labels.iter().filter(|(name, _)| *name != ADDED_LABEL).count();
        if count > self.label_names_max {
            let message = format!(
                "entry for stream '{}' has {count} label names; limit {}",
                text(labels),
                self.label_names_max
            );
            return Err(("max_label_names_per_series", message));
        }
        for (name, value) in labels {
            if name.len() > self.label_name_bytes_max {
                let message = format!("stream '{}' has label name too long: '{name}'", text(labels));
                return Err(("label_name_too_long", message));
            }
            if value.len() > self.label_value_bytes_max {
                let message = format!("stream '{}' has label value too long: '{value}'", text(labels));
                return Err(("label_value_too_long", message));
            }
        }
        Ok(())
    }

    /// Judges a line by itself, its stream's newest line being of `newest_ns`.
    pub(crate) fn check_entry(
        &self,
        labels: &Labels,
        entry: &LogEntry,
        (now_ms, newest_ns): (i64, i64),
    ) -> Result<(), Refusal> {
        if entry.line.len() > self.longest_line() {
            let (limit, len) = (self.longest_line(), entry.line.len());
            let message = format!(
                "max entry size '{limit}' bytes exceeded for stream '{}' while adding an entry with length '{len}' bytes",
                text(labels)
            );
            return Err(("line_too_long", message));
        }
        if !entry.metadata.is_empty() {
            self.check_metadata(labels, &entry.metadata)?;
        }
        self.check_time(labels, entry.at.0, now_ms, newest_ns)
    }

    fn check_metadata(&self, labels: &Labels, metadata: &Labels) -> Result<(), Refusal> {
        let (bytes, count) = (metadata_bytes(metadata), metadata.count());
        if bytes > self.metadata_bytes_max {
            let message = format!(
                "stream '{}' has structured metadata too large: '{bytes}' bytes, limit: '{}' bytes. Please see `limits_config.max_structured_metadata_size` or contact your Loki administrator to increase it.",
                text(labels),
                self.metadata_bytes_max
            );
            return Err(("structured_metadata_too_large", message));
        }
        if count > self.metadata_entries_max {
            let message = format!(
                "stream '{}' has too many structured metadata labels: '{count}', limit: '{}'. Please see `limits_config.max_structured_metadata_entries_count` or contact your Loki administrator to increase it.",
                text(labels),
                self.metadata_entries_max
            );
            return Err(("structured_metadata_too_many", message));
        }
        Ok(())
    }

    fn check_time(&self, labels: &Labels, at: i64, now_ms: i64, newest_ns: i64) -> Result<(), Refusal> {
        let now_ns = now_ms.saturating_mul(NS_PER_MS);
        let before = |ns: i64, span: model::DurationMs| ns.saturating_sub(span.0.saturating_mul(NS_PER_MS));
        if let Some(oldest) = self.old_max.map(|max| before(now_ns, max)).filter(|oldest| at < *oldest) {
            let message = format!(
                "entry for stream '{}' has timestamp too old: {}, oldest acceptable timestamp is: {}",
                text(labels),
                moment(at),
                moment(oldest)
            );
            return Err(("greater_than_max_sample_age", message));
        }
        if at > now_ns.saturating_add(self.future_max.0.saturating_mul(NS_PER_MS)) {
            let message =
                format!("entry for stream '{}' has timestamp too new: {}", text(labels), moment(at));
            return Err(("too_far_in_future", message));
        }
        let oldest = before(newest_ns, self.behind_max);
        if at < oldest {
            let message = format!(
                "entry too far behind, entry timestamp is: {}, oldest acceptable timestamp is: {}",
                moment(at),
                moment(oldest)
            );
            return Err(("too_far_behind", message));
        }
        Ok(())
    }

    /// A push that comes too fast, as a whole.
    pub(crate) fn too_fast(&self, lines: usize, bytes: usize) -> LogRefusal {
        let limit = self.ingestion_rate_bytes;
        let message = format!(
            "ingestion rate limit exceeded for user fake (limit: {limit} bytes/sec) while attempting to ingest '{lines}' lines totaling '{bytes}' bytes, reduce log volume or contact your Loki administrator to see if the limit can be increased"
        );
        LogRefusal { reason: "rate_limited", message, lines, bytes }
    }

    /// A stream that grows too fast.
    pub(crate) fn stream_too_fast(&self, labels: &Labels, bytes: usize) -> Refusal {
        let message = format!(
            "Per stream rate limit exceeded (limit: {}/sec) while attempting to ingest for stream '{}' totaling {}, consider splitting a stream via additional labels or contact your Loki administrator to see if the limit can be increased",
            size(self.per_stream_rate_bytes as usize),
            text(labels),
            size(bytes)
        );
        ("per_stream_rate_limit", message)
    }

    /// One stream too many.
    pub(crate) fn too_many_streams(&self, labels: &Labels) -> Refusal {
        let message = format!(
            "maximum active stream limit exceeded when trying to create stream {}, reduce the number of active streams (reduce labels or reduce label values), or contact your Loki administrator to see if the limit can be increased",
            text(labels)
        );
        ("stream_limit", message)
    }
}

/// Labels as Loki writes them.
fn text(labels: &Labels) -> String {
    let mut text = String::from("{");
    for (name, value) in labels {
        let comma = if text.len() > 1 { ", " } else { "" };
        write!(text, "{comma}{name}={value:?}").expect("a string takes everything");
    }
    text + "}"
}

/// A moment as Loki writes it, in whole seconds.
fn moment(ns: i64) -> String {
    Timestamp::from_second(ns.div_euclid(1_000_000_000)).map_or_else(|_| ns.to_string(), |at| at.to_string())
}

/// Bytes as Loki writes them: by powers of 1024, with as few decimals as say it.
fn size(bytes: usize) -> String {
    let units = ["B", "KB", "MB", "GB"];
    let power = (0..units.len()).rev().find(|power| bytes >> (10 * power) > 0).unwrap_or(0);
    let value = bytes as f64 / (1u64 << (10 * power)) as f64;
    let rounded = (value * 100.0).round() / 100.0;
    format!("{rounded}{}", units.get(power).unwrap_or(&"B"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_moments_are_written_as_loki_does() {
        assert_eq!([0, 512, 3 << 20, 1_600_000].map(size), ["0B", "512B", "3MB", "1.53MB"]);
        assert_eq!(moment(1_700_000_000_999_999_999), "2023-11-14T22:13:20Z");
        assert_eq!(text(&Labels::from_pairs([("b", "x\"y"), ("a", "1")])), r#"{a="1", b="x\"y"}"#);
    }
}
