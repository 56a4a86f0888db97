//! `storage` of a `prometheus.yml`: how late samples may be, how long they and exemplars are kept.

use std::path::Path;

use config::{ByteSize, ConfigError, Duration, Spanned, Unread};
use model::DurationMs;
use serde::Deserialize;

/// The section as a file writes it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StorageYml {
    tsdb: TsdbYml,
    exemplars: ExemplarsYml,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TsdbYml {
    out_of_order_time_window: Option<Duration>,
    retention: RetentionYml,
    // Refused: they ask for what is done in another way, or not at all.
    stale_series_compaction_threshold: Option<Spanned<Unread>>,
    chunk_encoding: Option<Spanned<Unread>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RetentionYml {
    time: Option<Duration>,
    size: Option<ByteSize>,
    percentage: Option<Spanned<f64>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ExemplarsYml {
    max_exemplars: Option<Spanned<i64>>,
}

/// What the store goes by; what is not given is left to the flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StorageSettings {
    /// How late a sample may be.
    pub(crate) out_of_order_time_window: DurationMs,
    /// How long samples are kept. Read at start, before the flag.
    pub(crate) retention: Option<DurationMs>,
    /// How many bytes are kept. Read at start, before the flag.
    pub(crate) retention_size: Option<ByteSize>,
    /// Exemplars kept. Read at start.
    pub(crate) exemplars_max: usize,
}

impl StorageYml {
    /// Checks the section.
    ///
    /// # Errors
    /// What is wrong or not supported yet, with its place.
    pub(crate) fn resolve(&self, file: &Path) -> Result<StorageSettings, ConfigError> {
        let standard = tsdb::Limits::standard();
        if let Some(part) = &self.tsdb.retention.percentage {
            let message = if (0.0..=100.0).contains(&part.value) {
                "storage.tsdb.retention.percentage is not supported yet".to_owned()
            } else {
                format!("percentage {} is not between 0 and 100", part.value)
            };
            return Err(ConfigError::at(file, part.at, message));
        }
        let refused = [
            ("storage.tsdb.stale_series_compaction_threshold", &self.tsdb.stale_series_compaction_threshold),
            ("storage.tsdb.chunk_encoding", &self.tsdb.chunk_encoding),
        ];
        if let Some((name, at)) =
            refused.into_iter().find_map(|(name, given)| Some((name, given.as_ref()?.at)))
        {
            return Err(ConfigError::at(file, at, format!("{name} is not supported yet")));
        }
        let exemplars_max = match &self.exemplars.max_exemplars {
            None => standard.exemplars_max,
            // As in Prometheus: nothing, or less than that, keeps none.
            Some(max) => usize::try_from(max.value.max(0)).unwrap_or(usize::MAX),
        };
        if exemplars_max > EXEMPLARS_MAX {
            let at = self.exemplars.max_exemplars.as_ref().map_or_else(Default::default, |max| max.at);
            let message = format!(
                "max_exemplars {exemplars_max} is more than the {EXEMPLARS_MAX} that memory is meant for"
            );
            return Err(ConfigError::at(file, at, message));
        }
        let window = self.tsdb.out_of_order_time_window.map(|window| window.0);
        Ok(StorageSettings {
            out_of_order_time_window: window.unwrap_or(standard.out_of_order_time_window),
            retention: self.tsdb.retention.time.map(|time| time.0),
            retention_size: self.tsdb.retention.size,
            exemplars_max,
        })
    }
}

/// The most exemplars that may be asked for: some 3 GB when all have a trace's id.
const EXEMPLARS_MAX: usize = 10_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<StorageSettings, String> {
        let file = Path::new("p.yml");
        let yml: StorageYml = config::from_str(file, text).map_err(|e| e.to_string())?;
        yml.resolve(file).map_err(|e| e.to_string())
    }

    #[test]
    fn what_is_given_is_taken_and_the_rest_is_left() {
        let standard = tsdb::Limits::standard();
        let none = StorageSettings {
            out_of_order_time_window: DurationMs::from_secs(300),
            retention: None,
            retention_size: None,
            exemplars_max: standard.exemplars_max,
        };
        assert_eq!(read(""), Ok(none));
        let text = "tsdb: {out_of_order_time_window: 1h, retention: {time: 2d, size: 1GB}}\nexemplars: {max_exemplars: 7}";
        let given = StorageSettings {
            out_of_order_time_window: DurationMs::from_secs(3600),
            retention: Some(DurationMs::from_secs(2 * 86_400)),
            retention_size: Some(ByteSize(1 << 30)),
            exemplars_max: 7,
        };
        assert_eq!(read(text), Ok(given));
        assert_eq!(read("exemplars: {max_exemplars: -1}").map(|s| s.exemplars_max), Ok(0));
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        for (text, expected) in [
            ("tsdb: {retention: {percentage: 101}}", "p.yml:1:32: percentage 101 is not between 0 and 100"),
            (
                "tsdb: {retention: {percentage: 5}}",
                "p.yml:1:32: storage.tsdb.retention.percentage is not supported yet",
            ),
            (
                "tsdb: {chunk_encoding: {floats: x}}",
                "p.yml:1:24: storage.tsdb.chunk_encoding is not supported yet",
            ),
            (
                "exemplars: {max_exemplars: 10000001}",
                "p.yml:1:28: max_exemplars 10000001 is more than the 10000000 that memory is meant for",
            ),
        ] {
            assert_eq!(read(text), Err(expected.to_owned()), "{text}");
        }
        assert!(read("tsdb: {retention: {size: -1GB}}").is_err());
        assert!(read("tsdb: {unknown: 1h}").is_err());
    }
}
